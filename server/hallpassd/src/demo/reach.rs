//! Where the demo's PostgreSQL target is, and how connections to it are secured: as a URL of libpq says, within what Hallpass
//! accepts of a target.
use std::path::PathBuf;
use std::process::Command;

use hallpass_broker::admin::lint::addresses::{is_forbidden, is_host, is_local};
use hallpass_client::bundle::system_bundle;

use crate::compose::{StartError, absolute};

/// How to reach the target.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reach {
    /// Host, address, or folder of a Unix socket.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS with the certificate checked in full; none on this machine alone.
    #[serde(default)]
    pub tls: bool,
    /// File with the authorities that the certificate is checked by; the system's otherwise.
    #[serde(default)]
    pub ca_file: Option<String>,
}

impl Reach {
    /// On this machine, without TLS.
    pub fn plain(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port, tls: false, ca_file: None }
    }

    /// Its lines in a catalogue.
    pub(super) fn toml(&self) -> String {
        // What JSON escapes, TOML reads the same.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let mut lines = vec![format!("host = {}", quoted(&self.host)), format!("port = {}", self.port)];
        lines.push(format!("tls = \"{}\"", if self.tls { "verify-full" } else { "disable" }));
        lines.extend(self.ca_file.as_deref().map(|file| format!("ca_file = {}", quoted(file))));
        lines.join("\n")
    }
}

