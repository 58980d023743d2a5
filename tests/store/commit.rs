//! One way in: compare-and-swap, all or nothing, exactly one winner.
use chrono::Duration;
use futures_util::future::join_all;
use hallpass_domain::catalogue::CatalogueChange;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::ids::{CommandId, TokenId};
use hallpass_domain::ports::audit_log::{AuditFilter, AuditLog as _};
use hallpass_domain::ports::catalogue::CatalogueReads as _;
use hallpass_domain::ports::grants::Grants as _;
use hallpass_domain::ports::requests::Requests as _;
use hallpass_domain::ports::store::{CommitError, Store as _};
use hallpass_domain::ports::tokens::{LiveTokens, Tokens as _};
use hallpass_domain::presented::Presented;
use hallpass_domain::transition::{Change, Idempotency, Rested, Transition};

use super::bed::Bed;
use super::samples::{World, after, change, commit, event, now, put, user};

/// The one error that says "decide again".
pub(crate) fn is_conflict(outcome: &Result<(), CommitError>) -> bool {
    matches!(outcome, Err(CommitError::Conflict(_)))
}

fn meta(key: &str, expected: Option<&str>, value: Option<&str>) -> Change {
    let own = |text: Option<&str>| text.map(str::to_owned);
    Change::Meta { key: key.to_owned(), expected: own(expected), value: own(value) }
}

async fn count_events(bed: &Bed) -> usize {
    bed.store.events(&AuditFilter::default(), None, 1_000).await.unwrap().len()
}

pub(crate) async fn only_the_next_version_replaces(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let mut grant = w.grant();
    commit(&bed.store, [put!(Grant, grant)]).await;
    for wrong in [1, 3, 4, 0, -1] {
        grant.version = wrong;
        let outcome = bed.store.commit(change([put!(Grant, grant)])).await;
        assert!(is_conflict(&outcome), "version {wrong}: {outcome:?}");
    }
    for right in 2..5 {
        grant.version = right;
        commit(&bed.store, [put!(Grant, grant)]).await;
    }
    assert_eq!(bed.store.grant(grant.id).await.unwrap(), Some(grant));
    let mut absent = w.grant();
    absent.version = 2;
    assert!(is_conflict(&bed.store.commit(change([put!(Grant, absent)])).await));
}

/// What rested on the catalogue as it was is decided again after any change of it, also where both wait together.
pub(crate) async fn a_decision_rests_on_the_whole_catalogue(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let read = bed.store.catalogue().await.unwrap().revision;
    let resting = || change([put!(Request, w.request())]).rests_on(Rested::Catalogue(read));
    bed.store.commit(resting()).await.unwrap();
    bed.store.commit(resting()).await.expect("it is checked, not moved");
    let mut group = w.group.clone();
    group.version += 1;
    group.members.clear();
    let moving = change([put!(Catalogue, CatalogueChange::Group(group))]);
    let waiting = (0..20).map(|_| bed.store.commit(resting()));
    let (moved, outcomes) = tokio::join!(bed.store.commit(moving), join_all(waiting));
    moved.unwrap();
    assert!(outcomes.iter().all(|o| o.is_ok() || is_conflict(o)), "{outcomes:?}");
    assert!(is_conflict(&bed.store.commit(resting()).await), "an approver left his group");
    let now = bed.store.catalogue().await.unwrap().revision;
    assert!(now > read);
    let anew = change([put!(Request, w.request())]).rests_on(Rested::Catalogue(now));
    bed.store.commit(anew).await.unwrap();
}

/// A target that was read as unused, and a credential that was decided on it as it was: one of the two is decided again,
/// whichever is first, also where both wait together.
pub(crate) async fn a_target_is_moved_only_while_it_is_unused(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let grant = w.grant();
    commit(&bed.store, [put!(Grant, grant)]).await;
    let read = bed.store.catalogue().await.unwrap().revision;
    let moving = async |revision| {
        let mut target = bed.store.catalogue().await.unwrap().targets[&w.database.id].clone();
        target.version += 1;
        target.revision += 1;
        let id = target.id;
        change([put!(Catalogue, CatalogueChange::Target(target))]).rests_on(Rested::Unused(id, revision))
    };
    let intending = |revision| {
        let credential = w.credential(&grant);
        (credential.clone(), change([put!(Credential, credential)]).rests_on(Rested::Catalogue(revision)))
    };
    // The move first: what was decided before it is decided again.
    let (_, late) = intending(read);
    bed.store.commit(moving(read).await).await.unwrap();
    assert!(is_conflict(&bed.store.commit(late).await));
    // The credential first.
    let read = bed.store.catalogue().await.unwrap().revision;
    let (mut credential, intended) = intending(read);
    let moved = moving(read).await;
    bed.store.commit(intended).await.unwrap();
    assert!(is_conflict(&bed.store.commit(moved).await));
    assert_eq!(bed.store.catalogue().await.unwrap().revision, read);
    // Verified gone, it is in nobody's way.
    verified_gone(bed, &mut credential).await;
    bed.store.commit(moving(read).await).await.unwrap();
    for credential_first in [true, false] {
        let read = bed.store.catalogue().await.unwrap().revision;
        let ((mut credential, intended), moved) = (intending(read), moving(read).await);
        let (made, moved) = if credential_first {
            tokio::join!(bed.store.commit(intended), bed.store.commit(moved))
        } else {
            let (moved, made) = tokio::join!(bed.store.commit(moved), bed.store.commit(intended));
            (made, moved)
        };
        assert!(made.is_ok() != moved.is_ok(), "{made:?} {moved:?}");
        assert!(is_conflict(&made) || is_conflict(&moved), "{made:?} {moved:?}");
        if made.is_ok() {
            verified_gone(bed, &mut credential).await;
        }
    }
}

