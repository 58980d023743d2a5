//! Proved events in words: who, what, when. Everything here comes from events; nothing from what the receipt says beside them.
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use hallpass_client::wire::receipt::GrantReceipt;
use hallpass_domain::window::describe_seconds;

use super::prove::Proved;
use crate::out::safe;

/// Role, holder, window and end of the grant.
pub(super) fn grant(receipt: &GrantReceipt, events: &[Proved]) -> Vec<(&'static str, String)> {
    let last = |kind: &str| events.iter().rev().find(|event| event.kind == kind);
    let mut rows = Vec::new();
    if let Some(began) = last("request.submitted").or_else(|| last("grant.standing")) {
        let role = began.text("role").unwrap_or_else(|| subject(began, "role"));
        let target = began.text("target").unwrap_or_else(|| subject(began, "target"));
        rows.push(("Grant", format!("{} of {role} on {target}", receipt.grant.id)));
        rows.push(("Holder", named(began, "subject", &subject(began, "subject"))));
    }
    if let Some(ended) = last("grant.ended") {
        rows.push(("Gone", format!("verified at {}", time(ended.time("verified_at")))));
    } else if receipt.grant.ends_at <= receipt.made_at {
        rows.push(("Gone", "not proved: the receipt was made after the grant's end and before everything was verified gone. Ask for a new one".to_owned()));
    }
    rows
}

/// Names of people and programs by their ids, as the events have them: who fetched a login is named where he asked for it.
pub(super) fn names(events: &[Proved]) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for event in events {
        if let Some(id) = event.subjects.get("subject").filter(|_| event.said("subject").is_some()) {
            names.entry(id.clone()).or_insert_with(|| named(event, "subject", id));
        }
        if event.said("by").is_some() {
            names.entry(event.actor.clone()).or_insert_with(|| named(event, "by", &event.actor));
        }
    }
    names
}

/// One line: index, time, kind, who, what.
pub(super) fn event(event: &Proved, names: &BTreeMap<String, String>) -> String {
    let elsewhere = names.get(&event.actor).filter(|_| event.said("by").is_none());
    let who = match (event.actor.split_once(':'), elsewhere) {
        (Some(("system", part)), _) => format!("Hallpass ({part})"),
        (_, Some(name)) => name.clone(),
        _ => named(event, "by", &event.actor),
    };
    format!("#{} {} {} by {who}: {}", event.index, time(Some(event.at)), event.kind, what(event).join(", "))
}

fn what(event: &Proved) -> Vec<String> {
    let text = |words: &str, member: &str| event.text(member).map(|value| format!("{words}{value}"));
    let at =
        |words: &str, member: &str| event.time(member).map(|value| format!("{words}{}", time(Some(value))));
    let ms = |words: &str, member: &str| event.number(member).map(|n| format!("{words} {n} ms"));
    let said =
        |words: &str, member: &str| event.said(member).map(|value| format!("{words} {}", quoted(&value)));
    let parts: Vec<Option<String>> = match event.kind.as_str() {
        "request.submitted" => vec![
            text("role ", "role"),
            text("on ", "target"),
            text("tier ", "tier"),
            Some(asked(event)),
            scope(event),
            said("because", "reason"),
            said("ticket", "ticket"),
            text("digest ", "digest"),
        ],
        "grant.standing" => {
            vec![
                text("role ", "role"),
                text("on ", "target"),
                text("tier ", "tier"),
                at("until ", "ends_at"),
                scope(event),
            ]
        }
        _ if event.subjects.contains_key("decision") => vec![
            text("", "verdict"),
            event.number("stage").map(|n| format!("stage {}", n + 1)),
            text("proof ", "proof"),
            event.number("cap_seconds").map(|s| format!("shortened to {}", describe_seconds(s))),
            window(event),
            said("comment", "comment"),
            text("digest ", "digest"),
        ],
        "credential.intended" | "credential.revoking" => {
            vec![text("login ", "external_name"), at("until ", "not_after"), at("due ", "due_at")]
        }
        "credential.live" => {
            vec![text("login ", "external_name"), at("until ", "not_after"), ms("tried in", "probed_ms")]
        }
        "credential.revoked" => vec![
            text("login ", "external_name"),
            at("due ", "due_at"),
            ms("no new login after", "no_login_ms"),
            ms("sessions dead after", "sessions_dead_ms"),
            event.number("sessions_cut").map(|n| format!("{n} sessions cut")),
            ms("removed after", "removed_ms"),
            ms("verified gone after", "verified_ms"),
        ],
        "token.issued" => vec![
            Some(format!("token {}", subject(event, "token"))),
            at("until ", "expires_at"),
            at("accepted offline until ", "accepted_until"),
        ],
        "token.revoked" => vec![Some(format!("token {}", subject(event, "token")))],
        "grant.ending" => {
            vec![
                text("", "reason"),
                at("over at ", "ends_at"),
                at("approved until ", "approved_until"),
                said("because", "why"),
            ]
        }
        "grant.ended" => vec![
            text("", "reason"),
            at("over at ", "ends_at"),
            at("verified gone at ", "verified_at"),
            at("accepted offline until ", "accepted_until"),
            text("logins: ", "credentials"),
        ],
        _ => vec![Some(event.data.to_string()), event.private.as_ref().map(ToString::to_string)],
    };
    parts.into_iter().flatten().collect()
}

/// What somebody proved to be named so by an event; the id alone where its names are erased.
fn named(event: &Proved, name: &str, id: &str) -> String {
    let handle =
        event.said(&format!("{name}_handle")).map(|handle| format!(" <{handle}>")).unwrap_or_default();
    match event.said(name) {
        Some(name) => format!("{}{} ({id})", safe::line(&name), safe::line(&handle)),
        None if event.private.is_none() => format!("{id} (name erased)"),
        None => id.to_owned(),
    }
}

fn scope(event: &Proved) -> Option<String> {
    event.said("scope").filter(|scope| scope != "{}").map(|scope| format!("scope {scope}"))
}

fn asked(event: &Proved) -> String {
    let ask = event.data.get("ask");
    let seconds =
        ask.and_then(|ask| ask.get("seconds")?.as_i64()).map(|s| format!("for {}", describe_seconds(s)));
    let until = || ask.and_then(|ask| ask.get("until")?.as_str()?.parse().ok());
    seconds.unwrap_or_else(|| format!("until {}", time(until())))
}

fn window(event: &Proved) -> Option<String> {
    let at = |member: &str| event.data.get("window")?.get(member)?.as_str()?.parse().ok();
    Some(format!("access from {} until {}", time(Some(at("starts_at")?)), time(at("ends_at"))))
}

fn subject(event: &Proved, noun: &str) -> String {
    event.subjects.get(noun).cloned().unwrap_or_default()
}

/// As a string of JSON: what a person wrote cannot look like a line of its own.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn time(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| "?".to_owned(), |at| at.format("%Y-%m-%d %H:%M:%S%.3f UTC").to_string())
}
