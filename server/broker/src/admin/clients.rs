//! A new secret for a client, in place of the one before.
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::ids::UserId;
use hallpass_domain::mail::{Fact, MailKind, MailModel};
use hallpass_domain::principal::{Client, ClientOf, User};
use hallpass_domain::refusal::Refusal;
use hallpass_domain::secret::new_secret;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use super::applied::{By, NewClient};
use super::apply::actor;
use super::build::NO_SECRET;
use crate::broker::{Broker, Decided, unreadable};
use crate::events::event;
use crate::mails::{mail, when_exactly};

impl Broker {
    /// Replaces a client's secret; the one before is refused from the commit on, and by every replica once this is
    /// answered. The answer is the only time that the new one leaves. The people who answer for the client are told: a
    /// rotation nobody expects is a take-over.
    ///
    /// # Errors
    /// `administrators_only`; not found; `public_client` for the command line's, `client_retired` for one that is not in
    /// the catalogue any more.
    pub async fn rotate_client_secret(&self, by: By<'_>, client_id: &str) -> Result<NewClient, Refusal> {
        let made = self.commit_deciding(async || {
            let now = self.now();
            let catalogue = self.catalogue().await?;
            let (actor, who, _) = actor(&catalogue, by)?;
            let client = self.store.client_named(client_id).await.map_err(unreadable)?.ok_or_else(|| Refusal::not_found("client"))?;
            if client.of == ClientOf::CommandLine {
                return Err(Refusal::conflict("public_client", "The command line is a public client: it has no secret."));
            }
            if client.secret_hash == Some(NO_SECRET) {
                return Err(Refusal::conflict("client_retired", "This client is not in the catalogue any more. Put it back into the file and apply that: it then gets a new secret."));
            }
            let (secret, hash) = new_secret("hpc").map_err(|e| Refusal::unavailable("no_randomness", e.to_string()))?;
            let next = Client { secret_hash: Some(hash), version: client.version + 1, ..client.clone() };
            let mails = owners(&catalogue, &client).into_iter().map(|user| {
                let model = MailModel {
                    subject: format!("New secret for client {}", client.client_id),
                    headline: format!("{who} made a new secret for client {} at {}. The one before no longer works.", client.client_id, when_exactly(now, user.zone())),
                    facts: vec![Fact { label: "Client".to_owned(), value: client.client_id.to_string() }, Fact { label: "By".to_owned(), value: who.clone() }],
                    quote: None,
                    paragraphs: vec!["If you did not expect this, talk to them now: who holds the secret acts as this client.".to_owned()],
                    link: None,
                    footer: "You get this because you answer for this client.".to_owned(),
                };
                mail(now, MailKind::AccountNotice, user, (None, None), model)
            });
            let transition = Transition::new(now)
                .with(Change::Client(Box::new(next)))
                .event(event(now, "client.secret_rotated", actor, &[("client", client.id.to_string())], json!({}), json!({ "client_id": client.client_id, "by": who })))
                .mails(mails);
            Ok(Decided::Commit(transition, NewClient { client_id: client.client_id.to_string(), secret }))
        })
        .await?;
        self.wait_for_replicas().await;
        Ok(made)
    }
}

/// Enabled owners of the workload or target behind a client.
fn owners<'c>(catalogue: &'c Catalogue, client: &Client) -> Vec<&'c User> {
    let owners: Vec<UserId> = match client.of {
        ClientOf::Workload(id) => {
            catalogue.workloads.get(&id).map(|w| w.owners.iter().copied().collect()).unwrap_or_default()
        }
        ClientOf::ResourceServer(id) => {
            catalogue.targets.get(&id).map(|t| t.owners.iter().copied().collect()).unwrap_or_default()
        }
        ClientOf::CommandLine => Vec::new(),
    };
    owners.iter().filter_map(|id| catalogue.users.get(id)).filter(|u| !u.disabled).collect()
}
