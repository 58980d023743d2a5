//! Watches the target all the time: whatever account appears must have its row in the store already.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use hallpass_tests::outsider::Outsider;
use hallpass_tests::pg::Cluster;
use hallpass_tests::world::Place;
use tokio::task::JoinHandle;

#[derive(Default)]
struct Seen {
    instance: Option<String>,
    /// Every account that ever was, by name, with its oid.
    accounts: BTreeMap<String, i64>,
    /// Accounts that had no row when they were first seen.
    violations: Vec<String>,
}

/// An account of our shape that somebody else made at the target, who says so by its name: see server/findings.rs.
pub(super) fn is_anothers(name: &str) -> bool {
    name.split('_').nth(2).is_some_and(|made| made.starts_with("unknown"))
}

/// A superuser who looks at the roles again and again.
pub(crate) struct Watch {
    seen: Arc<Mutex<Seen>>,
    looking: JoinHandle<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

impl Watch {
    pub(crate) async fn start(target: &'static Cluster, place: &Place) -> Self {
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let superuser = target.superuser("postgres").await;
        // In one transaction: the locks that it has it need not get again where somebody fills the table of locks.
        superuser.batch_execute("BEGIN").await.expect("a transaction");
        // Prepared once: it is asked twenty times a second.
        let roles = superuser
            .prepare("SELECT rolname::text, oid::bigint FROM pg_authid WHERE rolname LIKE $1")
            .await
            .expect("a statement");
        let mut store = Outsider::connect(&place.database).await;
        let shared = Arc::clone(&seen);
        let looking = tokio::spawn(async move {
            let mut tick = tokio::time::interval(std::time::Duration::from_millis(50));
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tick.tick().await;
                let Some(instance) = shared.lock().expect("seen").instance.clone() else { continue };
                let like = format!("hp\\_{instance}\\_%");
                let rows = superuser.query(&roles, &[&like]).await.expect("roles");
                for row in rows {
                    let (name, oid): (String, i64) = (row.get(0), row.get(1));
                    if is_anothers(&name) {
                        continue;
                    }
                    if shared.lock().expect("seen").accounts.insert(name.clone(), oid).is_some() {
                        continue;
                    }
                    let known = store
                        .number(&format!(
                            "SELECT (SELECT count(*) FROM credentials WHERE external_name = '{name}')
                                + (SELECT count(*) FROM target_checks WHERE CAST(body AS TEXT) LIKE '%\"{name}\"%')"
                        ))
                        .await;
                    if known != 1 {
                        shared.lock().expect("seen").violations.push(name);
                    }
                }
            }
        });
        Self { seen, looking }
    }

    /// From now on accounts of this installation are watched.
    pub(crate) fn instance(&self, name: &str) {
        assert!(!self.looking.is_finished(), "nobody watches the target any more");
        self.seen.lock().expect("seen").instance = Some(name.to_owned());
    }

    pub(crate) fn seen(&self) -> BTreeMap<String, i64> {
        self.seen.lock().expect("seen").accounts.clone()
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.seen.lock().expect("seen").violations.clone()
    }
}
