//! `hallpassd-faults`: the parts of `hallpassd` with fail points, for the crash harness. With arguments it is
//! `hallpassd` itself; without, it lives the story on the place in its environment, and says on standard output what it
//! answered. It ends with its standard input, so that none outlives the tests.
mod findings;
mod operator;
mod people;
mod sides;
mod story;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use clap::Parser as _;
use hallpass_adapters::notifiers::FolderNotifier;
use hallpass_broker::admin::{ApplyError, By};
use hallpass_broker::credentials::token::IssuedToken;
use hallpass_domain::Timestamp;
use hallpass_domain::ports::clock::{Clock, Trust};
use hallpass_domain::ports::notifier::{Notifier, NotifyError, RenderedMail};
use hallpass_domain::refusal::Refusal;
use hallpass_domain::secret::SecretHash;
use hallpass_tests::fault_server::{LATER, PLACE, Said, Tell};
use hallpass_tests::world::{ADMINISTRATOR, LOST, Place, REQUESTER, World};
use hallpassd::commands::{Cli, run};
use hallpassd::compose::{self, Given, StartError, mail};
use secrecy::ExposeSecret as _;
use tokio::sync::Mutex;

#[tokio::main]
async fn main() -> ExitCode {
    compose::tls::install_provider();
    let served = if std::env::args_os().len() > 1 { run(Cli::parse()).await } else { serve().await };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "hallpassd-faults: {error}");
            ExitCode::FAILURE
        }
    }
}

fn say(said: &Said) {
    if let Ok(line) = serde_json::to_string(said) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}

fn refused(refusal: &Refusal) {
    say(&Said::Refused { code: refusal.code.to_owned(), message: refusal.message.clone() });
}

async fn serve() -> Result<(), StartError> {
    hallpassd::logging::start("warn", false);
    let place = std::env::var(PLACE).map_err(|e| StartError::because(PLACE, e))?;
    let place: Place = serde_json::from_str(&place).map_err(|e| StartError::because(PLACE, e))?;
    // A mail server keeps its own account of what was delivered.
    let notifier: Option<Arc<dyn Notifier>> = match place.mail_port {
        Some(_) => None,
        None => Some(Arc::new(Recorded::to_folder(&place)?)),
    };
    compose::away::wait(&place.config()).await?;
    let clock = std::env::var(LATER).ok().map(|said| Arc::new(Ahead::of(&said)) as Arc<dyn Clock>);
    let world = World::open(&place, Given { notifier, clock, ..Given::default() }).await?;
    let world = Arc::new(world);
    let _running = world.run();
    say(&Said::Ready {
        instance: world.broker.settings.instance.clone(),
        vkey: world.broker.log_signer.verifier().to_string(),
        worker: world.broker.settings.worker.clone(),
    });
    let newest: Arc<Mutex<Option<IssuedToken>>> = Arc::default();
    let mut lines = lines();
    while let Some(line) = lines.recv().await {
        let Ok(tell) = serde_json::from_str::<Tell>(&line) else { continue };
        let (world, newest, targets) = (Arc::clone(&world), Arc::clone(&newest), place.targets.clone());
        tokio::spawn(async move {
            if let Err(refusal) = obey(&world, tell, &newest, &targets).await {
                refused(&refusal);
            }
        });
    }
    Ok(())
}

/// Where this server is.
fn place() -> Result<Place, Refusal> {
    let place = std::env::var(PLACE).ok().and_then(|place| serde_json::from_str(&place).ok());
    place.ok_or_else(|| Refusal::not_found("place"))
}

/// The administrator applies a catalogue.
async fn apply(world: &World, catalogue: &str) -> Result<(), Refusal> {
    let ada = world.caller(ADMINISTRATOR).await?;
    let applied = world.broker.apply_catalogue(By::Person(&ada), catalogue, false, &World::secrets()).await;
    applied.map(drop).map_err(|error| match error {
        ApplyError::Refused(refusal) => refusal,
        ApplyError::Mistakes(all) => {
            let all: Vec<String> = all.iter().map(ToString::to_string).collect();
            Refusal::invalid("catalogue_invalid", "toml", all.join("\n"))
        }
    })
}

