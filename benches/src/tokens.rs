//! Many tokens with one deadline: when the last one was still active, and when everything about it was swept and sealed.
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use hallpass_domain::grant::GrantState;
use hallpass_domain::transition::{Change, Transition};
use hallpass_tests::world::World;
use hallpassd::compose::Given;

use crate::figures::{Fault, own_cpu, say};
use crate::seeded::{self, token_text};
use crate::stage::{Stage, grant_until, seconds_after};

/// Lanes that ask about tokens around the deadline.
const LANES: usize = 4;

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Tokens that end at one instant
    #[arg(long, default_value_t = 10_000)]
    tokens: usize,
    /// Grants that they are spread over; all end at that instant, too
    #[arg(long, default_value_t = 1_000)]
    grants: usize,
    /// The store in PostgreSQL instead of SQLite
    #[arg(long)]
    postgres: bool,
}

/// Measures it once.
pub(crate) async fn run(args: &Args) -> Result<(), Fault> {
    let stage = Stage::new(args.postgres, &[]).await?;
    let world = Arc::new(World::open(&stage.place, Given::default()).await?);
    let target = world.target("api").await.map_err(|r| r.message)?;
    let _running = world.run();
    // Seeding takes far less; the first look is made well before the deadline.
    let deadline = world.broker.now() + TimeDelta::seconds(20);
    let each = args.tokens.div_ceil(args.grants.max(1));
    let mut grants = Vec::new();
    for first in (0..args.tokens).step_by(each) {
        let grant = grant_until(&world, "api-read", deadline).await?;
        let now = world.broker.now();
        let mut transition = Transition::new(now);
        for number in first..(first + each).min(args.tokens) {
            let token = seeded::token(number, &grant, now, deadline);
            transition = transition.with(Change::Token(Box::new(token)));
        }
        world.broker.store.commit(transition).await?;
        grants.push(grant.id);
    }
    say(&format!(
        "{} tokens of {} grants with one deadline, store on {}; seeded {:.1} s before it",
        args.tokens,
        grants.len(),
        stage.store,
        -seconds_after(&world, deadline)
    ));

    // Each lane asks about all tokens again and again, until one second after the deadline.
    let lanes = (0..LANES).map(|lane| {
        let (world, tokens) = (Arc::clone(&world), args.tokens);
        tokio::spawn(async move {
            let (mut asked, mut last_active, mut late) = (0usize, f64::MIN, 0usize);
            let mut number = lane;
            loop {
                let before = seconds_after(&world, deadline);
                let answer = world.broker.introspect(target, &token_text(number % tokens)).await;
                if before > 1.0 {
                    return (asked, last_active, late);
                }
                asked += 1;
                if answer.contains("\"active\":true") {
                    last_active = last_active.max(before);
                    late += usize::from(before >= 0.0);
                }
                number += LANES;
                if asked.is_multiple_of(64) {
                    tokio::task::yield_now().await;
                }
            }
        })
    });
    let swept = sweep_seen(&world, deadline, &grants);
    let (lanes, swept) = tokio::join!(join_all(lanes), swept);
    let (mut asked, mut last, mut late) = (0, f64::MIN, 0);
    for lane in lanes {
        let (a, l, n) = lane?;
        asked += a;
        last = last.max(l);
        late += n;
    }
    let (swept, sealed, cpu) = swept?;
    say(&format!(
        "asked {asked} times around the deadline; active at or after it: {late}; last active answer {:.6} s before it",
        -last
    ));
    say(&format!(
        "all grants ended {swept:.3} s after it; every event of it sealed in a signed checkpoint {sealed:.3} s after it"
    ));
    say(&format!(
        "CPU from the deadline to the seal, of this process with its lanes: {:.2} s",
        cpu.as_secs_f64()
    ));
    Ok(())
}

/// Seconds after the deadline at which every grant is `ended`, and at which no event waits for its seal.
async fn sweep_seen(
    world: &World,
    deadline: chrono::DateTime<chrono::Utc>,
    grants: &[hallpass_domain::ids::GrantId],
) -> Result<(f64, f64, Duration), Fault> {
    let wait = (-seconds_after(world, deadline)).max(0.0);
    tokio::time::sleep(Duration::from_secs_f64(wait)).await;
    let cpu = own_cpu()?;
    let mut left: Vec<_> = grants.to_vec();
    while let Some(id) = left.last() {
        match world.broker.store.grant(*id).await? {
            Some(grant) if grant.state == GrantState::Ended => drop(left.pop()),
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
    let swept = seconds_after(world, deadline);
    while world.broker.store.unsealed_tail().await?.0 > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok((swept, seconds_after(world, deadline), own_cpu()?.saturating_sub(cpu)))
}
