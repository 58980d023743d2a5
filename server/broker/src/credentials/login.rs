//! Issue a login at a target: write ahead, create, go live, and only then show the secret.
use std::sync::Arc;

use chrono::Duration;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::credential::{Credential, CredentialState, Plan, Probe, external_name};
use hallpass_domain::grant::Grant;
use hallpass_domain::ids::{CredentialId, GrantId};
use hallpass_domain::ports::target::{ConnectionInfo, TargetConnector, TargetError};
use hallpass_domain::refusal::Refusal;
use hallpass_domain::role::CredentialKind;
use hallpass_domain::secret::random_alphanumeric;
use hallpass_domain::terms::Terms;
use hallpass_domain::transition::{Change, Rested, Transition};
use secrecy::SecretString;
use serde_json::json;
use tokio::sync::oneshot;

use super::abandon::Failure;
use super::handover::Handover;
use super::token::issuable;
use crate::broker::{Broker, Decided, unreadable};
use crate::caller::Caller;
use crate::events::event;
use crate::log_scope;

/// Seconds in which the target must have created the account.
const CREATE_SECONDS: i64 = 10;
/// Logins of one grant that may be unrevoked at a time.
const MAX_LOGINS: usize = 5;

/// Longest trial of a new login; less where the create deadline is nearer.
const PROBE: std::time::Duration = std::time::Duration::from_secs(4);
/// Code of the refusal, and class of the error, where a login was made and does not work.
pub const DOES_NOT_WORK: &str = "login_does_not_work";

/// Where a login is waited for: closed once nobody does.
type Hand = oneshot::Sender<Result<Handover, Refusal>>;

/// A login just issued; the only time that its password leaves.
#[derive(Debug)]
pub struct IssuedLogin {
    /// Its row, live.
    pub credential: Credential,
    /// Its password: 190 bits.
    pub password: SecretString,
    /// Where and how it is used.
    pub connection: ConnectionInfo,
}

impl Broker {
    /// Issues a login under `grant` to its principal. Where nobody waits for it any more, none goes live; one that was live
    /// just then is removed, as is one that its [`Handover`] brings to nobody.
    pub async fn issue_login(self: &Arc<Self>, caller: &Caller, grant: GrantId) -> Result<Handover, Refusal> {
        // The work goes on where the caller hangs up: a dropped future must not leave a create unfinished for its lease.
        let (broker, caller) = (Arc::clone(self), caller.clone());
        let (hand, taking) = oneshot::channel();
        let issuing = async move {
            let issued = broker.issue_login_inner(&caller, grant, &hand).await;
            // Nobody takes it: it comes back, or is dropped on its way, and a login in it is removed.
            let _ = hand.send(issued.map(|login| Handover::of(login, broker)));
        };
        tokio::spawn(log_scope::carried(issuing));
        taking.await.unwrap_or_else(|_| {
            Err(Refusal::unavailable(
                "internal",
                "Issuing was interrupted. What was begun is removed; try again.",
            ))
        })
    }

    async fn issue_login_inner(
        &self,
        caller: &Caller,
        grant_id: GrantId,
        hand: &Hand,
    ) -> Result<IssuedLogin, Refusal> {
        self.may_issue()?;
        let intended = self.intend_login(caller, grant_id).await?;
        let catalogue = self.catalogue().await?;
        let password = random_alphanumeric(32)
            .map(SecretString::from)
            .map_err(|e| Refusal::unavailable("no_randomness", e.to_string()))?;
        let target = catalogue.targets.get(&intended.target_id);
        let target =
            target.ok_or_else(|| TargetError::Refused("it is not in the catalogue any more".to_owned()));
        let connector = match target.and_then(|t| self.targets.connector(t)) {
            Ok(connector) => connector,
            Err(error) => return Err(self.not_made(&intended, &error, &password).await),
        };
        hallpass_domain::failpoint::hit("target.create.before");
        let created = connector.create(&intended, &password).await;
        hallpass_domain::failpoint::hit("target.create.after");
        let oid = match created {
            Ok(created) => created.external_oid,
            Err(error) => return Err(self.not_made(&intended, &error, &password).await),
        };
        let made = Credential { external_oid: oid, ..intended };
        let probe = self.probe_login(connector.as_ref(), &made, &password).await;
        if let Some(trouble) = &probe.trouble {
            let refusal = Refusal::unavailable(
                DOES_NOT_WORK,
                format!(
                    "A login was made and tried, and does not work, so it is not given out and is removed. {} {}",
                    trouble.what, trouble.what_to_do
                ),
            );
            let failure = Failure::does_not_work(trouble, &password);
            let _ = self.abandon(&made, oid, Some(&probe), &failure).await;
            return Err(refusal);
        }
        match self.go_live(caller, &made, oid, &probe, hand).await {
            Ok(credential) => {
                self.measure_issue(&credential, &probe).await;
                Ok(IssuedLogin { connection: connector.connection_info(&credential), credential, password })
            }
            Err(refusal) => {
                let _ = self.abandon(&made, oid, Some(&probe), &Failure::not_live()).await;
                Err(refusal)
            }
        }
    }

