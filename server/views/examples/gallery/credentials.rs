//! Issued credentials, the watch and the receipt.

use hallpass_broker::views::credential::{
    Authorities, CredentialView, IssuedView, Measured, ProbeLine, ShownOnce, TargetSession, WatchView,
};
use hallpass_broker::views::receipt::{CheckpointLine, InclusionLine, ReceiptView};
use hallpass_views::access;

use crate::access::grant;
use crate::sample::{command, decided, minutes, person, role, scope, seconds, shell, text, ticket};
use crate::{Gallery, Outcome};

pub(crate) fn add(g: &mut Gallery) -> Outcome<()> {
    issued(g)?;
    watch(g)?;
    receipt(g)
}

fn probe() -> ProbeLine {
    ProbeLine { works: true, at: minutes(-12), took_ms: 14, answer: text("") }
}

pub(crate) fn credential(kind: &str, state: &str) -> CredentialView {
    let postgres = kind == "postgresql_login";
    CredentialView {
        id: text("0193-c1"),
        kind: text(kind),
        label: text(if postgres { "PostgreSQL login" } else { "access token" }),
        name: text(if postgres { "hp_acme_ahf3k5q7w2nzm4xv" } else { "at_01JD9Z6Y3MQ5" }),
        state: text(state),
        issued_at: Some(minutes(-12)),
        probe: postgres.then(probe),
        not_after: minutes(42),
        may_work_until: (state == "revoking").then(|| minutes(4)),
        verified_at: (state == "revoked").then(|| seconds(-59)),
        attempts: if state == "revoking" { 7 } else { 0 },
        overdue: state == "revoking",
        stalled: false,
        needs_human: false,
        trouble: (state == "revoking").then(|| text("connection refused")),
        watchable: postgres,
    }
}
fn issued(g: &mut Gallery) -> Outcome<()> {
    let page = shell("/grants/0193-g1/credentials", Some("Dana Kim"));
    let value =
        |label: &str, value: &str, secret| ShownOnce { label: text(label), value: text(value), secret };
    let login = IssuedView {
        grant_id: text("0193-g1"),
        credential_id: text("0193-c1"),
        role: role("orders-db.admin"),
        kind: text("postgresql_login"),
        label: text("PostgreSQL login"),
        not_after: minutes(42),
        probe: Some(probe()),
        values: vec![
            value("Host", "orders-db.internal", false),
            value("Port", "5432", false),
            value("Database", "orders", false),
            value("User", "hp_acme_ahf3k5q7w2nzm4xv", false),
            value("Password", "m3R8kQv2XzL7tYw9BnPc5HdS", true),
        ],
        authorities: Some(Authorities {
            name: text("orders-db-ca.pem"),
            pem: text(
                "-----BEGIN CERTIFICATE-----\nMIIBdzCCAR2gAwIBAgIUc2FtcGxl\n-----END CERTIFICATE-----\n",
            ),
        }),
        commands: vec![command(
            "psql asks for the password, in the folder with that file",
            "psql 'host=orders-db.internal port=5432 dbname=orders user=hp_acme_ahf3k5q7w2nzm4xv sslmode=verify-full sslrootcert=orders-db-ca.pem'",
        )],
        watchable: true,
    };
    g.add("issued-login", access::issued(&page, &login))?;
    let token = IssuedView {
        role: role("reports.read"),
        kind: text("access_token"),
        label: text("access token"),
        values: vec![value(
            "Access token",
            &format!(
                "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6IjEifQ.{}",
                "eyJpc3MiOiJodHRwczovL2FjY2VzcyIsInN1YiI6ImRhbmEifQ".repeat(6)
            ),
            true,
        )],
        commands: vec![command(
            "Call the target; the shell reads the token without showing it",
            "read -rs T && curl -H \"Authorization: Bearer $T\" https://reports.example.org/v1/weekly",
        )],
        watchable: false,
        probe: None,
        authorities: None,
        ..login
    };
    g.add("issued-token", access::issued(&page, &token))
}
fn watch(g: &mut Gallery) -> Outcome<()> {
    let page = shell("/credentials/0193-c1/watch", Some("Dana Kim"));
    let session = |pid, state: &str| TargetSession {
        pid,
        database: text("orders"),
        client: text("10.20.3.7"),
        application: text("psql"),
        state: text(state),
        since: minutes(-9),
    };
    let live = WatchView {
        credential: credential("postgresql_login", "live"),
        grant_id: text("0193-g1"),
        role: role("quick-look"),
        ends_at: seconds(75),
        reachable: true,
        sampled_at: Some(seconds(-1)),
        trouble: None,
        sessions: vec![session(20_411, "idle in transaction"), session(20_377, "active")],
        measured: Measured::default(),
    };
    g.add("watch-live", access::watch(&page, &live))?;
    let measured = Measured {
        no_login_ms: Some(84),
        sessions_dead_ms: Some(112),
        verified_ms: Some(191),
        sessions_ended: Some(2),
    };
    let gone = WatchView {
        credential: credential("postgresql_login", "revoked"),
        ends_at: seconds(-4),
        sessions: Vec::new(),
        measured,
        ..live.clone()
    };
    g.add("watch-gone", access::watch(&page, &gone))?;
    let down = WatchView {
        credential: credential("postgresql_login", "revoking"),
        ends_at: seconds(-14),
        reachable: false,
        trouble: Some(text(
            "orders-db does not answer (connection refused). Revoking goes on: try 7, next in 4 s. The login may still work until it answers.",
        )),
        ..live
    };
    g.add("watch-target-down", access::watch(&page, &down))
}
fn receipt(g: &mut Gallery) -> Outcome<()> {
    let line = |action: &str, at, leaf_index| InclusionLine {
        action: text(action),
        at: minutes(at),
        leaf_index,
        leaf_hash: text("uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="),
        path: (1..=14).collect(),
    };
    let view = ReceiptView {
        grant: grant("orders-db.admin", "ended", "gone"),
        standing: false,
        asked_by: person("Dana Kim"),
        asked_at: minutes(-80),
        asked_seconds: Some(7_200),
        asked_end: None,
        reason: text("The report for finance is slow since the release."),
        ticket: ticket(),
        scope: scope(),
        digest: text("9f2c1e77ab40d1c6e5b8034f6a9d2c71f0e4b3a89c5d6e7f1a2b3c4d5e6f7081"),
        decisions: vec![
            decided("Ana Ruiz", "approve", -75, Some("One hour first.")),
            decided("Mei-Ling Chen", "approve", -62, None),
        ],
        credentials: vec![credential("postgresql_login", "revoked")],
        more_tokens: false,
        more_events: false,
        inclusion: vec![
            line("request.created", -80, 10_212),
            line("request.approved", -62, 10_240),
            line("credential.issued", -55, 10_251),
            line("credential.revoked", -1, 10_377),
        ],
        nodes: vec![text("2HkQd3f0m1c6yq8f3Qv0o0yWmC2d0c9sG0m1hJrZ7yY="); 14],
        checkpoint: Some(CheckpointLine {
            origin: text("access.example.org/audit"),
            size: 10_380,
            root: text("2HkQd3f0m1c6yq8f3Qv0o0yWmC2d0c9sG0m1hJrZ7yY="),
            at: seconds(-50),
            note: text(
                "access.example.org/audit\n10380\n2HkQd3f0m1c6yq8f3Qv0o0yWmC2d0c9sG0m1hJrZ7yY=\n\n— access.example.org/audit Az3grl…",
            ),
        }),
        commands: vec![command(
            "Check it offline",
            "hallpass audit verify --receipt receipt-01jd9z6y3m.json --vkey log.vkey",
        )],
        instance: text("Acme"),
    };
    g.add("receipt", access::receipt(&shell("/grants/0193-g1/receipt", Some("Dana Kim")), &view))
}
