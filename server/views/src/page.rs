//! What every template has at hand besides its model: the shell, and the words, times and form parts made from it.

use chrono::{DateTime, TimeDelta, Utc};
use hallpass_broker::views::Shell;
use hallpass_broker::views::common::PrincipalLine;
use hallpass_broker::views::page::FieldError;

use crate::markup::Html;
use crate::time::LocalTime;
use crate::{assets, words};

/// The template's helper, named `p` there. Templates pass arguments by reference.
pub(crate) struct Page<'a> {
    /// The frame: person, navigation, CSRF token, notice.
    pub(crate) shell: &'a Shell,
    time: LocalTime,
}

impl<'a> Page<'a> {
    pub(crate) fn new(shell: &'a Shell) -> Self {
        Self { shell, time: LocalTime::new(&shell.zone, shell.now) }
    }

    /// Address of an embedded file.
    pub(crate) fn asset(&self, name: &str) -> String {
        assets::path(name)
    }

    /// A value inside a query: everything but RFC 3986's unreserved characters is percent-encoded.
    pub(crate) fn url(&self, value: &str) -> String {
        let mut out = String::with_capacity(value.len());
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
        out
    }

    /// `aria-current` for the entry of the navigation that this page belongs to.
    pub(crate) fn here(&self, prefix: &str) -> Html {
        let path = self.shell.path.as_str();
        let inside = path == prefix || path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
        // The lists of objects live below /catalogue and have an entry of their own.
        let objects = prefix == "/catalogue" && path.starts_with("/catalogue/");
        if inside && !objects { Html::new().raw(" aria-current=\"page\"") } else { Html::new() }
    }

    /// The hidden field that every POST form carries.
    pub(crate) fn csrf(&self) -> Html {
        Html::new().raw("<input type=\"hidden\" name=\"csrf\" value=\"").text(&self.shell.csrf).raw("\">")
    }

    pub(crate) fn icon(&self, name: &str) -> Html {
        words::icon(name)
    }

    pub(crate) fn chip(&self, state: &str) -> Html {
        words::chip(state)
    }

    pub(crate) fn label(&self, state: &str) -> String {
        words::label(state)
    }

    /// The icon of a decision, in its tone.
    pub(crate) fn mark(&self, decision: &str) -> Html {
        words::icon(if decision == "deny" { "cross" } else { "check" })
    }

    /// With a capital letter, for headings.
    pub(crate) fn cap(&self, text: &str) -> String {
        let mut letters = text.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    }

    /// A command, of which no option is torn apart where a line ends.
    pub(crate) fn command(&self, text: &str) -> Html {
        text.split_inclusive([' ', '\n']).fold(Html::new(), |html, piece| {
            let word = piece.trim_end_matches([' ', '\n']);
            let html = html.raw("<span class=\"w\">").text(word).raw("</span>");
            html.raw(piece.get(word.len()..).unwrap_or_default())
        })
    }

    /// What hinders a removal, in a sentence.
    pub(crate) fn trouble(&self, class: &str) -> String {
        hallpass_broker::queries::lines::trouble(class).map_or_else(|| self.cap(class), str::to_owned)
    }

    /// Inside a sentence: with a small letter, unless it is a name such as "PostgreSQL login".
    pub(crate) fn small(&self, text: &str) -> String {
        let first = text.split(' ').next().unwrap_or_default();
        let mut letters = text.chars();
        match letters.next() {
            Some(a) if !first.chars().skip(1).any(char::is_uppercase) => {
                a.to_lowercase().chain(letters).collect()
            }
            _ => text.to_owned(),
        }
    }

    /// Whether it is the person who looks.
    pub(crate) fn mine(&self, someone: &PrincipalLine) -> bool {
        self.shell.person.as_ref().is_some_and(|me| me.email == someone.handle)
    }

