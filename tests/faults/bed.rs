//! Clusters that the tests of this binary share, and places for servers.
use hallpass_tests::pg::Cluster;
use hallpass_tests::world::{Place, make_target};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// Where the store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    Sqlite,
    Postgres,
}

impl Store {
    /// Each of them.
    pub(crate) const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];
}

/// A place with its folder, which goes with it.
pub(crate) struct Bed {
    pub(crate) place: Place,
    _folder: TempDir,
}

/// A target that stays up.
pub(crate) async fn target() -> &'static Cluster {
    static TARGET: OnceCell<Cluster> = OnceCell::const_new();
    TARGET
        .get_or_init(|| async {
            let cluster = started(&[("max_connections", "500")]).await;
            make_target(&cluster).await;
            cluster
        })
        .await
}

/// A target of one test's own, to be stopped.
pub(crate) async fn own_target() -> Cluster {
    own_target_with(&[]).await
}

/// The same with further settings.
pub(crate) async fn own_target_with(settings: &'static [(&'static str, &'static str)]) -> Cluster {
    let cluster = started(settings).await;
    make_target(&cluster).await;
    cluster
}

/// A cluster for one test's store.
pub(crate) async fn started(settings: &'static [(&'static str, &'static str)]) -> Cluster {
    tokio::task::spawn_blocking(|| Cluster::start_with(settings)).await.expect("a cluster")
}

/// The cluster that holds the stores of those tests that do not stop it.
async fn stores() -> &'static Cluster {
    static STORES: OnceCell<Cluster> = OnceCell::const_new();
    STORES.get_or_init(|| started(&[("max_connections", "300")])).await
}

impl Bed {
    /// A new, empty place with these targets.
    pub(crate) async fn new(store: Store, targets: &[(&str, u16)]) -> Self {
        match store {
            Store::Sqlite => {
                let folder = folder();
                Self { place: Place::on_sqlite(folder.path().to_owned(), targets), _folder: folder }
            }
            Store::Postgres => Self::on(stores().await, targets).await,
        }
    }

    /// With the store on this cluster.
    pub(crate) async fn on(cluster: &Cluster, targets: &[(&str, u16)]) -> Self {
        let folder = folder();
        let name = format!("store_{}", uuid::Uuid::new_v4().simple());
        cluster.store(&name).await;
        Self { place: Place::on_postgres(folder.path().to_owned(), cluster, &name, targets), _folder: folder }
    }
}

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("hallpass-faults-").tempdir().expect("a folder")
}

/// The server of the tests on a place, with further variables in its environment.
pub(crate) fn server(place: &Place, variables: &[(&str, &str)]) -> hallpass_tests::process::Process {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_hallpassd-faults"));
    command.env(hallpass_tests::fault_server::PLACE, serde_json::to_string(place).expect("JSON"));
    command.envs(variables.iter().copied());
    hallpass_tests::process::Process::start(command, &place.data.join("log"))
}
