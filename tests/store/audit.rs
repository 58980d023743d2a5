//! The audit log as stored.
use chrono::Duration;
use hallpass_domain::audit::event::Event;
use hallpass_domain::audit::frontier::Frontier;
use hallpass_domain::audit::merkle::Hash;
use hallpass_domain::audit::nodes::append_nodes;
use hallpass_domain::ids::EventId;
use hallpass_domain::ports::audit_log::{AuditFilter, AuditLog as _, LoggedEvent, Seal, Unsealed};
use hallpass_domain::ports::store::{CommitError, Store as _};
use hallpass_domain::transition::Transition;
use hallpass_store::StoreHandle;

use super::bed::Bed;
use super::samples::{after, event_at, now};

async fn log(store: &StoreHandle, events: impl IntoIterator<Item = Event>) {
    let transition = events.into_iter().fold(Transition::new(now()), Transition::event);
    store.commit(transition).await.unwrap();
}

fn ids(events: &[LoggedEvent]) -> Vec<uuid::Uuid> {
    events.iter().map(|logged| logged.event.parts().id).collect()
}

/// What a sealer is told of an event.
fn waiting(event: &Event) -> Unsealed {
    let parts = event.parts();
    Unsealed { id: EventId(parts.id), kind: parts.kind.clone(), leaf_hash: event.leaf_hash() }
}

/// A seal of what waits, as the sealer makes it.
pub(crate) async fn next_seal(store: &StoreHandle, limit: u32) -> Seal {
    let head = store.log_head().await.unwrap();
    let mut frontier: Frontier =
        head.frontier.map_or_else(Frontier::new, |text| serde_json::from_str(&text).unwrap());
    let events = store.unsealed(limit).await.unwrap();
    let leaves: Vec<(EventId, Hash)> = events.iter().map(|e| (e.id, e.leaf_hash)).collect();
    let hashes: Vec<Hash> = leaves.iter().map(|(_, hash)| *hash).collect();
    let nodes = append_nodes(&mut frontier, &hashes);
    Seal {
        old_size: head.size,
        leaves,
        nodes: nodes.into_iter().map(|(id, hash)| (id.level, id.index, hash)).collect(),
        checkpoint: format!("checkpoint of {}", frontier.size()),
        frontier: serde_json::to_string(&frontier).unwrap(),
        at: now(),
    }
}

pub(crate) async fn events_by_kind_actor_subject_and_time(bed: &Bed) {
    let store = &bed.store;
    let request = uuid::Uuid::from_u128(42).to_string();
    let about = || vec![("request", request.clone()), ("role", "r1".to_owned())];
    let events = [
        event_at("request.submitted", &about(), after(0)),
        event_at("request.approved", &about(), after(10)),
        event_at("recovery_code.used", &[("grant", "g1".to_owned())], after(7_300)),
        event_at("recovery_codes.renewed", &[("request", "other".to_owned())], after(14_600)),
        event_at("request.stage_approved", &about(), after(21_900)),
    ];
    let mut own = event_at("session.opened", &[], after(29_200)).into_parts();
    own.actor = "system:expiry".to_owned();
    let own = Event::from_parts(own).unwrap();
    log(store, events.iter().cloned().chain([own.clone()])).await;
    let all: Vec<_> = events.iter().chain([&own]).map(|e| e.parts().id).collect();
    let list = async |filter: AuditFilter| ids(&store.events(&filter, None, 100).await.unwrap());
    let pick = |which: &[usize]| which.iter().map(|n| all[*n]).collect::<Vec<_>>();
    let none = AuditFilter::default;
    let kind = |kind: &str| AuditFilter { kind: Some(kind.to_owned()), ..none() };
    assert_eq!(list(none()).await, pick(&[5, 4, 3, 2, 1, 0]));
    assert_eq!(list(kind("request.")).await, pick(&[4, 1, 0]));
    assert_eq!(list(kind("request.approved")).await, pick(&[1]));
    assert_eq!(list(kind("request.stage_approved")).await, pick(&[4]));
    assert_eq!(list(kind("recovery_code.")).await, pick(&[2]), "a family is a whole word");
    assert_eq!(list(kind("recovery%.")).await, pick(&[]), "no pattern");
    assert_eq!(list(kind("request")).await, pick(&[]));
    assert_eq!(list(AuditFilter { actor: Some("system:expiry".to_owned()), ..none() }).await, pick(&[5]));
    let subject = Some(("request".to_owned(), request.clone()));
    assert_eq!(list(AuditFilter { subject: subject.clone(), ..none() }).await, pick(&[4, 1, 0]));
    let both = AuditFilter { subject, kind: Some("request.submitted".to_owned()), ..none() };
    assert_eq!(list(both).await, pick(&[0]));
    let between = AuditFilter { from: Some(after(10)), until: Some(after(14_600)), ..none() };
    assert_eq!(list(between).await, pick(&[2, 1]));
    assert_eq!(list(AuditFilter { until: Some(after(0)), ..none() }).await, pick(&[]));
    let (mut seen, mut last) = (Vec::new(), None);
    loop {
        let page = ids(&store.events(&none(), last, 2).await.unwrap());
        let Some(oldest) = page.last() else { break };
        last = Some(*oldest);
        seen.extend(page);
    }
    assert_eq!(seen, pick(&[5, 4, 3, 2, 1, 0]));
}

