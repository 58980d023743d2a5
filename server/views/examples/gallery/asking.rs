//! Catalogue and request form.

use hallpass_broker::views::catalogue::{AgainItem, CatalogueView, RoleCard};
use hallpass_broker::views::request_form::{
    Preview, PreviewStage, RequestFormView, RequestValues, ScopeField,
};
use hallpass_views::{catalogue, requests};

use crate::sample::{LONG, choices, demo_shell, minutes, role, shell, text, texts, wrong};
use crate::{Gallery, Outcome};

fn card(name: &str, state: &str) -> RoleCard {
    let role = role(name);
    let high = role.tier == "high";
    RoleCard {
        usual_seconds: if name == "quick-look" { 120 } else { 3_600 },
        longest_seconds: if name == "quick-look" { 120 } else { 14_400 },
        approval: if high {
            texts(&["any 1 of DB on-call", "any 1 of Security"])
        } else {
            texts(&["any 1 of DB on-call"])
        },
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
    let again = |name: &str, seconds, reason: &str, at| AgainItem {
        role: role(name),
        seconds,
        reason: text(reason),
        at: minutes(at),
        href: text("/request?role=orders-db.read&for=1h"),
    };
    let full = CatalogueView {
        query: String::new(),
        tiers: choices(&[("", "Any tier"), ("low", "Low"), ("medium", "Medium"), ("high", "High")], ""),
        targets: choices(
            &[("", "Any target"), ("orders-db", "orders-db"), ("reports-api", "reports-api")],
            "",
        ),
        again: vec![
            again("orders-db.read", 3_600, "customer sees two invoices", -1_500),
            again("reports.read", 900, "weekly numbers", -9_000),
            again(
                "orders-db.admin",
                7_200,
                "index for the slow report, as agreed in the weekly meeting",
                -30_000,
            ),
        ],
        roles: vec![
            card("orders-db.admin", "pending"),
            card("orders-db.read", "active"),
            card("quick-look", "eligible"),
            card("reports.read", "eligible"),
            card(LONG, "eligible"),
            card("payments.refund", "not_eligible"),
        ],
        total: 6,
        total_unfiltered: 6,
        next: Some(text("c")),
    };
    let dana = shell("/catalogue", Some("Dana Kim"));
    g.add("catalogue", catalogue::index(&demo_shell("/catalogue", Some("Dana Kim")), &full))?;
    let none = CatalogueView {
        query: text("kubernetes"),
        again: Vec::new(),
        roles: Vec::new(),
        total: 0,
        next: None,
        ..full.clone()
    };
    g.add("catalogue-nothing-found", catalogue::index(&dana, &none))?;
    g.add(
        "catalogue-empty",
        catalogue::index(&dana, &CatalogueView { query: String::new(), total_unfiltered: 0, ..none }),
    )?;
    form(g)
}
fn form(g: &mut Gallery) -> Outcome<()> {
    let dana = shell("/request", Some("Dana Kim"));
    let field = |name: &str, label: &str, multiple, options: &[(&str, &str)], chosen: &str| ScopeField {
        name: text(name),
        label: text(label),
        help: text(if multiple { "Only what you need." } else { "" }),
        multiple,
        required: true,
        options: choices(options, chosen),
    };
    let preview = Preview {
        seconds: Some(5_400),
        fixed_end: None,
        ends_if_approved_now: minutes(90),
        decide_by: minutes(60),
        stages: vec![
            PreviewStage {
                name: text("DB on-call"),
                need: 1,
                deciders: texts(&["Ana Ruiz", "Kofi Mensah"]),
                proof: text("step-up"),
            },
            PreviewStage {
                name: text("Security"),
                need: 1,
                deciders: texts(&["Mei-Ling Chen"]),
                proof: text("step-up"),
            },
        ],
        consequences: texts(&[
            "Change and drop tables of the orders database",
            "Read customers’ names and addresses",
        ]),
        warnings: Vec::new(),
    };
    let view = RequestFormView {
        role: card("orders-db.admin", "eligible"),
        presets: choices(&[("15m", "15 min"), ("1h", "1 h"), ("4h", "4 h")], "1h"),
        scope: vec![
            field("database", "Database", false, &[("orders", "orders"), ("archive", "archive")], "orders"),
            field(
                "schema",
                "Schemas",
                true,
                &[("public", "public"), ("billing", "billing"), ("audit", "audit")],
                "public",
            ),
        ],
        values: RequestValues {
            for_text: text("90m"),
            reason: text("Index for the slow report"),
            ticket: text("INC-1234"),
        },
        reason_required: true,
        ticket_required: false,
        ticket_hint: text("INC-1234"),
        errors: Vec::new(),
        preview: Some(preview.clone()),
        idempotency_key: text("k"),
    };
    g.add("request-form", requests::form(&dana, &view))?;
    let fixed = Preview {
        seconds: None,
        fixed_end: Some(minutes(90)),
        warnings: texts(&["Mei-Ling Chen is the only one who can decide in Security."]),
        ..preview
    };
    let until = RequestFormView {
        values: RequestValues { for_text: text("until 17:30"), ..view.values.clone() },
        preview: Some(fixed),
        ..view.clone()
    };
    g.add("request-form-until", requests::form(&dana, &until))?;
    let bad = RequestFormView {
        values: RequestValues { for_text: text("9 hours"), reason: String::new(), ticket: String::new() },
        errors: vec![
            wrong("for_text", "9 h is longer than this role allows. Choose 4 h or less."),
            wrong("scope.schema", "Choose at least one schema."),
            wrong("reason", "Say what you are going to do."),
        ],
        preview: None,
        ..view
    };
    g.add("request-form-errors", requests::form(&dana, &bad))
}
