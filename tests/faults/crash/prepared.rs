//! Prepared transactions of logins that were there before their server took any: no login is made where one can be
//! prepared, so no story of a lane comes to roll one back. Hallpass is killed before and after it does.
use hallpass_domain::failpoint;
use hallpass_domain::ids::GrantId;
use hallpass_tests::fault_server::{Said, Tell};
use hallpass_tests::outsider::Outsider;
use hallpass_tests::pg::Cluster;
use hallpass_tests::process::Process;
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::{ADMIN, DATABASE};
use tokio_postgres::Client;

use super::check::{Past, check};
use super::drain::{DRAIN, drained};
use super::lane::ORDINARY;
use crate::bed::{Bed, Store, own_target, server};

/// The points that are hit here, and not by lanes.
pub(super) const POINTS: [&str; 2] =
    ["postgresql.rollback_prepared.before", "postgresql.rollback_prepared.after"];
/// How often a server is killed at each.
const TIMES: usize = 3;

/// A login that was handed out.
struct Login {
    grant: GrantId,
    name: String,
    password: String,
    oid: i64,
}

/// A place, and what servers on it said.
struct Rolled {
    bed: Bed,
    cluster: Cluster,
    superuser: Client,
    outsider: Outsider,
    said: Vec<Said>,
    past: Past,
}

async fn number(superuser: &Client, sql: &str) -> i64 {
    superuser.query_one(sql, &[]).await.expect("a number").get(0)
}

impl Rolled {
    async fn start(store: Store) -> Self {
        let cluster = own_target().await;
        let superuser = cluster.superuser(DATABASE).await;
        // Nobody else may roll back what others prepared.
        superuser.batch_execute(&format!("ALTER ROLE {ADMIN} SUPERUSER")).await.expect("a superuser");
        let bed = Bed::new(store, &[("db", cluster.port())]).await;
        let outsider = Outsider::connect(&bed.place.database).await;
        Self { bed, cluster, superuser, outsider, said: Vec::new(), past: Past::default() }
    }

    async fn server(&mut self, variables: &[(&str, &str)]) -> Process {
        let mut server = server(&self.bed.place, variables);
        let ready = server.line::<Said>().await.unwrap_or_else(|| panic!("no start:\n{}", server.log()));
        self.past.ready(&ready);
        self.said.push(ready);
        server
    }

    /// As many logins, while nothing can be prepared; then the server is killed.
    async fn logins(&mut self, many: usize) -> Vec<Login> {
        let login = Tell::Login { role: "db-read".to_owned(), time: "1h".to_owned() };
        let mut server = self.server(&[]).await;
        let mut logins = Vec::new();
        server.tell(&login).await;
        while logins.len() < many {
            let said = server.line().await.unwrap_or_else(|| panic!("no login:\n{}", server.log()));
            match &said {
                Said::Login { grant, name, password, .. } => {
                    let oid = format!("SELECT oid::bigint FROM pg_roles WHERE rolname = '{name}'");
                    let (grant, name, password) = (*grant, name.clone(), password.clone());
                    logins.push(Login { grant, name, password, oid: number(&self.superuser, &oid).await });
                    server.tell(&login).await;
                }
                Said::Refused { code, .. } => {
                    assert!(ORDINARY.contains(&code.as_str()), "{said:?}:\n{}", server.log());
                    server.tell(&login).await;
                }
                _ => {}
            }
            self.said.push(said);
        }
        server.kill().await;
        self.said.extend(server.unheard::<Said>());
        logins
    }

    /// The cluster is started again, and takes prepared transactions.
    async fn allow(&mut self) {
        self.cluster.write("postgresql.auto.conf", "max_prepared_transactions = 20\n");
        self.cluster.stop();
        self.cluster.start_again();
        self.superuser = self.cluster.superuser(DATABASE).await;
    }

