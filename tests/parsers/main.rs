//! Everything that reads what a stranger may have written: no text makes it panic, what it accepts keeps its rules, and what
//! goes out reads back as it was. Thousands of texts a parser, from fixed seeds: arbitrary ones, and good ones with a few
//! characters changed. No server runs here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by a panic"
)]

mod catalogue;
mod evidence;
mod requests;
mod settings;
mod text;
mod texts;
mod time;
mod tokens;