/// A server that was named by a URL of a superuser.
pub struct Named {
    /// Where Hallpass finds it.
    pub reach: Reach,
    /// libpq's variables: the password stays out of the process list.
    variables: Vec<(&'static str, String)>,
}

/// Parameters of a URL that are handed on as they are, with libpq's variables for them.
const HANDED_ON: [(&str, &str); 8] = [
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("sslcrl", "PGSSLCRL"),
    ("passfile", "PGPASSFILE"),
    ("options", "PGOPTIONS"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("application_name", "PGAPPNAME"),
    ("channel_binding", "PGCHANNELBINDING"),
];

fn wrong(why: impl std::fmt::Display) -> StartError {
    StartError(format!("--postgres: {why}"))
}

/// The parts of a URL, before anything is made of them.
#[derive(Default)]
struct Parts {
    host: String,
    port: String,
    user: String,
    password: String,
    database: String,
    sslmode: Option<String>,
    sslrootcert: Option<String>,
    handed_on: Vec<(&'static str, String)>,
}

impl Parts {
    fn read(url: &str) -> Result<Self, StartError> {
        let rest = url
            .strip_prefix("postgres://")
            .or_else(|| url.strip_prefix("postgresql://"))
            .ok_or_else(|| wrong("write postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…"))?;
        let (base, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = base.split_once('/').unwrap_or((base, ""));
        let (login, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        // An IPv6 address has colons of its own, in brackets.
        let (host, port) = match place.strip_prefix('[').and_then(|p| p.split_once(']')) {
            Some((address, port)) => (address, port.strip_prefix(':').unwrap_or(port)),
            None => place.rsplit_once(':').unwrap_or((place, "")),
        };
        let mut parts = Self {
            host: decoded(host),
            port: decoded(port),
            user: decoded(user),
            password: decoded(password),
            database: decoded(database),
            ..Self::default()
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            parts.parameter(name, decoded(value))?;
        }
        Ok(parts)
    }

    /// One of the query, which outranks what stands before it.
    fn parameter(&mut self, name: &str, value: String) -> Result<(), StartError> {
        match name {
            "host" => self.host = value,
            "port" => self.port = value,
            "user" => self.user = value,
            "password" => self.password = value,
            "dbname" => self.database = value,
            "sslmode" => self.sslmode = Some(value),
            "sslrootcert" => self.sslrootcert = Some(value).filter(|v| v != "system"),
            other => {
                let known = HANDED_ON.iter().find(|(parameter, _)| *parameter == other);
                let (_, variable) = known.ok_or_else(|| {
                    wrong(format!("the parameter {other} is not one that Hallpass would heed, too"))
                })?;
                self.handed_on.push((*variable, value));
            }
        }
        Ok(())
    }
}

impl Named {
    /// Reads a URL, and refuses a server that Hallpass would not take as a target.
    ///
    /// # Errors
    /// With what to write instead.
    pub fn parse(url: &str) -> Result<Self, StartError> {
        let parts = Parts::read(url)?;
        let host = if parts.host.is_empty() { "localhost".to_owned() } else { parts.host };
        if host.contains(',') || !is_host(&host) || is_forbidden(&host) {
            return Err(wrong(format!("{host} is no host that Hallpass connects to; name one server")));
        }
        let port = if parts.port.is_empty() { "5432" } else { &parts.port };
        let port = port.parse().map_err(|_| wrong(format!("{port} is not a port")))?;
        let tls = tls(&host, parts.sslmode.as_deref(), parts.sslrootcert.is_some())?;
        let ca_file = parts.sslrootcert.filter(|_| tls);
        let ca_file = ca_file.map(|file| absolute(PathBuf::from(file)).display().to_string());
        let root = match &ca_file {
            Some(file) => Some(file.clone()),
            None => system_bundle().filter(|_| tls).map(|file| file.display().to_string()),
        };
        let reach = Reach { host, port, tls, ca_file };
        let mut variables = vec![
            ("PGHOST", reach.host.clone()),
            ("PGPORT", reach.port.to_string()),
            ("PGUSER", parts.user),
            ("PGPASSWORD", parts.password),
            ("PGDATABASE", if parts.database.is_empty() { "postgres".to_owned() } else { parts.database }),
            // As Hallpass itself connects: what does not work so is found out before anything is made.
            ("PGSSLMODE", if tls { "verify-full" } else { "disable" }.to_owned()),
            ("PGSSLROOTCERT", root.unwrap_or_default()),
        ];
        variables.extend(parts.handed_on);
        variables.retain(|(_, value)| !value.is_empty());
        Ok(Self { reach, variables })
    }

    /// Tells a program of PostgreSQL's where the server is; `database` instead of the one in the URL.
    pub(super) fn tell(&self, program: &mut Command, database: Option<&str>) {
        // Each of these could lead it elsewhere than Hallpass goes.
        for name in ["PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE", "PGSSLROOTCERT"] {
            program.env_remove(name);
        }
        program.envs(self.variables.iter().map(|(name, value)| (name, value)));
        program.envs(database.map(|name| ("PGDATABASE", name)));
    }
}

/// Whether connections are secured: always to another machine, and on this one where the URL asks for it.
fn tls(host: &str, sslmode: Option<&str>, has_authority: bool) -> Result<bool, StartError> {
    let wanted = match sslmode {
        None => has_authority,
        Some("disable" | "allow" | "prefer") => false,
        Some("require" | "verify-ca" | "verify-full") => true,
        Some(other) => return Err(wrong(format!("sslmode={other} is none of libpq's"))),
    };
    if host.starts_with('/') {
        return Ok(false);
    }
    if !is_local(host) && sslmode == Some("disable") {
        return Err(wrong(format!(
            "{host} is not this machine, and sslmode=disable would send passwords in clear. Leave it out; sslrootcert=FILE names the authority of the server's certificate"
        )));
    }
    Ok(wanted || !is_local(host))
}

/// A part of a URL without its percent-encoding.
fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|d| std::str::from_utf8(d).ok());
        match digits.and_then(|d| u8::from_str_radix(d, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                out.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> (Reach, std::collections::BTreeMap<&'static str, String>) {
        let named = Named::parse(url).unwrap();
        (named.reach, named.variables.into_iter().collect())
    }

    #[test]
    fn on_this_machine() {
        let (reach, told) = of("postgres://me:p%2Fw@127.0.0.1:5433/mine");
        assert_eq!(reach, Reach::plain("127.0.0.1", 5433));
        assert_eq!((told["PGPASSWORD"].as_str(), told["PGDATABASE"].as_str()), ("p/w", "mine"));
        assert_eq!((told["PGSSLMODE"].as_str(), told.get("PGSSLROOTCERT")), ("disable", None));
        assert_eq!(of("postgresql://me@[::1]:5433/").0, Reach::plain("::1", 5433));
        let (reach, told) = of("postgres:///mine?host=%2Frun%2Fpg&port=5434&user=me&sslmode=require");
        assert_eq!(reach, Reach::plain("/run/pg", 5434), "a socket carries no TLS");
        assert_eq!((told["PGHOST"].as_str(), told["PGUSER"].as_str()), ("/run/pg", "me"));
        let (reach, told) = of("postgres://me@localhost/?sslrootcert=/etc/ca.pem");
        assert_eq!((reach.tls, reach.ca_file.as_deref()), (true, Some("/etc/ca.pem")));
        assert_eq!(
            (told["PGSSLMODE"].as_str(), told["PGSSLROOTCERT"].as_str()),
            ("verify-full", "/etc/ca.pem")
        );
    }

    #[test]
    fn elsewhere_only_with_tls() {
        for mode in ["", "?sslmode=prefer", "?sslmode=require", "?sslmode=verify-full&sslrootcert=system"] {
            let (reach, told) = of(&format!("postgres://me@db.example.org{mode}"));
            assert!(reach.tls && reach.ca_file.is_none(), "{mode}");
            assert_eq!(told["PGSSLMODE"], "verify-full", "{mode}");
        }
        let toml = of("postgres://me@db.example.org?sslrootcert=/a\"b.pem").0.toml();
        let read: toml::Table = toml.parse().unwrap();
        assert_eq!(
            (read["tls"].as_str(), read["ca_file"].as_str()),
            (Some("verify-full"), Some("/a\"b.pem"))
        );
        for bad in [
            "postgres://me@db.example.org?sslmode=disable",
            "postgres://me@169.254.169.254/",
            "postgres://me@a,b/",
            "postgres://me@a:port/",
            "postgres://me@a/?hostaddr=10.0.0.1",
            "postgres://me@a/?sslmode=maybe",
            "mysql://me@a/",
        ] {
            assert!(Named::parse(bad).is_err(), "{bad}");
        }
    }
}
