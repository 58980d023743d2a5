//! What the edge is told by the composition root.
use crate::address::Network;

/// Longest bodies, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Forms and JSON.
    pub body: usize,
    /// A catalogue file.
    pub catalogue: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body: 64 * 1024, catalogue: 1024 * 1024 }
    }
}

/// Settings of the edge.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// External base URL without a trailing slash; the issuer of tokens, exactly as it stands here.
    pub base_url: String,
    /// Name of the organisation, shown beside the product's name.
    pub organisation: String,
    /// Peers whose `X-Forwarded-For` is believed. None by default: then the peer is the client.
    pub trusted_proxies: Vec<Network>,
    /// From where `/metrics` may be read; loopback by default. Others get 404.
    pub metrics_from: Vec<Network>,
    /// Plain http with cookies without the `__Host-` prefix, on loopback only.
    pub plain_http_on_loopback: bool,
    /// TLS of our own; none behind a proxy that ends TLS, and on loopback.
    pub tls: Option<rustls::ServerConfig>,
    /// Worker threads; 0 takes one per processor.
    pub workers: usize,
    /// Seconds that answers under way get when the server stops.
    pub shutdown_seconds: u64,
    /// The demo: `/demo/…` exists.
    pub demo: bool,
    /// Longest bodies.
    pub limits: Limits,
}

impl HttpConfig {
    /// Defaults for a base URL; a trailing slash is dropped. One of plain http on loopback is taken as meant so.
    pub fn new(base_url: &str) -> Self {
        let base_url = base_url.trim_end_matches('/').to_owned();
        Self {
            plain_http_on_loopback: base_url.strip_prefix("http://").is_some_and(is_loopback_authority),
            base_url,
            organisation: String::new(),
            trusted_proxies: Vec::new(),
            metrics_from: Network::loopback(),
            tls: None,
            workers: 0,
            shutdown_seconds: 10,
            demo: false,
            limits: Limits::default(),
        }
    }

    /// Whether people reach it by https: then cookies are `Secure` and `__Host-`, and HSTS is sent.
    pub fn is_https(&self) -> bool {
        self.base_url.starts_with("https://")
    }

    /// What is wrong with the base URL, in a sentence; `None` is good.
    pub fn mistake(&self) -> Option<String> {
        let host = self.base_url.strip_prefix("http://");
        match host {
            None if self.is_https() => None,
            Some(host) if self.plain_http_on_loopback && is_loopback_authority(host) => None,
            _ => Some(format!(
                "The base URL must begin with https://; plain http is accepted on loopback only ({} was given).",
                self.base_url
            )),
        }
    }
}

/// Whether `host[:port]` names this machine: `localhost`, `127.…`, `[::1]`.
pub fn is_loopback_authority(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split([':', '/']).next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback() {
        let with = |url: &str, plain: bool| {
            HttpConfig { plain_http_on_loopback: plain, ..HttpConfig::new(url) }.mistake()
        };
        assert_eq!(with("https://access.example.org/", false), None);
        assert_eq!(with("http://127.0.0.1:8420", true), None);
        assert_eq!(with("http://[::1]:8420", true), None);
        assert!(with("http://127.0.0.1:8420", false).is_some());
        assert!(with("http://access.example.org", true).is_some());
        assert!(with("ftp://x", true).is_some());
        assert_eq!(HttpConfig::new("https://a/").base_url, "https://a");
        assert_eq!(HttpConfig::new("http://localhost:8420/").mistake(), None);
        assert!(HttpConfig::new("http://access.example.org").mistake().is_some());
    }

    #[test]
    fn loopback_names() {
        for yes in
            ["localhost", "LOCALHOST:1", "127.0.0.1:8420", "127.9.9.9", "[::1]:80", "[::ffff:127.0.0.1]"]
        {
            assert!(is_loopback_authority(yes), "{yes}");
        }
        for no in [
            "",
            "example.org",
            "localhost.example.org",
            "10.0.0.1",
            "127.0.0.1.example.org",
            "[::2]",
            "0.0.0.0",
        ] {
            assert!(!is_loopback_authority(no), "{no}");
        }
    }
}
