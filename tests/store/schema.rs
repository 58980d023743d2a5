//! Migrations, and who may open a store.
use std::path::Path;

use hallpass_domain::ports::store::Store as _;
use hallpass_store::{OpenError, Schema, migrate, open, pending, revert};

use super::bed::{Bed, database, outsider, sqlite3};
use super::samples::World;

/// The schema of a SQLite file as SQL, in a fixed order.
fn sqlite_schema(path: &Path) -> String {
    sqlite3(path, "SELECT type, name, sql FROM sqlite_master ORDER BY type, name").unwrap()
}

/// The schema of a PostgreSQL database: columns, constraints, indexes, triggers, functions.
async fn postgres_schema(name: &str) -> Vec<String> {
    let queries = [
        "SELECT format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, collation_name) FROM information_schema.columns WHERE table_schema = 'public'",
        "SELECT format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
        "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
        "SELECT noun || from_state || to_state FROM state_moves",
    ];
    let client = outsider(name).await;
    let mut lines = Vec::new();
    for query in queries {
        lines.extend(client.query(query, &[]).await.unwrap().iter().map(|row| row.get::<_, String>(0)));
    }
    lines.sort();
    lines
}

#[tokio::test]
async fn sqlite_migrations_go_up_down_and_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("h.db");
    let url = format!("sqlite:{}", path.display());
    let names = migrate(&url).await.unwrap();
    let first = sqlite_schema(&path);
    assert!(names.len() >= 5 && first.contains("CREATE TABLE grants"));
    assert_eq!(revert(&url, Some(1)).await.unwrap(), names[names.len() - 1..]);
    assert_eq!(pending(&url).await.unwrap(), names[names.len() - 1..]);
    assert_eq!(migrate(&url).await.unwrap(), names[names.len() - 1..]);
    assert_eq!(sqlite_schema(&path), first);
    assert_eq!(revert(&url, None).await.unwrap().len(), names.len());
    let bare = sqlite_schema(&path);
    assert!(!bare.contains("grants") && !bare.contains("TRIGGER"), "{bare}");
    assert_eq!(migrate(&url).await.unwrap(), names);
    assert_eq!(sqlite_schema(&path), first);
    World::make(&open(&url, Schema::Expect).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_migrations_go_up_down_and_up() {
    let (name, url) = database().await;
    let names = migrate(&url).await.unwrap();
    let first = postgres_schema(&name).await;
    assert_eq!(revert(&url, Some(1)).await.unwrap(), names[names.len() - 1..]);
    assert_eq!(migrate(&url).await.unwrap(), names[names.len() - 1..]);
    assert_eq!(revert(&url, None).await.unwrap().len(), names.len());
    let left = outsider(&name).await.query("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE '\\_\\_diesel%'", &[]).await.unwrap();
    assert_eq!(left.len(), 0);
    assert_eq!(migrate(&url).await.unwrap(), names);
    assert_eq!(postgres_schema(&name).await, first);
    World::make(&open(&url, Schema::Expect).await.unwrap()).await;
}

/// The two sides have the same migrations, each with a way back.
#[test]
fn both_sides_have_the_same_migrations() {
    let names = |side: &str| {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .find(|d| d.join("migrations").is_dir())
            .unwrap();
        let mut names: Vec<_> = std::fs::read_dir(dir.join("migrations").join(side))
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        assert!(names.iter().all(|n| n.join("up.sql").is_file() && n.join("down.sql").is_file()));
        names.sort();
        names.iter().map(|n| n.file_name().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("sqlite"), names("postgres"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_schema_is_named_and_a_newer_one_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("h.db");
    let (_, server) = database().await;
    for url in [format!("sqlite:{}", path.display()), server] {
        migrate(&url).await.unwrap();
        revert(&url, Some(2)).await.unwrap();
        assert_eq!(open(&url, Schema::Expect).await.unwrap_err(), OpenError::Pending(2));
        drop(open(&url, Schema::Migrate).await.unwrap());
        let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')";
        if let Some(path) = url.strip_prefix("sqlite:") {
            sqlite3(Path::new(path), newer).unwrap();
        } else {
            let name = url.rsplit_once('/').unwrap().1.split('?').next().unwrap();
            outsider(name).await.batch_execute(newer).await.unwrap();
        }
        for schema in [Schema::Expect, Schema::Migrate] {
            let refused = open(&url, schema).await.unwrap_err();
            assert_eq!(refused, OpenError::Newer("99990101000000".to_owned()));
        }
    }
}

#[tokio::test]
async fn a_second_server_on_the_same_file_is_refused() {
    let bed = Bed::sqlite().await;
    let refused = open(&bed.url, Schema::Expect).await.unwrap_err();
    assert!(matches!(&refused, OpenError::InUse(path) if path.ends_with("hallpass.db")), "{refused}");
    assert!(matches!(migrate(&bed.url).await, Err(OpenError::InUse(_))));
    bed.store.probe().await.unwrap();
    let url = bed.url.clone();
    let Bed { store, _dir: kept, .. } = bed;
    drop(store);
    drop(open(&url, Schema::Expect).await.expect("free once the first is closed"));
    drop(kept);
}

#[tokio::test]
async fn addresses_that_cannot_be_opened_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let say = async |url: &str| open(url, Schema::Migrate).await.unwrap_err().to_string();
    assert!(say("mysql://u:secret@h/db").await.contains("neither sqlite: nor postgres:"));
    assert!(say("sqlite::memory:").await.contains("path of a file"));
    assert!(say(&format!("sqlite:{}/no/such/h.db", dir.path().display())).await.contains("cannot be used"));
    let absent = format!("sqlite:{}/absent.db", dir.path().display());
    assert!(open(&absent, Schema::Expect).await.unwrap_err().to_string().contains("does not exist"));
    let unreachable = say("postgres://u:secret@127.0.0.1:1/db?sslmode=disable").await;
    assert!(unreachable.contains("cannot be used") && !unreachable.contains("secret"), "{unreachable}");
    let (_, url) = database().await;
    let wrong = url.replace("superuser-of-a-test", "wrong-secret");
    let refused = say(&wrong).await;
    assert!(refused.contains("password") && !refused.contains("wrong-secret"), "{refused}");
    // A server without TLS where TLS is wanted.
    let plain = say(&url.replace("sslmode=disable", "sslmode=verify-full")).await;
    assert!(plain.contains("TLS") || plain.contains("certificate"), "{plain}");
}
