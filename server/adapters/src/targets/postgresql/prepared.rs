//! Prepared transactions of a login: rolled back, or they would keep their locks for ever. Only a superuser may; where our
//! administrator is none, the check of the target insists on `max_prepared_transactions = 0`.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hallpass_domain::ports::target::TargetError;
use serde::Deserialize;

use super::PostgresqlConnector;
use super::session::{Link, Script, script};

const PREPARED: Script = script!("prepared": "prepared");

#[derive(Deserialize)]
struct Prepared {
    database: String,
    /// Written and quoted by the target.
    statement: String,
}

impl PostgresqlConnector {
    /// Rolls back every prepared transaction of these oids.
    pub(super) async fn end_prepared(&self, oids: &BTreeSet<i64>) -> Result<(), TargetError> {
        let found: Vec<Prepared> = self.end.run(PREPARED, oids).await?;
        let mut links: BTreeMap<String, Link> = BTreeMap::new();
        for Prepared { database, statement } in found {
            let link = links.entry(database).or_insert_with_key(|database| self.link(database));
            link.statement(&statement).await?;
        }
        Ok(())
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
