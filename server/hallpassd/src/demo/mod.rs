//! `hallpassd demo`: the whole story on real parts, on loopback, in one folder.
pub mod cluster;
pub mod crash;
pub mod facts;
pub mod guide;
pub mod hold;
pub mod hooks;
pub mod postgres;
pub mod programs;
mod psql;
pub mod reach;
pub mod resource_server;
pub mod seed;
pub mod story;
pub mod tamper;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use hallpass_adapters::notifiers::DemoMailbox;
use hallpass_client::api::oauth::ClientSecret;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::secret::random_alphanumeric;
use hallpass_domain::target::TargetSettings;
use hallpass_http::{AppState, HttpConfig};
use secrecy::SecretString;

use crate::commands::say;
use crate::commands::serve::{Stop, until_stopped};
use crate::compose::{self, Composed, Given, Making, StartError};
use crate::config::Config;
use cluster::Cluster;
use facts::Facts;
use hold::Hold;
use seed::Memory;

/// Mails that the viewer keeps.
const KEPT_MAILS: usize = 500;
/// Where the demo keeps its data unless told otherwise.
pub const DEFAULT_DATA: &str = "hallpass-demo";
/// The resource servers, by the names of their targets, with a role to try.
const RESOURCE_SERVERS: [(&str, &str); 2] =
    [("billing-api", "billing-quick"), ("reports-api", "reports-read")];

/// Flags of `demo`.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// Folder for everything that the demo keeps; starting again keeps the data
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA)]
    pub data: PathBuf,
    /// Address to listen on; loopback only
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8420")]
    pub listen: String,
    /// Use this PostgreSQL server as the target instead of a private cluster (URL of a superuser)
    #[arg(long, value_name = "URL")]
    pub postgres: Option<String>,
    /// Write the guide as JSON to this file (0600)
    #[arg(long, value_name = "FILE")]
    pub facts: Option<PathBuf>,
}

/// A demo that is ready to serve.
pub struct Demo {
    /// Everything put together.
    pub composed: Composed,
    /// What the guide says.
    pub facts: Facts,
    /// Listener of the server.
    pub listener: std::net::TcpListener,
    /// State of the HTTP server.
    pub state: AppState,
    /// The private cluster, if there is one.
    pub cluster: Option<Cluster>,
    /// The two small resource servers.
    pub resource_servers: Vec<actix_web::dev::Server>,
    /// The data folder, while this demo has it.
    pub hold: Option<Hold>,
}

/// Whose the private cluster is.
enum Target {
    /// Ours to start and to end.
    Start,
    /// Another process of the same demo keeps it.
    Attach,
    /// It runs already, and ends with us.
    Running(Cluster),
}

/// Configuration of the demo in its folder.
pub fn config(data: &std::path::Path, listen: &str) -> Config {
    let mut config = Config::default();
    config.server.listen = listen.to_owned();
    config.database.url = format!("sqlite:{}", data.join("hallpass.db").display());
    config.keys.master_key_file = data.join("master.key");
    config.audit.origin = Some("demo.hallpass.test/log".to_owned());
    config.audit.checkpoint_file = Some(data.join("checkpoints.txt"));
    config
}

/// The listener of the server, on loopback alone.
fn bind(args: &DemoArgs) -> Result<std::net::TcpListener, StartError> {
    let wanted: SocketAddr = args.listen.parse().map_err(|_| {
        StartError(format!("--listen {}: not an address and port, such as 127.0.0.1:8420", args.listen))
    })?;
    if !wanted.ip().is_loopback() {
        return Err(StartError(format!(
            "--listen {wanted}: the demo listens on loopback only (127.0.0.1 or [::1]), because anybody who reaches it may act as anybody"
        )));
    }
    std::net::TcpListener::bind(wanted).map_err(|e| {
        StartError(format!(
            "cannot listen on {wanted}: {e}. Stop what listens there, or take a free port: --listen 127.0.0.1:0"
        ))
    })
}

/// Starts everything but the HTTP server itself.
///
/// # Errors
/// In words for the person who started it.
pub async fn prepare(args: &DemoArgs) -> Result<Demo, StartError> {
    let data = compose::absolute(args.data.clone());
    let hold = Hold::take(&data)?;
    assemble(args, bind(args)?, Some(hold), Target::Start).await
}

/// What the demo remembers, with our password at the target from the first start on.
fn memory(data: &std::path::Path) -> Result<Memory, StartError> {
    let mut memory = Memory::load(data);
    if memory.target_password.is_empty() {
        memory.target_password = random_alphanumeric(32).map_err(|e| StartError(e.to_string()))?;
        memory.save(data)?;
    }
    Ok(memory)
}

