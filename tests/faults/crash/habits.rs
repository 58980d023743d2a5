//! What it takes for a server to do what it seldom must: holders who fill the table of locks or hide in start-up, and a
//! target without a quarantine role. For this there is a target of its own.
use hallpass_tests::pg::Cluster;
use hallpass_tests::world::DATABASE;
use tokio::task::JoinHandle;
use tokio_postgres::{Config, NoTls};

use crate::bed::own_target_with;

/// A small table of locks, soon filled.
const SETTINGS: &[(&str, &str)] = &[("max_locks_per_transaction", "10"), ("max_connections", "100")];
/// Until there is no room for one more lock; those that it got stay until the session's end. The series is no longer than
/// it must be: the target makes all of it before the first lock is taken, and the grant is short.
const FILL: &str = "SELECT count(pg_advisory_lock(g)) FROM generate_series(1, 100000) g";
/// What would keep the role from being dropped, in each database.
const NOTHING_IN_QUARANTINE: &str =
    "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'hallpass_quarantine') THEN
    DROP OWNED BY hallpass_quarantine; END IF; END $$";

/// What holders do beside the usual, or what is done to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    Usual,
    Fills,
    Hides,
    /// The next trial must make the quarantine role.
    NoQuarantine,
}

impl Habit {
    /// The one that makes a server reach a point.
    pub(super) fn at(point: &str) -> Self {
        match point.trim_end_matches(".before").trim_end_matches(".after") {
            "postgresql.relieve" => Self::Fills,
            "postgresql.terminate_starting" => Self::Hides,
            "postgresql.quarantine" => Self::NoQuarantine,
            _ => Self::Usual,
        }
    }

    /// Before a server is started.
    pub(super) async fn prepare(self, target: &Cluster) {
        if self == Self::NoQuarantine {
            for database in [DATABASE, "postgres"] {
                let superuser = target.superuser(database).await;
                superuser.batch_execute(NOTHING_IN_QUARANTINE).await.expect("nothing in quarantine");
            }
            let superuser = target.superuser("postgres").await;
            let drop = "DROP ROLE IF EXISTS hallpass_quarantine";
            superuser.batch_execute(drop).await.expect("no quarantine");
        }
    }

    /// What a new login's holder does; it ends when he is thrown out.
    pub(super) fn begin(self, mut config: Config) -> Option<JoinHandle<()>> {
        match self {
            Self::Usual | Self::NoQuarantine => None,
            Self::Fills => Some(tokio::spawn(async move {
                let Ok((client, connection)) = config.connect(NoTls).await else { return };
                let driver = tokio::spawn(connection);
                let _ = client.simple_query(FILL).await;
                let _ = driver.await;
            })),
            Self::Hides => Some(tokio::spawn(async move {
                // Told to end while it waits it may still come in, and then dies at once.
                let hidden = config.options("-c post_auth_delay=600").connect(NoTls).await;
                let Ok((client, connection)) = hidden else { return };
                let _driver = tokio::spawn(connection);
                assert!(client.simple_query("SELECT 1").await.is_err(), "a hidden session can be used");
            })),
        }
    }
}

/// The target for them. It ends with this process.
pub(super) async fn target() -> &'static Cluster {
    Box::leak(Box::new(own_target_with(SETTINGS).await))
}
