//! The measured servers.
use std::io::Write as _;
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::{App, HttpResponse, HttpServer, web};
use chrono::Duration;
use hallpass_broker::admin::{By, MemorySecrets};
use hallpass_domain::grant::{Grant, GrantState};
use hallpass_domain::ids::GrantId;
use hallpass_domain::principal::Principal;
use hallpass_domain::role::Tier;
use hallpass_domain::transition::{Change, Transition};
use hallpass_http::{AppState, HttpConfig};
use hallpassd::compose::{Given, Making, compose, tasks};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::figures::Fault;
use crate::seeded;

/// Rows of one seeding commit.
const BATCH: usize = 2_000;
/// Worker threads of either server.
const WORKERS: usize = 1;

const CATALOGUE: &str = r#"
[[people]]
email = "ada@bench.test"
name = "Ada"
duties = ["administrator"]
[[people]]
email = "ana@bench.test"
name = "Ana"
[[workloads]]
name = "job"
title = "Job"
owners = ["ada@bench.test"]
[[targets]]
name = "api"
title = "API"
environment = "bench"
kind = "oauth"
owners = ["ada@bench.test"]
audience = "https://api.bench.test"
verification = "introspect"
[[resource_servers]]
client_id = "api"
target = "api"
[[workflows]]
name = "one"
[[workflows.stages]]
title = "Anybody"
approvers = ["ana@bench.test"]
[[roles]]
name = "api-read"
target = "api"
purpose = "Read."
tier = "low"
eligible = ["job"]
max = "8h"
usual = "8h"
workflow = "one"
standing = true
token_seconds = 3600
"#;

/// What the Hallpass server is started with.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Tokens in the store
    #[arg(long)]
    tokens: usize,
    /// `sqlite:PATH` or `postgres://…`
    #[arg(long)]
    database: String,
    /// Folder for keys
    #[arg(long)]
    folder: std::path::PathBuf,
}

fn say(line: &serde_json::Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// A bare endpoint: what any answer costs.
pub(crate) async fn hello() -> Result<(), Fault> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    say(&json!({ "port": listener.local_addr()?.port() }))?;
    HttpServer::new(|| {
        App::new().route(
            "/",
            // Taken as our endpoints take theirs: actix closes a connection whose body nobody read.
            web::post().to(|_body: web::Bytes| async {
                HttpResponse::Ok().content_type("application/json").body("{\"active\":true}")
            }),
        )
    })
    .workers(WORKERS)
    .listen(listener)?
    .run()
    .await?;
    Ok(())
}

/// A Hallpass server with `tokens` live tokens.
pub(crate) async fn hallpass(args: Args) -> Result<(), Fault> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let base_url = format!("http://{}", listener.local_addr()?);
    let mut config = hallpassd::config::Config::default();
    config.database.url.clone_from(&args.database);
    config.database.journal_file = Some(args.folder.join("journal"));
    config.keys.master_key_file = args.folder.join("master.key");
    config.mail.directory = args.folder.join("mail");
    // As in use: a line a request, the good answers of introspection left out.
    hallpassd::logging::start(&config.log.filter, config.log.json);
    let composed = compose(&config, &base_url, Making::Allowed, Given::default()).await?;
    let broker = &composed.broker;
    let applied = broker
        .apply_catalogue(By::System("bench"), CATALOGUE, false, &MemorySecrets::default())
        .await
        .map_err(|e| format!("{e:?}"))?;
    seed(&composed.broker, args.tokens).await?;
    let clients: serde_json::Map<String, serde_json::Value> =
        applied.new_clients.iter().map(|c| (c.client_id.clone(), json!(c.secret.expose_secret()))).collect();
    let http = HttpConfig { plain_http_on_loopback: true, workers: WORKERS, ..HttpConfig::new(&base_url) };
    let state = AppState::new(Arc::clone(broker), http);
    let _tasks = tasks::start(&composed);
    let port = listener.local_addr()?.port();
    let server = hallpass_http::serve(vec![listener], web::Data::new(state))?;
    say(&json!({ "port": port, "clients": clients }))?;
    server.await?;
    Ok(())
}

async fn seed(broker: &hallpass_broker::Broker, tokens: usize) -> Result<(), Fault> {
    let now = broker.now();
    let catalogue = broker.catalogue().await.map_err(|r| r.message)?;
    let role = catalogue.role_named("api-read").ok_or("no role")?;
    let target = catalogue.targets.get(&role.target_id).ok_or("no target")?;
    let workload = *catalogue.workloads.keys().next().ok_or("no workload")?;
    let grant = Grant {
        id: GrantId::new(now),
        request_id: None,
        principal: Principal::Workload(workload),
        role_id: role.id,
        target_id: role.target_id,
        tier: Tier::Low,
        terms: hallpass_domain::terms::Terms::of(role, target, &hallpass_domain::scope::Scope::default()),
        scope: hallpass_domain::scope::Scope::default(),
        starts_at: now,
        ends_at: now + Duration::hours(8),
        state: GrantState::Active,
        end_reason: None,
        ended_by: None,
        verified_at: None,
        accepted_until: None,
        created_at: now,
        version: 1,
    };
    broker.store.commit(Transition::new(now).with(Change::Grant(Box::new(grant.clone())))).await?;
    seed_tokens(broker, &grant, tokens).await
}

/// Live tokens under a grant, numbered from zero.
pub(crate) async fn seed_tokens(
    broker: &hallpass_broker::Broker,
    grant: &Grant,
    tokens: usize,
) -> Result<(), Fault> {
    let now = broker.now();
    for first in (0..tokens).step_by(BATCH) {
        let mut transition = Transition::new(now);
        for number in first..(first + BATCH).min(tokens) {
            let token = seeded::token(number, grant, now, grant.ends_at);
            transition = transition.with(Change::Token(Box::new(token)));
        }
        broker.store.commit(transition).await?;
    }
    Ok(())
}
