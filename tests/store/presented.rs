//! Tokens that are presented at the same time: each gets his own answer, on PostgreSQL from reads that they share.
use futures_util::future::join_all;
use hallpass_domain::ports::store::Store as _;
use hallpass_domain::ports::tokens::Tokens as _;
use hallpass_domain::presented::Presented;
use hallpass_domain::secret::SecretHash;
use hallpass_store::{Schema, open};
use hallpass_tests::pg::Cluster;
use hallpass_tests::wait::eventually;
use tokio::task::spawn_blocking;

use super::bed::{Bed, outsider};
use super::samples::{World, commit, put};

pub(crate) async fn each_of_many_gets_his_own_answer(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let grants = [w.grant(), w.grant()];
    commit(&bed.store, grants.iter().map(|grant| put!(Grant, grant))).await;
    let tokens: Vec<_> = (0..600).map(|n| (w.token(&grants[n % 2]), &grants[n % 2])).collect();
    commit(&bed.store, tokens.iter().map(|(token, _)| put!(Token, token))).await;

    let asked = (0..1_200).map(|n| {
        let (token, grant) = &tokens[n / 2];
        let own = Presented::of(token);
        // Twice the same, one of another's hash, one that is not there.
        let (asked, found) = match n % 6 {
            4 => (Presented { hash: SecretHash::of(&n.to_string()), ..own }, false),
            5 => (Presented::of(&w.token(grant)), false),
            _ => (own, true),
        };
        let store = bed.store.clone();
        async move {
            let answer = store.token_presented(asked).await.unwrap();
            assert_eq!(answer, found.then(|| (token.clone(), (*grant).clone())));
        }
    });
    join_all(asked).await;
}

/// A table that is locked keeps whoever asks waiting; who gave up keeps nobody from his answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_is_stuck_takes_nobody_with_it() {
    let bed = Bed::postgres().await;
    let w = World::make(&bed.store).await;
    let grant = w.grant();
    let token = w.token(&grant);
    commit(&bed.store, [put!(Grant, grant), put!(Token, token)]).await;
    let outside = outsider(&bed.database()).await;
    outside.batch_execute("BEGIN; LOCK TABLE tokens IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let stuck = || async {
        let sql = "SELECT count(*) FROM pg_locks WHERE relation = 'tokens'::regclass AND NOT granted";
        outside.query_one(sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    let ask = || {
        let (store, asked) = (bed.store.clone(), Presented::of(&token));
        tokio::spawn(async move { store.token_presented(asked).await })
    };

    let first = ask();
    eventually("a read waits for the lock", || async { (stuck().await == 1).then_some(()) }).await;
    let (given_up, waits) = (ask(), ask());
    // Nobody else comes: once the first is late, who waits for it is asked for on another connection.
    eventually("a second read waits for the lock", || async { (stuck().await == 2).then_some(()) }).await;
    let comes = ask();
    first.abort();
    given_up.abort();
    outside.batch_execute("ROLLBACK").await.unwrap();
    let found = Some((token.clone(), grant.clone()));
    for asked in [waits, comes] {
        assert_eq!(asked.await.unwrap().unwrap(), found);
    }
    assert_eq!(ask().await.unwrap().unwrap(), found);
}

/// What the sharing is for: of five hundred that ask at once the database hears a few statements.
#[tokio::test]
async fn those_who_ask_at_once_share_a_read() {
    let cluster =
        spawn_blocking(|| Cluster::start_with(&[("log_min_duration_statement", "0")])).await.unwrap();
    cluster.databases(&["hallpass"]).await;
    let store = open(&format!("{}?sslmode=disable", cluster.url("hallpass")), Schema::Migrate).await.unwrap();
    let w = World::make(&store).await;
    let grant = w.grant();
    let tokens: Vec<_> = (0..500).map(|_| w.token(&grant)).collect();
    commit(&store, [put!(Grant, grant)].into_iter().chain(tokens.iter().map(|t| put!(Token, t)))).await;
    join_all(tokens.iter().map(|token| async {
        assert!(store.token_presented(Presented::of(token)).await.unwrap().is_some());
    }))
    .await;
    let log = cluster.log();
    let reads = log.lines().filter(|line| line.contains("\"tokens\".\"id\" = ANY")).count();
    assert!((1..50).contains(&reads), "{reads} reads of 500 tokens");
}

/// Whoever runs the database may say how many connections a server makes to read with, besides the two that write and listen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_connections_as_the_address_says() {
    let bed = Bed::postgres().await;
    let outside = outsider(&bed.database()).await;
    for most in [1, 3] {
        let store = open(&format!("{}&connections={most}", bed.url), Schema::Expect).await.unwrap();
        let read = |_| async { store.meta("nothing").await.unwrap() };
        join_all((0..200).map(read)).await;
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
        let made: i64 =
            outside.query_one(sql, &[&format!("hallpassd {}", store.name())]).await.unwrap().get(0);
        assert!((3..=2 + most).contains(&made), "{made} connections");
    }
}