    /// Uses the new login once, within what is left until the create deadline: what does not work is never handed out.
    async fn probe_login(
        &self,
        connector: &dyn TargetConnector,
        made: &Credential,
        password: &SecretString,
    ) -> Probe {
        let left = (made.create_deadline - self.now()).to_std().unwrap_or_default();
        hallpass_domain::failpoint::hit("target.probe.before");
        let probed = connector.probe(made, password, left.min(PROBE)).await;
        hallpass_domain::failpoint::hit("target.probe.after");
        if let Some(trouble) = &probed.trouble {
            tracing::warn!(credential = %made.id, target = %made.target_id, trouble.what, "a new login does not work");
        }
        Probe {
            at: self.now(),
            took_ms: i64::try_from(probed.took.as_millis()).unwrap_or(i64::MAX),
            trouble: probed.trouble,
        }
    }

    /// How long people waited: from the ask for a login to one that works, and for a grant's first login from the approval.
    async fn measure_issue(&self, credential: &Credential, probe: &Probe) {
        self.reports.issued.observe(probe.at - credential.intended_at);
        let approved = async {
            let first = self.store.credentials_of(credential.grant_id).await.ok()?.first().map(|c| c.id)?;
            let grant = self.store.grant(credential.grant_id).await.ok()??;
            let from_approval = first == credential.id && grant.request_id.is_some();
            from_approval.then(|| grant.created_at.max(grant.starts_at))
        };
        if let Some(approved) = approved.await {
            self.reports.approved.observe(probe.at - approved);
        }
    }

    /// The row ahead of the account. It is ours to finish until the create deadline.
    async fn intend_login(&self, caller: &Caller, grant_id: GrantId) -> Result<Credential, Refusal> {
        self.commit_deciding(move || async move {
            let now = self.now();
            let catalogue = self.catalogue().await?;
            let grant = self.store.grant(grant_id).await.map_err(unreadable)?.filter(|g| g.principal == caller.principal()).ok_or_else(|| Refusal::not_found("grant"))?;
            let plan = login_plan(&catalogue, &grant, now)?;
            let unrevoked = self.store.credentials_of(grant_id).await.map_err(unreadable)?.iter().filter(|c| c.state != CredentialState::Revoked).count();
            if unrevoked >= MAX_LOGINS {
                return Err(Refusal::conflict("too_many_logins", format!("{MAX_LOGINS} logins of this grant exist already. Use one of them, or end the grant and ask again.")));
            }
            let id = CredentialId::new(now);
            let deadline = (now + Duration::seconds(CREATE_SECONDS)).min(grant.ends_at);
            let credential = Credential {
                id, grant_id, target_id: grant.target_id, kind: CredentialKind::PostgresqlLogin, state: CredentialState::Intended,
                external_name: external_name(&self.settings.instance, id), plan, not_after: grant.ends_at, create_deadline: deadline, due_at: deadline,
                intended_at: now, live_at: None, probe: None, denied_at: None, sessions_ended_at: None, sessions_cut: None, removed_at: None, verified_at: None,
                attempts: 0, next_attempt_at: deadline, last_error: None, alerted_at: None,
                claimed_by: Some(self.settings.worker.clone()), claimed_until: Some(deadline), fence: 1, external_oid: None, version: 1,
            };
            let transition = Transition::new(now)
                .rests_on(Rested::Grant(grant.id, grant.version))
                .rests_on(Rested::Catalogue(catalogue.revision))
                .with(Change::Credential(Box::new(credential.clone())))
                .event(event(now, "credential.intended", caller.actor(), &subjects(&credential),
                    json!({ "external_name": credential.external_name, "not_after": credential.not_after.to_rfc3339(), "create_deadline": deadline.to_rfc3339() }), json!({})));
            Ok(Decided::Commit(transition, credential))
        })
        .await
    }

