//! Sessions of a login: listing them, and ending them until none is left.
//!
//! Sessions are counted by role oid: one outlives DROP ROLE, with a null name. A connection in start-up is in no list of
//! sessions yet, but has perhaps passed the check for LOGIN already; a client can hold it there for half an hour with
//! `options=-c post_auth_delay=…`. It is seen by the lock on its virtual transaction.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hallpass_domain::credential::Credential;
use hallpass_domain::ports::target::{Removal, TargetError, TargetSession};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::PostgresqlConnector;
use super::accounts::{Found, over_all};
use super::naming::instance_mark;
use super::session::{Script, script};

const RESOLVE: Script =
    script!("resolve" in "postgresql.resolve.before" .. "postgresql.resolve.after": "resolve", "accounts");
const LIST: Script = script!("sessions": "resolve", "sessions");
pub(super) const STARTING: Script = script!("starting": "starting");
pub(super) const TERMINATE: Script =
    script!("terminate" in "postgresql.terminate.before" .. "postgresql.terminate.after": "terminate");
const TERMINATE_STARTING: Script = script!(
    "terminate_starting" in "postgresql.terminate_starting.before" .. "postgresql.terminate_starting.after": "terminate_starting"
);

/// Time between two looks: longer than any look takes.
pub(super) const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// After so long the pass ends, and says what is not done yet.
const PASS: Duration = Duration::from_secs(3);

/// A connection in start-up: process id and virtual transaction, which together name it.
pub(super) type Starting = BTreeSet<(i32, String)>;

/// Process ids by role oid.
type Pids = BTreeMap<i64, BTreeSet<i32>>;

/// What came of asking sessions to end.
#[derive(Deserialize)]
pub(super) struct Ended {
    /// Those that were asked.
    asked: Pids,
    /// Those that are there still.
    left: Pids,
}

/// What is left at the end of a pass.
struct Rest {
    /// Oids that still have a session.
    left: BTreeSet<i64>,
    /// Sessions that were asked to end and are gone.
    cut: Pids,
    /// Oids that a connection still in start-up may belong to.
    unsettled: BTreeSet<i64>,
}

/// Answer to the request to end connections in start-up.
#[derive(Deserialize)]
struct Asked {
    /// How many there were.
    ended: u64,
    /// Accounts for which it could be told.
    asked: BTreeSet<i64>,
}

impl PostgresqlConnector {
    /// Sessions of the account now.
    pub(super) async fn list_sessions(
        &self,
        credential: &Credential,
    ) -> Result<Vec<TargetSession>, TargetError> {
        let accounts = self.accounts(std::slice::from_ref(credential));
        self.look.run(LIST, &accounts).await
    }

    /// Asks sessions to end and looks again, until two looks in a row find none, or the pass is over.
    pub(super) async fn end_sessions(&self, batch: &[Credential]) -> Vec<Result<Removal, TargetError>> {
        let accounts = self.accounts(batch);
        let found: Vec<Result<Found, TargetError>> = over_all(&self.end, RESOLVE, &accounts)
            .await
            .into_iter()
            .map(|answer| answer.and_then(|found| found.present().map(|_| found)))
            .collect();
        let touched: Vec<&Found> = found.iter().filter_map(|f| f.as_ref().ok()).collect();
        let withdrawn = async {
            if !touched.is_empty() {
                self.withdraw(&accounts).await;
            }
        };
        let (rest, ()) = tokio::join!(self.until_none(&touched), withdrawn);
        match rest {
            Ok(rest) => batch
                .iter()
                .zip(found)
                .map(|(credential, found)| found.map(|found| self.ended(credential, &found, &rest)))
                .collect(),
            Err(error) => found.into_iter().map(|f| f.and(Err(error.clone()))).collect(),
        }
    }

    fn ended(&self, credential: &Credential, found: &Found, rest: &Rest) -> Removal {
        let sessions_ended = !found.oids.iter().any(|oid| rest.left.contains(oid));
        if sessions_ended && !found.login && found.oid.is_some_and(|oid| !rest.unsettled.contains(&oid)) {
            self.memory.settle(credential.id);
        }
        let cut: usize = found.oids.iter().filter_map(|oid| rest.cut.get(oid)).map(BTreeSet::len).sum();
        Removal {
            denied: !found.login,
            sessions_ended,
            sessions_cut: u32::try_from(cut).unwrap_or(u32::MAX),
            external_oid: found.oid,
            ..Removal::default()
        }
    }

    async fn until_none(&self, accounts: &[&Found]) -> Result<Rest, TargetError> {
        let all: BTreeSet<i64> = accounts.iter().flat_map(|f| f.oids.iter().copied()).collect();
        let mut watched: BTreeMap<i64, u8> = all.iter().map(|oid| (*oid, 0)).collect();
        let over = Instant::now() + PASS;
        let mut starting: Starting = self.end.run(STARTING, &()).await?;
        let (mut cut, mut still) = (Pids::new(), Pids::new());
        while !watched.is_empty() {
            let oids: Vec<i64> = watched.keys().copied().collect();
            let seen: Ended = self.end.run(TERMINATE, &oids).await?;
            for (oid, quiet) in &mut watched {
                *quiet = if seen.left.contains_key(oid) { 0 } else { *quiet + 1 };
            }
            for (oid, pids) in seen.asked {
                cut.entry(oid).or_default().extend(pids);
            }
            still = seen.left;
            watched.retain(|_, quiet| *quiet < 2);
            if watched.is_empty() || Instant::now() >= over {
                break;
            }
            sleep(BETWEEN_LOOKS).await;
        }
        match self.end_prepared(accounts).await {
            Err(down @ TargetError::Down(_)) => return Err(down),
            // They count as sessions in the steps that follow, for their own account alone.
            Err(error) => {
                tracing::warn!(%error, "a prepared transaction of an ended login cannot be rolled back")
            }
            Ok(()) => {}
        }
        // What the last look still saw is not gone; it is asked again, and counted, in the next pass.
        for (oid, pids) in &mut cut {
            pids.retain(|pid| !still.get(oid).is_some_and(|there| there.contains(pid)));
        }
        let mut rest = Rest { left: watched.into_keys().collect(), cut, unsettled: BTreeSet::new() };
        // Connections that were starting at the first look and still are: end those that are ours, then look once more.
        let still: Starting = self.end.run(STARTING, &()).await?;
        starting.retain(|one| still.contains(one));
        if starting.is_empty() {
            return Ok(rest);
        }
        let first = self.end_starting(accounts, &starting).await?;
        rest.unsettled = all.iter().filter(|oid| !first.asked.contains(oid)).copied().collect();
        if first.ended > 0 {
            sleep(BETWEEN_LOOKS).await;
            let seen: Ended = self.end.run(TERMINATE, &all).await?;
            rest.left.extend(seen.left.into_keys());
            if self.end_starting(accounts, &starting).await?.ended > 0 {
                rest.left.extend(all);
            }
        }
        Ok(rest)
    }

    /// Ends starting connections that belong to these accounts; answers how many there were.
    async fn end_starting(&self, accounts: &[&Found], starting: &Starting) -> Result<Asked, TargetError> {
        let oids: Vec<i64> = accounts.iter().filter_map(|found| found.oid).collect();
        let pids: Vec<i32> = starting.iter().map(|(pid, _)| *pid).collect();
        let args = json!({ "prefix": instance_mark(&self.instance), "oids": oids, "pids": pids });
        self.deny.run(TERMINATE_STARTING, &args).await
    }
}
