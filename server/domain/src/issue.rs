//! What may be issued under a grant now.
use chrono::Duration;

use crate::Timestamp;
use crate::catalogue::Catalogue;
use crate::grant::Grant;
use crate::refusal::Refusal;
use crate::role::Role;
use crate::target::{OauthTarget, Target, Verification};
use crate::terms::Terms;

/// Longest life of a token for a target that checks offline, seconds (design, chapter 4).
pub const OFFLINE_SECONDS: i64 = 300;

/// A person revoked the standing role for this workload.
pub fn standing_blocked() -> Refusal {
    Refusal::forbidden(
        "standing_blocked",
        "This standing role was revoked for this workload. An administrator must lift that before it gets the role again.",
    )
}

/// The role and target under which something may be issued now, and what: as approved, and no more than the role gives
/// now. Eligibility and state are checked again here. Whoever commits on it rests on the catalogue's revision.
pub fn issuable<'c>(
    catalogue: &'c Catalogue,
    grant: &Grant,
    now: Timestamp,
) -> Result<(&'c Role, &'c Target, Terms), Refusal> {
    if !grant.allows_at(now) {
        return Err(Refusal::conflict(
            "grant_not_active",
            "This grant is not active, so nothing is issued under it. Ask again if you still need access.",
        ));
    }
    let role = catalogue
        .roles
        .get(&grant.role_id)
        .filter(|r| catalogue.is_eligible(r, grant.principal))
        .ok_or_else(|| {
            Refusal::forbidden(
                "no_longer_eligible",
                "You may no longer have this role, so nothing is issued under this grant.",
            )
        })?;
    let target = catalogue.targets.get(&grant.target_id).filter(|t| !t.disabled).ok_or_else(|| {
        Refusal::unavailable(
            "target_disabled",
            "The target is switched off at the moment. Ask its owner when it comes back.",
        )
    })?;
    if grant.request_id.is_none() && catalogue.standing_block(role.id, grant.principal).is_some() {
        return Err(standing_blocked());
    }
    let same = role.target_id == grant.target_id && grant.scope.check(&role.scope_schema).is_ok();
    let terms = Some(Terms::of(role, target, &grant.scope)).filter(|_| same);
    let terms = terms.and_then(|now| grant.terms.narrowed_to(&now)).ok_or_else(|| {
        Refusal::conflict(
            "role_changed",
            "This role now gives something else than what was approved, so nothing more is issued under this grant. Ask again, and it is decided on as it is now.",
        )
    })?;
    Ok((role, target, terms))
}

/// `exp`: the least of the role's token life, the offline limit, and the grant's end, in whole seconds (RFC 7519 NumericDate, never rounded up).
pub fn token_end(token_seconds: i64, oauth: &OauthTarget, grant: &Grant, now: Timestamp) -> Timestamp {
    let seconds = match oauth.verification {
        Verification::Offline => token_seconds.min(OFFLINE_SECONDS),
        Verification::Introspect => token_seconds,
    };
    let end = (now + Duration::try_seconds(seconds).unwrap_or_default()).min(grant.ends_at);
    chrono::DateTime::from_timestamp(end.timestamp(), 0).unwrap_or(end)
}

/// Until when the target, as it is set now, may accept a token with this `exp` by its signature alone; none where it asks.
pub fn accepted_until(oauth: &OauthTarget, expires_at: Timestamp) -> Option<Timestamp> {
    match oauth.verification {
        Verification::Offline => {
            Some(expires_at + Duration::try_seconds(oauth.leeway_seconds).unwrap_or_default())
        }
        Verification::Introspect => None,
    }
}
