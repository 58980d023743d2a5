//! The help is part of the interface: a change of it is seen. `UPDATE_GOLDEN=1 cargo test -p hallpass help` takes it over.
use std::path::Path;

use crate::kit::{Home, Ran};

const COMMANDS: &[&str] = &[
    "",
    "login",
    "logout",
    "whoami",
    "roles",
    "role",
    "request",
    "show",
    "list",
    "wait",
    "approve",
    "deny",
    "withdraw",
    "token",
    "creds",
    "run",
    "active",
    "end",
    "revoke",
    "lift",
    "receipt",
    "audit",
    "audit search",
    "audit export",
    "audit checkpoint",
    "audit vkey",
    "audit verify",
    "admin",
    "admin apply",
    "admin get",
    "admin check",
    "admin findings",
    "admin remove-account",
    "admin rotate-secret",
    "completion",
    "man",
    "help",
];

#[test]
fn golden_help() {
    let home = Home::new();
    let mut all = String::new();
    for command in COMMANDS {
        let mut args: Vec<&str> = command.split_whitespace().collect();
        args.push("--help");
        let ran = Ran::of(home.command("", &args).output().unwrap()).expect(0);
        all.push_str(&format!("$ hallpass {}\n{}\n", args.join(" "), ran.out));
    }
    for topic in ["exit-codes", "environment", "formatting"] {
        let ran = Ran::of(home.command("", &["help", topic]).output().unwrap()).expect(0);
        all.push_str(&format!("$ hallpass help {topic}\n{}\n", ran.out));
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/help.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
        std::fs::write(&golden, &all).unwrap();
    }
    let expected = std::fs::read_to_string(&golden).unwrap();
    assert!(
        all == expected,
        "the help has changed; look at the difference, then UPDATE_GOLDEN=1 cargo test -p hallpass help"
    );
}

#[test]
fn help_by_name_and_completions() {
    let home = Home::new();
    let by_name = Ran::of(home.command("", &["help", "run"]).output().unwrap()).expect(0);
    assert!(by_name.out.contains("--on-expiry"));
    Ran::of(home.command("", &["help", "nonsense"]).output().unwrap()).expect(2);
    for shell in ["bash", "zsh", "fish"] {
        let ran = Ran::of(home.command("", &["completion", shell]).output().unwrap()).expect(0);
        assert!(ran.out.contains("hallpass"), "{shell}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let home = Home::new();
    let ran = Ran::of(home.command("", &["man", "--dir", "share/man/man1"]).output().unwrap()).expect(0);
    assert!(ran.out.is_empty() && ran.err.contains("share/man/man1"), "{ran:?}");
    let dir = home.dir.path().join("share/man/man1");
    for command in COMMANDS {
        let name = ["hallpass", command].join(" ").trim().replace(' ', "-");
        let page = std::fs::read_to_string(dir.join(format!("{name}.1"))).expect(&name);
        assert!(page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"), "{name}");
    }
    let first = std::fs::read_to_string(dir.join("hallpass.1")).unwrap();
    assert!(first.contains(".SH EXIT STATUS") && first.contains("HALLPASS_TOKEN_FILE"), "{first}");
    // A folder that cannot be made is said, with nothing on stdout.
    std::fs::write(home.dir.path().join("file"), "").unwrap();
    Ran::of(home.command("", &["man", "--dir", "file/man"]).output().unwrap()).expect(1);
}
