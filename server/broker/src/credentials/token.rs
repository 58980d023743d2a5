//! Issue an access token: build and sign, commit the record with the hash of the exact token, answer.
use chrono::Duration;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::credential::Token;
use hallpass_domain::grant::{Grant, GrantState};
use hallpass_domain::ids::{ClientId, GrantId, TokenId};
pub use hallpass_domain::issue::{OFFLINE_SECONDS, issuable};
use hallpass_domain::issue::{accepted_until, standing_blocked, token_end};
use hallpass_domain::principal::Principal;
use hallpass_domain::refusal::{Class, Refusal};
use hallpass_domain::role::Role;
use hallpass_domain::scope::Scope;
use hallpass_domain::secret::SecretHash;
use hallpass_domain::target::{OauthTarget, Target, TargetSettings};
use hallpass_domain::terms::Terms;
use hallpass_domain::transition::{Change, Rested, Transition};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};

use crate::broker::{Broker, Decided, unreadable};
use crate::caller::Caller;
use crate::events::event;
use crate::queries::lines;

/// A token just issued; the only time that it leaves.
#[derive(Debug)]
pub struct IssuedToken {
    /// The token.
    pub token: SecretString,
    /// Its record.
    pub record: Token,
    /// Role name: the `scope` of the answer.
    pub role: String,
    /// RFC 9396 details as granted.
    pub details: Value,
    /// The grant that it was issued under.
    grant: Grant,
}

impl Broker {
    /// Issues a token under `grant` to its principal.
    pub async fn issue_token(&self, caller: &Caller, grant: GrantId) -> Result<IssuedToken, Refusal> {
        self.may_issue()?;
        let deciding = self.commit_deciding(move || async move {
            let catalogue = self.catalogue_known().await?;
            let grant = self
                .store
                .grant(grant)
                .await
                .map_err(unreadable)?
                .filter(|g| g.principal == caller.principal())
                .ok_or_else(|| Refusal::not_found("grant"))?;
            self.build_token(&catalogue, caller, &grant)
        });
        Ok(self.kept(deciding.await?))
    }

    /// Issues a token of a role by name: under the usable grant, or under a standing role's own grant.
    pub async fn issue_token_for_role(&self, caller: &Caller, role: &str) -> Result<IssuedToken, Refusal> {
        self.may_issue()?;
        let deciding = self.commit_deciding(move || async move {
            let catalogue = self.catalogue_known().await?;
            let principal = caller.principal();
            let role = catalogue
                .role_named(role)
                .filter(|r| catalogue.is_eligible(r, principal))
                .ok_or_else(|| {
                    Refusal::new(Class::NotFound, "unknown_role", "There is no such role for this client.")
                })?;
            // A stop is found by what is issued under the standing grant, or just below where there is none.
            if let Some(grant) = self.usable_grant_known(principal, role.id).await? {
                return self.build_token(&catalogue, caller, &grant);
            }
            if !role.standing || !matches!(principal, Principal::Workload(_)) {
                return Err(Refusal::forbidden(
                    "no_grant",
                    format!("There is no active grant of {} for this client. Ask for it first.", role.name),
                ));
            }
            if catalogue.standing_block(role.id, principal).is_some() {
                return Err(standing_blocked());
            }
            let target =
                catalogue.targets.get(&role.target_id).ok_or_else(|| Refusal::not_found("target"))?;
            let grant = self.standing_grant(role, target, principal);
            let holder = lines::principal(&catalogue, principal);
            let Decided::Commit(mut transition, issued) = self.build_token(&catalogue, caller, &grant)?
            else {
                return Err(Refusal::conflict("conflict", "Try again."));
            };
            transition.rested.retain(|r| !matches!(r, Rested::GrantHeld(..)));
            transition.changes.insert(0, Change::Grant(Box::new(grant.clone())));
            transition.events.insert(
                0,
                event(
                    grant.created_at,
                    "grant.standing",
                    caller.actor(),
                    &[
                        ("grant", grant.id.to_string()),
                        ("role", role.id.to_string()),
                        ("target", role.target_id.to_string()),
                        ("subject", principal.to_string()),
                    ],
                    json!({ "role": role.name, "target": target.name, "tier": grant.tier, "role_revision": role.revision, "ends_at": grant.ends_at.to_rfc3339() }),
                    json!({ "subject": holder.name, "subject_handle": holder.handle, "scope": grant.scope }),
                ),
            );
            Ok(Decided::Commit(transition, issued))
        });
        Ok(self.kept(deciding.await?))
    }

    /// Keeps in memory what was issued, for its revocation.
    fn kept(&self, issued: IssuedToken) -> IssuedToken {
        self.issued_tokens.keep(&issued.record, &issued.grant);
        issued
    }

