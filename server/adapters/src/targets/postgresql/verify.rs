//! Last step of removal: the proof of absence.
//!
//! Absent means all of: no role of that name, no role with that marker; no session of its oid; no connection in start-up
//! that could still become one; and the target's clock later than the create's deadline and its statement time-out, read
//! while no create of that account was in flight, so that none can land any more.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use hallpass_domain::Timestamp;
use hallpass_domain::credential::Credential;
use hallpass_domain::ids::CredentialId;
use hallpass_domain::ports::target::{Removal, TargetError};
use serde::Deserialize;
use tokio::time::sleep;

use super::PostgresqlConnector;
use super::accounts::{Account, CHUNK, Found, bisected};
use super::errors::unreadable;
use super::session::{Script, script};
use super::sessions::{BETWEEN_LOOKS, Ended, STARTING, Starting, TERMINATE};

const VERIFY: Script = script!("verify" in "postgresql.verify.before" .. "postgresql.verify.after": "creating", "resolve", "verify");

/// Looks per pass.
const LOOKS: u32 = 5;

/// What this process saw of accounts that are on their way out. Losing it only makes verification wait for connections
/// that are starting.
#[derive(Default)]
pub(super) struct Memory {
    inner: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// After new logins were refused, every connection that was starting was found not to be theirs.
    settled: BTreeSet<CredentialId>,
    /// Connections that were starting when absence was first looked at.
    starting: BTreeMap<CredentialId, Starting>,
}

impl Memory {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Its starting connections were ended or found to be others'.
    pub(super) fn settle(&self, id: CredentialId) {
        self.seen().settled.insert(id);
    }

    /// No connection that was starting at the first look after the login was refused is starting still.
    fn none_starting(&self, id: CredentialId, now: &Starting) -> bool {
        let mut seen = self.seen();
        if seen.settled.contains(&id) {
            return true;
        }
        let first = seen.starting.entry(id).or_insert_with(|| now.clone());
        first.retain(|one| now.contains(one));
        first.is_empty()
    }

    fn forget(&self, id: CredentialId) {
        let mut seen = self.seen();
        seen.settled.remove(&id);
        seen.starting.remove(&id);
    }
}

/// Facts of one look.
#[derive(Deserialize)]
struct Look {
    now: Timestamp,
    /// Names of accounts of which a create was in flight just before.
    creating: BTreeSet<String>,
    orphans: i64,
    sessions: BTreeMap<i64, i64>,
    accounts: Vec<Found>,
}

/// What one look says of one account.
struct Verdict {
    removal: Removal,
    /// Oids whose sessions must end.
    end: Vec<i64>,
    /// Another look a little later may say more.
    look_again: bool,
}

impl PostgresqlConnector {
    /// Looks until absence is proven for all, or nothing changes by looking.
    pub(super) async fn verify_absent(&self, batch: &[Credential]) -> Vec<Result<Removal, TargetError>> {
        let mut out: Vec<Option<Result<Removal, TargetError>>> = batch.iter().map(|_| None).collect();
        for round in 1..=LOOKS {
            let open: Vec<(usize, &Credential)> =
                batch.iter().enumerate().filter(|(place, _)| matches!(out.get(*place), Some(None))).collect();
            if open.is_empty() {
                break;
            }
            let verdicts = self.look_once(&open).await;
            let mut end: BTreeSet<i64> = BTreeSet::new();
            for ((place, credential), verdict) in open.into_iter().zip(verdicts) {
                let Some(slot) = out.get_mut(place) else { continue };
                match verdict {
                    Ok(v) if v.look_again && round < LOOKS => end.extend(v.end),
                    Ok(v) => {
                        if v.removal.verified_absent {
                            self.memory.forget(credential.id);
                        }
                        *slot = Some(Ok(v.removal));
                    }
                    Err(error) => *slot = Some(Err(error)),
                }
            }
            if out.iter().any(Option::is_none) {
                if !end.is_empty() {
                    // Failing to ask shows in the next look.
                    let _: Result<Ended, _> = self.end.run(TERMINATE, &end).await;
                }
                sleep(BETWEEN_LOOKS).await;
            }
        }
        out.into_iter().map(|r| r.unwrap_or_else(|| Err(unreadable("no look at the account")))).collect()
    }

    async fn look_once(&self, open: &[(usize, &Credential)]) -> Vec<Result<Verdict, TargetError>> {
        let starting: Starting = match self.end.run(STARTING, &()).await {
            Ok(starting) => starting,
            Err(error) => return open.iter().map(|_| Err(error.clone())).collect(),
        };
        let args = |chunk: &[(usize, &Credential)]| -> Vec<Account> {
            chunk.iter().map(|(_, credential)| Account::of(&self.instance, credential)).collect()
        };
        let read = |look: Look, chunk: &[(usize, &Credential)]| {
            if look.accounts.len() != chunk.len() {
                return Err(unreadable("another number of accounts"));
            }
            Ok(chunk
                .iter()
                .zip(&look.accounts)
                .map(|((_, credential), found)| self.judge(credential, found, &look, &starting))
                .collect())
        };
        bisected(&self.look, VERIFY, CHUNK, open, args, read)
            .await
            .into_iter()
            .map(|verdict| verdict.and_then(|inner| inner))
            .collect()
    }

    fn judge(
        &self,
        credential: &Credential,
        found: &Found,
        look: &Look,
        starting: &Starting,
    ) -> Result<Verdict, TargetError> {
        let present = found.present()?;
        let counted: i64 = found.oids.iter().filter_map(|oid| look.sessions.get(oid)).sum();
        // Without an oid, a session of a role that is no more might be its session.
        let sessions =
            if credential.external_oid.is_none() && !present { counted + look.orphans } else { counted };
        let timeout = i64::try_from(self.settings.statement_timeout_ms).unwrap_or(i64::MAX);
        // Live: its one create was answered, so none is under way. Otherwise one may be until its deadline and time-out.
        let may_end = credential.live_at.is_some()
            || chrono::Duration::try_milliseconds(timeout)
                .and_then(|timeout| credential.create_deadline.checked_add_signed(timeout))
                .is_some_and(|last| look.now > last);
        let landed = may_end && !look.creating.contains(&credential.external_name);
        let quiet = !present && self.memory.none_starting(credential.id, starting);
        Ok(Verdict {
            removal: Removal {
                denied: !found.login,
                sessions_ended: sessions == 0,
                sessions_cut: 0,
                removed: !present,
                verified_absent: !present && sessions == 0 && quiet && landed,
                external_oid: found.oid,
                left: Vec::new(),
            },
            end: found.oids.clone(),
            look_again: !present && may_end && (counted > 0 || !quiet || !landed),
        })
    }
}
