//! From the start of a server process to its first revocation, with many live tokens stored.
use std::io::BufRead as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use hallpass_tests::fault_server::PLACE;
use hallpass_tests::world::{Place, World, make_target};
use hallpassd::compose::{Given, Making, compose, tasks};

use crate::figures::{Fault, say, spread};
use crate::serve::seed_tokens;
use crate::stage::{Stage, durable_cluster, grant_until};

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Live tokens in the store
    #[arg(long, default_value_t = 1_000_000)]
    tokens: usize,
    /// Starts
    #[arg(long, default_value_t = 5)]
    samples: usize,
    /// The store in PostgreSQL instead of SQLite
    #[arg(long)]
    postgres: bool,
}

/// Measures it.
pub(crate) async fn run(args: &Args) -> Result<(), Fault> {
    let target = durable_cluster().await?;
    make_target(&target).await;
    let stage = Stage::new(args.postgres, &[("db", target.port())]).await?;
    let world = World::open(&stage.place, Given::default()).await?;
    let now = world.broker.now();
    let grant = grant_until(&world, "api-read", now + TimeDelta::hours(24)).await?;
    seed_tokens(&world.broker, &grant, args.tokens).await?;
    drop(world);
    let superuser = target.superuser("postgres").await;
    let gone = async |condition: &str| -> Result<(), Fault> {
        let sql = format!("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'hp\\_%' {condition}");
        while superuser.query_one(sql.as_str(), &[]).await?.get::<_, i64>(0) > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    };
    let (mut denied, mut removed) = (Vec::new(), Vec::new());
    for _ in 0..args.samples {
        // A login that comes due while no server runs.
        let world = World::open(&stage.place, Given::default()).await?;
        let ends_at = world.broker.now() + TimeDelta::seconds(4);
        let grant = grant_until(&world, "db-read", ends_at).await?;
        world.login(&grant).await.map_err(|r| r.message)?;
        drop(world);
        tokio::time::sleep(Duration::from_secs(5)).await;

        let began = Instant::now();
        let mut server = Command::new(std::env::current_exe()?)
            .arg("started")
            .env(PLACE, serde_json::to_string(&stage.place)?)
            .stdin(Stdio::piped())
            .spawn()?;
        gone("AND rolcanlogin").await?;
        denied.push(began.elapsed().as_secs_f64());
        gone("").await?;
        removed.push(began.elapsed().as_secs_f64());
        // It ends with its input.
        drop(server.stdin.take());
        server.wait()?;
    }
    say(&format!(
        "{} live tokens stored on {}; {} starts with one login overdue",
        args.tokens, stage.store, args.samples
    ));
    say(&format!("process start to login denied:  {}", spread(&denied)));
    say(&format!("process start to login removed: {}", spread(&removed)));
    Ok(())
}

/// The server that is started: as `hallpassd serve` puts itself together, until its input ends.
pub(crate) async fn started() -> Result<(), Fault> {
    let place: Place = serde_json::from_str(&std::env::var(PLACE)?)?;
    let composed = compose(&place.config(), "http://127.0.0.1:1", Making::Refused, Given::default()).await?;
    let running = tasks::start(&composed);
    tokio::task::spawn_blocking(|| std::io::stdin().lock().lines().for_each(drop)).await?;
    for task in running {
        task.abort();
    }
    Ok(())
}
