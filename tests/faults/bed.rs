//! Clusters that the tests of this binary share, and places for servers.
use std::path::PathBuf;

use hallpass_tests::pg::Cluster;
use hallpass_tests::process::Process;
use hallpass_tests::world::{Place, Running, World, make_target};
use hallpassd::compose::Given;
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// Where the store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    Sqlite,
    Postgres,
    /// As before, with a second server beside the one that the test asks.
    PostgresTwo,
}

impl Store {
    /// One server on each kind.
    pub(crate) const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];
    /// Each of them.
    pub(crate) const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::PostgresTwo];
}

/// A place with its folder, which goes with it.
pub(crate) struct Bed {
    pub(crate) place: Place,
    two: bool,
    _folder: TempDir,
}

/// The second server of a place, as a process of its own, which can be stopped and killed.
pub(crate) struct Beside {
    pub(crate) server: Process,
    pub(crate) place: Place,
    _folder: TempDir,
}

/// The second server of a place, in this process.
pub(crate) struct Second {
    pub(crate) world: World,
    _running: Option<Running>,
    folder: TempDir,
}

impl Second {
    /// The file with its checkpoints.
    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.folder.path().join("checkpoints.txt")
    }
}

/// One server, and the second one where there is one.
pub(crate) fn each<'a>(world: &'a World, second: &'a Option<Second>) -> impl Iterator<Item = &'a World> {
    std::iter::once(world).chain(second.iter().map(|second| &second.world))
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
                let place = Place::on_sqlite(folder.path().to_owned(), targets);
                Self { place, two: false, _folder: folder }
            }
            Store::Postgres => Self::on(stores().await, targets).await,
            Store::PostgresTwo => Self::on(stores().await, targets).await.with_two(true),
        }
    }

    /// With the store on this cluster.
    pub(crate) async fn on(cluster: &Cluster, targets: &[(&str, u16)]) -> Self {
        let folder = folder();
        let name = format!("store_{}", uuid::Uuid::new_v4().simple());
        cluster.store(&name).await;
        let place = Place::on_postgres(folder.path().to_owned(), cluster, &name, targets);
        Self { place, two: false, _folder: folder }
    }

    /// With a second server, where a test starts it.
    pub(crate) fn with_two(self, two: bool) -> Self {
        Self { two, ..self }
    }

    /// The place of the second server: the same database and master key, a folder of its own.
    fn second_place(&self) -> Option<(Place, TempDir)> {
        let folder = self.two.then(folder)?;
        let place = Place { data: folder.path().to_owned(), ..self.place.clone() };
        std::fs::copy(self.place.data.join("master.key"), place.data.join("master.key")).expect("the key");
        Some((place, folder))
    }

    /// The second server, where there is one, once the first was opened; nothing runs by itself.
    pub(crate) async fn second(&self, given: Given) -> Option<Second> {
        let (place, folder) = self.second_place()?;
        let world = World::open(&place, given).await.expect("a second server");
        Some(Second { world, _running: None, folder })
    }

    /// The same, and it runs until what this returns is dropped.
    pub(crate) async fn beside(&self, given: Given) -> Option<Second> {
        let second = self.second(given).await?;
        Some(Second { _running: Some(second.world.run()), ..second })
    }

    /// The same as a process of its own.
    pub(crate) fn process_beside(&self) -> Option<Beside> {
        let (place, folder) = self.second_place()?;
        Some(Beside { server: server(&place, &[]), place, _folder: folder })
    }
}

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("hallpass-faults-").tempdir().expect("a folder")
}

/// The server of the tests on a place, with further variables in its environment.
pub(crate) fn server(place: &Place, variables: &[(&str, &str)]) -> Process {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_hallpassd-faults"));
    command.env(hallpass_tests::fault_server::PLACE, serde_json::to_string(place).expect("JSON"));
    command.envs(variables.iter().copied());
    Process::start(command, &place.data.join("log"))
}
