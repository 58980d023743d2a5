//! The demo's real target: what it needs at a PostgreSQL server, the private one ([`super::cluster`]) or one that was named.
use std::process::{Command, Stdio};

use super::cluster::Cluster;
use crate::compose::StartError;

/// How to reach the target as its administrator.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Reach {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// What the demo needs at the target: our administrator (not a superuser), the group roles, the quarantine, sample data.
/// Idempotent. `password` is ours there.
pub fn set_up(cluster: &Cluster, password: &str) -> Result<(), StartError> {
    cluster.sql("postgres", &roles_sql(password))?;
    if cluster.sql("postgres", "SELECT 1 FROM pg_database WHERE datname = 'orders'")?.is_empty() {
        cluster.sql("postgres", "CREATE DATABASE orders")?;
        cluster.sql("orders", ORDERS_SQL)?;
    }
    Ok(())
}

/// The same at a server that was named with `--postgres URL`, by psql.
pub fn set_up_external(url: &str, password: &str) -> Result<(), StartError> {
    let psql = |database: Option<&str>, sql: &str| -> Result<String, StartError> {
        let output = Command::new("psql")
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .envs(connection_environment(url, database))
            .stdin(Stdio::null())
            .output()
            .map_err(|e| {
                StartError(format!("--postgres needs psql ({e}): apt-get install -y postgresql-client"))
            })?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            Err(StartError(format!("--postgres: {}", String::from_utf8_lossy(&output.stderr))))
        }
    };
    psql(None, &roles_sql(password))?;
    if psql(None, "SELECT 1 FROM pg_database WHERE datname = 'orders'")?.is_empty() {
        psql(None, "CREATE DATABASE orders")?;
        psql(Some("orders"), ORDERS_SQL)?;
    }
    Ok(())
}

/// Our administrator there (not a superuser), the group roles and the quarantine. The password is alphanumeric.
fn roles_sql(password: &str) -> String {
    format!(
        "DO $do$ BEGIN
           IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hallpass_admin') THEN
             CREATE ROLE hallpass_admin LOGIN CREATEROLE;
             CREATE ROLE orders_read NOLOGIN; CREATE ROLE orders_write NOLOGIN; CREATE ROLE hallpass_quarantine NOLOGIN;
           END IF;
           EXECUTE format('ALTER ROLE hallpass_admin PASSWORD %L', '{password}');
           GRANT pg_signal_backend, pg_read_all_stats TO hallpass_admin;
           GRANT hallpass_quarantine TO hallpass_admin WITH ADMIN OPTION;
           GRANT orders_read, orders_write TO hallpass_admin WITH ADMIN OPTION;
         END $do$;"
    )
}

/// Sample data.
const ORDERS_SQL: &str = "CREATE TABLE orders (id bigserial PRIMARY KEY, customer text NOT NULL, item text NOT NULL, cents int NOT NULL, placed_at timestamptz NOT NULL DEFAULT now());
    INSERT INTO orders (customer, item, cents) SELECT 'customer ' || g, (ARRAY['lamp','desk','chair','shelf'])[1 + g % 4], 990 + 37 * g FROM generate_series(1, 40) g;
    GRANT SELECT ON orders TO orders_read; GRANT SELECT, INSERT, UPDATE ON orders TO orders_write; GRANT USAGE ON SEQUENCE orders_id_seq TO orders_write;
    GRANT CONNECT ON DATABASE orders TO hallpass_admin;";

/// libpq's variables for a URL: the password stays out of the process list.
fn connection_environment(url: &str, database: Option<&str>) -> Vec<(String, String)> {
    let rest = url.split_once("://").map_or(url, |(_, r)| r);
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (host, port) = host.rsplit_once(':').unwrap_or((host, "5432"));
    let name =
        database.unwrap_or_else(|| path.split('?').next().filter(|n| !n.is_empty()).unwrap_or("postgres"));
    [("PGHOST", host), ("PGPORT", port), ("PGUSER", user), ("PGPASSWORD", password), ("PGDATABASE", name)]
        .into_iter()
        .filter(|(_, v)| !v.is_empty())
        .map(|(k, v)| (k.to_owned(), decoded(v)))
        .collect()
}

/// Host and port of a PostgreSQL URL.
pub(super) fn reach_of(url: &str) -> Option<Reach> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, h)| h);
    let (host, port) = host.rsplit_once(':').map_or((host, 5432), |(h, p)| (h, p.parse().unwrap_or(5432)));
    Some(Reach { host: host.to_owned(), port })
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
