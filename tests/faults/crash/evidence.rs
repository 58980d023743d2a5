//! An audit log that is behind: the server is killed around the commits by which people are told, and told that it is over.
use hallpass_tests::fault_server::LATER;
use hallpass_tests::outsider::Outsider;

use super::check::{Past, check};
use super::drain::drained;
use super::killed_by_itself;
use crate::bed::{Bed, Store, server};
use crate::parts::Misled;

/// How often a server is killed at each.
const TIMES: usize = 3;

/// Where a server is killed while checkpoints do not get out, when a minute passes in seconds.
const BEHIND: [&str; 2] = ["store.audit.behind.before", "store.audit.behind.after"];
/// And once they get out again.
const OVER: [&str; 2] = ["store.audit.caught_up.before", "store.audit.caught_up.after"];

async fn told_of_the_log(store: Store) {
    let bed = Bed::new(store, &[]).await;
    let mut past = Past::default();
    let mut later = 0;
    // Each is far later than the one before, whose clock was fast.
    let mut next = || {
        later += 10_000;
        later
    };
    for _ in 0..TIMES {
        let misled = Misled::begin(bed.place.checkpoints());
        for point in BEHIND {
            killed_by_itself(&bed, &format!("{}:swift", next()), point, &mut past).await;
        }
        misled.mend();
        for point in OVER {
            killed_by_itself(&bed, &next().to_string(), point, &mut past).await;
        }
    }
    let mut last = server(&bed.place, &[(LATER, &next().to_string())]);
    past.ready(&last.line().await.expect("a start"));
    let mut outsider = Outsider::connect(&bed.place.database).await;
    drained("checkpoints that did not get out", &last, &mut outsider, &bed.place).await;
    last.kill().await;
    for kind in ["audit.behind", "audit.caught_up"] {
        let told = format!("SELECT count(*) FROM audit_events WHERE kind = '{kind}'");
        assert_eq!(outsider.number(&told).await, 3, "{kind} is told each time that it was committed");
    }
    check("checkpoints that did not get out", &bed.place, &[], &Default::default(), &mut past).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_of_the_log_on_sqlite() {
    told_of_the_log(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_of_the_log_on_postgres() {
    told_of_the_log(Store::Postgres).await;
}
