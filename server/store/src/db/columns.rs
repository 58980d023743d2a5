//! Statements for PostgreSQL that take whole columns as parameters.

/// A statement whose parameters stand between two pieces of text, separated by commas; each may be an array that holds a
/// column of many rows. Its text is the same for any number of rows, so that it is prepared once for a connection: an
/// `INSERT` of many `VALUES`, and `diesel::sql_query`, are prepared anew at every run, which is one more round trip.
macro_rules! columns {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $sql:ty => $value:ty),+ $(,)? } $before:literal, $after:literal) => {
        $(#[$doc])*
        #[derive(Debug, ::diesel::query_builder::QueryId)]
        pub(crate) struct $name { $(pub(crate) $field: $value),+ }

        impl ::diesel::query_builder::QueryFragment<::diesel::pg::Pg> for $name {
            fn walk_ast<'b>(
                &'b self,
                mut out: ::diesel::query_builder::AstPass<'_, 'b, ::diesel::pg::Pg>,
            ) -> ::diesel::QueryResult<()> {
                let mut between = $before;
                $(
                    out.push_sql(between);
                    out.push_bind_param::<$sql, _>(&self.$field)?;
                    between = ", ";
                )+
                let _ = between;
                out.push_sql($after);
                Ok(())
            }
        }
    };
}
pub(crate) use columns;
