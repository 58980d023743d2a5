//! The demo's organisation: people, roles and targets, applied as any catalogue is, and the accounts of its people.
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hallpass_broker::Broker;
use hallpass_broker::admin::{ApplyError, By, MemorySecrets, NewClient, SecretRef};
use hallpass_broker::events::event;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::ids::UserId;
use hallpass_domain::secret::random_alphanumeric;
use hallpass_domain::target::TargetSettings;
use hallpass_domain::transition::{Change, Transition};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::reach::Reach;
use crate::compose::StartError;

/// A person of the demo. The password is no secret: it is printed on the page.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DemoAccount {
    /// Name.
    pub name: String,
    /// Address and sign-in name.
    pub email: String,
    /// Password.
    pub password: String,
    /// `otpauth://…` of the second factor, for those who have one.
    pub totp_uri: Option<String>,
    /// Groups.
    pub groups: Vec<String>,
    /// Duties.
    pub duties: Vec<String>,
    /// Part in the story.
    pub part: String,
}

/// A client with its secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DemoClient {
    /// `client_id`.
    pub client_id: String,
    /// Secret.
    pub client_secret: String,
}

impl From<NewClient> for DemoClient {
    fn from(made: NewClient) -> Self {
        Self { client_id: made.client_id, client_secret: made.secret.expose_secret().to_owned() }
    }
}

/// What the demo remembers between starts (0600).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Memory {
    /// People.
    pub people: Vec<DemoAccount>,
    /// Clients by id.
    pub clients: BTreeMap<String, DemoClient>,
    /// Our password at the PostgreSQL target.
    pub target_password: String,
    /// Ports of the two small resource servers.
    pub resource_ports: Vec<u16>,
    /// The PostgreSQL target is the cluster below the data folder, and not a server that was named.
    #[serde(default)]
    pub own_cluster: bool,
}

impl Memory {
    /// What an earlier start left, or nothing.
    pub fn load(data: &Path) -> Self {
        std::fs::read_to_string(data.join("demo.json"))
            .ok()
            .and_then(|t| serde_json::from_str(&t).ok())
            .unwrap_or_default()
    }
    /// Writes it for the next start.
    pub fn save(&self, data: &Path) -> Result<(), StartError> {
        let text = serde_json::to_string_pretty(self).map_err(|e| StartError(e.to_string()))?;
        write_private(&data.join("demo.json"), &text)
    }
}

/// Writes a file that only its owner reads, whole or not at all.
pub fn write_private(path: &Path, text: &str) -> Result<(), StartError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let part = path.with_extension("part");
    let _ = std::fs::remove_file(&part);
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&part)
        .and_then(|mut f| f.write_all(text.as_bytes()))
        .and_then(|()| std::fs::rename(&part, path))
        .map_err(|e| StartError::because(&path.display().to_string(), e))
}

/// One person as written in the story: name, address, duties, groups, part, second factor.
struct Cast(&'static str, &'static str, &'static [&'static str], &'static [&'static str], &'static str, bool);

const PEOPLE: &[Cast] = &[
    Cast("Ada Novak", "ada@demo.test", &["administrator"], &[], "administrator", true),
    Cast("Otto Lindqvist", "otto@demo.test", &["auditor"], &[], "auditor", false),
    Cast("Dana Kim", "dana@demo.test", &[], &["developers"], "requester", false),
    Cast("Sam Okafor", "sam@demo.test", &[], &["developers"], "requester", false),
    Cast("Ana Ruiz", "ana@demo.test", &[], &["db-oncall"], "approver, database on-call", true),
    Cast("Bo Lind", "bo@demo.test", &[], &["db-oncall"], "approver, database on-call", true),
    Cast("Cleo Baptiste", "cleo@demo.test", &[], &["security"], "approver, security", true),
];

/// The catalogue, with the PostgreSQL target where there is one.
pub fn catalogue(postgres: Option<&Reach>, resource_ports: &[u16]) -> String {
    let mut out = String::new();
    for Cast(name, email, duties, _, _, _) in PEOPLE {
        out += &format!(
            "[[people]]\nemail = \"{email}\"\nname = \"{name}\"\ntime_zone = \"Europe/Berlin\"\nduties = {duties:?}\n\n"
        );
    }
    for (name, title) in
        [("developers", "Developers"), ("db-oncall", "Database on-call"), ("security", "Security")]
    {
        let members: Vec<&str> = PEOPLE.iter().filter(|c| c.3.contains(&name)).map(|c| c.1).collect();
        out += &format!("[[groups]]\nname = \"{name}\"\ntitle = \"{title}\"\nmembers = {members:?}\n\n");
    }
    let port = |i: usize| resource_ports.get(i).copied().unwrap_or_default();
    out += &include_str!("catalogue.toml")
        .replace("@BILLING_PORT@", &port(0).to_string())
        .replace("@REPORTS_PORT@", &port(1).to_string());
    if let Some(reach) = postgres {
        out += &include_str!("catalogue-postgresql.toml").replace("@REACH@", &reach.toml());
    }
    out
}

