//! First step of removal: no new login, no membership; committed before anything else is tried.
use hallpass_domain::credential::Credential;
use hallpass_domain::ports::target::{Removal, TargetError};

use super::PostgresqlConnector;
use super::accounts::{Found, over_all};
use super::session::{Script, script};

const DENY: Script = script!("deny": "lane", "resolve", "deny");

impl PostgresqlConnector {
    /// Refuses new logins for all of them in one transaction.
    pub(super) async fn deny(&self, batch: &[Credential]) -> Vec<Result<Removal, TargetError>> {
        let accounts = self.accounts(batch);
        let found = over_all(&self.ddl, DENY, &accounts).await;
        found.into_iter().map(|answer| answer.and_then(denied)).collect()
    }
}

/// Absent counts as denied: nothing accepts a login under that name.
fn denied(found: Found) -> Result<Removal, TargetError> {
    found.present()?;
    Ok(Removal { denied: true, external_oid: found.oid, ..Removal::default() })
}
