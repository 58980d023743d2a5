//! What an error of the target means to us. Nothing here carries a password, a verifier or a connection string.
use hallpass_domain::ports::target::TargetError;
use tokio_postgres::error::{DbError, SqlState};

/// Translates an error of the driver.
pub(super) fn target_error(error: &tokio_postgres::Error) -> TargetError {
    match error.as_db_error() {
        Some(db) => from_server(db),
        None if error.is_closed() => TargetError::Down("the connection was closed".into()),
        None => TargetError::Down(root_cause(error)),
    }
}

/// The server answered: it is up, unless it says that it is going or full.
pub(super) fn from_server(db: &DbError) -> TargetError {
    let code = db.code().code();
    match code {
        "HP001" => TargetError::TooLate,
        "HP002" => TargetError::NotOurs,
        "HP003" => TargetError::Refused(db.message().to_owned()),
        "HP004" => TargetError::Refused("an account for this credential exists already".into()),
        // Somebody holds the lane of role DDL: nobody's account can be worked on.
        "HP005" => TargetError::Down(db.message().to_owned()),
        _ if code.starts_with("08")
            || code.starts_with("53")
            || code.starts_with("57P")
            || code.starts_with("58") =>
        {
            TargetError::Down(format!("{} ({code})", db.message()))
        }
        // A standby where the primary was: somebody is changing over.
        _ if *db.code() == SqlState::READ_ONLY_SQL_TRANSACTION => {
            TargetError::Down(format!("{} ({code})", db.message()))
        }
        _ if code.starts_with("28") => {
            TargetError::Refused(format!("our administrator's login was refused ({code})"))
        }
        // Names of the objects in the way: for the person who has to look.
        _ if *db.code() == SqlState::DEPENDENT_OBJECTS_STILL_EXIST => {
            let detail: String = db.detail().unwrap_or("").chars().take(500).collect();
            TargetError::Refused(format!("{}: {detail}", db.message()))
        }
        _ => TargetError::Refused(format!("{} ({code})", db.message())),
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
