//! Catalogue, request form, requests, inbox, decision.

use hallpass_broker::views::catalogue::{AgainItem, CatalogueView, RoleCard};
use hallpass_broker::views::decision::{DecidedRow, DecisionValues, DecisionView, InboxRow, InboxView, OutcomeView};
use hallpass_broker::views::request::{GrantLink, MailDelivery, RequestRow, RequestView, RequestsView};
use hallpass_broker::views::request_form::{Preview, PreviewStage, RequestFormView, RequestValues, ScopeField};
use hallpass_views::{catalogue, decision, requests};

use crate::sample::{
    choices, decided, demo_shell, event, link, minutes, person, role, scope, shell, stage, text, texts, ticket,
    with_flash, wrong,
};
use crate::{Gallery, Outcome};

const LONG: &str = "warehouse-analytics.read-only.with-a-long-name:eu-central-1-b";

fn card(name: &str, state: &str) -> RoleCard {
    let role = role(name);
    let high = role.tier == "high";
    RoleCard {
        usual_seconds: if name == "quick-look" { 120 } else { 3_600 },
        longest_seconds: if name == "quick-look" { 120 } else { 14_400 },
        approval: if high { texts(&["any 1 of DB on-call", "any 1 of Security"]) } else { texts(&["any 1 of DB on-call"]) },
        proof: text(if high { "step-up" } else { "session" }),
        gives: texts(&[if role.target_kind == "PostgreSQL" { "PostgreSQL login" } else { "access token" }]),
        standing: false,
        state: text(state),
        until: (state == "active").then(|| minutes(42)),
        state_href: (state == "active" || state == "pending").then(|| text("/grants/g1")),
        why_not: (state == "not_eligible").then(|| text("Needs the group Payments. Ask Vera Lindqvist.")),
        last_used_at: (name == "orders-db.read").then(|| minutes(-4_000)),
        role,
    }
}

pub(crate) fn add(g: &mut Gallery) -> Outcome<()> {
    let again = |name: &str, seconds, reason: &str, at| AgainItem { role: role(name), seconds, reason: text(reason), at: minutes(at), href: text("/request?role=orders-db.read&for=1h") };
    let full = CatalogueView {
        query: String::new(),
        tiers: choices(&[("", "Any tier"), ("low", "Low"), ("medium", "Medium"), ("high", "High")], ""),
        targets: choices(&[("", "Any target"), ("orders-db", "orders-db"), ("reports-api", "reports-api")], ""),
        again: vec![again("orders-db.read", 3_600, "customer sees two invoices", -1_500), again("reports.read", 900, "weekly numbers", -9_000), again("orders-db.admin", 7_200, "index for the slow report, as agreed in the weekly meeting", -30_000)],
        roles: vec![card("orders-db.admin", "pending"), card("orders-db.read", "active"), card("quick-look", "eligible"), card("reports.read", "eligible"), card(LONG, "eligible"), card("payments.refund", "not_eligible")],
        total: 6,
        total_unfiltered: 6,
        next: Some(text("c")),
    };
    let dana = shell("/catalogue", Some("Dana Kim"));
    g.add("catalogue", catalogue::index(&demo_shell("/catalogue", Some("Dana Kim")), &full))?;
    let none = CatalogueView { query: text("kubernetes"), again: Vec::new(), roles: Vec::new(), total: 0, next: None, ..full.clone() };
    g.add("catalogue-nothing-found", catalogue::index(&dana, &none))?;
    g.add("catalogue-empty", catalogue::index(&dana, &CatalogueView { query: String::new(), total_unfiltered: 0, ..none }))?;
    form(g)?;
    lists(g)?;
    detail(g)?;
    decisions(g)
}

