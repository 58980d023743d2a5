//! The demo: its guide and its mail viewer. None of it exists outside the demo.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::page::{Choice, Command, Link};

/// The page `/demo`.
#[derive(Debug, Clone, Serialize)]
pub struct DemoView {
    /// The organisation's people.
    pub people: Vec<GuidePerson>,
    /// The roles, with what they are good for in the story.
    pub roles: Vec<GuideRole>,
    /// The walk, step by step.
    pub steps: Vec<GuideStep>,
    /// Pages and services outside the portal, such as the resource servers.
    pub links: Vec<Link>,
    /// Commands to try in a terminal.
    pub commands: Vec<Command>,
    /// What is missing on this machine and the line that installs it.
    pub missing: Option<Command>,
}

/// One person.
#[derive(Debug, Clone, Serialize)]
pub struct GuidePerson {
    /// Full name.
    pub name: String,
    /// Email address.
    pub email: String,
    /// Password: the demo's only.
    pub password: String,
    /// Part in the story.
    pub part: String,
    /// Groups.
    pub groups: Vec<String>,
    /// What the authenticator app shows now, for those who have a second factor.
    pub code: Option<String>,
}

/// One role.
#[derive(Debug, Clone, Serialize)]
pub struct GuideRole {
    /// Name.
    pub name: String,
    /// Target.
    pub target: String,
    /// `low`, `medium` or `high`.
    pub tier: String,
    /// What to try with it.
    pub try_it: String,
}

/// One step.
#[derive(Debug, Clone, Serialize)]
pub struct GuideStep {
    /// What to do.
    pub title: String,
    /// How, and what to look for.
    pub text: String,
    /// Where.
    pub link: Option<Link>,
    /// Address of the person to act as before going there.
    pub act_as: Option<String>,
    /// Done already, as far as the server can tell.
    pub done: bool,
}

/// The page `/demo/mail`.
#[derive(Debug, Clone, Serialize)]
pub struct MailListView {
    /// Addresses to filter by; the first entry is "everybody".
    pub to: Vec<Choice>,
    /// Messages, newest first.
    pub messages: Vec<MailRow>,
    /// Cursor of the next page, for the parameter `after`.
    pub next: Option<String>,
}

/// One message in the list.
#[derive(Debug, Clone, Serialize)]
pub struct MailRow {
    /// Id of the message.
    pub id: String,
    /// Address.
    pub to: String,
    /// Subject.
    pub subject: String,
    /// First line of the text.
    pub snippet: String,
    /// When it was sent.
    pub at: DateTime<Utc>,
}

/// The page `/demo/mail/{id}`.
#[derive(Debug, Clone, Serialize)]
pub struct MailView {
    /// Id of the message.
    pub id: String,
    /// Sender.
    pub from: String,
    /// Address.
    pub to: String,
    /// Subject.
    pub subject: String,
    /// When it was sent.
    pub at: DateTime<Utc>,
    /// The plain text part, whole.
    pub text: String,
    /// Whether there is an HTML part, served at `/demo/mail/{id}/html`.
    pub has_html: bool,
    /// Headers worth a look, such as Message-ID.
    pub headers: Vec<(String, String)>,
    /// The links in it, as local paths where they are ours.
    pub links: Vec<Link>,
    /// The person to act as before a link is followed, if it is not the one acting now.
    pub recipient: Option<String>,
}
