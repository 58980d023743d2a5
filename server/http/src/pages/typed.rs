//! What was typed into a form: it comes back with the form after a sign-in, and stands beside an error, so that nobody has
//! to type it twice.
use actix_web::HttpResponse;
use hallpass_broker::access::next_path;
use hallpass_broker::queries::catalogue::encode;
use hallpass_broker::views::error::{ErrorView, TypedText};
use hallpass_broker::views::page::Link;

use super::forms::Form;

/// Longest field, as it stands in an address, that is kept where everything together is too long. Bytes.
const LONG_FIELD: usize = 256;

/// What somebody typed.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    /// The form's own token.
    pub(super) csrf: String,
    /// Address of the form, filled in.
    pub(super) back: String,
    /// Whether the form's page reads it from there.
    pub(super) fills: bool,
    texts: Vec<TypedText>,
}

impl Typed {
    /// Of a form that is shown at `path`; `fields` are what its page reads from its address, each with its label. Never one
    /// with a secret in it.
    pub(super) fn of(path: &str, form: &Form, fields: &[(&str, &str)]) -> Self {
        let mut pairs: Vec<String> = Vec::new();
        let mut texts = Vec::new();
        for (name, value) in form.pairs().filter(|(_, value)| !value.is_empty()) {
            let label = match (fields.iter().find(|(field, _)| *field == name), name.strip_prefix("scope.")) {
                (Some((_, label)), _) => *label,
                (None, Some(of)) => of,
                (None, None) => continue,
            };
            pairs.push(format!("{}={}", encode(name), encode(value)));
            texts.push(TypedText { label: label.to_owned(), text: value.to_owned() });
        }
        let back = if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) };
        Self { csrf: form.get("csrf").to_owned(), back, fills: true, texts }
    }

    /// Of a form whose page reads nothing from its address: to be copied from the error's page.
    pub(super) fn to_be_copied(path: &str, form: &Form, fields: &[(&str, &str)]) -> Self {
        Self { back: path.to_owned(), fills: false, ..Self::of(path, form, fields) }
    }

    /// Shows it beside an error, with the way back to the form where that is still there.
    pub(crate) fn shown_in(self, view: &mut ErrorView) {
        if view.status != 404 {
            let href = next_path(&self.back).unwrap_or_else(|| without_long(&self.back));
            let text = if self.fills { "Back to the form, filled in" } else { "Back to the form" };
            view.links.insert(0, Link { href, text: text.to_owned() });
        }
        view.typed = self.texts;
    }

    /// Leaves it with an answer whose words are written later.
    pub(crate) fn left_with(self, mut answer: HttpResponse) -> HttpResponse {
        answer.extensions_mut().insert(self);
        answer
    }
}

/// The address without what is too long to be kept, so that it still leads to the form of the same thing.
pub(super) fn without_long(back: &str) -> String {
    let (path, query) = back.split_once('?').unwrap_or((back, ""));
    let kept: Vec<&str> =
        query.split('&').filter(|pair| !pair.is_empty() && pair.len() <= LONG_FIELD).collect();
    if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) }
}
