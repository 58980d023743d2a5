//! The `hallpass` command as people and scripts run it: the built program, with an environment of its own.
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Child;

use crate::browserless::Browser;
use crate::secrets::Secrets;

/// Longest wait for something that must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What cargo tells the program that it runs about its package. Handed down to another build it makes every dependency that
/// asks for one of these (ring) look changed, in that build and in the next one of the tests.
const OF_THIS_PACKAGE: [&str; 6] =
    ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_", "OUT_DIR"];

/// A build of the command, in the environment that a person's shell has. It says what it builds, and why.
fn build(target: &Path, release: bool) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| OF_THIS_PACKAGE.iter().any(|of| name.starts_with(of))) {
            cargo.env_remove(name);
        }
    }
    cargo.args(["build", "--verbose", "-p", "hallpass", "--target-dir"]).arg(target);
    if release {
        cargo.arg("--release");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    cargo.current_dir(root).stdin(Stdio::null());
    cargo
}

/// The built program. It belongs to another package, so it is brought up to date once for each test binary; a build that is
/// there already is named by `HALLPASS_TEST_COMMAND`.
///
/// # Panics
/// Where it cannot be built.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(named) = std::env::var_os("HALLPASS_TEST_COMMAND") {
            return PathBuf::from(named);
        }
        let test = std::env::current_exe().expect("the path of this test");
        let profile = test.parent().and_then(Path::parent).expect("the folder of the profile");
        let target = profile.parent().expect("the target folder");
        let built = build(target, profile.ends_with("release")).output().expect("cargo");
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{said}");
        let dirty: Vec<&str> =
            said.lines().filter(|l| l.contains("Dirty") && l.contains("variable CARGO_")).collect();
        assert!(dirty.is_empty(), "built again because of how the tests are run: {dirty:?}");
        profile.join("hallpass")
    })
}

/// What a command left.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Exit code; a shell's 128 + N where signal N ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error, with the debug log.
    pub err: String,
}

impl Ran {
    /// Checks the code and gives the rest on; where the command failed, standard output must be empty.
    ///
    /// # Panics
    /// Where it is another.
    #[must_use]
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "out: {}\nerr: {}", self.out, self.err);
        self
    }
    /// [`Self::expect`] of a failure: nothing on standard output.
    #[must_use]
    #[track_caller]
    pub fn fails(self, code: i32) -> Self {
        let ran = self.expect(code);
        assert_eq!(ran.out, "", "a failure says nothing on standard output");
        ran
    }
    /// Standard output as JSON.
    ///
    /// # Panics
    /// Where it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {} {}", self.out, self.err))
    }
    /// Standard output without its line break.
    pub fn value(&self) -> &str {
        self.out.trim_end_matches('\n')
    }
    /// What is said to people, without the debug log.
    pub fn said(&self) -> String {
        let debug = |line: &&str| !line.starts_with("http: ");
        self.err.lines().filter(debug).collect::<Vec<_>>().join("\n")
    }
}

/// A person's or a program's shell: one configuration folder, one environment.
pub struct Shell {
    home: tempfile::TempDir,
    environment: Vec<(String, String)>,
    heard: Arc<Mutex<String>>,
}

impl Shell {
    /// One that speaks to the server at `base_url`, shows every call, and has no home.
    ///
    /// # Panics
    /// Where there is no room for it.
    pub fn new(base_url: &str) -> Self {
        let home = tempfile::Builder::new().prefix("hallpass-shell-").tempdir().expect("a temporary folder");
        let folder = |name: &str| home.path().join(name).display().to_string();
        std::fs::create_dir(home.path().join("runtime")).expect("a folder");
        let path = program().parent().map(|p| p.display().to_string()).unwrap_or_default();
        let environment = [
            ("PATH", format!("{path}:/usr/local/bin:/usr/bin:/bin")),
            ("TZ", "UTC".to_owned()),
            ("HALLPASS_SERVER", base_url.to_owned()),
            ("HALLPASS_CONFIG_DIR", folder("config")),
            ("HALLPASS_DEBUG", "http".to_owned()),
            ("XDG_RUNTIME_DIR", folder("runtime")),
        ];
        let environment = environment.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        Self { home, environment, heard: Arc::default() }
    }