async fn verified_gone(bed: &Bed, credential: &mut Credential) {
    for state in [CredentialState::Revoking, CredentialState::Revoked] {
        credential.state = state;
        credential.version += 1;
        commit(&bed.store, [put!(Credential, credential)]).await;
    }
}

pub(crate) async fn a_conflict_leaves_nothing(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let (grant, request, mail) = (w.grant(), w.request(), w.mail());
    commit(&bed.store, [put!(Grant, grant)]).await;
    let before = count_events(bed).await;
    let mut stale = grant.clone();
    stale.version = 5;
    let changes = [
        put!(Request, request),
        put!(Mail, mail),
        put!(Token, w.token(&grant)),
        meta("k", None, Some("v")),
        put!(Grant, stale),
    ];
    let mut transition = change(changes);
    let answer = Idempotency {
        scope: "s".to_owned(),
        key: "k".to_owned(),
        body_hash: "h".to_owned(),
        answer: "{}".to_owned(),
        expires_at: after(9),
        replaces: None,
    };
    transition.idempotency = Some(answer);
    assert!(is_conflict(&bed.store.commit(transition).await));
    assert_eq!(bed.store.request(request.id).await.unwrap(), None);
    assert_eq!(bed.store.meta("k").await.unwrap(), None);
    assert_eq!(bed.store.idempotent_answer("s", "k").await.unwrap(), None);
    assert_eq!(bed.store.tokens_of(grant.id, 10).await.unwrap(), []);
    assert_eq!(count_events(bed).await, before);
    assert_eq!(bed.store.grant(grant.id).await.unwrap(), Some(grant));
}

/// Good, stale, refused and doubled transitions wait together: each gets its own answer.
pub(crate) async fn a_conflict_in_a_batch_stops_no_other(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let grant = w.grant();
    commit(&bed.store, [put!(Grant, grant)]).await;
    let before = count_events(bed).await;
    let same = TokenId::new(now());
    let transitions = (0..60).map(|n| {
        let mut request = w.request();
        match n % 4 {
            0 => change([put!(Request, request)]),
            // Leaves its request behind only if the batch is wrong about savepoints.
            1 => change([
                put!(Request, request),
                put!(Grant, {
                    let mut g = grant.clone();
                    g.version = 7;
                    g
                }),
            ]),
            2 => change([
                put!(Request, request),
                put!(Token, {
                    let mut t = w.token(&grant);
                    t.id = same;
                    t
                }),
            ]),
            _ => {
                request.role_id = hallpass_domain::ids::RoleId::new(now()); // no such role
                change([put!(Request, request)])
            }
        }
    });
    let outcomes = join_all(transitions.map(|t| bed.store.commit(t))).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        match n % 4 {
            0 => assert!(outcome.is_ok(), "{outcome:?}"),
            1 => assert!(is_conflict(outcome), "{outcome:?}"),
            2 => assert!(outcome.is_ok() || is_conflict(outcome), "{outcome:?}"),
            _ => assert!(matches!(outcome, Err(CommitError::Refused(_))), "{outcome:?}"),
        }
    }
    let same = outcomes.iter().skip(2).step_by(4).filter(|o| o.is_ok()).count();
    assert_eq!(same, 1, "one token of that id");
    assert_eq!(count_events(bed).await, before + 15 + 1);
}

