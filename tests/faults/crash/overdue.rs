//! A target that is down when its logins end: the server is killed around the commits by which people are told that they are
//! overdue, and its clock is ahead, so that nobody waits a minute for it.
use hallpass_tests::fault_server::{LATER, Said, Tell};
use hallpass_tests::outsider::Outsider;
use hallpass_tests::process::Process;
use hallpass_tests::world::DATABASE;

use super::check::{Past, check};
use super::drain::drained;
use super::killed_by_itself;
use crate::bed::{Bed, Store, own_target, server};

/// How long each login's grant lasts, and how far ahead a clock is by which that login has been overdue for a minute.
const LOGINS: [(&str, &str); 3] = [("60s", "140"), ("300s", "380"), ("600s", "680")];
const POINTS: [&str; 2] = ["store.credential.overdue.before", "store.credential.overdue.after"];

async fn start(bed: &Bed, later: &str) -> (Process, Said) {
    let mut server = server(&bed.place, &[(LATER, later)]);
    let ready = server.line().await.unwrap_or_else(|| panic!("no start:\n{}", server.log()));
    (server, ready)
}

async fn told_of_what_is_overdue(store: Store) {
    let cluster = own_target().await;
    let bed = Bed::new(store, &[("db", cluster.port())]).await;
    let (mut said, mut past) = (Vec::new(), Past::default());
    let (mut first, ready) = start(&bed, "0").await;
    past.ready(&ready);
    for (time, _) in LOGINS {
        first.tell(&Tell::Login { role: "db-read".to_owned(), time: time.to_owned() }).await;
        let mut issued = false;
        while !issued {
            let line: Said = first.line().await.unwrap_or_else(|| panic!("no login:\n{}", first.log()));
            assert!(!matches!(line, Said::Refused { .. }), "{line:?}");
            issued = matches!(line, Said::Login { .. });
            said.push(line);
        }
    }
    cluster.stop();
    first.kill().await;

    // What was not committed is told again at each start; what was, at none.
    let [(_, one), (_, two), (_, three)] = LOGINS;
    let [before, after] = POINTS;
    let kills = [(one, before), (one, before), (one, before), (one, after), (two, after), (three, after)];
    for (later, point) in kills {
        killed_by_itself(&bed, later, point, &mut past).await;
    }
    cluster.start_again();
    let (mut last, ready) = start(&bed, three).await;
    past.ready(&ready);
    let mut outsider = Outsider::connect(&bed.place.database).await;
    drained("kills while it was overdue", &last, &mut outsider, &bed.place).await;
    last.kill().await;
    let superuser = cluster.superuser(DATABASE).await;
    let left = superuser.query_one("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'hp\\_%'", &[]).await;
    assert_eq!(left.expect("roles").get::<_, i64>(0), 0, "accounts");
    let told = outsider.number("SELECT count(*) FROM audit_events WHERE kind = 'credential.overdue'").await;
    assert_eq!(told, 3, "each is told of once");
    check("kills while it was overdue", &bed.place, &said, &Default::default(), &mut past).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_of_what_is_overdue_on_sqlite() {
    told_of_what_is_overdue(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_of_what_is_overdue_on_postgres() {
    told_of_what_is_overdue(Store::Postgres).await;
}
