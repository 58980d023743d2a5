//! Audit, reports, and the catalogue's objects.

use hallpass_broker::views::audit::{AuditFilter, AuditRow, AuditView, SealedTo};
use hallpass_broker::views::common::ScopeValue;
use hallpass_broker::views::objects::{
    BlockLine, GroupRow, ObjectsView, PersonRow, RoleRow, TargetRow, WorkflowRow, WorkflowStage, WorkloadRow,
};
use hallpass_broker::views::reports::{
    Figure, FindingRow, OverdueRow, ReconcilerRow, ReportsView, RestoredFact, TargetReport,
};
use hallpass_views::{audit, objects, reports};

use crate::sample::{choices, minutes, role, seconds, shell, text, texts};
use crate::{Gallery, Outcome};

pub(crate) fn add(g: &mut Gallery) -> Outcome<()> {
    audit_page(g)?;
    reports_page(g)?;
    object_pages(g)
}

fn audit_page(g: &mut Gallery) -> Outcome<()> {
    let omar = shell("/audit", Some("Omar Haddad"));
    let row = |n: i64, action: &str, actor: &str, object: &str, tone: &str| AuditRow {
        id: format!("0193-e{n}"),
        leaf_index: (n > 1).then_some(10_380 - n),
        at: seconds(-n * 17),
        actor: text(actor),
        actor_id: format!("user:0193-a{n}"),
        actor_handle: text(actor),
        action: text(action),
        object: text(object),
        object_href: Some(text("/audit?object=R-4821-k7Qm")),
        tone: text(tone),
        json: text(
            "{\n  \"action\": \"request.approved\",\n  \"actor\": \"u_2\",\n  \"digest\": \"9f2c1e77ab40d1c6\",\n  \"proof\": \"step-up\"\n}",
        ),
    };
    let view = AuditView {
        filter: AuditFilter::default(),
        actions: choices(&[("", "Anything"), ("request.approved", "request.approved")], ""),
        events: vec![
            row(1, "credential.revoked", "Hallpass", "hp_acme_ahf3k5q7w2nzm4xv on orders-db", "plain"),
            row(2, "grant.expired", "Hallpass", "R-4821-k7Qm, orders-db.admin", "plain"),
            row(3, "request.denied", "Mei-Ling Chen", "R-4711-9xYz, payments.refund", "bad"),
            row(4, "request.approved", "Ana Ruiz", "R-4821-k7Qm, orders-db.admin", "good"),
            row(5, "request.created", "Dana Kim", "R-4821-k7Qm, orders-db.admin", "info"),
        ],
        next: Some(text("c")),
        filtered: false,
        errors: Vec::new(),
        sealed: SealedTo {
            size: 10_380,
            root: text("2HkQd3f0m1c6yq8f3Qv0o0yWmC2d0c9sG0m1hJrZ7yY="),
            at: Some(seconds(-1)),
            unsealed: 1,
            command: text("hallpass audit verify --export audit.jsonl --checkpoint checkpoint.txt"),
        },
    };
    g.add("audit", audit::index(&omar, &view))?;
    let none = AuditView {
        filter: AuditFilter { actor: text("nobody"), ..AuditFilter::default() },
        events: Vec::new(),
        next: None,
        filtered: true,
        ..view
    };
    g.add("audit-nothing-found", audit::index(&omar, &none))
}