pub(crate) async fn one_of_two_hundred_wins(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let mut grant = w.grant();
    commit(&bed.store, [put!(Grant, grant)]).await;
    grant.version = 2;
    let before = count_events(bed).await;
    let racing = (0..200).map(|n| {
        let mut mine = grant.clone();
        mine.ends_at = after(3_000 - n);
        let (store, own) = (bed.store.clone(), mine.ends_at);
        tokio::spawn(async move { (store.commit(change([put!(Grant, mine)])).await, own) })
    });
    let outcomes: Vec<_> = join_all(racing).await.into_iter().map(Result::unwrap).collect();
    let won: Vec<_> = outcomes.iter().filter(|(outcome, _)| outcome.is_ok()).collect();
    assert_eq!(won.len(), 1);
    assert!(outcomes.iter().all(|(outcome, _)| outcome.is_ok() || is_conflict(outcome)));
    let stored = bed.store.grant(grant.id).await.unwrap().unwrap();
    assert_eq!((stored.version, stored.ends_at), (2, won[0].1));
    assert_eq!(count_events(bed).await, before + 1);
}

pub(crate) async fn resting_rows_are_checked_and_moved(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let (grant, request, mail) = (w.grant(), w.request(), w.mail());
    let credential = w.credential(&grant);
    commit(
        &bed.store,
        [put!(Grant, grant), put!(Request, request), put!(Mail, mail), put!(Credential, credential)],
    )
    .await;
    let all = [
        Rested::Grant(grant.id, 1),
        Rested::Request(request.id, 1),
        Rested::Mail(mail.id, 1),
        Rested::Credential(credential.id, 1),
        Rested::User(w.ana.id, 1),
        Rested::Role(w.login.id, 1),
        Rested::Workflow(w.workflow.id, 1),
    ];
    let resting = || all.iter().fold(change([]), |t, r| t.rests_on(*r));
    bed.store.commit(resting()).await.unwrap();
    assert_eq!(bed.store.grant(grant.id).await.unwrap().unwrap().version, 2);
    assert_eq!(bed.store.request(request.id).await.unwrap().unwrap().version, 2);
    for moved in &all[..4] {
        assert!(is_conflict(&bed.store.commit(change([]).rests_on(*moved)).await), "{moved:?}");
    }
    // People, roles and workflows are not moved by resting on them, but by changing them.
    for still in &all[4..] {
        bed.store.commit(change([]).rests_on(*still)).await.unwrap();
    }
    let mut ana = w.ana.clone();
    ana.version = 2;
    let (mut role, mut workflow) = (w.login.clone(), w.workflow.clone());
    (role.version, role.revision, workflow.version, workflow.revision) = (2, 2, 2, 2);
    let catalogue =
        [CatalogueChange::Role(role), CatalogueChange::Workflow(workflow)].map(|c| put!(Catalogue, c));
    commit(&bed.store, catalogue.into_iter().chain([put!(User, ana)])).await;
    for moved in &all[4..] {
        assert!(is_conflict(&bed.store.commit(change([]).rests_on(*moved)).await), "{moved:?}");
    }
    let absent = Rested::Grant(hallpass_domain::ids::GrantId::new(now()), 1);
    assert!(is_conflict(&bed.store.commit(change([]).rests_on(absent)).await));
}

pub(crate) async fn held_rows_are_checked_and_not_moved(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let mut grant = w.grant();
    commit(&bed.store, [put!(Grant, grant)]).await;
    let held = |version| change([]).rests_on(Rested::GrantHeld(grant.id, version));
    let many = join_all((0..40).map(|_| bed.store.commit(held(1)))).await;
    assert!(many.iter().all(Result::is_ok), "{many:?}");
    assert_eq!(bed.store.grant(grant.id).await.unwrap().unwrap().version, 1);
    // Holding and changing, together: whoever holds passes only where it comes before the change.
    grant.version = 2;
    let mut mixed: Vec<Transition> = (0..40).map(|_| held(1)).collect();
    mixed.insert(20, change([put!(Grant, grant)]));
    let outcomes = join_all(mixed.into_iter().map(|t| bed.store.commit(t))).await;
    assert!(outcomes[20].is_ok());
    assert!(outcomes.iter().all(|o| o.is_ok() || is_conflict(o)));
    assert!(is_conflict(&bed.store.commit(change([]).rests_on(Rested::GrantHeld(grant.id, 1))).await));
    bed.store.commit(change([]).rests_on(Rested::GrantHeld(grant.id, 2))).await.unwrap();
}

/// Write skew: each changes what the other rested on.
pub(crate) async fn two_that_rest_on_each_other_cannot_both_pass(bed: &Bed) {
    let w = World::make(&bed.store).await;
    for _ in 0..10 {
        let (mut a, mut b) = (w.grant(), w.grant());
        commit(&bed.store, [put!(Grant, a), put!(Grant, b)]).await;
        (a.version, b.version) = (2, 2);
        let first = change([put!(Grant, a)]).rests_on(Rested::Grant(b.id, 1));
        let second = change([put!(Grant, b)]).rests_on(Rested::Grant(a.id, 1));
        let (first, second) = tokio::join!(bed.store.commit(first), bed.store.commit(second));
        assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    }
}

