//! What a catalogue file says, as it stands there: entries that name each other by name. Unknown keys are refused.
use std::collections::BTreeMap;

use hallpass_domain::principal::Duty;
use hallpass_domain::role::Tier;
use hallpass_domain::target::{PgTls, TokenAlg, Verification};
use hallpass_domain::workflow::Proof;
use serde::Deserialize;
use toml::Spanned;

use super::mistake::Span;

pub mod explain;
pub mod read;

/// Text with its place.
pub type Text = Spanned<String>;

/// A whole file.
#[derive(Debug, Default)]
pub struct CatalogueFile {
    /// Whether what is absent from the file is retired or disabled. True unless the file says `prune = false`.
    pub prune: bool,
    /// People.
    pub people: Vec<Spanned<PersonEntry>>,
    /// Groups.
    pub groups: Vec<Spanned<GroupEntry>>,
    /// Workloads.
    pub workloads: Vec<Spanned<WorkloadEntry>>,
    /// Targets.
    pub targets: Vec<Spanned<TargetEntry>>,
    /// Roles.
    pub roles: Vec<Spanned<RoleEntry>>,
    /// Workflows.
    pub workflows: Vec<Spanned<WorkflowEntry>>,
    /// Resource servers.
    pub resource_servers: Vec<Spanned<ResourceServerEntry>>,
}

/// `[[people]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonEntry {
    /// Sign-in name and mail destination; what other entries call the person.
    pub email: Text,
    /// Name as others read it.
    pub name: Text,
    /// IANA zone; UTC where none is named.
    pub time_zone: Option<Text>,
    /// Duties in Hallpass itself.
    #[serde(default)]
    pub duties: Vec<Duty>,
    /// May not sign in, decide or hold access.
    #[serde(default)]
    pub disabled: bool,
}

/// `[[groups]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupEntry {
    /// Unique name.
    pub name: Text,
    /// Title as people read it.
    pub title: Text,
    /// Addresses of people and names of workloads.
    #[serde(default)]
    pub members: Vec<Text>,
}

/// `[[workloads]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadEntry {
    /// Unique name.
    pub name: Text,
    /// Title as people read it.
    pub title: Text,
    /// Addresses of the people who answer for it.
    pub owners: Spanned<Vec<Text>>,
    /// Its OAuth `client_id`; the name where none is given.
    pub client_id: Option<Text>,
    /// Gets nothing.
    #[serde(default)]
    pub disabled: bool,
}

/// Kinds of target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// An OAuth audience.
    Oauth,
    /// A PostgreSQL cluster.
    Postgresql,
}

impl TargetKind {
    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Oauth => "oauth",
            Self::Postgresql => "postgresql",
        }
    }
}

/// `[[targets]]`: the settings of every kind stand beside each other, and those of another kind are refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetEntry {
    /// Unique name.
    pub name: Text,
    /// Title as people read it.
    pub title: Text,
    /// `production`, `staging`, …
    pub environment: Text,
    /// What it is.
    pub kind: Spanned<TargetKind>,
    /// Addresses of the people who answer for it and are alerted.
    pub owners: Spanned<Vec<Text>>,
    /// Nothing new is issued; what lives is still revoked.
    #[serde(default)]
    pub disabled: bool,
    /// Environment variable of the server that holds our password there.
    pub secret_env: Option<Text>,
    /// File in the server's secrets folder that holds our password there.
    pub secret_file: Option<Text>,
    /// oauth: `aud` of its tokens.
    pub audience: Option<Text>,
    /// oauth: how it checks tokens.
    pub verification: Option<Spanned<Verification>>,
    /// oauth: signature algorithm; `EdDSA` where none is named.
    pub alg: Option<Spanned<TokenAlg>>,
    /// oauth: its clock leeway, seconds.
    pub leeway_seconds: Option<Spanned<i64>>,
    /// postgresql: host name, address, or folder of a Unix socket.
    pub host: Option<Text>,
    /// postgresql: port; 5432 where none is named.
    pub port: Option<Spanned<u16>>,
    /// postgresql: host that logins are told to use, where it differs.
    pub public_host: Option<Text>,
    /// postgresql: database for role DDL and locks; `postgres` where none is named.
    pub maintenance_database: Option<Text>,
    /// postgresql: our administrator role there.
    pub admin_user: Option<Text>,
    /// postgresql: TLS; `verify-full` where nothing is said.
    pub tls: Option<Spanned<PgTls>>,
    /// postgresql: PEM file of the authority that signed the server's certificate.
    pub ca_file: Option<Text>,
    /// postgresql: NOLOGIN role that receives what a login left behind.
    pub quarantine_role: Option<Text>,
    /// postgresql: statement time-out of our work there, milliseconds.
    pub statement_timeout_ms: Option<Spanned<u64>>,
}

