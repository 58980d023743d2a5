//! The approver's side: inbox, decision page, and its clear outcomes.
use hallpass_domain::ports::store::Page;
use hallpass_domain::principal::Principal;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request::count::counts;
use hallpass_domain::request::decide::still_eligible;
use hallpass_domain::request::{Request, RequestState};
use hallpass_domain::text::clean_line;
use hallpass_domain::window::{Ask, describe_seconds};
use hallpass_domain::workflow::Proof;

use super::lines;
use super::request_form::{consequences, split};
use super::waiting::{Place, Waiting, Wanted};
use crate::broker::{Broker, unreadable};
use crate::caller::{Caller, HumanCaller};
use crate::mails::{length, when};
use crate::views::decision::{DecidedRow, DecisionValues, DecisionView, InboxRow, InboxView, OutcomeView};
use crate::views::page::{Choice, FieldError, Link};

/// Rows of a page.
const ROWS: u32 = 25;
/// As far as the number in the navigation counts; that many reads as "or more".
pub const COUNTED: usize = 100;

impl Broker {
    /// What waits for this person, or what he decided; `after` is the cursor of the page before.
    pub async fn inbox_view(
        &self,
        caller: &HumanCaller,
        history: bool,
        after: &str,
    ) -> Result<InboxView, Refusal> {
        let catalogue = self.catalogue().await?;
        let (mut waiting, mut decided) = (Vec::new(), Vec::new());
        if history {
            let page = Page { after: after.parse().ok(), limit: ROWS + 1 };
            decided = self.store.decided_by(caller.user(), page).await.map_err(unreadable)?;
        } else {
            let limit = ROWS as usize + 1;
            let wanted = Wanted { after: Place::parse(after), limit, own: true, role: None };
            waiting = self.waiting_for(caller.user(), wanted).await?;
        }
        let more = waiting.len().max(decided.len()) > ROWS as usize;
        waiting.truncate(ROWS as usize);
        decided.truncate(ROWS as usize);
        let last = match (waiting.last(), decided.last()) {
            (Some(w), _) => Some(Place::of(&w.request).to_string()),
            (None, last) => last.map(|(d, _)| d.id.to_string()),
        };
        let me = Principal::User(caller.user());
        let mut decides_for: Vec<String> = catalogue
            .workflows
            .values()
            .filter(|w| !w.retired)
            .flat_map(|w| &w.stages)
            .flat_map(|s| &s.approvers)
            .filter(|p| catalogue.covers(**p, me))
            .map(|p| catalogue.name_of(*p))
            .collect();
        decides_for.sort();
        decides_for.dedup();
        Ok(InboxView {
            tab: if history { "history" } else { "pending" }.to_owned(),
            pending: waiting.iter().filter_map(|w| self.inbox_row(&catalogue, w)).collect(),
            next: last.filter(|_| more),
            history: decided
                .iter()
                .map(|(d, r)| DecidedRow {
                    reference: r.reference.clone(),
                    subject: catalogue.name_of(r.subject),
                    role: lines::role(&catalogue, r.role_id, r.target_id),
                    decision: d.verdict.as_str().to_owned(),
                    at: d.decided_at,
                    state: self.state_now(r),
                })
                .collect(),
            decides_for,
        })
    }

    /// How many requests wait for this person, as far as [`COUNTED`]: the number in the navigation.
    pub async fn inbox_count(&self, caller: &HumanCaller) -> Result<i64, Refusal> {
        let wanted = Wanted { after: None, limit: COUNTED, own: false, role: None };
        let waiting = self.waiting_for(caller.user(), wanted).await?;
        Ok(i64::try_from(waiting.len()).unwrap_or(0))
    }

