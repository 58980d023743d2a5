//! Many PostgreSQL logins with one deadline: when none can log in and no session is left, and when all are verified absent.
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use hallpass_domain::credential::CredentialState;
use hallpass_tests::world::{DATABASE, World, make_target};
use hallpassd::compose::Given;
use secrecy::ExposeSecret as _;

use crate::figures::{Fault, own_cpu, say};
use crate::stage::{Stage, durable_cluster, grant_until, seconds_after};

/// Logins issued at a time.
const LANES: usize = 8;

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Logins that end at one instant
    #[arg(long, default_value_t = 1_000)]
    logins: usize,
    /// How many of them have an open session
    #[arg(long, default_value_t = 50)]
    connected: usize,
    /// Seconds from the first login to the deadline: long enough to make them all
    #[arg(long, default_value_t = 90)]
    lead: i64,
    /// The store in PostgreSQL instead of SQLite
    #[arg(long)]
    postgres: bool,
}

/// Measures it once.
pub(crate) async fn run(args: &Args) -> Result<(), Fault> {
    let target = durable_cluster().await?;
    make_target(&target).await;
    let stage = Stage::new(args.postgres, &[("db", target.port())]).await?;
    let world = Arc::new(World::open(&stage.place, Given::default()).await?);
    let _running = world.run();
    let began = world.broker.now();
    let deadline = began + TimeDelta::seconds(args.lead);
    let issued: Vec<_> = stream::iter(0..args.logins)
        .map(|_| async {
            let grant = grant_until(&world, "db-read", deadline).await?;
            world.login(&grant).await.map_err(|r| Fault::from(r.message))
        })
        .buffer_unordered(LANES)
        .try_collect()
        .await?;
    let took = seconds_after(&world, began);
    let mut sessions = Vec::new();
    for login in issued.iter().take(args.connected) {
        let name = &login.credential.external_name;
        let session = target.connect(name, login.password.expose_secret(), DATABASE).await?;
        session.batch_execute("BEGIN; LOCK TABLE orders IN ACCESS SHARE MODE").await?;
        sessions.push(session);
    }
    let ahead = -seconds_after(&world, deadline);
    if ahead < 1.0 {
        return Err(format!("the logins took {took:.0} s: try again with a longer --lead").into());
    }
    say(&format!(
        "{} logins with one deadline, {} of them idle in a transaction with a lock, store on {}; made in {took:.1} s ({:.0}/s), {ahead:.0} s ahead",
        issued.len(),
        sessions.len(),
        stage.store,
        issued.len() as f64 / took
    ));

    tokio::time::sleep(Duration::from_secs_f64(ahead)).await;
    let cpu = own_cpu()?;
    // What an outsider sees: the superuser of the target, who is not Hallpass.
    let superuser = target.superuser("postgres").await;
    let count = async |sql: &str| -> Result<i64, Fault> { Ok(superuser.query_one(sql, &[]).await?.get(0)) };
    let mut seen = [None; 3];
    let looks = [
        "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'hp\\_%' AND rolcanlogin AND coalesce(rolvaliduntil, 'infinity') > now()",
        "SELECT count(*) FROM pg_stat_activity a WHERE a.backend_type = 'client backend' AND a.datname = 'orders' AND (a.usename IS NULL OR a.usename LIKE 'hp\\_%')",
        "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'hp\\_%'",
    ];
    while seen.iter().any(Option::is_none) {
        for (at, sql) in seen.iter_mut().zip(looks) {
            if at.is_none() && count(sql).await? == 0 {
                *at = Some(seconds_after(&world, deadline));
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut left: Vec<_> = issued.iter().map(|l| l.credential.id).collect();
    while let Some(id) = left.last() {
        match world.broker.store.credential(*id).await? {
            Some(row) if row.state == CredentialState::Revoked => drop(left.pop()),
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
    let [login, session, role] = seen.map(Option::unwrap_or_default);
    say(&format!(
        "after the deadline, as the target's superuser sees it: no login {login:.3} s, no session {session:.3} s, no account {role:.3} s; all verified absent and recorded {:.3} s",
        seconds_after(&world, deadline)
    ));
    say(&format!(
        "CPU of Hallpass meanwhile (with the looks): {:.2} s; PostgreSQL's own is not in it",
        own_cpu()?.saturating_sub(cpu).as_secs_f64()
    ));
    Ok(())
}