fn reports_page(g: &mut Gallery) -> Outcome<()> {
    let figure = |label: &str, value: &str, tone: &str| Figure {
        label: text(label),
        value: text(value),
        tone: text(tone),
    };
    let job = |name: &str, purpose: &str, state: &str, done, failed| ReconcilerRow {
        name: text(name),
        purpose: text(purpose),
        state: text(state),
        last_run_at: Some(seconds(-2)),
        took_ms: Some(14),
        done,
        failed,
        due: failed,
        next_run_at: Some(seconds(3)),
        trouble: (failed > 0).then(|| text("orders-db: connection refused")),
    };
    let finding = |kind: &str, differences: &[&str], removing_since| FindingRow {
        id: format!("0193-f-{kind}"),
        name: text("hp_acme_ahf3k5q7w2nzm4xvb2c6d7e2fa"),
        target: text("orders-db"),
        kind: text(kind),
        differences: texts(differences),
        groups: texts(&["orders_read"]),
        since: minutes(-6),
        removing_since,
        confirmed_by: removing_since.map(|_| text("Omar Haddad")),
        trouble: None,
        can_confirm: kind == "unknown",
        what_happens: text("It is left alone until an administrator says that it goes."),
    };
    let target = |name: &str, kind: &str, state: &str, drift: &[&str]| TargetReport {
        name: text(name),
        kind: text(kind),
        state: text(state),
        last_seen_at: Some(seconds(-40)),
        live: 3,
        revoking: i64::from(state == "unreachable"),
        findings: u64::try_from(drift.len()).unwrap_or(0),
        compared: if drift.is_empty() {
            text("the same since 25 Nov 08:00:12 UTC; compared 40 s ago")
        } else {
            format!("{} accounts differ; compared 40 s ago", drift.len())
        },
        differs: !drift.is_empty(),
        tried: Some(if state == "unreachable" {
            text(
                "NOT fit, tried 2 min ago: hallpass may not end sessions: GRANT pg_signal_backend TO hallpass",
            )
        } else {
            text("fit, PostgreSQL 15.14; tried 3 d ago")
        }),
        unfit: state == "unreachable",
        can_try: true,
        trouble: (state == "unreachable").then(|| text("connection refused")),
    };
    let view = ReportsView {
        restored: [
            ("What shows it", "the log is longer than the store (checkpoint of 09:58)"),
            ("Log before", "access.example.org/audit-1, key access.example.org/audit-1+b1c7+AdZ9f2c1e77ab40d1c6e5b8034f6a9d2c7"),
            ("What to do", "Read “Restoring a backup” in the operations page; then, on the server: hallpassd restored status, and hallpassd restored confirm."),
        ]
        .map(|(label, value)| RestoredFact { label: text(label), value: text(value) })
        .to_vec(),
        figures: vec![
            figure("live credentials", "12", "good"),
            figure("overdue", "1", "bad"),
            figure("revocation lag, p95", "0.21 s", "good"),
            figure("mail waiting", "2", "warn"),
            figure("unsealed events", "0", "good"),
        ],
        overdue_count: 131,
        overdue: vec![OverdueRow {
            credential_id: text("c1"),
            grant_id: text("g1"),
            name: text("hp_acme_ahf3k5q7w2nzm4xv"),
            target: text("orders-db"),
            due_at: seconds(-95),
            attempts: 7,
            next_attempt_at: Some(seconds(4)),
            trouble: Some(text("down")),
            needs_human: false,
        }],
        findings_count: 60,
        findings_at: None,
        findings_next: Some(text("01890a5d-ac96-774b-bcce-b302099a8057")),
        findings_first: true,
        findings: vec![
            finding("unknown", &["carries our mark, and no record of ours knows it"], None),
            finding(
                "changed",
                &["joined orders_owner", "may log in for longer than it was created for"],
                None,
            ),
            finding("reappeared", &["was verified absent, and is there again"], Some(seconds(-20))),
        ],
        reconcilers: vec![
            job("revoke-due", "ends what is due at its target", "failing", 4, 1),
            job("deliver-mail", "hands messages to the mail server", "ok", 2, 0),
            job("seal-audit", "gives events their place in the log and signs it", "ok", 31, 0),
            job("lapse-requests", "ends requests that nobody decided", "ok", 0, 0),
        ],
        targets: vec![
            target(
                "orders-db",
                "PostgreSQL",
                "unreachable",
                &["hp_acme_zzz9 is not in our records: quarantined"],
            ),
            target("reports-api", "OAuth audience", "reachable", &[]),
        ],
    };
    let omar = shell("/reports", Some("Omar Haddad"));
    g.add("reports", reports::index(&omar, &view))?;
    g.add(
        "reports-calm",
        reports::index(
            &omar,
            &ReportsView {
                restored: Vec::new(),
                overdue_count: 0,
                overdue: Vec::new(),
                findings_count: 0,
                findings: Vec::new(),
                findings_next: None,
                ..view
            },
        ),
    )
}