    fn inbox_row(
        &self,
        catalogue: &hallpass_domain::catalogue::Catalogue,
        waiting: &Waiting,
    ) -> Option<InboxRow> {
        let Waiting { request, decisions, own } = waiting;
        let stage = request.open_stage()?;
        let (seconds, fixed_end) = split(request.ask);
        let have =
            decisions.iter().filter(|d| d.stage == request.stage && counts(catalogue, request, d)).count();
        Some(InboxRow {
            reference: request.reference.clone(),
            subject: catalogue.name_of(request.subject),
            role: lines::role(catalogue, request.role_id, request.target_id),
            seconds: request.shortened(self.now()).or(seconds),
            fixed_end,
            reason: request.reason.clone(),
            ticket: lines::ticket(request.ticket.as_ref()),
            created_at: request.submitted_at,
            decide_by: request.decide_by,
            stage: stage.title.clone(),
            need: i64::from(stage.needed),
            have: i64::try_from(have).unwrap_or(0),
            differences: differences(catalogue, request),
            proof: request.proof(stage).as_str().to_owned(),
            own: *own,
        })
    }

    /// The decision page for somebody who may decide now.
    pub async fn decision_view(
        &self,
        caller: &HumanCaller,
        reference: &str,
        values: DecisionValues,
        errors: Vec<FieldError>,
    ) -> Result<DecisionView, Refusal> {
        let (request, decisions) = self.decidable(caller, reference).await?;
        let catalogue = self.catalogue().await?;
        let now = self.now();
        let model = self.request_model(&Caller::Human(caller.clone()), &request).await?;
        let stage = lines::stages(&catalogue, &request, &decisions, now)
            .into_iter()
            .find(|s| s.state == "open")
            .ok_or_else(|| Refusal::conflict("closed", "This request is no longer open."))?;
        let role = catalogue.roles.get(&request.role_id);
        let caps = [request.cap_seconds, role.map(|r| r.max_seconds)];
        let ends = request.ask.end_if_approved(now, caps.into_iter().flatten()).unwrap_or(now);
        let account = self.store.account(caller.user()).await.map_err(unreadable)?;
        Ok(DecisionView {
            step_up: stage.proof == Proof::StepUp.as_str(),
            step_up_ready: account.is_some_and(|a| a.totp_sealed.is_some()),
            shorten_to: shorten_choices(&request, &values.shorten_to, now),
            differences: differences(&catalogue, &request),
            consequences: role.map(|r| consequences(&catalogue, r)).unwrap_or_default(),
            comment_required: false,
            digest: request.digest.clone(),
            ends_if_approved_now: ends,
            request: model,
            stage,
            values,
            errors,
        })
    }

    /// The page that ends a visit to `/r/{reference}`: why there is nothing to decide, or what was decided just now.
    pub async fn outcome_view(
        &self,
        caller: &HumanCaller,
        reference: &str,
        code: &str,
    ) -> Result<OutcomeView, Refusal> {
        let nothing = |kind: &str| OutcomeView {
            kind: kind.to_owned(),
            reference: None,
            summary: None,
            by: None,
            at: None,
            decision: None,
            comment: None,
            next: None,
            links: vec![link("/inbox", "Your inbox")],
        };
        let Some(request) = self.request_referenced(reference).await? else { return Ok(nothing("unknown")) };
        if !self.may_read(&Caller::Human(caller.clone()), &request).await? {
            return Ok(nothing("not_yours"));
        }
        let catalogue = self.catalogue().await?;
        let decisions = self.store.decisions(request.id).await.map_err(unreadable)?;
        // What this person did just now, or else what was done last.
        let last = match code {
            "approved" | "denied" => decisions.iter().find(|d| d.approver == caller.user()),
            _ => decisions.last(),
        };
        let role = lines::role(&catalogue, request.role_id, request.target_id);
        let (by, at, decision, comment) = match (code, request.state) {
            ("own" | "withdrawn" | "lapsed" | "role_changed", _) => (None, request.closed_at, None, None),
            _ => (
                last.map(|d| lines::user(&catalogue, d.approver).name),
                last.map(|d| d.decided_at),
                last.map(|d| d.verdict.as_str().to_owned()),
                last.and_then(|d| d.comment.clone()),
            ),
        };
        let zone = catalogue.users.get(&caller.user()).map_or("UTC", |u| u.zone());
        let length = length(&request, self.now(), zone);
        let next = match request.state {
            RequestState::Pending => lines::stages(&catalogue, &request, &decisions, self.now())
                .into_iter()
                .find(|s| s.state == "open")
                .map(|s| {
                    let left = s.need - s.have;
                    format!(
                        "{left} more {} needed from {}.",
                        if left == 1 { "approval is" } else { "approvals are" },
                        s.name
                    )
                }),
            RequestState::Approved => self.store.grant_of(request.id).await.map_err(unreadable)?.map(|g| {
                format!("The access began at once and ends at {}.", when(g.ends_at, self.now(), zone))
            }),
            _ => None,
        };
        Ok(OutcomeView {
            kind: code.to_owned(),
            summary: Some(format!("{}, {}, {}", catalogue.name_of(request.subject), role.name, length)),
            by,
            at,
            decision,
            comment,
            next,
            links: vec![link(&format!("/requests/{reference}"), "The request"), link("/inbox", "Your inbox")],
            reference: Some(request.reference),
        })
    }
}

