//! Counting sessions of many accounts at once, for lists.
use hallpass_domain::credential::Credential;
use hallpass_domain::ports::target::TargetError;

use super::PostgresqlConnector;
use super::accounts::over_all;
use super::session::{Script, script};

const COUNTS: Script = script!("counts": "resolve", "counts");

impl PostgresqlConnector {
    /// Sessions of each account, in order.
    pub(super) async fn count(&self, batch: &[Credential]) -> Vec<Result<u32, TargetError>> {
        over_all(&self.look, COUNTS, &self.accounts(batch))
            .await
            .into_iter()
            .map(|found| found.map(|f| u32::try_from(f.sessions).unwrap_or(0)))
            .collect()
    }
}
