//! The hash of a leaf is the one of what was committed.
use hallpass_domain::audit::event::Event;
use hallpass_domain::ports::audit_log::{AuditFilter, AuditLog as _, LoggedEvent};
use hallpass_domain::ports::store::Store as _;
use hallpass_domain::transition::Transition;

use super::audit::next_seal;
use super::bed::Bed;
use super::samples::{event, now};

/// Something that is not Hallpass changes the database, its own rules included.
async fn meddle(bed: &Bed, trigger: &str, sql: &str) {
    let drop = format!("DROP TRIGGER {trigger}");
    bed.outside(&format!("{drop}; {sql}"), &format!("{drop} ON audit_events; {sql}")).await.unwrap();
}

async fn committed(bed: &Bed) -> Event {
    let submitted = event("request.submitted", &[("request", "r1".to_owned())]);
    bed.store.commit(Transition::new(now()).event(submitted.clone())).await.unwrap();
    submitted
}

async fn sealed(bed: &Bed) -> LoggedEvent {
    bed.store.seal(next_seal(&bed.store, 10).await).await.unwrap();
    bed.store.sealed_events(0, 1).await.unwrap().remove(0)
}

/// Changed between its commit and its seal: the log has the event that happened, and the row is found not to be it.
pub(crate) async fn an_event_changed_before_its_seal_is_found(bed: &Bed) {
    let event = committed(bed).await;
    meddle(bed, "audit_events_fixed", "UPDATE audit_events SET actor = 'user:somebody-else'").await;
    let logged = sealed(bed).await;
    assert_eq!(logged.leaf_hash, Some(event.leaf_hash()));
    assert_ne!(logged.event.leaf_hash(), event.leaf_hash());
}

/// Events that waited for their seal when the database was migrated have no hash.
pub(crate) async fn an_event_without_a_hash_is_sealed(bed: &Bed) {
    let event = committed(bed).await;
    meddle(bed, "audit_events_hashed", "UPDATE audit_events SET leaf_hash = NULL").await;
    let logged = sealed(bed).await;
    assert_eq!(logged.leaf_hash, Some(event.leaf_hash()));
    assert_eq!(logged.event, event);
}

/// Who spoils what an event says that it is about keeps nothing from being sealed, and no search from answering.
pub(crate) async fn a_spoilt_event_stops_no_seal(bed: &Bed) {
    committed(bed).await;
    let spoil = |drop: &str, spoilt: &str| format!("{drop}; UPDATE audit_events SET subjects = '{spoilt}'");
    let (sqlite, postgres) =
        ("DROP TRIGGER audit_events_fixed", "DROP TRIGGER audit_events_fixed ON audit_events");
    bed.outside(&spoil(sqlite, "{ not JSON"), &spoil(postgres, "{}")).await.unwrap();
    let about = AuditFilter { subject: Some(("role".to_owned(), "r1".to_owned())), ..AuditFilter::default() };
    assert!(bed.store.events(&about, None, 10).await.unwrap().is_empty());
    bed.store.seal(next_seal(&bed.store, 10).await).await.unwrap();
    assert_eq!(bed.store.unsealed_tail().await.unwrap().0, 0);
    assert!(bed.store.events(&about, None, 10).await.unwrap().is_empty());
}