pub(crate) async fn the_same_command_counts_once(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let mut grant = w.grant();
    commit(&bed.store, [put!(Grant, grant)]).await;
    grant.version = 2;
    let transition = change([put!(Grant, grant)]);
    let before = count_events(bed).await;
    let outcomes = join_all((0..5).map(|_| bed.store.commit(transition.clone()))).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    bed.store.commit(transition).await.unwrap();
    assert_eq!(count_events(bed).await, before + 1);
}

pub(crate) async fn meta_is_compared_and_swapped(bed: &Bed) {
    let store = &bed.store;
    commit(store, [meta("k", None, Some("a"))]).await;
    assert!(is_conflict(&store.commit(change([meta("k", None, Some("b"))])).await));
    assert!(is_conflict(&store.commit(change([meta("k", Some("x"), Some("b"))])).await));
    assert!(is_conflict(&store.commit(change([meta("k", None, None)])).await));
    commit(store, [meta("k", Some("a"), Some("b"))]).await;
    assert_eq!(store.meta("k").await.unwrap().as_deref(), Some("b"));
    assert!(is_conflict(&store.commit(change([meta("k", Some("a"), None)])).await));
    commit(store, [meta("k", Some("b"), None), meta("other", None, None)]).await;
    assert_eq!(store.meta("k").await.unwrap(), None);
}

pub(crate) async fn an_idempotency_key_is_taken_once(bed: &Bed) {
    let answer = Idempotency {
        scope: "user:1 POST /api/v1/requests".to_owned(),
        key: "k1".to_owned(),
        body_hash: "h".repeat(64),
        answer: "{\"status\":201}".to_owned(),
        expires_at: after(86_400),
        replaces: None,
    };
    let with = || {
        let mut transition = change([]);
        transition.idempotency = Some(answer.clone());
        transition
    };
    let outcomes = join_all((0..20).map(|_| bed.store.commit(with()))).await;
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 1);
    assert!(outcomes.iter().all(|o| o.is_ok() || is_conflict(o)));
    assert_eq!(bed.store.idempotent_answer(&answer.scope, "k1").await.unwrap(), Some(answer));
}

pub(crate) async fn many_tokens_under_one_grant(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let grant = w.grant();
    commit(&bed.store, [put!(Grant, grant)]).await;
    let tokens: Vec<_> = (0..300).map(|_| w.token(&grant)).collect();
    let issuing = tokens.iter().map(|token| {
        let issued =
            event("token.issued", &[("grant", grant.id.to_string()), ("token", token.id.to_string())]);
        let held = Transition::new(now()).rests_on(Rested::GrantHeld(grant.id, 1)).event(issued);
        bed.store.commit(held.with(put!(Token, token)))
    });
    let outcomes = join_all(issuing).await;
    assert!(outcomes.iter().all(Result::is_ok));
    for token in &tokens {
        assert_eq!(bed.store.token_presented(Presented::of(token)).await.unwrap().unwrap().0, *token);
    }
    let (last_exp, accepted_until) = (Some(after(300)), Some(after(305)));
    for (at, live) in [(now(), 300), (after(300), 0)] {
        let left = bed.store.live_tokens(&[grant.id], at).await.unwrap()[&grant.id];
        assert_eq!(left, LiveTokens { live, last_exp, accepted_until });
    }
    let about = AuditFilter {
        subject: Some(("token".to_owned(), tokens[7].id.to_string())),
        ..AuditFilter::default()
    };
    assert_eq!(bed.store.events(&about, None, 10).await.unwrap().len(), 1);
}

/// What is referred to is written first, whatever order the changes have.
pub(crate) async fn changes_come_in_any_order(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let (request, mut grant) = (w.request(), w.grant());
    grant.request_id = Some(request.id);
    let credential = w.credential(&grant);
    let mut changes = vec![
        put!(Token, w.token(&grant)),
        put!(Credential, credential),
        put!(Grant, grant),
        put!(Decision, w.decision(&request)),
        put!(Request, request),
    ];
    let newcomer = user("new@example.org");
    changes.push(put!(User, newcomer));
    let mut transition = change(changes);
    transition.command_id = CommandId::new(now() - Duration::hours(1));
    bed.store.commit(transition).await.unwrap();
    assert_eq!(bed.store.grant_of(request.id).await.unwrap(), Some(grant));
}
