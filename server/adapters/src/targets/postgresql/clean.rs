//! What a trial of a target makes to be handed over, and taking it away again: also after a trial that was cut off, of
//! which nobody remembers more than its account's id. So it bears that id.
use hallpass_domain::credential::{Credential, Plan};
use hallpass_domain::ids::CredentialId;
use hallpass_domain::ports::target::TargetError;
use serde_json::json;

use super::PostgresqlConnector;
use super::dial::Connection;
use super::naming::trial_mark;
use super::session::{Script, script};

const CLEAN: Script = script!("canary_clean" in "trial.clean.before" .. "trial.clean.after": "canary_clean");
/// Makes a large object, which needs no privilege, and answers the statement that marks it.
const OWN: &str = "SELECT pg_catalog.format('COMMENT ON LARGE OBJECT %s IS %L', pg_catalog.lo_create(0), $1::pg_catalog.text)";

impl PostgresqlConnector {
    /// Makes and marks it in one transaction, as the account's holder: it never is without its mark.
    pub(super) async fn own_something(
        &self,
        session: &Connection,
        id: CredentialId,
    ) -> Result<(), tokio_postgres::Error> {
        let client = &session.client;
        client.batch_execute("BEGIN").await?;
        let mark: &str = &trial_mark(&self.instance, id);
        let made = client.query_one(OWN, &[&mark]).await?;
        client.batch_execute(made.try_get(0)?).await?;
        client.batch_execute("COMMIT").await
    }

    /// Takes it away where it belongs to the quarantine role by now.
    pub(super) async fn clean_up(&self, credential: &Credential) -> Result<(), TargetError> {
        let Plan::PostgresqlLogin { database, .. } = &credential.plan;
        let args = json!({
            "quarantine": self.settings.quarantine_role,
            "mark": trial_mark(&self.instance, credential.id),
        });
        self.link(database).run(CLEAN, &args).await
    }
}
