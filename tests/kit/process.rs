//! Servers as processes of their own: started, told things by lines of JSON, stopped and killed by real signals.
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::wait::eventually;

/// Longest wait for a line that must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running process. It is killed with this value, also when a test panics.
pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
    lines: UnboundedReceiver<String>,
    log: PathBuf,
}

impl Process {
    /// Starts a program; what it writes to standard error goes to `log`.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start(mut command: Command, log: &Path) -> Self {
        let errors = std::fs::OpenOptions::new().create(true).append(true).open(log).expect("a log file");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        let output = child.stdout.take().expect("stdout");
        let (tell, lines) = unbounded_channel();
        tokio::spawn(async move {
            let mut output = BufReader::new(output).lines();
            while let Ok(Some(line)) = output.next_line().await {
                if tell.send(line).is_err() {
                    break;
                }
            }
        });
        let input = child.stdin.take();
        Self { child, input, lines, log: log.to_owned() }
    }

    /// Its process id.
    ///
    /// # Panics
    /// Where it has ended.
    pub fn id(&self) -> u32 {
        self.child.id().expect("a running process")
    }

    /// Tells it something; one that has died hears nothing.
    pub async fn tell(&mut self, what: &impl Serialize) {
        let line = serde_json::to_string(what).expect("JSON") + "\n";
        if let Some(input) = &mut self.input {
            let _ = input.write_all(line.as_bytes()).await;
        }
    }

    /// The next line; none once it has ended and everything it said was heard.
    pub async fn line<T: DeserializeOwned>(&mut self) -> Option<T> {
        let line = tokio::time::timeout(PATIENCE, self.lines.recv()).await;
        let line =
            line.unwrap_or_else(|_| panic!("the server said nothing for {PATIENCE:?}:\n{}", self.log()))?;
        // A process that is killed while it speaks leaves half a line.
        serde_json::from_str(&line).ok()
    }

    /// Everything that it said and nobody has listened to.
    pub fn unheard<T: DeserializeOwned>(&mut self) -> Vec<T> {
        std::iter::from_fn(|| self.lines.try_recv().ok())
            .filter_map(|line| serde_json::from_str(&line).ok())
            .collect()
    }

    /// Kills it as a power cut would.
    pub async fn kill(&mut self) {
        let _ = self.child.start_kill();
        let _ = self.child.wait().await;
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended
            .unwrap_or_else(|_| panic!("the server still runs after {PATIENCE:?}:\n{}", self.log()))
            .expect("a status")
    }

    /// Waits until a fail point has killed it.
    ///
    /// # Panics
    /// Where it ended in another way.
    pub async fn killed(&mut self, at: &str) {
        let status = self.ended().await;
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        assert_eq!(signal, Some(9), "{at}: not killed but ended with {status}:\n{}", self.log());
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Sends a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        signal(self.id(), name);
    }

    /// Waits until it is stopped by a signal.
    pub async fn stopped(&self) {
        let id = self.id();
        eventually("the server to be stopped", || async move { (state(id) == Some('T')).then_some(()) })
            .await;
    }

    /// What it wrote to standard error.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// Sends a signal to a process; one that has ended hears nothing.
pub fn signal(id: u32, name: &str) {
    let _ =
        std::process::Command::new("kill").args(["-s", name, &id.to_string()]).stderr(Stdio::null()).status();
}

/// State letter of a process (`proc(5)`): `T` is stopped.
fn state(id: u32) -> Option<char> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    text.rsplit_once(") ")?.1.chars().next()
}

/// Processes whose parent is `id`: a cluster's back ends.
pub fn children(id: u32) -> Vec<u32> {
    let parent = |pid: u32| -> Option<u32> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        text.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|e| e.file_name().to_str()?.parse().ok()).filter(|pid| parent(*pid) == Some(id)).collect()
}
