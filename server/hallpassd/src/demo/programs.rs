//! PostgreSQL's server programs: where they are, and as whom they run.
use std::path::{Path, PathBuf};
use std::process::Command;

/// The line that installs what is needed.
pub const INSTALL: &str = "apt-get install -y postgresql";
/// Variable that names the folder with `initdb`, `pg_ctl` and `psql`, where they are elsewhere.
pub const FOLDER: &str = "HALLPASS_DEMO_PG_BIN";

/// Folder of the server programs: the one that is named in the environment, else the newest that Debian installed, else
/// where the search path has them. `None` where they are not installed.
pub fn find() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(FOLDER).filter(|v| !v.is_empty()) {
        return Some(PathBuf::from(named)).filter(|p| has_programs(p));
    }
    debian().or_else(|| std::env::split_paths(&std::env::var_os("PATH")?).find(|p| has_programs(p)))
}

fn has_programs(folder: &Path) -> bool {
    ["initdb", "pg_ctl", "psql"].iter().all(|name| folder.join(name).is_file())
}

fn debian() -> Option<PathBuf> {
    let version = |p: &Path| p.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse::<u32>().ok());
    std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .filter_map(|e| Some((version(&e.path())?, e.path().join("bin"))))
        .filter(|(_, bin)| has_programs(bin))
        .max()
        .map(|(_, bin)| bin)
}

/// A command as the user that servers run as: PostgreSQL does not run as root, but as the user that the package made.
pub(super) fn as_server(program: &Path) -> Command {
    if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

/// Whether we are root, as the system says.
pub(super) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}