    pub(crate) fn tone(&self, state: &str) -> &'static str {
        words::tone(state)
    }

    pub(crate) fn tier(&self, tier: &str) -> Html {
        words::tier(tier)
    }

    pub(crate) fn proof<'b>(&self, proof: &'b str) -> &'b str {
        words::proof(proof)
    }

    pub(crate) fn ended_reason<'b>(&self, reason: &'b str) -> &'b str {
        words::ended_reason(reason)
    }

    /// Length of time in words.
    pub(crate) fn dur(&self, seconds: &i64) -> String {
        words::duration(*seconds)
    }

    /// Measured milliseconds in words.
    pub(crate) fn ms(&self, milliseconds: &i64) -> String {
        words::measured(*milliseconds)
    }

    /// Absolute local time.
    pub(crate) fn at(&self, at: &DateTime<Utc>) -> Html {
        self.time.element(at, false)
    }

    /// Absolute local time with seconds.
    pub(crate) fn exact(&self, at: &DateTime<Utc>) -> Html {
        self.time.element(at, true)
    }

    /// Absolute local time, then the distance from now.
    pub(crate) fn when(&self, at: &DateTime<Utc>) -> Html {
        self.time.element_with_distance(at)
    }

    /// What is left until then, ticking where script is on.
    pub(crate) fn countdown(&self, at: &DateTime<Utc>) -> Html {
        self.time.countdown(at)
    }

    /// Whether a time is still to come.
    pub(crate) fn future(&self, at: &DateTime<Utc>) -> bool {
        *at > self.shell.now
    }

    /// Whether a time is within the next quarter of an hour.
    pub(crate) fn soon(&self, at: &DateTime<Utc>) -> bool {
        self.future(at) && at.signed_duration_since(self.shell.now) < TimeDelta::minutes(15)
    }

    /// Seconds since 1970, with which script corrects the browser's clock.
    pub(crate) fn server_time(&self) -> i64 {
        self.shell.now.timestamp()
    }

    /// A list in words: "a", "a and b", "a, b and c".
    pub(crate) fn list(&self, items: &[String]) -> String {
        match items {
            [] => String::new(),
            [one] => one.clone(),
            [head @ .., last] => format!("{} and {last}", head.join(", ")),
        }
    }

    /// `s` unless there is exactly one.
    pub(crate) fn s(&self, count: &i64) -> &'static str {
        if *count == 1 { "" } else { "s" }
    }

    /// Whether something is wrong with this field: what holds it must be open then.
    pub(crate) fn is_wrong(&self, errors: &[FieldError], field: &str) -> bool {
        errors.iter().any(|e| e.field == field)
    }

    /// The attributes that tie a field to its help and its mistake. `help`: the element `h-<field>` exists.
    pub(crate) fn field(&self, errors: &[FieldError], field: &str, help: bool) -> Html {
        let wrong = self.is_wrong(errors, field);
        let html = Html::new().raw(" id=\"f-").text(field).raw("\" name=\"").text(field).raw("\"");
        let html = match (help, wrong) {
            (false, false) => html,
            (true, false) => html.raw(" aria-describedby=\"h-").text(field).raw("\""),
            (false, true) => html.raw(" aria-describedby=\"e-").text(field).raw("\""),
            (true, true) => html.raw(" aria-describedby=\"e-").text(field).raw(" h-").text(field).raw("\""),
        };
        if wrong { html.raw(" aria-invalid=\"true\"") } else { html }
    }

    /// The mistake of a field, above it.
    pub(crate) fn error(&self, errors: &[FieldError], field: &str) -> Html {
        let mut html = Html::new();
        for (i, error) in errors.iter().filter(|e| e.field == field).enumerate() {
            html = html.raw("<p class=\"error\"");
            if i == 0 {
                html = html.raw(" id=\"e-").text(field).raw("\"");
            }
            html = html.raw(">").raw(&self.icon("alert").to_string()).text(&error.message).raw("</p>");
        }
        html
    }

    /// The first characters of a hash, for people to compare.
    pub(crate) fn short(&self, hash: &str) -> String {
        hash.chars().take(12).collect()
    }

    /// Initials for the round mark beside a name.
    pub(crate) fn initials(&self, name: &str) -> String {
        let mut letters = name.split_whitespace().filter_map(|word| word.chars().next());
        let first = letters.next();
        first.into_iter().chain(letters.next_back()).flat_map(char::to_uppercase).collect()
    }
}
