//! End early: release, revoke, and everything of one principal.
use hallpass_domain::grant::{EndReason, Grant, GrantState};
use hallpass_domain::ids::GrantId;
use hallpass_domain::ports::grants::GrantFilter;
use hallpass_domain::ports::store::Page;
use hallpass_domain::principal::{Duty, Principal};
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request::Verdict;
use hallpass_domain::request::count::requesters;
use hallpass_domain::text;

use crate::broker::{Broker, Decided, unreadable};
use crate::caller::Caller;
use crate::grants::ending::ending;
use crate::grants::standing_block::blocking;
use crate::mails;

impl Broker {
    /// Ends a grant at once, by its holder.
    pub async fn release_grant(&self, caller: &Caller, id: GrantId) -> Result<Grant, Refusal> {
        let grant = self.visible_grant(caller, id).await?;
        if !self.holds(caller, &grant).await? {
            return Err(Refusal::forbidden(
                "not_holder",
                "Only the holder ends a grant this way; administrators and approvers may revoke it.",
            ));
        }
        self.end_grant(id, EndReason::Released, caller, "").await
    }

    /// Revokes a grant at once: administrators, and anyone who approved it.
    pub async fn revoke_grant(&self, caller: &Caller, id: GrantId, why: &str) -> Result<Grant, Refusal> {
        let human = caller.human()?;
        let grant = self.visible_grant(caller, id).await?;
        if !human.has(Duty::Administrator) && !self.approved_by(&grant, human.user()).await? {
            return Err(Refusal::forbidden(
                "may_not_revoke",
                "Only an administrator, or somebody who approved it, may revoke this grant.",
            ));
        }
        let why = text::multiline("the reason", why, text::LONGEST_REASON).map_err(|e| {
            Refusal::invalid("bad_reason", "reason", format!("{e}. Say why: the holder reads this."))
        })?;
        self.end_grant(id, EndReason::Revoked, caller, &why).await
    }

    async fn end_grant(
        &self,
        id: GrantId,
        reason: EndReason,
        caller: &Caller,
        why: &str,
    ) -> Result<Grant, Refusal> {
        let ended = self
            .commit_deciding(move || async move {
                let now = self.now();
                let grant = self
                    .store
                    .grant(id)
                    .await
                    .map_err(unreadable)?
                    .ok_or_else(|| Refusal::not_found("grant"))?;
                if !matches!(grant.state, GrantState::Active | GrantState::Scheduled) || grant.ends_at <= now
                {
                    return Err(Refusal::conflict("already_over", "This grant is already over."));
                }
                let credentials = self.store.credentials_of(id).await.map_err(unreadable)?;
                let catalogue = self.catalogue().await?;
                let name = catalogue.name_of(caller.principal());
                let by = caller.user().map(|user| (user, name.as_str()));
                let (mut transition, next) =
                    ending(&grant, &credentials, reason, by, why, caller.actor(), now);
                if reason == EndReason::Revoked {
                    transition = blocking(&catalogue, transition, &next, caller, now);
                    transition = transition.mails(mails::grant_revoked(&catalogue, &next, &name, why, now));
                }
                Ok(Decided::Commit(transition, next))
            })
            .await?;
        if reason == EndReason::Revoked && ended.request_id.is_none() {
            self.end_other_standing(&ended).await?;
        }
        self.wait_for_replicas().await;
        Ok(ended)
    }

    /// Ends every grant of a principal (disabled, removed, no longer eligible); how many.
    pub async fn end_grants_of_principal(&self, principal: Principal, why: &str) -> Result<usize, Refusal> {
        let filter = GrantFilter {
            principal: Some(principal),
            states: vec![GrantState::Scheduled, GrantState::Active],
            role: None,
        };
        let mut ended = 0;
        for grant in self.store.grants(&filter, Page::first(200)).await.map_err(unreadable)? {
            let id = grant.id;
            let done = self
                .commit_deciding(move || async move {
                    let now = self.now();
                    let Some(grant) = self.store.grant(id).await.map_err(unreadable)? else {
                        return Ok(Decided::Answer(false));
                    };
                    if !matches!(grant.state, GrantState::Active | GrantState::Scheduled) {
                        return Ok(Decided::Answer(false));
                    }
                    let credentials = self.store.credentials_of(grant.id).await.map_err(unreadable)?;
                    let (transition, next) = ending(
                        &grant,
                        &credentials,
                        EndReason::Revoked,
                        None,
                        why,
                        "system:policy".to_owned(),
                        now,
                    );
                    let catalogue = self.catalogue().await?;
                    Ok(Decided::Commit(
                        transition.mails(mails::grant_revoked(&catalogue, &next, "Hallpass", why, now)),
                        true,
                    ))
                })
                .await?;
            ended += usize::from(done);
        }
        Ok(ended)
    }

