//! The catalogue's objects, to read.
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::grant::{GrantState, StandingBlock};
use hallpass_domain::ids::UserId;
use hallpass_domain::ports::grants::GrantFilter;
use hallpass_domain::ports::store::Page;
use hallpass_domain::principal::{ClientOf, Principal};
use hallpass_domain::refusal::Refusal;
use hallpass_domain::target::{TargetSettings, Verification};
use hallpass_domain::workflow::Proof;

use super::lines;
use crate::broker::{Broker, unreadable};
use crate::caller::Caller;
use crate::views::objects::{
    BlockLine, GroupRow, ObjectsView, PersonRow, RoleRow, TargetRow, WorkflowRow, WorkflowStage, WorkloadRow,
};

fn has(text: &str, query: &str) -> bool {
    let text = text.to_lowercase();
    query.to_lowercase().split_whitespace().all(|w| text.contains(w))
}

fn names(catalogue: &Catalogue, principals: impl IntoIterator<Item = Principal>) -> Vec<String> {
    principals.into_iter().map(|p| catalogue.name_of(p)).collect()
}

fn roles_where(catalogue: &Catalogue, test: impl Fn(&hallpass_domain::role::Role) -> bool) -> Vec<String> {
    catalogue.roles.values().filter(|r| !r.retired && test(r)).map(|r| r.name.to_string()).collect()
}

/// Standing roles that workloads do not get because a grant of theirs was revoked, those that fit.
pub fn blocks_of(catalogue: &Catalogue, fits: impl Fn(&StandingBlock) -> bool) -> Vec<BlockLine> {
    catalogue
        .standing_blocks
        .values()
        .filter(|b| fits(b))
        .map(|b| BlockLine {
            role: catalogue.roles.get(&b.role_id).map(|r| r.name.to_string()).unwrap_or_default(),
            since: b.blocked_at,
            by: b.blocked_by.map(|u| lines::user(catalogue, u).name),
            grant_id: b.grant_id.to_string(),
        })
        .collect()
}

impl Broker {
    /// Rows by name, with the revision of the catalogue that they are of.
    async fn listed<T>(
        &self,
        query: &str,
        mut rows: Vec<T>,
        name: impl Fn(&T) -> &str,
    ) -> Result<ObjectsView<T>, Refusal> {
        rows.sort_by(|a, b| name(a).cmp(name(b)));
        let applied = self.catalogue_applied().await?;
        let catalogue = self.catalogue().await?;
        let named = |by: &str| {
            let (kind, id) = by.split_once(':').unwrap_or(("", by));
            let user = id.parse().ok().filter(|_| kind == "user").map(|id| Principal::User(UserId(id)));
            user.map_or_else(|| format!("hallpassd {id}"), |user| catalogue.name_of(user))
        };
        Ok(ObjectsView {
            query: query.to_owned(),
            rows,
            next: None,
            revision: applied.as_ref().map_or(0, |mark| mark.revision),
            applied_at: applied.as_ref().map(|mark| mark.at),
            applied_by: applied.as_ref().map(|mark| named(&mark.by)),
        })
    }

    /// Targets.
    pub async fn targets_view(
        &self,
        caller: &Caller,
        query: &str,
    ) -> Result<ObjectsView<TargetRow>, Refusal> {
        let catalogue = self.overseen(caller).await?;
        let down = self.breakers.down();
        self.listed(
            query,
            catalogue
                .targets
                .values()
                .filter(|t| has(&format!("{} {} {}", t.name, t.title, t.environment), query))
                .map(|t| {
                    let (address, verification) = match &t.settings {
                        TargetSettings::Oauth(o) => (
                            o.audience.clone(),
                            if o.verification == Verification::Offline { "offline" } else { "introspect" },
                        ),
                        TargetSettings::Postgresql(p) => (format!("{}:{}", p.host, p.port), ""),
                    };
                    TargetRow {
                        name: t.name.to_string(),
                        kind: lines::kind_in_words(t.settings.kind()),
                        environment: t.environment.clone(),
                        address,
                        owners: names(&catalogue, t.owners.iter().map(|u| Principal::User(*u))),
                        verification: verification.to_owned(),
                        roles: roles_where(&catalogue, |r| r.target_id == t.id),
                        health: if t.disabled {
                            "disabled"
                        } else if down.iter().any(|(d, _)| *d == t.id) {
                            "down"
                        } else {
                            "up"
                        }
                        .to_owned(),
                        last_seen_at: None,
                    }
                })
                .collect(),
            |t| &t.name,
        )
        .await
    }

    /// Roles.
    pub async fn roles_view(&self, caller: &Caller, query: &str) -> Result<ObjectsView<RoleRow>, Refusal> {
        let catalogue = self.overseen(caller).await?;
        self.listed(
            query,
            catalogue
                .roles
                .values()
                .filter(|r| !r.retired && has(&format!("{} {}", r.name, r.purpose), query))
                .map(|r| RoleRow {
                    role: lines::role(&catalogue, r.id, r.target_id),
                    revision: r.revision,
                    eligible: names(&catalogue, r.eligible.iter().copied()),
                    usual_seconds: r.usual_seconds,
                    longest_seconds: r.max_seconds,
                    workflow: catalogue
                        .workflows
                        .get(&r.workflow_id)
                        .map(|w| w.name.to_string())
                        .unwrap_or_default(),
                    gives: vec![lines::credential_in_words(r.settings.kind())],
                    scope: r
                        .scope_schema
                        .iter()
                        .map(|(n, p)| crate::views::common::ScopeValue {
                            name: n.clone(),
                            values: p.allowed.clone(),
                        })
                        .collect(),
                    standing: r.standing,
                })
                .collect(),
            |r| &r.role.name,
        )
        .await
    }

