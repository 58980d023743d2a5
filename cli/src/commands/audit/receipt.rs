//! `hallpass audit verify --receipt`: the events of a receipt are in the log, and what it says beside them is what they say.
use std::path::{Path, PathBuf};

use hallpass_client::BaseUrl;
use hallpass_client::wire::receipt::GrantReceipt;
use hallpass_domain::audit::{Checkpoint, VerifierKey};
use serde_json::json;

use super::compare::{self, Compared};
use super::prove::{self, Evidence, Proved};
use super::verify::{broken, notes_of, text};
use super::{keys, told};
use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::out::{Answer, Body};
use crate::sign_in::store;

/// Checks a receipt against what its reader keeps: a key of the log, given or remembered from the first login, or a checkpoint
/// of the receipt's own size, which no other log leads to.
pub(super) fn verify(
    ctx: &Ctx,
    path: &Path,
    checkpoints: &[PathBuf],
    own_keys: Vec<VerifierKey>,
) -> Result<(), Failure> {
    let receipt: GrantReceipt = serde_json::from_str(&text(path)?).map_err(|error| {
        Failure::usage("receipt", format!("{} is not an access receipt: {error}", path.display()))
    })?;
    let held = checkpoints.iter().map(|path| text(path)).collect::<Result<Vec<_>, _>>()?;
    let mut keys = own_keys;
    if keys.is_empty() {
        let remembered =
            BaseUrl::parse(&receipt.instance).ok().and_then(|base| store::pinned_vkey(&ctx.settings, &base));
        keys.extend(remembered.as_deref().map(|text| keys::parse("the remembered key", text)).transpose()?);
    }
    let has_own = !keys.is_empty();
    if !has_own {
        keys.push(keys::parse("the receipt's key", &receipt.vkey)?);
    }
    let evidence = prove::events(&receipt, &keys).map_err(|why| {
        // A proof ends with the note of its checkpoint.
        let notes = receipt.events.iter().map(|event| event.tlog_proof.as_str());
        keys::name_missing(broken(why), &keys, notes)
    })?;
    if !held.is_empty() {
        held_to(&evidence.checkpoint, held, &keys)?;
    } else if !has_own {
        return Err(broken(format!(
            "The receipt agrees with itself ({} events), but its key is only its own word",
            evidence.events.len()
        ))
        .next("give the log's key as you keep it: --vkey FILE (hallpass audit vkey)"));
    }
    let compared = compare::all(&receipt, &evidence.events).map_err(|why| {
        let failure = broken(format!("The receipt does NOT say what its events say. {why}"));
        if receipt.unsealed == 0 {
            return failure;
        }
        failure.next("it was made before all of its events were sealed: ask for it again (hallpass receipt)")
    })?;
    show(ctx, &receipt, &evidence, &compared, !checkpoints.is_empty())
}

/// The checkpoint that the proofs lead to must be one that was kept outside. Others in the same file may be of other sizes, and
/// signed with a key from before a rotation.
fn held_to(led_to: &Checkpoint, held: Vec<String>, trusted: &[VerifierKey]) -> Result<(), Failure> {
    let (mut sizes, mut unopened) = (Vec::new(), None);
    for note in held.into_iter().flat_map(|text| notes_of(text, &led_to.origin)) {
        let kept = match Checkpoint::open(&note, trusted) {
            Ok(kept) => kept,
            Err(error) => {
                unopened = Some((error, note));
                continue;
            }
        };
        if kept.origin != led_to.origin {
            return Err(broken(format!(
                "The checkpoint that you kept is of the log {}, the receipt is of {}",
                kept.origin, led_to.origin
            )));
        }
        if kept.size == led_to.size {
            if kept.root == led_to.root {
                return Ok(());
            }
            return Err(broken(format!(
                "The receipt is NOT of the log that you know: at size {} its root is {}, your checkpoint's {}",
                led_to.size,
                led_to.root.to_base64(),
                kept.root.to_base64()
            )));
        }
        sizes.push(kept.size);
    }
    if let (Some((error, note)), true) = (unopened, sizes.is_empty()) {
        let failure = broken(format!("The checkpoint that you kept does not open: {error}"));
        return Err(keys::name_missing(failure, trusted, [note.as_str()]));
    }
    let nearest = sizes.into_iter().min_by_key(|size| size.abs_diff(led_to.size));
    let yours = nearest.map_or_else(|| "none of this log".to_owned(), |size| format!("of size {size}"));
    Err(broken(format!(
        "The receipt leads to the checkpoint of size {}, and yours is {yours}: the two cannot be compared",
        led_to.size
    ))
    .next("check an export against your checkpoint (hallpass audit verify --export FILE --checkpoint FILE), or give the server's whole checkpoint file, or --vkey alone"))
}

fn show(
    ctx: &Ctx,
    receipt: &GrantReceipt,
    evidence: &Evidence,
    compared: &Compared,
    held: bool,
) -> Result<(), Failure> {
    let (events, checkpoint) = (&evidence.events, &evidence.checkpoint);
    let erased = events.iter().filter(|event| event.private.is_none()).count();
    let mut rows = vec![
        (
            "Receipt",
            format!("{} events proved to stand in the log; what it says is what they say", events.len()),
        ),
        (
            "Checkpoint",
            format!(
                "{}, size {}, root {}{}",
                checkpoint.origin,
                checkpoint.size,
                checkpoint.root.to_base64(),
                if held { ": the one that you kept" } else { "" }
            ),
        ),
    ];
    let names = told::names(events);
    rows.extend(told::grant(receipt, events));
    rows.push((
        "Events",
        events.iter().map(|event| told::event(event, &names)).collect::<Vec<_>>().join("\n"),
    ));
    rows.push((
        "Complete",
        if compared.complete {
            "as many events of each kind as the log had when the grant ended".to_owned()
        } else {
            "not proved: a receipt of a grant that has ended says so, or an export (hallpass audit verify --export)".to_owned()
        },
    ));
    if erased > 0 {
        rows.push((
            "Erased",
            format!(
                "{erased} events are without their names and reasons: erased, or left out of the receipt"
            ),
        ));
    }
    if !compared.unproved.is_empty() {
        rows.push(("Not proved", compared.unproved.join("\n")));
    }
    rows.push((
        "Not compared",
        "what the role is for, names of stages and of the workflow, mails, timeline: in the file for reading"
            .to_owned(),
    ));
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
    let json = json!({
        "verified": true, "grant": receipt.grant.id, "events": events.iter().map(Proved::json).collect::<Vec<_>>(),
        "checkpoint": { "origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.to_base64(), "held": held },
        "complete": compared.complete, "erased": erased, "not_proved": compared.unproved, "unsealed": receipt.unsealed, "cut": receipt.cut,
    });
    ctx.show(&Answer { json, body: Body::Record(rows) })
}
