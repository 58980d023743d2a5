//! Requests on the wire.
use hallpass_broker::broker::unreadable;
use hallpass_broker::{Broker, Caller};
use hallpass_client::wire::common::{Span, Stage, StageState, TimelineEvent};
use hallpass_client::wire::grants::GrantState;
use hallpass_client::wire::requests::{GrantLink, MailDelivery, Request, RequestItem, RequestState};
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::grant as grant_rules;
use hallpass_domain::principal::Principal;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request as domain;
use hallpass_domain::request::CloseCause;
use hallpass_domain::request::decide::may_decide;
use hallpass_domain::window::Ask;

use super::common::{principal, role, scope, stages};
use super::words::OnWire;

/// One request as this caller sees it; that he may read it was checked.
///
/// # Errors
/// `Unavailable`.
pub async fn request(broker: &Broker, caller: &Caller, asked: &domain::Request) -> Result<Request, Refusal> {
    let now = broker.now();
    let catalogue = broker.catalogue().await?;
    let model = broker.request_model(caller, asked).await?;
    let decisions = broker.store.decisions(asked.id).await.map_err(unreadable)?;
    let grant = broker.store.grant_of(asked.id).await.map_err(unreadable)?;
    let state = state_of(broker, asked);
    let stages = stages(&catalogue, asked, &decisions, now);
    let can_decide = caller.user().is_some_and(|u| may_decide(&catalogue, asked, &decisions, u, now).is_ok());
    let pending = state == RequestState::Pending;
    let (length, until) = ask_of(asked.ask);
    Ok(Request {
        reference: asked.reference.clone(),
        id: asked.id.to_string(),
        state,
        role: role(&catalogue, asked.role_id, asked.target_id, asked.tier),
        scope: scope(&asked.scope),
        subject: principal(&catalogue, asked.subject),
        submitted_by: asked
            .submitted_by
            .map(Principal::User)
            .filter(|p| *p != asked.subject)
            .map(|p| principal(&catalogue, p)),
        length,
        until,
        shortened_to: asked.shortened(now).map(Span::new),
        ends_if_approved_now: pending.then(|| ends(&catalogue, asked, now)).flatten(),
        reason: asked.reason.clone(),
        ticket: asked.ticket.clone(),
        submitted_at: asked.submitted_at,
        decide_by: pending.then_some(asked.decide_by),
        closed_at: asked.closed_at,
        workflow: workflow(&catalogue, asked),
        digest: asked.digest.clone(),
        standing: standing(&stages, state, asked.closed_because),
        stages,
        timeline: model
            .timeline
            .into_iter()
            .map(|e| TimelineEvent {
                at: e.at,
                by: e.by,
                what: e.what,
                detail: e.detail,
                event_id: e.audit_id,
            })
            .collect(),
        mail: model
            .mail
            .into_iter()
            .map(|m| MailDelivery {
                to: m.to,
                what: m.what,
                state: m.state,
                at: m.at,
                attempts: m.attempts,
                detail: m.detail,
            })
            .collect(),
        grant: grant.as_ref().map(|g| grant_link(broker, g)),
        can_withdraw: model.can_withdraw,
        can_decide,
        proof: asked.open_stage().filter(|_| can_decide).map(|s| asked.proof(s).on_wire()),
        url: format!("{}/requests/{}", broker.settings.base_url, asked.reference),
    })
}

/// One line of a list.
///
/// # Errors
/// `Unavailable`.
pub async fn item(
    broker: &Broker,
    catalogue: &Catalogue,
    asked: &domain::Request,
) -> Result<RequestItem, Refusal> {
    let decisions = broker.store.decisions(asked.id).await.map_err(unreadable)?;
    let grant = broker.store.grant_of(asked.id).await.map_err(unreadable)?;
    let state = state_of(broker, asked);
    let (length, until) = ask_of(asked.ask);
    let shortened = asked.shortened(broker.now()).map(Span::new);
    Ok(RequestItem {
        reference: asked.reference.clone(),
        state,
        role: role(catalogue, asked.role_id, asked.target_id, asked.tier),
        subject: principal(catalogue, asked.subject),
        length: shortened.or(length),
        until,
        reason: asked.reason.clone(),
        ticket: asked.ticket.clone(),
        submitted_at: asked.submitted_at,
        decide_by: (state == RequestState::Pending).then_some(asked.decide_by),
        standing: standing(&stages(catalogue, asked, &decisions, broker.now()), state, asked.closed_because),
        grant: grant.as_ref().map(|g| grant_link(broker, g)),
    })
}

/// The state by now: `pending` past its deadline reads `lapsed`.
pub fn state_of(broker: &Broker, asked: &domain::Request) -> RequestState {
    RequestState::parse(&broker.state_now(asked)).unwrap_or(RequestState::Lapsed)
}

/// Length or fixed end.
pub fn ask_of(ask: Ask) -> (Option<Span>, Option<hallpass_domain::Timestamp>) {
    match ask {
        Ask::Seconds(seconds) => (Some(Span::new(seconds)), None),
        Ask::Until(end) => (None, Some(end)),
    }
}

/// When access would end if the last approval came now.
pub fn ends(
    catalogue: &Catalogue,
    asked: &domain::Request,
    now: hallpass_domain::Timestamp,
) -> Option<hallpass_domain::Timestamp> {
    let longest = catalogue.roles.get(&asked.role_id).map(|r| r.max_seconds);
    asked.ask.end_if_approved(now, [asked.cap_seconds, longest].into_iter().flatten())
}

fn workflow(catalogue: &Catalogue, asked: &domain::Request) -> String {
    let name = catalogue
        .workflows
        .get(&asked.workflow_id)
        .map_or_else(|| "removed".to_owned(), |w| w.name.to_string());
    format!("{name}@{}", asked.workflow_revision)
}

/// Where a request stands, in one line.
fn standing(stages: &[Stage], state: RequestState, because: Option<CloseCause>) -> String {
    let last_by = |wanted: &str| {
        stages
            .iter()
            .flat_map(|s| &s.decisions)
            .filter(|d| d.verdict.as_str() == wanted)
            .max_by_key(|d| d.at)
            .map(|d| d.by.name.clone())
    };
    match state {
        RequestState::Pending => stages
            .iter()
            .find(|s| s.state == StageState::Open)
            .map(|s| format!("{} of {}, waiting for {}", s.have, s.need, s.name))
            .unwrap_or_default(),
        RequestState::Approved => {
            last_by("approve").map_or_else(|| "approved".to_owned(), |n| format!("approved by {n}"))
        }
        RequestState::Denied => {
            last_by("deny").map_or_else(|| "denied".to_owned(), |n| format!("denied by {n}"))
        }
        RequestState::Withdrawn => because.map_or("taken back", CloseCause::in_words).to_owned(),
        RequestState::Lapsed | RequestState::Unknown => {
            because.unwrap_or(CloseCause::Undecided).in_words().to_owned()
        }
    }
}

fn grant_link(broker: &Broker, grant: &grant_rules::Grant) -> GrantLink {
    let state = GrantState::parse(&broker.grant_state_now(grant)).unwrap_or(GrantState::Ending);
    GrantLink { id: grant.id.to_string(), state, starts_at: grant.starts_at, ends_at: grant.ends_at }
}
