//! Approve or deny.
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::ids::RequestId;
use hallpass_domain::principal::Principal;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request::decide::{
    DecideCommand, Decided as DomainDecided, Outcome, decide, may_decide,
};
use hallpass_domain::request::{Decision, Request, Verdict, read_reference};
use hallpass_domain::transition::{Change, Rested, Transition};
use hallpass_domain::workflow::Proof;
use serde_json::json;

use crate::access::StepUp;
use crate::broker::{Broker, Decided, unreadable};
use crate::caller::HumanCaller;
use crate::events::event;
use crate::mails;
use crate::queries::lines;

/// What an approver sends.
#[derive(Clone, Debug)]
pub struct DecisionForm {
    /// Approve or deny.
    pub verdict: Verdict,
    /// Shortening, seconds.
    pub cap_seconds: Option<i64>,
    /// Comment as typed.
    pub comment: String,
    /// Digest that was on the page.
    pub digest: String,
}

impl Broker {
    /// Whether this person may decide the request now, for the page: the request with its decisions, or why not.
    pub async fn decidable(
        &self,
        caller: &HumanCaller,
        reference: &str,
    ) -> Result<(Request, Vec<Decision>), Refusal> {
        let (request, decisions) = self.request_with_decisions(reference).await?;
        let catalogue = self.catalogue().await?;
        may_decide(&catalogue, &request, &decisions, caller.user(), self.now())?;
        Ok((request, decisions))
    }

    async fn request_with_decisions(&self, reference: &str) -> Result<(Request, Vec<Decision>), Refusal> {
        let request =
            self.request_referenced(reference).await?.ok_or_else(|| Refusal::not_found("request"))?;
        let decisions = self.store.decisions(request.id).await.map_err(unreadable)?;
        Ok((request, decisions))
    }

    /// Decides once for this person, with everything that follows in the same transaction. `step_up` is a second
    /// factor checked just now for this digest; its consumption commits together with the decision.
    pub async fn decide_request(
        &self,
        caller: &HumanCaller,
        reference: &str,
        form: &DecisionForm,
        step_up: Option<StepUp>,
    ) -> Result<(Request, Outcome), Refusal> {
        let step_up = step_up.as_ref();
        self.commit_deciding(move || async move {
            let now = self.now();
            let catalogue = self.catalogue().await?;
            let (request, decisions) = self.request_with_decisions(reference).await?;
            let proof = match step_up {
                Some(s) if s.proves(caller, &request.digest, now) => Proof::StepUp,
                _ => Proof::Session,
            };
            let command = DecideCommand {
                approver: caller.user(),
                verdict: form.verdict,
                cap_seconds: form.cap_seconds,
                comment: &form.comment,
                digest: &form.digest,
                proof,
            };
            let done = match decide(&catalogue, &request, &decisions, command, now) {
                Ok(done) => done,
                Err(refusal) if refusal.code == "role_changed" => {
                    // Whoever asked learns it now, not when somebody looks next.
                    self.lapse_where_role_changed(request.id).await?;
                    return Err(refusal);
                }
                Err(refusal) => return Err(refusal),
            };
            // Rights of all who decided, the role and its workflow: whatever of them changes first, this is decided again.
            let mut transition =
                self.decided(&catalogue, &decisions, &done).rests_on(Rested::Catalogue(catalogue.revision));
            if let Some(step_up) = step_up {
                transition = step_up.used_up_in(transition);
            }
            Ok(Decided::Commit(transition, (done.request, done.outcome)))
        })
        .await
    }

    fn decided(&self, catalogue: &Catalogue, before: &[Decision], done: &DomainDecided) -> Transition {
        let (request, decision, now) = (&done.request, &done.decision, done.decision.decided_at);
        let actor = Principal::User(decision.approver);
        let by = catalogue.name_of(actor);
        let mut subjects = vec![
            ("request", request.id.to_string()),
            ("decision", decision.id.to_string()),
            ("role", request.role_id.to_string()),
            ("target", request.target_id.to_string()),
        ];
        let mut all = before.to_vec();
        all.push(decision.clone());
        let mut transition = Transition::new(now)
            .with(Change::Request(Box::new(request.clone())))
            .with(Change::Decision(Box::new(decision.clone())));
        let kind = match (&done.outcome, decision.verdict) {
            (_, Verdict::Deny) => "request.denied",
            (Outcome::Approved(_), _) => "request.approved",
            (Outcome::Lapsed, _) => "request.lapsed",
            _ => "request.stage_approved",
        };
        match &done.outcome {
            Outcome::Counted => {}
            Outcome::StageOpened | Outcome::StageReopened => {
                transition = transition
                    .mails(mails::no_action_needed(
                        catalogue,
                        request,
                        decision.stage,
                        &all,
                        &format!("{by} approved"),
                        now,
                    ))
                    .mails(mails::approval_asked(catalogue, request, &all, now));
            }
            Outcome::Approved(grant) => {
                subjects.push(("grant", grant.id.to_string()));
                transition = transition
                    .with(Change::Grant(grant.clone()))
                    .mails(mails::no_action_needed(
                        catalogue,
                        request,
                        decision.stage,
                        &all,
                        &format!("{by} approved"),
                        now,
                    ))
                    .mails(mails::request_approved(
                        catalogue,
                        request,
                        grant,
                        &by,
                        decision.comment.as_deref(),
                        now,
                    ));
            }
            Outcome::Denied => {
                transition = transition
                    .mails(mails::no_action_needed(
                        catalogue,
                        request,
                        decision.stage,
                        &all,
                        &format!("{by} denied"),
                        now,
                    ))
                    .mails(mails::request_denied(catalogue, request, decision, now));
            }
            Outcome::Lapsed => {
                transition = transition
                    .mails(mails::no_action_needed(
                        catalogue,
                        request,
                        decision.stage,
                        &all,
                        "the request lapsed, approved after its end",
                        now,
                    ))
                    .mails(mails::request_lapsed(catalogue, request, now));
            }
        }
        let window = match &done.outcome {
            Outcome::Approved(g) => {
                json!({ "starts_at": g.starts_at.to_rfc3339(), "ends_at": g.ends_at.to_rfc3339() })
            }
            _ => serde_json::Value::Null,
        };
        transition.event(event(now, kind, actor.to_string(), &subjects,
            json!({ "digest": decision.digest, "stage": decision.stage, "proof": decision.proof, "verdict": decision.verdict, "cap_seconds": decision.cap_seconds, "window": window,
                    // How many there are with it: so that a receipt shows that none is left out of it.
                    "decisions": all.len() }),
            json!({ "by": by, "by_handle": lines::principal(catalogue, actor).handle, "comment": decision.comment })))
    }

    /// The request that somebody means by a reference, read without case; `None` for anything that is none.
    pub async fn request_referenced(&self, reference: &str) -> Result<Option<Request>, Refusal> {
        match read_reference(reference) {
            Some(reference) => self.store.request_by_reference(&reference).await.map_err(unreadable),
            None => Ok(None),
        }
    }

    /// The request by id, for callers that hold the id already.
    pub async fn request(&self, id: RequestId) -> Result<Request, Refusal> {
        self.store.request(id).await.map_err(unreadable)?.ok_or_else(|| Refusal::not_found("request"))
    }
}
