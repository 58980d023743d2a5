//! Requests: the list of one's own, and one with its history.
use std::collections::BTreeMap;

use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::grant::Grant;
use hallpass_domain::mail::{Mail, MailKind, MailState};
use hallpass_domain::ports::requests::RequestFilter;
use hallpass_domain::ports::store::Page;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request::decide::may_decide;
use hallpass_domain::request::{CloseCause, Decision, Request, RequestState, Verdict};
use hallpass_domain::workflow::Proof;

use super::catalogue::ask_again_href;
use super::lines;
use super::request_form::split;
use crate::broker::{Broker, unreadable};
use crate::caller::Caller;
use crate::views::common::TimelineEvent;
use crate::views::page::Choice;
use crate::views::request::{GrantLink, MailDelivery, RequestRow, RequestView, RequestsView};

/// Rows on one page.
const PAGE: u32 = 25;

impl Broker {
    /// The caller's own requests, newest first.
    pub async fn requests_view(
        &self,
        caller: &Caller,
        state: &str,
        after: Option<uuid::Uuid>,
    ) -> Result<RequestsView, Refusal> {
        let wanted = RequestState::parse(state);
        let filter = RequestFilter { of: Some(caller.principal()), state: wanted, role: None };
        let mut found =
            self.store.requests(&filter, Page { after, limit: PAGE + 1 }).await.map_err(unreadable)?;
        let more = found.len() > usize::try_from(PAGE).unwrap_or(0);
        found.truncate(usize::try_from(PAGE).unwrap_or(0));
        let catalogue = self.catalogue().await?;
        let mut rows = Vec::with_capacity(found.len());
        for request in &found {
            rows.push(self.request_row(&catalogue, request).await?);
        }
        let states = std::iter::once(Choice {
            value: String::new(),
            label: "all".to_owned(),
            chosen: wanted.is_none(),
        })
        .chain(["pending", "approved", "denied", "withdrawn", "lapsed"].map(|s| Choice {
            value: s.to_owned(),
            label: s.to_owned(),
            chosen: s == state,
        }))
        .collect();
        Ok(RequestsView {
            states,
            rows,
            filtered: wanted.is_some(),
            next: found.last().filter(|_| more).map(|r| r.id.to_string()),
        })
    }

    async fn request_row(&self, catalogue: &Catalogue, request: &Request) -> Result<RequestRow, Refusal> {
        let decisions = self.store.decisions(request.id).await.map_err(unreadable)?;
        let grant = self.store.grant_of(request.id).await.map_err(unreadable)?;
        let (seconds, fixed_end) = split(request.ask);
        Ok(RequestRow {
            reference: request.reference.clone(),
            role: lines::role(catalogue, request.role_id, request.target_id),
            state: self.state_now(request),
            seconds: request.shortened(self.now()).or(seconds),
            fixed_end,
            reason: request.reason.clone(),
            created_at: request.submitted_at,
            decide_by: (request.state == RequestState::Pending).then_some(request.decide_by),
            standing: self.standing(catalogue, request, &decisions),
            grant: grant.as_ref().map(|g| self.grant_link(g)),
        })
    }

    /// `pending` past its deadline reads `lapsed`, whatever the reconciler has got round to.
    pub fn state_now(&self, request: &Request) -> String {
        if request.state == RequestState::Pending && self.now() >= request.decide_by {
            "lapsed".to_owned()
        } else {
            request.state.as_str().to_owned()
        }
    }

    fn standing(&self, catalogue: &Catalogue, request: &Request, decisions: &[Decision]) -> String {
        let by = |verdict| {
            decisions
                .iter()
                .rev()
                .find(|d| d.verdict == verdict)
                .map(|d| lines::user(catalogue, d.approver).name)
        };
        match self.state_now(request).as_str() {
            "pending" => lines::stages(catalogue, request, decisions, self.now())
                .into_iter()
                .find(|s| s.state == "open")
                .map(|s| format!("{} of {}, waiting for {}", s.have, s.need, s.name))
                .unwrap_or_default(),
            "approved" => by(Verdict::Approve).map(|n| format!("approved by {n}")).unwrap_or_default(),
            "denied" => by(Verdict::Deny).map(|n| format!("denied by {n}")).unwrap_or_default(),
            "lapsed" => request.closed_because.unwrap_or(CloseCause::Undecided).in_words().to_owned(),
            _ => request.closed_because.map_or("taken back", CloseCause::in_words).to_owned(),
        }
    }

