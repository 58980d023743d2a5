//! How a resource server checks a token: by asking Hallpass, or by itself with Hallpass's published keys.
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use hallpass_adapters::signers::{Expected, verify_access_token};
use hallpass_client::Client;
use hallpass_client::api::oauth::ClientSecret;
use hallpass_domain::Timestamp;
use hallpass_domain::ports::token_signer::PublicJwk;
use hallpass_domain::target::Verification;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::Now;
use crate::compose::StartError;

/// Keys are fetched again after this long: what the key set's `Cache-Control` says.
const KEYS_LIVE: Duration = Duration::from_secs(300);
/// A token with an unknown key fetches them at most this often, so that made-up tokens cost no calls.
const KEYS_REST: Duration = Duration::from_secs(5);

/// What a good token says.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    /// `sub`.
    pub(super) subject: String,
    /// The role.
    pub(super) role: String,
    /// `authorization_details`.
    pub(super) details: Value,
    /// `exp`.
    pub(super) ends_at: Option<Timestamp>,
}

/// Why a token was not accepted.
#[derive(Clone, Debug)]
pub(super) enum Refused {
    /// It is not good.
    Token(String),
    /// It could not be checked, and is refused for that.
    Unchecked(String),
}

/// How tokens are checked.
pub struct Check {
    client: Client,
    audience: String,
    how: How,
}

enum How {
    Introspect(ClientSecret),
    Offline { issuer: String, keys: Arc<RwLock<Keys>> },
}

/// Hallpass's keys as they were fetched last.
#[derive(Default)]
struct Keys {
    fetched: Option<Instant>,
    keys: Vec<PublicJwk>,
}

impl Check {
    /// For Hallpass at `base_url`: with the server's own client secret, or with the keys that Hallpass publishes.
    ///
    /// # Errors
    /// Where the address is none.
    pub fn new(
        base_url: &str,
        audience: &str,
        verification: Verification,
        secret: ClientSecret,
    ) -> Result<Self, StartError> {
        let base = hallpass_client::BaseUrl::parse(base_url).map_err(|e| StartError(e.to_string()))?;
        let config = hallpass_client::Config {
            base,
            timeout: Duration::from_secs(5),
            ca_file: None,
            trace: None,
            trace_bodies: false,
        };
        let how = match verification {
            Verification::Introspect => How::Introspect(secret),
            Verification::Offline => How::Offline { issuer: base_url.to_owned(), keys: Arc::default() },
        };
        Ok(Self {
            client: Client::new(config).map_err(|e| StartError(e.to_string()))?,
            audience: audience.to_owned(),
            how,
        })
    }

    /// Whether it asks Hallpass about each token.
    pub(super) const fn asks(&self) -> bool {
        matches!(self.how, How::Introspect(_))
    }

    pub(super) async fn judge(&self, token: &str, now: &Now) -> Result<Accepted, Refused> {
        match &self.how {
            How::Introspect(secret) => self.ask(secret, token).await,
            How::Offline { issuer, keys } => self.verify(issuer, keys, token, now).await,
        }
    }

    /// RFC 7662.
    async fn ask(&self, secret: &ClientSecret, token: &str) -> Result<Accepted, Refused> {
        let answer = self
            .client
            .introspect(secret, &SecretString::from(token))
            .await
            .map_err(|e| Refused::Unchecked(format!("Hallpass cannot be asked: {e}")))?;
        if !answer.active || answer.aud.as_deref() != Some(self.audience.as_str()) {
            return Err(Refused::Token("Hallpass says: not active".to_owned()));
        }
        Ok(Accepted {
            subject: answer.sub.unwrap_or_default(),
            role: answer.scope.unwrap_or_default(),
            details: json!(answer.authorization_details),
            ends_at: answer.exp.and_then(|s| Timestamp::from_timestamp(s, 0)),
        })
    }

    /// RFC 9068 §4.
    async fn verify(
        &self,
        issuer: &str,
        keys: &RwLock<Keys>,
        token: &str,
        now: &Now,
    ) -> Result<Accepted, Refused> {
        use hallpass_adapters::signers::VerifyError;
        self.fetch(keys, KEYS_LIVE).await?;
        let try_it = || {
            let keys = keys.read().unwrap_or_else(PoisonError::into_inner);
            verify_access_token(token, &keys.keys, &Expected { issuer, audience: &self.audience, now: now() })
        };
        let mut verdict = try_it();
        if matches!(verdict, Err(VerifyError::UnknownKey)) {
            self.fetch(keys, KEYS_REST).await?;
            verdict = try_it();
        }
        let claims = verdict.map_err(|e| Refused::Token(format!("the signature or the claims: {e}")))?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Accepted {
            subject: text("sub"),
            role: text("scope"),
            details: claims.get("authorization_details").cloned().unwrap_or_default(),
            ends_at: claims.get("exp").and_then(Value::as_i64).and_then(|s| Timestamp::from_timestamp(s, 0)),
        })
    }

    /// Fetches the keys where they are older than that. Old ones go on while Hallpass cannot be reached: that is what checking
    /// offline is for.
    async fn fetch(&self, keys: &RwLock<Keys>, older_than: Duration) -> Result<(), Refused> {
        let (fresh, none) = {
            let keys = keys.read().unwrap_or_else(PoisonError::into_inner);
            (keys.fetched.is_some_and(|at| at.elapsed() < older_than), keys.keys.is_empty())
        };
        if fresh {
            return Ok(());
        }
        match self.client.jwks().await {
            Ok(set) => {
                // A key of a kind that is not known here is another verifier's.
                let usable = set.keys.into_iter().filter_map(|k| serde_json::from_value(k).ok()).collect();
                *keys.write().unwrap_or_else(PoisonError::into_inner) =
                    Keys { fetched: Some(Instant::now()), keys: usable };
                Ok(())
            }
            Err(e) if none => Err(Refused::Unchecked(format!("Hallpass's keys cannot be fetched: {e}"))),
            Err(_) => Ok(()),
        }
    }
}
