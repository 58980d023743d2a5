//! What a newcomer is told: on standard output, and on the page `/demo`.
use std::path::{Path, PathBuf};

use super::facts::Facts;
use super::{DEFAULT_DATA, programs};

/// The folder of this program, where `cargo` built it: then also the name of the profile.
fn built() -> Option<(PathBuf, Option<&'static str>)> {
    let folder = std::env::current_exe().ok()?.parent()?.to_owned();
    let profile = match folder.file_name().and_then(|n| n.to_str()) {
        Some("release") => Some(" --release"),
        Some("debug") => Some(""),
        _ => None,
    };
    Some((folder, profile))
}

/// A command of the server, as it was started itself.
pub fn server(what: &str) -> String {
    match built() {
        Some((_, Some(profile))) => format!("cargo run{profile} -- {what}"),
        _ => format!("hallpassd {what}"),
    }
}

/// A command of the demo that works on what this one leaves.
pub fn afterwards(what: &str, data: &Path) -> String {
    let same =
        if data == Path::new(DEFAULT_DATA) { String::new() } else { format!(" --data {}", quoted(data)) };
    format!("{}{same}", server(what))
}

/// What another terminal needs before it has `hallpass`.
fn program() -> Vec<String> {
    let mut lines = Vec::new();
    if let Some((folder, profile)) = built() {
        if let (Some(profile), false) = (profile, folder.join("hallpass").is_file()) {
            lines.push(format!("cargo build{profile} -p hallpass"));
        }
        if !is_on_path(&folder) {
            lines.push(format!("export PATH={}:$PATH", quoted(&folder)));
        }
    }
    lines
}

/// What another terminal needs before `hallpass` speaks to this demo.
pub fn set_up(base_url: &str) -> Vec<String> {
    let mut lines = program();
    lines.push(format!("export HALLPASS_SERVER={base_url}"));
    lines
}

/// How to check what `demo tamper` left, by hand.
pub(super) fn verify(folder: &Path) -> Vec<String> {
    let mut lines = program();
    let file = |name: &str| quoted(&folder.join(name));
    for export in ["honest.jsonl", "changed.jsonl"] {
        lines.push(format!(
            "hallpass audit verify --export {} --checkpoint {} --vkey {}",
            file(export),
            file("checkpoint"),
            file("vkey")
        ));
    }
    lines
}

fn is_on_path(folder: &Path) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|p| p == folder))
}

fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+@".contains(&b)) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Asking, for a shell.
pub fn ask(role: &str) -> String {
    format!("hallpass request {role} --reason 'trying it' --wait")
}

/// Using what was given.
pub fn use_it(role: &str) -> String {
    format!("hallpass run {role} -- {}", if role.starts_with("db-") { "psql" } else { "env" })
}

/// The short guide.
pub fn text(facts: &Facts, data: &Path) -> String {
    let postgres = facts.postgresql.is_some();
    let mut lines = vec![
        String::new(),
        format!("  Hallpass demo  {}/demo", facts.base_url),
        format!("  Mails          {}/demo/mail", facts.base_url),
    ];
    for server in &facts.resource_servers {
        lines.push(format!(
            "  {:<14} {}  (checks tokens: {})",
            server.client_id, server.url, server.verification
        ));
    }
    lines.push(match &facts.postgresql {
        Some(reach) => format!("  PostgreSQL     {}:{}, the target orders-db", reach.host, reach.port),
        None => format!(
            "  PostgreSQL     not installed: token targets only. For a real database:  {}",
            programs::INSTALL
        ),
    });
    lines.push(format!("  Data           {} (kept between starts)", data.display()));
    lines.push(String::new());
    lines.push("  People (“act as” on every page becomes any of them; or sign in):".to_owned());
    for p in &facts.people {
        let part = if p.duties.is_empty() { p.groups.join(", ") } else { p.duties.join(", ") };
        lines.push(format!("    {:<15} {:<16} {:<22} {part}", p.name, p.email, p.password));
    }
    let quick = if postgres { "db-quick" } else { "billing-quick" };
    lines.push(String::new());
    lines.push("  From a script, in another terminal:".to_owned());
    for line in set_up(&facts.base_url) {
        lines.push(format!("    {line}"));
    }
    lines.push("    hallpass login".to_owned());
    lines.push(format!("    {}     # Ana or Bo approves", ask(quick)));
    lines.push(format!("    {}", use_it(quick)));
    lines.push(String::new());
    if let Some(look) = &facts.look {
        lines.push(
            "  The logins and sessions at the target, past Hallpass (before, during and after):".to_owned(),
        );
        lines.push(format!("    {look}"));
        lines.push(String::new());
    }
    lines.push("  Afterwards, with this demo stopped:".to_owned());
    for what in ["demo crash", "demo tamper"] {
        lines.push(format!("    {}", afterwards(what, data)));
    }
    lines.push(String::new());
    lines.push("  Ctrl-C stops it, and everything it started.".to_owned());
    lines.push(String::new());
    lines.join("\n")
}
