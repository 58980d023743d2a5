//! Deciding: the inbox, the page behind the link in the mail, and how such a visit can end.

use hallpass_broker::views::decision::{DecisionView, InboxView, OutcomeView};

screen!(
    /// `GET /inbox`: what waits for this person, and what this person decided.
    inbox,
    Inbox,
    InboxView,
    "pages/decisions/inbox.html"
);
screen!(
    /// `GET /r/{reference}` for an approver of the open stage, and its `POST` that came back with mistakes.
    decide,
    Decide,
    DecisionView,
    "pages/decisions/decide.html"
);

/// What one outcome says.
struct Words {
    title: &'static str,
    text: &'static str,
    tone: &'static str,
    icon: &'static str,
    /// Before "by … at …", where no decision is named.
    verb: &'static str,
}

/// The words of an outcome; an unknown kind says no more than an unknown link.
fn words(kind: &str) -> Words {
    let (title, text, tone, icon, verb) = match kind {
        "approved" => ("Approved", "Your approval is recorded.", "good", "check", "Approved"),
        "denied" => {
            ("Denied", "Your denial is recorded, and the request has ended.", "bad", "cross", "Denied")
        }
        "already_decided" => (
            "Already decided",
            "Somebody was faster. Nothing is left to do, and nothing was changed now.",
            "info",
            "check",
            "Decided",
        ),
        "decided_by_you" => (
            "Already decided",
            "Your decision is recorded, and it counts. Nothing is left for you to do, and nothing was changed now.",
            "info",
            "check",
            "Decided",
        ),
        "stage_closed" => (
            "This stage is settled",
            "Enough approvals are in for your stage. The request goes on without you.",
            "info",
            "check",
            "Settled",
        ),
        "withdrawn" => {
            ("Withdrawn", "It is no longer needed. Nothing is left to do.", "plain", "undo", "Withdrawn")
        }
        "lapsed" => (
            "Lapsed",
            "The time to decide ran out, so the request ended without a decision.",
            "plain",
            "hourglass",
            "Lapsed",
        ),
        "role_changed" => (
            "The role changed",
            "It gives something else than when this was asked, so the request has lapsed. Whoever asked can ask again, and you decide on what the role is now.",
            "wait",
            "refresh",
            "Lapsed",
        ),
        "changed" => (
            "It changed while you looked",
            "Your decision was not recorded, because the request is no longer what you were shown.",
            "wait",
            "refresh",
            "Changed",
        ),
        "own" => (
            "This is your own request",
            "Nobody decides on a request of his own. The approvers have been told.",
            "info",
            "user",
            "Asked",
        ),
        "not_yours" => (
            "Not yours to decide",
            "This link was sent to somebody else. You are signed in as a person who does not decide on it.",
            "plain",
            "lock",
            "",
        ),
        _ => (
            "This link leads nowhere",
            "There is no such request, or it is too old to be shown. Check that the whole link was copied.",
            "plain",
            "search",
            "",
        ),
    };
    Words { title, text, tone, icon, verb }
}

#[derive(askama::Template)]
#[template(path = "pages/decisions/outcome.html")]
struct Outcome<'a> {
    p: crate::page::Page<'a>,
    m: &'a OutcomeView,
    words: Words,
}

/// Any end of a visit to `/r/{reference}`.
///
/// # Errors
/// Only if writing into the string fails.
pub fn outcome(shell: &crate::Shell, model: &OutcomeView) -> Result<String, askama::Error> {
    let page = Outcome { p: crate::page::Page::new(shell), m: model, words: words(&model.kind) };
    askama::Template::render(&page)
}
