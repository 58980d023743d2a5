//! Conditions that are part of a statement's text.

/// A condition without parameters as a type of its own. SQLite takes a partial index only where its condition stands in
/// the text: a bound value would have the statement compiled again at every run, and so would `diesel::dsl::sql`, whose
/// statements are never kept.
macro_rules! literal {
    ($(#[$doc:meta])* $name:ident, $sql:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, ::diesel::query_builder::QueryId)]
        pub(crate) struct $name;

        impl ::diesel::expression::Expression for $name {
            type SqlType = ::diesel::sql_types::Bool;
        }
        impl<T> ::diesel::expression::AppearsOnTable<T> for $name {}
        impl<T> ::diesel::expression::SelectableExpression<T> for $name {}
        impl<G> ::diesel::expression::ValidGrouping<G> for $name {
            type IsAggregate = ::diesel::expression::is_aggregate::Never;
        }
        impl<DB: ::diesel::backend::Backend> ::diesel::query_builder::QueryFragment<DB> for $name {
            fn walk_ast<'b>(
                &'b self,
                mut out: ::diesel::query_builder::AstPass<'_, 'b, DB>,
            ) -> ::diesel::QueryResult<()> {
                out.push_sql($sql);
                Ok(())
            }
        }
    };
}
pub(crate) use literal;
