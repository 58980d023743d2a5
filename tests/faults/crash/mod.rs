//! The server is killed by SIGKILL at every fail point and at random instants, in the middle of grants that begin, are used
//! and end; then it is started again, and the promises are checked.
mod check;
mod clients;
mod drain;
mod habits;
mod lane;
mod prepared;
mod watch;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use hallpass_domain::failpoint;
use hallpass_tests::pg::Cluster;

use crate::bed::{Store, target};
use habits::Habit;
use lane::{Lane, Lived};

/// Servers that are killed side by side, each with a store of its own and all on one target.
const LANES: usize = 3;
/// Kills between two checks where the instants are random; each start finds what several before it left.
const KILLS: usize = 6;

/// Which hits of a point kill. Commits are many and of every kind, those of each kind are points of their own: the first at
/// the first start, others in the middle of a story.
fn hits(point: &str) -> &'static [u32] {
    match Habit::at(point) {
        // Once in a target's life.
        Habit::NoQuarantine => &[1, 1, 1],
        _ if point.starts_with("store.commit") => &[1, 12, 44],
        _ => &[1, 2, 3],
    }
}

/// Two runs at a time: what must be over before a lease runs out needs a processor for it.
static TURNS: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(2);

/// Runs lanes until the work is done; answers how often each point killed.
async fn run(
    store: Store,
    target: &'static Cluster,
    lanes: usize,
    work: Vec<Work>,
) -> BTreeMap<String, usize> {
    let lanes = lanes.min(work.len());
    let work = Arc::new(Mutex::new(VecDeque::from(work)));
    let lanes: Vec<_> = (0..lanes)
        .map(|_| {
            let work = Arc::clone(&work);
            tokio::spawn(async move {
                let next = || work.lock().expect("work").pop_front();
                let mut lived = Lived::default();
                while let Some(first) = next() {
                    let mut lane = Lane::start(store, target).await;
                    lane.live_through(first).await;
                    while !lane.is_long()
                        && let Some(more) = next()
                    {
                        lane.live_through(more).await;
                    }
                    lived.and(lane.finish());
                }
                lived
            })
        })
        .collect();
    let mut all = Lived::default();
    for lane in lanes {
        all.and(lane.await.expect("a lane"));
    }
    all.somebody_came_in();
    all.killed
}

/// What a lane does next.
#[derive(Clone)]
pub(crate) enum Work {
    /// Killed at these, each by its name and hit, before it is checked.
    Points(Vec<(&'static str, u32)>),
    Random(usize),
}

/// Points are checked a few at a time: a check reads the whole store, and what it sees stays to be seen. Those of trials more:
/// proof of absence waits until a create can land no more.
fn together(point: &str) -> usize {
    match Habit::at(point) {
        Habit::Usual if point.starts_with("trial.") => 4,
        Habit::Usual => 1,
        _ => 2,
    }
}

/// Each killed as often as it must be.
fn kills_at(points: &[&'static str]) -> Vec<Work> {
    points
        .chunk_by(|one, next| together(one) == together(next))
        .flat_map(|alike| alike.chunks(together(alike[0])))
        .map(|points| points.iter().flat_map(|p| hits(p).iter().map(|hit| (*p, *hit))).collect())
        .map(Work::Points)
        .collect()
}

/// Every listed point but those that `prepared` says it hits is hit here, three times; both are of failpoint::ALL.
async fn every_point(store: Store) {
    let _turn = TURNS.acquire().await.expect("never closed");
    let only = std::env::var("HALLPASS_CRASH_POINTS").unwrap_or_default();
    let here = |point: &&str| !prepared::POINTS.contains(point) && point.starts_with(&only);
    let all: Vec<&'static str> = failpoint::ALL.iter().copied().filter(here).collect();
    let (usual, seldom): (Vec<_>, Vec<_>) =
        all.iter().copied().partition(|point| Habit::at(point) == Habit::Usual);
    let (usual, seldom) = (kills_at(&usual), kills_at(&seldom));
    // One lane: what fills the table of locks, and what takes the quarantine role away, is felt by all on that target.
    let (mut killed, others) =
        tokio::join!(run(store, target().await, LANES, usual), run(store, habits::target().await, 1, seldom));
    killed.extend(others);
    let missed: Vec<_> = all.iter().filter(|point| killed.get(**point).copied().unwrap_or(0) < 3).collect();
    assert!(missed.is_empty(), "not hit three times each: {missed:?} of {killed:?}");
}

async fn random_instants(store: Store) {
    let rounds = std::env::var("HALLPASS_CRASH_ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(120usize);
    let _turn = TURNS.acquire().await.expect("never closed");
    run(store, target().await, LANES, vec![Work::Random(KILLS); rounds.div_ceil(KILLS)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fail_point_on_sqlite() {
    every_point(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fail_point_on_postgres() {
    every_point(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_instants_on_sqlite() {
    random_instants(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_instants_on_postgres() {
    random_instants(Store::Postgres).await;
}
