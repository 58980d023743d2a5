//! PostgreSQL clusters: short-lived login roles. What is issued, the rights that our administrator needs, and what
//! revocation can and cannot cut stand in `docs/targets/postgresql.md`.
//!
//! One file a verb; the statements themselves are in `sql/`, whole and constant.
mod accounts;
mod canary;
mod clean;
mod counts;
mod create;
mod deny;
mod dial;
mod errors;
mod hold;
mod list;
mod naming;
mod prepared;
mod probe;
mod remove;
pub mod scram;
mod session;
mod sessions;
mod trust;
mod verify;
mod walk;

use std::sync::Arc;

use async_trait::async_trait;
use hallpass_domain::credential::{Credential, Plan};
use hallpass_domain::ports::target::{
    AccountSeen, Canary, ConnectionInfo, Created, Descriptor, Listed, Probed, Removal, Step, TargetConnector,
    TargetError, TargetSession,
};
use hallpass_domain::role::CredentialKind;
use hallpass_domain::target::{PgTls, PostgresqlTarget};
use secrecy::SecretString;

use self::accounts::Account;
use self::dial::Dialer;
use self::hold::Relief;
use self::session::Link;
use self::verify::Memory;
use self::walk::Walks;
use super::proof::MarkKey;

/// The kind, in words.
pub const DESCRIPTOR: Descriptor = Descriptor {
    target: "postgresql",
    credential: CredentialKind::PostgresqlLogin,
    label: "PostgreSQL login",
    issues: "A login role of its own, which joins the role's groups, with a password that is shown once and an end that the \
             server itself enforces.",
    use_it: "Connect with any PostgreSQL client, or let `hallpass run ROLE -- psql` do it.",
    cuts: "New logins are refused, open sessions are ended whatever they do, memberships are withdrawn, what the login owned \
           goes to a role without privileges, and the login is dropped and looked for until it is proven gone.",
    cannot_cut: "Changes already committed stay, such as rows, triggers on tables of others, or jobs planned by extensions; so \
                 do objects created after SET ROLE to a group, sessions on read replicas, and server sessions that a pooler \
                 opened under another login.",
};

/// A connector to one cluster.
pub struct PostgresqlConnector {
    settings: PostgresqlTarget,
    instance: String,
    /// Proves and tells which marks are ours; without it none is proven.
    marks: Option<MarkKey>,
    dialer: Arc<Dialer>,
    /// Creating and dropping, one after the other.
    ddl: Link,
    /// Looking, which may take its time.
    look: Link,
    /// Refusing new logins, which waits behind nothing else.
    deny: Link,
    /// Ending sessions, by a way in that cannot be shut.
    end: Arc<Link>,
    tended: std::sync::Once,
    relief: Arc<Relief>,
    /// One hand-over at a time, in the order in which they came.
    hand_over: tokio::sync::Mutex<()>,
    walks: Walks,
    memory: Memory,
}

impl PostgresqlConnector {
    /// Checks settings and reads certificates; connects to nothing. `instance` is the installation's name in account names
    /// (`[a-z0-9]`, at most 16).
    pub fn new(
        settings: &PostgresqlTarget,
        instance: &str,
        password: Option<SecretString>,
    ) -> Result<Self, TargetError> {
        if !naming::instance_is_sound(instance) {
            return Err(TargetError::Refused("the instance name must be 1 to 16 of [a-z0-9]".into()));
        }
        let dialer = Arc::new(Dialer::new(settings, instance, password)?);
        let link = || {
            Link::new(
                Arc::clone(&dialer),
                &settings.admin_user,
                &settings.maintenance_database,
                settings.statement_timeout_ms,
            )
        };
        let end = Arc::new(link().holding());
        let relief = Arc::new(Relief::new(Arc::clone(&end), naming::instance_mark(instance)));
        Ok(Self {
            ddl: link().relieved(&relief),
            look: link().relieved(&relief),
            deny: link().relieved(&relief),
            end,
            tended: std::sync::Once::new(),
            relief,
            hand_over: tokio::sync::Mutex::new(()),
            walks: Walks::default(),
            settings: settings.clone(),
            instance: instance.to_owned(),
            marks: None,
            memory: Memory::default(),
            dialer,
        })
    }

    /// One whose accounts carry a proof.
    #[must_use]
    pub fn proving(self, key: MarkKey) -> Self {
        Self { marks: Some(key), ..self }
    }

    /// From the first use on, the way in is looked after.
    fn tend(&self) {
        self.tended.call_once(|| hold::breathe(&self.end));
    }

    fn accounts(&self, batch: &[Credential]) -> Vec<Account> {
        batch.iter().map(|credential| Account::of(&self.instance, credential)).collect()
    }
}

#[async_trait]
impl TargetConnector for PostgresqlConnector {
    async fn canary(&self, credential: &Credential) -> Result<Canary, TargetError> {
        self.check(credential).await
    }

    async fn clean(&self, credential: &Credential) -> Result<(), TargetError> {
        self.clean_up(credential).await
    }

    async fn create(&self, credential: &Credential, password: &SecretString) -> Result<Created, TargetError> {
        self.tend();
        // What may be needed to end it is open before it exists.
        self.end.warm().await?;
        self.create_login(credential, password).await
    }

    async fn probe(
        &self,
        credential: &Credential,
        password: &SecretString,
        patience: std::time::Duration,
    ) -> Probed {
        self.try_login(credential, password, patience).await
    }

    fn connection_info(&self, credential: &Credential) -> ConnectionInfo {
        let Plan::PostgresqlLogin { database, .. } = &credential.plan;
        ConnectionInfo {
            host: self.settings.public_host.clone().unwrap_or_else(|| self.settings.host.clone()),
            port: self.settings.port,
            database: database.clone(),
            sslmode: match self.settings.tls {
                PgTls::VerifyFull => "verify-full",
                PgTls::Disable => "disable",
            }
            .into(),
            ca_pem: self.dialer.ca_pem.clone(),
        }
    }

    async fn sessions(&self, credential: &Credential) -> Result<Vec<TargetSession>, TargetError> {
        self.list_sessions(credential).await
    }

    async fn look_at(&self, batch: &[Credential]) -> Vec<Result<AccountSeen, TargetError>> {
        self.seen(batch).await
    }

    async fn step(&self, step: Step, batch: &[Credential]) -> Vec<Result<Removal, TargetError>> {
        self.tend();
        match step {
            Step::Deny => self.deny(batch).await,
            Step::EndSessions => self.end_sessions(batch).await,
            Step::Drop => self.drop_plain(batch).await,
            Step::Remove => self.remove(batch).await,
            Step::VerifyAbsent => self.verify_absent(batch).await,
        }
    }

    async fn list_marked(&self) -> Result<Vec<Listed>, TargetError> {
        self.tend();
        self.list().await
    }
}
