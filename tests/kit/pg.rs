//! Private PostgreSQL clusters: one per test, on a free loopback port and a socket in a temporary folder, gone with the
//! test or its process. Where we are root the servers run as the `postgres` user, because they refuse to run as root.
mod disk;

use std::fs::File;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Mutex;
use tokio_postgres::{Client, Config, NoTls};

use crate::mail_server::Certificates;
use crate::wait::eventually;

pub use self::disk::fill;

/// Superuser of every cluster.
pub const SUPERUSER: &str = "postgres";
/// Its password.
pub const PASSWORD: &str = "superuser-of-a-test";

/// A running cluster.
pub struct Cluster {
    dir: PathBuf,
    bin: PathBuf,
    port: u16,
    settings: Vec<(String, String)>,
    /// A process in the mount name space with its data folder, where that has a disk of its own.
    inside: Option<u32>,
    /// Whether there is a database in which the migrations ran. Held while it is copied: two copies at once refuse each other.
    migrated: Mutex<bool>,
    /// Stops the server and removes the folder when its input ends: at drop, or when this process dies in any way.
    watchdog: Option<Child>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut watchdog) = self.watchdog.take() {
            drop(watchdog.stdin.take());
            let _ = watchdog.wait();
        }
    }
}

impl Cluster {
    /// Starts one with the usual settings.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with further settings.
    ///
    /// # Panics
    /// Where PostgreSQL's server programs are missing or do not start.
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_in(settings, None)
    }

    fn start_in(settings: &[(&str, &str)], megabytes: Option<u32>) -> Self {
        let bin = programs();
        let template = template(&bin);
        let dir =
            tempfile::Builder::new().prefix("hallpass-pg-").tempdir().expect("a temporary folder").keep();
        let (watchdog, inside) = match megabytes {
            None => {
                run(Command::new("cp").args(["-r", "--reflink=auto"]).arg(&template).arg(dir.join("data")));
                own(&dir);
                (Self::watchdog(&dir, &bin), None)
            }
            Some(megabytes) => {
                own(&dir);
                let (watchdog, inside) = disk::mounted(&dir, &bin, megabytes);
                disk::copy(inside, &template, &dir);
                (watchdog, Some(inside))
            }
        };
        let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut cluster = Self {
            dir,
            bin,
            port: 0,
            settings,
            inside,
            migrated: Mutex::new(false),
            watchdog: Some(watchdog),
        };
        // Another process may take the port before the server does.
        for _ in 0..5 {
            cluster.port = free_port();
            if cluster.try_up() {
                return cluster;
            }
        }
        let log = std::fs::read_to_string(cluster.dir.join("log")).unwrap_or_default();
        panic!("PostgreSQL did not start:\n{log}");
    }

    fn watchdog(dir: &Path, bin: &Path) -> Child {
        let stop = format!(
            "trap '' INT TERM HUP; read _; '{}/pg_ctl' -D '{dir}/data' -m immediate -s stop; rm -rf '{dir}'",
            bin.display(),
            dir = dir.display()
        );
        as_server(Path::new("sh"))
            .args(["-c", &stop])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Out of our process group: what ends us by a signal to the group leaves it to do its work.
            .process_group(0)
            .spawn()
            .expect("the watchdog")
    }

    /// `pg_ctl` for it.
    fn control(&self, arguments: &[&str]) -> Command {
        let mut command = disk::command(self.inside, &self.bin.join("pg_ctl"));
        command.arg("-D").arg(self.dir.join("data")).arg("-s").args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn try_up(&self) -> bool {
        let mut options = format!(
            "-p {} -k '{}' -c listen_addresses=127.0.0.1 -c fsync=off -c shared_buffers=32MB -c max_connections=200 -c autovacuum=off -c jit=off",
            self.port,
            self.dir.display()
        );
        for (name, value) in &self.settings {
            options.push_str(&format!(" -c {name}='{value}'"));
        }
        self.control(&["-l"])
            .arg(self.dir.join("log"))
            .args(["-w", "-o", &options, "start"])
            .status()
            .is_ok_and(|status| status.success())
    }

    /// Starts the server again after [`Self::stop`].
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start_again(&self) {
        assert!(self.try_up(), "PostgreSQL did not start again");
    }

    /// Stops the server at once, as a crash would; what was committed is kept.
    pub fn stop(&self) {
        run(&mut self.control(&["-m", "immediate", "stop"]));
    }

    /// Writes a file into the data folder, readable by the server alone.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.dir.join("data").join(name);
        std::fs::write(&path, text).expect("a file in the data folder");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .expect("its mode");
        own(&path);
    }

    /// Lets the server speak TLS, to those who ask for it.
    ///
    /// # Panics
    /// Where it does not.
    pub async fn speak_tls(&self, certificates: &Certificates) {
        let read = |path: PathBuf| std::fs::read_to_string(path).expect("a file");
        self.write("server.crt", &read(certificates.certificate()));
        self.write("server.key", &read(certificates.key()));
        self.superuser("postgres").await.batch_execute("ALTER SYSTEM SET ssl = on").await.expect("set");
        self.reload();
        eventually("the server speaks TLS", || async {
            let mut stream = tokio::net::TcpStream::connect(self.address()).await.ok()?;
            // SSLRequest: its length and its number.
            stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).await.ok()?;
            (stream.read_u8().await.ok()? == b'S').then_some(())
        })
        .await;
    }

    /// Lets the server read its configuration files again.
    pub fn reload(&self) {
        run(&mut self.control(&["reload"]));
    }

    /// Port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Address on loopback.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Folder of the Unix socket.
    pub fn socket_dir(&self) -> &Path {
        &self.dir
    }

    /// Connection string of the superuser.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// What the server wrote to its log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// A superuser's connection.
    pub async fn superuser(&self, database: &str) -> Client {
        self.connect(SUPERUSER, PASSWORD, database).await.expect("the superuser connects")
    }

    /// A connection over TCP.
    pub async fn connect(
        &self,
        user: &str,
        password: &str,
        database: &str,
    ) -> Result<Client, tokio_postgres::Error> {
        self.connect_with(user, password, database, "").await
    }

    /// A connection with start-up options (`-c name=value`).
    pub async fn connect_with(
        &self,
        user: &str,
        password: &str,
        database: &str,
        options: &str,
    ) -> Result<Client, tokio_postgres::Error> {
        let mut config = Config::new();
        config
            .host("127.0.0.1")
            .port(self.port)
            .user(user)
            .password(password)
            .dbname(database)
            .options(options);
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Makes databases.
    pub async fn databases(&self, names: &[&str]) {
        let client = self.superuser("postgres").await;
        for name in names {
            let quoted: String =
                client.query_one("SELECT quote_ident($1)", &[name]).await.expect("quote").get(0);
            client.batch_execute(&format!("CREATE DATABASE {quoted}")).await.expect("a database");
        }
    }

    /// Makes a database with the schema of a store: a copy of one in which the migrations ran once.
    pub async fn store(&self, name: &str) {
        let mut migrated = self.migrated.lock().await;
        if !*migrated {
            self.databases(&["migrated"]).await;
            let url = format!("{}?sslmode=disable", self.url("migrated"));
            hallpass_store::migrate(&url).await.expect("the migrations run");
            *migrated = true;
        }
        let copy = format!("CREATE DATABASE {name} TEMPLATE migrated");
        self.superuser("postgres").await.batch_execute(&copy).await.expect("a database");
    }

    /// Everything in the cluster as SQL, without the lines that differ from run to run.
    pub fn dump(&self) -> String {
        let output = as_server(&self.bin.join("pg_dumpall"))
            .arg("-h")
            .arg(&self.dir)
            .args(["-p", &self.port.to_string(), "-U", SUPERUSER])
            .env("PGPASSWORD", PASSWORD)
            .output()
            .expect("pg_dumpall");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout);
        let noise = |line: &&str| {
            !line.starts_with("--") && !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict")
        };
        text.lines().filter(noise).collect::<Vec<_>>().join("\n")
    }
}