    /// A grant that this caller may see: its holder, requesters, deciders, administrators, auditors; else absent.
    pub async fn visible_grant(&self, caller: &Caller, id: GrantId) -> Result<Grant, Refusal> {
        let grant =
            self.store.grant(id).await.map_err(unreadable)?.ok_or_else(|| Refusal::not_found("grant"))?;
        if caller.has(Duty::Administrator) || caller.has(Duty::Auditor) || self.holds(caller, &grant).await? {
            return Ok(grant);
        }
        if let Some(request) = grant.request_id
            && let Some(request) = self.store.request(request).await.map_err(unreadable)?
            && self.may_read(caller, &request).await?
        {
            return Ok(grant);
        }
        Err(Refusal::not_found("grant"))
    }

    /// Whether the caller is the grant's principal, or owns the workload that is.
    pub async fn holds(&self, caller: &Caller, grant: &Grant) -> Result<bool, Refusal> {
        if caller.principal() == grant.principal {
            return Ok(true);
        }
        let (Principal::Workload(workload), Some(user)) = (grant.principal, caller.user()) else {
            return Ok(false);
        };
        Ok(self.catalogue().await?.workloads.get(&workload).is_some_and(|w| w.owners.contains(&user)))
    }

    /// Whether this person approved the request behind a grant.
    pub async fn approved_by(
        &self,
        grant: &Grant,
        user: hallpass_domain::ids::UserId,
    ) -> Result<bool, Refusal> {
        let Some(request) = grant.request_id else { return Ok(false) };
        let decisions = self.store.decisions(request).await.map_err(unreadable)?;
        Ok(decisions.iter().any(|d| d.approver == user && d.verdict == Verdict::Approve))
    }

    /// Whether the caller is one of a request's requesters: its subject, who asked, or who owns the workload that asked,
    /// then or now.
    pub async fn is_requester(
        &self,
        caller: &Caller,
        request: &hallpass_domain::request::Request,
    ) -> Result<bool, Refusal> {
        if caller.principal() == request.subject {
            return Ok(true);
        }
        let Some(user) = caller.user() else { return Ok(false) };
        Ok(requesters(&*self.catalogue().await?, request).contains(&user))
    }

    /// Who may read a request: requesters, the subject, deciders of opened stages, administrators, auditors; and who
    /// decided it, even where somebody has taken his right to decide since: he answers for what he approved.
    pub async fn may_read(
        &self,
        caller: &Caller,
        request: &hallpass_domain::request::Request,
    ) -> Result<bool, Refusal> {
        if caller.has(Duty::Administrator)
            || caller.has(Duty::Auditor)
            || self.is_requester(caller, request).await?
        {
            return Ok(true);
        }
        let Some(user) = caller.user() else { return Ok(false) };
        let catalogue = self.catalogue().await?;
        let opened = usize::try_from(request.stage).unwrap_or(usize::MAX);
        let decides = request
            .stages
            .iter()
            .take(opened.saturating_add(1))
            .any(|s| catalogue.deciders(s, &request.requesters).contains(&user));
        if decides {
            return Ok(true);
        }
        let decisions = self.store.decisions(request.id).await.map_err(unreadable)?;
        Ok(decisions.iter().any(|d| d.approver == user))
    }

    /// A request that this caller may read; else absent.
    pub async fn visible_request(
        &self,
        caller: &Caller,
        reference: &str,
    ) -> Result<hallpass_domain::request::Request, Refusal> {
        let request =
            self.request_referenced(reference).await?.ok_or_else(|| Refusal::not_found("request"))?;
        if self.may_read(caller, &request).await? { Ok(request) } else { Err(Refusal::not_found("request")) }
    }
}