    /// A transaction with a lock, named like its login; and the session, which stays.
    async fn prepare(&self, login: &Login) -> Client {
        let session = self.cluster.connect(&login.name, &login.password, DATABASE).await.expect("a session");
        let prepare = format!(
            "BEGIN; LOCK TABLE orders IN ACCESS SHARE MODE; PREPARE TRANSACTION '{}'; BEGIN; SELECT * FROM orders",
            login.name
        );
        session.batch_execute(&prepare).await.expect("prepared");
        session
    }

    async fn prepared(&self, login: &Login) -> i64 {
        let gid = format!("SELECT count(*) FROM pg_prepared_xacts WHERE gid = '{}'", login.name);
        number(&self.superuser, &gid).await
    }

    /// Ends the grant and is killed at the point; then another server ends what is left.
    async fn kill_at(&mut self, point: &str, login: &Login) {
        let session = self.prepare(login).await;
        let mut killed = self.server(&[("HALLPASS_FAILPOINT", point)]).await;
        killed.tell(&Tell::End { grant: login.grant }).await;
        killed.killed(point).await;
        self.said.extend(killed.unheard::<Said>());
        let there = i64::from(point.ends_with(".before"));
        assert_eq!(self.prepared(login).await, there, "{point}: prepared transactions");

        let mut server = self.server(&[]).await;
        let revoked = format!(
            "SELECT count(*) FROM credentials WHERE external_name = '{}' AND state = 'revoked'",
            login.name
        );
        let outsider = tokio::sync::Mutex::new(&mut self.outsider);
        eventually_within(DRAIN, &format!("an end after {point}\n{}", server.log()), || async {
            (outsider.lock().await.number(&revoked).await == 1).then_some(())
        })
        .await;
        self.nothing_is_left(point, login).await;
        assert!(session.simple_query("SELECT 1").await.is_err(), "after {point}: a session");
        server.kill().await;
        self.said.extend(server.unheard::<Said>());
    }

    /// By a connection that is not Hallpass's.
    async fn nothing_is_left(&self, after: &str, login: &Login) {
        let Login { name, oid, .. } = login;
        assert_eq!(self.prepared(login).await, 0, "after {after}: prepared transactions");
        for (what, sql) in [
            ("roles", format!("SELECT count(*) FROM pg_roles WHERE rolname = '{name}' OR oid = {oid}")),
            ("sessions", format!("SELECT count(*) FROM pg_stat_activity WHERE usesysid = {oid}")),
        ] {
            assert_eq!(number(&self.superuser, &sql).await, 0, "after {after}: {what}");
        }
        // Also not one without a name, and none of anybody else.
        assert_eq!(number(&self.superuser, "SELECT count(*) FROM pg_prepared_xacts").await, 0);
        let lock = "BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE NOWAIT; ROLLBACK";
        self.superuser.batch_execute(lock).await.unwrap_or_else(|e| panic!("after {after}: a lock: {e}"));
    }

    /// Grants that gave no login are ended, too; then every promise is checked.
    async fn finish(mut self) {
        let mut server = self.server(&[]).await;
        for said in &self.said {
            if let Said::Granted { grant, .. } = said {
                server.tell(&Tell::End { grant: *grant }).await;
            }
        }
        drained("all rounds", &server, &mut self.outsider, &self.bed.place).await;
        server.kill().await;
        self.said.extend(server.unheard::<Said>());
        let Self { bed, said, mut past, .. } = self;
        check("all rounds", &bed.place, &said, &Default::default(), &mut past).await;
    }
}

async fn rolled_back(store: Store) {
    assert!(POINTS.iter().all(|point| failpoint::STEPS.contains(point)));
    let mut rolled = Rolled::start(store).await;
    let logins = rolled.logins(POINTS.len() * TIMES).await;
    rolled.allow().await;
    for (logins, point) in logins.chunks(TIMES).zip(POINTS) {
        for login in logins {
            rolled.kill_at(point, login).await;
        }
    }
    rolled.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prepared_transactions_on_sqlite() {
    rolled_back(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prepared_transactions_on_postgres() {
    rolled_back(Store::Postgres).await;
}