fn form(g: &mut Gallery) -> Outcome<()> {
    let dana = shell("/request", Some("Dana Kim"));
    let field = |name: &str, label: &str, multiple, options: &[(&str, &str)], chosen: &str| ScopeField { name: text(name), label: text(label), help: text(if multiple { "Only what you need." } else { "" }), multiple, required: true, options: choices(options, chosen) };
    let preview = Preview {
        seconds: Some(5_400),
        fixed_end: None,
        ends_if_approved_now: minutes(90),
        decide_by: minutes(60),
        stages: vec![
            PreviewStage { name: text("DB on-call"), need: 1, deciders: texts(&["Ana Ruiz", "Kofi Mensah"]), proof: text("step-up") },
            PreviewStage { name: text("Security"), need: 1, deciders: texts(&["Mei-Ling Chen"]), proof: text("step-up") },
        ],
        consequences: texts(&["Change and drop tables of the orders database", "Read customers’ names and addresses"]),
        warnings: Vec::new(),
    };
    let view = RequestFormView {
        role: card("orders-db.admin", "eligible"),
        presets: choices(&[("15m", "15 min"), ("1h", "1 h"), ("4h", "4 h")], "1h"),
        scope: vec![field("database", "Database", false, &[("orders", "orders"), ("archive", "archive")], "orders"), field("schema", "Schemas", true, &[("public", "public"), ("billing", "billing"), ("audit", "audit")], "public")],
        values: RequestValues { for_text: text("90m"), reason: text("Index for the slow report"), ticket: text("INC-1234") },
        reason_required: true,
        ticket_required: false,
        ticket_hint: text("INC-1234"),
        errors: Vec::new(),
        preview: Some(preview.clone()),
        idempotency_key: text("k"),
    };
    g.add("request-form", requests::form(&dana, &view))?;
    let fixed = Preview { seconds: None, fixed_end: Some(minutes(90)), warnings: texts(&["Mei-Ling Chen is the only one who can decide in Security."]), ..preview };
    let until = RequestFormView { values: RequestValues { for_text: text("until 17:30"), ..view.values.clone() }, preview: Some(fixed), ..view.clone() };
    g.add("request-form-until", requests::form(&dana, &until))?;
    let bad = RequestFormView {
        values: RequestValues { for_text: text("9 hours"), reason: String::new(), ticket: String::new() },
        errors: vec![wrong("for_text", "9 h is longer than this role allows. Choose 4 h or less."), wrong("scope.schema", "Choose at least one schema."), wrong("reason", "Say what you are going to do.")],
        preview: None,
        ..view
    };
    g.add("request-form-errors", requests::form(&dana, &bad))
}

fn lists(g: &mut Gallery) -> Outcome<()> {
    let row = |reference: &str, name: &str, state: &str, standing: &str, at| RequestRow {
        reference: text(reference),
        role: role(name),
        state: text(state),
        seconds: Some(5_400),
        fixed_end: None,
        reason: text("slow query on the replica"),
        created_at: minutes(at),
        decide_by: (state == "pending").then(|| minutes(47)),
        standing: text(standing),
        grant: (state == "approved").then(|| GrantLink { id: text("g1"), state: text("active"), starts_at: minutes(-10), ends_at: minutes(42) }),
    };
    let view = RequestsView {
        states: choices(&[("", "All"), ("pending", "Pending"), ("approved", "Approved"), ("denied", "Denied"), ("withdrawn", "Withdrawn"), ("lapsed", "Lapsed")], ""),
        rows: vec![
            row("R-4821-k7Qm", "orders-db.admin", "pending", "1 of 2, waiting for Security", -13),
            row("R-4790-b2Xc", "orders-db.read", "approved", "by Ana Ruiz", -70),
            row("R-4711-9xYz", "payments.refund", "denied", "by Mei-Ling Chen", -2_000),
            row("R-4600-qq1A", LONG, "lapsed", "nobody decided in time", -20_000),
            row("R-4599-zT3b", "reports.read", "withdrawn", "by you", -20_100),
        ],
        filtered: false,
        next: Some(text("c")),
    };
    let dana = shell("/requests", Some("Dana Kim"));
    g.add("requests", requests::list(&dana, &view))?;
    g.add("requests-empty", requests::list(&dana, &RequestsView { rows: Vec::new(), next: None, ..view }))
}

