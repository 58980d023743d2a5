//! The guide as data: `--facts FILE` (JSON, 0600), for scripts and tests. What is not written to the file is for the pages.
use serde::{Deserialize, Serialize};

use super::seed::{DemoClient, Memory};

/// A person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FactPerson {
    /// Address.
    pub email: String,
    /// Name.
    #[serde(skip_serializing, default)]
    pub name: String,
    /// Password.
    pub password: String,
    /// `otpauth://…`, where there is a second factor.
    pub totp_uri: Option<String>,
    /// Groups.
    pub groups: Vec<String>,
    /// Duties.
    pub duties: Vec<String>,
}

/// A resource server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FactResourceServer {
    /// `client_id`.
    pub client_id: String,
    /// Secret.
    pub client_secret: String,
    /// Its page; tokens go to `/api` below it.
    pub url: String,
    /// `introspect` or `offline`.
    #[serde(skip_serializing, default)]
    pub verification: String,
}

/// A role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FactRole {
    /// Name.
    pub name: String,
    /// Target's name.
    pub target: String,
    /// Tier.
    pub tier: String,
}

/// Everything that the guide says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Facts {
    /// Base URL.
    pub base_url: String,
    /// People.
    pub people: Vec<FactPerson>,
    /// The workload's client.
    pub workload: DemoClient,
    /// The introspecting resource server.
    pub resource_server: FactResourceServer,
    /// Both resource servers.
    #[serde(skip_serializing, default)]
    pub resource_servers: Vec<FactResourceServer>,
    /// Roles.
    pub roles: Vec<FactRole>,
    /// PostgreSQL target, where there is one.
    #[serde(skip_serializing, default)]
    pub postgresql: Option<super::reach::Reach>,
    /// How to look at it past Hallpass, where it is the demo's own.
    #[serde(skip_serializing, default)]
    pub look: Option<String>,
}

impl Facts {
    /// Collects them.
    pub fn collect(
        base_url: &str,
        memory: &Memory,
        catalogue: &hallpass_domain::catalogue::Catalogue,
        postgresql: Option<super::reach::Reach>,
        look: Option<String>,
    ) -> Self {
        let client = |id: &str| {
            memory
                .clients
                .get(id)
                .cloned()
                .unwrap_or_else(|| DemoClient { client_id: id.to_owned(), client_secret: String::new() })
        };
        let servers: Vec<FactResourceServer> = [("billing-api", "introspect"), ("reports-api", "offline")]
            .into_iter()
            .enumerate()
            .map(|(i, (name, verification))| {
                let c = client(name);
                let port = memory.resource_ports.get(i).copied().unwrap_or_default();
                FactResourceServer {
                    client_id: c.client_id,
                    client_secret: c.client_secret,
                    url: format!("http://127.0.0.1:{port}"),
                    verification: verification.to_owned(),
                }
            })
            .collect();
        let mut roles: Vec<FactRole> = catalogue
            .roles
            .values()
            .filter(|r| !r.retired)
            .map(|r| FactRole {
                name: r.name.to_string(),
                target: catalogue.targets.get(&r.target_id).map(|t| t.name.to_string()).unwrap_or_default(),
                tier: r.tier.as_str().to_owned(),
            })
            .collect();
        roles.sort_by(|a, b| a.name.cmp(&b.name));
        let first = servers.first().cloned().unwrap_or_else(|| FactResourceServer {
            client_id: String::new(),
            client_secret: String::new(),
            url: String::new(),
            verification: String::new(),
        });
        Self {
            base_url: base_url.to_owned(),
            people: memory
                .people
                .iter()
                .map(|p| FactPerson {
                    email: p.email.clone(),
                    name: p.name.clone(),
                    password: p.password.clone(),
                    totp_uri: p.totp_uri.clone(),
                    groups: p.groups.clone(),
                    duties: p.duties.clone(),
                })
                .collect(),
            workload: client("nightly-report"),
            resource_server: first,
            resource_servers: servers,
            roles,
            postgresql,
            look,
        }
    }
}