    /// A grant as a request points at it.
    pub fn grant_link(&self, grant: &Grant) -> GrantLink {
        GrantLink {
            id: grant.id.to_string(),
            state: self.grant_state_now(grant),
            starts_at: grant.starts_at,
            ends_at: grant.ends_at,
        }
    }

    /// One request with its history, for somebody who may read it.
    pub async fn request_view(&self, caller: &Caller, reference: &str) -> Result<RequestView, Refusal> {
        let request = self.visible_request(caller, reference).await?;
        self.request_model(caller, &request).await
    }

    /// The model of a request that the caller may read.
    pub async fn request_model(&self, caller: &Caller, request: &Request) -> Result<RequestView, Refusal> {
        let now = self.now();
        let catalogue = self.catalogue().await?;
        let decisions = self.store.decisions(request.id).await.map_err(unreadable)?;
        let grant = self.store.grant_of(request.id).await.map_err(unreadable)?;
        let mails = self.store.mails_of_request(request.id).await.map_err(unreadable)?;
        let (seconds, fixed_end) = split(request.ask);
        let subject = lines::principal(&catalogue, request.subject);
        let submitted_by = request
            .submitted_by
            .filter(|u| hallpass_domain::principal::Principal::User(*u) != request.subject)
            .map(|u| lines::user(&catalogue, u));
        let own = self.is_requester(caller, request).await?;
        let state = self.state_now(request);
        let workflow =
            catalogue.workflows.get(&request.workflow_id).map(|w| w.name.to_string()).unwrap_or_default();
        let eligible =
            catalogue.roles.get(&request.role_id).filter(|r| catalogue.is_eligible(r, caller.principal()));
        Ok(RequestView {
            reference: request.reference.clone(),
            role: lines::role(&catalogue, request.role_id, request.target_id),
            scope: lines::scope(&request.scope),
            seconds,
            fixed_end,
            shortened_to_seconds: request.shortened(now),
            shortened_by: decisions
                .iter()
                .find(|d| d.cap_seconds.is_some() && d.cap_seconds == request.shortened(now))
                .map(|d| lines::user(&catalogue, d.approver).name),
            reason: request.reason.clone(),
            ticket: lines::ticket(request.ticket.as_ref()),
            created_at: request.submitted_at,
            decide_by: (state == "pending").then_some(request.decide_by),
            decided_at: request.closed_at,
            workflow: format!("{workflow}, revision {}", request.workflow_revision),
            digest: request.digest.clone(),
            stages: lines::stages(&catalogue, request, &decisions, now),
            timeline: timeline(&catalogue, request, &decisions, grant.as_ref(), &mails, now),
            mail: mails.iter().map(mail_line).collect(),
            grant: grant.as_ref().map(|g| self.grant_link(g)),
            can_withdraw: own && state == "pending",
            can_decide: caller
                .user()
                .is_some_and(|u| may_decide(&catalogue, request, &decisions, u, now).is_ok()),
            ask_again_href: eligible
                .filter(|_| own && state != "pending")
                .map(|r| ask_again_href(r.name.as_str(), request)),
            subject,
            submitted_by,
            state,
        })
    }
}

/// What kind of mail it is, in words.
pub fn mail_in_words(kind: MailKind) -> &'static str {
    match kind {
        MailKind::ApprovalAsked => "asked to decide",
        MailKind::NoActionNeeded => "no action needed",
        MailKind::RequestReceived => "request received",
        MailKind::RequestApproved => "request approved",
        MailKind::RequestDenied => "request denied",
        MailKind::RequestLapsed => "request lapsed",
        MailKind::RequestWithdrawn => "request withdrawn",
        MailKind::GrantEnded => "access ended and checked",
        MailKind::GrantRevoked => "access revoked",
        MailKind::RevocationOverdue => "removal overdue",
        MailKind::RevocationRecovered => "removal completed",
        MailKind::TargetDiffers => "accounts at a target differ",
        MailKind::IssuingFailed => "logins cannot be made",
        MailKind::CatalogueChanged => "catalogue changed",
        MailKind::AccountNotice => "account notice",
        MailKind::OperatorNotice => "operator notice",
    }
}

