//! What has expired goes, in bounded steps; what may still matter stays.
use chrono::Duration;
use hallpass_domain::ports::accounts::Accounts as _;
use hallpass_domain::ports::store::Store as _;
use hallpass_domain::ports::tokens::Tokens as _;
use hallpass_domain::transition::Idempotency;

use super::bed::Bed;
use super::samples::{World, after, change, commit, now, put};

pub(crate) async fn what_has_expired_goes(bed: &Bed) {
    let (store, w) = (&bed.store, World::make(&bed.store).await);
    let grant = w.grant();
    let sessions: Vec<_> = (0..5).map(|_| w.session()).collect();
    let (device, api_token, token) = (w.device(), w.api_token(), w.token(&grant));
    let changes = [put!(Grant, grant), put!(Device, device), put!(ApiToken, api_token), put!(Token, token)];
    let mut transition = change(changes.into_iter().chain(sessions.iter().map(|s| put!(Session, s))));
    transition.idempotency = Some(Idempotency {
        scope: "s".to_owned(),
        key: "k".to_owned(),
        body_hash: "h".to_owned(),
        answer: "{}".to_owned(),
        expires_at: after(60),
        replaces: None,
    });
    store.commit(transition).await.unwrap();
    assert_eq!(store.sweep(now(), 100).await.unwrap(), 0);
    // Two sessions at most in one step, and one of each other kind.
    let much_later = now() + Duration::days(30);
    assert_eq!(store.sweep(much_later, 2).await.unwrap(), 2 + 4);
    assert_eq!(store.sweep(much_later, 2).await.unwrap(), 2);
    assert_eq!(store.sweep(much_later, 2).await.unwrap(), 1);
    assert_eq!(store.sweep(much_later, 2).await.unwrap(), 0);
    assert_eq!(store.session_by_hash(&sessions[0].hash).await.unwrap(), None);
    assert_eq!(store.device(device.id).await.unwrap(), None);
    assert_eq!(store.api_token_by_hash(&api_token.hash).await.unwrap(), None);
    assert_eq!(store.token(token.id).await.unwrap(), None);
    assert_eq!(store.idempotent_answer("s", "k").await.unwrap(), None);
}

pub(crate) async fn live_things_stay(bed: &Bed) {
    let (store, w) = (&bed.store, World::make(&bed.store).await);
    let grant = w.grant();
    let (session, token) = (w.session(), w.token(&grant));
    commit(store, [put!(Grant, grant), put!(Session, session), put!(Token, token)]).await;
    // A token is kept for a day past its end: longer than any target's leeway.
    assert_eq!(store.sweep(after(300 + 86_400), 100).await.unwrap(), 1, "the session");
    assert_eq!(store.token(token.id).await.unwrap(), Some(token.clone()));
    assert_eq!(store.sweep(after(301 + 86_400), 100).await.unwrap(), 1, "the token");
}
