//! Trials of targets before they are relied on: the canary. Its account has a row committed before it exists; that it is
//! gone afterwards is proven in `trials_over.rs`.
use std::collections::BTreeMap;

use chrono::Duration;
use hallpass_domain::credential::{Credential, CredentialState, Plan, external_name};
use hallpass_domain::ids::{CredentialId, GrantId};
use hallpass_domain::ports::target::{Canary, TargetConnector, TargetError};
use hallpass_domain::refusal::Refusal;
use hallpass_domain::role::{CredentialKind, RoleSettings};
use hallpass_domain::target::{Target, TargetSettings};
use hallpass_domain::target_check::TargetCheck;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use super::applied::By;
use super::apply::actor;
use super::build::State;
use crate::broker::{Broker, unreadable};
use crate::caller::Caller;
use crate::events::event;

/// Seconds in which the target must have created the throw-away account.
const CREATE_SECONDS: i64 = 10;
/// Databases of one target that are tried: the first by name of those that its roles give.
const MOST_PLACES: usize = 5;

/// What a trial of a target came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What revocation needs works there.
    Fit,
    /// It does not: see the problems.
    Unfit,
    /// It did not answer.
    Unreachable,
    /// Nothing was done: a dry run.
    WouldTry,
}

impl Outcome {
    /// The word in API and audit.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fit => "fit",
            Self::Unfit => "unfit",
            Self::Unreachable => "unreachable",
            Self::WouldTry => "would_try",
        }
    }
}

/// A target that was tried, or would be.
#[derive(Clone, Debug)]
pub struct TargetTried {
    /// Its name.
    pub target: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Databases in which a login is tried.
    pub databases: Vec<String>,
    /// Version, as the target says.
    pub version: Option<String>,
    /// What is wrong, each with what to do.
    pub problems: Vec<String>,
}

/// Where logins are tried: a database, and the groups of a role there.
type Place = (String, Vec<String>);

/// A target that must be tried before it is committed so.
#[derive(Clone, Debug)]
pub(super) struct Needed {
    /// As it would be.
    pub(super) target: Target,
    /// It is new, comes back, or its address changes: nothing is known of the server there, so it must answer.
    pub(super) must_answer: bool,
    /// Where.
    pub(super) places: Vec<Place>,
}

/// Targets of `next` whose server was not tried as it would be used from now on.
pub(super) fn needed(current: &State, next: &State) -> Vec<Needed> {
    let address = |t: &Target| match &t.settings {
        TargetSettings::Postgresql(p) => Some((p.host.clone(), p.port)),
        TargetSettings::Oauth(_) => None,
    };
    let tried = |t: &&Target| t.settings.kind() == "postgresql" && !t.disabled;
    next.catalogue
        .targets
        .values()
        .filter(tried)
        .filter_map(|target| {
            let was = current.catalogue.targets.get(&target.id).filter(|w| !w.disabled);
            let same =
                was.is_some_and(|w| w.settings == target.settings && w.sealed_secret == target.sealed_secret);
            (!same).then(|| Needed {
                must_answer: was.is_none_or(|w| address(w) != address(target)),
                places: places(next, target),
                target: target.clone(),
            })
        })
        .collect()
}

/// The databases that the target's roles give, each with the groups of one of them; else the maintenance database.
fn places(state: &State, target: &Target) -> Vec<Place> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for role in state.catalogue.roles.values().filter(|r| r.target_id == target.id && !r.retired) {
        if let RoleSettings::PostgresqlLogin(settings) = &role.settings {
            places.entry(settings.database.clone()).or_insert_with(|| settings.groups.clone());
        }
    }
    if let (true, TargetSettings::Postgresql(p)) = (places.is_empty(), &target.settings) {
        places.insert(p.maintenance_database.clone(), Vec::new());
    }
    places.into_iter().take(MOST_PLACES).collect()
}

impl Needed {
    /// What a dry run says of it.
    pub(super) fn would(&self) -> TargetTried {
        self.tried(Outcome::WouldTry)
    }

    fn tried(&self, outcome: Outcome) -> TargetTried {
        TargetTried {
            target: self.target.name.to_string(),
            outcome,
            databases: self.places.iter().map(|(database, _)| database.clone()).collect(),
            version: None,
            problems: Vec::new(),
        }
    }
}

impl Broker {
    /// Tries a target of the catalogue again, for an administrator.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, and where it is of a kind without accounts.
    pub async fn check_target(&self, caller: &Caller, name: &str) -> Result<TargetTried, Refusal> {
        let catalogue = self.catalogue().await?;
        let (actor, _, _) = actor(&catalogue, By::Person(caller))?;
        let target = catalogue
            .targets
            .values()
            .find(|t| t.name.as_str() == name)
            .ok_or_else(|| Refusal::not_found("target"))?;
        if target.settings.kind() != "postgresql" {
            return Err(Refusal::invalid(
                "no_accounts",
                "name",
                "Hallpass makes no accounts at this target, so there is nothing to try.",
            ));
        }
        let clients = self.store.clients().await.map_err(unreadable)?;
        let state = State::new(hallpass_domain::catalogue::Catalogue::clone(&catalogue), clients);
        let needed = Needed { must_answer: true, places: places(&state, target), target: target.clone() };
        Ok(self.try_target(&actor, &needed).await)
    }

