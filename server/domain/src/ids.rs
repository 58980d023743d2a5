//! One identifier type per noun, so that a grant id cannot be passed where a request id is meant.
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Timestamp;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident => $prefix:literal),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);
        impl $name {
            /// The noun, as it stands in audit subjects and actors.
            pub const NOUN: &'static str = $prefix;
            /// A new time-ordered id (UUIDv7, RFC 9562 §5.7): keyset paging by id is paging by time.
            pub fn new(now: Timestamp) -> Self { Self(v7(now)) }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { self.0.fmt(f) }
        }
        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(s: &str) -> Result<Self, Self::Err> { Uuid::parse_str(s).map(Self) }
        }
        impl From<Uuid> for $name { fn from(id: Uuid) -> Self { Self(id) } }
    )+};
}

/// A UUIDv7 for `now`.
pub fn v7(now: Timestamp) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, now.timestamp_subsec_nanos()))
}

/// When a UUIDv7 was made, to the millisecond; none of another version.
pub fn made_at(id: Uuid) -> Option<Timestamp> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    Timestamp::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}

ids! {
    /// A person.
    UserId => "user",
    /// A group of people and workloads.
    GroupId => "group",
    /// A program that asks for access on its own behalf.
    WorkloadId => "workload",
    /// A system on which access is given.
    TargetId => "target",
    /// Named permissions on one target.
    RoleId => "role",
    /// Ordered stages of approval.
    WorkflowId => "workflow",
    /// One ask.
    RequestId => "request",
    /// One approver's approve or deny.
    DecisionId => "decision",
    /// What an approved request becomes.
    GrantId => "grant",
    /// A stop on a standing role for one workload.
    StandingBlockId => "standing_block",
    /// Something issued at a target under a grant.
    CredentialId => "credential",
    /// What comparing a target with our records found.
    FindingId => "finding",
    /// An access token issued under a grant.
    TokenId => "token",
    /// A signed-in browser.
    SessionId => "session",
    /// An OAuth client: a workload's, a resource server's, or a command line's.
    ClientId => "client",
    /// An opaque token for Hallpass's own API.
    ApiTokenId => "api_token",
    /// A device authorization (RFC 8628).
    DeviceId => "device",
    /// A mail in the outbox.
    MailId => "mail",
    /// An audit event.
    EventId => "event",
    /// A signing key.
    KeyId => "key",
    /// One committed transition.
    CommandId => "command",
}
