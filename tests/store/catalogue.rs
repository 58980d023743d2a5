//! The catalogue in memory follows what is committed, by whomever.
use std::sync::Arc;

use hallpass_domain::catalogue::CatalogueChange;
use hallpass_domain::ports::catalogue::CatalogueReads as _;
use hallpass_domain::ports::store::Store as _;
use hallpass_domain::principal::Principal;
use hallpass_store::{Schema, open};

use super::bed::Bed;
use super::samples::{World, change, commit, put, user};

pub(crate) async fn the_catalogue_follows_every_change(bed: &Bed) {
    let (store, mut w) = (&bed.store, World::make(&bed.store).await);
    let first = store.catalogue().await.unwrap();
    assert!(Arc::ptr_eq(&first, &store.catalogue().await.unwrap()), "nothing changed: the same value");
    // Other changes do not disturb it.
    commit(store, [put!(Grant, w.grant()), put!(Request, w.request()), put!(Session, w.session())]).await;
    assert!(Arc::ptr_eq(&first, &store.catalogue().await.unwrap()));
    let carl = user("carl@example.org");
    commit(store, [put!(User, carl)]).await;
    assert_eq!(store.catalogue().await.unwrap().users.get(&carl.id), Some(&carl));
    (w.reader.purpose, w.reader.revision, w.reader.version) = ("Other".to_owned(), 2, 2);
    commit(store, [put!(Catalogue, CatalogueChange::Role(w.reader.clone()))]).await;
    let second = store.catalogue().await.unwrap();
    assert_eq!(second.roles[&w.reader.id], w.reader);
    assert_eq!(first.roles[&w.reader.id].purpose, "Read orders", "who holds the old value keeps it");
    // A change that came to nothing changes nothing.
    w.reader.version = 9;
    assert!(store.commit(change([put!(Catalogue, CatalogueChange::Role(w.reader))])).await.is_err());
    assert!(Arc::ptr_eq(&second, &store.catalogue().await.unwrap()));
    // A second server sees the change of the first at its next read.
    if store.is_shared() {
        let other = open(&bed.url, Schema::Expect).await.unwrap();
        assert_eq!(*other.catalogue().await.unwrap(), *second);
        let dora = user("dora@example.org");
        commit(store, [put!(User, dora)]).await;
        assert!(other.catalogue().await.unwrap().users.contains_key(&dora.id));
    }
}

pub(crate) async fn members_and_owners_are_replaced(bed: &Bed) {
    let (store, mut w) = (&bed.store, World::make(&bed.store).await);
    (w.group.members, w.group.version) = ([Principal::User(w.ana.id)].into(), 2);
    (w.workload.owners, w.workload.version) = ([w.ben.id].into(), 2);
    w.oauth.owners.clear();
    w.oauth.version = 2;
    let changes = [
        CatalogueChange::Group(w.group.clone()),
        CatalogueChange::Workload(w.workload.clone()),
        CatalogueChange::Target(w.oauth.clone()),
    ];
    commit(store, changes.map(|c| put!(Catalogue, c))).await;
    let catalogue = store.catalogue().await.unwrap();
    assert_eq!(catalogue.groups[&w.group.id], w.group);
    assert_eq!(catalogue.workloads[&w.workload.id], w.workload);
    assert_eq!(catalogue.targets[&w.oauth.id], w.oauth);
    // Groups in groups are refused, whatever the layers above let through.
    (w.group.members, w.group.version) = ([Principal::Group(w.group.id)].into(), 3);
    let outcome = store.commit(change([put!(Catalogue, CatalogueChange::Group(w.group.clone()))])).await;
    assert!(outcome.is_err());
    assert_eq!(store.catalogue().await.unwrap().groups[&w.group.id].version, 2);
}

/// An older backup that is put back under a running server has a lower revision. It takes the place of what was kept; else
/// the whole catalogue would be read at every call from then on.
pub(crate) async fn a_lower_revision_replaces_a_higher_one(bed: &Bed) {
    let (store, _w) = (&bed.store, World::make(&bed.store).await);
    for name in ["carl", "dora", "emil"] {
        commit(store, [put!(User, user(&format!("{name}@example.org")))]).await;
    }
    let high = store.catalogue().await.unwrap();
    let lower = format!("UPDATE catalogue_revision SET revision = {}", high.revision - 2);
    bed.outside(&lower, &lower).await.unwrap();
    let low = store.catalogue().await.unwrap();
    assert_eq!(low.revision, high.revision - 2);
    assert!(Arc::ptr_eq(&low, &store.catalogue().await.unwrap()), "it is read once");
}
