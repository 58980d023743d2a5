//! Ask.
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::ids::RoleId;
use hallpass_domain::ports::requests::RequestFilter;
use hallpass_domain::ports::store::CommitError;
use hallpass_domain::ports::store::Page;
use hallpass_domain::principal::Principal;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request::submit::{Submission, submit};
use hallpass_domain::request::{Request, RequestState};
use hallpass_domain::scope::Scope;
use hallpass_domain::secret::random_from;
use hallpass_domain::transition::{Change, Idempotency, Rested, Transition};
use hallpass_domain::window::{Ask, parse_ask};
use serde_json::json;

use crate::broker::{Broker, uncommitted, unreadable};
use crate::caller::Caller;
use crate::events::event;
use crate::mails;
use crate::queries::lines;

/// What somebody asks, as typed.
#[derive(Clone, Debug, Default)]
pub struct AskForm {
    /// Role name.
    pub role: String,
    /// `90m`, `2h`, `until 17:30`, RFC 3339 end; empty takes the role's usual duration.
    pub time: String,
    /// Scope; empty takes the role's defaults.
    pub scope: Scope,
    /// Why.
    pub reason: String,
    /// Ticket reference.
    pub ticket: String,
}

/// An alphabet without look-alikes, for references that people read aloud.
const REFERENCE_ALPHABET: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

impl Broker {
    /// Reads a form against the catalogue without storing anything: the same checks as [`Broker::submit_request`].
    pub async fn preview_request(&self, caller: &Caller, form: &AskForm) -> Result<Request, Refusal> {
        let catalogue = self.catalogue().await?;
        self.build_request(&catalogue, caller, form)
    }

    fn build_request(
        &self,
        catalogue: &Catalogue,
        caller: &Caller,
        form: &AskForm,
    ) -> Result<Request, Refusal> {
        let now = self.now();
        let subject = caller.principal();
        let role = hallpass_domain::request::submit::eligible_role(catalogue, &form.role, subject)?;
        let ask = self.read_time(catalogue, caller, form, role.usual_seconds)?;
        let scope = if form.scope.0.values().all(std::collections::BTreeSet::is_empty) {
            Scope::defaults(&role.scope_schema)
        } else {
            form.scope.clone()
        };
        let scope = Scope(scope.0.into_iter().filter(|(_, v)| !v.is_empty()).collect());
        let reference = format!(
            "R-{}",
            random_from(REFERENCE_ALPHABET, 10)
                .map_err(|e| Refusal::unavailable("no_randomness", e.to_string()))?
        );
        submit(
            catalogue,
            Submission {
                subject,
                submitted_by: caller.user(),
                role: &form.role,
                scope,
                ask,
                reason: &form.reason,
                ticket: &form.ticket,
            },
            reference,
            now,
        )
    }

    fn read_time(
        &self,
        catalogue: &Catalogue,
        caller: &Caller,
        form: &AskForm,
        usual: i64,
    ) -> Result<Ask, Refusal> {
        if form.time.trim().is_empty() {
            return Ok(Ask::Seconds(usual));
        }
        let now = self.now();
        let zone: chrono_tz::Tz = caller
            .user()
            .and_then(|id| catalogue.users.get(&id))
            .and_then(|u| u.zone().parse().ok())
            .unwrap_or(chrono_tz::Tz::UTC);
        let local = |naive: chrono::NaiveDateTime| {
            naive.and_local_timezone(zone).earliest().map(|t| t.with_timezone(&chrono::Utc))
        };
        parse_ask(&form.time, now, local, now.with_timezone(&zone).naive_local()).map_err(|e| {
            Refusal::invalid("bad_time", "for", hallpass_domain::request::submit::sentence(&e.to_string()))
        })
    }

