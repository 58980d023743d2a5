//! Statements whose text never changes.

/// A statement for one back end: pieces of text, each with the parameter that follows it, and what follows the last. It is
/// prepared once for a connection, which matters where it runs at every issue and every revocation: an `UPDATE`, an `INSERT`
/// of many `VALUES` and `diesel::sql_query` are prepared anew at every run, on PostgreSQL with one more round trip. A
/// parameter may be an array that holds a column of many rows.
macro_rules! statement {
    ($(#[$doc:meta])* $name:ident on $backend:ty {
        $($before:literal $field:ident: $sql:ty => $value:ty),+ ; $after:literal
    }) => {
        $(#[$doc])*
        #[derive(Debug, ::diesel::query_builder::QueryId)]
        pub(crate) struct $name { $(pub(crate) $field: $value),+ }

        impl ::diesel::query_builder::QueryFragment<$backend> for $name {
            fn walk_ast<'b>(
                &'b self,
                mut out: ::diesel::query_builder::AstPass<'_, 'b, $backend>,
            ) -> ::diesel::QueryResult<()> {
                $(
                    out.push_sql($before);
                    out.push_bind_param::<$sql, _>(&self.$field)?;
                )+
                out.push_sql($after);
                Ok(())
            }
        }

        impl<C> ::diesel::RunQueryDsl<C> for $name {}
    };
}
pub(crate) use statement;
