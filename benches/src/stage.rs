//! Where the deadlines are measured: the small organisation of the tests on a store and targets of its own.
use chrono::{DateTime, Utc};
use hallpass_domain::grant::{Grant, GrantState};
use hallpass_domain::ids::GrantId;
use hallpass_domain::principal::Principal;
use hallpass_domain::transition::{Change, Transition};
use hallpass_tests::pg::Cluster;
use hallpass_tests::world::{Place, REQUESTER, World};

use crate::figures::Fault;

/// A cluster as one in use is: what it commits is on disk, and it looks after its tables.
pub(crate) async fn durable_cluster() -> Result<Cluster, Fault> {
    let settings = &[("fsync", "on"), ("autovacuum", "on"), ("shared_buffers", "256MB")];
    Ok(tokio::task::spawn_blocking(|| Cluster::start_with(settings)).await?)
}

/// A store, and the folder or cluster that it is in.
pub(crate) struct Stage {
    pub(crate) place: Place,
    /// What the store is, in words.
    pub(crate) store: &'static str,
    _folder: tempfile::TempDir,
    _cluster: Option<Cluster>,
}

impl Stage {
    /// With the store on SQLite, or in a PostgreSQL cluster of its own.
    pub(crate) async fn new(postgres: bool, targets: &[(&str, u16)]) -> Result<Self, Fault> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().to_path_buf();
        if !postgres {
            let place = Place::on_sqlite(data, targets);
            return Ok(Self {
                place,
                store: "SQLite WAL, synchronous=FULL",
                _folder: folder,
                _cluster: None,
            });
        }
        let cluster = durable_cluster().await?;
        cluster.databases(&["store"]).await;
        let place = Place::on_postgres(data, &cluster, "store", targets);
        Ok(Self {
            place,
            store: "PostgreSQL, fsync and synchronous_commit on",
            _folder: folder,
            _cluster: Some(cluster),
        })
    }
}

/// Commits an active grant of a role to the requester that ends at `ends_at`, as its approval would have.
pub(crate) async fn grant_until(world: &World, role: &str, ends_at: DateTime<Utc>) -> Result<Grant, Fault> {
    let now = world.broker.now();
    let catalogue = world.broker.catalogue().await.map_err(|r| r.message)?;
    let role = catalogue.role_named(role).ok_or("no such role")?;
    let holder = catalogue.users.values().find(|u| u.email.as_str() == REQUESTER).ok_or("no requester")?;
    let target = catalogue.targets.get(&role.target_id).ok_or("no such target")?;
    let scope = hallpass_domain::scope::Scope::defaults(&role.scope_schema);
    let grant = Grant {
        id: GrantId::new(now),
        request_id: None,
        principal: Principal::User(holder.id),
        role_id: role.id,
        target_id: role.target_id,
        tier: role.tier,
        terms: hallpass_domain::terms::Terms::of(role, target, &scope),
        scope,
        starts_at: now,
        ends_at,
        state: GrantState::Active,
        end_reason: None,
        ended_by: None,
        verified_at: None,
        accepted_until: None,
        created_at: now,
        version: 1,
    };
    world.broker.store.commit(Transition::new(now).with(Change::Grant(Box::new(grant.clone())))).await?;
    Ok(grant)
}

/// Seconds from a deadline to now, by the broker's clock.
pub(crate) fn seconds_after(world: &World, deadline: DateTime<Utc>) -> f64 {
    (world.broker.now() - deadline).num_microseconds().unwrap_or(i64::MAX) as f64 / 1e6
}
