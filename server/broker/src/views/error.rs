//! Pages for what did not work.

use serde::Serialize;

use super::page::Link;

/// An error page; the status of the answer is the same as `status`.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorView {
    /// HTTP status.
    pub status: u16,
    /// Stable code, as in the API's problems, such as `conflict`.
    pub code: String,
    /// What happened, as a title; empty takes the usual words for the status.
    pub title: String,
    /// What happened, in a sentence; empty takes the usual words for the status.
    pub message: String,
    /// What to do now.
    pub next: Option<String>,
    /// Ways on from here.
    pub links: Vec<Link>,
    /// Id of the HTTP request, for whoever helps.
    pub request_id: String,
    /// Seconds after which to try again (503).
    pub retry_after_seconds: Option<i64>,
    /// What the person typed into the form that could not be taken.
    pub typed: Vec<TypedText>,
}

/// One field of a form, as it was typed.
#[derive(Debug, Clone, Serialize)]
pub struct TypedText {
    /// The field's label.
    pub label: String,
    /// What stood in it.
    pub text: String,
}
