//! What the demo gives the edge. None of it exists outside the demo.
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use hallpass_broker::Origin;
use hallpass_broker::access::NewSession;
use hallpass_broker::views::demo::DemoView;
use hallpass_broker::views::page::DemoPerson;
use hallpass_domain::refusal::Refusal;
use serde::Serialize;

/// One message as it was sent.
#[derive(Clone, Debug, Serialize)]
pub struct DemoMail {
    /// Id in the viewer; newer ones are larger.
    pub id: String,
    /// Sender.
    pub from: String,
    /// Address.
    pub to: String,
    /// Subject.
    pub subject: String,
    /// When it was sent.
    pub at: DateTime<Utc>,
    /// The plain text part.
    pub text: String,
    /// The HTML part; empty where there is none.
    pub html: String,
    /// Every address in it, in order.
    pub links: Vec<String>,
    /// Headers worth a look.
    pub headers: Vec<(String, String)>,
}

/// The demo, as the pages under `/demo` need it.
#[async_trait]
pub trait DemoHooks: Send + Sync {
    /// Everybody whom one may act as; `current` is false for all of them.
    fn people(&self) -> Vec<DemoPerson>;
    /// What somebody's authenticator app shows now, where they have one.
    fn code(&self, email: &str) -> Option<String>;
    /// Messages in the viewer.
    fn mail_count(&self) -> usize;
    /// The guide.
    async fn guide(&self) -> Result<DemoView, Refusal>;
    /// Messages, newest first: to `to` where it is not empty, older than the one with id `after`, at most `limit`.
    async fn mails(&self, to: &str, after: Option<&str>, limit: usize) -> Result<Vec<DemoMail>, Refusal>;
    /// One message.
    async fn mail(&self, id: &str) -> Result<Option<DemoMail>, Refusal>;
    /// A committed, signed-in session of the person with this address.
    async fn act_as(&self, email: &str, agent: &str, origin: &Origin) -> Result<NewSession, Refusal>;
}
