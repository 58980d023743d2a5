//! Leases: nobody works on what somebody else works on, and a stale worker cannot finish.
use std::collections::BTreeSet;

use futures_util::future::join_all;
use hallpass_domain::Timestamp;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::mail::MailState;
use hallpass_domain::ports::credentials::{Claim, Credentials as _};
use hallpass_domain::ports::mails::Mails as _;
use hallpass_domain::ports::store::Store as _;
use hallpass_store::{Schema, open};
use hallpass_tests::wait::eventually;

use super::bed::Bed;
use super::commit::is_conflict;
use super::samples::{World, after, change, commit, now, put};

fn claim(owner: &str, now: Timestamp, limit: u32) -> Claim<'_> {
    Claim { owner, now, until: now + chrono::Duration::seconds(60), limit }
}

/// `count` credentials at the database that are due now.
async fn due(bed: &Bed, w: &World, count: usize) -> Vec<Credential> {
    let grant = w.grant();
    let credentials: Vec<_> = (0..count)
        .map(|n| {
            let mut credential = w.credential(&grant);
            credential.due_at = after(-1_000 + i64::try_from(n).unwrap());
            credential
        })
        .collect();
    let changes = [put!(Grant, grant)].into_iter().chain(credentials.iter().map(|c| put!(Credential, c)));
    commit(&bed.store, changes).await;
    credentials
}

pub(crate) async fn due_credentials_are_claimed_once(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let credentials = due(bed, &w, 100).await;
    let workers = (0..20).map(|n| {
        let (store, target) = (bed.store.clone(), w.database.id);
        tokio::spawn(
            async move { store.claim_due(target, claim(&format!("w{n}"), now(), 10)).await.unwrap() },
        )
    });
    let claimed: Vec<Credential> = join_all(workers).await.into_iter().flat_map(Result::unwrap).collect();
    let ids: BTreeSet<_> = claimed.iter().map(|c| c.id).collect();
    assert_eq!((claimed.len(), ids.len()), (100, 100), "each once");
    for mine in &claimed {
        let before = credentials.iter().find(|c| c.id == mine.id).unwrap();
        let mut expected = before.clone();
        expected.claimed_by.clone_from(&mine.claimed_by);
        (expected.claimed_until, expected.fence, expected.version) = (Some(after(60)), 1, 2);
        assert_eq!(*mine, expected);
        assert_eq!(bed.store.credential(mine.id).await.unwrap().as_ref(), Some(mine));
    }
    assert_eq!(bed.store.claim_due(w.database.id, claim("late", now(), 10)).await.unwrap(), []);
}

pub(crate) async fn leases_run_out_and_fences_grow(bed: &Bed) {
    let w = World::make(&bed.store).await;
    due(bed, &w, 1).await;
    let target = w.database.id;
    let first = bed.store.claim_due(target, claim("a", now(), 5)).await.unwrap();
    assert_eq!(bed.store.claim_due(target, claim("b", after(59), 5)).await.unwrap(), []);
    assert_eq!(bed.store.targets_due(after(59)).await.unwrap(), []);
    let second = bed.store.claim_due(target, claim("b", after(60), 5)).await.unwrap();
    assert_eq!((first[0].fence, second[0].fence), (1, 2));
    assert_eq!(second[0].claimed_by.as_deref(), Some("b"));
    // Given back with a later next attempt: not before it.
    let mut done = second[0].clone();
    (done.claimed_by, done.claimed_until, done.next_attempt_at, done.version) = (None, None, after(500), 4);
    commit(&bed.store, [put!(Credential, done)]).await;
    assert_eq!(bed.store.claim_due(target, claim("c", after(499), 5)).await.unwrap(), []);
    assert_eq!(bed.store.claim_due(target, claim("c", after(500), 5)).await.unwrap()[0].fence, 3);
}

pub(crate) async fn what_is_not_due_is_not_claimed(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let (grant, mut gone) = (w.grant(), due(bed, &w, 1).await.remove(0));
    let live = w.credential(&grant);
    commit(&bed.store, [put!(Grant, grant), put!(Credential, live)]).await;
    for state in [CredentialState::Revoking, CredentialState::Revoked] {
        gone.version += 1;
        gone.state = state;
        commit(&bed.store, [put!(Credential, gone)]).await;
    }
    let none = bed.store.claim_due(w.database.id, claim("a", now(), 5)).await.unwrap();
    assert_eq!(none, []);
    assert_eq!(bed.store.claim_due(w.oauth.id, claim("a", after(9_999), 5)).await.unwrap(), []);
    assert_eq!(bed.store.targets_due(now()).await.unwrap(), []);
    assert_eq!(bed.store.targets_due(live.due_at).await.unwrap(), [w.database.id]);
    let some = bed.store.claim_due(w.database.id, claim("a", live.due_at, 5)).await.unwrap();
    assert_eq!(some.iter().map(|c| c.id).collect::<Vec<_>>(), [live.id]);
}

