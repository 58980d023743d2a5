//! `hallpass audit verify`: offline. Nothing is asked of any server.
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;
use hallpass_domain::audit::{AnnouncedKey, VerifierKey, VerifyError, export, verify_export};
use serde_json::json;

use super::{keys, receipt};
use crate::ctx::Ctx;
use crate::failure::{Exit, Failure};
use crate::out::{Answer, Body};

/// Arguments.
#[derive(Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["export", "receipt"])))]
pub(crate) struct VerifyArgs {
    /// An export of the log (hallpass audit export)
    #[arg(long, value_name = "FILE", requires = "checkpoint")]
    export: Option<PathBuf>,
    /// A checkpoint that was kept outside; may be repeated: the more, the closer a change is located. A receipt needs
    /// one of its own size
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// The log's verifier key as you keep it. After a rotation the old one and the new one: repeated, or both in one
    /// file, one a line
    #[arg(long, value_name = "FILE")]
    vkey: Vec<PathBuf>,
    /// An access receipt (hallpass receipt)
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
}

pub(super) fn perform(ctx: &Ctx, args: VerifyArgs) -> Result<(), Failure> {
    let own_keys = keys::of_files(&args.vkey)?;
    match (&args.export, &args.receipt) {
        (Some(path), _) => verify_whole(ctx, path, &args.checkpoint, own_keys),
        (None, Some(path)) => receipt::verify(ctx, path, &args.checkpoint, own_keys),
        (None, None) => Err(Failure::usage("what", "Name an --export or a --receipt")),
    }
}

pub(super) fn text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::usage("file", format!("{} cannot be read: {error}", path.display())))
}

pub(super) fn broken(message: String) -> Failure {
    Failure::new(Exit::Failed, "not_verified", message)
}

/// Checks a whole export. The held checkpoints are what it is measured against. Without a key of one's own the export's is taken:
/// up to the held checkpoint that is as good, since a note that was kept outside opens with no other; the rest is then unproved.
fn verify_whole(
    ctx: &Ctx,
    path: &Path,
    checkpoints: &[PathBuf],
    own_keys: Vec<VerifierKey>,
) -> Result<(), Failure> {
    let held = checkpoints.iter().map(|path| text(path)).collect::<Result<Vec<_>, _>>()?;
    let open = || {
        File::open(path)
            .map(BufReader::new)
            .map_err(|error| Failure::usage("file", format!("{} cannot be read: {error}", path.display())))
    };
    let has_own = !own_keys.is_empty();
    let header = header_of(open()?)?;
    let held: Vec<String> = held.into_iter().flat_map(|text| notes_of(text, &header.origin)).collect();
    let held: Vec<&str> = held.iter().map(String::as_str).collect();
    let trusted = if has_own { own_keys } else { vec![keys::parse("the export's key", &header.vkey)?] };
    let verified = verify_export(open()?, &trusted, &held).map_err(|error| {
        let mut failure = broken(format!("The export is NOT what was sealed: {error}"));
        if let VerifyError::Broken(breach) = &error {
            failure.details =
                Some(json!({ "first": breach.first, "last": breach.last, "index": breach.index() }));
            return failure;
        }
        keys::name_missing(failure, &trusted, held.iter().copied().chain([header.checkpoint.as_str()]))
    })?;
    let mut rows = vec![
        ("Verified", format!("{} events of {}", verified.size, verified.origin)),
        ("Root", verified.root.to_base64()),
        ("Held to", format!("event {}: covered by your checkpoint", verified.held_to)),
    ];
    if verified.size > verified.held_to {
        let why = if has_own {
            "rest on the log's signature alone"
        } else {
            "rest on the export's own key: not proved"
        };
        rows.push(("After it", format!("{} events {why}", verified.size - verified.held_to)));
    }
    if verified.erased > 0 {
        rows.push(("Erased", format!("{} events have had their names and reasons erased", verified.erased)));
    }
    let announced: Vec<String> = verified.announced.iter().map(announced).collect();
    if !announced.is_empty() {
        rows.push(("New keys", announced.join("\n")));
    }
    let announced: Vec<_> = verified
        .announced
        .iter()
        .map(|key| json!({ "vkey": key.vkey, "index": key.index, "by": key.by.map(|id| id.to_string()) }))
        .collect();
    let json = json!({
        "verified": true, "origin": verified.origin, "size": verified.size, "root": verified.root.to_base64(),
        "held_to": verified.held_to, "erased": verified.erased, "own_key": has_own,
        "announced_keys": announced,
    });
    ctx.show(&Answer { json, body: Body::Record(rows) })
}

/// What the log says of a new key, and whether an old one vouches for that.
fn announced(key: &AnnouncedKey) -> String {
    let by = match key.by {
        Some(id) => format!("a checkpoint signed with your key {id} covers that"),
        None => "none of your checkpoints by an older key covers that: it is your own word alone".to_owned(),
    };
    format!("{}: announced by event {}; {by}", key.vkey, key.index)
}

/// The first line of an export.
fn header_of(source: impl BufRead) -> Result<export::Header, Failure> {
    let mut line = String::new();
    source
        .take(1 << 20)
        .read_line(&mut line)
        .map_err(|error| Failure::usage("file", format!("The export cannot be read: {error}")))?;
    export::Header::parse(&line).map_err(|error| broken(format!("The export's first line: {error}")))
}

/// The notes of a log in a file that holds one, or many as the server's checkpoint file does (each followed by an empty
/// line). Those of other logs are left out where there are many: after a restore the log goes on under another origin.
pub(super) fn notes_of(text: String, origin: &str) -> Vec<String> {
    let blocks: Vec<&str> = text.split("\n\n").collect();
    let notes: Vec<String> = blocks
        .windows(2)
        .filter_map(|pair| match pair {
            [body, signatures] if signatures.starts_with("— ") => {
                Some(format!("{}\n\n{}\n", body.trim_start_matches('\n'), signatures.trim_end()))
            }
            _ => None,
        })
        .collect();
    if notes.len() < 2 {
        return vec![text];
    }
    notes.into_iter().filter(|note| note.lines().next() == Some(origin)).collect()
}

#[cfg(test)]
mod tests {
    use super::notes_of;

    #[test]
    fn a_checkpoint_file_holds_many_notes() {
        let note = |origin: &str, size: u32| format!("{origin}\n{size}\nAAAA\n\n— {origin} c2ln\n");
        assert_eq!(notes_of(note("a/log", 1), "b/log"), [note("a/log", 1)], "one is taken as it is");
        let file = format!("{}\n{}\n{}\n", note("a/log", 1), note("a/log", 2), note("a/log/later", 3));
        assert_eq!(notes_of(file.clone(), "a/log"), [note("a/log", 1), note("a/log", 2)]);
        assert_eq!(notes_of(file, "a/log/later"), [note("a/log/later", 3)]);
        assert_eq!(notes_of("nonsense".to_owned(), "a/log"), ["nonsense"]);
    }
}
