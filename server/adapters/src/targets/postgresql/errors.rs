//! What an error of the target means to us. Nothing here carries a password, a verifier or a connection string.
use hallpass_domain::ports::target::TargetError;
use tokio_postgres::error::{DbError, SqlState};

/// Why something at the target failed, and what it means for the connection.
#[derive(Debug)]
pub(super) struct Trouble {
    /// For the caller.
    pub(super) error: TargetError,
    /// Something was lost on the connection, or an answer did not come: it is not used again. An error that the target
    /// answered leaves it whole.
    pub(super) lost: bool,
    /// The target's table of locks is full.
    pub(super) full: bool,
    /// Somebody else changed the same object at the same instant. PostgreSQL has only its code for internal errors for it,
    /// `XX000` ("tuple concurrently updated", "cache lookup failed for role"), and words in the language of the server.
    pub(super) crossed: bool,
}

impl Trouble {
    /// The target cannot be reached, or does not answer.
    pub(super) fn lost(why: impl Into<String>) -> Self {
        Self { error: TargetError::Down(why.into()), lost: true, full: false, crossed: false }
    }
}

impl From<TargetError> for Trouble {
    fn from(error: TargetError) -> Self {
        Self { error, lost: false, full: false, crossed: false }
    }
}

/// Translates what the server answered to a new connection: a target that lets nobody in is down.
pub(super) fn connect_trouble(db: &DbError) -> Trouble {
    Trouble { error: from_server(db, true), lost: true, full: is_full(db), crossed: false }
}

/// Translates an error of a statement: what it ran out of is the fault of the account that it was about, and no reason to
/// leave the others alone.
pub(super) fn statement_trouble(error: &tokio_postgres::Error) -> Trouble {
    match error.as_db_error() {
        Some(db) => Trouble {
            error: from_server(db, false),
            lost: matches!(db.severity(), "FATAL" | "PANIC"),
            full: is_full(db),
            crossed: *db.code() == SqlState::INTERNAL_ERROR,
        },
        None => Trouble::lost(no_answer(error)),
    }
}

/// Translates an error of the driver, for where only the words count.
pub(super) fn target_error(error: &tokio_postgres::Error) -> TargetError {
    match error.as_db_error() {
        Some(db) => from_server(db, true),
        None => TargetError::Down(no_answer(error)),
    }
}

fn no_answer(error: &tokio_postgres::Error) -> String {
    if error.is_closed() { "the connection was closed".into() } else { root_cause(error) }
}

/// Shared memory for locks is used up.
fn is_full(db: &DbError) -> bool {
    *db.code() == SqlState::OUT_OF_MEMORY && db.message().contains("shared memory")
}

/// So much of what a server says goes into rows and mails.
const LONGEST: usize = 2_000;

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// The server answered: it is up, unless it says that it is going or, to a new connection, that it is full.
fn from_server(db: &DbError, connecting: bool) -> TargetError {
    let (code, message) = (db.code().code(), cut(db.message()));
    match code {
        "HP001" => TargetError::TooLate,
        "HP002" => TargetError::NotOurs,
        "HP003" => TargetError::Refused(message),
        "HP004" => TargetError::Refused("an account for this credential exists already".into()),
        _ if code.starts_with("08")
            || (connecting && code.starts_with("53"))
            || code.starts_with("57P")
            || code.starts_with("58") =>
        {
            TargetError::Down(format!("{message} ({code})"))
        }
        // A standby where the primary was: somebody is changing over.
        _ if *db.code() == SqlState::READ_ONLY_SQL_TRANSACTION => {
            TargetError::Down(format!("{message} ({code})"))
        }
        _ if code.starts_with("28") => {
            TargetError::Refused(format!("our administrator's login was refused ({code})"))
        }
        // Names of the objects in the way: for the person who has to look.
        _ if *db.code() == SqlState::DEPENDENT_OBJECTS_STILL_EXIST => {
            let detail = cut(db.detail().unwrap_or(""));
            TargetError::Refused(format!("{message}: {detail}"))
        }
        _ => TargetError::Refused(format!("{message} ({code})")),
    }
}

/// The innermost cause: the outer texts of the driver only say at which stage.
pub(super) fn root_cause(error: &tokio_postgres::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// An answer that we cannot read: a server that is not PostgreSQL, or a mistake of ours.
pub(super) fn unreadable(what: impl std::fmt::Display) -> TargetError {
    TargetError::Refused(format!("the target's answer could not be read: {what}"))
}
