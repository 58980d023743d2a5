//! The server from outside: portal, API and OAuth, over real HTTP, on SQLite and on PostgreSQL, on one server and on two.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::large_futures,
    reason = "a test that cannot go on says so by a panic"
)]

/// Each test on SQLite, on PostgreSQL, and on two servers with one PostgreSQL database.
macro_rules! on_all {
    ($($test:ident),+ $(,)?) => {
        on_both!($($test),+);
        mod two_servers {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                Box::pin(super::$test(hallpass_tests::database::Backend::PostgresTwo)).await;
            })+
        }
    };
}

/// Each test on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                Box::pin(super::$test(hallpass_tests::database::Backend::Sqlite)).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                Box::pin(super::$test(hallpass_tests::database::Backend::Postgres)).await;
            })+
        }
    };
}

mod audit;
mod authz;
mod bad_input;
mod catalogue;
mod clients;
mod command;
mod counted;
mod findings;
mod hostile_targets;
mod inbox;
mod moved_targets;
mod oauth;
mod operations;
mod pinned;
mod postgres_login;
mod races;
mod replicas;
mod reports;
mod rights;
mod scanner;
mod security;
mod steps;
mod story;
mod target_checks;
mod zones;