    /// `intended → live`: guarded by our fence, the grant still allowing use, time, and that somebody waits for it.
    async fn go_live(
        &self,
        caller: &Caller,
        intended: &Credential,
        external_oid: Option<i64>,
        probe: &Probe,
        hand: &Hand,
    ) -> Result<Credential, Refusal> {
        self.commit_deciding(move || async move {
            if hand.is_closed() {
                return Err(Refusal::conflict("nobody_waits", "Nobody waits for this login any more, so it is not given out and is removed."));
            }
            let now = self.now();
            let over = || Refusal::conflict("grant_over", "The grant ended while the login was being made, so it is not given out and is removed.");
            let current = self.store.credential(intended.id).await.map_err(unreadable)?.ok_or_else(over)?;
            let grant = self.store.grant(intended.grant_id).await.map_err(unreadable)?.ok_or_else(over)?;
            if current.state != CredentialState::Intended || current.fence != intended.fence || !grant.allows_at(now) || now >= current.not_after {
                return Err(over());
            }
            // What was made must still be what the role gives: a right taken away meanwhile is not given out.
            let catalogue = self.catalogue().await?;
            if login_plan(&catalogue, &grant, now)? != current.plan {
                return Err(Refusal::conflict("role_changed", "The role changed while the login was being made, so it is not given out and is removed. Try again."));
            }
            let live = Credential {
                state: CredentialState::Live, live_at: Some(now), due_at: current.not_after.min(grant.ends_at), next_attempt_at: current.not_after,
                claimed_by: None, claimed_until: None, external_oid, probe: Some(probe.clone()), version: current.version + 1, ..current
            };
            let transition = Transition::new(now)
                .rests_on(Rested::Grant(grant.id, grant.version))
                .rests_on(Rested::Catalogue(catalogue.revision))
                .event(event(now, "credential.live", caller.actor(), &subjects(&live),
                    json!({ "external_name": live.external_name, "not_after": live.not_after.to_rfc3339(), "oid": external_oid.map(|o| o.to_string()), "probed_ms": probe.took_ms }), json!({})))
                .with(Change::Credential(Box::new(live.clone())));
            Ok(Decided::Commit(transition, live))
        })
        .await
    }
}

/// Noun and id of everything that an event about a credential is about.
pub(crate) fn subjects(c: &Credential) -> [(&'static str, String); 3] {
    [("credential", c.id.to_string()), ("grant", c.grant_id.to_string()), ("target", c.target_id.to_string())]
}

/// A target's failure while issuing, for the caller.
pub(super) fn target_trouble(error: &TargetError) -> Refusal {
    tracing::warn!(%error, "issuing at a target failed");
    match error {
        TargetError::Down(_) => Refusal::unavailable(
            "target_down",
            "The target cannot be reached right now, so no login was made. Try again in a minute.",
        ),
        TargetError::TooLate => Refusal::unavailable(
            "target_slow",
            "The target was too slow to make the login, so none was made. Try again.",
        ),
        TargetError::Refused(_) | TargetError::NotOurs => Refusal::unavailable(
            "target_refused",
            "The target refused to make the login. Its owners and the administrators have mail that says why.",
        ),
    }
}

fn login_plan(
    catalogue: &Catalogue,
    grant: &Grant,
    now: hallpass_domain::Timestamp,
) -> Result<Plan, Refusal> {
    let (_, _, terms) = issuable(catalogue, grant, now)?;
    let Terms::PostgresqlLogin { database, groups, connection_limit, .. } = terms else {
        return Err(Refusal::invalid("wrong_kind", "kind", "This role does not give logins."));
    };
    Ok(Plan::PostgresqlLogin { database, groups: groups.into_iter().collect(), connection_limit })
}
