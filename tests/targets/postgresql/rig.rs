//! PostgreSQL for the contract suite: a private cluster with two databases, group roles, and our administrator, who is either
//! a superuser or has just the rights that the documentation names.
use chrono::{DateTime, Duration, Utc};
use hallpass_adapters::targets::postgresql::PostgresqlConnector;
use hallpass_domain::credential::{Credential, CredentialState, Plan, external_name};
use hallpass_domain::ids::{CredentialId, GrantId, TargetId};
use hallpass_domain::ports::target::TargetConnector;
use hallpass_domain::role::CredentialKind;
use hallpass_domain::target::{PgTls, PostgresqlTarget};
use hallpass_tests::pg::Cluster;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::rig::{Rig, Session, password, revoke, settled};

impl Session for Client {
    fn works(&self) -> std::pin::Pin<Box<dyn Future<Output = bool> + '_>> {
        Box::pin(async { self.simple_query("SELECT 1").await.is_ok() })
    }
}

/// Who our administrator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admin {
    Superuser,
    CreateRole,
}

/// Name of our administrator, as awkward as PostgreSQL allows.
pub(crate) const ADMIN: &str = "hall'pass \"admin\"";
/// Its password.
pub(crate) const ADMIN_PASSWORD: &str = "SecretOfTheAdministrator1";
/// Instance name in account names.
pub(crate) const INSTANCE: &str = "test1";
/// The role that receives what accounts owned.
pub(crate) const QUARANTINE: &str = "Hallpass \"quarantine\"";
/// A group that may read and write, and create in schema `public`.
pub(crate) const GROUP: &str = "orders'; DROP TABLE orders; --\"";
/// The database that accounts connect to.
pub(crate) const DATABASE: &str = "Application \"db\" 'x'";
/// Another one.
pub(crate) const SECOND: &str = "second;db --";

/// PostgreSQL.
pub(crate) struct Postgres {
    pub(crate) cluster: Cluster,
    pub(crate) settings: PostgresqlTarget,
    connector: PostgresqlConnector,
}

impl Postgres {
    /// A cluster with databases, groups and our administrator, checked by the canary.
    pub(crate) async fn start(admin: Admin) -> Self {
        Self::start_with(admin, &[]).await
    }

    pub(crate) async fn start_with(admin: Admin, settings: &[(&str, &str)]) -> Self {
        let rig = Self::unchecked(admin, settings).await;
        let canary = rig.intend().await;
        let found = rig.connector.canary(&canary).await.expect("the canary runs");
        assert_eq!(found.problems, Vec::<String>::new());
        revoke(
            &rig.connector,
            &[Credential { create_deadline: canary.intended_at - Duration::hours(1), ..canary }],
        )
        .await;
        rig
    }

    pub(crate) async fn unchecked(admin: Admin, settings: &[(&str, &str)]) -> Self {
        let cluster = Cluster::start_with(settings);
        cluster.databases(&[DATABASE, SECOND]).await;
        let superuser = cluster.superuser("postgres").await;
        let rights = match admin {
            Admin::Superuser => "SUPERUSER",
            Admin::CreateRole => "CREATEROLE",
        };
        let group = ident(GROUP);
        superuser
            .batch_execute(&format!(
                "CREATE ROLE {admin} LOGIN {rights} PASSWORD '{ADMIN_PASSWORD}'; CREATE ROLE {group} NOLOGIN; CREATE ROLE owner NOLOGIN",
                admin = ident(ADMIN)
            ))
            .await
            .expect("roles");
        if admin == Admin::CreateRole {
            let admin = ident(ADMIN);
            superuser.batch_execute(&format!("GRANT pg_signal_backend TO {admin}")).await.expect("rights");
            if version(&superuser).await >= 160_000 {
                superuser
                    .batch_execute(&format!(
                        "GRANT {group} TO {admin} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE"
                    ))
                    .await
                    .expect("rights");
            }
            if version(&superuser).await >= 180_000 {
                superuser
                    .batch_execute(&format!("GRANT pg_read_all_stats TO {admin}"))
                    .await
                    .expect("rights");
            }
        }
        for database in [DATABASE, SECOND] {
            cluster
                .superuser(database)
                .await
                .batch_execute(&format!(
                    "CREATE TABLE public.orders (id int PRIMARY KEY, what text); INSERT INTO public.orders VALUES (1, 'one');
                     ALTER TABLE public.orders OWNER TO owner;
                     GRANT SELECT, INSERT, UPDATE, DELETE, TRIGGER ON public.orders TO {group};
                     GRANT CREATE, USAGE ON SCHEMA public TO {group};"
                ))
                .await
                .expect("tables");
        }
        let settings = PostgresqlTarget {
            host: "127.0.0.1".into(),
            port: cluster.port(),
            public_host: None,
            maintenance_database: "postgres".into(),
            admin_user: ADMIN.into(),
            tls: PgTls::Disable,
            ca_file: None,
            quarantine_role: QUARANTINE.into(),
            statement_timeout_ms: 2_000,
        };
        let connector = connector(&settings);
        Self { cluster, settings, connector }
    }

