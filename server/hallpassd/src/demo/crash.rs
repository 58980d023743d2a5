//! `demo crash`: kills the server with SIGKILL in the middle of live grants, waits past their end, starts it again,
//! and shows the overdue list drain. What the target holds is read by the superuser over its socket, not by Hallpass.
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hallpass_broker::requests::decide::DecisionForm;
use hallpass_broker::requests::submit::AskForm;
use hallpass_broker::{Broker, Caller, HumanCaller, Origin};
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request::Verdict;
use hallpass_domain::request::decide::Outcome;
use hallpass_http::DemoHooks as _;

use super::hooks::Hooks;
use super::{Demo, DemoArgs, postgres, prepare};
use crate::commands::say;
use crate::compose::{self, StartError};

/// Seconds for which the grants live.
const SECONDS: u64 = 8;
/// Grants that are made.
const GRANTS: usize = 3;

/// `demo crash`.
pub async fn run(args: DemoArgs) -> Result<(), StartError> {
    say(&format!(
        "1. Starting a server of its own and making {GRANTS} grants of {SECONDS} s, each with a login …"
    ));
    let program = std::env::current_exe().map_err(|e| StartError(e.to_string()))?;
    let mut child = Command::new(program)
        .args(["demo", "crash-victim", "--listen", "127.0.0.1:0", "--data"])
        .arg(&args.data)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .stdin(Stdio::null())
        .spawn()
        .map_err(|e| StartError(e.to_string()))?;
    let ready = child
        .stdout
        .take()
        .is_some_and(|out| BufReader::new(out).lines().map_while(Result::ok).any(|l| l == "READY"));
    let ended_at = Instant::now() + Duration::from_secs(SECONDS);
    if !ready {
        let _ = child.wait();
        return Err(StartError(
            "the server did not get as far as live grants; its messages are above".to_owned(),
        ));
    }
    let data = compose::absolute(args.data.clone());
    let cluster = tokio::task::spawn_blocking(move || postgres::Cluster::start(&data))
        .await
        .map_err(|e| StartError(e.to_string()))??;
    let Some(cluster) = cluster else {
        return Err(StartError(format!("demo crash needs the PostgreSQL target: {}", postgres::INSTALL)));
    };
    show(&cluster, "   At the target now:")?;

    say("2. kill -9 …");
    child.kill().map_err(|e| StartError(e.to_string()))?;
    let _ = child.wait();

    say("3. Nobody is there while the grants end. Waiting past their end …");
    tokio::time::sleep(ended_at.saturating_duration_since(Instant::now()) + Duration::from_secs(1)).await;
    show(&cluster, "   At the target, overdue (PostgreSQL's own expiry refuses new logins meanwhile):")?;
    drop_without_stopping(cluster);

    say("4. Starting the server again …");
    let started = Instant::now();
    let demo = prepare(&args).await?;
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

/// The cluster goes on: the next start finds it running.
fn drop_without_stopping(cluster: postgres::Cluster) {
    std::mem::forget(cluster);
}

fn show(cluster: &postgres::Cluster, title: &str) -> Result<(), StartError> {
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
pub async fn victim(args: DemoArgs) -> Result<(), StartError> {
    let demo = prepare(&args).await?;
    let _tasks = compose::tasks::start(&demo.composed);
    let data = compose::absolute(args.data.clone());
    let hooks = hooks_of(&demo, &data)?;
    let said = |r: Refusal| StartError(r.message);
    let broker = &demo.composed.broker;
    let (dana, ana) = (
        person(broker, &hooks, "dana@demo.test").await.map_err(said)?,
        person(broker, &hooks, "ana@demo.test").await.map_err(said)?,
    );
    let mut grants = Vec::new();
    for n in 0..GRANTS {
        let form = AskForm {
            role: "db-quick".to_owned(),
            time: format!("{SECONDS}s"),
            reason: format!("to be interrupted, {}", n + 1),
            ..AskForm::default()
        };
        let request = broker.submit_request(&dana, &form, None).await.map_err(said)?;
        let decision = DecisionForm {
            verdict: Verdict::Approve,
            cap_seconds: None,
            comment: String::new(),
            digest: request.digest.clone(),
        };
        let human = ana.human().map_err(said)?;
        if let (_, Outcome::Approved(grant)) =
            broker.decide_request(&human, &request.reference, &decision, None).await.map_err(said)?
        {
            grants.push(grant.id);
        }
    }
    for grant in grants {
        broker.issue_login(&dana, grant).await.map_err(said)?;
    }
    say("READY");
    std::future::pending::<()>().await;
    Ok(())
}

fn hooks_of(demo: &Demo, data: &Path) -> Result<Hooks, StartError> {
    let sender = compose::mail::sender(&crate::config::Mail::default())?;
    let mailbox =
        hallpass_adapters::notifiers::DemoMailbox::open(data.join("mail"), super::KEPT_MAILS, sender)
            .map_err(|e| StartError(e.to_string()))?;
    let memory = super::seed::Memory::load(data);
    Ok(Hooks {
        broker: Arc::clone(&demo.composed.broker),
        mailbox,
        people: memory.people,
        facts: demo.facts.clone(),
        postgres: true,
    })
}

/// Somebody of the demo, through the switcher and an ordinary session.
pub(super) async fn person(broker: &Arc<Broker>, hooks: &Hooks, email: &str) -> Result<Caller, Refusal> {
    use secrecy::ExposeSecret as _;
    let origin = Origin { address: std::net::IpAddr::from([127, 0, 0, 1]), request_id: "demo".to_owned() };
    let opened = hooks.act_as(email, "demo", &origin).await?;
    let visitor = broker
        .session_for_cookie(opened.cookie.expose_secret(), broker.now())
        .await?
        .ok_or_else(|| Refusal::not_found("session"))?;
    let human: HumanCaller = visitor.human()?;
    Ok(Caller::Human(human))
}
