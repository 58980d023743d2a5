//! Grants on the wire.
use hallpass_broker::broker::unreadable;
use hallpass_broker::views::access::GrantCard;
use hallpass_broker::{Broker, Caller};
use hallpass_client::wire::grants::{
    AtTarget, AtTargetState, EndReason, Grant, GrantState, Works, WorksState,
};
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::credential::Token;
use hallpass_domain::grant as domain;
use hallpass_domain::principal::{Duty, Principal};
use hallpass_domain::refusal::Refusal;

use super::common::{principal, role, scope};
use super::credential;

/// Credentials listed under a grant.
const MOST: usize = 100;

/// One grant with its credentials, newest first.
///
/// # Errors
/// `Unavailable`.
pub async fn whole(broker: &Broker, caller: &Caller, held: &domain::Grant) -> Result<Grant, Refusal> {
    let tokens =
        broker.store.tokens_of(held.id, u32::try_from(MOST).unwrap_or(u32::MAX)).await.map_err(unreadable)?;
    let mut grant = with_tokens(broker, caller, held, &tokens).await?;
    grant.credentials.truncate(MOST);
    Ok(grant)
}

/// One grant with all of its logins and these tokens, newest first.
///
/// # Errors
/// `Unavailable`.
pub async fn with_tokens(
    broker: &Broker,
    caller: &Caller,
    held: &domain::Grant,
    tokens: &[Token],
) -> Result<Grant, Refusal> {
    let (catalogue, now) = (broker.catalogue().await?, broker.now());
    let mut grant = item(broker, &catalogue, caller, held).await?;
    let accounts = broker.store.credentials_of(held.id).await.map_err(unreadable)?;
    grant.credentials = accounts.iter().map(|c| credential::account(&catalogue, c, now)).collect();
    grant.credentials.extend(tokens.iter().map(|t| credential::token(&catalogue, held, t, now)));
    grant.credentials.sort_by_key(|c| std::cmp::Reverse(c.issued_at.unwrap_or(c.due_at)));
    Ok(grant)
}

/// One line of a list: the same without credentials.
///
/// # Errors
/// `Unavailable`.
pub async fn item(
    broker: &Broker,
    catalogue: &Catalogue,
    caller: &Caller,
    held: &domain::Grant,
) -> Result<Grant, Refusal> {
    let card = broker.grant_card(catalogue, caller, held).await?;
    let active = held.allows_at(broker.now());
    let can_revoke = match caller.user() {
        Some(user) => active && (caller.has(Duty::Administrator) || broker.approved_by(held, user).await?),
        None => false,
    };
    Ok(Grant {
        id: card.id.clone(),
        reference: Some(card.reference.clone()).filter(|r| !r.is_empty()),
        role: role(catalogue, held.role_id, held.target_id, held.tier),
        holder: principal(catalogue, held.principal),
        scope: scope(&held.scope),
        state: GrantState::parse(&card.state).unwrap_or(GrantState::Ending),
        end_reason: held.end_reason.and_then(|r| EndReason::parse(r.as_str())),
        ended_by: held.ended_by.map(|u| catalogue.name_of(Principal::User(u))),
        starts_at: held.starts_at,
        ends_at: held.ends_at,
        verified_at: held.verified_at,
        works: works(&card),
        at_target: at_target(&card),
        can_issue: card.can_issue,
        why_no_issue: (!card.can_issue).then(|| why_not(held, active).to_owned()),
        can_end: card.can_end,
        can_revoke,
        credentials: Vec::new(),
        url: format!("{}/grants/{}", broker.settings.base_url, held.id),
    })
}

fn works(card: &GrantCard) -> Works {
    Works {
        state: WorksState::parse(&card.works.state).unwrap_or(WorksState::Checking),
        checked_at: card.works.checked_at,
        detail: card.works.detail.clone(),
    }
}

fn at_target(card: &GrantCard) -> AtTarget {
    let left = &card.left;
    AtTarget {
        state: AtTargetState::parse(&left.state).unwrap_or(AtTargetState::Revoking),
        credentials: u32::try_from(left.credentials).unwrap_or(0),
        sessions: left.sessions.and_then(|n| u32::try_from(n).ok()),
        may_work_until: left.may_work_until,
        verified_at: left.verified_at,
        lag_ms: left.lag_ms,
        detail: left.detail.clone(),
    }
}

fn why_not(held: &domain::Grant, active: bool) -> &'static str {
    match held.state {
        _ if active => "Only its holder issues credentials under a grant.",
        domain::GrantState::Scheduled => "It has not begun yet.",
        _ => "It is over, so nothing more is issued under it.",
    }
}