    /// The target's clock.
    pub(crate) async fn now(&self) -> DateTime<Utc> {
        let superuser = self.cluster.superuser("postgres").await;
        superuser.query_one("SELECT clock_timestamp()", &[]).await.expect("the clock").get(0)
    }

    /// An account that was created long enough ago that no create of it can land any more.
    pub(crate) async fn issue(&self) -> (Credential, SecretString) {
        let (credential, password) = (self.intend().await, password());
        (self.issued(credential, &password).await, password)
    }

    /// The same for a given row.
    pub(crate) async fn issued(&self, credential: Credential, password: &SecretString) -> Credential {
        let created = self.connector.create(&credential, password).await.expect("created");
        settled(credential, created.external_oid)
    }

    /// A session of an account in one of the databases.
    pub(crate) async fn session(
        &self,
        credential: &Credential,
        password: &SecretString,
        database: &str,
    ) -> Client {
        self.cluster
            .connect(&credential.external_name, password.expose_secret(), database)
            .await
            .expect("the account logs in")
    }
}

/// A connector as the registry makes them.
pub(crate) fn connector(settings: &PostgresqlTarget) -> PostgresqlConnector {
    PostgresqlConnector::new(settings, INSTANCE, Some(SecretString::from(ADMIN_PASSWORD)))
        .expect("sound settings")
}

/// Quotes an identifier for the statements of the tests themselves.
pub(crate) fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Server version as a number.
pub(crate) async fn version(client: &Client) -> i32 {
    client.query_one("SELECT current_setting('server_version_num')::int", &[]).await.expect("version").get(0)
}

impl Rig for Postgres {
    fn connector(&self) -> &dyn TargetConnector {
        &self.connector
    }

    async fn intend(&self) -> Credential {
        let now = self.now().await;
        let id = CredentialId(Uuid::now_v7());
        Credential {
            id,
            grant_id: GrantId(Uuid::now_v7()),
            target_id: TargetId(Uuid::now_v7()),
            kind: CredentialKind::PostgresqlLogin,
            state: CredentialState::Intended,
            external_name: external_name(INSTANCE, id),
            plan: Plan::PostgresqlLogin {
                database: DATABASE.into(),
                groups: vec![GROUP.into()],
                connection_limit: 20,
            },
            not_after: now + Duration::hours(1),
            create_deadline: now + Duration::seconds(20),
            due_at: now + Duration::hours(1),
            intended_at: now,
            live_at: None,
            probe: None,
            denied_at: None,
            sessions_ended_at: None,
            sessions_cut: None,
            removed_at: None,
            verified_at: None,
            attempts: 0,
            next_attempt_at: now,
            last_error: None,
            alerted_at: None,
            claimed_by: None,
            claimed_until: None,
            fence: 0,
            external_oid: None,
            version: 0,
        }
    }

    async fn works(&self, credential: &Credential, password: &SecretString) -> bool {
        self.cluster.connect(&credential.external_name, password.expose_secret(), DATABASE).await.is_ok()
    }

    async fn open(&self, credential: &Credential, password: &SecretString) -> Box<dyn Session> {
        let session = self.session(credential, password, DATABASE).await;
        session.batch_execute("SELECT * FROM orders").await.expect("the group's rights");
        Box::new(session)
    }

    async fn exists(&self, name: &str) -> bool {
        let superuser = self.cluster.superuser("postgres").await;
        superuser
            .query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&name])
            .await
            .expect("roles")
            .is_some()
    }

    async fn make_foreign(&self, name: &str, password: &SecretString) {
        let superuser = self.cluster.superuser("postgres").await;
        let statement = format!(
            "CREATE ROLE {name} LOGIN PASSWORD '{}'; COMMENT ON ROLE {name} IS 'hallpass:v1:other:somebody'",
            password.expose_secret(),
            name = ident(name)
        );
        superuser.batch_execute(&statement).await.expect("a role");
    }

    /// Its large object is in a database that accepts no connections: nobody can hand it over.
    async fn spoil(&self, credential: &Credential) {
        let superuser = self.cluster.superuser(SECOND).await;
        let login = ident(&credential.external_name);
        superuser
            .batch_execute(&format!(
                "DO $$ DECLARE o oid := lo_create(0); BEGIN EXECUTE format('ALTER LARGE OBJECT %s OWNER TO %I', o, '{}'); END $$",
                login.trim_matches('"')
            ))
            .await
            .expect("a large object");
        let postgres = self.cluster.superuser("postgres").await;
        postgres
            .batch_execute(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS false", ident(SECOND)))
            .await
            .expect("closed");
    }

    async fn mend(&self, _credential: &Credential) {
        let postgres = self.cluster.superuser("postgres").await;
        postgres
            .batch_execute(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", ident(SECOND)))
            .await
            .expect("open");
    }

    fn stop(&self) {
        self.cluster.stop();
    }

    fn start_again(&self) {
        self.cluster.start_again();
    }
}
