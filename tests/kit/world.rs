//! A small organisation on a store and targets of its own, and the steps of the story as use cases: what the fault tests
//! run in their own process, and the server that the crash harness kills runs in its.
use std::path::PathBuf;
use std::sync::Arc;

use hallpass_broker::admin::{ApplyError, By, MemorySecrets, SecretRef};
use hallpass_broker::credentials::handover::Handover;
use hallpass_broker::credentials::login::IssuedLogin;
use hallpass_broker::credentials::token::IssuedToken;
use hallpass_broker::requests::decide::DecisionForm;
use hallpass_broker::requests::submit::AskForm;
use hallpass_broker::{Broker, Caller};
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::grant::Grant;
use hallpass_domain::ids::{ApiTokenId, TargetId};
use hallpass_domain::principal::ClientOf;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request::decide::Outcome;
use hallpass_domain::request::{Request, Verdict};
use hallpass_domain::secret::random_from;
use hallpassd::compose::{self, Composed, Given, Making, StartError};
use hallpassd::config::{Config, MailTls, MailTransport};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::pg::Cluster;

/// Our administrator at the targets.
pub const ADMIN: &str = "hallpass_admin";
/// Its password.
pub const ADMIN_PASSWORD: &str = "AdministratorAtATarget1";
/// The database that logins are given.
pub const DATABASE: &str = "orders";
/// A database that nobody but superusers may enter.
pub const CLOSED: &str = "closed";
/// Who asks.
pub const REQUESTER: &str = "dana@faults.test";
/// Who approves.
pub const APPROVER: &str = "ana@faults.test";
/// Who administers Hallpass.
pub const ADMINISTRATOR: &str = "ada@faults.test";
/// Whose mailbox refuses every mail.
pub const LOST: &str = "lost@faults.test";
/// Who decides what Ana has approved.
pub const LEAD: &str = "bo@faults.test";
/// A program.
pub const WORKLOAD: &str = "nightly";
/// Who is alerted.
pub const OWNER: &str = "ola@faults.test";

/// Where a server of the tests keeps its data, and which targets it has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Place {
    /// Folder for keys, checkpoints and mails.
    pub data: PathBuf,
    /// `sqlite:…` or `postgres://…`.
    pub database: String,
    /// Name and port on loopback of each PostgreSQL target.
    pub targets: Vec<(String, u16)>,
    /// Several servers share the database.
    pub replicated: bool,
    /// Port on loopback of a mail server, where mails do not go into a folder.
    pub mail_port: Option<u16>,
    /// Whether the sides of the story are lived there: a program with a standing role, and roles that never work.
    pub sides: bool,
}

/// A server put together in this process; nothing runs until [`World::run`].
pub struct World {
    /// Its parts.
    pub composed: Composed,
    /// Its use cases.
    pub broker: Arc<Broker>,
}

/// Makes a cluster a target: our administrator, who is no superuser, a group, the quarantine, and a table.
pub async fn make_target(cluster: &Cluster) {
    cluster.databases(&[DATABASE, CLOSED]).await;
    let superuser = cluster.superuser(DATABASE).await;
    let roles = format!(
        "CREATE ROLE {ADMIN} LOGIN CREATEROLE PASSWORD '{ADMIN_PASSWORD}';
         CREATE ROLE orders_read NOLOGIN; CREATE ROLE hallpass_quarantine NOLOGIN;
         GRANT pg_signal_backend, pg_read_all_stats TO {ADMIN};
         GRANT hallpass_quarantine, orders_read TO {ADMIN} WITH ADMIN OPTION;
         CREATE TABLE orders (id int PRIMARY KEY, what text); INSERT INTO orders VALUES (1, 'lamp');
         REVOKE CONNECT ON DATABASE {CLOSED} FROM PUBLIC; GRANT CONNECT ON DATABASE {CLOSED} TO {ADMIN};
         GRANT SELECT ON orders TO orders_read; GRANT CREATE, USAGE ON SCHEMA public TO orders_read;"
    );
    superuser.batch_execute(&roles).await.expect("a target");
}

impl Place {
    /// In a folder, with the store on SQLite there.
    pub fn on_sqlite(data: PathBuf, targets: &[(&str, u16)]) -> Self {
        let database = format!("sqlite:{}", data.join("hallpass.db").display());
        Self {
            data,
            database,
            targets: targets.iter().map(|(n, p)| ((*n).to_owned(), *p)).collect(),
            replicated: false,
            mail_port: None,
            sides: false,
        }
    }

    /// In a folder, with the store in a database of a cluster.
    pub fn on_postgres(data: PathBuf, cluster: &Cluster, database: &str, targets: &[(&str, u16)]) -> Self {
        let database = format!("{}?sslmode=disable&connections=6", cluster.url(database));
        Self { database, ..Self::on_sqlite(data, targets) }
    }

