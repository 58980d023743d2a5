//! `hallpass audit verify`: offline. Nothing is asked of any server.
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;
use hallpass_client::BaseUrl;
use hallpass_client::wire::receipt::GrantReceipt;
use hallpass_domain::audit::{VerifierKey, VerifyError, export, verify_export};
use serde_json::json;

use super::prove::{self, Proved};
use crate::clock;
use crate::ctx::Ctx;
use crate::failure::{Exit, Failure};
use crate::out::{Answer, Body};
use crate::sign_in::store;

/// Arguments.
#[derive(Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["export", "receipt"])))]
pub(crate) struct VerifyArgs {
    /// An export of the log (hallpass audit export)
    #[arg(long, value_name = "FILE", requires = "checkpoint")]
    export: Option<PathBuf>,
    /// A checkpoint that was kept outside; may be repeated: the more, the closer a change is located
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// The log's verifier key as you keep it; may be repeated after a rotation
    #[arg(long, value_name = "FILE")]
    vkey: Vec<PathBuf>,
    /// An access receipt (hallpass receipt)
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
}

pub(super) fn perform(ctx: &Ctx, args: VerifyArgs) -> Result<(), Failure> {
    let own_keys = args.vkey.iter().map(|path| key(path)).collect::<Result<Vec<_>, _>>()?;
    match (&args.export, &args.receipt) {
        (Some(path), _) => verify_whole(ctx, path, &args.checkpoint, own_keys),
        (None, Some(path)) => verify_receipt(ctx, path, own_keys),
        (None, None) => Err(Failure::usage("what", "Name an --export or a --receipt")),
    }
}

fn text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::usage("file", format!("{} cannot be read: {error}", path.display())))
}

fn parse_key(what: &str, text: &str) -> Result<VerifierKey, Failure> {
    text.trim()
        .parse()
        .map_err(|error| Failure::usage("vkey", format!("{what} is not a verifier key: {error}")))
}

fn key(path: &Path) -> Result<VerifierKey, Failure> {
    parse_key(&path.display().to_string(), &text(path)?)
}

fn broken(message: String) -> Failure {
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
    let keys = if has_own { own_keys } else { vec![parse_key("the export's key", &header.vkey)?] };
    let verified = verify_export(open()?, &keys, &held).map_err(|error| {
        let mut failure = broken(format!("The export is NOT what was sealed: {error}"));
        if let VerifyError::Broken(breach) = &error {
            failure.details =
                Some(json!({ "first": breach.first, "last": breach.last, "index": breach.index() }));
        }
        failure
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
    let json = json!({
        "verified": true, "origin": verified.origin, "size": verified.size, "root": verified.root.to_base64(),
        "held_to": verified.held_to, "erased": verified.erased, "own_key": has_own,
    });
    ctx.show(&Answer { json, body: Body::Record(rows) })
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
fn notes_of(text: String, origin: &str) -> Vec<String> {
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

/// Checks a receipt against a key of one's own: given, or remembered from the first login.
fn verify_receipt(ctx: &Ctx, path: &Path, own_keys: Vec<VerifierKey>) -> Result<(), Failure> {
    let receipt: GrantReceipt = serde_json::from_str(&text(path)?).map_err(|error| {
        Failure::usage("receipt", format!("{} is not an access receipt: {error}", path.display()))
    })?;
    let mut keys = own_keys;
    if keys.is_empty() {
        let remembered =
            BaseUrl::parse(&receipt.instance).ok().and_then(|base| store::pinned_vkey(&ctx.settings, &base));
        keys.extend(remembered.as_deref().map(|text| parse_key("the remembered key", text)).transpose()?);
    }
    let has_own = !keys.is_empty();
    if !has_own {
        keys.push(parse_key("the receipt's key", &receipt.vkey)?);
    }
    let proved = prove::events(&receipt, &keys).map_err(broken)?;
    if !has_own {
        return Err(broken(format!(
            "The receipt agrees with itself ({} events), but its key is only its own word",
            proved.len()
        ))
        .next("give the log's key as you keep it: --vkey FILE (hallpass audit vkey)"));
    }
    let mut rows = vec![
        ("Receipt", format!("{} events proved to stand in the log", proved.len())),
        ("Grant", format!("{} of {}", receipt.grant.id, receipt.grant.role.name)),
        ("Holder", format!("{} <{}>", receipt.grant.holder.name, receipt.grant.holder.handle)),
        ("Events", proved.iter().map(line).collect::<Vec<_>>().join("\n")),
    ];
    if receipt.unsealed > 0 {
        rows.push((
            "Not yet",
            format!("{} events were not sealed when the receipt was made", receipt.unsealed),
        ));
    }
    if receipt.cut {
        rows.push((
            "Not in it",
            "older events: there are more than one receipt holds; hallpass audit export has all".to_owned(),
        ));
    }
    let events: Vec<_> = proved.iter().map(Proved::json).collect();
    ctx.show(&Answer { json: json!({ "verified": true, "grant": receipt.grant.id, "events": events, "unsealed": receipt.unsealed, "cut": receipt.cut }), body: Body::Record(rows) })
}

fn line(event: &Proved) -> String {
    let by = event.private.as_ref().map(|p| format!(" {p}")).unwrap_or_default();
    format!("#{} {} {} by {}{by}", event.index, clock::at(event.at), event.kind, event.actor)
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
