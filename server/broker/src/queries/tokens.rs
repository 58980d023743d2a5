//! When a token is over, and until when it may still be accepted: one rule for pages, the API, mails and the end of grants.
use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::credential::Token;
use hallpass_domain::grant::Grant;
use hallpass_domain::ids::TargetId;
use hallpass_domain::issue;
use hallpass_domain::ports::tokens::LiveTokens;
use hallpass_domain::target::TargetSettings;

/// How a token stands at some instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenStanding {
    /// When it is over: by its own time, by its grant's end, or revoked before both.
    pub due_at: Timestamp,
    /// Introspection answers inactive.
    pub over: bool,
    /// It ended by its own time and by nothing else.
    pub by_itself: bool,
    /// Over, and until then it may still be accepted by a verifier that works offline.
    pub may_work_until: Option<Timestamp>,
    /// Over, and since then accepted by nobody.
    pub gone_at: Option<Timestamp>,
}

/// How a token stands at `now`.
pub fn token_standing(catalogue: &Catalogue, grant: &Grant, token: &Token, now: Timestamp) -> TokenStanding {
    let due_at = token.revoked_at.map_or(token.expires_at, |at| at.min(token.expires_at)).min(grant.ends_at);
    let over = now >= due_at || !grant.allows_at(now);
    let accepted_until =
        latest(catalogue, token.target_id, Some(token.expires_at), token.accepted_until).unwrap_or(due_at);
    let may_work_until = Some(accepted_until).filter(|until| over && now < *until);
    TokenStanding {
        due_at,
        over,
        by_itself: over && due_at == token.expires_at,
        may_work_until,
        gone_at: (over && may_work_until.is_none()).then(|| accepted_until.max(due_at)),
    }
}

/// Until when any token of a grant may be accepted by a verifier that works offline; none where every verifier asks.
pub fn grant_accepted_until(catalogue: &Catalogue, grant: &Grant, tokens: &LiveTokens) -> Option<Timestamp> {
    latest(catalogue, grant.target_id, tokens.last_exp, tokens.accepted_until)
}

/// What was fixed at the issue, or what the target's settings come to now where that is later: a verifier goes by its settings,
/// and a token from before the former was recorded has nothing else.
fn latest(
    catalogue: &Catalogue,
    target: TargetId,
    expires_at: Option<Timestamp>,
    fixed: Option<Timestamp>,
) -> Option<Timestamp> {
    let now_so = match catalogue.targets.get(&target).map(|t| &t.settings) {
        Some(TargetSettings::Oauth(oauth)) => expires_at.and_then(|exp| issue::accepted_until(oauth, exp)),
        _ => None,
    };
    fixed.max(now_so)
}