/// The kind of outcome page for a refusal of `may_decide` or `decide`. `None` for one after which this person may
/// still decide, or that says nothing of the request: then its own message is all that is true.
pub fn outcome_kind(refusal: &Refusal) -> Option<&'static str> {
    match refusal.code {
        "already_approved" | "already_denied" | "closed" => Some("already_decided"),
        "already_decided_by_you" => Some("decided_by_you"),
        "withdrawn" => Some("withdrawn"),
        "lapsed" => Some("lapsed"),
        "role_changed" => Some("role_changed"),
        "not_your_stage" => Some("stage_closed"),
        "digest_moved" => Some("changed"),
        "own_request" => Some("own"),
        "not_found" => Some("not_yours"),
        _ => None,
    }
}

fn link(href: &str, text: &str) -> Link {
    Link { href: href.to_owned(), text: text.to_owned() }
}

fn differences(catalogue: &hallpass_domain::catalogue::Catalogue, request: &Request) -> Vec<String> {
    let mut out = Vec::new();
    if let (Some(role), Ask::Seconds(s)) = (catalogue.roles.get(&request.role_id), request.ask)
        && s > role.usual_seconds
    {
        out.push(format!("asks {}, usual is {}", describe_seconds(s), describe_seconds(role.usual_seconds)));
    }
    if still_eligible(catalogue, request).is_err() {
        out.push("the requester may no longer have this role, so this can only be denied".to_owned());
    }
    out
}

fn shorten_choices(request: &Request, chosen: &str, now: hallpass_domain::Timestamp) -> Vec<Choice> {
    let shortened = request.shortened(now);
    let whole = shortened.unwrap_or_else(|| request.ask.seconds_from(now));
    let mut out: Vec<Choice> = std::iter::once(Choice {
        value: String::new(),
        label: format!(
            "as {} ({})",
            if shortened.is_some() { "shortened" } else { "asked" },
            describe_seconds(whole)
        ),
        chosen: false,
    })
    .chain(
        [60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800]
            .into_iter()
            .filter(|s| *s < whole)
            .map(|s| Choice { value: s.to_string(), label: describe_seconds(s), chosen: false }),
    )
    .collect();
    if !out.iter().any(|c| c.value == chosen) {
        // What was sent and is not in the list stays chosen: a page that comes back with a mistake must not stand at the
        // whole time instead.
        let label = clean_line(chosen).chars().take(40).collect();
        out.push(Choice { value: chosen.to_owned(), label, chosen: false });
    }
    for choice in &mut out {
        choice.chosen = choice.value == chosen;
    }
    out
}
