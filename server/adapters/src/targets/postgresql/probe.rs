//! Trying a new login, as its holder would: from here, with the same TLS and host rules as our own connections.
use std::time::Duration;

use hallpass_domain::credential::{Credential, Plan, Trouble};
use hallpass_domain::ports::target::{Probed, TargetError};
use secrecy::SecretString;
use tokio::time::{Instant, sleep};
use tokio_postgres::error::DbError;

use super::PostgresqlConnector;
use super::dial::DialError;

/// Longest wait for the trial's session to be gone: a login with few connections must not find its own trial in the way.
const GONE: Duration = Duration::from_secs(1);
/// Between two looks for it.
const LOOK: Duration = Duration::from_millis(10);

impl PostgresqlConnector {
    /// Logs in and runs a statement that needs no right.
    pub(super) async fn try_login(
        &self,
        credential: &Credential,
        password: &SecretString,
        patience: Duration,
    ) -> Probed {
        let Plan::PostgresqlLogin { database, .. } = &credential.plan;
        let begun = Instant::now();
        let trying = async {
            let session = self.dialer.holder(&credential.external_name, password, database).await?;
            session.client.simple_query("SELECT 1").await?;
            Ok::<_, DialError>(session)
        };
        let tried = tokio::time::timeout(patience, trying).await;
        let took = begun.elapsed();
        let trouble = match tried {
            Ok(Ok(session)) => {
                drop(session);
                self.until_gone(credential, patience.saturating_sub(took).min(GONE)).await;
                None
            }
            Ok(Err(DialError::Server(db))) => Some(refused(&db, database)),
            Ok(Err(DialError::Other(error))) => Some(Trouble {
                what: match error {
                    TargetError::Down(why) => format!("The target stopped answering: {why}."),
                    other => format!("The login could not be tried: {other}."),
                },
                what_to_do: "Try again in a minute; if it stays so, the target's owner must look at the server and the way to it."
                    .to_owned(),
            }),
            Err(_) => Some(Trouble {
                what: "The target was too slow to let the login in.".to_owned(),
                what_to_do: "Try again; if it stays so, the target's owner must look at the server's load.".to_owned(),
            }),
        };
        Probed { took, trouble }
    }

    async fn until_gone(&self, credential: &Credential, at_most: Duration) {
        let over = Instant::now() + at_most;
        while Instant::now() < over {
            match self.list_sessions(credential).await {
                Ok(sessions) if !sessions.is_empty() => sleep(LOOK).await,
                // Where it cannot be told the holder loses nothing but perhaps a first try.
                _ => return,
            }
        }
    }
}

/// The server's refusal, in words for the holder and for whoever can mend it.
fn refused(db: &DbError, database: &str) -> Trouble {
    let code = db.code().code();
    let what_to_do = match code {
        "28000" | "28P01" => format!(
            "The target's owner adds a line to pg_hba.conf that lets Hallpass's logins into database {database} by \
             scram-sha-256, and reloads the server."
        ),
        "42501" => format!(
            "The target's owner grants the role's group CONNECT on database {database} (GRANT CONNECT ON DATABASE … TO …)."
        ),
        "53300" => format!(
            "Close sessions of {database}, or ask the target's owner to raise the limit (max_connections, CONNECTION LIMIT of \
             the database)."
        ),
        "3D000" => "An administrator corrects the role's database in the catalogue.".to_owned(),
        _ if code.starts_with("57P") => {
            "Try again in a minute: the target's server is starting or stopping.".to_owned()
        }
        _ => "The target's owner looks at the server's log.".to_owned(),
    };
    let said = db.message();
    Trouble { what: format!("The target does not let the new login in: {said} ({code})."), what_to_do }
}
