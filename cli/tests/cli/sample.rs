//! Answers as the server would give them. Text that came from people carries bytes that must never reach a terminal.
use serde_json::{Value, json};

pub(crate) const GRANT: &str = "0193572e-0000-7000-8000-000000000001";
pub(crate) const NASTY: &str = "look \u{1b}[2J\u{9b}31m\u{202e}here";

pub(crate) fn role_line(name: &str, kind: &str, tier: &str) -> Value {
    json!({"name": name, "purpose": NASTY, "target": "orders", "target_kind": "postgresql", "environment": "demo", "tier": tier, "credential_kind": kind})
}

pub(crate) fn span(seconds: i64) -> Value {
    json!({"seconds": seconds, "iso8601": "PT1S"})
}

pub(crate) fn person(name: &str) -> Value {
    json!({"kind": "user", "name": name, "handle": format!("{}@example.org", name.to_lowercase())})
}

pub(crate) fn me() -> Value {
    json!({
        "kind": "user", "id": "u1", "name": "Ana", "handle": "ana@example.org", "duties": [], "groups": ["dba"], "time_zone": "UTC", "client_id": "hallpass-cli",
        "token_expires_at": "2099-01-01T00:00:00Z", "to_approve": 1, "active_grants": 0, "server_time": "2026-11-23T16:00:00Z",
    })
}

pub(crate) fn role(name: &str, kind: &str, standing: bool) -> Value {
    json!({
        "role": role_line(name, kind, "low"), "state": "active", "why_not": null, "usual": span(3600), "longest": span(7200), "scope": [], "standing": standing,
        "stages": [{"name": "On-call", "need": 1, "deciders": ["dba"], "proof": "session"}], "verification": null, "pending": null, "grant_id": null,
        "until": null, "notes": [], "member_from_the_future": true,
    })
}

pub(crate) fn request(state: &str, tier: &str) -> Value {
    let decided = |verdict: &str| json!([{"by": person("Bo"), "verdict": verdict, "at": "2026-11-23T16:05:00Z", "proof": "session", "comment": NASTY, "shortened_to": null, "digest": "d1"}]);
    let decisions = match state {
        "approved" => decided("approve"),
        "denied" => decided("deny"),
        _ => json!([]),
    };
    let grant = (state == "approved").then(|| json!({"id": GRANT, "state": "active", "starts_at": "2026-11-23T16:05:00Z", "ends_at": "2099-01-01T00:00:00Z"}));
    json!({
        "reference": "R-7KQ2M9XW4T", "id": "r1", "state": state, "role": role_line("db-read", "postgresql_login", tier), "scope": {"schema": ["orders"]},
        "subject": person("Ana"), "submitted_by": null, "for": span(5400), "until": null, "shortened_to": null,
        "ends_if_approved_now": null, "reason": NASTY, "ticket": "INC-1", "submitted_at": "2026-11-23T16:00:00Z", "decide_by": null, "closed_at": null,
        "workflow": "one@1", "digest": "d1",
        "stages": [{"position": 1, "name": "On-call", "state": "open", "need": 1, "have": 0, "deciders": [person("Bo")], "proof": "session", "decide_by": null, "decisions": decisions}],
        "standing": "0 of 1, waiting for On-call", "timeline": [], "grant": grant, "can_withdraw": true, "can_decide": true,
        "proof": if tier == "high" { "step-up" } else { "session" }, "url": "http://127.0.0.1/requests/R-7KQ2M9XW4T",
    })
}

pub(crate) fn grant(role: &str, kind: &str, state: &str, ends_at: &str) -> Value {
    json!({
        "id": GRANT, "reference": "R-7KQ2M9XW4T", "role": role_line(role, kind, "low"), "holder": person("Ana"), "scope": {}, "state": state,
        "end_reason": if state == "active" { Value::Null } else { json!("revoked") }, "ended_by": null, "starts_at": "2026-11-23T16:05:00Z", "ends_at": ends_at,
        "verified_at": null, "works": {"state": "works", "checked_at": null, "detail": ""},
        "at_target": {"state": "live", "credentials": 1, "may_work_until": null, "verified_at": null, "lag_ms": null, "detail": null},
        "can_issue": true, "why_no_issue": null, "can_end": true, "can_revoke": false, "credentials": [], "url": "http://127.0.0.1/grants/1",
    })
}

pub(crate) fn login() -> Value {
    json!({
        "kind": "postgresql_login", "id": "c1", "grant_id": GRANT, "role": "db-read", "host": "127.0.0.1", "port": 5433, "database": "orders", "user": "hp_demo_x",
        "password": "pa:ss\\word", "sslmode": "require", "expires_at": "2099-01-01T00:00:00Z",
    })
}

pub(crate) fn token(text: &str) -> Value {
    json!({
        "kind": "access_token", "id": "t1", "grant_id": GRANT, "role": "deploy", "access_token": text, "token_type": "Bearer", "expires_in": 300,
        "expires_at": "2099-01-01T00:00:00Z", "audience": "https://deploy", "authorization_details": [],
    })
}

pub(crate) fn page(items: Value) -> Value {
    json!({"items": items, "next": null})
}
