//! The catalogue of roles that somebody may ask for.
use std::collections::BTreeMap;

use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::grant::{Grant, GrantState};
use hallpass_domain::ids::RoleId;
use hallpass_domain::ports::grants::GrantFilter;
use hallpass_domain::ports::requests::RequestFilter;
use hallpass_domain::ports::store::Page;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request::{Request, RequestState};
use hallpass_domain::role::Role;
use hallpass_domain::window::Ask;

use super::lines;
use crate::broker::{Broker, unreadable};
use crate::caller::Caller;
use crate::views::catalogue::{AgainItem, CatalogueView, RoleCard};
use crate::views::page::Choice;

/// Roles on one page.
const PAGE: usize = 50;

/// What is looked for; empty fields do not narrow.
#[derive(Clone, Debug, Default)]
pub struct CatalogueQuery {
    /// Words in name, purpose or target.
    pub text: String,
    /// Target name.
    pub target: String,
    /// Tier.
    pub tier: String,
    /// Role name after which the page begins.
    pub after: String,
}

/// What a caller has and waits for, by role.
pub(crate) struct Held {
    grants: BTreeMap<RoleId, Grant>,
    requests: BTreeMap<RoleId, Request>,
    recent: Vec<Request>,
}

impl Broker {
    pub(crate) async fn holdings(&self, caller: &Caller) -> Result<Held, Refusal> {
        let principal = caller.principal();
        let filter = GrantFilter {
            principal: Some(principal),
            states: vec![GrantState::Active, GrantState::Scheduled],
            role: None,
        };
        let grants = self.store.grants(&filter, Page::first(100)).await.map_err(unreadable)?;
        let recent = self
            .store
            .requests(&RequestFilter { of: Some(principal), ..Default::default() }, Page::first(50))
            .await
            .map_err(unreadable)?;
        let now = self.now();
        Ok(Held {
            grants: grants.into_iter().filter(|g| g.ends_at > now).map(|g| (g.role_id, g)).collect(),
            requests: recent
                .iter()
                .filter(|r| r.state == RequestState::Pending && r.decide_by > now)
                .map(|r| (r.role_id, r.clone()))
                .collect(),
            recent,
        })
    }

    /// The catalogue as this caller sees it.
    pub async fn catalogue_view(
        &self,
        caller: &Caller,
        query: &CatalogueQuery,
    ) -> Result<CatalogueView, Refusal> {
        let catalogue = self.catalogue().await?;
        let held = self.holdings(caller).await?;
        let mine: Vec<&Role> =
            sorted(&catalogue).into_iter().filter(|r| catalogue.is_eligible(r, caller.principal())).collect();
        let found: Vec<&&Role> = mine.iter().filter(|r| matches(&catalogue, r, query)).collect();
        let page: Vec<&Role> =
            found.iter().filter(|r| r.name.as_str() > query.after.as_str()).take(PAGE).map(|r| **r).collect();
        let last = page.last().map(|r| r.name.to_string());
        let next = last.filter(|l| found.iter().any(|r| r.name.as_str() > l.as_str()));
        let mut targets: Vec<String> = mine
            .iter()
            .filter_map(|r| catalogue.targets.get(&r.target_id))
            .map(|t| t.name.to_string())
            .collect();
        targets.sort();
        targets.dedup();
        Ok(CatalogueView {
            query: query.text.clone(),
            tiers: choices("all tiers", &["low", "medium", "high"].map(str::to_owned), &query.tier),
            targets: choices("all targets", &targets, &query.target),
            again: if query.text.is_empty() && query.after.is_empty() {
                again(&catalogue, caller, &held)
            } else {
                Vec::new()
            },
            roles: page.iter().map(|r| self.role_card(&catalogue, caller, &held, r)).collect(),
            total: i64::try_from(found.len()).unwrap_or(0),
            total_unfiltered: i64::try_from(mine.len()).unwrap_or(0),
            next,
        })
    }