    /// A short grant behind a standing role: it has an end and an audit trail like any other.
    fn standing_grant(&self, role: &Role, target: &Target, principal: Principal) -> Grant {
        let now = self.now();
        let scope = Scope::defaults(&role.scope_schema);
        Grant {
            id: GrantId::new(now),
            request_id: None,
            principal,
            role_id: role.id,
            target_id: role.target_id,
            tier: role.tier,
            terms: Terms::of(role, target, &scope),
            scope,
            starts_at: now,
            ends_at: now
                + Duration::try_seconds(role.usual_seconds.min(role.max_seconds)).unwrap_or_default(),
            state: GrantState::Active,
            end_reason: None,
            ended_by: None,
            verified_at: None,
            accepted_until: None,
            created_at: now,
            version: 1,
        }
    }

    fn build_token(
        &self,
        catalogue: &Catalogue,
        caller: &Caller,
        grant: &Grant,
    ) -> Result<Decided<IssuedToken>, Refusal> {
        let now = self.now();
        let (role, target, terms) = issuable(catalogue, grant, now)?;
        let (Terms::AccessToken { token_seconds, .. }, TargetSettings::Oauth(oauth)) =
            (&terms, &target.settings)
        else {
            return Err(Refusal::invalid("wrong_kind", "kind", "This role does not give access tokens."));
        };
        let expires_at = token_end(*token_seconds, oauth, grant, now);
        let id = TokenId::new(now);
        let client = caller.client();
        let details = json!([Details::of(role, target, grant)]);
        let name = client_name(catalogue, client);
        let claims =
            claims(&self.settings.base_url, id, role, oauth, grant, &name, now, expires_at, &details);
        let token = self.signer.sign_jwt(oauth.alg, "at+jwt", &claims, now).map_err(|e| {
            tracing::error!(error = %e, "token signing failed");
            Refusal::unavailable(
                "signing_failed",
                "The token could not be signed. Nothing was issued; an administrator sees why in the log.",
            )
        })?;
        let record = Token {
            id,
            hash: SecretHash::of(&token),
            grant_id: grant.id,
            target_id: target.id,
            client_id: client,
            issued_at: now,
            expires_at,
            accepted_until: accepted_until(oauth, expires_at),
            revoked_at: None,
            version: 1,
        };
        let transition = Transition::new(now)
            .rests_on(Rested::GrantHeld(grant.id, grant.version))
            .rests_on(Rested::Catalogue(catalogue.revision))
            .with(Change::Token(Box::new(record.clone())))
            .event(event(
                now,
                "token.issued",
                caller.actor(),
                &[
                    ("token", id.to_string()),
                    ("grant", grant.id.to_string()),
                    ("role", role.id.to_string()),
                    ("target", target.id.to_string()),
                ],
                json!({ "expires_at": expires_at.to_rfc3339(), "hash": record.hash.hex(), "client": client,
                        "accepted_until": record.accepted_until.map(|t| t.to_rfc3339()) }),
                json!({}),
            ));
        Ok(Decided::Commit(
            transition,
            IssuedToken {
                token: SecretString::from(token),
                record,
                role: role.name.to_string(),
                details,
                grant: grant.clone(),
            },
        ))
    }
}

/// The registered `client_id` (RFC 9068 §2.2) of a client; the portal's own name for tokens fetched there.
pub fn client_name(catalogue: &Catalogue, client: Option<ClientId>) -> String {
    let Some(id) = client else { return "hallpass-portal".to_owned() };
    catalogue.clients.get(id).map_or_else(|| id.to_string(), |c| c.client_id.to_string())
}

/// RFC 9396 object of a grant.
#[derive(Debug, Serialize)]
pub struct Details<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'a str,
    target: &'a str,
    scope: &'a Scope,
    grant_id: GrantId,
}

impl<'a> Details<'a> {
    /// What `grant` gives.
    pub fn of(role: &'a Role, target: &'a Target, grant: &'a Grant) -> Self {
        Self {
            kind: "hallpass_role",
            role: role.name.as_str(),
            target: target.name.as_str(),
            scope: &grant.scope,
            grant_id: grant.id,
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "one argument a claim source; a struct would only rename them")]
fn claims(
    issuer: &str,
    id: TokenId,
    role: &Role,
    oauth: &OauthTarget,
    grant: &Grant,
    client: &str,
    now: hallpass_domain::Timestamp,
    expires_at: hallpass_domain::Timestamp,
    details: &Value,
) -> Value {
    json!({
        "iss": issuer, "sub": grant.principal.to_string(), "aud": oauth.audience,
        "client_id": client,
        "iat": now.timestamp(), "exp": expires_at.timestamp(), "jti": id,
        "scope": role.name, "authorization_details": details,
    })
}
