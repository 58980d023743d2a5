//! The frame that every page stands in: who is signed in, what the navigation counts, and what was just done.

use chrono::{DateTime, Utc};
use serde::Serialize;

/// What every page needs besides its own model.
#[derive(Debug, Clone, Serialize)]
pub struct Shell {
    /// Name of the organisation or instance, shown beside the product's name.
    pub instance: String,
    /// The person who is signed in, if any.
    pub person: Option<SignedIn>,
    /// Number of requests that wait for this person's decision.
    pub inbox_count: i64,
    /// Number of grants that are active for this person now.
    pub active_count: i64,
    /// The token that every POST form carries in its hidden field `csrf`. Never serialised.
    #[serde(skip)]
    pub csrf: String,
    /// IANA name of the zone in which times are shown, such as `Europe/Madrid`. An unknown name shows UTC.
    pub zone: String,
    /// The server's time at which the page was made.
    pub now: DateTime<Utc>,
    /// Path of this page, without the query: marks the current entry of the navigation.
    pub path: String,
    /// The demo's thin bar; `None` outside the demo.
    pub demo: Option<DemoBar>,
    /// What administrators and auditors must know on every page, until it is over.
    pub standing: Option<Flash>,
    /// What the last action did, shown once on top of the page.
    pub flash: Option<Flash>,
}

/// The person behind the session.
#[derive(Debug, Clone, Serialize)]
pub struct SignedIn {
    /// Full name.
    pub name: String,
    /// Email address, which is also the sign-in name.
    pub email: String,
    /// May administer this instance.
    pub administrator: bool,
    /// May read the audit log and every request.
    pub auditor: bool,
    /// Owns at least one target.
    pub owner: bool,
    /// How strongly this session is proven: `session` or `step-up`.
    pub strength: String,
}

/// The bar of the demo: act as another person with one button, and read the mail.
#[derive(Debug, Clone, Serialize)]
pub struct DemoBar {
    /// Where whoever changes to another person goes on: this page where it can be asked for again.
    pub back: String,
    /// Everybody whom one may act as.
    pub people: Vec<DemoPerson>,
    /// Messages in the mail viewer.
    pub mail_count: i64,
    /// What the authenticator app of the person acting now shows.
    pub code: Option<String>,
}

/// One person of the demo's bar.
#[derive(Debug, Clone, Serialize)]
pub struct DemoPerson {
    /// Full name.
    pub name: String,
    /// Email address: the value that the form sends.
    pub email: String,
    /// What this person is in the story, such as "requester" or "approver, DB on-call".
    pub part: String,
    /// Whether this is the person acting now.
    pub current: bool,
}

/// A notice after a redirect.
#[derive(Debug, Clone, Serialize)]
pub struct Flash {
    /// `good`, `info`, `warn` or `bad`.
    pub tone: String,
    /// One sentence.
    pub message: String,
    /// Where to go next, if anywhere.
    pub link: Option<Link>,
}

/// A link with its text.
#[derive(Debug, Clone, Serialize)]
pub struct Link {
    /// Local path.
    pub href: String,
    /// Text of the link.
    pub text: String,
}

/// One entry of a select, of radio buttons or of checkboxes.
#[derive(Debug, Clone, Serialize)]
pub struct Choice {
    /// The value sent.
    pub value: String,
    /// The text shown.
    pub label: String,
    /// Whether it is chosen now.
    pub chosen: bool,
}

/// One mistake in a form, linked to its field.
#[derive(Debug, Clone, Serialize)]
pub struct FieldError {
    /// Name of the field, as in the form; the page links to the element `f-<field>`. Empty: the whole form.
    pub field: String,
    /// One sentence that says what to do.
    pub message: String,
}

/// A command that a person may copy.
#[derive(Debug, Clone, Serialize)]
pub struct Command {
    /// What it does, in a few words.
    pub label: String,
    /// The command itself, exactly as it is to be run.
    pub command: String,
}
