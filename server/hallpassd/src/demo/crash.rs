//! `demo crash`: kills the server with SIGKILL in the middle of live grants, waits past their end, starts it again,
//! and shows the overdue list drain. What the target holds is read by the superuser over its socket, not by Hallpass.
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hallpass_domain::refusal::Refusal;

use super::cluster::Cluster;
use super::hold::Hold;
use super::seed::Memory;
use super::story::Story;
use super::{Demo, DemoArgs, Target, assemble, bind, programs};
use crate::commands::say;
use crate::compose::{self, StartError};

/// Seconds for which the grants live.
const SECONDS: u64 = 8;
/// Grants that are made.
const GRANTS: usize = 3;

/// `demo crash`.
///
/// # Errors
/// Where PostgreSQL is missing, a demo runs in the folder, or the overdue list does not drain.
pub async fn run(args: DemoArgs) -> Result<(), StartError> {
    if args.postgres.is_some() {
        return Err(StartError(
            "demo crash looks at its own PostgreSQL, as its superuser: leave --postgres out".to_owned(),
        ));
    }
    let Some(bin) = programs::find() else {
        return Err(StartError(format!(
            "demo crash shows logins at a database and needs PostgreSQL's server programs: {}",
            programs::INSTALL
        )));
    };
    let data = compose::absolute(args.data.clone());
    let hold = Hold::take(&data)?;
    say(&format!(
        "1. Starting a server of its own and making {GRANTS} grants of {SECONDS} s, each with a login …"
    ));
    let cluster = {
        let data = data.clone();
        tokio::task::spawn_blocking(move || Cluster::start(bin, &data))
            .await
            .map_err(|e| StartError(e.to_string()))??
    };
    let mut victim = start_victim(&data)?;
    let ready = victim
        .stdout
        .take()
        .is_some_and(|out| BufReader::new(out).lines().map_while(Result::ok).any(|l| l == "READY"));
    let ended_at = Instant::now() + Duration::from_secs(SECONDS);
    if !ready {
        let _ = victim.wait();
        return Err(StartError(
            "the server did not get as far as live grants; its messages are above".to_owned(),
        ));
    }
    show(&cluster, "   At the target now:")?;

    say("2. kill -9 …");
    victim.kill().map_err(|e| StartError(e.to_string()))?;
    let _ = victim.wait();

    say("3. Nobody is there while the grants end. Waiting past their end …");
    tokio::time::sleep(ended_at.saturating_duration_since(Instant::now()) + Duration::from_secs(1)).await;
    show(&cluster, "   At the target, overdue (PostgreSQL's own expiry refuses new logins meanwhile):")?;

    say("4. Starting the server again …");
    let started = Instant::now();
    let demo = assemble(&args, bind(&args)?, Some(hold), Target::Running(cluster)).await?;
    let tasks = compose::tasks::start(&demo.composed);
    drain(&demo, started).await?;
    if let Some(cluster) = &demo.cluster {
        show(cluster, "   At the target:")?;
    }
    for task in tasks {
        task.abort();
    }
    Ok(())
}

/// The server that is killed: this program again. It ends with its input, so that it does not outlive us.
fn start_victim(data: &Path) -> Result<Child, StartError> {
    let program = std::env::current_exe().map_err(|e| StartError(e.to_string()))?;
    Command::new(program)
        .args(["demo", "crash-victim", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|e| StartError(e.to_string()))
}

fn show(cluster: &Cluster, title: &str) -> Result<(), StartError> {
    say(title);
    let rows = cluster.sql("postgres", "SELECT rolname || '  login ' || CASE WHEN rolcanlogin THEN 'allowed' ELSE 'refused' END || ', valid until ' || coalesce(rolvaliduntil::timestamptz(0)::text, '-') || ', ' || (SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = r.oid) || ' sessions' FROM pg_roles r WHERE rolname LIKE 'hp\\_%' ORDER BY 1")?;
    if rows.is_empty() {
        say("     (no login of ours)");
    }
    for row in rows.lines() {
        say(&format!("     {row}"));
    }
    Ok(())
}

async fn drain(demo: &Demo, started: Instant) -> Result<(), StartError> {
    let broker = &demo.composed.broker;
    let mut last = u64::MAX;
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        let overdue =
            broker.store.count_overdue(broker.now()).await.map_err(|e| StartError(e.to_string()))?;
        if overdue != last {
            say(&format!("   {:>5.2} s after the start: {overdue} overdue", started.elapsed().as_secs_f32()));
            last = overdue;
        }
        if overdue == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(StartError("the overdue list did not drain within a minute".to_owned()))
}

/// The victim: a full demo server with live grants, which then waits to be killed.
///
/// # Errors
/// Where it does not get there.
pub async fn victim(args: DemoArgs) -> Result<(), StartError> {
    let demo = assemble(&args, bind(&args)?, None, Target::Attach).await?;
    let _tasks = compose::tasks::start(&demo.composed);
    let said = |r: Refusal| StartError(r.message);
    let people = Memory::load(&compose::absolute(args.data)).people;
    let story = Story::begin(&demo.composed.broker, &people).await.map_err(said)?;
    let mut grants = Vec::new();
    for n in 1..=GRANTS {
        let reason = format!("to be interrupted, {n}");
        grants.push(story.grant("db-quick", &format!("{SECONDS}s"), &reason).await.map_err(said)?);
    }
    for grant in &grants {
        story.login(grant).await.map_err(said)?;
    }
    say("READY");
    let until_input_ends = || std::io::stdin().lock().read_to_end(&mut Vec::new());
    tokio::task::spawn_blocking(until_input_ends).await.map(drop).map_err(|e| StartError(e.to_string()))
}