    pub(crate) fn role_card(
        &self,
        catalogue: &Catalogue,
        caller: &Caller,
        held: &Held,
        role: &Role,
    ) -> RoleCard {
        let requesters = catalogue.requesters(caller.principal(), caller.user());
        let (state, until, href) = match (held.grants.get(&role.id), held.requests.get(&role.id)) {
            (Some(g), _) => ("active", Some(g.ends_at), Some(format!("/grants/{}", g.id))),
            (None, Some(r)) => ("pending", None, Some(format!("/requests/{}", r.reference))),
            (None, None) => ("eligible", None, None),
        };
        RoleCard {
            role: lines::role(catalogue, role.id, role.target_id),
            usual_seconds: role.usual_seconds,
            longest_seconds: role.max_seconds,
            approval: lines::approval_lines(catalogue, role, &requesters),
            proof: lines::strongest_proof(catalogue, role).as_str().to_owned(),
            gives: vec![lines::credential_in_words(role.settings.kind())],
            standing: role.standing,
            state: state.to_owned(),
            until,
            state_href: href,
            why_not: None,
            last_used_at: held
                .recent
                .iter()
                .find(|r| r.role_id == role.id && r.state == RequestState::Approved)
                .map(|r| r.submitted_at),
        }
    }
}

fn sorted(catalogue: &Catalogue) -> Vec<&Role> {
    let mut roles: Vec<&Role> = catalogue.roles.values().filter(|r| !r.retired).collect();
    roles.sort_by(|a, b| a.name.cmp(&b.name));
    roles
}

fn matches(catalogue: &Catalogue, role: &Role, query: &CatalogueQuery) -> bool {
    let target = catalogue.targets.get(&role.target_id);
    let text = format!(
        "{} {} {} {}",
        role.name,
        role.purpose,
        target.map(|t| t.name.to_string()).unwrap_or_default(),
        target.map(|t| t.environment.clone()).unwrap_or_default()
    )
    .to_lowercase();
    query.text.to_lowercase().split_whitespace().all(|w| text.contains(w))
        && (query.tier.is_empty() || query.tier == role.tier.as_str())
        && (query.target.is_empty() || target.is_some_and(|t| t.name.as_str() == query.target))
}

pub(crate) fn choices(all: &str, values: &[String], chosen: &str) -> Vec<Choice> {
    std::iter::once(Choice { value: String::new(), label: all.to_owned(), chosen: chosen.is_empty() })
        .chain(values.iter().map(|v| Choice { value: v.clone(), label: v.clone(), chosen: v == chosen }))
        .collect()
}

/// The last five asks, each role once, as a link that fills the form.
fn again(catalogue: &Catalogue, caller: &Caller, held: &Held) -> Vec<AgainItem> {
    let mut seen = std::collections::BTreeSet::new();
    held.recent
        .iter()
        .filter(|r| r.state != RequestState::Pending && seen.insert(r.role_id))
        .filter_map(|r| {
            let role = catalogue
                .roles
                .get(&r.role_id)
                .filter(|role| catalogue.is_eligible(role, caller.principal()))?;
            let seconds = match r.ask {
                Ask::Seconds(s) => s,
                Ask::Until(_) => role.usual_seconds,
            };
            Some(AgainItem {
                role: lines::role(catalogue, role.id, role.target_id),
                seconds,
                reason: r.reason.clone(),
                at: r.submitted_at,
                href: ask_again_href(&role.name.to_string(), r),
            })
        })
        .take(5)
        .collect()
}

/// The request form, filled as this request was.
pub(crate) fn ask_again_href(role: &str, request: &Request) -> String {
    let mut parts = vec![format!("role={}", encode(role)), format!("reason={}", encode(&request.reason))];
    if let Ask::Seconds(s) = request.ask {
        parts.push(format!("for_text={}", encode(&format!("{s}s"))));
    }
    if let Some(ticket) = &request.ticket {
        parts.push(format!("ticket={}", encode(ticket)));
    }
    for (name, values) in &request.scope.0 {
        parts.extend(values.iter().map(|v| format!("scope.{}={}", encode(name), encode(v))));
    }
    format!("/request?{}", parts.join("&"))
}

/// Percent-encoding of everything but unreserved characters (RFC 3986 §2.3).
pub fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~') {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}