    /// Sets a variable from now on; an empty one counts as not set.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(n, _)| n != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A folder of its own.
    pub fn folder(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file there that only its owner reads.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn file(&self, name: &str, text: &str) -> String {
        use std::os::unix::fs::OpenOptionsExt as _;
        let path = self.home.path().join(name);
        let mut open = std::fs::OpenOptions::new();
        let file = open.write(true).create(true).truncate(true).mode(0o600).open(&path);
        file.and_then(|mut f| f.write_all(text.as_bytes())).expect("a file");
        path.display().to_string()
    }

    /// Everything that was ever said on standard error.
    pub fn heard(&self) -> String {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// No secret that the test has seen was ever said on standard error, the debug log included.
    ///
    /// # Panics
    /// Where one was.
    pub fn assert_discreet(&self, secrets: &Secrets) {
        let heard = self.heard();
        assert!(heard.contains("http: > "), "the debug log was on");
        assert_eq!(secrets.found_in(heard.as_bytes()), Vec::<String>::new(), "on standard error:\n{heard}");
    }

    /// Nothing of `hallpass run` is left.
    ///
    /// # Panics
    /// Where something is.
    pub fn assert_no_files(&self) {
        let folder = self.home.path().join("runtime/hallpass");
        let left: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().collect();
        assert!(left.is_empty(), "{left:?}");
    }

    fn command(&self, program: &Path) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(program);
        command.env_clear().envs(self.environment.iter().map(|(n, v)| (n, v)));
        command.current_dir(self.home.path()).stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Runs `hallpass` to its end.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        self.start(arguments).end().await
    }

    /// Runs a line of bash to its end, as people paste it.
    pub async fn bash(&self, line: &str) -> Ran {
        let mut command = self.command(Path::new("bash"));
        let _ = command.args(["-c", line]);
        self.spawn(command).end().await
    }

    /// Runs `hallpass` at a terminal (`script` of util-linux gives one), where somebody types `input` at the first question.
    ///
    /// # Panics
    /// Where no terminal can be had.
    pub async fn at_terminal(&self, line: &str, question: &str, input: &str) -> (i32, String) {
        self.command_at_terminal(&format!("exec hallpass {line}"), question, input).await
    }

    /// The same for a line of shell.
    ///
    /// # Panics
    /// Where no terminal can be had.
    pub async fn command_at_terminal(&self, line: &str, question: &str, input: &str) -> (i32, String) {
        use tokio::io::AsyncWriteExt as _;
        let mut command = self.command(Path::new("script"));
        let _ = command.args(["-qec", line, "/dev/null"]).stdin(Stdio::piped());
        if !self.environment.iter().any(|(name, _)| name == "TERM") {
            let _ = command.env("TERM", "xterm");
        }
        let mut child = command.spawn().expect("a terminal");
        let (mut output, mut keys) =
            (child.stdout.take().expect("stdout"), child.stdin.take().expect("stdin"));
        let mut seen = Vec::new();
        let typed = async {
            let mut asked = false;
            let mut block = [0; 1_024];
            loop {
                let read = output.read(&mut block).await.unwrap_or(0);
                if read == 0 {
                    return;
                }
                seen.extend_from_slice(block.get(..read).unwrap_or_default());
                if !asked && String::from_utf8_lossy(&seen).contains(question) {
                    asked = true;
                    let _ = keys.write_all(input.as_bytes()).await;
                }
            }
        };
        let ended = tokio::time::timeout(PATIENCE, typed).await;
        let text = String::from_utf8_lossy(&seen).into_owned();
        assert!(ended.is_ok(), "it did not end: {text}");
        let status = child.wait().await.expect("a status");
        (status.code().unwrap_or(-1), text)
    }

    /// Starts `hallpass`.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(program());
        let _ = command.args(arguments);
        self.spawn(command)
    }

    /// Starts `hallpass` with standard input closed, not empty.
    pub fn start_closed(&self, arguments: &str) -> Running {
        let mut command = self.command(Path::new("bash"));
        let _ = command.args(["-c", &format!("exec hallpass {arguments} <&-")]);
        self.spawn(command)
    }

    fn spawn(&self, mut command: tokio::process::Command) -> Running {
        let mut child = command.spawn().expect("the command starts");
        let (tell, lines) = tokio::sync::mpsc::unbounded_channel();
        let (stderr, heard) = (child.stderr.take().expect("stderr"), Arc::clone(&self.heard));
        let talk = tokio::spawn(async move {
            let (mut lines, mut said) = (BufReader::new(stderr).lines(), String::new());
            while let Ok(Some(line)) = lines.next_line().await {
                said.push_str(&line);
                said.push('\n');
                heard.lock().unwrap_or_else(PoisonError::into_inner).push_str(&format!("{line}\n"));
                let _ = tell.send(line);
            }
            said
        });
        let stdout = child.stdout.take().expect("stdout");
        let data = tokio::spawn(async move {
            let (mut stdout, mut bytes) = (stdout, Vec::new());
            let _ = stdout.read_to_end(&mut bytes).await;
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Running { child, lines, talk, data }
    }
}

/// A command that runs.
pub struct Running {
    child: Child,
    lines: tokio::sync::mpsc::UnboundedReceiver<String>,
    talk: tokio::task::JoinHandle<String>,
    data: tokio::task::JoinHandle<String>,
}

impl Running {
    /// Its process id.
    ///
    /// # Panics
    /// Where it has ended.
    pub fn id(&self) -> u32 {
        self.child.id().expect("a running command")
    }

    /// The next line of standard error that has `part` in it.
    ///
    /// # Panics
    /// Where none comes.
    pub async fn says(&mut self, part: &str) -> String {
        let mut before = String::new();
        let heard = tokio::time::timeout(PATIENCE, async {
            while let Some(line) = self.lines.recv().await {
                if line.contains(part) {
                    return Some(line);
                }
                before.push_str(&format!("{line}\n"));
            }
            None
        });
        heard.await.ok().flatten().unwrap_or_else(|| panic!("it never said “{part}”:\n{before}"))
    }

    /// For `login`: types the code that it shows, as whoever signed in with this browser, and answers `allow` or `refuse`.
    ///
    /// # Panics
    /// Where a page is another than it should be.
    pub async fn answer_code(&mut self, browser: &Browser, answer: &str) {
        let line = self.says("Type   ").await;
        let code = line.split_whitespace().last().unwrap_or_default();
        let form = browser.get("/device").await.expect(200).form("/device");
        let page = browser.send(&form.with("user_code", code)).await.expect(200);
        let _ = browser.send(&page.form("/device/confirm").with("answer", answer)).await.expect(200);
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// Where it does not end.
    pub async fn end(mut self) -> Ran {
        use std::os::unix::process::ExitStatusExt as _;
        let ended = tokio::time::timeout(PATIENCE, async {
            let status = self.child.wait().await.expect("a status");
            (status, self.data.await.expect("stdout"), self.talk.await.expect("stderr"))
        });
        let (status, out, err) =
            ended.await.unwrap_or_else(|_| panic!("the command did not end in {PATIENCE:?}"));
        let code = status.code().or_else(|| status.signal().map(|s| 128 + s)).unwrap_or(-1);
        Ran { code, out, err }
    }
}
