//! The story's two waits: from submit to the mail server's reply, and from the last approval to a login that works.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use hallpass_adapters::notifiers::{Sender, SmtpConfig, SmtpNotifier, SmtpTls};
use hallpass_domain::ports::notifier::{Notifier, NotifyError, RenderedMail};
use hallpass_domain::text::Email;
use hallpass_tests::mail_server::{Certificates, MailServer, MailServerOptions};
use hallpass_tests::world::{APPROVER, DATABASE, World, make_target};
use hallpassd::compose::Given;
use secrecy::ExposeSecret as _;

use crate::figures::{Fault, say, spread};
use crate::stage::Stage;
use crate::stage::durable_cluster;

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Requests in all
    #[arg(long, default_value_t = 200)]
    requests: usize,
    /// Requests under way at a time
    #[arg(long, default_value_t = 4)]
    lanes: usize,
    /// The store in PostgreSQL instead of SQLite
    #[arg(long)]
    postgres: bool,
}

/// Notes when the mail server answered for the approver's mail of each request.
struct Timed {
    inner: SmtpNotifier,
    answered: Mutex<HashMap<String, Instant>>,
}

#[async_trait]
impl Notifier for Timed {
    fn describe(&self) -> String {
        self.inner.describe()
    }
    async fn deliver(&self, mail: &RenderedMail) -> Result<String, NotifyError> {
        let reply = self.inner.deliver(mail).await?;
        if mail.to_email == APPROVER && mail.subject.contains("Approve?") {
            let reference = mail.subject.rsplit_once('(').map_or("", |(_, r)| r.trim_end_matches(')'));
            let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
            answered.entry(reference.to_owned()).or_insert_with(Instant::now);
        }
        Ok(reply)
    }
}

/// Measures it.
pub(crate) async fn run(args: &Args) -> Result<(), Fault> {
    let target = durable_cluster().await?;
    make_target(&target).await;
    let certificates = Certificates::for_loopback();
    let options = MailServerOptions {
        tls: "starttls",
        certificates: Some(&certificates),
        ..MailServerOptions::default()
    };
    let server = MailServer::start(options).await;
    let mut config = SmtpConfig::new("localhost", server.port, SmtpTls::Starttls, "bench.test");
    config.ca_file = Some(certificates.authority());
    let from = Email::parse("access@bench.test")?;
    let sender = Sender { name: "Hallpass".to_owned(), from, reply_to: None, bounces: None };
    let notifier = Arc::new(Timed { inner: SmtpNotifier::new(config, sender)?, answered: Mutex::default() });

    let stage = Stage::new(args.postgres, &[("db", target.port())]).await?;
    let given = Given { notifier: Some(notifier.clone()), ..Given::default() };
    let world = World::open(&stage.place, given).await?;
    let _running = world.run();
    let answered = |reference: &str| {
        notifier.answered.lock().unwrap_or_else(PoisonError::into_inner).get(reference).copied()
    };
    let stories: Vec<(f64, f64)> = stream::iter(0..args.requests)
        .map(|_| async {
            let submitted = Instant::now();
            let request = world.ask("db-read", "10m").await.map_err(|r| r.message)?;
            let handed = loop {
                if let Some(at) = answered(&request.reference) {
                    break at - submitted;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            };
            let approved = Instant::now();
            let grant = world.approve(&request).await.map_err(|r| r.message)?;
            let login = world.login(&grant).await.map_err(|r| r.message)?;
            let name = &login.credential.external_name;
            let session = target.connect(name, login.password.expose_secret(), DATABASE).await?;
            session.query_one("SELECT count(*) FROM orders", &[]).await?;
            Ok::<_, Fault>((handed.as_secs_f64(), approved.elapsed().as_secs_f64()))
        })
        .buffer_unordered(args.lanes)
        .try_collect()
        .await?;
    let (mails, logins): (Vec<f64>, Vec<f64>) = stories.into_iter().unzip();
    say(&format!(
        "{} requests, {} at a time, store on {}; SMTP with STARTTLS; mails to requesters and others go out beside them",
        args.requests, args.lanes, stage.store
    ));
    say(&format!("submit to the mail server's reply:          {}", spread(&mails)));
    say(&format!("last approval to a login that answers SQL:  {}", spread(&logins)));
    Ok(())
}
