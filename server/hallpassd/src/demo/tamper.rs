//! `demo tamper`: changes one old audit row behind Hallpass's back, in a copy of the database, and shows the offline check
//! name it. The export and the check are the ones that auditors use.
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use hallpass_broker::Broker;
use hallpass_domain::audit::event::Event;
use hallpass_domain::audit::export::Line;
use hallpass_domain::audit::keys::VerifierKey;
use hallpass_domain::audit::verify::{Verified, VerifyError, verify_export};
use hallpass_domain::refusal::Refusal;
use serde_json::json;

use super::hold::Hold;
use super::seed::{Memory, write_private};
use super::story::Story;
use super::{DemoArgs, guide};
use crate::commands::say;
use crate::compose::{self, Composed, Given, Making, StartError};

/// What an approval says of itself in its row; the copy says the opposite.
const BEFORE: &[u8] = br#""verdict":"approve""#;
const AFTER: &[u8] = br#""verdict":"refused""#;

fn said(refusal: Refusal) -> StartError {
    StartError(refusal.message)
}

/// `demo tamper`.
///
/// # Errors
/// Where a demo runs in the folder, or the change is not found.
pub async fn run(args: DemoArgs) -> Result<(), StartError> {
    let data = compose::absolute(args.data.clone());
    let _hold = Hold::take(&data)?;
    let composed = if data.join("hallpass.db").exists() {
        open(&data, &data.join("hallpass.db"), Making::Refused).await?
    } else {
        say(&format!("0. No demo in {} yet: making one, without its database target …", args.data.display()));
        make(&data).await?
    };
    let broker = Arc::clone(&composed.broker);
    seal(&broker).await?;
    let mut honest = export(&broker).await?;
    let (index, event) = match approval(&honest) {
        Some(found) => found,
        None => {
            say("0. Nothing was approved here yet: Dana asks for billing-quick, and Ana approves …");
            let people = Memory::load(&data).people;
            let story = Story::begin(&broker, &people).await.map_err(said)?;
            let _ = story.grant("billing-quick", "2m", "to be tampered with").await.map_err(said)?;
            seal(&broker).await?;
            honest = export(&broker).await?;
            approval(&honest).ok_or_else(|| StartError("the approval is not in the log".to_owned()))?
        }
    };

    let folder = data.join("tamper");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).map_err(|e| StartError::because(&folder.display().to_string(), e))?;
    let key = broker.log_signer.verifier().to_string();
    let published = newest_checkpoint(&data.join("checkpoints.txt"))?;
    write_private(&folder.join("vkey"), &format!("{key}\n"))?;
    write_private(&folder.join("checkpoint"), &published)?;
    write_private(&folder.join("honest.jsonl"), &honest)?;

    say("1. The log as it is, against the newest checkpoint that was published outside the database:");
    let verified = verify(&key, &honest, &published)?.map_err(|e| StartError(format!("REFUSED: {e}")))?;
    say(&format!("   verified: {} events, signed by {}", verified.size, verified.origin));

    say(&format!(
        "2. Somebody with write access to the file changes event {index}, an old approval ({}) …",
        event.parts().kind
    ));
    let copy = folder.join("hallpass.db");
    composed.store.backup(&copy).await.map_err(|e| StartError(e.to_string()))?;
    let offset = change(&copy, &event)?;
    say(&format!(
        "   {} became {}, at byte {offset} of a copy",
        String::from_utf8_lossy(BEFORE),
        String::from_utf8_lossy(AFTER)
    ));

    say("3. The same check again:");
    let changed = {
        let tampered = open(&data, &copy, Making::Refused).await?;
        export(&tampered.broker).await?
    };
    write_private(&folder.join("changed.jsonl"), &changed)?;
    match verify(&key, &changed, &published)? {
        Err(VerifyError::Broken(breach)) if breach.index() == Some(index) => {
            say(&format!("   REFUSED: {breach}"));
            say("   The log on the server cannot lie about its past to somebody who kept a checkpoint.");
            say("\nSee for yourself, with the command alone and no server:");
            for line in guide::verify(&folder) {
                say(&format!("   {line}"));
            }
            Ok(())
        }
        other => Err(StartError(format!(
            "the change of event {index} was not named ({}): this is a fault in Hallpass, please report it",
            other.map_or_else(|e| e.to_string(), |v| format!("{} events verified", v.size))
        ))),
    }
}

