//! A private PostgreSQL cluster in the data folder. It ends with the demo, however the demo ends: a keeper process, which
//! hears the end of its input, stops it after a SIGKILL, too.
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use super::programs::{as_server, is_root};
use super::psql;
use super::reach::Reach;
use crate::compose::StartError;

/// What the keeper runs: waits for the end of its input, asks the server to stop as `pg_ctl -m fast` does, and waits for it.
const KEEP: &str = "trap '' INT TERM HUP; read _; kill -INT \"$1\" 2>/dev/null; n=0; \
    while kill -0 \"$1\" 2>/dev/null && [ $n -lt 600 ]; do n=$((n+1)); sleep 0.05; done";

/// A running private cluster.
pub struct Cluster {
    bin: PathBuf,
    folder: PathBuf,
    /// TCP address.
    pub reach: Reach,
    /// Stops it; none where another process keeps it.
    keeper: Option<Child>,
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
    /// Starts the cluster below `data`, making it at the first start, with the server programs in `bin`. The caller holds the
    /// folder, so a server that still runs there was left by a demo that was killed, and is stopped first.
    ///
    /// # Errors
    /// Where a program fails, with what it said.
    pub fn start(bin: PathBuf, data: &Path) -> Result<Self, StartError> {
        let folder = place(data)?;
        let mut this = Self { bin, folder, reach: Reach::plain("127.0.0.1", 0), keeper: None };
        this.make()?;
        if this.is_running() {
            let stopped = run(
                this.control().args(["-m", "fast", "-w", "-t", "30", "stop"]),
                "stopping what a killed demo left",
            );
            // Its keeper stops it, too, and may have been first.
            if stopped.is_err() && this.is_running() {
                stopped?;
            }
        }
        this.reach.port = this.port()?;
        let options = format!(
            "-p {} -h 127.0.0.1 -k '{}' -c unix_socket_permissions=0700",
            this.reach.port,
            this.folder.display()
        );
        run(
            this.control()
                .arg("-l")
                .arg(this.folder.join("log"))
                .args(["-w", "-t", "30", "-o", &options, "start"])
                // The server would keep a pipe open.
                .stdout(Stdio::null()),
            &format!("starting the demo's PostgreSQL (its log is {})", this.folder.join("log").display()),
        )?;
        this.keeper = Some(this.keep()?);
        Ok(this)
    }

    /// The cluster that another process started and keeps.
    ///
    /// # Errors
    /// Where none runs.
    pub fn attach(bin: PathBuf, data: &Path) -> Result<Self, StartError> {
        let folder = place(data)?;
        let port = remembered_port(&folder).unwrap_or_default();
        let this = Self { bin, folder, reach: Reach::plain("127.0.0.1", port), keeper: None };
        if this.is_running() {
            Ok(this)
        } else {
            Err(StartError("the demo's PostgreSQL does not run".to_owned()))
        }
    }

    /// `initdb` under another name, so that one that was interrupted is made anew.
    fn make(&self) -> Result<(), StartError> {
        let (done, new) = (self.folder.join("cluster"), self.folder.join("cluster.new"));
        if done.exists() {
            return Ok(());
        }
        let failed = |e: std::io::Error| StartError::because("making the demo's PostgreSQL cluster", e);
        if new.exists() {
            std::fs::remove_dir_all(&new).map_err(failed)?;
        }
        // The socket is in a folder and of a mode that leave it to this user alone; over TCP everybody has a password.
        run(
            as_server(&self.bin.join("initdb")).arg("-D").arg(&new).args([
                "-U",
                "postgres",
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ]),
            "making the demo's PostgreSQL cluster",
        )?;
        std::fs::rename(&new, &done).map_err(failed)
    }

    /// The port of earlier starts, while nobody else has taken it.
    fn port(&self) -> Result<u16, StartError> {
        let free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).and_then(|l| l.local_addr());
        if let Some(port) = remembered_port(&self.folder).filter(|p| free(*p).is_ok()) {
            return Ok(port);
        }
        let port = free(0).map_err(|e| StartError::because("finding a port for PostgreSQL", e))?.port();
        std::fs::write(self.folder.join("port"), port.to_string())
            .map_err(|e| StartError::because("the demo's data folder", e))?;
        Ok(port)
    }

    fn keep(&self) -> Result<Child, StartError> {
        use std::os::unix::process::CommandExt as _;
        let file = self.folder.join("cluster").join("postmaster.pid");
        let text = std::fs::read_to_string(&file)
            .map_err(|e| StartError::because(&file.display().to_string(), e))?;
        let pid = text.lines().next().unwrap_or_default().to_owned();
        as_server(Path::new("sh"))
            .args(["-c", KEEP, "hallpass-demo-keeper", &pid])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            // Out of our process group: Ctrl-C at the terminal reaches us alone, and we end it in order.
            .process_group(0)
            .spawn()
            .map_err(|e| StartError::because("starting the keeper of the demo's PostgreSQL", e))
    }

    fn control(&self) -> Command {
        let mut command = as_server(&self.bin.join("pg_ctl"));
        command.arg("-D").arg(self.folder.join("cluster"));
        command
    }

    fn is_running(&self) -> bool {
        run(self.control().arg("status"), "looking for the demo's PostgreSQL").is_ok()
    }

    /// The command that shows somebody Hallpass's logins and their sessions as the superuser sees them, past Hallpass.
    pub fn look(&self) -> String {
        let psql = if is_root() { "runuser -u postgres -- psql" } else { "psql" };
        let sessions = "SELECT usename, state, backend_start FROM pg_stat_activity WHERE usename LIKE 'hp%'";
        format!(
            "{psql} -h {} -p {} -U postgres -c '\\du hp_*' -c \"{sessions}\"",
            self.folder.display(),
            self.reach.port
        )
    }

    /// Runs SQL as the superuser over the socket: a connection that is not Hallpass's. One row a line, columns apart by `|`.
    ///
    /// # Errors
    /// What psql said.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String, StartError> {
        let mut psql = as_server(&self.bin.join("psql"));
        psql.args(["-U", "postgres", "-d", database, "-p", &self.reach.port.to_string()]);
        psql::run(psql.arg("-h").arg(&self.folder).current_dir("/"), sql, "asking the demo's PostgreSQL")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }
}

fn remembered_port(folder: &Path) -> Option<u16> {
    std::fs::read_to_string(folder.join("port")).ok()?.trim().parse().ok()
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
        as_server(Path::new("test")).arg("-w").arg(&wanted),
        "looking whether PostgreSQL reaches its folder",
    )
    .is_ok();
    // A socket's path may have 107 bytes; a quote in it would end the option that names it.
    let plain = wanted.to_str().is_some_and(|w| w.len() < 80 && !w.contains(['\'', '\\']));
    if reachable && plain {
        return Ok(wanted);
    }
    let name = data_encoding::HEXLOWER
        .encode(ring::digest::digest(&ring::digest::SHA256, data.as_os_str().as_encoded_bytes()).as_ref());
    let elsewhere = Path::new("/var/tmp").join(format!("hallpass-demo-{}", name.get(..12).unwrap_or(&name)));
    make(&elsewhere)?;
    Ok(elsewhere)
}
