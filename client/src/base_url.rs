//! Where a Hallpass is.
use reqwest::Url;

/// Base URL of a server: https, or http on loopback only. A token is never sent over anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// Why an address is not the base URL of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// Not a URL.
    #[error("“{0}” is not an address such as https://access.example.org")]
    Unreadable(String),
    /// Plain http to another machine.
    #[error("http is only accepted for this machine (127.0.0.1, ::1, localhost); write https://{0}")]
    NotSecure(String),
    /// User, query or fragment, or another scheme.
    #[error("an address has a scheme (https), a host and at most a port and a path, nothing else")]
    TooMuch,
}

impl BaseUrl {
    /// Reads an address as people write it; without a scheme, https is meant.
    pub fn parse(raw: &str) -> Result<Self, BaseUrlError> {
        let text = raw.trim();
        let shown = || text.chars().filter(|c| !c.is_control()).take(80).collect::<String>();
        if text.is_empty() {
            return Err(BaseUrlError::Unreadable(shown()));
        }
        let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let url = Url::parse(&whole).map_err(|_| BaseUrlError::Unreadable(shown()))?;
        let host = url.host_str().ok_or_else(|| BaseUrlError::Unreadable(shown()))?;
        if !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(BaseUrlError::TooMuch);
        }
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if is_loopback(host) => Ok(Self(url)),
            "http" => Err(BaseUrlError::NotSecure(host.to_owned())),
            _ => Err(BaseUrlError::TooMuch),
        }
    }

    /// The URL of a path given in segments, each of which is escaped.
    pub(crate) fn at<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// Host and port, for people and for file names.
    pub fn authority(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// The URL without a trailing slash.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// Whether connections are encrypted; the others never leave this machine.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// True for literal loopback addresses and `localhost` (RFC 6761 §6.3).
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_anywhere_http_on_loopback_only() {
        for (raw, url) in [
            ("access.example.org", "https://access.example.org"),
            ("https://access.example.org/", "https://access.example.org"),
            ("https://example.org:8443/hallpass/", "https://example.org:8443/hallpass"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://localhost:8080", "http://localhost:8080"),
        ] {
            assert_eq!(BaseUrl::parse(raw).unwrap().as_str(), url);
        }
        for raw in [
            "http://example.org",
            "http://127.0.0.1.example.org",
            "http://10.0.0.1",
            "http://localhost.evil.org",
        ] {
            assert!(matches!(BaseUrl::parse(raw), Err(BaseUrlError::NotSecure(_))), "{raw}");
        }
        for raw in ["", "ftp://x", "https://u:p@x", "https://x?y", "https://x#y", "https://"] {
            assert!(BaseUrl::parse(raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn segments_cannot_leave_their_place() {
        let base = BaseUrl::parse("https://x/hp").unwrap();
        assert_eq!(
            base.at(["api", "v1", "requests", "../../oauth/x?y"]).as_str(),
            "https://x/hp/api/v1/requests/..%2F..%2Foauth%2Fx%3Fy"
        );
    }
}
