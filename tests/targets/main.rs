//! Targets: one contract suite for all kinds with accounts, on real servers, and what is special to each.
mod contract;
mod postgresql;
mod rig;

use contract::contract;

contract!(
    postgresql_superuser,
    crate::rig::Postgres::start(crate::rig::Admin::Superuser).await,
    [crate::rig::ADMIN_PASSWORD]
);
contract!(
    postgresql_createrole,
    crate::rig::Postgres::start(crate::rig::Admin::CreateRole).await,
    [crate::rig::ADMIN_PASSWORD]
);
