//! A program that keeps the token, by the protocol of Vault's token helpers: `get` writes it to stdout, `store` reads it from
//! stdin, `erase` forgets it. The server's address is in HALLPASS_SERVER.
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use hallpass_client::BaseUrl;

use crate::failure::{Exit, Failure};

fn failed(program: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        Exit::Failed,
        "token_helper",
        format!("The token helper {} failed: {why}", program.display()),
    )
}

fn command(program: &Path, verb: &str, base: &BaseUrl) -> Command {
    let mut command = Command::new(program);
    command.arg(verb).env("HALLPASS_SERVER", base.as_str());
    command
}

/// The kept token; none where the helper has none.
pub(crate) fn get(program: &Path, base: &BaseUrl) -> Result<Option<String>, Failure> {
    let output = command(program, "get", base)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| failed(program, &e))?;
    if !output.status.success() {
        return Err(failed(program, &output.status));
    }
    let token = String::from_utf8(output.stdout).map_err(|_| failed(program, &"its answer is not text"))?;
    Ok(Some(token.trim().to_owned()).filter(|token| !token.is_empty()))
}

/// Keeps a token.
pub(crate) fn store(program: &Path, base: &BaseUrl, token: &str) -> Result<(), Failure> {
    let mut child = command(program, "store", base)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|e| failed(program, &e))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(token.as_bytes()).map_err(|e| failed(program, &e))?;
    }
    let status = child.wait().map_err(|e| failed(program, &e))?;
    if status.success() { Ok(()) } else { Err(failed(program, &status)) }
}

/// Forgets the token.
pub(crate) fn erase(program: &Path, base: &BaseUrl) -> Result<(), Failure> {
    let status = command(program, "erase", base)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_err(|e| failed(program, &e))?;
    if status.success() { Ok(()) } else { Err(failed(program, &status)) }
}