pub(crate) fn mail_line(mail: &Mail) -> MailDelivery {
    MailDelivery {
        to: mail.to_name.clone(),
        what: mail_in_words(mail.kind).to_owned(),
        state: if mail.state == MailState::Queued && mail.attempts > 0 {
            "retrying"
        } else {
            mail.state.as_str()
        }
        .to_owned(),
        at: mail.sent_at.unwrap_or(mail.queued_at),
        attempts: i64::from(mail.attempts),
        detail: mail.last_error.clone(),
    }
}

fn line(
    at: hallpass_domain::Timestamp,
    what: impl Into<String>,
    by: impl Into<String>,
    detail: Option<String>,
    tone: &str,
) -> TimelineEvent {
    TimelineEvent { at, what: what.into(), by: by.into(), detail, tone: tone.to_owned(), audit_id: None }
}

fn timeline(
    catalogue: &Catalogue,
    request: &Request,
    decisions: &[Decision],
    grant: Option<&Grant>,
    mails: &[Mail],
    now: hallpass_domain::Timestamp,
) -> Vec<TimelineEvent> {
    let asker = request
        .submitted_by
        .map_or_else(|| catalogue.name_of(request.subject), |u| lines::user(catalogue, u).name);
    let mut out = vec![line(request.submitted_at, "asked", asker, None, "plain")];
    for d in decisions {
        let (what, tone) = match d.verdict {
            Verdict::Approve => ("approved", "good"),
            Verdict::Deny => ("denied", "bad"),
        };
        let shortened =
            d.cap_seconds.map(|c| format!("shortened to {}", hallpass_domain::window::describe_seconds(c)));
        let proof = match d.proof {
            Proof::Session => "signed in",
            Proof::StepUp => "with a fresh second factor",
        }
        .to_owned();
        let detail = [Some(proof), shortened, d.comment.as_ref().map(|c| format!("“{c}”"))]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("; ");
        out.push(line(d.decided_at, what, lines::user(catalogue, d.approver).name, Some(detail), tone));
    }
    // Those of one stage were queued by one commit.
    let mut stages: BTreeMap<Timestamp, Vec<Timestamp>> = BTreeMap::new();
    for mail in mails.iter().filter(|m| m.kind == MailKind::ApprovalAsked) {
        stages.entry(mail.queued_at).or_default().extend(mail.sent_at);
    }
    for sent in stages.values() {
        let Some(first) = sent.iter().min() else { continue };
        let approvers = if sent.len() == 1 { "approver" } else { "approvers" };
        out.push(line(*first, format!("mailed {} {approvers}", sent.len()), "Hallpass", None, "info"));
    }
    match (request.state, request.closed_at) {
        (RequestState::Withdrawn, Some(at)) => match request.closed_because {
            Some(cause) => {
                out.push(line(at, format!("taken back: {}", cause.in_words()), "Hallpass", None, "warn"))
            }
            None => out.push(line(at, "withdrawn", "the requester", None, "plain")),
        },
        (RequestState::Lapsed, Some(at)) => {
            let cause = request.closed_because.unwrap_or(CloseCause::Undecided);
            out.push(line(at, format!("lapsed: {}", cause.in_words()), "Hallpass", None, "warn"))
        }
        _ => {}
    }
    if let Some(grant) = grant {
        let begins = if grant.starts_at > now { "access begins" } else { "access began" };
        out.push(line(grant.starts_at, begins, "Hallpass", None, "good"));
        if let Some(reason) = grant.end_reason {
            out.push(line(
                grant.ends_at,
                format!("access ended: {}", reason.as_str()),
                grant.ended_by.map_or_else(|| "Hallpass".to_owned(), |u| lines::user(catalogue, u).name),
                None,
                "info",
            ));
        }
        if let Some(at) = grant.verified_at {
            out.push(line(at, "checked: nothing of it is left", "Hallpass", None, "good"));
        }
    }
    out.sort_by_key(|e| e.at);
    out
}