fn request(state: &str) -> RequestView {
    let first = decided("Ana Ruiz", "approve", -6, Some("One hour first."));
    let stages = match state {
        "denied" => vec![stage(1, "DB on-call", "approved", &[], vec![first]), stage(2, "Security", "denied", &[], vec![decided("Mei-Ling Chen", "deny", -2, Some("Use the staging copy for this."))])],
        "approved" => vec![stage(1, "DB on-call", "approved", &[], vec![first]), stage(2, "Security", "approved", &[], vec![decided("Mei-Ling Chen", "approve", -2, None)])],
        _ => vec![stage(1, "DB on-call", "approved", &[], vec![first]), stage(2, "Security", "open", &["Mei-Ling Chen", "Omar Haddad"], Vec::new())],
    };
    let mail = |to: &str, what: &str, state: &str, attempts| MailDelivery { to: text(to), what: text(what), state: text(state), at: minutes(-13), attempts, detail: (state == "retrying").then(|| text("451 4.7.1 try again later")) };
    RequestView {
        reference: text("R-4821-k7Qm"),
        state: text(state),
        role: role("orders-db.admin"),
        scope: scope(),
        subject: person("Dana Kim"),
        submitted_by: None,
        seconds: Some(7_200),
        fixed_end: None,
        shortened_to_seconds: Some(3_600),
        shortened_by: Some(text("Ana Ruiz")),
        reason: text("The report for finance is slow since the release; I want to add an index and look at the plan."),
        ticket: ticket(),
        created_at: minutes(-13),
        decide_by: (state == "pending").then(|| minutes(47)),
        decided_at: (state != "pending").then(|| minutes(-2)),
        workflow: text("production-high, revision 4"),
        digest: text("9f2c1e77ab40d1c6e5b8034f6a9d2c71f0e4b3a89c5d6e7f1a2b3c4d5e6f7081"),
        stages,
        timeline: vec![
            event(-13, "Dana Kim", "requested 2 h of orders-db.admin", Some("in the portal, signed in"), "info"),
            event(-13, "Hallpass", "sent mail to 2 approvers of DB on-call", None, "plain"),
            event(-6, "Ana Ruiz", "approved, shortened to 1 h", Some("“One hour first.” Fresh second factor."), "good"),
            event(-6, "Hallpass", "opened stage 2, Security", None, "plain"),
        ],
        mail: vec![mail("Ana Ruiz", "asked to decide", "sent", 1), mail("Kofi Mensah", "asked to decide", "sent", 1), mail("Mei-Ling Chen", "asked to decide", "retrying", 3)],
        grant: (state == "approved").then(|| GrantLink { id: text("g1"), state: text("active"), starts_at: minutes(-2), ends_at: minutes(58) }),
        can_withdraw: state == "pending",
        can_decide: false,
        ask_again_href: (state != "pending").then(|| text("/request?role=orders-db.admin")),
    }
}

fn detail(g: &mut Gallery) -> Outcome<()> {
    let dana = shell("/requests/R-4821-k7Qm", Some("Dana Kim"));
    let sent = with_flash(dana.clone(), "good", "Your request was sent to DB on-call.", None);
    g.add("request-pending", requests::detail(&sent, &request("pending")))?;
    g.add("request-approved", requests::detail(&dana, &request("approved")))?;
    g.add("request-denied", requests::detail(&dana, &request("denied")))
}