    /// Creates, uses and removes a throw-away account in each place.
    pub(super) async fn try_target(&self, actor: &str, needed: &Needed) -> TargetTried {
        let mut tried = needed.tried(Outcome::Fit);
        let connector = match self.targets.trial(&needed.target) {
            Ok(connector) => connector,
            Err(error) => {
                tried.outcome = Outcome::Unfit;
                tried.problems.push(error.to_string());
                return tried;
            }
        };
        for place in &needed.places {
            match self.try_place(actor, &needed.target, connector.as_ref(), place).await {
                Ok(found) => {
                    tried.version = Some(found.version);
                    tried.problems.extend(found.problems);
                }
                Err(TargetError::Down(why)) => {
                    tried.outcome = Outcome::Unreachable;
                    tried.problems = vec![why];
                    return tried;
                }
                Err(error) => tried.problems.push(error.to_string()),
            }
        }
        tried.problems.dedup();
        if !tried.problems.is_empty() {
            tried.outcome = Outcome::Unfit;
        }
        tried
    }

    async fn try_place(
        &self,
        actor: &str,
        target: &Target,
        connector: &dyn TargetConnector,
        (database, groups): &Place,
    ) -> Result<Canary, TargetError> {
        // A server that is not there now gets no record: one for an account that cannot be could never be closed.
        connector.list_marked().await?;
        let now = self.now();
        let account = throw_away(&self.settings.instance, target, database, groups, now);
        let subjects = [("credential", account.id.to_string()), ("target", target.id.to_string())];
        let check = TargetCheck {
            next_attempt_at: account.create_deadline + Duration::seconds(6),
            account,
            target: target.clone(),
            begun_at: now,
            found: None,
            found_at: None,
            gone_at: None,
            version: 1,
        };
        let begun = Transition::new(now)
            .event(event(
                now,
                "target.check_begun",
                actor,
                &subjects,
                json!({ "external_name": check.account.external_name, "database": database }),
                json!({}),
            ))
            .with(Change::TargetCheck(Box::new(check.clone())));
        self.commit(begun).await.map_err(|error| {
            TargetError::Refused(format!("the trial could not be recorded, so nothing was made: {error}"))
        })?;
        let found = connector.canary(&check.account).await;
        let now = self.now();
        let said = match &found {
            Ok(canary) => {
                json!({ "outcome": if canary.problems.is_empty() { "fit" } else { "unfit" }, "problems": canary.problems.len(), "version": canary.version })
            }
            Err(error) => json!({ "outcome": error.class() }),
        };
        let problems = found.as_ref().map(|c| c.problems.clone()).unwrap_or_default();
        let next = TargetCheck {
            found: found.as_ref().ok().cloned(),
            found_at: Some(now),
            version: check.version + 1,
            ..check
        };
        let ended = Transition::new(now)
            .event(event(now, "target.checked", actor, &subjects, said, json!({ "problems": problems })))
            .with(Change::TargetCheck(Box::new(next)));
        if let Err(error) = self.commit(ended).await {
            tracing::warn!(target = %target.name, %error, "what a trial found could not be recorded");
        }
        found
    }
}

fn throw_away(
    instance: &str,
    target: &Target,
    database: &str,
    groups: &[String],
    now: hallpass_domain::Timestamp,
) -> Credential {
    let id = CredentialId::new(now);
    let deadline = now + Duration::seconds(CREATE_SECONDS);
    Credential {
        id,
        // Under no grant: nobody ever holds it.
        grant_id: GrantId(uuid::Uuid::nil()),
        target_id: target.id,
        kind: CredentialKind::PostgresqlLogin,
        state: CredentialState::Intended,
        external_name: external_name(instance, id),
        plan: Plan::PostgresqlLogin {
            database: database.to_owned(),
            groups: groups.to_vec(),
            connection_limit: 2,
        },
        not_after: deadline,
        create_deadline: deadline,
        due_at: deadline,
        intended_at: now,
        live_at: None,
        probe: None,
        denied_at: None,
        sessions_ended_at: None,
        sessions_cut: None,
        removed_at: None,
        verified_at: None,
        attempts: 0,
        next_attempt_at: deadline,
        last_error: None,
        alerted_at: None,
        claimed_by: None,
        claimed_until: None,
        fence: 1,
        external_oid: None,
        version: 1,
    }
}
