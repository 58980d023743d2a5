//! Targets: systems on which access is given. A kind is a folder or file with a descriptor, and one line in [`KINDS`].
pub mod oauth;
pub mod postgresql;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hallpass_domain::ids::TargetId;
use hallpass_domain::ports::sealer::{SealedAt, Sealer};
use hallpass_domain::ports::target::{Descriptor, TargetConnector, TargetError, Targets};
use hallpass_domain::target::{Target, TargetSettings};

use self::postgresql::PostgresqlConnector;

/// The kinds of target.
pub const KINDS: &[Descriptor] = &[oauth::DESCRIPTOR, postgresql::DESCRIPTOR];

/// A connector and the catalogue revision that it was made for.
type Opened = (i64, Arc<dyn TargetConnector>);

/// Connectors by target, each made once per catalogue revision of its target, so that connections are kept.
pub struct TargetRegistry {
    instance: String,
    sealer: Arc<dyn Sealer>,
    open: Mutex<HashMap<TargetId, Opened>>,
}

impl TargetRegistry {
    /// `instance` is the installation's name in account names.
    pub fn new(instance: &str, sealer: Arc<dyn Sealer>) -> Self {
        Self { instance: instance.to_owned(), sealer, open: Mutex::default() }
    }

    fn make(&self, target: &Target) -> Result<Arc<dyn TargetConnector>, TargetError> {
        match &target.settings {
            TargetSettings::Oauth(_) => {
                Err(TargetError::Refused("an OAuth audience has no accounts".into()))
            }
            TargetSettings::Postgresql(settings) => {
                let row = target.id.to_string();
                let at = SealedAt { table: "targets", row: &row, column: "sealed_secret" };
                let secret = target.sealed_secret.as_deref().map(|sealed| self.sealer.open(at, sealed));
                let secret = secret.transpose().map_err(|_| {
                    TargetError::Refused("our password for the target cannot be opened: wrong master key?".into())
                })?;
                Ok(Arc::new(PostgresqlConnector::new(settings, &self.instance, secret)?))
            }
        }
    }
}

impl Targets for TargetRegistry {
    fn connector(&self, target: &Target) -> Result<Arc<dyn TargetConnector>, TargetError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((revision, connector)) = open.get(&target.id)
            && *revision == target.revision
        {
            return Ok(Arc::clone(connector));
        }
        let connector = self.make(target)?;
        open.insert(target.id, (target.revision, Arc::clone(&connector)));
        Ok(connector)
    }

    fn kinds(&self) -> &'static [Descriptor] {
        KINDS
    }
}
