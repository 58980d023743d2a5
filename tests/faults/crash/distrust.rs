//! A clock that is not trusted: the server is killed around the commits by which people are told.
use super::check::{Past, check};
use super::drain::drained;
use super::killed_by_itself;
use crate::bed::{Bed, Store, server};

/// How often a server is killed at each.
const TIMES: usize = 3;

/// What the clock says of itself, and where the server is then killed. One after the other: what was told a moment ago by
/// another server is not told again.
const KILLS: [(&str, &str); 4] = [
    ("0:jumped", "store.clock.jumped.before"),
    ("0:jumped", "store.clock.jumped.after"),
    ("0:behind", "store.clock.issuing_stopped.before"),
    ("0:behind", "store.clock.issuing_stopped.after"),
];

async fn told_of_the_clock(store: Store) {
    let bed = Bed::new(store, &[]).await;
    let mut past = Past::default();
    for (clock, point) in std::iter::repeat_n(KILLS, TIMES).flatten() {
        killed_by_itself(&bed, clock, point, &mut past).await;
    }
    let mut last = server(&bed.place, &[]);
    past.ready(&last.line().await.expect("a start"));
    let mut outsider = hallpass_tests::outsider::Outsider::connect(&bed.place.database).await;
    drained("a clock that is not trusted", &last, &mut outsider, &bed.place).await;
    last.kill().await;
    for kind in ["clock.jumped", "clock.issuing_stopped"] {
        let told = format!("SELECT count(*) FROM audit_events WHERE kind = '{kind}'");
        assert_eq!(outsider.number(&told).await, 3, "{kind} is told each time that it was committed");
    }
    check("a clock that is not trusted", &bed.place, &[], &Default::default(), &mut past).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_of_the_clock_on_sqlite() {
    told_of_the_clock(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_of_the_clock_on_postgres() {
    told_of_the_clock(Store::Postgres).await;
}
