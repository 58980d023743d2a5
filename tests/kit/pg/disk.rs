//! A cluster on a disk of its own, which can be filled: a small file system in memory, in a mount name space that only its
//! server sees. It is gone with the server, however the test ends.
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Cluster, as_server, run, user};

/// What takes the room.
const FILLER: &str = "data/filler";

impl Cluster {
    /// Starts one on a disk of so many megabytes, with further settings.
    ///
    /// # Panics
    /// Where name spaces are not allowed, or PostgreSQL's server programs are missing or do not start.
    pub fn start_on_disk(megabytes: u32, settings: &[(&str, &str)]) -> Self {
        Self::start_in(settings, Some(megabytes))
    }

    /// Writes until nothing more fits on its disk.
    pub fn fill(&self) {
        fill(&self.seen_from_here(FILLER));
    }

    /// Frees the disk and starts the server again, as an operator does: without room for its log it has stopped.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn make_room(&self) {
        std::fs::remove_file(self.seen_from_here(FILLER)).expect("room");
        // It may still be stopping by itself.
        let _ = self.control(&["-m", "immediate", "stop"]).status();
        self.start_again();
    }

    fn seen_from_here(&self, name: &str) -> PathBuf {
        let inside = self.inside.expect("a disk of its own");
        PathBuf::from(format!("/proc/{inside}/root{}", self.dir.join(name).display()))
    }
}

/// Writes a file until nothing more fits.
///
/// # Panics
/// Where it cannot be made.
pub fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).expect("a file");
    for size in [1 << 20, 1 << 12, 1] {
        let block = vec![0u8; size];
        while file.write_all(&block).is_ok() {}
    }
}

/// The watchdog of a cluster on a small disk below `dir`, and the process whose name space has it.
pub(super) fn mounted(dir: &Path, bin: &Path, megabytes: u32) -> (Child, u32) {
    let (unshare, owner, server) = if user() == "root" {
        ("unshare --mount", "uid=postgres,", "runuser -u postgres --")
    } else {
        // The server refuses to run as root, also as one by name only.
        ("unshare --map-root-user --mount", "", "unshare --map-user=1 --map-group=1")
    };
    let script = format!(
        "trap '' INT TERM HUP; mkdir '{dir}/data'; {unshare} sh -c \"trap '' INT TERM HUP; \
         mount -t tmpfs -o {owner}size={megabytes}m,mode=0700 tmpfs '{dir}/data' && echo \\$\\$; read _; \
         {server} '{bin}/pg_ctl' -D '{dir}/data' -m immediate -s stop\"; rm -rf '{dir}'",
        dir = dir.display(),
        bin = bin.display(),
    );
    let mut watchdog = Command::new("sh")
        .args(["-c", &script])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("the watchdog");
    let mut line = String::new();
    let output = watchdog.stdout.take().expect("stdout");
    BufReader::new(output).read_line(&mut line).expect("a process id");
    let inside = line.trim().parse().expect("a small disk: mount name spaces are not allowed here");
    (watchdog, inside)
}

/// A command as the server's user, inside of a name space where there is one.
pub(super) fn command(inside: Option<u32>, program: &Path) -> Command {
    let Some(inside) = inside else { return as_server(program) };
    let inside = inside.to_string();
    let mut command = Command::new("nsenter");
    command.args(["--target", &inside]).current_dir("/");
    if user() == "root" {
        command.args(["--mount", "runuser", "-u", "postgres", "--"]);
    } else {
        command.args(["--user", "--preserve-credentials", "--mount"]);
        command.args(["unshare", "--map-user=1", "--map-group=1"]);
    }
    command.arg(program);
    command
}

/// Copies the template's content onto the disk.
pub(super) fn copy(inside: u32, template: &Path, dir: &Path) {
    run(command(Some(inside), Path::new("cp")).arg("-r").arg(template.join(".")).arg(dir.join("data")));
}
