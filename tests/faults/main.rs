//! Faults: crashes at every fail point and at random instants, targets and stores that are down, clocks that jump,
//! several servers on one database. Every promise is checked by a connection that is not Hallpass's.
//!
//! `HALLPASS_CRASH_ROUNDS` is the number of kills at random instants on each kind of store (120 where it is not set; a
//! release is tried with 1000). The fail points are all hit, at least three times each, whatever it says;
//! `HALLPASS_CRASH_POINTS` is for work on some of them: only those are hit whose names begin so.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::large_futures,
    reason = "a test that cannot go on says so by a panic"
)]

mod away;
mod bed;
mod by_hand;
mod clock;
mod crash;
mod demo;
mod down;
mod evidence;
mod full_disk;
mod hostile;
mod journal;
mod ledger;
mod log_key;
mod operators;
mod operators_dump;
mod operators_replicas;
mod operators_tls;
mod outbox;
mod overlap;
mod parts;
mod release;
mod replicas;
mod restored;
mod restored_command;
mod restored_many;
mod rewrap;
mod slow;
mod spoilt;
mod trials;
mod unwritable;
mod upkeep;
