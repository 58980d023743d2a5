//! A restored backup with more tokens than one statement of the database may touch, and one that several servers start on.
use std::time::Instant;

use hallpass_broker::credentials::token::IssuedToken;
use hallpass_tests::fault_server::Said;
use hallpass_tests::outsider::Outsider;
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::World;
use hallpassd::compose::Given;

use crate::bed::{Bed, Store, server};
use crate::parts::SOON;
use crate::restored::{Copy, all_published, closed, open};

/// So many tokens: several portions, the last one not full. A release is measured with a million.
fn many(usual: u64) -> u64 {
    std::env::var("HALLPASS_RESTORED_TOKENS").ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

const ALIVE: &str = "SELECT count(*) FROM tokens WHERE revoked_at IS NULL";
const KNOWN: &str = "SELECT count(*) FROM meta WHERE key = 'restored'";

/// A store with a copy behind it, in which one token and `count` more like it are live; the copy is put back.
async fn put_back(store: Store, count: u64) -> (Bed, IssuedToken) {
    let bed = Bed::new(store, &[]).await;
    let world = open(&bed).await;
    let grant = world.grant("api-read", "1h").await.expect("a grant");
    let token = world.token(&grant).await.expect("a token");
    all_published(&bed, &world).await;
    let mut outsider = Outsider::connect(&bed.place.database).await;
    let columns = "grant_id, target_id, client_id, issued_at, expires_at, revoked_at, version";
    let more = match store {
        Store::Postgres | Store::PostgresTwo => format!(
            "INSERT INTO tokens (id, hash, {columns}) SELECT gen_random_uuid(), sha256(i::text::bytea), {columns}
               FROM tokens, generate_series(1, {count}) AS i"
        ),
        Store::Sqlite => format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
             INSERT INTO tokens (id, hash, {columns}) SELECT randomblob(16), randomblob(32), {columns} FROM tokens, n"
        ),
    };
    let copy = match store {
        // The copy is of the file as it is, so that the rows must be in it before.
        Store::Sqlite => {
            closed(world).await;
            outsider.sql(&more).await;
            Copy::taken(&bed, open(&bed).await).await
        }
        Store::Postgres | Store::PostgresTwo => {
            outsider.sql(&more).await;
            drop(outsider);
            Copy::taken(&bed, world).await
        }
    };
    let world = open(&bed).await;
    world.grant("api-read", "1h").await.expect("what the copy does not know");
    all_published(&bed, &world).await;
    closed(world).await;
    copy.put_back(&bed).await;
    (bed, token)
}

/// Killed between two portions it has ended none, says nothing, and serves nobody; the next start ends all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_portions() {
    let (bed, token) = put_back(Store::Postgres, many(50_001)).await;
    let mut outsider = Outsider::connect(&bed.place.database).await;
    // The very last row is held, so that the portions before it are done and the last one waits.
    outsider
        .sql("BEGIN; SELECT 1 FROM tokens WHERE id = (SELECT id FROM tokens ORDER BY id DESC LIMIT 1) FOR UPDATE")
        .await;
    let mut looking = Outsider::connect(&bed.place.database).await;
    let mut killed = server(&bed.place, &[]);
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ILIKE 'update%tokens%'";
    let mut waiting = Outsider::connect(&bed.place.database).await;
    let waiting = tokio::sync::Mutex::new(&mut waiting);
    eventually_within(SOON * 6, "the last portion to wait", || async {
        (waiting.lock().await.number(waits).await == 1).then_some(())
    })
    .await;
    killed.kill().await;
    assert!(killed.unheard::<Said>().is_empty(), "it serves nobody before all are dead");
    outsider.sql("ROLLBACK").await;
    eventually_within(SOON, "the killed server's transaction to be gone", || async {
        let mut outsider = Outsider::connect(&bed.place.database).await;
        let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL";
        (outsider.number(open).await == 0).then_some(())
    })
    .await;
    assert_eq!(looking.number(KNOWN).await, 0, "all of it or nothing");
    assert!(looking.number(ALIVE).await > 50_000);

    let started = Instant::now();
    let world = open(&bed).await;
    eprintln!("{} tokens ended in {:?}", many(50_001), started.elapsed());
    assert!(world.broker.restored.get().is_some());
    assert_eq!(looking.number(ALIVE).await, 0);
    assert!(!world.is_active(&token).await);
}

/// The same in one file, more than its caches and journals hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_on_sqlite() {
    let count = many(200_001);
    let (bed, token) = put_back(Store::Sqlite, count).await;
    let started = Instant::now();
    let world = open(&bed).await;
    eprintln!("{} tokens ended in {:?}", count, started.elapsed());
    assert!(world.broker.restored.get().is_some());
    let mut outsider = Outsider::connect(&bed.place.database).await;
    assert_eq!(outsider.number(ALIVE).await, 0);
    assert!(!world.is_active(&token).await);
}

/// One of several servers that start at once records it; all of them start, with the same keys and the same log.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_servers_start_on_it() {
    let (mut bed, token) = put_back(Store::Postgres, 50_001).await;
    bed.place.replicated = true;
    let starts = (0..3).map(|_| {
        let place = bed.place.clone();
        tokio::spawn(async move { World::open(&place, Given::default()).await })
    });
    let mut worlds = Vec::new();
    for start in futures_util::future::join_all(starts).await {
        worlds.push(start.expect("no panic").expect("it starts"));
    }
    let restored = worlds[0].broker.restored.get().expect("known");
    let kids = |world: &World| {
        let keys = world.broker.signer.published(world.broker.now());
        keys.into_iter().map(|k| k.kid).collect::<Vec<_>>()
    };
    let keys = (worlds[0].broker.log_signer.verifier().to_string(), kids(&worlds[0]));
    for world in &worlds {
        assert_eq!(world.broker.restored.get().as_deref(), Some(&*restored), "one restore");
        assert_eq!((world.broker.log_signer.verifier().to_string(), kids(world)), keys);
        assert!(!world.is_active(&token).await);
        let grant = world.grant("api-read", "1h").await.expect("people may still ask");
        assert_eq!(world.token(&grant).await.expect_err("no token").code, "restored");
    }
    let filter = hallpass_domain::ports::audit_log::AuditFilter {
        kind: Some("log.restored".to_owned()),
        ..Default::default()
    };
    let events = worlds[0].broker.store.events(&filter, None, 10).await.expect("events");
    assert_eq!(events.len(), 1, "recorded once");

    // Confirmed at one of them, all go on, and what died stays dead.
    worlds[0].broker.confirm_restored().await.expect("confirmed");
    for world in &worlds {
        world.broker.step_look_restored().await.expect("looked");
        assert!(world.broker.restored.get().is_none());
        assert!(!world.is_active(&token).await);
        let new = world.token(&world.grant("api-read", "1h").await.expect("a grant")).await.expect("a token");
        assert!(world.is_active(&new).await);
    }
}
