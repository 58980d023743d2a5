//! The demo's real target: what it needs at a PostgreSQL server, the private one ([`super::cluster`]) or one that was named.
use std::process::Command;

use hallpass_adapters::targets::postgresql::scram;
use secrecy::SecretString;

use super::cluster::Cluster;
use super::psql;
use super::reach::Named;
use crate::compose::StartError;

/// What the demo needs at the target: our administrator (not a superuser), the group roles, the quarantine, sample data.
/// Idempotent. `password` is ours there.
pub fn set_up(cluster: &Cluster, password: &str) -> Result<(), StartError> {
    make(password, |database, sql| cluster.sql(database.unwrap_or("postgres"), sql))
}

/// The same at a server that was named with `--postgres URL`, by psql.
pub fn set_up_external(named: &Named, password: &str) -> Result<(), StartError> {
    let there = Command::new("psql").arg("--version").output();
    if let Err(error) = there {
        return Err(StartError(format!(
            "--postgres needs psql ({error}): apt-get install -y postgresql-client"
        )));
    }
    make(password, |database, sql| {
        let mut psql = Command::new("psql");
        named.tell(&mut psql, database);
        psql::run(&mut psql, sql, "--postgres")
    })
}

/// Makes it by whatever runs SQL in a database; in the one to begin with where none is named.
fn make(
    password: &str,
    sql: impl Fn(Option<&str>, &str) -> Result<String, StartError>,
) -> Result<(), StartError> {
    sql(None, &roles_sql(password)?)?;
    if sql(None, "SELECT 1 FROM pg_database WHERE datname = 'orders'")?.is_empty() {
        sql(None, "CREATE DATABASE orders")?;
        sql(Some("orders"), ORDERS_SQL)?;
    }
    Ok(())
}

/// Our administrator there (not a superuser), the group roles and the quarantine. The server gets a verifier: the password is
/// in no statement, no log and no statistics of it.
fn roles_sql(password: &str) -> Result<String, StartError> {
    let verifier = scram::verifier(&SecretString::from(password)).map_err(|e| StartError(e.to_string()))?;
    Ok(format!(
        "DO $do$ BEGIN
           IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hallpass_admin') THEN
             CREATE ROLE hallpass_admin LOGIN CREATEROLE;
             CREATE ROLE orders_read NOLOGIN; CREATE ROLE orders_write NOLOGIN; CREATE ROLE hallpass_quarantine NOLOGIN;
           END IF;
           EXECUTE format('ALTER ROLE hallpass_admin PASSWORD %L', '{verifier}');
           GRANT pg_signal_backend, pg_read_all_stats TO hallpass_admin;
           GRANT hallpass_quarantine TO hallpass_admin WITH ADMIN OPTION;
           GRANT orders_read, orders_write TO hallpass_admin WITH ADMIN OPTION;
         END $do$;"
    ))
}

/// Sample data.
const ORDERS_SQL: &str = "BEGIN; CREATE TABLE orders (id bigserial PRIMARY KEY, customer text NOT NULL, item text NOT NULL, cents int NOT NULL, placed_at timestamptz NOT NULL DEFAULT now());
    INSERT INTO orders (customer, item, cents) SELECT 'customer ' || g, (ARRAY['lamp','desk','chair','shelf'])[1 + g % 4], 990 + 37 * g FROM generate_series(1, 40) g;
    GRANT SELECT ON orders TO orders_read; GRANT SELECT, INSERT, UPDATE ON orders TO orders_write; GRANT USAGE ON SEQUENCE orders_id_seq TO orders_write;
    GRANT CONNECT ON DATABASE orders TO hallpass_admin; COMMIT;";

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// The password is in nothing that a server is told, and nothing that it is told is an argument.
    #[test]
    fn no_password_is_told() {
        let told = RefCell::new(Vec::new());
        let secret = "TheDemosPasswordThere";
        make(secret, |_, sql| {
            told.borrow_mut().push(sql.to_owned());
            Ok(String::new())
        })
        .unwrap();
        let told = told.into_inner();
        assert!(told.iter().any(|sql| sql.contains("SCRAM-SHA-256$")), "{told:?}");
        assert!(told.iter().all(|sql| !sql.contains(secret)), "{told:?}");
        let mut echo = Command::new("sh");
        // In psql's place: what it was started with, and what it was given.
        echo.args(["-c", "tr '\\0' ' ' < /proc/$$/cmdline; cat", "stand-in"]);
        let said = psql::run(&mut echo, "SELECT 'by input'", "trying").unwrap();
        let (arguments, input) = said.split_once("-f - ").unwrap();
        assert!(input.contains("by input") && !arguments.contains("by input"), "{said}");
    }
}
