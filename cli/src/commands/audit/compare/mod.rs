//! What a receipt says beside its events, compared with them. Whatever an event knows must be the same; what has an event must
//! have it; what no event says is told to be unproved.
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use hallpass_client::wire::receipt::GrantReceipt;
use serde_json::Value;

use super::prove::Proved;
use crate::out::safe;

mod complete;
mod grant;
mod issued;
mod logins;
mod request;

/// What came of it, where nothing contradicts.
pub(super) struct Compared {
    /// What the receipt says and no event of it does.
    pub(super) unproved: Vec<String>,
    /// The grant has ended, and nothing that the log had about it by then is missing.
    pub(super) complete: bool,
}

/// Compares everything. The error is the first contradiction, or the first event that is missing, in words.
pub(super) fn all(receipt: &GrantReceipt, events: &[Proved]) -> Result<Compared, String> {
    let mut compare = Compare { unproved: Vec::new() };
    let log = Log(events);
    grant::compare(&mut compare, receipt, &log)?;
    if let Some(asked) = &receipt.request {
        request::compare(&mut compare, receipt, asked, &log)?;
    }
    issued::compare(&mut compare, receipt, &log)?;
    let complete = complete::compare(&mut compare, receipt, &log)?;
    Ok(Compared { unproved: compare.unproved, complete })
}

/// The events, by what they are about.
struct Log<'a>(&'a [Proved]);

impl<'a> Log<'a> {
    fn of(&self, kind: &str) -> impl Iterator<Item = &'a Proved> {
        self.0.iter().filter(move |event| event.kind == kind)
    }

    /// The event of a kind that happens once.
    fn once(&self, kind: &str) -> Result<Option<&'a Proved>, String> {
        let mut found = self.of(kind);
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(format!("The receipt has more than one event {kind}")),
            (first, _) => Ok(first),
        }
    }

    /// The same, of one that must be there.
    fn needed(&self, kind: &str, says: &str) -> Result<&'a Proved, String> {
        self.once(kind)?
            .ok_or_else(|| format!("The event {kind} is missing: nothing in the receipt proves {says}"))
    }

    /// The event of a kind about one thing.
    fn about(&self, kind: &str, noun: &str, id: &str) -> Option<&'a Proved> {
        self.of(kind).find(|event| event.subjects.get(noun).is_some_and(|subject| subject == id))
    }
}

impl Proved {
    /// A member of its data, as text; none where it has none.
    pub(super) fn text(&self, member: &str) -> Option<String> {
        shown(self.data.get(member)?)
    }

    /// A member of its data that is an instant.
    pub(super) fn time(&self, member: &str) -> Option<DateTime<Utc>> {
        self.data.get(member)?.as_str()?.parse().ok()
    }

    /// A number of its data.
    pub(super) fn number(&self, member: &str) -> Option<i64> {
        self.data.get(member)?.as_i64()
    }

    /// A name or reason.
    pub(super) fn said(&self, member: &str) -> Option<String> {
        shown(self.private.as_ref()?.get(member)?)
    }
}

fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Collects what no event says.
struct Compare {
    unproved: Vec<String>,
}

impl Compare {
    /// What is stated must be what is sealed.
    fn same(&mut self, what: &str, stated: &str, sealed: Option<String>) -> Result<(), String> {
        match sealed {
            Some(sealed) => must(what, stated, &sealed),
            None => {
                self.unproved.push(format!("{what} ({})", safe::line(stated)));
                Ok(())
            }
        }
    }
}

/// As [`Compare::same`], of what is known for certain.
fn must(what: &str, stated: &str, sealed: &str) -> Result<(), String> {
    if stated == sealed {
        return Ok(());
    }
    Err(format!("The receipt says of {what}: {stated}. The log says: {sealed}"))
}

/// The one spelling of an instant, to compare and to show: events and rows have microseconds.
pub(super) fn instant(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

fn instant_or_none(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(nothing, instant)
}

fn or_none<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(nothing, |value| value.to_string())
}

fn nothing() -> String {
    "none".to_owned()
}

/// Whether an end is so near to when the receipt was made that its rows may have been read on the other side of it.
fn at_the_edge(end: DateTime<Utc>, receipt: &GrantReceipt) -> bool {
    (receipt.made_at - end).num_seconds().abs() < 10
}

/// A scope in the one order; parameters without a value are none.
fn scope(values: &BTreeMap<String, Vec<String>>) -> String {
    let sorted: BTreeMap<&String, Vec<&String>> = values
        .iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(name, values)| {
            let mut values: Vec<&String> = values.iter().collect();
            values.sort();
            (name, values)
        })
        .collect();
    serde_json::to_string(&sorted).unwrap_or_default()
}

/// The same of what an event says.
fn sealed_scope(event: &Proved) -> Option<String> {
    let values = event.private.as_ref()?.get("scope")?.clone();
    serde_json::from_value(values).ok().map(|values| scope(&values))
}
