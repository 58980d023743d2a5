//! My access and grants.

use hallpass_broker::views::access::{AccessView, AtTarget, GrantCard, GrantView, Works};
use hallpass_broker::views::credential::{CredentialView, IssuableKind};
use hallpass_broker::views::objects::BlockLine;
use hallpass_views::access;

use crate::credentials::credential;
use crate::sample::{
    command, decided, demo_shell, event, minutes, person, role, scope, seconds, shell, text, with_flash,
    wrong,
};
use crate::{Gallery, Outcome};

pub(crate) fn grant(name: &str, state: &str, left: &str) -> GrantCard {
    let ended = state == "ended";
    let (works, detail) = match (state, left) {
        ("scheduled", _) => ("not_started", "starts 22:00 CET"),
        ("active", "nothing") => ("not_issued", "issue a credential to use it"),
        ("active", _) => ("works", "login accepted by the target"),
        _ => ("ended", "access has ended"),
    };
    GrantCard {
        id: text("0193-g1"),
        reference: text("R-4821-k7Qm"),
        role: role(name),
        holder: person("Dana Kim"),
        state: text(state),
        ended_reason: matches!(state, "ended" | "ending").then(|| text("expired")),
        starts_at: if state == "scheduled" { minutes(300) } else { minutes(-18) },
        ends_at: match state {
            "active" if name == "quick-look" => seconds(75),
            "active" => minutes(42),
            "scheduled" => minutes(420),
            _ => minutes(-1),
        },
        ended_at: (ended || state == "ending").then(|| minutes(-1)),
        works: Works {
            state: text(works),
            checked_at: (works == "works").then(|| seconds(-8)),
            detail: text(detail),
        },
        left: AtTarget {
            state: text(left),
            credentials: i64::from(matches!(left, "live" | "revoking")),
            sessions: (left == "live").then_some(2),
            may_work_until: (left == "revoking").then(|| minutes(4)),
            verified_at: (left == "gone").then(|| seconds(-59)),
            lag_ms: (left == "gone").then_some(191),
            detail: (left == "revoking").then(|| text("The target cannot be reached. Hallpass keeps trying and completes within seconds of its return.")),
        },
        can_issue: state == "active",
        can_end: matches!(state, "active" | "scheduled"),
    }
}
fn view(state: &str, left: &str, credentials: Vec<CredentialView>) -> GrantView {
    let kind = |kind: &str, label: &str, use_it: &str, cuts: &str, cannot: &str| IssuableKind {
        kind: text(kind),
        label: text(label),
        use_it: text(use_it),
        cuts: text(cuts),
        cannot_cut: text(cannot),
    };
    GrantView {
        grant: grant("orders-db.admin", state, left),
        scope: scope(),
        approvals: vec![
            decided("Ana Ruiz", "approve", -20, Some("One hour first.")),
            decided("Mei-Ling Chen", "approve", -18, None),
        ],
        reason: text("The report for finance is slow since the release."),
        issuable: vec![
            kind(
                "postgresql_login",
                "PostgreSQL login",
                "A database user of your own, for psql or any client.",
                "the login is dropped and its open sessions are ended.",
                "",
            ),
            kind(
                "access_token",
                "access token",
                "A signed token for HTTP calls to the target.",
                "introspection answers inactive at once.",
                "a verifier that works offline may accept it up to 5 min longer.",
            ),
        ],
        why_no_issue: None,
        credentials,
        commands: vec![
            command("psql, with a login that ends with this grant", "hallpass run orders-db.admin -- psql"),
            command("The token alone", "hallpass token orders-db.admin"),
        ],
        can_revoke: false,
        blocks: None,
        can_lift: false,
        has_receipt: state == "ended",
        ended_by: None,
        ended_comment: None,
        timeline: vec![
            event(
                -18,
                "Mei-Ling Chen",
                "gave the last approval",
                Some("Access began at once, for 1 h."),
                "good",
            ),
            event(
                -12,
                "Dana Kim",
                "issued a PostgreSQL login",
                Some("hp_acme_ahf3k5q7w2nzm4xv, in the portal"),
                "info",
            ),
            event(-12, "Hallpass", "checked that it works", None, "plain"),
        ],
        errors: Vec::new(),
    }
}
pub(crate) fn add(g: &mut Gallery) -> Outcome<()> {
    let dana = shell("/access", Some("Dana Kim"));
    let full = AccessView {
        current: vec![
            grant("quick-look", "active", "live"),
            grant("orders-db.admin", "active", "nothing"),
            grant("orders-db.read", "ending", "revoking"),
        ],
        scheduled: vec![grant("reports.read", "scheduled", "nothing")],
        ended: vec![grant("payments.refund", "ended", "gone")],
    };
    g.add("access", access::index(&demo_shell("/access", Some("Dana Kim")), &full))?;
    g.add(
        "access-empty",
        access::index(&dana, &AccessView { current: Vec::new(), scheduled: Vec::new(), ended: Vec::new() }),
    )?;

    let page = shell("/grants/0193-g1", Some("Dana Kim"));
    g.add(
        "grant-fresh",
        access::grant(
            &with_flash(page.clone(), "good", "Approved. Access has begun.", None),
            &view("active", "nothing", Vec::new()),
        ),
    )?;
    g.add(
        "grant-live",
        access::grant(
            &page,
            &view(
                "active",
                "live",
                vec![credential("postgresql_login", "live"), credential("access_token", "live")],
            ),
        ),
    )?;
    let revoker = GrantView {
        can_revoke: true,
        errors: vec![wrong("reason", "Say why: the holder is told.")],
        ..view("active", "live", vec![credential("postgresql_login", "live")])
    };
    g.add("grant-revoker", access::grant(&shell("/grants/0193-g1", Some("Vera Lindqvist")), &revoker))?;
    g.add(
        "grant-ending",
        access::grant(&page, &view("ending", "revoking", vec![credential("postgresql_login", "revoking")])),
    )?;
    let scheduled = GrantView {
        why_no_issue: Some(text("It has not begun yet.")),
        credentials: Vec::new(),
        timeline: Vec::new(),
        ..view("scheduled", "nothing", Vec::new())
    };
    g.add("grant-scheduled", access::grant(&page, &scheduled))?;
    let blocked = GrantView {
        grant: GrantCard {
            holder: person("nightly-export"),
            reference: String::new(),
            ..grant("reports.read", "ended", "gone")
        },
        approvals: Vec::new(),
        blocks: Some(BlockLine {
            role: text("reports.read"),
            since: minutes(-3),
            by: Some(text("Vera Lindqvist")),
            grant_id: text("0193-g1"),
        }),
        can_lift: true,
        ended_by: Some(text("Vera Lindqvist")),
        ended_comment: Some(text("exports went to the wrong place")),
        ..view("ended", "gone", vec![credential("access_token", "revoked")])
    };
    g.add("grant-blocked", access::grant(&shell("/grants/0193-g1", Some("Vera Lindqvist")), &blocked))?;
    let ended = GrantView {
        ended_by: Some(text("Vera Lindqvist")),
        ended_comment: Some(text("laptop reported lost")),
        ..view("ended", "gone", vec![credential("postgresql_login", "revoked")])
    };
    g.add("grant-ended", access::grant(&page, &ended))
}
