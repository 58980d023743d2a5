//! The portal as people use it: Debian's chromium, with script and without, by mouse and by keyboard, on every width and in
//! both schemes, with axe on every page.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::large_futures,
    reason = "a test that cannot go on says so by a panic"
)]

/// Each journey with script in the pages, and without.
macro_rules! with_and_without_script {
    ($($test:ident),+ $(,)?) => {
        mod with_script {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                Box::pin(super::$test(true)).await;
            })+
        }
        mod without_script {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                Box::pin(super::$test(false)).await;
            })+
        }
    };
}

mod account;
mod deciding;
mod demo;
mod device;
mod first_run;
mod keyboard;
mod live;
mod look;
mod outcomes;
mod oversight;
mod pages;
mod scanner;
mod sign_in;
mod steps;
mod story;
mod window;
