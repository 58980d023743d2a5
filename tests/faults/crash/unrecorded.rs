//! A removal that was done while the store could not be written: the server is killed around the commit by which it is
//! recorded from its journal, once the store is back.
use hallpass_tests::fault_server::{Said, Tell};
use hallpass_tests::outsider::Outsider;
use hallpass_tests::process::Process;

use super::check::{Past, check};
use super::drain::drained;
use crate::bed::{Bed, Store, server, started, target};
use crate::parts::gone;

/// How often a server is killed at each.
const TIMES: usize = 3;
const BEFORE: &str = "store.credential.removed_unrecorded.before";
const AFTER: &str = "store.credential.removed_unrecorded.after";

async fn start(bed: &Bed, past: &mut Past, point: &str) -> Process {
    let mut server = server(&bed.place, &[("HALLPASS_FAILPOINT", point)]);
    past.ready(&server.line().await.unwrap_or_else(|| panic!("no start:\n{}", server.log())));
    server
}

async fn killed_while_it_is_recorded(bed: &Bed, away: impl FnOnce(), back: impl FnOnce()) {
    let mut past = Past::default();
    let mut first = start(bed, &mut past, BEFORE).await;
    first.tell(&Tell::Login { role: "db-read".to_owned(), time: "6s".to_owned() }).await;
    let mut said: Vec<Said> = Vec::new();
    let name = loop {
        let line: Said = first.line().await.unwrap_or_else(|| panic!("no login:\n{}", first.log()));
        assert!(!matches!(line, Said::Refused { .. }), "{line:?}");
        said.push(line);
        if let Some(Said::Login { name, .. }) = said.last() {
            break name.clone();
        }
    };
    away();
    gone(target().await, &name).await;
    back();
    first.killed(BEFORE).await;

    // Where it was not committed, and where nobody knew that it was, it is recorded again: rather twice than never.
    for point in [[BEFORE; TIMES - 1].as_slice(), &[AFTER; TIMES]].concat() {
        // As it starts: whether before or after it says so, nobody knows.
        server(&bed.place, &[("HALLPASS_FAILPOINT", point)]).killed(point).await;
    }
    let mut last = start(bed, &mut past, "").await;
    let mut outsider = Outsider::connect(&bed.place.database).await;
    drained("a removal without a record", &last, &mut outsider, &bed.place).await;
    last.kill().await;
    let recorded = "SELECT count(*) FROM audit_events WHERE kind = 'credential.removed_unrecorded'";
    assert_eq!(outsider.number(recorded).await, TIMES as i64 + 1);
    check("a removal without a record", &bed.place, &said, &Default::default(), &mut past).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removed_without_a_record_on_sqlite() {
    let bed = Bed::new(Store::Sqlite, &[("db", target().await.port())]).await;
    let (file, aside) = (bed.place.sqlite().expect("a file"), bed.place.data.join("away.db"));
    let away = || std::fs::rename(&file, &aside).expect("moved away");
    killed_while_it_is_recorded(&bed, away, || std::fs::rename(&aside, &file).expect("put back")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removed_without_a_record_on_postgres() {
    let cluster = started(&[]).await;
    let bed = Bed::on(&cluster, &[("db", target().await.port())]).await;
    killed_while_it_is_recorded(&bed, || cluster.stop(), || cluster.start_again()).await;
}
