//! Bad input gets a clear error that says what to do, and loses nothing.
mod api;
mod away;
mod longest;
mod odd;
mod portal;