/// The parts on a database file of the demo, with nothing running.
async fn open(data: &Path, database: &Path, making: Making) -> Result<Composed, StartError> {
    let mut config = super::config(data, "127.0.0.1:0");
    config.database.url = format!("sqlite:{}", database.display());
    config.mail.directory = data.join("tamper").join("mail");
    compose::compose(&config, "http://127.0.0.1:8420", making, Given::default()).await
}

/// A demo that has never run: its organisation on the token targets; the database target comes with the first start.
async fn make(data: &Path) -> Result<Composed, StartError> {
    let composed = open(data, &data.join("hallpass.db"), Making::Allowed).await?;
    let mut memory = super::memory(data)?;
    if memory.resource_ports.is_empty() {
        for _ in 0..2 {
            memory.resource_ports.push(super::resource_server::listen(0)?.0);
        }
    }
    super::seed::seed(&composed.broker, &mut memory, None, false).await?;
    memory.save(data)?;
    Ok(composed)
}

/// Seals what there is, as the running server does each second, and publishes the checkpoint.
async fn seal(broker: &Broker) -> Result<(), StartError> {
    loop {
        let report = broker.step_seal_audit().await;
        if let Some(error) = report.error {
            return Err(StartError(error));
        }
        if report.done == 0 {
            return Ok(());
        }
    }
}

/// Nothing is sealed here: a checkpoint of the changed copy must never be published.
async fn export(broker: &Broker) -> Result<String, StartError> {
    let export = broker.begin_export().await.map_err(said)?;
    let mut text = export.header.clone();
    for block in 0..export.blocks() {
        text.push_str(&broker.export_block(&export, block).await.map_err(said)?);
    }
    Ok(text)
}

fn verify(key: &str, export: &str, published: &str) -> Result<Result<Verified, VerifyError>, StartError> {
    let key: VerifierKey = key.parse().map_err(|e| StartError(format!("{e}")))?;
    Ok(verify_export(Cursor::new(export), std::slice::from_ref(&key), &[published]))
}

/// The oldest approval of an export, with its index.
fn approval(export: &str) -> Option<(u64, Event)> {
    export.split_inclusive('\n').skip(1).find_map(|line| match Line::parse(line) {
        Ok(Line::Event(index, event)) if event.parts().data.get("verdict") == Some(&json!("approve")) => {
            Some((index, *event))
        }
        _ => None,
    })
}

/// Changes the event's row in the file. A row holds its id, then its time and kind, then the rest (migration `audit`).
fn change(file: &Path, event: &Event) -> Result<usize, StartError> {
    let failed = |e: std::io::Error| StartError::because(&file.display().to_string(), e);
    let mut bytes = std::fs::read(file).map_err(failed)?;
    let (id, kind) = (event.parts().id, event.parts().kind.as_bytes());
    let start =
        bytes.windows(16).enumerate().filter(|(_, w)| *w == id.as_bytes()).map(|(at, _)| at).find(|at| {
            bytes.get(at + 16..at + 24 + kind.len()).is_some_and(|after| find(after, kind).is_some())
        });
    let at = start
        .and_then(|start| Some(start + find(bytes.get(start..)?, BEFORE)?))
        .ok_or_else(|| StartError("the row is not in the file".to_owned()))?;
    if let Some(place) = bytes.get_mut(at..at + AFTER.len()) {
        place.copy_from_slice(AFTER);
    }
    std::fs::write(file, bytes).map_err(failed)?;
    Ok(at)
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|w| w == pattern)
}

/// The newest note of the checkpoint file: notes end with an empty line each.
fn newest_checkpoint(path: &Path) -> Result<String, StartError> {
    let text =
        std::fs::read_to_string(path).map_err(|e| StartError::because(&path.display().to_string(), e))?;
    // A note is text, an empty line, signature lines; between notes stands one more empty line.
    let lines: Vec<&str> = text.lines().collect();
    let signature = lines.iter().rposition(|l| l.starts_with('\u{2014}'));
    let start = signature
        .and_then(|s| lines.get(..s))
        .and_then(|before| before.iter().rposition(|l| l.is_empty()))
        .and_then(|blank| lines.get(..blank))
        .map(|before| before.iter().rposition(|l| l.is_empty()).map_or(0, |b| b + 1));
    match (start, signature) {
        (Some(start), Some(end)) => {
            Ok(lines.get(start..=end).unwrap_or_default().iter().map(|l| format!("{l}\n")).collect())
        }
        _ => Err(StartError("no checkpoint was published yet".to_owned())),
    }
}
