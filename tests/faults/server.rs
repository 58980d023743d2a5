//! `hallpassd-faults`: the parts of `hallpassd` with fail points, for the crash harness. With arguments it is
//! `hallpassd` itself; without, it lives the story on the place in its environment, and says on standard output what it
//! answered. It ends with its standard input, so that none outlives the tests.
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use clap::Parser as _;
use hallpass_adapters::notifiers::FolderNotifier;
use hallpass_broker::admin::{ApplyError, By};
use hallpass_broker::credentials::token::IssuedToken;
use hallpass_domain::ports::notifier::{Notifier, NotifyError, RenderedMail};
use hallpass_domain::refusal::Refusal;
use hallpass_domain::secret::SecretHash;
use hallpass_tests::fault_server::{PLACE, Said, Tell};
use hallpass_tests::world::{ADMINISTRATOR, APPROVER, Place, REQUESTER, World};
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
    let world = World::open(&place, Given { notifier, ..Given::default() }).await?;
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
        Tell::Login { role, time } => login(world, &role, &time).await.map(drop),
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
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
            Ok(())
        }
        Tell::Story { seconds } => {
            finish_what_was_asked(world).await;
            let roles: Vec<String> = targets.iter().map(|(name, _)| format!("{name}-read")).collect();
            let actors = (0..3).map(|actor| {
                let (world, roles) = (Arc::clone(world), roles.clone());
                tokio::spawn(async move { live(&world, actor, &roles, seconds).await })
            });
            futures_util::future::join_all(actors).await;
            Ok(())
        }
    }
}

/// Requests that a crash left pending are approved first.
async fn finish_what_was_asked(world: &World) {
    use hallpass_domain::ports::requests::RequestFilter;
    use hallpass_domain::ports::store::Page;
    use hallpass_domain::request::RequestState;
    let filter = RequestFilter { of: None, state: Some(RequestState::Pending), role: None };
    for request in world.broker.store.requests(&filter, Page::first(200)).await.unwrap_or_default() {
        match world.approve(&request).await {
            Ok(grant) => say(&Said::Granted { grant: grant.id, ends_at: grant.ends_at }),
            Err(refusal) => refused(&refusal),
        }
    }
}

async fn login(world: &World, role: &str, time: &str) -> Result<hallpass_domain::grant::Grant, Refusal> {
    let request = world.ask(role, time).await?;
    say(&Said::Asked { reference: request.reference.clone() });
    let grant = world.approve(&request).await?;
    say(&Said::Granted { grant: grant.id, ends_at: grant.ends_at });
    let issued = world.login(&grant).await?;
    say(&Said::Login {
        credential: issued.credential.id,
        grant: grant.id,
        name: issued.credential.external_name.clone(),
        password: issued.password.expose_secret().to_owned(),
        port: issued.connection.port,
    });
    Ok(grant)
}

/// One person's story without end. Every third grant is ended early, by its holder or by its approver; every fourth story
/// begins with a token, every fifth with a request that comes to nothing, and the first person's with a catalogue that is
/// applied anew.
async fn live(world: &World, actor: usize, roles: &[String], seconds: usize) {
    for round in actor.. {
        let role = roles.get(round % roles.len()).map_or("", String::as_str);
        let time = format!("{}s", seconds + round % 2);
        let lived = async {
            if actor == 0 && round % 3 == 0 {
                rename_a_role(world, round).await?;
            }
            if round % 5 < 2 {
                come_to_nothing(world, round % 5 == 0, role).await?;
            }
            if round % 4 == 3 {
                let grant = world.grant("api-read", &time).await?;
                let token = world.token(&grant).await?;
                let text = token.token.expose_secret().to_owned();
                say(&Said::Token { token: text.clone() });
                if world.broker.revoke_token(&world.caller(REQUESTER).await?, &text).await? {
                    say(&Said::TokenRevoked { token: text });
                }
            }
            let grant = login(world, role, &time).await?;
            if round % 6 == 0 {
                world.broker.release_grant(&world.caller(REQUESTER).await?, grant.id).await?;
                say(&Said::Ended { grant: grant.id });
            } else if round % 6 == 3 {
                world
                    .broker
                    .revoke_grant(&world.caller(APPROVER).await?, grant.id, "no longer needed")
                    .await?;
                say(&Said::Ended { grant: grant.id });
            }
            Ok::<(), Refusal>(())
        };
        if let Err(refusal) = lived.await {
            refused(&refusal);
        }
        // A pace that two processors hold with several servers.
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    }
}

/// A request that is denied or taken back.
async fn come_to_nothing(world: &World, denied: bool, role: &str) -> Result<(), Refusal> {
    let request = world.ask(role, "1s").await?;
    say(&Said::Asked { reference: request.reference.clone() });
    let closed = if denied { world.deny(&request).await? } else { world.withdraw(&request).await? };
    say(&Said::Closed { reference: closed.reference, state: closed.state });
    Ok(())
}

/// A change of the catalogue that changes nobody's rights.
async fn rename_a_role(world: &World, round: usize) -> Result<(), Refusal> {
    let place = std::env::var(PLACE).ok().and_then(|place| serde_json::from_str::<Place>(&place).ok());
    let Some(place) = place else { return Ok(()) };
    let catalogue = place.catalogue().replace("Read from the API.", &format!("Read from the API ({round})."));
    apply(world, &catalogue).await
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