    /// The file with the signed checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.data.join("checkpoints.txt")
    }

    /// Whether the store is an SQLite file, and where.
    pub fn sqlite(&self) -> Option<PathBuf> {
        self.database.strip_prefix("sqlite:").map(PathBuf::from)
    }

    /// The file that notes removals while the store cannot be written.
    pub fn journal(&self) -> PathBuf {
        self.data.join("journal")
    }

    /// The file with what is due soon.
    pub fn window(&self) -> PathBuf {
        self.data.join("journal.window")
    }

    /// The server's configuration.
    pub fn config(&self) -> Config {
        let mut config = Config::default();
        config.database.url.clone_from(&self.database);
        config.keys.master_key_file = self.data.join("master.key");
        config.audit.origin = Some("faults.hallpass.test/log".to_owned());
        config.audit.checkpoint_file = Some(self.checkpoints());
        config.database.journal_file = Some(self.journal());
        config.mail.directory = self.data.join("mail");
        if let Some(port) = self.mail_port {
            config.mail.transport = MailTransport::Smtp;
            config.mail.tls = MailTls::None;
            config.mail.port = port;
        }
        config.server.replicated = self.replicated;
        config
    }

    /// The catalogue file: people and roles of the story, and its targets.
    pub fn catalogue(&self) -> String {
        let mut out = include_str!("world.toml").to_owned();
        if self.sides {
            out += include_str!("world-sides.toml");
        }
        for (name, port) in &self.targets {
            // One that is called so is waited for as long as the catalogue allows.
            let timeout = if name == "silent" { 60_000 } else { 1_000 };
            out += &format!(
                "[[targets]]\nname = \"{name}\"\ntitle = \"{name}\"\nenvironment = \"test\"\nkind = \"postgresql\"\nowners = [\"{OWNER}\"]\n\
                 host = \"127.0.0.1\"\nport = {port}\nadmin_user = \"{ADMIN}\"\nquarantine_role = \"hallpass_quarantine\"\n\
                 secret_env = \"HALLPASS_SECRET_TARGET\"\ntls = \"disable\"\nstatement_timeout_ms = {timeout}\n\n\
                 [[roles]]\nname = \"{name}-read\"\ntarget = \"{name}\"\npurpose = \"Read orders.\"\ntier = \"low\"\neligible = [\"developers\"]\n\
                 max = \"72h\"\nusual = \"1m\"\nworkflow = \"one\"\ndatabase = \"{DATABASE}\"\ngroups = [\"orders_read\"]\nconnection_limit = 10\n\n"
            );
            // Two that never work: a group that is not there, and a database that nobody may enter.
            let never = [("lost", DATABASE, "no_such_group"), ("closed", CLOSED, "orders_read")];
            for (role, database, group) in never.iter().filter(|_| self.sides) {
                out += &format!(
                    "[[roles]]\nname = \"{name}-{role}\"\ntarget = \"{name}\"\npurpose = \"Nothing.\"\ntier = \"low\"\n\
                     eligible = [\"developers\"]\nmax = \"72h\"\nusual = \"1m\"\nworkflow = \"one\"\ndatabase = \"{database}\"\n\
                     groups = [\"{group}\"]\nconnection_limit = 10\n\n"
                );
            }
        }
        out
    }
}

