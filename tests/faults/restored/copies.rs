//! Taking a copy of a store, and putting it back in the store's place.
use hallpass_tests::outsider::Outsider;
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::World;

use super::closed;
use crate::bed::Bed;
use crate::parts::SOON;

/// A copy of a store, to be put back.
pub(crate) struct Copy(String);

impl Copy {
    /// Takes it, and stops the server.
    pub(crate) async fn taken(bed: &Bed, world: World) -> Self {
        match bed.place.sqlite() {
            Some(_) => {
                let copy = bed.place.data.join(format!("copy-{}.db", uuid::Uuid::new_v4()));
                world.composed.store.backup(&copy).await.expect("a copy");
                closed(world).await;
                Self(copy.display().to_string())
            }
            None => {
                closed(world).await;
                let (name, mut outsider) = postgres(bed).await;
                let copy = format!("copy_{}", uuid::Uuid::new_v4().simple());
                clone(&mut outsider, &copy, &name).await;
                Self(copy)
            }
        }
    }

    /// The same while a server has the store open. An SQLite file is written over, as by `.restore` of its shell: for another
    /// file in its place the server would have to be started again.
    pub(crate) async fn put_back_beneath(&self, bed: &Bed) {
        let Some(file) = bed.place.sqlite() else { return self.put_back(bed).await };
        let restore = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2], timeout=5))";
        eventually_within(SOON, "the copy to be put back", || async {
            let mut python = tokio::process::Command::new("/usr/bin/python3");
            python.args(["-c", restore, &self.0]).arg(&file).stderr(std::process::Stdio::null());
            python.status().await.is_ok_and(|status| status.success()).then_some(())
        })
        .await;
    }

    pub(crate) async fn put_back(&self, bed: &Bed) {
        match bed.place.sqlite() {
            Some(file) => {
                for beside in ["-wal", "-shm"] {
                    let _ = std::fs::remove_file(format!("{}{beside}", file.display()));
                }
                // Another file of that name, as on another machine: connections of this process may still have the old one.
                let new = bed.place.data.join("put-back.db");
                std::fs::copy(&self.0, &new).expect("put back");
                std::fs::rename(new, file).expect("put back");
            }
            None => {
                let (name, mut outsider) = postgres(bed).await;
                outsider.sql(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
                clone(&mut outsider, &name, &self.0).await;
            }
        }
    }
}

/// Name of the store's database, and a connection to another one beside it.
async fn postgres(bed: &Bed) -> (String, Outsider) {
    let (address, settings) = bed.place.database.split_once('?').expect("settings");
    let (server, name) = address.rsplit_once('/').expect("a database");
    (name.to_owned(), Outsider::connect(&format!("{server}/postgres?{settings}")).await)
}

/// A connection of a server that has just stopped may still be closing.
async fn clone(outsider: &mut Outsider, name: &str, of: &str) {
    let statement = format!("CREATE DATABASE {name} TEMPLATE {of}");
    let deadline = std::time::Instant::now() + SOON;
    while let Err(error) = outsider.try_sql(&statement).await {
        assert!(std::time::Instant::now() < deadline, "{error}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
