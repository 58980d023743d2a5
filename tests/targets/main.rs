//! Targets: one contract suite for all kinds with accounts, on real servers, and what is special to each.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by a panic"
)]
mod contract;
mod postgresql;
mod rig;

use contract::contract;

contract!(
    postgresql_superuser,
    crate::postgresql::rig::Postgres::start(crate::postgresql::rig::Admin::Superuser).await,
    [crate::postgresql::rig::ADMIN_PASSWORD]
);
contract!(
    postgresql_createrole,
    crate::postgresql::rig::Postgres::start(crate::postgresql::rig::Admin::CreateRole).await,
    [crate::postgresql::rig::ADMIN_PASSWORD]
);
