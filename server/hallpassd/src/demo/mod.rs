//! `hallpassd demo`: the whole story on real parts, on loopback, in one folder.
pub mod crash;
pub mod facts;
pub mod hooks;
pub mod postgres;
pub mod resource_server;
pub mod seed;
pub mod tamper;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use hallpass_adapters::notifiers::DemoMailbox;
use hallpass_domain::secret::random_alphanumeric;
use hallpass_http::{AppState, HttpConfig};

use crate::commands::say;
use crate::compose::{self, Composed, Given, Making, StartError};
use crate::config::Config;
use facts::Facts;
use seed::Memory;

/// Mails that the viewer keeps.
const KEPT_MAILS: usize = 500;

/// Flags of `demo`.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// Folder for everything that the demo keeps; starting again keeps the data
    #[arg(long, value_name = "DIR", default_value = "hallpass-demo")]
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
    pub cluster: Option<postgres::Cluster>,
    /// The two small resource servers.
    pub resource_servers: Vec<actix_web::dev::Server>,
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

/// Makes the folder: others may pass through it (PostgreSQL's user), not look into it.
fn make_folder(data: &std::path::Path) -> Result<(), StartError> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(data)
        .and_then(|()| std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o711)))
        .map_err(|e| StartError::because(&data.display().to_string(), e))
}

/// Starts everything but the HTTP server itself.
pub async fn prepare(args: &DemoArgs) -> Result<Demo, StartError> {
    let wanted: SocketAddr = args
        .listen
        .parse()
        .map_err(|_| StartError(format!("--listen {}: not an address and port", args.listen)))?;
    if !wanted.ip().is_loopback() {
        return Err(StartError(
            "--listen: the demo listens on loopback only, because anybody who reaches it may act as anybody"
                .to_owned(),
        ));
    }
    let listener = std::net::TcpListener::bind(wanted).map_err(|e| {
        StartError(format!(
            "cannot listen on {wanted}: {e}. Is another demo running? Try --listen 127.0.0.1:0"
        ))
    })?;
    let base_url = format!("http://{}", listener.local_addr().map_err(|e| StartError(e.to_string()))?);
    let data = compose::absolute(args.data.clone());
    make_folder(&data)?;
    let mut memory = Memory::load(&data);
    if memory.target_password.is_empty() {
        memory.target_password = random_alphanumeric(32).map_err(|e| StartError(e.to_string()))?;
        memory.save(&data)?;
    }
    let cluster = {
        let data = data.clone();
        let password = memory.target_password.clone();
        let external = args.postgres.clone();
        tokio::task::spawn_blocking(move || start_cluster(&data, external.as_deref(), &password))
            .await
            .map_err(|e| StartError(e.to_string()))??
    };
    let config = config(&data, &args.listen);
    let mail_sender = compose::mail::sender(&config.mail)?;
    let mailbox = DemoMailbox::open(data.join("mail"), KEPT_MAILS, mail_sender)
        .map_err(|e| StartError::because("the demo's mail folder", e))?;
    let given = Given { notifier: Some(Arc::new(mailbox.clone())), ..Given::default() };
    let composed = compose::compose(&config, &base_url, Making::Allowed, given).await?;

    let mut resource_servers = Vec::new();
    let mut ports = Vec::new();
    for (index, name) in ["billing-api", "reports-api"].into_iter().enumerate() {
        let remembered = memory.resource_ports.get(index).copied().unwrap_or(0);
        let (port, server) = resource_server::start(&composed.broker, name, remembered)
            .or_else(|_| resource_server::start(&composed.broker, name, 0))?;
        ports.push(port);
        resource_servers.push(server);
    }
    memory.resource_ports = ports;
    let reach =
        cluster.as_ref().map(|c| c.reach.clone()).or_else(|| args.postgres.as_deref().and_then(reach_of));
    seed::seed(&composed.broker, &mut memory, reach.as_ref()).await?;
    memory.save(&data)?;

    let catalogue = composed.broker.catalogue().await.map_err(|r| StartError(r.message))?;
    let facts = Facts::collect(&base_url, &memory, &catalogue, reach.clone());
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
    };
    let http = HttpConfig { plain_http_on_loopback: true, workers: 2, ..HttpConfig::new(&base_url) };
    let state = AppState::new(Arc::clone(&composed.broker), http).with_demo(Arc::new(hooks));
    Ok(Demo { composed, facts, listener, state, cluster, resource_servers })
}

fn start_cluster(
    data: &std::path::Path,
    external: Option<&str>,
    password: &str,
) -> Result<Option<postgres::Cluster>, StartError> {
    if let Some(url) = external {
        postgres::set_up_external(url, password)?;
        return Ok(None);
    }
    let Some(cluster) = postgres::Cluster::start(data)? else { return Ok(None) };
    postgres::set_up(&cluster, password)?;
    Ok(Some(cluster))
}

/// Host and port of a PostgreSQL URL.
fn reach_of(url: &str) -> Option<postgres::Reach> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, h)| h);
    let (host, port) = host.rsplit_once(':').map_or((host, 5432), |(h, p)| (h, p.parse().unwrap_or(5432)));
    Some(postgres::Reach { host: host.to_owned(), port })
}

/// `hallpassd demo`.
pub async fn run(args: DemoArgs) -> Result<(), StartError> {
    let demo = prepare(&args).await?;
    print_guide(&demo.facts, demo.cluster.is_some() || args.postgres.is_some(), &args);
    let tasks = compose::tasks::start(&demo.composed);
    let mut handles = Vec::new();
    for server in demo.resource_servers {
        handles.push(server.handle());
        tokio::spawn(server);
    }
    crate::commands::serve::until_stopped(demo.listener, demo.state).await?;
    for handle in handles {
        handle.stop(false).await;
    }
    for task in tasks {
        task.abort();
    }
    drop(demo.cluster);
    Ok(())
}

/// The short guide, on standard output.
fn print_guide(facts: &Facts, postgres: bool, args: &DemoArgs) {
    let mut lines = vec![
        String::new(),
        format!("  Hallpass demo: {}/demo", facts.base_url),
        format!("  Mails:         {}/demo/mail", facts.base_url),
        format!("  Data:          {} (kept between starts)", args.data.display()),
        String::new(),
        "  People (switch with “act as” on every page, or sign in):".to_owned(),
    ];
    for p in &facts.people {
        let part = if p.duties.is_empty() { p.groups.join(", ") } else { p.duties.join(", ") };
        lines.push(format!("    {:<15} {:<18} {:<24} {}", p.name, p.email, p.password, part));
    }
    lines.push(String::new());
    if !postgres {
        lines.push(format!("  No PostgreSQL server programs here, so there are token targets only. For a real database target:  {}", postgres::INSTALL));
        lines.push(String::new());
    }
    let quick = if postgres { "db-quick" } else { "billing-quick" };
    lines.push("  Next, in another terminal:".to_owned());
    lines.push(format!("    export HALLPASS_SERVER={}", facts.base_url));
    lines.push("    cargo run --release -p hallpass -- login".to_owned());
    lines.push(format!("    cargo run --release -p hallpass -- request {quick} --reason 'trying it' --wait"));
    lines.push(format!(
        "    cargo run --release -p hallpass -- run {quick} -- {}",
        if postgres { "psql" } else { "env" }
    ));
    lines.push("  Ctrl-C stops it.".to_owned());
    lines.push(String::new());
    for line in lines {
        say(&line);
    }
}