/// Folder of the newest server programs.
///
/// # Panics
/// Where there are none, with the line that installs them.
pub fn programs() -> PathBuf {
    find_programs().expect("PostgreSQL's server programs are missing: apt-get install postgresql")
}

/// Folder of the newest server programs, if there is one.
pub fn find_programs() -> Option<PathBuf> {
    if let Some(dir) = std::env::var_os("HALLPASS_TEST_PG_BIN") {
        return Some(PathBuf::from(dir));
    }
    let version = |path: &Path| -> Option<u32> { path.file_name()?.to_str()?.parse().ok() };
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.join("bin/initdb").exists())
        .filter_map(|path| Some((version(&path)?, path.join("bin"))))
        .collect();
    found.sort();
    found.pop().map(|(_, path)| path)
}

/// A data folder fresh from `initdb`, made once per machine and version and copied for each cluster.
fn template(bin: &Path) -> PathBuf {
    let key = bin.display().to_string().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let base = std::env::temp_dir().join(format!("hallpass-pg-template{key}-{}", user()));
    let done = base.join("data");
    if done.exists() {
        return done;
    }
    std::fs::create_dir_all(&base).expect("a temporary folder");
    let lock = File::create(base.join("lock")).expect("a lock file");
    lock.lock().expect("the lock");
    if !done.exists() {
        let password = base.join("password");
        File::create(&password).and_then(|mut f| f.write_all(PASSWORD.as_bytes())).expect("a password file");
        own(&base);
        let fresh = base.join("fresh");
        let _ = std::fs::remove_dir_all(&fresh);
        run(as_server(&bin.join("initdb"))
            .arg("-D")
            .arg(&fresh)
            .args([
                "-U",
                SUPERUSER,
                "-A",
                "scram-sha-256",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
                "--wal-segsize=1",
            ])
            .arg(format!("--pwfile={}", password.display())));
        std::fs::rename(&fresh, &done).expect("the template");
    }
    done
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port()
}

fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A command as the user that servers run as.
fn as_server(program: &Path) -> Command {
    let mut command;
    if user() == "root" {
        command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
    } else {
        command = Command::new(program);
    }
    command.current_dir("/");
    command
}

/// Gives a folder to the user that servers run as.
fn own(dir: &Path) {
    if user() == "root" {
        run(Command::new("chown").arg("-R").arg("postgres").arg(dir));
    }
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("a program to start");
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