async fn assemble(
    args: &DemoArgs,
    listener: std::net::TcpListener,
    mut hold: Option<Hold>,
    target: Target,
) -> Result<Demo, StartError> {
    let base_url = format!("http://{}", listener.local_addr().map_err(|e| StartError(e.to_string()))?);
    if let Some(hold) = &mut hold {
        hold.says(&base_url);
    }
    let data = compose::absolute(args.data.clone());
    let mut memory = memory(&data)?;
    // Whether it may be a target at all is known before anything is made there.
    let named = args.postgres.as_deref().map(reach::Named::parse).transpose()?;
    let reach_named = named.as_ref().map(|n| n.reach.clone());
    let cluster = {
        let (data, password) = (data.clone(), memory.target_password.clone());
        tokio::task::spawn_blocking(move || start_cluster(&data, named.as_ref(), &password, target))
    };
    let config = config(&data, &args.listen);
    let mail_sender = compose::mail::sender(&config.mail)?;
    let mailbox = DemoMailbox::open(data.join("mail"), KEPT_MAILS, mail_sender)
        .map_err(|e| StartError::because("the demo's mail folder", e))?;
    let given = Given { notifier: Some(Arc::new(mailbox.clone())), ..Given::default() };
    // Side by side: a newcomer waits for both.
    let (composed, cluster) =
        tokio::join!(compose::compose(&config, &base_url, Making::Allowed, given), cluster);
    let cluster = cluster.map_err(|e| StartError(e.to_string()))??;
    let composed = composed?;

    let mut listeners = Vec::new();
    for index in 0..RESOURCE_SERVERS.len() {
        listeners.push(resource_server::listen(memory.resource_ports.get(index).copied().unwrap_or(0))?);
    }
    memory.resource_ports = listeners.iter().map(|(port, _)| *port).collect();
    let own_cluster = cluster.is_some();
    let reach = cluster.as_ref().map(|c| c.reach.clone()).or(reach_named);
    // Its ports are those of the catalogue that is applied, also where this start is killed after it.
    memory.save(&data)?;
    seed::seed(&composed.broker, &mut memory, reach.as_ref(), own_cluster).await?;
    memory.save(&data)?;

    let catalogue = composed.broker.catalogue().await.map_err(|r| StartError(r.message))?;
    let mut resource_servers = Vec::new();
    for ((name, role), (port, listener)) in RESOURCE_SERVERS.into_iter().zip(listeners) {
        let setup = resource_server_setup(&composed, &catalogue, &memory, &base_url, name, role, port)?;
        resource_servers.push(resource_server::start(setup, listener)?);
    }
    let facts =
        Facts::collect(&base_url, &memory, &catalogue, reach.clone(), cluster.as_ref().map(Cluster::look));
    if let Some(path) = &args.facts {
        let text = serde_json::to_string_pretty(&facts).map_err(|e| StartError(e.to_string()))?;
        seed::write_private(path, &text)?;
    }
    let hooks = hooks::Hooks {
        broker: Arc::clone(&composed.broker),
        mailbox,
        people: memory.people.clone(),
        facts: facts.clone(),
        postgres: reach.is_some(),
        data: args.data.clone(),
    };
    let http = HttpConfig { plain_http_on_loopback: true, workers: 2, ..HttpConfig::new(&base_url) };
    let state = AppState::new(Arc::clone(&composed.broker), http).with_demo(Arc::new(hooks));
    Ok(Demo { composed, facts, listener, state, cluster, resource_servers, hold })
}

/// A resource server of the demo as anybody sets theirs up: it is given its audience, its secret and Hallpass's address.
fn resource_server_setup(
    composed: &Composed,
    catalogue: &Catalogue,
    memory: &Memory,
    base_url: &str,
    name: &str,
    role: &str,
    port: u16,
) -> Result<resource_server::Setup, StartError> {
    let settings = catalogue.targets.values().find(|t| t.name.as_str() == name).map(|t| &t.settings);
    let Some(TargetSettings::Oauth(oauth)) = settings else {
        return Err(StartError(format!("{name} is not in the demo's catalogue")));
    };
    let secret = memory.clients.get(name).map(|c| c.client_secret.clone()).unwrap_or_default();
    let secret = ClientSecret { id: name.to_owned(), secret: SecretString::from(secret) };
    let broker = Arc::clone(&composed.broker);
    Ok(resource_server::Setup {
        name: name.to_owned(),
        url: format!("http://127.0.0.1:{port}"),
        hallpass: base_url.to_owned(),
        role: role.to_owned(),
        check: resource_server::Check::new(base_url, &oauth.audience, oauth.verification, secret)?,
        now: Arc::new(move || broker.now()),
    })
}

fn start_cluster(
    data: &std::path::Path,
    external: Option<&reach::Named>,
    password: &str,
    target: Target,
) -> Result<Option<Cluster>, StartError> {
    if let Some(named) = external {
        postgres::set_up_external(named, password)?;
        return Ok(None);
    }
    let Some(bin) = programs::find() else { return Ok(None) };
    let cluster = match target {
        Target::Running(cluster) => cluster,
        Target::Attach => Cluster::attach(bin, data)?,
        Target::Start => Cluster::start(bin, data)?,
    };
    postgres::set_up(&cluster, password)?;
    Ok(Some(cluster))
}

/// `hallpassd demo`.
///
/// # Errors
/// Where it does not start.
pub async fn run(args: DemoArgs) -> Result<(), StartError> {
    let demo = prepare(&args).await?;
    let tasks = compose::tasks::start(&demo.composed);
    let mut handles = Vec::new();
    for server in demo.resource_servers {
        handles.push(server.handle());
        tokio::spawn(server);
    }
    let stop = Stop::listen()?;
    say(&guide::text(&demo.facts, &args.data));
    until_stopped(demo.listener, demo.state, stop).await?;
    for handle in handles {
        handle.stop(false).await;
    }
    for task in tasks {
        task.abort();
    }
    drop(demo.cluster);
    drop(demo.hold);
    Ok(())
}