/// Lines of standard input, read by a thread of its own.
fn lines() -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let (tell, lines) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        std::io::stdin().lines().map_while(Result::ok).try_for_each(|line| tell.send(line))
    });
    lines
}

async fn obey(
    world: &Arc<World>,
    tell: Tell,
    newest: &Mutex<Option<IssuedToken>>,
    targets: &[(String, u16)],
) -> Result<(), Refusal> {
    match tell {
        Tell::Login { role, time } => story::login(world, &role, &time).await.map(drop),
        Tell::Token { role, time } => {
            let token = world.token(&world.grant(&role, &time).await?).await?;
            say(&Said::Token { token: token.token.expose_secret().to_owned() });
            *newest.lock().await = Some(token);
            Ok(())
        }
        Tell::Introspect => {
            let newest = newest.lock().await;
            let Some(token) = newest.as_ref() else { return Err(Refusal::not_found("token")) };
            say(&Said::Active { active: world.is_active(token).await });
            Ok(())
        }
        Tell::Apply { catalogue } => apply(world, &catalogue).await,
        Tell::End { grant } => {
            world.broker.release_grant(&world.caller(REQUESTER).await?, grant).await?;
            say(&Said::Ended { grant });
            Ok(())
        }
        Tell::Trials => {
            let ada = world.caller(ADMINISTRATOR).await?;
            for (name, _) in targets.iter().cycle() {
                let tried = world.broker.check_target(&ada, name).await?;
                say(&Said::Tried { outcome: tried.outcome.as_str().to_owned(), problems: tried.problems });
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Ok(())
        }
        Tell::Story { seconds } => {
            story::tell(world, targets, seconds).await;
            Ok(())
        }
        Tell::Side { side } => {
            sides::live(world, side, targets).await;
            Ok(())
        }
    }
}

/// This machine's time and some more, how far it is trusted, and since when it has been going fast.
#[derive(Debug)]
struct Ahead(TimeDelta, Trust, Option<Instant>);

/// By how much a fast one gains on this machine's.
const SWIFT: u32 = 19;

impl Ahead {
    fn of(said: &str) -> Self {
        let (seconds, trust) = said.split_once(':').unwrap_or((said, ""));
        let trust = match trust {
            "jumped" => Trust::HoldBulk,
            "behind" => Trust::NoIssuing,
            _ => Trust::Good,
        };
        let swift = said.ends_with(":swift").then(Instant::now);
        Self(TimeDelta::seconds(seconds.parse().unwrap_or(0)), trust, swift)
    }
}

impl Clock for Ahead {
    #[expect(clippy::disallowed_methods, reason = "it is the clock")]
    fn now(&self) -> Timestamp {
        let gained = self.2.map_or(Duration::ZERO, |since| since.elapsed() * SWIFT);
        Utc::now() + self.0 + TimeDelta::from_std(gained).unwrap_or_default()
    }

    fn trust(&self) -> Trust {
        self.1
    }
}

/// Writes down every delivery before it answers: a mail may be delivered again, and then is the same mail.
struct Recorded {
    inner: FolderNotifier,
    place: Place,
}

impl Recorded {
    fn to_folder(place: &Place) -> Result<Self, StartError> {
        let sender = mail::sender(&hallpassd::config::Mail::default())?;
        let inner = FolderNotifier::new(place.data.join("mail"), sender);
        Ok(Self { inner: inner.map_err(|e| StartError::because("mail", e))?, place: place.clone() })
    }
}

#[async_trait]
impl Notifier for Recorded {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    async fn deliver(&self, mail: &RenderedMail) -> Result<String, NotifyError> {
        if mail.to_email == LOST {
            return Err(NotifyError::Permanent("550 5.1.1 no such mailbox".to_owned()));
        }
        let answer = self.inner.deliver(mail).await?;
        let content =
            SecretHash::of(&format!("{} {} {} {}", mail.to_email, mail.subject, mail.text, mail.html)).hex();
        let line = format!("{} {content}\n", mail.message_id);
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.place.data.join("deliveries"))
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .map_err(|e| NotifyError::Transient(e.to_string()))?;
        Ok(answer)
    }
}
