//! People, roles, times and shells that the samples share.

use chrono::{DateTime, TimeDelta, Utc};
use hallpass_broker::views::Shell;
use hallpass_broker::views::common::{
    DecisionLine, PrincipalLine, RoleLine, ScopeValue, StageView, Ticket, TimelineEvent,
};
use hallpass_broker::views::page::{Choice, Command, DemoBar, DemoPerson, FieldError, Flash, Link, SignedIn};

/// A role with a name as long as they come.
pub(crate) const LONG: &str = "warehouse-analytics.read-only.with-a-long-name:eu-central-1-b";

/// HTML part of the sample message.
pub(crate) const MAIL_HTML: &str = "<!doctype html><html><head><title>m</title></head><body style=\"font-family:sans-serif;background:#f2f4ef;padding:24px\"><table style=\"max-width:560px;background:#fff;border-radius:12px;padding:24px\"><tr><td><h2>Dana Kim asks for orders-db.admin for 2 h</h2><p>slow query on the replica</p><p><a style=\"background:#12503c;color:#fff;padding:12px 20px;border-radius:8px\" href=\"/r/R-4821-k7Qm\">Review and decide</a></p></td></tr></table></body></html>";

/// 2026-11-23 15:00 UTC: a Monday, 16:00 in Madrid.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_446_000, 0).unwrap_or_default()
}

pub(crate) fn minutes(n: i64) -> DateTime<Utc> {
    now() + TimeDelta::minutes(n)
}

pub(crate) fn seconds(n: i64) -> DateTime<Utc> {
    now() + TimeDelta::seconds(n)
}

pub(crate) fn text(value: &str) -> String {
    value.to_owned()
}

pub(crate) fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|v| text(v)).collect()
}

pub(crate) fn person(name: &str) -> PrincipalLine {
    let handle = format!("{}@example.org", name.to_lowercase().replace(' ', "."));
    PrincipalLine { name: text(name), handle, kind: text("user") }
}

pub(crate) fn choices(all: &[(&str, &str)], chosen: &str) -> Vec<Choice> {
    all.iter()
        .map(|(value, label)| Choice { value: text(value), label: text(label), chosen: *value == chosen })
        .collect()
}

pub(crate) fn wrong(field: &str, message: &str) -> FieldError {
    FieldError { field: text(field), message: text(message) }
}

pub(crate) fn link(href: &str, label: &str) -> Link {
    Link { href: text(href), text: text(label) }
}

pub(crate) fn command(label: &str, command: &str) -> Command {
    Command { label: text(label), command: text(command) }
}

pub(crate) fn ticket() -> Option<Ticket> {
    Some(Ticket { text: text("INC-1234"), href: Some(text("https://tickets.example.org/INC-1234")) })
}

/// A shell for a person with these duties; no person for the pages before sign-in.
pub(crate) fn shell(path: &str, who: Option<&str>) -> Shell {
    let duty = |name: &str| who == Some(name);
    Shell {
        instance: text("Acme"),
        person: who.map(|name| SignedIn {
            name: text(name),
            email: person(name).handle,
            administrator: duty("Vera Lindqvist"),
            auditor: duty("Omar Haddad"),
            owner: false,
            strength: text(if duty("Dana Kim") { "session" } else { "step-up" }),
        }),
        inbox_count: if duty("Dana Kim") { 0 } else { 3 },
        active_count: if duty("Dana Kim") { 2 } else { 0 },
        csrf: text("8Jq2-sample-csrf"),
        zone: text("Europe/Madrid"),
        now: now(),
        path: text(path),
        demo: None,
        standing: None,
        flash: None,
    }
}

/// The same in the demo.
pub(crate) fn demo_shell(path: &str, who: Option<&str>) -> Shell {
    let parts = [
        ("Dana Kim", "requester"),
        ("Jonas Brandt", "requester"),
        ("Ana Ruiz", "approver, DB on-call"),
        ("Kofi Mensah", "approver, DB on-call"),
        ("Mei-Ling Chen", "approver, Security"),
        ("Vera Lindqvist", "administrator"),
        ("Omar Haddad", "auditor"),
    ];
    let people = parts
        .iter()
        .map(|(name, part)| DemoPerson {
            name: text(name),
            email: person(name).handle,
            part: text(part),
            current: who == Some(*name),
        })
        .collect();
    Shell { demo: Some(DemoBar { back: text(path), people, mail_count: 12, code: None }), ..shell(path, who) }
}

pub(crate) fn with_flash(shell: Shell, tone: &str, message: &str, to: Option<Link>) -> Shell {
    Shell { flash: Some(Flash { tone: text(tone), message: text(message), link: to }), ..shell }
}

pub(crate) fn role(name: &str) -> RoleLine {
    let (purpose, target, kind, environment, tier) = match name {
        "orders-db.admin" => {
            ("Change schema and data of the orders database", "orders-db", "PostgreSQL", "production", "high")
        }
        "orders-db.read" => (
            "Read the orders database, for support and debugging",
            "orders-db",
            "PostgreSQL",
            "production",
            "medium",
        ),
        "reports.read" => ("Read the reporting API", "reports-api", "OAuth audience", "staging", "low"),
        "quick-look" => {
            ("Two minutes of read access, to see how it ends", "orders-db", "PostgreSQL", "production", "low")
        }
        "payments.refund" => {
            ("Issue refunds through the payments API", "payments-api", "OAuth audience", "production", "high")
        }
        _ => (
            "A role whose name and purpose are as long as the rules allow, so that we see whether it wraps well on a small screen and does not push anything out of its place",
            "warehouse-analytics-replica-eu-central-1-b",
            "PostgreSQL",
            "production",
            "medium",
        ),
    };
    RoleLine {
        name: text(name),
        purpose: text(purpose),
        target: text(target),
        target_kind: text(kind),
        environment: text(environment),
        tier: text(tier),
    }
}

pub(crate) fn scope() -> Vec<ScopeValue> {
    vec![
        ScopeValue { name: text("database"), values: texts(&["orders"]) },
        ScopeValue { name: text("schema"), values: texts(&["public", "billing"]) },
    ]
}

pub(crate) fn decided(by: &str, decision: &str, at: i64, comment: Option<&str>) -> DecisionLine {
    DecisionLine {
        by: person(by),
        stage: text("DB on-call"),
        decision: text(decision),
        at: minutes(at),
        proof: text("step-up"),
        comment: comment.map(text),
        shortened_to_seconds: (decision == "approve" && comment.is_some()).then_some(3_600),
        fell_away: false,
        digest: text("9f2c1e77ab40d1c6"),
    }
}

pub(crate) fn stage(
    position: i64,
    name: &str,
    state: &str,
    deciders: &[&str],
    decisions: Vec<DecisionLine>,
) -> StageView {
    StageView {
        position,
        name: text(name),
        state: text(state),
        need: 1,
        have: decisions.iter().filter(|d| d.decision == "approve").count() as i64,
        deciders: deciders.iter().map(|d| person(d)).collect(),
        group: Some(text(name)),
        proof: text("step-up"),
        decide_by: Some(minutes(47)),
        decisions,
    }
}

pub(crate) fn event(at: i64, by: &str, what: &str, detail: Option<&str>, tone: &str) -> TimelineEvent {
    TimelineEvent {
        at: minutes(at),
        what: text(what),
        by: text(by),
        detail: detail.map(text),
        tone: text(tone),
        audit_id: None,
    }
}