    /// Asks: stores the pending request, tells the approvers of the first stage and the requester. `idempotency` is stored
    /// with it; `{reference}` in its answer becomes the request's reference.
    pub async fn submit_request(
        &self,
        caller: &Caller,
        form: &AskForm,
        idempotency: Option<Idempotency>,
    ) -> Result<Request, Refusal> {
        // A reference that happens to be taken is drawn again; anything else that conflicts is told.
        let mut tries = 0;
        loop {
            let catalogue = self.catalogue().await?;
            let request = self.build_request(&catalogue, caller, form)?;
            self.refuse_duplicate(&request).await?;
            let transition = submitted(&catalogue, caller, &request, idempotency.clone());
            match self.commit(transition).await {
                Ok(()) => return Ok(request),
                Err(CommitError::Conflict(_)) if tries < 3 => tries += 1,
                Err(error) => return Err(uncommitted(error)),
            }
        }
    }

    /// The same time, scope, reason and ticket as a request that still waits is not asked a second time, however long ago
    /// the first one was sent; and no more than five of one role wait at once, so that approvers are not buried in mail.
    async fn refuse_duplicate(&self, request: &Request) -> Result<(), Refusal> {
        let filter = RequestFilter {
            of: Some(request.subject),
            state: Some(RequestState::Pending),
            role: Some(request.role_id),
        };
        let pending = self.store.requests(&filter, Page::first(50)).await.map_err(unreadable)?;
        let same = pending.iter().find(|p| {
            p.ask == request.ask
                && p.scope == request.scope
                && p.reason == request.reason
                && p.ticket == request.ticket
        });
        match same {
            Some(p) => Err(Refusal::conflict(
                "already_asked",
                format!("You have already asked exactly this: {} is waiting for a decision.", p.reference),
            )),
            None if pending.len() >= 5 => Err(Refusal::conflict(
                "too_many_pending",
                "Five requests for this role are waiting already. Withdraw one first, or wait for a decision.",
            )),
            None => Ok(()),
        }
    }

    /// The principal's usable grant of a role, for `--if-needed`.
    pub async fn usable_grant(
        &self,
        principal: Principal,
        role: RoleId,
    ) -> Result<Option<hallpass_domain::grant::Grant>, Refusal> {
        self.store.usable_grant(principal, role, self.now()).await.map_err(unreadable)
    }
}

fn submitted(
    catalogue: &Catalogue,
    caller: &Caller,
    request: &Request,
    idempotency: Option<Idempotency>,
) -> Transition {
    let now = request.submitted_at;
    let (subject, by) =
        (lines::principal(catalogue, request.subject), lines::principal(catalogue, caller.principal()));
    // Names of things, which are nobody's and stay where a person's are erased: a receipt is compared with them.
    let (role, target) = lines::names(catalogue, request.role_id, request.target_id);
    let mut transition = Transition::new(now)
        .rests_on(Rested::Role(request.role_id, request.role_revision))
        .rests_on(Rested::Workflow(request.workflow_id, request.workflow_revision))
        .with(Change::Request(Box::new(request.clone())))
        .event(event(now, "request.submitted", caller.actor(),
            &[("request", request.id.to_string()), ("role", request.role_id.to_string()), ("target", request.target_id.to_string()), ("subject", request.subject.to_string())],
            json!({ "digest": request.digest, "role": role, "target": target, "role_revision": request.role_revision, "workflow_revision": request.workflow_revision,
                    "tier": request.tier, "ask": ask_json(request.ask), "decide_by": request.decide_by.timestamp_micros().to_string() }),
            json!({ "reference": request.reference, "reason": request.reason, "ticket": request.ticket, "scope": request.scope,
                    "subject": subject.name, "subject_handle": subject.handle, "by": by.name, "by_handle": by.handle })))
        .mails(mails::approval_asked(catalogue, request, &[], now))
        .mails(mails::request_received(catalogue, request, now));
    // The record is stored with the request itself, so it learns here what the request is called.
    transition.idempotency =
        idempotency.map(|i| Idempotency { answer: i.answer.replace("{reference}", &request.reference), ..i });
    transition
}

fn ask_json(ask: Ask) -> serde_json::Value {
    match ask {
        Ask::Seconds(s) => json!({ "seconds": s }),
        Ask::Until(t) => json!({ "until": t.to_rfc3339() }),
    }
}
