//! What every command works with: settings, a client, and a place to say things.
use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hallpass_client::{BaseUrl, Client, Config};

use crate::failure::Failure;
use crate::out::{self, Answer};
use crate::settings::{Debug, Settings};
use crate::sign_in::{self, Identity};
use crate::term;

/// After so long without an answer, people are told what is waited for.
const QUIET: Duration = Duration::from_millis(80);

/// The context of a command.
pub(crate) struct Ctx {
    /// What the command was told.
    pub(crate) settings: Settings,
    /// What to do after Ctrl-C to go on.
    pub(crate) resume: RefCell<Option<String>>,
}

impl Ctx {
    /// A context.
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, resume: RefCell::new(None) }
    }

    /// The server that is meant.
    pub(crate) fn base(&self) -> Result<BaseUrl, Failure> {
        let text =
            self.settings.server.clone().or_else(|| sign_in::store::last_server(&self.settings)).ok_or_else(
                || {
                    Failure::usage("no_server", "No server is named")
                        .next("hallpass login --server https://access.example.org, or set HALLPASS_SERVER")
                },
            )?;
        BaseUrl::parse(&text).map_err(|error| Failure::usage("server", error.to_string()))
    }

    /// A client that speaks for nobody.
    pub(crate) fn anonymous(&self) -> Result<Client, Failure> {
        let trace = (self.settings.debug != Debug::Off)
            .then(|| Arc::new(|line: &str| term::say(&format!("http: {line}"))) as hallpass_client::Trace);
        Ok(Client::new(Config {
            base: self.base()?,
            timeout: self.settings.timeout,
            ca_file: self.settings.ca_file.clone(),
            trace,
            trace_bodies: self.settings.debug == Debug::Http,
        })?)
    }

    /// Who the command speaks for.
    pub(crate) fn identity(&self) -> Result<Identity, Failure> {
        sign_in::identity(&self.settings, &self.base()?)
    }

    /// A client that speaks for whoever signed in.
    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        let (identity, client) = (self.identity()?, self.anonymous()?);
        let token = self.busy(&client, identity.api_token(&client)).await?;
        Ok(client.with_token(token))
    }

    /// Waits for an answer and tells people at a terminal, when it takes longer than a moment, what is waited for.
    pub(crate) async fn busy<T>(
        &self,
        client: &Client,
        work: impl Future<Output = Result<T, hallpass_client::Error>>,
    ) -> Result<T, Failure> {
        let mut work = std::pin::pin!(work);
        tokio::select! {
            done = &mut work => return Ok(done?),
            () = tokio::time::sleep(QUIET) => {}
        }
        if term::stderr_is_tty() {
            self.say(&format!("Waiting for {} …", client.base().authority()));
        }
        Ok(work.await?)
    }

    /// Says something on stderr.
    #[allow(clippy::unused_self, reason = "the context is where a command speaks from")]
    pub(crate) fn say(&self, text: &str) {
        term::say(text);
    }

    /// Shows the answer on stdout.
    pub(crate) fn show(&self, answer: &Answer) -> Result<(), Failure> {
        out::show(answer, self.settings.format, self.settings.field.as_deref())
    }

    /// True where people read the answer, not programs.
    pub(crate) fn is_for_people(&self) -> bool {
        self.settings.format == out::Format::Table && self.settings.field.is_none()
    }
}
