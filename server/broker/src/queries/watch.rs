//! The watch of a login: its sessions as the target reports them, and the times measured at the end.
use hallpass_domain::credential::CredentialState;
use hallpass_domain::ids::CredentialId;
use hallpass_domain::refusal::Refusal;

use super::grant::credential_view;
use super::lines;
use crate::broker::{Broker, unreadable};
use crate::caller::Caller;
use crate::views::credential::{Measured, TargetSession, WatchView};

impl Broker {
    /// The watch, for somebody who may see the grant.
    pub async fn watch_view(&self, caller: &Caller, id: CredentialId) -> Result<WatchView, Refusal> {
        let credential = self
            .store
            .credential(id)
            .await
            .map_err(unreadable)?
            .ok_or_else(|| Refusal::not_found("credential"))?;
        let grant = self.visible_grant(caller, credential.grant_id).await?;
        let catalogue = self.catalogue().await?;
        let target =
            catalogue.targets.get(&credential.target_id).ok_or_else(|| Refusal::not_found("target"))?;
        // Verified absent is final: the target need not be asked again.
        let asked = if credential.state == CredentialState::Revoked {
            Ok(Vec::new())
        } else {
            match self.targets.connector(target) {
                Ok(connector) => connector.sessions(&credential).await,
                Err(error) => Err(error),
            }
        };
        let now = self.now();
        let after = |at: Option<hallpass_domain::Timestamp>| {
            at.map(|t| (t - grant.ends_at).num_milliseconds().max(0))
        };
        let (reachable, sessions, trouble) = match asked {
            Ok(sessions) => (true, sessions, None),
            Err(error) => {
                tracing::warn!(%error, "the watch cannot ask the target");
                (false, Vec::new(), Some("The target does not answer at the moment.".to_owned()))
            }
        };
        Ok(WatchView {
            credential: credential_view(&credential, now),
            grant_id: grant.id.to_string(),
            role: lines::role(&catalogue, grant.role_id, grant.target_id),
            ends_at: grant.ends_at,
            reachable,
            sampled_at: reachable.then_some(now),
            trouble,
            sessions: sessions
                .into_iter()
                .map(|s| TargetSession {
                    pid: i64::from(s.pid),
                    database: s.database,
                    client: s.client,
                    application: s.application,
                    state: s.state,
                    since: s.since.unwrap_or(now),
                })
                .collect(),
            measured: Measured {
                no_login_ms: after(credential.denied_at),
                sessions_dead_ms: after(credential.sessions_ended_at),
                verified_ms: after(credential.verified_at),
                sessions_ended: credential.sessions_cut.map(i64::from),
            },
        })
    }
}
