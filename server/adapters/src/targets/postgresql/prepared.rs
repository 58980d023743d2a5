//! Prepared transactions of a login: rolled back, or they would keep their locks for ever.
//!
//! No login is made where they are possible: after `SET ROLE` a prepared transaction belongs to the group, and whose it was
//! is written nowhere. What is here is for a server whose setting was changed while logins were there; only a superuser may.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hallpass_domain::failpoint;
use hallpass_domain::ports::target::TargetError;
use serde::Deserialize;
use serde_json::json;

use super::PostgresqlConnector;
use super::accounts::Found;
use super::session::{Link, Script, script};

const PREPARED: Script = script!("prepared": "prepared");

#[derive(Deserialize)]
struct Prepared {
    database: String,
    /// Written and quoted by the target.
    statement: String,
}

impl PostgresqlConnector {
    /// Rolls back every prepared transaction that can be told to be of these accounts.
    pub(super) async fn end_prepared(&self, accounts: &[&Found]) -> Result<(), TargetError> {
        let oids: BTreeSet<i64> = accounts.iter().flat_map(|found| found.oids.iter().copied()).collect();
        let groups: BTreeSet<&str> =
            accounts.iter().flat_map(|found| found.groups.iter().map(String::as_str)).collect();
        let found: Vec<Prepared> = self.end.run(PREPARED, &json!({ "oids": oids, "groups": groups })).await?;
        let mut links: BTreeMap<String, Link> = BTreeMap::new();
        let mut failed = None;
        for Prepared { database, statement } in found {
            let link = links.entry(database).or_insert_with_key(|database| self.link(database));
            // One that stays keeps no other: somebody may have ended it just now.
            failpoint::hit("postgresql.rollback_prepared.before");
            let done = link.statement(&statement).await;
            failpoint::hit("postgresql.rollback_prepared.after");
            failed = done.err().or(failed);
        }
        failed.map_or(Ok(()), Err)
    }

    /// A connection to another database, for the time of one step.
    pub(super) fn link(&self, database: &str) -> Link {
        Link::new(
            Arc::clone(&self.dialer),
            &self.settings.admin_user,
            database,
            self.settings.statement_timeout_ms,
        )
        .relieved(&self.relief)
    }
}
