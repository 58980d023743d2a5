//! What it takes for a server to do what it seldom must: holders who hide in start-up, and a target without a quarantine
//! role. For this there is a target of its own.
use hallpass_tests::pg::Cluster;
use hallpass_tests::world::DATABASE;
use tokio::task::JoinHandle;
use tokio_postgres::{Config, NoTls};

use crate::bed::own_target;

/// What would keep the role from being dropped, in each database.
const NOTHING_IN_QUARANTINE: &str =
    "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'hallpass_quarantine') THEN
    DROP OWNED BY hallpass_quarantine; END IF; END $$";

/// What holders do beside the usual, or what is done to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    Usual,
    Hides,
    /// The next trial must make the quarantine role.
    NoQuarantine,
}

impl Habit {
    /// The one that makes a server reach a point.
    pub(super) fn at(point: &str) -> Self {
        match point.trim_end_matches(".before").trim_end_matches(".after") {
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
    Box::leak(Box::new(own_target().await))
}
