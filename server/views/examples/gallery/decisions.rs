//! The inbox, the decision page, and its outcomes.

use hallpass_broker::views::decision::{
    DecidedRow, DecisionValues, DecisionView, InboxRow, InboxView, OutcomeView,
};
use hallpass_views::decision;

use crate::requests::request;
use crate::sample::{choices, link, minutes, role, shell, stage, text, texts, ticket, wrong};
use crate::{Gallery, Outcome};

pub(crate) fn add(g: &mut Gallery) -> Outcome<()> {
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
        pending: vec![
            row(
                "Dana Kim",
                "orders-db.admin",
                12,
                &["First time for Dana.", "Twice the usual length of 1 h."],
                false,
            ),
            row("nightly-export", "reports.read", 240, &[], false),
            row("Ana Ruiz", "orders-db.read", 300, &[], true),
        ],
        history: Vec::new(),
        decides_for: texts(&["DB on-call", "Platform"]),
        next: None,
    };
    g.add("inbox", decision::inbox(&ana, &inbox))?;
    let history = vec![DecidedRow {
        reference: text("R-4790-b2Xc"),
        subject: text("Dana Kim"),
        role: role("orders-db.read"),
        decision: text("approve"),
        at: minutes(-70),
        state: text("approved"),
    }];
    g.add(
        "inbox-history",
        decision::inbox(
            &ana,
            &InboxView { tab: text("history"), pending: Vec::new(), history, ..inbox.clone() },
        ),
    )?;
    g.add("inbox-empty", decision::inbox(&ana, &InboxView { pending: Vec::new(), ..inbox.clone() }))?;
    g.add(
        "inbox-no-part",
        decision::inbox(
            &shell("/inbox", Some("Dana Kim")),
            &InboxView { pending: Vec::new(), decides_for: Vec::new(), ..inbox },
        ),
    )?;

    let mei = shell("/r/R-4821-k7Qm", Some("Mei-Ling Chen"));
    let view = DecisionView {
        stage: stage(2, "Security", "open", &["Mei-Ling Chen"], Vec::new()),
        digest: text("9f2c1e77ab40d1c6e5b8034f6a9d2c71f0e4b3a89c5d6e7f1a2b3c4d5e6f7081"),
        ends_if_approved_now: minutes(60),
        shorten_to: choices(
            &[("", "1 h, as it stands"), ("1800", "Shorten to 30 min"), ("900", "Shorten to 15 min")],
            "",
        ),
        differences: texts(&["First time for Dana.", "Outside Dana’s usual hours."]),
        consequences: texts(&[
            "Change and drop tables of the orders database",
            "Read customers’ names and addresses",
        ]),
        step_up: true,
        step_up_ready: true,
        comment_required: false,
        values: DecisionValues::default(),
        errors: Vec::new(),
        request: request("pending"),
    };
    g.add("decide", decision::decide(&mei, &view))?;
    let bad = DecisionView {
        errors: vec![
            wrong("comment", "Say why you deny it."),
            wrong("totp", "This code is not right, or was used already. Wait for the next one."),
        ],
        ..view.clone()
    };
    g.add("decide-errors", decision::decide(&mei, &bad))?;
    g.add("decide-no-factor", decision::decide(&mei, &DecisionView { step_up_ready: false, ..view }))?;
    for kind in [
        "approved",
        "denied",
        "already_decided",
        "decided_by_you",
        "stage_closed",
        "withdrawn",
        "lapsed",
        "changed",
        "own",
        "not_yours",
        "unknown",
    ] {
        let told = !matches!(kind, "not_yours" | "unknown");
        let outcome = OutcomeView {
            kind: text(kind),
            reference: told.then(|| text("R-4821-k7Qm")),
            summary: told.then(|| text("Dana Kim, orders-db.admin on orders-db, 1 h")),
            by: matches!(kind, "already_decided" | "decided_by_you" | "withdrawn").then(|| text("Ana Ruiz")),
            at: matches!(kind, "already_decided" | "decided_by_you" | "withdrawn" | "lapsed")
                .then(|| minutes(-6)),
            decision: (kind == "already_decided").then(|| text("approve")),
            comment: (kind == "already_decided").then(|| text("One hour first.")),
            next: (kind == "approved")
                .then(|| text("That was the last approval: access begins now and ends at 17:00 CET.")),
            links: if told {
                vec![link("/inbox", "Back to the inbox"), link("/requests/R-4821-k7Qm", "See the request")]
            } else {
                vec![link("/inbox", "My inbox")]
            },
        };
        g.add(&format!("outcome-{kind}"), decision::outcome(&mei, &outcome))?;
    }
    Ok(())
}
