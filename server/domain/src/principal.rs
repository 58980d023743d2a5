//! Who may ask, hold and decide.
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::{ClientId, GroupId, UserId, WorkloadId};
use crate::secret::SecretHash;
use crate::text::{Email, Name};

/// A user, a workload, or a group of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "type", content = "id", rename_all = "snake_case")]
pub enum Principal {
    /// A person.
    User(UserId),
    /// A program.
    Workload(WorkloadId),
    /// Everyone in a group.
    Group(GroupId),
}

impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Workload(id) => write!(f, "workload:{id}"),
            Self::Group(id) => write!(f, "group:{id}"),
        }
    }
}

/// A standing duty of a user in Hallpass itself; it gives no access at any target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// Keeps the catalogue; may revoke any grant.
    Administrator,
    /// Reads everything, changes nothing.
    Auditor,
}

impl Duty {
    /// The word in pages, API and catalogue.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Auditor => "auditor",
        }
    }
}

/// A person with a local account. Credentials of the account are in [`crate::account::Account`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// Identity; never reused.
    pub id: UserId,
    /// Sign-in name and mail destination.
    pub email: Email,
    /// Name as others read it.
    pub display_name: String,
    /// IANA zone (`Europe/Berlin`) as the catalogue says it.
    pub time_zone: String,
    /// IANA zone that the person chose instead; no catalogue changes it.
    #[serde(default)]
    pub chosen_zone: Option<String>,
    /// Duties in Hallpass.
    pub duties: BTreeSet<Duty>,
    /// Disabled people cannot sign in, decide, or hold access.
    pub disabled: bool,
    /// Compare-and-swap counter.
    pub version: i64,
}

impl User {
    /// IANA zone in which times are shown to them and read from them.
    pub fn zone(&self) -> &str {
        self.chosen_zone.as_deref().unwrap_or(&self.time_zone)
    }
}

/// A group. Its members are rows of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Identity.
    pub id: GroupId,
    /// Unique name.
    pub name: Name,
    /// Title as people read it.
    pub title: String,
    /// People and workloads in it (no groups: membership is one level deep, so it can be read).
    pub members: BTreeSet<Principal>,
    /// Compare-and-swap counter.
    pub version: i64,
}

/// A program with an identity of its own and people who answer for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// Identity.
    pub id: WorkloadId,
    /// Unique name.
    pub name: Name,
    /// Title as people read it.
    pub title: String,
    /// Owners count as requesters of what it asks, so none of them decides it.
    pub owners: BTreeSet<UserId>,
    /// Disabled workloads get nothing.
    pub disabled: bool,
    /// Compare-and-swap counter.
    pub version: i64,
}

/// What an OAuth client is (RFC 6749 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "id", rename_all = "snake_case")]
pub enum ClientOf {
    /// A workload that fetches tokens by `client_credentials`.
    Workload(WorkloadId),
    /// A target that introspects its own audience.
    ResourceServer(crate::ids::TargetId),
    /// The `hallpass` command: public, device flow only.
    CommandLine,
}

/// A registered OAuth client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Client {
    /// Identity.
    pub id: ClientId,
    /// `client_id` as sent on the wire.
    pub client_id: Name,
    /// SHA-256 of its 256-bit secret; none for public clients.
    pub secret_hash: Option<SecretHash>,
    /// What it stands for.
    pub of: ClientOf,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Compare-and-swap counter.
    pub version: i64,
}
