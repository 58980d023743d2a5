//! What whoever runs a server does with its keys.
use std::sync::Arc;

use hallpass_domain::refusal::Refusal;
use hallpass_tests::world::World;
use hallpassd::compose::StartError;
use hallpassd::compose::keys::{Rotate, rotate_token_keys};
use hallpassd::compose::rewrap;
use tokio::runtime::Handle;

/// Everything sealed again where the master key is a new one, and new keys that sign tokens. On a thread of its own, as a
/// command is a program of its own.
pub(crate) async fn new_keys(world: &Arc<World>) -> Result<(), Refusal> {
    let world = Arc::clone(world);
    let done = tokio::task::spawn_blocking(move || Handle::current().block_on(make(&world))).await;
    match done {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Refusal::conflict("operator", error.to_string())),
        Err(error) => Err(Refusal::conflict("operator", error.to_string())),
    }
}

async fn make(world: &World) -> Result<(), StartError> {
    let (store, parts) = (world.broker.store.as_ref(), &world.composed);
    let now = world.broker.now();
    rewrap::run(store, &parts.sealer, now).await?;
    rotate_token_keys(store, &parts.sealer, &parts.keys, Rotate::Now, now).await.map(drop)
}
