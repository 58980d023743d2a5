//! A private PostgreSQL cluster in the data folder: the demo's real target.
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::compose::StartError;

/// The line that installs what is needed.
pub const INSTALL: &str = "apt-get install -y postgresql";

/// How to reach the target as its administrator.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Reach {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// A running private cluster. Stopped on drop.
pub struct Cluster {
    bin: PathBuf,
    folder: PathBuf,
    /// TCP address.
    pub reach: Reach,
}

/// Where Debian keeps the server's programs; the newest version that is installed.
pub fn find_programs() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .map(|e| e.path().join("bin"))
        .filter(|p| p.join("initdb").is_file())
        .collect();
    found.sort_by_key(|p| {
        p.parent().and_then(Path::file_name).and_then(|n| n.to_str()).and_then(|n| n.parse::<u32>().ok())
    });
    found.pop()
}

/// PostgreSQL does not run as root: its programs run as the user that the package made.
fn command(program: &Path) -> Command {
    if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

/// Whether we are root, as the system says.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}

fn run(command: &mut Command, doing: &str) -> Result<Output, StartError> {
    let output =
        command.stdin(Stdio::null()).current_dir("/").output().map_err(|e| StartError::because(doing, e))?;
    if output.status.success() {
        Ok(output)
    } else {
        Err(StartError(format!(
            "{doing}: {}{}",
            String::from_utf8_lossy(&output.stderr),
            String::from_utf8_lossy(&output.stdout)
        )))
    }
}

impl Cluster {
    /// Starts the cluster below `data`, making it at the first start. `None` where the programs are not installed.
    pub fn start(data: &Path) -> Result<Option<Self>, StartError> {
        let Some(bin) = find_programs() else { return Ok(None) };
        let folder = place(data)?;
        let cluster = folder.join("cluster");
        if !cluster.join("PG_VERSION").exists() {
            run(
                command(&bin.join("initdb")).args(["-D"]).arg(&cluster).args([
                    "-U",
                    "postgres",
                    "-A",
                    "scram-sha-256",
                    "--auth-local=peer",
                    "--pwfile=/dev/null",
                    "-E",
                    "UTF8",
                    "--locale=C.UTF-8",
                ]),
                "making the demo's PostgreSQL cluster",
            )
            .or_else(|_| {
                run(
                    command(&bin.join("initdb")).arg("-D").arg(&cluster).args([
                        "-U",
                        "postgres",
                        "--auth-local=trust",
                        "--auth-host=scram-sha-256",
                        "-E",
                        "UTF8",
                        "--locale=C.UTF-8",
                    ]),
                    "making the demo's PostgreSQL cluster",
                )
            })?;
        }
        let port = match std::fs::read_to_string(folder.join("port")).ok().and_then(|p| p.trim().parse().ok())
        {
            Some(port) => port,
            None => {
                let port = std::net::TcpListener::bind("127.0.0.1:0")
                    .and_then(|l| l.local_addr())
                    .map_err(|e| StartError::because("finding a port for PostgreSQL", e))?
                    .port();
                std::fs::write(folder.join("port"), port.to_string())
                    .map_err(|e| StartError::because("the demo's data folder", e))?;
                port
            }
        };
        let this = Self { bin, folder, reach: Reach { host: "127.0.0.1".to_owned(), port } };
        // A server that was killed leaves its cluster running: it is used as it is.
        if !this.is_running() {
            let options = format!(
                "-p {port} -h 127.0.0.1 -k {} -c unix_socket_permissions=0700",
                this.folder.display()
            );
            run(
                command(&this.bin.join("pg_ctl"))
                    .arg("-D")
                    .arg(this.folder.join("cluster"))
                    .arg("-l")
                    .arg(this.folder.join("log"))
                    .args(["-w", "-t", "30", "-o", &options, "start"])
                    .stdout(Stdio::null()),
                "starting the demo's PostgreSQL",
            )?;
        }
        Ok(Some(this))
    }

    fn is_running(&self) -> bool {
        command(&self.bin.join("pg_ctl"))
            .arg("-D")
            .arg(self.folder.join("cluster"))
            .arg("status")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .status()
            .is_ok_and(|s| s.success())
    }

    /// Runs SQL as the superuser over the socket: a connection that is not Hallpass's. One row a line, columns apart by `|`.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String, StartError> {
        let output = run(
            command(&self.bin.join("psql"))
                .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database])
                .arg("-h")
                .arg(&self.folder)
                .args(["-p", &self.reach.port.to_string(), "-c", sql]),
            "asking the demo's PostgreSQL",
        )?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Stops the cluster.
    pub fn stop(&self) {
        let _ = command(&self.bin.join("pg_ctl"))
            .arg("-D")
            .arg(self.folder.join("cluster"))
            .args(["-m", "fast", "-w", "stop"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .status();
    }
}

/// The cluster's folder: in the data folder, or beside other temporary data where the `postgres` user cannot get there.
fn place(data: &Path) -> Result<PathBuf, StartError> {
    let make = |folder: &Path| -> Result<(), StartError> {
        std::fs::create_dir_all(folder).map_err(|e| StartError::because("the demo's data folder", e))?;
        if is_root() {
            run(Command::new("chown").arg("postgres:").arg(folder), "giving PostgreSQL its folder")?;
        }
        Ok(())
    };
    let wanted = data.join("pg");
    make(&wanted)?;
    let reachable = run(
        command(Path::new("test")).arg("-w").arg(&wanted),
        "looking whether PostgreSQL reaches its folder",
    )
    .is_ok();
    // A socket's path may have 107 bytes.
    if reachable && wanted.as_os_str().len() < 80 {
        return Ok(wanted);
    }
    let name = data_encoding::HEXLOWER
        .encode(ring::digest::digest(&ring::digest::SHA256, data.as_os_str().as_encoded_bytes()).as_ref());
    let elsewhere = Path::new("/var/tmp").join(format!("hallpass-demo-{}", name.get(..12).unwrap_or(&name)));
    make(&elsewhere)?;
    Ok(elsewhere)
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
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
            .map_err(|e| StartError::because("psql", e))?;
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
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect()
}
