//! Errors of `/api/v1` (RFC 9457, `application/problem+json`). OAuth endpoints have their own, in [`super::oauth`].
use serde::{Deserialize, Serialize};

/// A problem. Extension members: `code`, `field`, `request_id`, `id`, `errors`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `{base_url}/api/problems/{code}`: identifies the problem; need not resolve.
    #[serde(rename = "type")]
    pub kind: String,
    /// Short words for the status; the same for the same `code`.
    pub title: String,
    /// The HTTP status, again.
    pub status: u16,
    /// What happened and what to do, one or two sentences for people.
    pub detail: String,
    /// Path of the request that failed, without its query.
    pub instance: String,
    /// Stable word for programs; listed in `docs/api.md`.
    pub code: String,
    /// The member of the body or the query parameter that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Id of the HTTP request, as in the header `X-Request-Id` and the server's log.
    pub request_id: String,
    /// The thing that it is about, such as the credential of `issued_not_retrievable` or the request of `already_pending`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Every mistake in a catalogue file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Mistake>,
}

/// One mistake in a file that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Mistake {
    /// Line, from 1, where known.
    pub line: Option<u32>,
    /// The object or member, such as `role.db-read.workflow`.
    pub path: Option<String>,
    /// What is wrong and what would be right.
    pub message: String,
}
