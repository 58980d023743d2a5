//! What several answers carry: pages, principals, roles in a line, durations, stages, decisions.
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// An instant: RFC 3339, UTC, on the wire.
pub type Timestamp = chrono::DateTime<chrono::Utc>;

/// Scope values by parameter: `{"access": ["read"]}`.
pub type Scope = BTreeMap<String, Vec<String>>;

/// One page of a keyset-paged list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Cursor for `?after=` of the following page; none on the last one. Opaque.
    pub next: Option<String>,
}

/// A duration, in both notations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Span {
    /// Whole seconds.
    pub seconds: i64,
    /// ISO 8601, such as `PT1H30M`; days and below only.
    pub iso8601: String,
}

impl Span {
    /// A span of `seconds`; below zero counts as zero.
    pub fn new(seconds: i64) -> Self {
        let seconds = seconds.max(0);
        Self { seconds, iso8601: iso8601(seconds) }
    }
}

/// `P1DT2H`, `PT90S` and so on; `PT0S` for zero.
fn iso8601(seconds: i64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let mut out = String::from("P");
    if days > 0 {
        out.push_str(&format!("{days}D"));
    }
    if rest > 0 || days == 0 {
        out.push('T');
        for (value, unit) in [(rest / 3_600, 'H'), (rest % 3_600 / 60, 'M'), (rest % 60, 'S')] {
            if value > 0 {
                out.push_str(&format!("{value}{unit}"));
            }
        }
        if rest == 0 {
            out.push_str("0S");
        }
    }
    out
}

words! {
    /// What a principal is.
    PrincipalKind {
        /// A person.
        User => "user",
        /// A program.
        Workload => "workload",
        /// People and programs together.
        Group => "group",
    }
}

words! {
    /// How much harm a role can do.
    Tier {
        /// Everyday.
        Low => "low",
        /// Needs a look.
        Medium => "medium",
        /// Lasting harm: a second factor per decision unless the workflow says otherwise.
        High => "high",
    }
}

words! {
    /// What an approver must prove at the moment of deciding.
    Proof {
        /// Signed in as this approver.
        Session => "session",
        /// A second factor bound to this request's digest, at most five minutes old.
        StepUp => "step-up",
    }
}

words! {
    /// What a role issues.
    CredentialKind {
        /// JWT access token (RFC 9068).
        AccessToken => "access_token",
        /// PostgreSQL login role.
        PostgresqlLogin => "postgresql_login",
    }
}

words! {
    /// Approve or deny.
    Verdict {
        /// Yes.
        Approve => "approve",
        /// No.
        Deny => "deny",
    }
}

/// A person or program in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PrincipalLine {
    /// What it is.
    pub kind: PrincipalKind,
    /// Name as people know it.
    pub name: String,
    /// Mail address of a person, client id of a workload, name of a group.
    pub handle: String,
}

/// A role on its target, in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoleLine {
    /// Unique name, as scripts use it.
    pub name: String,
    /// What it is for, in a sentence.
    pub purpose: String,
    /// Name of the target.
    pub target: String,
    /// Kind of the target: `postgresql` or `oauth`.
    pub target_kind: String,
    /// Environment of the target, such as `production`; empty if it has none.
    pub environment: String,
    /// Risk.
    pub tier: Tier,
    /// What it issues.
    pub credential_kind: CredentialKind,
}

words! {
    /// Where a stage of a request stands.
    StageState {
        /// An earlier stage is open.
        Waiting => "waiting",
        /// Can be decided now.
        Open => "open",
        /// Enough distinct people approved.
        Approved => "approved",
        /// Denied in this stage.
        Denied => "denied",
        /// Nobody decided in time.
        Lapsed => "lapsed",
        /// The request ended before this stage did.
        Closed => "closed",
    }
}

/// One stage of a request, or of a dry run (then `state` says `waiting` or `open` and nobody has decided).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stage {
    /// Position, from 1.
    pub position: u32,
    /// Title as people read it.
    pub name: String,
    /// Where it stands.
    pub state: StageState,
    /// How many distinct people must approve.
    pub need: u32,
    /// How many have approved.
    pub have: u32,
    /// Who can decide now; those who ask are left out.
    pub deciders: Vec<PrincipalLine>,
    /// What they must prove.
    pub proof: Proof,
    /// When the stage lapses; none until it is open.
    pub decide_by: Option<DateTime<Utc>>,
    /// Decisions, in the order in which they were made.
    pub decisions: Vec<Decision>,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Decision {
    /// Who decided.
    pub by: PrincipalLine,
    /// What.
    pub verdict: Verdict,
    /// When it was committed.
    pub at: DateTime<Utc>,
    /// What was proved.
    pub proof: Proof,
    /// What the approver wrote; always there on deny.
    pub comment: Option<String>,
    /// The length to which the approver shortened the request.
    pub shortened_to: Option<Span>,
    /// The digest that this approver was shown (64 hexadecimal digits).
    pub digest: String,
}

/// One line of a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TimelineEvent {
    /// When.
    pub at: DateTime<Utc>,
    /// Who, by name; `Hallpass` for the system.
    pub by: String,
    /// What, as a sentence without the actor.
    pub what: String,
    /// More, such as a comment.
    pub detail: Option<String>,
    /// The audit event behind it.
    pub event_id: Option<String>,
}

/// A body without members: `{}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Empty {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_in_iso_8601() {
        for (seconds, text) in [
            (0, "PT0S"),
            (45, "PT45S"),
            (5400, "PT1H30M"),
            (7200, "PT2H"),
            (86_400, "P1D"),
            (93_600, "P1DT2H"),
            (-1, "PT0S"),
        ] {
            assert_eq!(Span::new(seconds).iso8601, text);
        }
    }

    #[test]
    fn a_word_from_the_future_is_read_as_unknown() {
        assert_eq!(serde_json::from_str::<Tier>("\"extreme\"").unwrap(), Tier::Unknown);
        assert_eq!(serde_json::from_str::<Proof>("\"step-up\"").unwrap(), Proof::StepUp);
        assert_eq!(serde_json::to_string(&Proof::StepUp).unwrap(), "\"step-up\"");
    }
}
