//! OAuth clients prove themselves (RFC 6749 §2.3).
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::ids::ClientId;
use hallpass_domain::principal::{Client, ClientOf, Principal};
use hallpass_domain::refusal::{Class, Refusal};
use hallpass_domain::secret::SecretHash;
use hallpass_domain::text::Name;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;
use subtle::ConstantTimeEq;

use super::IssuedApiToken;
use super::api_tokens::new_api_token;
use crate::broker::{Broker, Decided, unreadable};
use crate::events::event;

/// `client_id` of the `hallpass` command: public, device flow only.
pub const COMMAND_LINE_CLIENT: &str = "hallpass-cli";
/// Life of a workload's API token, seconds.
pub const WORKLOAD_TOKEN_SECONDS: i64 = 3_600;

impl Broker {
    /// The confidential client with this `client_id` and secret. Unknown, public and disabled clients and wrong
    /// secrets are refused alike and cost the same; the secret has 256 bits, so it is compared by its SHA-256.
    ///
    /// # Errors
    /// `Unproven` `invalid_client` (RFC 6749 §5.2).
    pub async fn client_from_secret(&self, client_id: &str, secret: &str) -> Result<Client, Refusal> {
        let catalogue = self.catalogue_known().await?;
        let found = catalogue.clients.named(client_id);
        let stored = found.and_then(|c| c.secret_hash);
        let right = stored.unwrap_or(SecretHash([0; 32])).0.ct_eq(&SecretHash::of(secret).0);
        let client = found.filter(|_| stored.is_some() && bool::from(right)).ok_or_else(invalid_client)?;
        if is_client_enabled(&catalogue, client) { Ok(client.clone()) } else { Err(invalid_client()) }
    }

    /// A public client by its `client_id` alone: the command line's, good for the device flow and nothing else.
    ///
    /// # Errors
    /// `Unproven` `invalid_client`.
    pub async fn public_client(&self, client_id: &str) -> Result<Client, Refusal> {
        let found = self.store.client_named(client_id).await.map_err(unreadable)?;
        found.filter(|c| c.of == ClientOf::CommandLine && c.secret_hash.is_none()).ok_or_else(invalid_client)
    }

    /// Registers the command line's client where it is missing; called at start.
    ///
    /// # Errors
    /// `Unavailable` where the store cannot be written.
    pub async fn ensure_command_line_client(&self) -> Result<Client, Refusal> {
        let now = self.now();
        self.commit_deciding(|| async {
            if let Some(client) = self.store.client_named(COMMAND_LINE_CLIENT).await.map_err(unreadable)? {
                return Ok(Decided::Answer(client));
            }
            let client_id = Name::parse(COMMAND_LINE_CLIENT)
                .map_err(|e| Refusal::invalid("bad_name", "client_id", e.to_string()))?;
            let client = Client {
                id: ClientId::new(now),
                client_id,
                secret_hash: None,
                of: ClientOf::CommandLine,
                created_at: now,
                version: 1,
            };
            let registered = event(
                now,
                "client.registered",
                "system:start",
                &[("client", client.id.to_string())],
                json!({ "client_id": COMMAND_LINE_CLIENT, "public": true }),
                json!({}),
            );
            Ok(Decided::Commit(
                Transition::new(now).with(Change::Client(Box::new(client.clone()))).event(registered),
                client,
            ))
        })
        .await
    }

    /// An opaque token for Hallpass's own API for a workload that proved itself (`client_credentials` with the scope
    /// `hallpass.api`).
    ///
    /// # Errors
    /// `Forbidden` `unauthorized_client` for a client of another kind.
    pub async fn issue_workload_api_token(&self, client: &Client) -> Result<IssuedApiToken, Refusal> {
        self.may_issue()?;
        let now = self.now();
        let ClientOf::Workload(workload) = client.of else {
            return Err(Refusal::forbidden(
                "unauthorized_client",
                "This client may not have a token for Hallpass's own API; only workloads may.",
            ));
        };
        let (issued, token) =
            new_api_token(now, None, client.id, client.client_id.as_str(), WORKLOAD_TOKEN_SECONDS)?;
        let event = event(
            now,
            "api_token.issued",
            Principal::Workload(workload).to_string(),
            &[
                ("api_token", token.id.to_string()),
                ("client", client.id.to_string()),
                ("workload", workload.to_string()),
            ],
            json!({ "by": "client_credentials", "expires_in": WORKLOAD_TOKEN_SECONDS }),
            json!({}),
        );
        self.commit(Transition::new(now).with(Change::ApiToken(Box::new(token))).event(event))
            .await
            .map_err(crate::broker::uncommitted)?;
        Ok(issued)
    }
}

/// Whether what a client stands for is still there and enabled.
pub(super) fn is_client_enabled(catalogue: &Catalogue, client: &Client) -> bool {
    match client.of {
        ClientOf::Workload(id) => catalogue.is_enabled(Principal::Workload(id)),
        ClientOf::ResourceServer(id) => catalogue.targets.contains_key(&id),
        ClientOf::CommandLine => true,
    }
}

fn invalid_client() -> Refusal {
    Refusal::new(Class::Unproven, "invalid_client", "The client is unknown, or its secret is not right.")
}
