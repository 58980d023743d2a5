//! The story of the main job, lived without end: people ask, approve, deny and take back, fetch, and end early.
use std::sync::Arc;

use hallpass_domain::ports::requests::RequestFilter;
use hallpass_domain::ports::store::Page;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request::{Request, RequestState};
use hallpass_tests::fault_server::Said;
use hallpass_tests::world::{APPROVER, REQUESTER, World};
use secrecy::ExposeSecret as _;

use crate::{apply, place, refused, say};

/// What the one approver of the story hears of requests of others.
const NOT_ANAS: [&str; 4] = ["already_decided_by_you", "not_your_stage", "no_grant", "lapsed"];

/// Two people live it side by side.
pub(crate) async fn tell(world: &Arc<World>, targets: &[(String, u16)], seconds: usize) {
    finish_what_was_asked(world).await;
    let roles: Vec<String> = targets.iter().map(|(name, _)| format!("{name}-read")).collect();
    let actors = (0..2).map(|actor| {
        let (world, roles) = (Arc::clone(world), roles.clone());
        tokio::spawn(async move { live(&world, actor, &roles, seconds).await })
    });
    futures_util::future::join_all(actors).await;
}

/// Requests that a crash left pending are approved first, but those of a side, which others decide.
async fn finish_what_was_asked(world: &World) {
    for request in pending(world).await {
        match world.approve(&request).await {
            Ok(grant) => say(&Said::Granted { grant: grant.id, ends_at: grant.ends_at }),
            Err(refusal) if NOT_ANAS.contains(&refusal.code) => {}
            Err(refusal) => refused(&refusal),
        }
    }
}

/// Requests that a crash left pending are taken back.
pub(crate) async fn take_back_what_was_asked(world: &World) {
    for request in pending(world).await {
        match world.withdraw(&request).await {
            Ok(closed) => say(&Said::Closed { reference: closed.reference, state: closed.state }),
            Err(refusal) if refusal.code == "lapsed" => {}
            Err(refusal) => refused(&refusal),
        }
    }
}

async fn pending(world: &World) -> Vec<Request> {
    let filter = RequestFilter { of: None, state: Some(RequestState::Pending), role: None };
    world.broker.store.requests(&filter, Page::first(200)).await.unwrap_or_default()
}

/// One grant of a role, and a login under it.
pub(crate) async fn login(
    world: &World,
    role: &str,
    time: &str,
) -> Result<hallpass_domain::grant::Grant, Refusal> {
    let request = world.ask(role, time).await?;
    say(&Said::Asked { reference: request.reference.clone() });
    let grant = world.approve(&request).await?;
    say(&Said::Granted { grant: grant.id, ends_at: grant.ends_at });
    let issued = world.login(&grant).await?;
    say(&Said::Login {
        credential: issued.credential.id,
        grant: grant.id,
        name: issued.credential.external_name.clone(),
        password: issued.password.expose_secret().to_owned(),
        port: issued.connection.port,
    });
    Ok(grant)
}

/// One person's story without end. Every third grant is ended early, by its holder or by its approver; every fourth story
/// begins with a token, every fifth with a request that comes to nothing, and the first person's with a catalogue that is
/// applied anew.
async fn live(world: &World, actor: usize, roles: &[String], seconds: usize) {
    for round in actor.. {
        let role = roles.get(round % roles.len()).map_or("", String::as_str);
        let time = format!("{}s", seconds + round % 2);
        let lived = async {
            if actor == 0 && round % 3 == 0 {
                rename_a_role(world, round).await?;
            }
            if round % 5 < 2 {
                come_to_nothing(world, round % 5 == 0, role).await?;
            }
            if round % 4 == 3 {
                let grant = world.grant("api-read", &time).await?;
                let token = world.token(&grant).await?;
                let text = token.token.expose_secret().to_owned();
                say(&Said::Token { token: text.clone() });
                if world.broker.revoke_token(&world.caller(REQUESTER).await?, &text).await? {
                    say(&Said::TokenRevoked { token: text });
                }
            }
            let grant = login(world, role, &time).await?;
            if round % 6 == 0 {
                world.broker.release_grant(&world.caller(REQUESTER).await?, grant.id).await?;
                say(&Said::Ended { grant: grant.id });
            } else if round % 6 == 3 {
                world
                    .broker
                    .revoke_grant(&world.caller(APPROVER).await?, grant.id, "no longer needed")
                    .await?;
                say(&Said::Ended { grant: grant.id });
            }
            Ok::<(), Refusal>(())
        };
        if let Err(refusal) = lived.await {
            refused(&refusal);
        }
        // A pace that two processors hold with several servers.
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    }
}

/// A request that is denied or taken back.
async fn come_to_nothing(world: &World, denied: bool, role: &str) -> Result<(), Refusal> {
    let request = world.ask(role, "1s").await?;
    say(&Said::Asked { reference: request.reference.clone() });
    let closed = if denied { world.deny(&request).await? } else { world.withdraw(&request).await? };
    say(&Said::Closed { reference: closed.reference, state: closed.state });
    Ok(())
}

/// A change of the catalogue that changes nobody's rights.
async fn rename_a_role(world: &World, round: usize) -> Result<(), Refusal> {
    let catalogue =
        place()?.catalogue().replace("Read from the API.", &format!("Read from the API ({round})."));
    apply(world, &catalogue).await
}
