//! Rows: one struct for each table, with its way to the noun and back. No queries here.
use hallpass_domain::ids::{GroupId, UserId, WorkloadId};
use hallpass_domain::principal::Principal;

use crate::db::types::{Uid, Word};
use crate::db::words::PrincipalKind;

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod catalogue;
pub(crate) mod comparison;
pub(crate) mod credentials;
pub(crate) mod grants;
pub(crate) mod mails;
pub(crate) mod people;
pub(crate) mod requests;

/// A stored row that does not make a noun: damaged, or written by something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a stored {what} cannot be read: {why}")]
pub(crate) struct BadRow {
    what: &'static str,
    why: String,
}

impl BadRow {
    pub(crate) fn new(what: &'static str, why: impl std::fmt::Display) -> Self {
        Self { what, why: why.to_string() }
    }
}

/// A row that makes a noun.
pub(crate) trait Row: Sized {
    /// The noun.
    type Noun;
    /// Makes it.
    fn noun(self) -> Result<Self::Noun, BadRow>;
}

/// The two columns of a principal.
pub(crate) fn principal_columns(principal: Principal) -> (Word<PrincipalKind>, Uid) {
    match principal {
        Principal::User(id) => (Word(PrincipalKind::User), Uid(id.0)),
        Principal::Workload(id) => (Word(PrincipalKind::Workload), Uid(id.0)),
        Principal::Group(id) => (Word(PrincipalKind::Group), Uid(id.0)),
    }
}

/// The principal of two columns.
pub(crate) fn principal_of(kind: Word<PrincipalKind>, id: Uid) -> Principal {
    match kind.0 {
        PrincipalKind::User => Principal::User(UserId(id.0)),
        PrincipalKind::Workload => Principal::Workload(WorkloadId(id.0)),
        PrincipalKind::Group => Principal::Group(GroupId(id.0)),
    }
}
