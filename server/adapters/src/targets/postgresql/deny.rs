//! First step of removal: no new login, committed before anything else is tried; and no membership, beside the next step.
use hallpass_domain::credential::Credential;
use hallpass_domain::ports::target::{Removal, TargetError};
use serde_json::Value;

use super::PostgresqlConnector;
use super::accounts::{Account, CHUNK, Found, over_all};
use super::session::{Script, script};

/// Waits for no lock that a holder could keep: what an account's own sessions hold is taken from them.
const DENY: Script =
    script!("deny" in "postgresql.deny.before" .. "postgresql.deny.after": "resolve", "deny", "accounts");
const WITHDRAW: Script = script!(
    "withdraw" in "postgresql.withdraw.before" .. "postgresql.withdraw.after": "resolve", "withdraw"
);

impl PostgresqlConnector {
    /// Refuses new logins for all of them.
    pub(super) async fn deny(&self, batch: &[Credential]) -> Vec<Result<Removal, TargetError>> {
        let found = over_all(&self.deny, DENY, &self.accounts(batch)).await;
        found.into_iter().map(|answer| answer.and_then(denied)).collect()
    }

    /// Withdraws memberships of accounts whose logins are refused: a session that will not end has their rights no more. It
    /// goes on beside the end of sessions, which waits for nothing, and at the latest memberships go with the role.
    pub(super) async fn withdraw(&self, accounts: &[Account]) {
        for chunk in accounts.chunks(CHUNK) {
            if let Err(error) = self.deny.run::<_, Value>(WITHDRAW, &chunk).await {
                tracing::warn!(%error, "memberships of refused logins stay until their role is dropped");
            }
        }
    }
}

/// Absent counts as denied: nothing accepts a login under that name.
fn denied(found: Found) -> Result<Removal, TargetError> {
    found.present()?;
    Ok(Removal { denied: true, external_oid: found.oid, ..Removal::default() })
}
