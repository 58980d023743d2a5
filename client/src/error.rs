//! What can go wrong with a call.
use crate::wire::Problem;
use crate::wire::oauth::OauthError;

/// Why a call did not give what it was made for.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The server said no, or that it cannot (RFC 9457).
    #[error("{}", .problem.detail)]
    Problem {
        /// What it said.
        problem: Box<Problem>,
        /// Seconds after which to try again.
        retry_after: Option<u64>,
    },
    /// An OAuth endpoint said no (RFC 6749 §5.2).
    #[error("{}", .error.error_description.as_deref().unwrap_or(&.error.error))]
    Oauth {
        /// The HTTP status.
        status: u16,
        /// What it said.
        error: Box<OauthError>,
        /// Id of the HTTP request.
        request_id: Option<String>,
        /// Seconds after which to try again.
        retry_after: Option<u64>,
    },
    /// No answer: not reachable, or not in time. Whether something was done is unknown.
    #[error("{server} cannot be reached: {why}")]
    Unreachable {
        /// Host and port.
        server: String,
        /// Why, in a few words.
        why: String,
    },
    /// An answer that is not one of Hallpass's.
    #[error("{what} (status {status})")]
    Strange {
        /// The HTTP status.
        status: u16,
        /// What was strange, in words.
        what: String,
        /// Id of the HTTP request, if the answer had one.
        request_id: Option<String>,
    },
    /// A setting of ours is wrong; nothing was sent.
    #[error("{0}")]
    Setting(String),
}

impl Error {
    /// The stable code: the problem's, or the OAuth error.
    pub fn code(&self) -> &str {
        match self {
            Self::Problem { problem, .. } => &problem.code,
            Self::Oauth { error, .. } => &error.error,
            Self::Unreachable { .. } => "unreachable",
            Self::Strange { .. } => "strange_answer",
            Self::Setting(_) => "setting",
        }
    }

    /// The HTTP status, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Problem { problem, .. } => Some(problem.status),
            Self::Oauth { status, .. } | Self::Strange { status, .. } => Some(*status),
            Self::Unreachable { .. } | Self::Setting(_) => None,
        }
    }

    /// Id of the HTTP request, for whoever helps.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Problem { problem, .. } => Some(&problem.request_id),
            Self::Oauth { request_id, .. } | Self::Strange { request_id, .. } => request_id.as_deref(),
            Self::Unreachable { .. } | Self::Setting(_) => None,
        }
    }

    /// Seconds after which the server would like to be asked again.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Problem { retry_after, .. } | Self::Oauth { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the same call may succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Setting(_) => false,
            Self::Problem { problem, .. } if problem.code == "in_flight" => true,
            other => matches!(other.status(), Some(408 | 429 | 502..=504)),
        }
    }
}