pub(crate) async fn one_credential_is_claimed_by_id(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let grant = w.grant();
    let credential = w.credential(&grant);
    commit(&bed.store, [put!(Grant, grant), put!(Credential, credential)]).await;
    let racing = (0..20).map(|n| {
        let (store, id) = (bed.store.clone(), credential.id);
        tokio::spawn(async move { store.claim_one(id, claim(&format!("w{n}"), now(), 1)).await.unwrap() })
    });
    let won: Vec<_> = join_all(racing).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(won.len(), 1);
    assert_eq!((won[0].fence, won[0].version, won[0].claimed_until), (1, 2, Some(after(60))));
    assert_eq!(bed.store.credential(credential.id).await.unwrap().as_ref(), Some(&won[0]));
    // Its own time has not come, but the lease has run out.
    assert_eq!(bed.store.claim_one(credential.id, claim("x", after(60), 1)).await.unwrap().unwrap().fence, 2);
    assert_eq!(bed.store.claim_due(w.database.id, claim("x", after(130), 1)).await.unwrap(), []);
    let absent = hallpass_domain::ids::CredentialId::new(now());
    assert_eq!(bed.store.claim_one(absent, claim("x", now(), 1)).await.unwrap(), None);
}

pub(crate) async fn mails_are_claimed_once(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let mails: Vec<_> = (0..40).map(|_| w.mail()).collect();
    commit(&bed.store, mails.iter().map(|m| put!(Mail, m))).await;
    let workers = (0..8).map(|n| {
        let store = bed.store.clone();
        tokio::spawn(async move { store.claim_mails(claim(&format!("m{n}"), now(), 7)).await.unwrap() })
    });
    let claimed: Vec<_> = join_all(workers).await.into_iter().flat_map(Result::unwrap).collect();
    let ids: BTreeSet<_> = claimed.iter().map(|m| m.id).collect();
    assert_eq!((claimed.len(), ids.len()), (40, 40));
    assert!(claimed.iter().all(|m| (m.fence, m.version, m.claimed_until) == (1, 2, Some(after(60)))));
    let mut sent = claimed[0].clone();
    (sent.state, sent.sent_at, sent.version) = (MailState::Sent, Some(now()), 3);
    commit(&bed.store, [put!(Mail, sent)]).await;
    let again = bed.store.claim_mails(claim("again", after(60), 100)).await.unwrap();
    assert_eq!(again.len(), 39);
    assert!(again.iter().all(|m| m.fence == 2 && m.id != sent.id));
}

pub(crate) async fn a_stale_fence_cannot_finish(bed: &Bed) {
    let w = World::make(&bed.store).await;
    due(bed, &w, 1).await;
    let stale = bed.store.claim_due(w.database.id, claim("a", now(), 1)).await.unwrap().remove(0);
    let fresh = bed.store.claim_due(w.database.id, claim("b", after(61), 1)).await.unwrap().remove(0);
    let finished = |credential: &Credential| {
        let mut credential = credential.clone();
        (credential.state, credential.version) = (CredentialState::Revoking, credential.version + 1);
        change([put!(Credential, credential)])
    };
    assert!(is_conflict(&bed.store.commit(finished(&stale)).await));
    bed.store.commit(finished(&fresh)).await.unwrap();
}

/// A start takes up what dead servers had claimed, and nothing of a server that has a connection to the database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_leaves_live_servers_their_leases() {
    let bed = Bed::postgres().await;
    let w = World::make(&bed.store).await;
    assert!(!bed.store.has_company(), "alone");
    due(&bed, &w, 4).await;
    let live = bed.store.claim_due(w.database.id, claim(bed.store.name(), now(), 2)).await.unwrap();
    let dead = bed.store.claim_due(w.database.id, claim("a-server-that-died", now(), 2)).await.unwrap();
    assert_eq!((live.len(), dead.len()), (2, 2));
    let started = open(&bed.url, Schema::Expect).await.unwrap();
    assert_eq!(started.release_claims(started.name()).await.unwrap(), 2);
    for credential in &live {
        assert_eq!(bed.store.credential(credential.id).await.unwrap().as_ref(), Some(credential));
    }
    let taken = started.claim_due(w.database.id, claim(started.name(), now(), 9)).await.unwrap();
    let ids = |all: &[Credential]| all.iter().map(|c| c.id).collect::<BTreeSet<_>>();
    assert_eq!(ids(&taken), ids(&dead));
    // Each notices the other by itself, and that it is gone.
    eventually("both notice", || async { (bed.store.has_company() && started.has_company()).then_some(()) })
        .await;
    drop(started);
    eventually("alone again", || async { (!bed.store.has_company()).then_some(()) }).await;
    assert_eq!(bed.store.release_claims(bed.store.name()).await.unwrap(), 2, "it died with its leases");
}