    /// Workflows.
    pub async fn workflows_view(
        &self,
        caller: &Caller,
        query: &str,
    ) -> Result<ObjectsView<WorkflowRow>, Refusal> {
        let catalogue = self.overseen(caller).await?;
        self.listed(
            query,
            catalogue
                .workflows
                .values()
                .filter(|w| !w.retired && has(w.name.as_str(), query))
                .map(|w| WorkflowRow {
                    name: w.name.to_string(),
                    revision: w.revision,
                    roles: roles_where(&catalogue, |r| r.workflow_id == w.id),
                    stages: w
                        .stages
                        .iter()
                        .map(|s| WorkflowStage {
                            name: s.title.clone(),
                            need: i64::from(s.needed),
                            deciders: names(&catalogue, s.approvers.iter().copied()),
                            proof: s.proof.map_or("by tier", Proof::as_str).to_owned(),
                            lapses_after_seconds: s.decide_seconds,
                        })
                        .collect(),
                })
                .collect(),
            |w| &w.name,
        )
        .await
    }

    /// Groups.
    pub async fn groups_view(&self, caller: &Caller, query: &str) -> Result<ObjectsView<GroupRow>, Refusal> {
        let catalogue = self.overseen(caller).await?;
        self.listed(
            query,
            catalogue
                .groups
                .values()
                .filter(|g| has(&format!("{} {}", g.name, g.title), query))
                .map(|g| {
                    let me = Principal::Group(g.id);
                    GroupRow {
                        name: g.name.to_string(),
                        purpose: g.title.clone(),
                        members: names(&catalogue, g.members.iter().copied()),
                        decides_in: catalogue
                            .workflows
                            .values()
                            .filter(|w| !w.retired && w.stages.iter().any(|s| s.approvers.contains(&me)))
                            .map(|w| w.name.to_string())
                            .collect(),
                        eligible_for: roles_where(&catalogue, |r| r.eligible.contains(&me)),
                    }
                })
                .collect(),
            |g| &g.name,
        )
        .await
    }

    async fn active_grants(&self, principal: Principal) -> Result<i64, Refusal> {
        let filter = GrantFilter { principal: Some(principal), states: vec![GrantState::Active], role: None };
        Ok(i64::try_from(self.store.grants(&filter, Page::first(100)).await.map_err(unreadable)?.len())
            .unwrap_or(0))
    }

    /// People.
    pub async fn people_view(&self, caller: &Caller, query: &str) -> Result<ObjectsView<PersonRow>, Refusal> {
        let catalogue = self.overseen(caller).await?;
        let mut rows = Vec::new();
        for u in catalogue.users.values().filter(|u| has(&format!("{} {}", u.display_name, u.email), query)) {
            let account = self.store.account(u.id).await.map_err(unreadable)?;
            rows.push(PersonRow {
                name: u.display_name.clone(),
                email: u.email.to_string(),
                duties: u.duties.iter().map(|d| d.as_str().to_owned()).collect(),
                groups: catalogue
                    .groups
                    .values()
                    .filter(|g| g.members.contains(&Principal::User(u.id)))
                    .map(|g| g.name.to_string())
                    .collect(),
                state: if u.disabled { "disabled" } else { "active" }.to_owned(),
                second_factor: account.is_some_and(|a| a.totp_sealed.is_some()),
                last_sign_in_at: None,
                active_grants: self.active_grants(Principal::User(u.id)).await?,
            });
        }
        self.listed(query, rows, |r| &r.name).await
    }

    /// Workloads.
    pub async fn workloads_view(
        &self,
        caller: &Caller,
        query: &str,
    ) -> Result<ObjectsView<WorkloadRow>, Refusal> {
        let catalogue = self.overseen(caller).await?;
        let clients = self.store.clients().await.map_err(unreadable)?;
        let mut rows = Vec::new();
        for w in catalogue.workloads.values().filter(|w| has(&format!("{} {}", w.name, w.title), query)) {
            rows.push(WorkloadRow {
                name: w.name.to_string(),
                client_id: clients
                    .iter()
                    .find(|c| c.of == ClientOf::Workload(w.id))
                    .map(|c| c.client_id.to_string())
                    .unwrap_or_default(),
                owners: names(&catalogue, w.owners.iter().map(|u| Principal::User(*u))),
                eligible_for: roles_where(&catalogue, |r| {
                    catalogue.is_eligible(r, Principal::Workload(w.id))
                }),
                blocked_from: blocks_of(&catalogue, |b| b.workload_id == w.id),
                state: if w.disabled { "disabled" } else { "active" }.to_owned(),
                last_seen_at: None,
                active_grants: self.active_grants(Principal::Workload(w.id)).await?,
            });
        }
        self.listed(query, rows, |r| &r.name).await
    }
}
