//! First step of removal: no new login, then no membership; committed before anything else is tried.
use hallpass_domain::credential::Credential;
use hallpass_domain::ports::target::{Removal, TargetError};
use serde_json::Value;

use super::PostgresqlConnector;
use super::accounts::{CHUNK, Found, over_all};
use super::session::{Script, script};

/// Waits for no lock that a holder could keep: what an account's own sessions hold is taken from them.
const DENY: Script =
    script!("deny" in "postgresql.deny.before" .. "postgresql.deny.after": "resolve", "deny", "accounts");
const WITHDRAW: Script = script!(
    "withdraw" in "postgresql.withdraw.before" .. "postgresql.withdraw.after": "resolve", "withdraw"
);

impl PostgresqlConnector {
    /// Refuses new logins for all of them in one transaction; then withdraws memberships, which goes with the role at the
    /// latest and so holds nothing up.
    pub(super) async fn deny(&self, batch: &[Credential]) -> Vec<Result<Removal, TargetError>> {
        let accounts = self.accounts(batch);
        let found = over_all(&self.deny, DENY, &accounts).await;
        if found.iter().any(Result::is_ok) {
            for chunk in accounts.chunks(CHUNK) {
                if let Err(error) = self.deny.run::<_, Value>(WITHDRAW, &chunk).await {
                    tracing::warn!(%error, "memberships of refused logins stay until their role is dropped");
                }
            }
        }
        found.into_iter().map(|answer| answer.and_then(denied)).collect()
    }
}

/// Absent counts as denied: nothing accepts a login under that name.
fn denied(found: Found) -> Result<Removal, TargetError> {
    found.present()?;
    Ok(Removal { denied: true, external_oid: found.oid, ..Removal::default() })
}