/// Applies the catalogue and makes the accounts that are missing. `own_cluster`: the target is the cluster below the data
/// folder.
pub async fn seed(
    broker: &Arc<Broker>,
    memory: &mut Memory,
    postgres: Option<&Reach>,
    own_cluster: bool,
) -> Result<(), StartError> {
    let secrets = MemorySecrets(BTreeMap::from([(
        SecretRef::Env("HALLPASS_SECRET_DEMO".to_owned()),
        SecretString::from(memory.target_password.clone()),
    )]));
    let text = catalogue(postgres, &memory.resource_ports);
    let by = if own_cluster && memory.own_cluster { By::SameServers("demo") } else { By::System("demo") };
    let applied = broker.apply_catalogue(by, &text, false, &secrets).await.map_err(|e| match e {
        ApplyError::Refused(refusal) => StartError(refusal.message),
        ApplyError::Mistakes(all) => {
            StartError(all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        }
    })?;
    if postgres.is_some() {
        memory.own_cluster = own_cluster;
    }
    for client in applied.new_clients {
        memory.clients.insert(client.client_id.clone(), DemoClient::from(client));
    }
    let catalogue = broker.catalogue().await.map_err(|r| StartError(r.message))?;
    // A start that was killed had made clients, and nobody kept their secrets.
    for client_id in clients(&catalogue).filter(|id| !memory.clients.contains_key(*id)).collect::<Vec<_>>() {
        let made = broker.rotate_client_secret(By::System("demo"), client_id).await;
        let made = made.map_err(|r| StartError(r.message))?;
        memory.clients.insert(made.client_id.clone(), DemoClient::from(made));
    }
    let missing = PEOPLE.iter().filter(|cast| !memory.people.iter().any(|p| p.email == cast.1));
    let made = missing.filter_map(|cast| {
        let user = catalogue.users.values().find(|u| u.email.as_str() == cast.1)?;
        Some(account(broker, user, cast))
    });
    // Side by side: a password takes its time to hash, and a newcomer waits for all of them.
    memory.people.extend(futures_util::future::try_join_all(made.collect::<Vec<_>>()).await?);
    Ok(())
}

/// Ids of the clients that the catalogue makes: of workloads, and of targets that ask about tokens. What somebody took out of
/// it has no secret.
fn clients(catalogue: &Catalogue) -> impl Iterator<Item = &str> {
    let servers = catalogue.targets.values();
    let servers = servers.filter(|t| !t.disabled && matches!(t.settings, TargetSettings::Oauth(_)));
    let workloads = catalogue.workloads.values().filter(|w| !w.disabled).map(|w| w.name.as_str());
    workloads.chain(servers.map(|t| t.name.as_str()))
}

async fn account(
    broker: &Arc<Broker>,
    user: &hallpass_domain::principal::User,
    cast: &Cast,
) -> Result<DemoAccount, StartError> {
    let now = broker.now();
    let word = random_alphanumeric(10).map_err(|e| StartError(e.to_string()))?;
    let first = cast.0.split(' ').next().unwrap_or_default().to_lowercase();
    let password = format!("pass-{first}-{word}");
    let mut prepared = broker
        .prepare_account(user, &SecretString::from(password.clone()), cast.5, now)
        .await
        .map_err(|r| StartError(r.message))?;
    let known = broker.store.account(UserId(user.id.0)).await.map_err(|e| StartError(e.to_string()))?;
    prepared.account.version = known.map_or(1, |a| a.version + 1);
    let transition =
        Transition::new(now).with(Change::Account(Box::new(prepared.account.clone()))).event(event(
            now,
            "password.set",
            "system:demo",
            &[("user", user.id.to_string())],
            json!({ "second_factor": cast.5 }),
            json!({}),
        ));
    broker.commit(transition).await.map_err(|e| StartError(e.to_string()))?;
    Ok(DemoAccount {
        name: cast.0.to_owned(),
        email: cast.1.to_owned(),
        password,
        totp_uri: prepared.otpauth_uri.map(|u| u.expose_secret().to_owned()),
        groups: cast.3.iter().map(|g| (*g).to_owned()).collect(),
        duties: cast.2.iter().map(|d| (*d).to_owned()).collect(),
        part: cast.4.to_owned(),
    })
}
