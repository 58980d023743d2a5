//! A database that is older than what was published of it, or than what stands at its targets: what the tests share.
mod bearers;
mod copies;
mod log;
mod noticed;
mod put_back;
mod running;

use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::World;
use hallpassd::compose::Given;

pub(crate) use self::copies::Copy;
use crate::bed::{Bed, target};
use crate::ledger::published;
use crate::parts::SOON;

pub(crate) async fn all_published(bed: &Bed, world: &World) {
    let _running = world.run();
    sealed(bed, world).await;
}

pub(crate) async fn sealed(bed: &Bed, world: &World) {
    eventually_within(SOON, "everything to be published", || async {
        let head = world.broker.store.log_head().await.expect("the log");
        let sealed = world.broker.store.unsealed_tail().await.expect("the log").0 == 0;
        (sealed && published(&bed.place.checkpoints()).is_some_and(|p| p.unsigned_abs() == head.size))
            .then_some(())
    })
    .await;
}

pub(crate) async fn open(bed: &Bed) -> World {
    World::open(&bed.place, Given::default()).await.expect("a server")
}

/// A stopped server: its store is closed, so that the file is free.
pub(crate) async fn closed(world: World) {
    let left = std::sync::Arc::downgrade(&world.broker);
    drop(world);
    eventually_within(SOON, "the server to be gone", || async { (left.strong_count() == 0).then_some(()) })
        .await;
}

/// What the database did not know, so that nobody but us takes it away.
pub(crate) async fn remove_by_hand(names: &[&str]) {
    let superuser = target().await.superuser("postgres").await;
    for name in names {
        let _ = superuser.batch_execute(&format!("DROP ROLE IF EXISTS \"{name}\"")).await;
    }
}
