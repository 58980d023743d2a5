//! Creating a login.
use hallpass_domain::credential::{Credential, Plan, external_name};
use hallpass_domain::ports::target::{Created, TargetError};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::PostgresqlConnector;
use super::naming::{MAX_NAME, comment, mark};
use super::scram;
use super::session::{Script, script};

/// Refuses itself when the target's clock is past the deadline, at its start and as its last act.
const CREATE: Script = script!("create": "create");

#[derive(Deserialize)]
struct Answer {
    oid: i64,
}

impl PostgresqlConnector {
    /// Creates the account in one transaction, with its expiry and our marker.
    pub(super) async fn create_login(
        &self,
        credential: &Credential,
        password: &SecretString,
    ) -> Result<Created, TargetError> {
        let Plan::PostgresqlLogin { groups, connection_limit, .. } = &credential.plan;
        let name = &credential.external_name;
        if *name != external_name(&self.instance, credential.id) || name.len() > MAX_NAME {
            return Err(TargetError::Refused("the account's name is not the one this instance gives".into()));
        }
        if *connection_limit < 1 {
            return Err(TargetError::Refused("connection_limit must be at least 1".into()));
        }
        let clear = password.expose_secret();
        if clear.len() < 22 || !clear.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(TargetError::Refused("the password must be 22 or more of [A-Za-z0-9]".into()));
        }
        let clear = password.clone();
        // 4096 rounds are milliseconds of work: not on a thread that others wait for.
        let verifier = tokio::task::spawn_blocking(move || scram::verifier(&clear))
            .await
            .map_err(|_| TargetError::Refused("the verifier could not be computed".into()))?
            .map_err(|e| TargetError::Refused(e.to_string()))?;
        let args = json!({
            "name": name,
            "mark": mark(&self.instance, credential.id),
            "comment": comment(&self.instance, credential, self.marks.as_ref())
                .map_err(|e| TargetError::Refused(format!("the marker cannot be written: {e}")))?,
            "create_deadline": credential.create_deadline,
            "not_after": credential.not_after,
            "groups": groups,
            "connection_limit": connection_limit,
            "verifier": verifier,
        });
        let answer: Answer = self.ddl.run(CREATE, &args).await?;
        Ok(Created { external_oid: Some(answer.oid) })
    }
}
