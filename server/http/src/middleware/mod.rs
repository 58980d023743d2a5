//! What happens to every request, once, in [`edge`].
pub mod access_log;
pub mod edge;
pub mod headers;
pub mod host;
pub mod render;

pub use edge::edge;

/// Which surface a path belongs to: decides how errors look and how long an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Area {
    /// `/api/…`: JSON and problems.
    Api,
    /// `/oauth/…`, `/.well-known/…`: OAuth's own errors.
    Oauth,
    /// Health and metrics: plain text.
    Ops,
    /// Files of the portal.
    Assets,
    /// Everything else: pages for people.
    Pages,
}

impl Area {
    /// The area of a path.
    pub fn of(path: &str) -> Self {
        let first = path.strip_prefix('/').unwrap_or(path).split('/').next().unwrap_or_default();
        match first {
            "api" => Self::Api,
            "oauth" | ".well-known" => Self::Oauth,
            "livez" | "readyz" | "metrics" => Self::Ops,
            "assets" => Self::Assets,
            _ => Self::Pages,
        }
    }
    /// The word in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Oauth => "oauth",
            Self::Ops => "ops",
            Self::Assets => "assets",
            Self::Pages => "pages",
        }
    }
}
