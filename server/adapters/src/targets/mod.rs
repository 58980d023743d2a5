//! Targets: systems on which access is given. A kind is a folder or file with a descriptor, and one line in [`KINDS`].
pub mod oauth;
pub mod postgresql;
mod proof;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hallpass_domain::ids::TargetId;
use hallpass_domain::ports::sealer::{SealedAt, Sealer};
use hallpass_domain::ports::target::{Descriptor, TargetConnector, TargetError, Targets};
use hallpass_domain::target::{Target, TargetSettings};

use self::postgresql::PostgresqlConnector;
pub use self::proof::MarkKey;

/// The kinds of target.
pub const KINDS: &[Descriptor] = &[oauth::DESCRIPTOR, postgresql::DESCRIPTOR];

/// A connector and the catalogue revision that it was made for.
type Opened = (i64, Arc<dyn TargetConnector>);

/// Connectors by target, each made once per catalogue revision of its target, so that connections are kept.
pub struct TargetRegistry {
    instance: String,
    sealer: Arc<dyn Sealer>,
    marks: Option<MarkKey>,
    open: Mutex<HashMap<TargetId, Opened>>,
}

impl TargetRegistry {
    /// `instance` is the installation's name in account names.
    pub fn new(instance: &str, sealer: Arc<dyn Sealer>) -> Self {
        Self { instance: instance.to_owned(), sealer, marks: None, open: Mutex::default() }
    }

    /// One whose accounts carry a proof that they are this installation's, and that can tell such marks from others.
    #[must_use]
    pub fn proving(self, key: MarkKey) -> Self {
        Self { marks: Some(key), ..self }
    }

    fn make(&self, target: &Target) -> Result<Arc<dyn TargetConnector>, TargetError> {
        match &target.settings {
            TargetSettings::Oauth(_) => Err(TargetError::Refused("an OAuth audience has no accounts".into())),
            TargetSettings::Postgresql(settings) => {
                let row = target.id.to_string();
                let at = SealedAt { table: "targets", row: &row, column: "sealed_secret" };
                let secret = target.sealed_secret.as_deref().map(|sealed| self.sealer.open(at, sealed));
                let secret = secret.transpose().map_err(|_| {
                    TargetError::Refused(
                        "our password for the target cannot be opened: wrong master key?".into(),
                    )
                })?;
                let connector = PostgresqlConnector::new(settings, &self.instance, secret)?;
                Ok(Arc::new(match &self.marks {
                    Some(key) => connector.proving(key.clone()),
                    None => connector,
                }))
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

    fn trial(&self, target: &Target) -> Result<Arc<dyn TargetConnector>, TargetError> {
        self.make(target)
    }

    fn kinds(&self) -> &'static [Descriptor] {
        KINDS
    }
}

#[cfg(test)]
mod tests {
    use hallpass_domain::target::{OauthTarget, PgTls, PostgresqlTarget, TokenAlg, Verification};
    use secrecy::SecretString;

    use super::*;
    use crate::sealing::{AeadSealer, MasterKeys};

    fn target(settings: TargetSettings, sealed_secret: Option<String>) -> Target {
        Target {
            id: TargetId(uuid::Uuid::from_u128(1)),
            name: hallpass_domain::text::Name::parse("orders-db").unwrap(),
            title: "Orders".into(),
            environment: "test".into(),
            settings,
            sealed_secret,
            owners: std::collections::BTreeSet::new(),
            disabled: false,
            revision: 1,
            version: 1,
        }
    }

    fn sealer() -> Arc<AeadSealer> {
        let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        Arc::new(AeadSealer::new(MasterKeys::parse("test", key).unwrap()))
    }

    fn postgresql() -> TargetSettings {
        TargetSettings::Postgresql(PostgresqlTarget {
            host: "127.0.0.1".into(),
            port: 1,
            public_host: None,
            maintenance_database: "postgres".into(),
            admin_user: "hallpass".into(),
            tls: PgTls::Disable,
            ca_file: None,
            quarantine_role: "hallpass_quarantine".into(),
            statement_timeout_ms: 1_000,
        })
    }

    #[test]
    fn one_connector_per_revision() {
        let sealer = sealer();
        let row = TargetId(uuid::Uuid::from_u128(1)).to_string();
        let at = SealedAt { table: "targets", row: &row, column: "sealed_secret" };
        let sealed = sealer.seal(at, &SecretString::from("ours")).unwrap();
        let registry = TargetRegistry::new("test1", sealer);
        let first = target(postgresql(), Some(sealed));
        let open = |t: &Target| registry.connector(t);
        assert!(Arc::ptr_eq(&open(&first).unwrap(), &open(&first).unwrap()));
        let changed = Target { revision: 2, ..first.clone() };
        assert!(!Arc::ptr_eq(&open(&first).unwrap(), &open(&changed).unwrap()));
        // A secret that was moved from another row does not open.
        let moved = Target { id: TargetId(uuid::Uuid::from_u128(2)), ..first };
        assert!(matches!(open(&moved), Err(TargetError::Refused(_))));
    }

    #[test]
    fn audiences_have_no_connector() {
        let sealer = sealer();
        let settings = TargetSettings::Oauth(OauthTarget {
            audience: "https://api.example.org".into(),
            verification: Verification::Introspect,
            alg: TokenAlg::EdDsa,
            leeway_seconds: 0,
        });
        let result = TargetRegistry::new("test1", sealer).connector(&target(settings, None));
        assert!(matches!(result, Err(TargetError::Refused(_))));
    }

    #[test]
    fn every_kind_is_described() {
        for kind in KINDS {
            assert!(
                !kind.issues.is_empty()
                    && !kind.use_it.is_empty()
                    && !kind.cuts.is_empty()
                    && !kind.cannot_cut.is_empty()
            );
        }
        assert!(KINDS.iter().any(|kind| kind.target == postgresql().kind()));
    }
}
