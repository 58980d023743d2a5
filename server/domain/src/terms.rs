//! Terms: what a role gives for a scope, at one moment. A request pins them when it is asked and its grant when it
//! begins, so that a role that is changed later never gives more than what was approved.
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::request::Request;
use crate::role::{PostgresqlRole, Role, RoleSettings};
use crate::scope::Scope;
use crate::target::{Target, TargetSettings};
use crate::workflow::Stage;

/// What is given: everything of a role and its target that decides what a credential may do, and nothing that is only
/// text for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Terms {
    /// Rows written by a version that pinned nothing: equal to no terms of any role, and nothing is issued under them.
    #[default]
    Unpinned,
    /// Access tokens.
    AccessToken {
        /// `aud` of the tokens.
        audience: String,
        /// Longest life of one token, seconds.
        token_seconds: i64,
    },
    /// PostgreSQL logins.
    PostgresqlLogin {
        /// Server.
        host: String,
        /// Its port.
        port: u16,
        /// Database to connect to.
        database: String,
        /// Group roles that a login joins.
        groups: BTreeSet<String>,
        /// `CONNECTION LIMIT` of each login.
        connection_limit: i32,
    },
}

impl Terms {
    /// `aud` of the tokens, where they are for tokens.
    pub fn audience(&self) -> Option<&str> {
        match self {
            Self::AccessToken { audience, .. } => Some(audience),
            Self::Unpinned | Self::PostgresqlLogin { .. } => None,
        }
    }

    /// What `role` on `target` gives for `scope`; [`Self::Unpinned`] where the two are not of one kind.
    pub fn of(role: &Role, target: &Target, scope: &Scope) -> Self {
        match (&role.settings, &target.settings) {
            (RoleSettings::AccessToken(token), TargetSettings::Oauth(oauth)) => {
                Self::AccessToken { audience: oauth.audience.clone(), token_seconds: token.token_seconds }
            }
            (RoleSettings::PostgresqlLogin(login), TargetSettings::Postgresql(server)) => {
                Self::PostgresqlLogin {
                    host: server.host.clone(),
                    port: server.port,
                    database: database(login, scope),
                    groups: groups(login, scope),
                    connection_limit: login.connection_limit,
                }
            }
            _ => Self::Unpinned,
        }
    }

    /// What may be given now under `self`, as approved, where the role now gives `now`: what is in both, so that a right
    /// added since is not given and a right taken since is gone at once. `None` where the role now gives something else
    /// (another server, database, audience or kind), or nothing of what was approved.
    pub fn narrowed_to(&self, now: &Self) -> Option<Self> {
        match (self, now) {
            (
                Self::AccessToken { audience, token_seconds },
                Self::AccessToken { audience: other, token_seconds: most },
            ) if audience == other => Some(Self::AccessToken {
                audience: audience.clone(),
                token_seconds: *token_seconds.min(most),
            }),
            (
                Self::PostgresqlLogin { host, port, database, groups, connection_limit },
                Self::PostgresqlLogin {
                    host: now_host,
                    port: now_port,
                    database: now_database,
                    groups: now_groups,
                    connection_limit: most,
                },
            ) if (host, port, database) == (now_host, now_port, now_database) => {
                let both: BTreeSet<String> = groups.intersection(now_groups).cloned().collect();
                if both.is_empty() && !groups.is_empty() {
                    return None;
                }
                Some(Self::PostgresqlLogin {
                    host: host.clone(),
                    port: *port,
                    database: database.clone(),
                    groups: both,
                    connection_limit: least_connections(*connection_limit, *most),
                })
            }
            _ => None,
        }
    }

    /// True where `self` gives nothing that `other` does not (granted ⊆ approved).
    pub fn is_within(&self, other: &Self) -> bool {
        other.narrowed_to(self).as_ref() == Some(self)
    }
}

/// The stricter of two `CONNECTION LIMIT`s; a negative one is none.
fn least_connections(a: i32, b: i32) -> i32 {
    if a < 0 || b < 0 { a.max(b) } else { a.min(b) }
}

/// The role's database, or the one in scope parameter `database`.
fn database(settings: &PostgresqlRole, scope: &Scope) -> String {
    scope
        .0
        .get("database")
        .and_then(|v| v.iter().next())
        .cloned()
        .unwrap_or_else(|| settings.database.clone())
}

/// Groups of the role and of the scope values, each once.
fn groups(settings: &PostgresqlRole, scope: &Scope) -> BTreeSet<String> {
    let mut all: BTreeSet<String> = settings.groups.iter().cloned().collect();
    for (param, values) in &scope.0 {
        if let Some(by_value) = settings.scope_groups.get(param) {
            all.extend(values.iter().filter_map(|v| by_value.get(v)).flatten().cloned());
        }
    }
    all
}

/// Whether the role still is what was asked for: the same terms on the same target at the same tier, the scope still
/// inside it, and the same people to decide. Texts (purpose, titles), who is eligible and durations are not compared:
/// they change nothing that was shown, or are checked on their own.
pub fn are_as_asked(catalogue: &Catalogue, request: &Request) -> bool {
    let Some(role) = catalogue.roles.get(&request.role_id).filter(|r| !r.retired) else { return false };
    let (Some(target), Some(workflow)) =
        (catalogue.targets.get(&request.target_id), catalogue.workflows.get(&role.workflow_id))
    else {
        return false;
    };
    role.target_id == request.target_id
        && role.tier == request.tier
        && request.scope.check(&role.scope_schema).is_ok()
        && request.terms != Terms::Unpinned
        && Terms::of(role, target, &request.scope) == request.terms
        && workflow.id == request.workflow_id
        && !workflow.retired
        && decided_alike(&workflow.stages, &request.stages)
}

/// Whether two lists of stages are decided by the same people with the same proof. Titles and time to decide may differ.
fn decided_alike(now: &[Stage], asked: &[Stage]) -> bool {
    now.len() == asked.len()
        && now.iter().zip(asked).all(|(n, a)| {
            (&n.needed, &n.proof) == (&a.needed, &a.proof)
                && n.approvers.len() == a.approvers.len()
                && n.approvers.iter().all(|p| a.approvers.contains(p))
        })
}
