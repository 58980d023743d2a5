//! Third step of removal: what it owns goes to the quarantine role, then the role is dropped.
use std::collections::{BTreeMap, BTreeSet};

use hallpass_domain::credential::Credential;
use hallpass_domain::ports::target::{Removal, TargetError};
use serde_json::json;

use super::PostgresqlConnector;
use super::accounts::{Account, DROP_CHUNK, Found, bisected, over_all, over_all_by};
use super::naming::instance_mark;
use super::session::{Link, Script, script};

const SURVEY: Script = script!("survey": "resolve", "survey");
const OWNED: Script = script!("owned": "lane", "owned");
/// Resolves again at its end: what is absent then was dropped.
const DROP: Script = script!("drop": "lane", "resolve", "drop", "resolve", "accounts");

/// Work on one account of a batch.
struct Work {
    found: Found,
    left: Vec<String>,
}

impl PostgresqlConnector {
    /// Empties and drops the accounts that accept no login and have no session.
    pub(super) async fn remove(&self, batch: &[Credential]) -> Vec<Result<Removal, TargetError>> {
        let accounts = self.accounts(batch);
        let mut works: Vec<Result<Work, TargetError>> = over_all(&self.look, SURVEY, &accounts)
            .await
            .into_iter()
            .map(|answer| {
                let found = answer?;
                found.present()?;
                Ok(Work { found, left: Vec::new() })
            })
            .collect();
        self.empty(&mut works).await;
        self.drop_roles(&accounts, works).await
    }

    /// The owned-object step, in each database that the target names for it, and only there.
    async fn empty(&self, works: &mut [Result<Work, TargetError>]) {
        let databases: BTreeSet<String> = works
            .iter()
            .flatten()
            .filter(|work| work.ready())
            .flat_map(|work| work.found.databases.iter().cloned())
            .collect();
        for database in databases {
            let (places, founds): (Vec<usize>, Vec<Found>) = works
                .iter()
                .enumerate()
                .filter_map(|(place, work)| Some((place, work.as_ref().ok()?)))
                .filter(|(_, work)| work.ready() && work.found.databases.contains(&database))
                .map(|(place, work)| (place, work.found.clone()))
                .unzip();
            let link = self.link(&database);
            let answers = self.empty_in(&link, &founds).await;
            for (place, answer) in places.into_iter().zip(answers) {
                let Some(slot) = works.get_mut(place) else { continue };
                match answer {
                    Ok(left) => {
                        if let Ok(work) = slot {
                            work.left.extend(
                                left.into_iter().map(|what| format!("{what} in {}", link.database())),
                            );
                        }
                    }
                    Err(error) => *slot = Err(error),
                }
            }
        }
    }

    async fn empty_in(&self, link: &Link, founds: &[Found]) -> Vec<Result<Vec<String>, TargetError>> {
        let args = |chunk: &[Found]| {
            let accounts: Vec<_> =
                chunk.iter().map(|f| json!({ "oid": f.oid, "groups": f.groups })).collect();
            json!({
                "prefix": instance_mark(&self.instance),
                "quarantine": self.settings.quarantine_role,
                "accounts": accounts,
            })
        };
        let read = |mut left: BTreeMap<i64, Vec<String>>, chunk: &[Found]| {
            Ok(chunk.iter().map(|f| f.oid.and_then(|oid| left.remove(&oid)).unwrap_or_default()).collect())
        };
        // One at a time: what it owns may be locked by others, and few own anything.
        bisected(link, OWNED, 1, founds, args, read).await
    }

    async fn drop_roles(
        &self,
        accounts: &[Account],
        works: Vec<Result<Work, TargetError>>,
    ) -> Vec<Result<Removal, TargetError>> {
        let ready: Vec<Account> = accounts
            .iter()
            .zip(&works)
            .filter(|(_, work)| work.as_ref().is_ok_and(Work::ready))
            .map(|(account, _)| account.clone())
            .collect();
        let mut dropped = over_all_by(DROP_CHUNK, &self.ddl, DROP, &ready).await.into_iter();
        works
            .into_iter()
            .map(|work| {
                let work = work?;
                let after = if work.ready() { dropped.next() } else { None };
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
}
