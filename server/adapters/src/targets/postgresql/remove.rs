//! Third step of removal: what it owns goes to the quarantine role, then the role is dropped.
//!
//! Most logins own nothing: [`PostgresqlConnector::drop_plain`] drops these and waits for nobody. What somebody hoarded is
//! handed over in portions, for a short time at a pass and in turn with others, so that it delays its owner's removal alone.
use std::collections::BTreeSet;
use std::time::Duration;

use hallpass_domain::credential::Credential;
use hallpass_domain::ports::target::{Removal, TargetError};
use serde_json::json;
use tokio::time::Instant;

use super::PostgresqlConnector;
use super::accounts::{Account, DROP_CHUNK, Found, over_all, over_all_by};
use super::naming::instance_mark;
use super::session::{Link, Script, script};
use super::walk::{Portion, Walk};

const SURVEY: Script = script!("survey": "resolve", "survey");
const OWNED: Script = script!("owned" in "postgresql.owned.before" .. "postgresql.owned.after": "owned");
/// Resolves again at its end: what is absent then was dropped.
const DROP: Script = script!(
    "drop" in "postgresql.drop.before" .. "postgresql.drop.after": "resolve", "drop", "resolve", "accounts"
);

/// Time for the hand-over of one account at a pass; the next pass goes on from there.
const TURN: Duration = Duration::from_secs(3);

/// Work on one account of a batch.
struct Work {
    found: Found,
    left: Vec<String>,
    /// There is more to hand over than this pass did.
    more: bool,
}

impl PostgresqlConnector {
    /// Drops those that accept no login, have no session, own nothing and were granted nothing.
    pub(super) async fn drop_plain(&self, batch: &[Credential]) -> Vec<Result<Removal, TargetError>> {
        let accounts = self.accounts(batch);
        let works = self.survey(&accounts).await;
        self.drop_roles(&accounts, works, Work::plain).await
    }

    /// Empties and drops the accounts that accept no login and have no session.
    pub(super) async fn remove(&self, batch: &[Credential]) -> Vec<Result<Removal, TargetError>> {
        let accounts = self.accounts(batch);
        let mut works = Vec::with_capacity(batch.len());
        for work in self.survey(&accounts).await {
            works.push(match work {
                Ok(work) if work.ready() => self.empty(work).await,
                other => other,
            });
        }
        self.drop_roles(&accounts, works, |work| work.ready() && !work.more).await
    }

    async fn survey(&self, accounts: &[Account]) -> Vec<Result<Work, TargetError>> {
        over_all(&self.look, SURVEY, accounts)
            .await
            .into_iter()
            .map(|answer| {
                let found = answer?;
                found.present()?;
                Ok(Work { found, left: Vec::new(), more: false })
            })
            .collect()
    }

    /// The owned-object step, in each database that the target names for it, and only there.
    async fn empty(&self, mut work: Work) -> Result<Work, TargetError> {
        let over = Instant::now() + TURN;
        let databases: BTreeSet<String> = work.found.databases.iter().cloned().collect();
        for database in databases {
            let link = self.link(&database);
            let oid = work.found.oid.unwrap_or_default();
            let mut walk = self.walks.take(oid, &database);
            loop {
                if Instant::now() >= over {
                    self.walks.keep(oid, &database, walk);
                    return Ok(Work { more: true, ..work });
                }
                let done = self.portion(&link, &work.found, &walk).await?;
                if let Some(stuck) = &done.stuck {
                    tracing::debug!(oid, database, stuck, "passed over in a hand-over");
                }
                walk = walk.then(&done);
                work.left.extend(done.left.into_iter().map(|what| format!("{what} in {database}")));
                if !done.more {
                    break;
                }
            }
        }
        Ok(work)
    }

    /// One transaction of it. Memberships that are lent for it would be in the way of another's.
    async fn portion(&self, link: &Link, found: &Found, walk: &Walk) -> Result<Portion, TargetError> {
        let args = json!({
            "prefix": instance_mark(&self.instance),
            "quarantine": self.settings.quarantine_role,
            "oid": found.oid,
            "groups": found.groups,
            "after": walk.after,
            "whole": walk.whole,
        });
        let _turn = self.hand_over.lock().await;
        link.run(OWNED, &args).await
    }

    async fn drop_roles(
        &self,
        accounts: &[Account],
        works: Vec<Result<Work, TargetError>>,
        may_go: fn(&Work) -> bool,
    ) -> Vec<Result<Removal, TargetError>> {
        let ready: Vec<Account> = accounts
            .iter()
            .zip(&works)
            .filter(|(_, work)| work.as_ref().is_ok_and(may_go))
            .map(|(account, _)| account.clone())
            .collect();
        let mut dropped = over_all_by(DROP_CHUNK, &self.ddl, DROP, &ready).await.into_iter();
        works
            .into_iter()
            .map(|work| {
                let work = work?;
                let after = if may_go(&work) { dropped.next() } else { None };
                let removed = match after {
                    Some(answer) => !answer?.present()?,
                    None => work.found.oid.is_none(),
                };
                Ok(Removal {
                    denied: removed || !work.found.login,
                    sessions_ended: work.found.sessions == 0,
                    removed,
                    external_oid: work.found.oid,
                    left: work.left,
                    ..Removal::default()
                })
            })
            .collect()
    }
}

impl Work {
    /// There, and the steps before are done.
    fn ready(&self) -> bool {
        self.found.oid.is_some() && !self.found.login && self.found.sessions == 0
    }

    /// Nothing hangs on it.
    fn plain(&self) -> bool {
        self.ready() && self.found.databases.is_empty()
    }
}
