//! Why work in the database failed, told apart by what follows from it.
use diesel::result::{DatabaseErrorKind, Error};
use hallpass_domain::ports::store::{CommitError, ReadError};

use crate::rows::BadRow;

/// Begins every message of our own triggers.
const OURS: &str = "hallpass: ";

/// A failure inside a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fail {
    /// A version had moved or a unique key was taken.
    Conflict(String),
    /// A rule of the database refused the row.
    Refused(String),
    /// A stored row could not be read.
    Row(String),
    /// Two transactions met (deadlock, serialization): the same work may succeed at once.
    Again(String),
    /// The connection is lost.
    Gone(String),
    /// The database cannot do it now: disk full, read-only, time-out.
    Sick(String),
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        let Error::DatabaseError(kind, info) = &error else {
            return match error {
                Error::NotFound => Self::Conflict("a row is missing".to_owned()),
                Error::DeserializationError(why) => Self::Row(why.to_string()),
                other => Self::Sick(other.to_string()),
            };
        };
        let message = info.message();
        if let Some(rule) = message.strip_prefix(OURS) {
            return Self::Refused(rule.to_owned());
        }
        match kind {
            DatabaseErrorKind::UniqueViolation => {
                Self::Conflict(info.constraint_name().unwrap_or(message).to_owned())
            }
            DatabaseErrorKind::ForeignKeyViolation
            | DatabaseErrorKind::RestrictViolation
            | DatabaseErrorKind::NotNullViolation
            | DatabaseErrorKind::CheckViolation
            | DatabaseErrorKind::ExclusionViolation => Self::Refused(message.to_owned()),
            DatabaseErrorKind::SerializationFailure => Self::Again(message.to_owned()),
            // PostgreSQL has a code for it; the driver passes on only the text.
            DatabaseErrorKind::Unknown if message.contains("deadlock") => Self::Again(message.to_owned()),
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => {
                Self::Gone(message.to_owned())
            }
            _ => Self::Sick(message.to_owned()),
        }
    }
}

impl From<BadRow> for Fail {
    fn from(row: BadRow) -> Self {
        Self::Row(row.to_string())
    }
}

impl From<Fail> for CommitError {
    fn from(fail: Fail) -> Self {
        match fail {
            Fail::Conflict(what) => Self::Conflict(what),
            Fail::Refused(why) => Self::Refused(why),
            Fail::Row(why) | Fail::Again(why) | Fail::Gone(why) | Fail::Sick(why) => Self::Unavailable(why),
        }
    }
}

/// A read's failure.
pub(crate) fn unread(error: impl std::fmt::Display) -> ReadError {
    ReadError(error.to_string())
}
