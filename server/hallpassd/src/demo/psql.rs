//! SQL for the demo's target, by psql. It goes in by standard input: what a program is started with is there for everybody on
//! the machine to read.
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::compose::StartError;

/// psql as a program for programs: no start-up file, values alone (columns apart by `|`), and the first error ends it.
const QUIET: [&str; 8] = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"];

/// Runs `sql` by `psql`, which says where and as whom.
///
/// # Errors
/// What psql said, after `doing`.
pub(super) fn run(psql: &mut Command, sql: &str, doing: &str) -> Result<String, StartError> {
    let failed = |e| StartError::because(doing, e);
    prepared(psql);
    let mut child = psql.spawn().map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        // One that ends early says why itself.
        let _ = input.write_all(sql.as_bytes()).and_then(|()| input.write_all(b"\n;\n"));
    }
    let output = child.wait_with_output().map_err(failed)?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(StartError(format!("{doing}: {}", String::from_utf8_lossy(&output.stderr))))
    }
}

fn prepared(psql: &mut Command) {
    psql.args(QUIET);
    psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
}
