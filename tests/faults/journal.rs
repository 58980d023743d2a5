//! The journal on a disk that fails: told, recorded once, and in the way of no removal.
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use hallpass_domain::ids::{CredentialId, GrantId, TargetId};
use hallpass_domain::ports::audit_log::AuditFilter;
use hallpass_domain::ports::journal::Journal;
use hallpass_tests::world::World;
use hallpassd::compose::Given;
use serde_json::json;

use crate::bed::{Bed, Store, target};

/// A journal whose disk can be broken.
#[derive(Default)]
struct Breaking {
    lines: Mutex<Vec<String>>,
    broken: AtomicBool,
    unreadable: AtomicBool,
}

impl Journal for Breaking {
    fn append(&self, line: &str) -> Result<(), String> {
        self.lines.lock().expect("lines").push(line.to_owned());
        Ok(())
    }
    fn lines(&self) -> Result<Vec<String>, String> {
        if self.unreadable.load(Ordering::Relaxed) {
            return Err("input/output error".to_owned());
        }
        Ok(self.lines.lock().expect("lines").clone())
    }
    fn clear(&self, read: usize) -> Result<bool, String> {
        if self.broken.load(Ordering::Relaxed) {
            return Err("read-only file system".to_owned());
        }
        let mut lines = self.lines.lock().expect("lines");
        let all = lines.len() <= read;
        if all {
            lines.clear();
        }
        Ok(all)
    }
}

fn line() -> String {
    let now = "2026-11-01T08:00:00Z".parse().expect("an instant");
    let (credential, grant, target) = (CredentialId::new(now), GrantId::new(now), TargetId::new(now));
    json!({ "credential": credential, "grant": grant, "target": target, "at": now }).to_string()
}

async fn recorded(world: &World) -> usize {
    let kind = Some("credential.removed_unrecorded".to_owned());
    let filter = AuditFilter { kind, ..AuditFilter::default() };
    world.broker.store.events(&filter, None, 100).await.expect("events").len()
}

async fn a_broken_journal_stops_no_removal(store: Store) {
    let bed = Bed::new(store, &[("db", target().await.port())]).await;
    let journal = Arc::new(Breaking::default());
    let given = Given { journal: Some(Arc::clone(&journal) as Arc<dyn Journal>), ..Given::default() };
    journal.append(&line()).expect("a line");
    journal.broken.store(true, Ordering::Relaxed);
    let world = World::open(&bed.place, given).await.expect("a world");
    // Another server's journal is its own: what it holds is recorded, once, whatever is wrong with ours.
    let sound = Arc::new(Breaking::default());
    sound.append(&line()).expect("a line");
    let given = Given { journal: Some(Arc::clone(&sound) as Arc<dyn Journal>), ..Given::default() };
    let (before, mut others) = (recorded(&world).await, 0);
    if let Some(second) = bed.second(given).await {
        for _ in 0..2 {
            assert_eq!(second.world.broker.step_record_journal().await.error, None);
        }
        others = 1;
        assert_eq!(recorded(&world).await, before + others);
        assert_eq!(sound.lines().expect("lines"), Vec::<String>::new());
    }
    for _ in 0..3 {
        let report = world.broker.dispatch_revocations().await;
        assert_eq!(report.error, None, "removals go on");
        let told = world.broker.step_record_journal().await.error.unwrap_or_default();
        assert!(told.contains("cannot be cleared"), "{told}");
    }
    assert_eq!(recorded(&world).await, others + 1, "once, however often it cannot be cleared");

    // One more beside it: recorded alone.
    journal.append(&line()).expect("a line");
    world.broker.step_record_journal().await;
    assert_eq!(recorded(&world).await, others + 2);

    journal.unreadable.store(true, Ordering::Relaxed);
    journal.append(&line()).expect("a line");
    let told = world.broker.step_record_journal().await.error.unwrap_or_default();
    assert!(told.contains("cannot be read"), "{told}");
    assert_eq!(world.broker.dispatch_revocations().await.error, None, "nor where it cannot be read");
    assert_eq!(recorded(&world).await, others + 2);

    journal.unreadable.store(false, Ordering::Relaxed);
    journal.broken.store(false, Ordering::Relaxed);
    assert_eq!(world.broker.step_record_journal().await.error, None);
    assert_eq!(recorded(&world).await, others + 3);
    assert_eq!(journal.lines().expect("lines"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_journal_stops_no_removal_on_sqlite() {
    a_broken_journal_stops_no_removal(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_journal_stops_no_removal_on_postgres() {
    a_broken_journal_stops_no_removal(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_journal_stops_no_removal_beside_another_server() {
    a_broken_journal_stops_no_removal(Store::PostgresTwo).await;
}