fn page<T>(rows: Vec<T>) -> ObjectsView<T> {
    ObjectsView {
        query: String::new(),
        rows,
        next: None,
        revision: 14,
        applied_at: Some(minutes(-4_000)),
        applied_by: Some(text("Vera Lindqvist")),
    }
}

fn object_pages(g: &mut Gallery) -> Outcome<()> {
    let vera = |kind: &str| shell(&format!("/catalogue/{kind}"), Some("Vera Lindqvist"));
    let target = TargetRow {
        name: text("orders-db"),
        kind: text("PostgreSQL"),
        environment: text("production"),
        address: text("orders-db.internal:5432"),
        owners: texts(&["Kofi Mensah"]),
        verification: String::new(),
        roles: texts(&["orders-db.admin", "orders-db.read", "quick-look"]),
        health: text("reachable"),
        last_seen_at: Some(seconds(-4)),
    };
    let api = TargetRow {
        name: text("reports-api"),
        kind: text("OAuth audience"),
        address: text("https://reports.example.org"),
        verification: text("offline"),
        roles: texts(&["reports.read"]),
        environment: text("staging"),
        ..target.clone()
    };
    g.add("objects-targets", objects::targets(&vera("targets"), &page(vec![target, api])))?;
    let row = |name: &str| RoleRow {
        role: role(name),
        revision: 3,
        eligible: texts(&["Support", "Data team"]),
        usual_seconds: 3_600,
        longest_seconds: 14_400,
        workflow: text("production-high"),
        gives: texts(&["PostgreSQL login"]),
        scope: vec![ScopeValue { name: text("schema"), values: texts(&["public", "billing"]) }],
        standing: false,
    };
    g.add(
        "objects-roles",
        objects::roles(
            &vera("roles"),
            &page(vec![row("orders-db.admin"), row("orders-db.read"), row("quick-look")]),
        ),
    )?;
    let stage = |name: &str| WorkflowStage {
        name: text(name),
        need: 1,
        deciders: texts(&[name]),
        proof: text("step-up"),
        lapses_after_seconds: 3_600,
    };
    g.add(
        "objects-workflows",
        objects::workflows(
            &vera("workflows"),
            &page(vec![WorkflowRow {
                name: text("production-high"),
                revision: 4,
                stages: vec![stage("DB on-call"), stage("Security")],
                roles: texts(&["orders-db.admin", "payments.refund"]),
            }]),
        ),
    )?;
    g.add(
        "objects-groups",
        objects::groups(
            &vera("groups"),
            &page(vec![GroupRow {
                name: text("DB on-call"),
                purpose: text("Keeps the databases up"),
                members: texts(&["Ana Ruiz", "Kofi Mensah"]),
                decides_in: texts(&["production-high"]),
                eligible_for: Vec::new(),
            }]),
        ),
    )?;
    let person = |name: &str, factor| PersonRow {
        name: text(name),
        email: crate::sample::person(name).handle,
        duties: if factor { texts(&["administrator"]) } else { Vec::new() },
        groups: texts(&["DB on-call"]),
        state: text("enabled"),
        second_factor: factor,
        last_sign_in_at: factor.then(|| minutes(-20)),
        active_grants: i64::from(!factor),
    };
    g.add(
        "objects-people",
        objects::people(
            &vera("people"),
            &page(vec![person("Vera Lindqvist", true), person("Dana Kim", false)]),
        ),
    )?;
    let workload = WorkloadRow {
        name: text("nightly-export"),
        client_id: text("wl_nightly_export"),
        owners: texts(&["Jonas Brandt"]),
        eligible_for: texts(&["reports.read"]),
        blocked_from: vec![BlockLine {
            role: text("orders-db.read"),
            since: minutes(-3),
            by: Some(text("Vera Lindqvist")),
            grant_id: text("0193-g1"),
        }],
        state: text("enabled"),
        last_seen_at: None,
        active_grants: 0,
    };
    g.add("objects-workloads", objects::workloads(&vera("workloads"), &page(vec![workload])))?;
    g.add("objects-empty", objects::workloads(&vera("workloads"), &page(Vec::new())))
}