fn decisions(g: &mut Gallery) -> Outcome<()> {
    let ana = shell("/inbox", Some("Ana Ruiz"));
    let row = |subject: &str, name: &str, by, differences: &[&str], own| InboxRow {
        reference: text("R-4821-k7Qm"),
        subject: text(subject),
        role: role(name),
        seconds: Some(7_200),
        fixed_end: None,
        reason: text("The report for finance is slow since the release."),
        ticket: ticket(),
        created_at: minutes(-13),
        decide_by: minutes(by),
        stage: text("DB on-call"),
        need: 2,
        have: 1,
        differences: texts(differences),
        proof: text("step-up"),
        own,
    };
    let inbox = InboxView {
        tab: text("pending"),
        pending: vec![row("Dana Kim", "orders-db.admin", 12, &["First time for Dana.", "Twice the usual length of 1 h."], false), row("nightly-export", "reports.read", 240, &[], false), row("Ana Ruiz", "orders-db.read", 300, &[], true)],
        history: Vec::new(),
        decides_for: texts(&["DB on-call", "Platform"]),
        next: None,
    };
    g.add("inbox", decision::inbox(&ana, &inbox))?;
    let history = vec![DecidedRow { reference: text("R-4790-b2Xc"), subject: text("Dana Kim"), role: role("orders-db.read"), decision: text("approve"), at: minutes(-70), state: text("approved") }];
    g.add("inbox-history", decision::inbox(&ana, &InboxView { tab: text("history"), pending: Vec::new(), history, ..inbox.clone() }))?;
    g.add("inbox-empty", decision::inbox(&ana, &InboxView { pending: Vec::new(), ..inbox.clone() }))?;
    g.add("inbox-no-part", decision::inbox(&shell("/inbox", Some("Dana Kim")), &InboxView { pending: Vec::new(), decides_for: Vec::new(), ..inbox }))?;

    let mei = shell("/r/R-4821-k7Qm", Some("Mei-Ling Chen"));
    let view = DecisionView {
        stage: stage(2, "Security", "open", &["Mei-Ling Chen"], Vec::new()),
        digest: text("9f2c1e77ab40d1c6e5b8034f6a9d2c71f0e4b3a89c5d6e7f1a2b3c4d5e6f7081"),
        ends_if_approved_now: minutes(60),
        shorten_to: choices(&[("", "1 h, as it stands"), ("1800", "Shorten to 30 min"), ("900", "Shorten to 15 min")], ""),
        differences: texts(&["First time for Dana.", "Outside Dana’s usual hours."]),
        consequences: texts(&["Change and drop tables of the orders database", "Read customers’ names and addresses"]),
        step_up: true,
        step_up_ready: true,
        comment_required: false,
        values: DecisionValues::default(),
        errors: Vec::new(),
        request: request("pending"),
    };
    g.add("decide", decision::decide(&mei, &view))?;
    let bad = DecisionView { errors: vec![wrong("comment", "Say why you deny it."), wrong("totp", "This code is not right, or was used already. Wait for the next one.")], ..view.clone() };
    g.add("decide-errors", decision::decide(&mei, &bad))?;
    g.add("decide-no-factor", decision::decide(&mei, &DecisionView { step_up_ready: false, ..view }))?;
    for kind in ["approved", "denied", "already_decided", "stage_closed", "withdrawn", "lapsed", "changed", "own", "not_yours", "unknown"] {
        let told = !matches!(kind, "not_yours" | "unknown");
        let outcome = OutcomeView {
            kind: text(kind),
            reference: told.then(|| text("R-4821-k7Qm")),
            summary: told.then(|| text("Dana Kim, orders-db.admin on orders-db, 1 h")),
            by: matches!(kind, "already_decided" | "withdrawn").then(|| text("Ana Ruiz")),
            at: matches!(kind, "already_decided" | "withdrawn" | "lapsed").then(|| minutes(-6)),
            decision: (kind == "already_decided").then(|| text("approve")),
            comment: (kind == "already_decided").then(|| text("One hour first.")),
            next: (kind == "approved").then(|| text("That was the last approval: access begins now and ends at 17:00 CET.")),
            links: if told { vec![link("/inbox", "Back to the inbox"), link("/requests/R-4821-k7Qm", "See the request")] } else { vec![link("/inbox", "My inbox")] },
        };
        g.add(&format!("outcome-{kind}"), decision::outcome(&mei, &outcome))?;
    }
    Ok(())
}
