//! A look at many accounts at once, for lists.
use hallpass_domain::credential::Credential;
use hallpass_domain::ports::target::{AccountSeen, TargetError};

use super::PostgresqlConnector;
use super::accounts::over_all;
use super::session::{Script, script};

const COUNTS: Script = script!("counts": "resolve", "counts");

impl PostgresqlConnector {
    /// Sessions of each account and whether it may log in, in order.
    pub(super) async fn seen(&self, batch: &[Credential]) -> Vec<Result<AccountSeen, TargetError>> {
        over_all(&self.look, COUNTS, &self.accounts(batch))
            .await
            .into_iter()
            .map(|found| {
                found.map(|f| AccountSeen {
                    sessions: u32::try_from(f.sessions).unwrap_or(0),
                    may_log_in: f.login && f.present().unwrap_or(false),
                })
            })
            .collect()
    }
}
