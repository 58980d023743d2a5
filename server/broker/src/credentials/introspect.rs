//! Introspection (RFC 7662): one hash and one map look-up while warm, one indexed read while cold.
use hallpass_domain::ids::{TargetId, TokenId};
use hallpass_domain::presented::Presented;
use hallpass_domain::secret::SecretHash;
use hallpass_domain::target::TargetSettings;
use serde::Serialize;

use super::token::{Details, client_name};
use super::token_cache::CachedToken;
use crate::broker::Broker;

/// The answer for anything that is not active, and nothing else in it (RFC 7662 §2.2).
pub const INACTIVE: &str = r#"{"active":false}"#;

/// Longest wait for the store: a resource server is waiting, and an answer that does not come is no better than inactive.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);

/// What is said of an active token (RFC 7662 §2.2, RFC 9396 §9.2). Written as it is, without a tree of values between:
/// that took as long as to find the token.
#[derive(Serialize)]
struct Active<'a> {
    active: bool,
    scope: &'a str,
    client_id: &'a str,
    sub: &'a str,
    aud: &'a str,
    iss: &'a str,
    token_type: &'static str,
    exp: i64,
    iat: i64,
    nbf: i64,
    jti: TokenId,
    authorization_details: [Details<'a>; 1],
}

impl Broker {
    /// Whether `token` is active for the resource server of `target`, as the JSON to answer. The hash of its
    /// exact bytes decides, never a claim in it; time limits are compared at every answer; when the store cannot be
    /// written or read, the answer is inactive.
    pub async fn introspect(&self, target: TargetId, token: &str) -> std::sync::Arc<str> {
        let now = self.now();
        // Until an operator confirms a restored backup nothing is issued: whatever token there is, is from before.
        if !self.health.is_writable() || self.restored.is_on() {
            return INACTIVE.into();
        }
        let hash = SecretHash::of(token);
        if let Some(known) = self.tokens.get(&hash, now) {
            return known.filter(|t| t.target == target).map_or_else(|| INACTIVE.into(), |t| t.answer);
        }
        let Some(presented) = Presented::with_hash(token, hash) else { return INACTIVE.into() };
        let read = tokio::time::timeout(PATIENCE, self.introspect_cold(target, presented, now)).await;
        read.ok().flatten().unwrap_or_else(|| INACTIVE.into())
    }

    async fn introspect_cold(
        &self,
        target: TargetId,
        presented: Presented,
        now: hallpass_domain::Timestamp,
    ) -> Option<std::sync::Arc<str>> {
        let epoch = self.tokens.epoch();
        let (token, grant) = self
            .store
            .token_presented(presented)
            .await
            .inspect_err(|e| tracing::error!(error = %e, "introspection answers inactive"))
            .ok()??;
        let catalogue = self.catalogue_known().await.ok()?;
        if token.revoked_at.is_some()
            || now >= token.expires_at
            || !grant.allows_at(now)
            || !catalogue.is_enabled(grant.principal)
        {
            return None;
        }
        let (role, place) = (catalogue.roles.get(&grant.role_id)?, catalogue.targets.get(&token.target_id)?);
        let TargetSettings::Oauth(oauth) = &place.settings else { return None };
        // Approved and signed for another audience, which the target has had: never active under the new one.
        if grant.terms.audience().is_some_and(|audience| audience != oauth.audience) {
            return None;
        }
        let client = client_name(&catalogue, token.client_id);
        let active = Active {
            active: true,
            scope: role.name.as_str(),
            client_id: &client,
            sub: &grant.principal.to_string(),
            aud: &oauth.audience,
            iss: &self.settings.base_url,
            token_type: "Bearer",
            exp: token.expires_at.timestamp(),
            iat: token.issued_at.timestamp(),
            nbf: grant.starts_at.timestamp(),
            jti: token.id,
            authorization_details: [Details::of(role, place, &grant)],
        };
        let answer: std::sync::Arc<str> = serde_json::to_string(&active).ok()?.into();
        let cached = CachedToken {
            id: token.id,
            grant: grant.id,
            target: token.target_id,
            expires_at: token.expires_at,
            answer: answer.clone(),
        };
        self.tokens.put(epoch, presented.hash, cached, &grant);
        (token.target_id == target).then_some(answer)
    }
}
