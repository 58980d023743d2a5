//! Why a use case says no, in words for people and a stable code for programs.
use serde::Serialize;

/// Class of a refusal; the edge chooses the HTTP status from it, in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The input is wrong; asking differently helps.
    Invalid,
    /// Absent, or not for this caller: alike on purpose.
    NotFound,
    /// Allowed to know, not allowed to do.
    Forbidden,
    /// Must prove more first (sign in, second factor).
    Unproven,
    /// State has moved: somebody else was first, or it is over.
    Conflict,
    /// Too many tries.
    Throttled,
    /// Cannot be done now; nothing was changed.
    Unavailable,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Class.
    pub class: Class,
    /// Stable code, `snake_case`; listed in `docs/api.md`.
    pub code: &'static str,
    /// What happened and what to do next, one or two sentences.
    pub message: String,
    /// The form field it is about.
    pub field: Option<&'static str>,
}

impl Refusal {
    /// A refusal of `class`.
    pub fn new(class: Class, code: &'static str, message: impl Into<String>) -> Self {
        Self { class, code, message: message.into(), field: None }
    }
    /// Wrong input.
    pub fn invalid(code: &'static str, field: &'static str, message: impl Into<String>) -> Self {
        Self { class: Class::Invalid, code, message: message.into(), field: Some(field) }
    }
    /// Absent or not for this caller.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            Class::NotFound,
            "not_found",
            format!("There is no such {what}, or it is not yours to see."),
        )
    }
    /// Somebody else was first.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Class::Conflict, code, message)
    }
    /// Not allowed.
    pub fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Class::Forbidden, code, message)
    }
    /// Cannot be done now.
    pub fn unavailable(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Class::Unavailable, code, message)
    }
}