/// On SQLite what an event is about is written down with its seal: before it, in the middle of the log, and after it the same
/// events are found, on the same pages.
pub(crate) async fn subjects_are_found_before_and_after_the_seal(bed: &Bed) {
    let store = &bed.store;
    let (role, request) = ("r-1".to_owned(), uuid::Uuid::from_u128(7).to_string());
    let events: Vec<_> = (0..12)
        .map(|n| {
            let about = [
                ("role", role.clone()),
                ("request", if n % 3 == 0 { role.clone() } else { request.clone() }),
            ];
            event_at(if n % 2 == 0 { "request.approved" } else { "token.issued" }, &about, after(n))
        })
        .collect();
    log(store, events.clone()).await;
    // One that was logged by a server of before.
    let known = events[6].parts().id.simple().to_string();
    bed.outside(&format!("INSERT INTO audit_subjects VALUES ('role', '{role}', x'{known}')"), "SELECT 1")
        .await
        .unwrap();
    let wanted = |which: &dyn Fn(usize) -> bool| -> Vec<_> {
        (0..12).rev().filter(|n| which(*n)).map(|n| events[n].parts().id).collect()
    };
    let about = |noun: &str, id: &str| AuditFilter {
        subject: Some((noun.to_owned(), id.to_owned())),
        ..AuditFilter::default()
    };
    for sealed in [0, 5, 4, 3] {
        if sealed > 0 {
            store.seal(next_seal(store, sealed).await).await.unwrap();
        }
        let list = async |filter: AuditFilter| ids(&store.events(&filter, None, 100).await.unwrap());
        assert_eq!(list(about("role", &role)).await, wanted(&|_| true));
        assert_eq!(list(about("request", &request)).await, wanted(&|n| n % 3 != 0));
        assert_eq!(list(about("request", &role)).await, wanted(&|n| n % 3 == 0));
        assert!(list(about("grant", &role)).await.is_empty());
        let tokens = AuditFilter { kind: Some("token.".to_owned()), ..about("request", &request) };
        assert_eq!(list(tokens).await, wanted(&|n| n % 3 != 0 && n % 2 == 1));
        let early = AuditFilter { until: Some(after(6)), ..about("role", &role) };
        assert_eq!(list(early).await, wanted(&|n| n < 6));
        let mut mentions = store
            .mentions("request", &[request.clone(), "r-2".to_owned(), role.clone()], 100)
            .await
            .unwrap()
            .into_iter()
            .map(|m| (m.event.0, m.subject, m.kind))
            .collect::<Vec<_>>();
        mentions.sort_unstable();
        let mut told: Vec<_> = events
            .iter()
            .map(|e| (e.parts().id, e.parts().subjects["request"].clone(), e.parts().kind.clone()))
            .collect();
        told.sort_unstable();
        assert_eq!(mentions, told);
        assert!(store.mentions("request", &[], 100).await.unwrap().is_empty());
        assert_eq!(store.mentions("role", std::slice::from_ref(&role), 7).await.unwrap().len(), 7);
        let (mut seen, mut last) = (Vec::new(), None);
        loop {
            let page = ids(&store.events(&about("role", &role), last, 5).await.unwrap());
            let Some(oldest) = page.last() else { break };
            last = Some(*oldest);
            seen.extend(page);
        }
        assert_eq!(seen, wanted(&|_| true));
    }
    assert_eq!(store.unsealed_tail().await.unwrap(), (0, None));
}

