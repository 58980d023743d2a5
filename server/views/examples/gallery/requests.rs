//! One's requests, and one request in its states.

use hallpass_broker::views::request::{GrantLink, MailDelivery, RequestRow, RequestView, RequestsView};
use hallpass_views::requests;

use crate::sample::{
    LONG, choices, decided, event, minutes, person, role, scope, shell, stage, text, ticket, with_flash,
};
use crate::{Gallery, Outcome};

pub(crate) fn add(g: &mut Gallery) -> Outcome<()> {
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
        grant: (state == "approved").then(|| GrantLink {
            id: text("g1"),
            state: text("active"),
            starts_at: minutes(-10),
            ends_at: minutes(42),
        }),
    };
    let view = RequestsView {
        states: choices(
            &[
                ("", "All"),
                ("pending", "Pending"),
                ("approved", "Approved"),
                ("denied", "Denied"),
                ("withdrawn", "Withdrawn"),
                ("lapsed", "Lapsed"),
            ],
            "",
        ),
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
    g.add("requests-empty", requests::list(&dana, &RequestsView { rows: Vec::new(), next: None, ..view }))?;
    detail(g)
}
pub(crate) fn request(state: &str) -> RequestView {
    let first = decided("Ana Ruiz", "approve", -6, Some("One hour first."));
    let stages = match state {
        "denied" => vec![
            stage(1, "DB on-call", "approved", &[], vec![first]),
            stage(
                2,
                "Security",
                "denied",
                &[],
                vec![decided("Mei-Ling Chen", "deny", -2, Some("Use the staging copy for this."))],
            ),
        ],
        "approved" => vec![
            stage(1, "DB on-call", "approved", &[], vec![first]),
            stage(2, "Security", "approved", &[], vec![decided("Mei-Ling Chen", "approve", -2, None)]),
        ],
        _ => vec![
            stage(1, "DB on-call", "approved", &[], vec![first]),
            stage(2, "Security", "open", &["Mei-Ling Chen", "Omar Haddad"], Vec::new()),
        ],
    };
    let mail = |to: &str, what: &str, state: &str, attempts| MailDelivery {
        to: text(to),
        what: text(what),
        state: text(state),
        at: minutes(-13),
        attempts,
        detail: (state == "retrying").then(|| text("451 4.7.1 try again later")),
    };
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
        reason: text(
            "The report for finance is slow since the release; I want to add an index and look at the plan.",
        ),
        ticket: ticket(),
        created_at: minutes(-13),
        decide_by: (state == "pending").then(|| minutes(47)),
        decided_at: (state != "pending").then(|| minutes(-2)),
        workflow: text("production-high, revision 4"),
        digest: text("9f2c1e77ab40d1c6e5b8034f6a9d2c71f0e4b3a89c5d6e7f1a2b3c4d5e6f7081"),
        stages,
        timeline: vec![
            event(
                -13,
                "Dana Kim",
                "requested 2 h of orders-db.admin",
                Some("in the portal, signed in"),
                "info",
            ),
            event(-13, "Hallpass", "sent mail to 2 approvers of DB on-call", None, "plain"),
            event(
                -6,
                "Ana Ruiz",
                "approved, shortened to 1 h",
                Some("“One hour first.” Fresh second factor."),
                "good",
            ),
            event(-6, "Hallpass", "opened stage 2, Security", None, "plain"),
        ],
        mail: vec![
            mail("Ana Ruiz", "asked to decide", "sent", 1),
            mail("Kofi Mensah", "asked to decide", "sent", 1),
            mail("Mei-Ling Chen", "asked to decide", "retrying", 3),
        ],
        grant: (state == "approved").then(|| GrantLink {
            id: text("g1"),
            state: text("active"),
            starts_at: minutes(-2),
            ends_at: minutes(58),
        }),
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