impl World {
    /// Puts a server together and applies its catalogue.
    ///
    /// # Errors
    /// As [`compose::compose`], and where the catalogue is refused.
    pub async fn open(place: &Place, given: Given) -> Result<Self, StartError> {
        compose::tls::install_provider();
        let composed =
            compose::compose(&place.config(), "http://127.0.0.1:1", Making::Allowed, given).await?;
        let secrets = Self::secrets();
        let applied =
            composed.broker.apply_catalogue(By::System("demo"), &place.catalogue(), false, &secrets).await;
        applied.map_err(|error| match error {
            ApplyError::Refused(refusal) => StartError(refusal.message),
            ApplyError::Mistakes(all) => {
                StartError(all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
            }
        })?;
        Ok(Self { broker: Arc::clone(&composed.broker), composed })
    }

    /// The secrets that the catalogue names.
    pub fn secrets() -> MemorySecrets {
        let secret = SecretRef::Env("HALLPASS_SECRET_TARGET".to_owned());
        MemorySecrets([(secret, SecretString::from(ADMIN_PASSWORD))].into())
    }

    /// Starts what runs beside the HTTP server.
    pub fn run(&self) -> Running {
        Running(compose::tasks::start(&self.composed))
    }

    /// A person, as by the command line.
    pub async fn caller(&self, email: &str) -> Result<Caller, Refusal> {
        let catalogue = self.broker.catalogue().await?;
        let user = catalogue
            .users
            .values()
            .find(|u| u.email.as_str() == email)
            .ok_or_else(|| Refusal::not_found("user"))?;
        let now = self.broker.now();
        let clients = self.broker.store.clients().await.map_err(hallpass_broker::broker::unreadable)?;
        let client = clients
            .iter()
            .find(|c| matches!(c.of, ClientOf::CommandLine))
            .map(|c| c.id)
            .ok_or_else(|| Refusal::not_found("client"))?;
        Ok(Caller::CommandLine {
            user: user.id,
            duties: user.duties.iter().copied().collect(),
            token: ApiTokenId::new(now),
            client,
        })
    }

    /// The program, as by its client.
    pub async fn workload(&self) -> Result<Caller, Refusal> {
        let clients = self.broker.store.clients().await.map_err(hallpass_broker::broker::unreadable)?;
        clients
            .iter()
            .find_map(|c| match c.of {
                ClientOf::Workload(workload) => Some(Caller::Workload { workload, client: c.id }),
                _ => None,
            })
            .ok_or_else(|| Refusal::not_found("client"))
    }

    /// The requester asks for a role.
    pub async fn ask(&self, role: &str, time: &str) -> Result<Request, Refusal> {
        let reason = random_from(b"abcdefghijklmnopqrstuvwxyz", 20)
            .map_err(|e| Refusal::unavailable("no_randomness", e.to_string()))?;
        let form = AskForm { role: role.to_owned(), time: time.to_owned(), reason, ..AskForm::default() };
        self.broker.submit_request(&self.caller(REQUESTER).await?, &form, None).await
    }

    /// The approver approves.
    pub async fn approve(&self, request: &Request) -> Result<Grant, Refusal> {
        match self.approve_as(APPROVER, request).await? {
            Outcome::Approved(grant) => Ok(*grant),
            _ => Err(Refusal::conflict("no_grant", "The approval gave no grant.")),
        }
    }

    /// Somebody approves; what came of it.
    pub async fn approve_as(&self, email: &str, request: &Request) -> Result<Outcome, Refusal> {
        let human = self.caller(email).await?.human()?;
        let form = DecisionForm {
            verdict: Verdict::Approve,
            cap_seconds: None,
            comment: String::new(),
            digest: request.digest.clone(),
        };
        self.broker.decide_request(&human, &request.reference, &form, None).await.map(|(_, outcome)| outcome)
    }

    /// The approver denies.
    pub async fn deny(&self, request: &Request) -> Result<Request, Refusal> {
        let human = self.caller(APPROVER).await?.human()?;
        let form = DecisionForm {
            verdict: Verdict::Deny,
            cap_seconds: None,
            comment: "Not now.".to_owned(),
            digest: request.digest.clone(),
        };
        self.broker.decide_request(&human, &request.reference, &form, None).await.map(|(request, _)| request)
    }

    /// The requester takes it back.
    pub async fn withdraw(&self, request: &Request) -> Result<Request, Refusal> {
        self.broker.withdraw_request(&self.caller(REQUESTER).await?, &request.reference).await
    }

    /// Both.
    pub async fn grant(&self, role: &str, time: &str) -> Result<Grant, Refusal> {
        let request = self.ask(role, time).await?;
        self.approve(&request).await
    }

    /// The requester fetches a login.
    pub async fn login(&self, grant: &Grant) -> Result<IssuedLogin, Refusal> {
        self.broker.issue_login(&self.caller(REQUESTER).await?, grant.id).await.map(Handover::taken)
    }

    /// The requester fetches a token.
    pub async fn token(&self, grant: &Grant) -> Result<IssuedToken, Refusal> {
        self.broker.issue_token(&self.caller(REQUESTER).await?, grant.id).await
    }

    /// Whether a token is active for its target.
    pub async fn is_active(&self, token: &IssuedToken) -> bool {
        use secrecy::ExposeSecret as _;
        let answer = self.broker.introspect(token.record.target_id, token.token.expose_secret()).await;
        serde_json::from_str::<serde_json::Value>(&answer).is_ok_and(|a| a["active"] == true)
    }

    /// Id of a target.
    pub async fn target(&self, name: &str) -> Result<TargetId, Refusal> {
        let catalogue: Arc<Catalogue> = self.broker.catalogue().await?;
        catalogue
            .targets
            .values()
            .find(|t| t.name.to_string() == name)
            .map(|t| t.id)
            .ok_or_else(|| Refusal::not_found("target"))
    }
}

/// The tasks of a server; they end with this value.
pub struct Running(Vec<tokio::task::JoinHandle<()>>);

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}
