//! How the nouns look to people: a row in a list, a record alone.
use hallpass_client::wire::{RoleLine, Scope, Span, Timestamp};
use hallpass_domain::window::describe_seconds;
use serde::Serialize;
use serde_json::Value;

use crate::clock;

pub(crate) mod grant;
pub(crate) mod request;
pub(crate) mod role;

/// The whole answer as JSON.
pub(crate) fn value<T: Serialize>(of: &T) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

/// `{"items": […], "next": …}`.
pub(crate) fn list<T: Serialize>(items: &[T], next: Option<&str>) -> Value {
    serde_json::json!({ "items": value(&items), "next": next })
}

/// `90 min`, `until 17:30 +01:00`, or the usual length.
fn asked(length: Option<&Span>, until: Option<Timestamp>) -> String {
    match (length, until) {
        (Some(span), None) => describe_seconds(span.seconds),
        (Some(span), Some(end)) => {
            format!("{}, until {} at the latest", describe_seconds(span.seconds), clock::at(end))
        }
        (None, Some(end)) => format!("until {}", clock::at(end)),
        (None, None) => "the usual time".to_owned(),
    }
}

/// `db-read on orders (production, low)`.
fn role_line(role: &RoleLine) -> String {
    let environment =
        if role.environment.is_empty() { String::new() } else { format!("{}, ", role.environment) };
    format!("{} on {} ({environment}{} tier)", role.name, role.target, role.tier)
}

/// `access: read, write; schema: orders`.
pub(crate) fn scope_line(scope: &Scope) -> String {
    scope
        .iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(name, values)| format!("{name}: {}", values.join(", ")))
        .collect::<Vec<_>>()
        .join("; ")
}
