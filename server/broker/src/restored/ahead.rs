//! Asks the targets whether they know of accounts that this database has lost.
use std::time::Duration;

use futures_util::future::join_all;
use hallpass_domain::Timestamp;
use hallpass_domain::ids::CredentialId;
use hallpass_domain::target::{Target, TargetSettings};
use uuid::Uuid;

use super::LAST;
use crate::broker::Broker;

/// Clocks that made the ids may have differed by so much, seconds.
const TOLERANCE: i64 = 60;

/// An account that carries a mark of our making, is newer than everything that this database has issued, and has no row in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// Name of the target.
    pub target: String,
    /// Name of the account.
    pub account: String,
}

impl Broker {
    /// Looks at every target, each for so long at most; the first account that shows that this database is behind. A
    /// target that does not answer shows nothing: it is asked again later.
    pub async fn look_for_lost_accounts(&self, patience: Duration) -> Option<Ahead> {
        let catalogue = self.store.catalogue().await.ok()?;
        let looks = catalogue
            .targets
            .values()
            .filter(|t| matches!(t.settings, TargetSettings::Postgresql(_)))
            .map(|target| async move {
                tokio::time::timeout(patience, self.lost_at(target)).await.ok().flatten()
            });
        join_all(looks).await.into_iter().flatten().next()
    }

    async fn lost_at(&self, target: &Target) -> Option<Ahead> {
        let connector = self.targets.connector(target).ok()?;
        // The list first: whatever is on it had its row before.
        let listed = connector.list_marked().await.ok()?;
        let newest = self.store.newest_credential().await.ok()?.and_then(|id| made_at(id.0));
        let known = self.store.meta(LAST).await.ok()?.and_then(|at| at.parse::<Timestamp>().ok());
        let latest = self.now() + chrono::Duration::seconds(TOLERANCE);
        // Whoever may create roles there can write a mark. Only one that is proven says anything of our database.
        for account in listed.into_iter().filter(|account| account.proven) {
            let Some((id, at)) = account.credential.and_then(|id| Some((id, made_at(id)?))) else { continue };
            let news = newest.is_none_or(|newest| at > newest) && known.is_none_or(|known| at > known);
            if news && at < latest && self.has_no_row(CredentialId(id)).await {
                return Some(Ahead { target: target.name.to_string(), account: account.external_name });
            }
        }
        None
    }

    /// Neither a credential nor the throw-away account of a trial, which has its row ahead of it, too.
    async fn has_no_row(&self, id: CredentialId) -> bool {
        matches!(self.store.credential(id).await, Ok(None))
            && matches!(self.store.target_check(id).await, Ok(None))
    }
}

/// When an id was made (UUIDv7, milliseconds); none for ids of another sort, which were not made by us.
pub(crate) fn made_at(id: Uuid) -> Option<Timestamp> {
    if id.get_version_num() != 7 {
        return None;
    }
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    Timestamp::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}
