//! Pages for what did not work.

use hallpass_broker::views::error::ErrorView;

#[derive(askama::Template)]
#[template(path = "pages/error/error.html")]
struct Error<'a> {
    p: crate::page::Page<'a>,
    m: &'a ErrorView,
    title: &'a str,
    text: &'a str,
    icon: &'static str,
    tone: &'static str,
}

/// The usual words for a status: title, text, icon, tone.
fn usual(status: u16) -> (&'static str, &'static str, &'static str, &'static str) {
    match status {
        400 | 422 => (
            "That could not be read",
            "Something in the form or the address is not as it should be.",
            "alert",
            "wait",
        ),
        403 => (
            "Not from here",
            "The form came without its proof that it was ours: it was open too long, or you signed out meanwhile. Nothing was changed.",
            "lock",
            "wait",
        ),
        404 => (
            "Nothing here",
            "There is no such page, or it is not for you. Both look the same on purpose.",
            "search",
            "plain",
        ),
        409 => (
            "Somebody was faster",
            "It changed while you looked at it, so nothing of yours was recorded.",
            "refresh",
            "wait",
        ),
        413 => ("Too much at once", "What was sent is larger than this page takes.", "alert", "wait"),
        429 => ("Too many tries", "Wait a little before the next one.", "hourglass", "wait"),
        503 => (
            "Not able to right now",
            "Hallpass cannot write its records, so it issues nothing. What is due is revoked all the same.",
            "alert",
            "bad",
        ),
        _ => (
            "That went wrong",
            "The fault is ours, and it is in the log. Nothing of yours was lost.",
            "alert",
            "bad",
        ),
    }
}

/// The page for an error, whatever its status.
///
/// # Errors
/// Only if writing into the string fails.
pub fn page(shell: &crate::Shell, model: &ErrorView) -> Result<String, askama::Error> {
    let (title, text, icon, tone) = usual(model.status);
    let title = if model.title.is_empty() { title } else { &model.title };
    let text = if model.message.is_empty() { text } else { &model.message };
    askama::Template::render(&Error { p: crate::page::Page::new(shell), m: model, title, text, icon, tone })
}
