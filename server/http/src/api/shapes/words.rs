//! Words of the domain as they are on the wire, and back.
use hallpass_client::wire::common as wire;
use hallpass_domain::request as request_rules;
use hallpass_domain::role as role_rules;
use hallpass_domain::workflow as workflow_rules;

use crate::problem::Problem;

/// A word of the domain. The wire's types are the client's, so this stands where `From` cannot.
pub trait OnWire {
    /// Its counterpart.
    type Word;
    /// The same on the wire.
    fn on_wire(self) -> Self::Word;
}

impl OnWire for role_rules::Tier {
    type Word = wire::Tier;
    fn on_wire(self) -> wire::Tier {
        match self {
            Self::Low => wire::Tier::Low,
            Self::Medium => wire::Tier::Medium,
            Self::High => wire::Tier::High,
        }
    }
}

impl OnWire for role_rules::CredentialKind {
    type Word = wire::CredentialKind;
    fn on_wire(self) -> wire::CredentialKind {
        match self {
            Self::AccessToken => wire::CredentialKind::AccessToken,
            Self::PostgresqlLogin => wire::CredentialKind::PostgresqlLogin,
        }
    }
}

impl OnWire for workflow_rules::Proof {
    type Word = wire::Proof;
    fn on_wire(self) -> wire::Proof {
        match self {
            Self::Session => wire::Proof::Session,
            Self::StepUp => wire::Proof::StepUp,
        }
    }
}

impl OnWire for request_rules::Verdict {
    type Word = wire::Verdict;
    fn on_wire(self) -> wire::Verdict {
        match self {
            Self::Approve => wire::Verdict::Approve,
            Self::Deny => wire::Verdict::Deny,
        }
    }
}

/// A verdict that was sent.
///
/// # Errors
/// 422 `wrong_value` for a word that is none.
pub fn verdict(sent: wire::Verdict) -> Result<request_rules::Verdict, Problem> {
    match sent {
        wire::Verdict::Approve => Ok(request_rules::Verdict::Approve),
        wire::Verdict::Deny => Ok(request_rules::Verdict::Deny),
        wire::Verdict::Unknown => Err(unknown("verdict", wire::Verdict::WORDS)),
    }
}

/// What a word that is none of `words` is answered with.
pub fn unknown(member: &'static str, words: &[&str]) -> Problem {
    Problem::wrong("wrong_value", member, format!("“{member}” is one of: {}.", words.join(", ")))
}
