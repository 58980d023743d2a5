//! Addresses of targets: where Hallpass may connect, and audiences.
use std::collections::BTreeMap;
use std::net::IpAddr;

use hallpass_domain::target::TargetSettings;

use crate::admin::build::Built;
use crate::admin::mistake::Mistakes;

/// A host name, an IP address (without brackets), or the absolute path of a socket's folder.
pub fn is_host(text: &str) -> bool {
    let folder = text.starts_with('/') && !text.chars().any(char::is_control);
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    folder || text.parse::<IpAddr>().is_ok() || (name.len() <= 253 && name.split('.').all(label))
}

/// This machine: a socket, a loopback address, or `localhost`.
pub fn is_local(host: &str) -> bool {
    host.starts_with('/')
        || host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|a| a.to_canonical().is_loopback())
}

/// Link-local, unspecified, multicast or metadata addresses (design, chapter 6). Names are checked again, as the
/// addresses that they resolve to, when a connection is made.
pub fn is_forbidden(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    if ["metadata", "metadata.google.internal", "instance-data"].contains(&name.as_str()) {
        return true;
    }
    host.parse::<IpAddr>().is_ok_and(hallpass_domain::address::is_forbidden)
}

/// An absolute URI without fragment or white space (RFC 8707, section 2).
pub(in crate::admin) fn is_audience(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let in_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let plain = |c: char| {
        c.is_ascii_graphic() && !matches!(c, '#' | '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
    };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(in_scheme)
        && !rest.trim_matches('/').is_empty()
        && rest.chars().all(plain)
        && text.len() <= 500
}

/// Each audience belongs to one target: introspection and tokens tell targets apart by it.
pub(super) fn lint_audiences(built: &Built<'_>, mistakes: &mut Mistakes<'_>) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for target in built.next.catalogue.targets.values().filter(|t| !t.disabled) {
        let TargetSettings::Oauth(oauth) = &target.settings else { continue };
        if let Some(other) = seen.insert(&oauth.audience, target.name.as_str()) {
            let at = built.addresses.get(&target.id).cloned().unwrap_or(0..0);
            mistakes.at(at, format!("Targets “{other}” and “{}” have the same audience, so tokens for one would count at the other.", target.name), "Give each its own audience.");
        }
    }
}
