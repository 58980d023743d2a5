//! The server is killed by SIGKILL at every fail point and at random instants, in the middle of grants that begin, are used
//! and end; then it is started again, and the promises are checked.
mod check;
mod clients;
mod distrust;
mod drain;
mod evidence;
mod habits;
mod lane;
mod operators;
mod overdue;
mod prepared;
mod scenes;
mod unrecorded;
mod watch;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use hallpass_tests::fault_server::{LATER, Said, Side, Tell};
use hallpass_tests::pg::Cluster;

use crate::bed::{Bed, Store, server, target};
use check::Past;
use lane::{Lane, Lived};
use scenes::Scene;

/// Servers that are killed side by side, each with a store of its own and all on one target.
const LANES: usize = 3;
/// Kills between two checks where the instants are random; each start finds what several before it left.
const KILLS: usize = 6;

/// Two runs at a time: what must be over before a lease runs out needs a processor for it.
static TURNS: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(2);

/// Starts a server whose clock says so (see [`LATER`]), and waits until it is killed at a point by what it does by itself: perhaps
/// before it says that it is ready.
async fn killed_by_itself(bed: &Bed, clock: &str, point: &str, past: &mut Past) {
    let mut killed = server(&bed.place, &[(LATER, clock), ("HALLPASS_FAILPOINT", point)]);
    if let Some(ready) = killed.line::<Said>().await {
        past.ready(&ready);
    }
    killed.killed(&format!("{point}, clock {clock}")).await;
}

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

/// Short grants, so that much begins and ends.
const USUAL: Tell = Tell::Story { seconds: 1 };

/// What a lane does next.
#[derive(Clone)]
pub(crate) enum Work {
    /// Killed at these, each by its name and hit, before it is checked.
    Points(Vec<(&'static str, u32)>),
    /// So many times at random instants, while it is told this.
    Random(usize, Tell),
    /// The same of one server, while another one on the same database goes on.
    Beside(usize, Tell),
}

/// Each killed as often as it must be.
fn kills_at(points: &[&'static str], store: Store) -> Vec<Work> {
    let scene = |point: &str| Scene::at(point);
    points
        .chunk_by(|one, next| scene(one) == scene(next))
        .flat_map(|alike| alike.chunks(scene(alike[0]).together()))
        .flat_map(|points| {
            let kills = points.iter().flat_map(|p| scene(p).hits(p, store).iter().map(|hit| (*p, *hit)));
            let kills: Vec<_> = kills.collect();
            match scene(points[0]) {
                // Each on a place of its own.
                Scene::FirstStart => kills.into_iter().map(|kill| Work::Points(vec![kill])).collect(),
                _ => vec![Work::Points(kills)],
            }
        })
        .collect()
}

/// Every point is hit but those that are hit elsewhere, as `scenes` says.
async fn every_point(store: Store) {
    let _turn = TURNS.acquire().await.expect("never closed");
    let only = std::env::var("HALLPASS_CRASH_POINTS").unwrap_or_default();
    let here = |point: &&str| point.starts_with(&only);
    let mut all: Vec<&'static str> = scenes::points().into_iter().filter(here).collect();
    // What is alike is killed one after the other, and checked together.
    all.sort_by_key(|point| format!("{:?}", Scene::at(point)));
    let (apart, usual): (Vec<_>, Vec<_>) = all.iter().copied().partition(|point| Scene::at(point).is_apart());
    let (usual, apart) = (kills_at(&usual, store), kills_at(&apart, store));
    // One lane: what fills the table of locks, and what takes the quarantine role away, is felt by all on that target.
    let (mut killed, others) =
        tokio::join!(run(store, target().await, LANES, usual), run(store, habits::target().await, 1, apart));
    killed.extend(others);
    let wanted = |point: &str| Scene::at(point).hits(point, store).len();
    let missed: Vec<_> =
        all.iter().filter(|point| killed.get(**point).copied().unwrap_or(0) < wanted(point)).collect();
    assert!(missed.is_empty(), "not hit as often as they must be: {missed:?} of {killed:?}");
}

/// Three times, on both kinds of store together at least.
#[test]
fn every_point_is_to_be_hit_three_times() {
    for point in scenes::points() {
        let both = [Store::Sqlite, Store::Postgres].map(|store| Scene::at(point).hits(point, store).len());
        assert!(both[0] + both[1] >= 3 && both[0] > 0 && both[1] > 0, "{point}: {both:?}");
    }
}

async fn random_instants(store: Store) {
    let rounds = std::env::var("HALLPASS_CRASH_ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(120usize);
    let _turn = TURNS.acquire().await.expect("never closed");
    let sides = [Side::People, Side::Stages, Side::Findings, Side::Standing];
    let work = (0..rounds.div_ceil(KILLS)).map(|n| {
        // Every fourth time what is beside the story.
        let beside = (n % 4 == 3).then(|| sides[n / 4 % sides.len()]);
        Work::Random(KILLS, beside.map_or(USUAL, |side| Tell::Side { side }))
    });
    run(store, target().await, LANES, work.collect()).await;
}

/// Each lane has two servers.
async fn beside_another(store: Store) {
    let _turn = TURNS.acquire().await.expect("never closed");
    let work = std::iter::repeat_n(Work::Beside(KILLS, USUAL), 4);
    run(store, target().await, 2, work.collect()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_instants_of_one_of_two() {
    beside_another(Store::Postgres).await;
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