pub(crate) async fn sealing_is_fenced_by_the_size(bed: &Bed) {
    let store = &bed.store;
    let events: Vec<_> = (0..7).map(|n| event_at("mail.sent", &[], after(n))).collect();
    log(store, events.clone()).await;
    assert_eq!(store.unsealed_tail().await.unwrap(), (7, Some(after(0))));
    assert_eq!(store.unsealed(3).await.unwrap(), events[..3].iter().map(waiting).collect::<Vec<_>>());
    let first = next_seal(store, 5).await;
    // Two sealers with the same batch: one of them.
    let (a, b) = tokio::join!(store.seal(first.clone()), store.seal(first.clone()));
    assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
    assert!(matches!(a.and(b), Err(CommitError::Conflict(_))));
    let head = store.log_head().await.unwrap();
    assert_eq!((head.size, head.checkpoint.as_deref()), (5, Some("checkpoint of 5")));
    assert_eq!(store.unsealed_tail().await.unwrap(), (2, Some(after(5))));
    // An event that has its place already cannot get another, and the attempt leaves nothing.
    let mut twice = next_seal(store, 5).await;
    twice.leaves[1] = first.leaves[0];
    assert!(matches!(store.seal(twice).await, Err(CommitError::Conflict(_))));
    assert_eq!(store.log_head().await.unwrap().size, 5);
    assert_eq!(store.unsealed_tail().await.unwrap().0, 2);
    store.seal(next_seal(store, 5).await).await.unwrap();
    assert_eq!(store.log_head().await.unwrap().size, 7);
    assert_eq!(store.unsealed(5).await.unwrap(), []);
}

pub(crate) async fn sealed_events_come_by_index(bed: &Bed) {
    let store = &bed.store;
    let events: Vec<_> = (0..40).map(|n| event_at("mail.sent", &[("n", n.to_string())], after(n))).collect();
    log(store, events.clone()).await;
    for _ in 0..3 {
        store.seal(next_seal(store, 11).await).await.unwrap();
    }
    let sealed = store.sealed_events(10, 100).await.unwrap();
    assert_eq!(sealed.len(), 23, "what waits is not among them");
    for (n, logged) in sealed.iter().enumerate() {
        assert_eq!(logged.index, Some(n as u64 + 10));
        assert_eq!(logged.event, events[n + 10]);
        assert_eq!(logged.leaf_hash, Some(events[n + 10].leaf_hash()));
    }
    assert_eq!(store.sealed_events(0, 4).await.unwrap().len(), 4);
    assert_eq!(store.sealed_events(33, 4).await.unwrap().len(), 0);
}

pub(crate) async fn nodes_are_found(bed: &Bed) {
    let store = &bed.store;
    log(store, (0..300).map(|n| event_at("mail.sent", &[], after(n)))).await;
    let seal = next_seal(store, 300).await;
    store.seal(seal.clone()).await.unwrap();
    assert!(seal.nodes.len() > 590);
    let wanted: Vec<(u8, u64)> = seal.nodes.iter().map(|(level, place, _)| (*level, *place)).collect();
    let mut found = store.nodes(&[wanted.as_slice(), &[(5, 77), (40, 0)]].concat()).await.unwrap();
    found.sort();
    let mut expected: Vec<_> =
        seal.nodes.iter().map(|(level, place, hash)| ((*level, *place), *hash)).collect();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(store.nodes(&[]).await.unwrap(), []);
    // The frontier of the stored nodes is the sealer's.
    let peaks = Frontier::nodes(300).into_iter().map(|id| (id.level, id.index)).collect::<Vec<_>>();
    let stored: hallpass_domain::audit::nodes::NodeMap = store
        .nodes(&peaks)
        .await
        .unwrap()
        .into_iter()
        .map(|((level, index), hash)| (hallpass_domain::audit::nodes::NodeId { level, index }, hash))
        .collect();
    assert_eq!(serde_json::to_string(&Frontier::read(&stored, 300).unwrap()).unwrap(), seal.frontier);
}

pub(crate) async fn an_erased_event_keeps_its_leaf(bed: &Bed) {
    let store = &bed.store;
    let event = event_at("mail.sent", &[], now() - Duration::microseconds(1)).erased();
    log(store, [event.clone()]).await;
    assert_eq!(store.unsealed(1).await.unwrap(), [waiting(&event)]);
    let stored = store.event(EventId(event.parts().id)).await.unwrap().unwrap();
    assert!(stored.is_erased());
    assert_eq!(stored, event);
}
