//! Opaque tokens for Hallpass's own API: who calls with one.
use chrono::Duration;
use hallpass_domain::Timestamp;
use hallpass_domain::account::ApiToken;
use hallpass_domain::ids::{ApiTokenId, ClientId, UserId};
use hallpass_domain::principal::ClientOf;
use hallpass_domain::refusal::{Class, Refusal};
use hallpass_domain::secret::{SecretHash, new_secret};
use hallpass_domain::text::clean_line;
use secrecy::SecretString;

use super::clients::is_client_enabled;
use super::no_randomness;
use crate::broker::{Broker, unreadable};
use crate::caller::Caller;

const PREFIX: &str = "hpa_";
/// Prefix, and 256 bits in base64url.
const LENGTH: usize = PREFIX.len() + 43;
const MAX_LABEL: usize = 100;

/// A token that was just issued.
#[derive(Debug)]
pub struct IssuedApiToken {
    /// The token: shown here and never again.
    pub token: SecretString,
    /// Its identity.
    pub id: ApiTokenId,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Seconds until then.
    pub expires_in: i64,
}

/// A new token and its row, not committed. `label` is how the account page calls it.
pub(super) fn new_api_token(
    now: Timestamp,
    user: Option<UserId>,
    client: ClientId,
    label: &str,
    seconds: i64,
) -> Result<(IssuedApiToken, ApiToken), Refusal> {
    let (secret, hash) = new_secret("hpa").map_err(no_randomness)?;
    let expires_at = now + Duration::seconds(seconds);
    let id = ApiTokenId::new(now);
    let row = ApiToken {
        id,
        hash,
        user_id: user,
        client_id: client,
        label: clean_line(label).chars().take(MAX_LABEL).collect(),
        created_at: now,
        expires_at,
        revoked_at: None,
        version: 1,
    };
    Ok((IssuedApiToken { token: secret, id, expires_at, expires_in: seconds }, row))
}

/// Whether text has the form of one of our API tokens. A JWT (a token for a target) has not.
fn is_api_token(token: &str) -> bool {
    let rest = token.strip_prefix(PREFIX).filter(|_| token.len() == LENGTH);
    rest.is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')))
}

impl Broker {
    /// The caller whose API token this is: a person's command line, or a workload. Expiry, revocation and whether the
    /// person or workload is enabled are looked at on every call.
    ///
    /// # Errors
    /// `Unproven` `invalid_token` (RFC 6750 §3.1); tokens for targets are refused by name.
    pub async fn caller_from_api_token(&self, token: &str, now: Timestamp) -> Result<Caller, Refusal> {
        if !is_api_token(token) {
            return Err(if token.split('.').count() == 3 { target_token() } else { invalid_token() });
        }
        let found = self.store.api_token_by_hash(&SecretHash::of(token)).await.map_err(unreadable)?;
        let token =
            found.filter(|t| t.revoked_at.is_none() && now < t.expires_at).ok_or_else(invalid_token)?;
        let catalogue = self.catalogue().await?;
        let client = catalogue.clients.get(token.client_id).ok_or_else(invalid_token)?;
        if !is_client_enabled(&catalogue, client) {
            return Err(invalid_token());
        }
        match (token.user_id, client.of) {
            (Some(user), ClientOf::CommandLine) => {
                let person = catalogue.users.get(&user).filter(|u| !u.disabled).ok_or_else(invalid_token)?;
                Ok(Caller::CommandLine {
                    user,
                    duties: person.duties.iter().copied().collect(),
                    token: token.id,
                    client: client.id,
                })
            }
            (None, ClientOf::Workload(workload)) => Ok(Caller::Workload { workload, client: client.id }),
            _ => Err(invalid_token()),
        }
    }
}

fn invalid_token() -> Refusal {
    Refusal::new(
        Class::Unproven,
        "invalid_token",
        "This API token is unknown, expired or revoked. Get a new one: people with `hallpass login`, workloads at /oauth/token.",
    )
}

fn target_token() -> Refusal {
    Refusal::new(
        Class::Unproven,
        "invalid_token",
        "This is an access token for a target; Hallpass's own API takes only its own tokens. Get one with `hallpass login` or at /oauth/token with the scope hallpass.api.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn only_our_own_tokens_have_the_form() {
        let now = Timestamp::from_timestamp(1_800_000_000, 0).unwrap();
        let (issued, row) = new_api_token(now, None, ClientId::new(now), "build\r\n7", 3_600).unwrap();
        assert!(is_api_token(issued.token.expose_secret()));
        assert_eq!(row.hash, SecretHash::of(issued.token.expose_secret()));
        assert_eq!((row.label.as_str(), (row.expires_at - now).num_seconds()), ("build 7", 3_600));
        let jwt = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2ln";
        let session = format!("hps_{}", "a".repeat(43));
        let dots = format!("hpa_{}", ".".repeat(43));
        for other in ["", "hpa_", jwt, &session, &dots, &format!("{}x", issued.token.expose_secret())] {
            assert!(!is_api_token(other), "{other}");
        }
    }
}