/// Group roles by scope parameter and value.
pub type ScopeGroups = BTreeMap<String, BTreeMap<String, Vec<Text>>>;

/// `[[roles]]`: what it issues follows from the kind of its target.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleEntry {
    /// Unique name over all targets.
    pub name: Text,
    /// Name of its target.
    pub target: Text,
    /// What it is for, in a sentence.
    pub purpose: Text,
    /// Risk.
    pub tier: Spanned<Tier>,
    /// Who may ask: addresses, groups, workloads.
    pub eligible: Spanned<Vec<Text>>,
    /// Longest duration, such as `8h`.
    pub max: Text,
    /// Usual duration; preselected.
    pub usual: Text,
    /// Name of the workflow.
    pub workflow: Text,
    /// Eligible workloads need no request.
    pub standing: Option<Spanned<bool>>,
    /// Scope parameters by name.
    #[serde(default)]
    pub scope: BTreeMap<String, Spanned<ScopeEntry>>,
    /// On an oauth target: longest life of one token; 300 where nothing is said.
    pub token_seconds: Option<Spanned<i64>>,
    /// On a postgresql target: database to connect to.
    pub database: Option<Text>,
    /// On a postgresql target: group roles that the login joins.
    pub groups: Option<Spanned<Vec<Text>>>,
    /// On a postgresql target: further group roles by scope.
    pub scope_groups: Option<Spanned<ScopeGroups>>,
    /// On a postgresql target: `CONNECTION LIMIT` of each login; 5 where nothing is said.
    pub connection_limit: Option<Spanned<i32>>,
}

/// `[roles.scope.<name>]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeEntry {
    /// Label as people read it.
    pub label: Text,
    /// Every value that may be asked for.
    pub allowed: Spanned<Vec<Text>>,
    /// Preselected values.
    #[serde(default)]
    pub default: Vec<Text>,
    /// Several values may be asked for.
    #[serde(default)]
    pub multiple: bool,
    /// At least one value must be asked for.
    #[serde(default)]
    pub required: bool,
}

/// `[[workflows]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkflowEntry {
    /// Unique name.
    pub name: Text,
    /// The stages in order.
    pub stages: Spanned<Vec<Spanned<StageEntry>>>,
}

/// `[[workflows.stages]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageEntry {
    /// Title as people read it.
    pub title: Text,
    /// Addresses of people and names of groups.
    pub approvers: Spanned<Vec<Text>>,
    /// How many distinct people must approve; 1 where nothing is said.
    pub needed: Option<Spanned<u32>>,
    /// Proof asked for; the tier's default where nothing is said.
    pub proof: Option<Spanned<Proof>>,
    /// Time in which the stage must be decided; `24h` where nothing is said.
    pub decide_within: Option<Text>,
}

/// `[[resource_servers]]`: a client that introspects the tokens of one oauth target.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceServerEntry {
    /// Its OAuth `client_id`.
    pub client_id: Text,
    /// Name of the target.
    pub target: Text,
}

/// The place of an optional setting.
pub fn span_of<T>(setting: &Option<Spanned<T>>) -> Option<Span> {
    setting.as_ref().map(Spanned::span)
}
