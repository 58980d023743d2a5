//! `demo tamper`: changes one old audit row behind Hallpass's back, in a copy of the database file, and shows the
//! offline check name it. The export and the check are the ones that auditors use.
use std::io::Cursor;
use std::path::Path;

use hallpass_broker::Broker;
use hallpass_domain::audit::keys::VerifierKey;
use hallpass_domain::audit::verify::verify_export;

use super::DemoArgs;
use crate::commands::say;
use crate::compose::{self, Given, Making, StartError};

/// What an approval says of itself in its row; the copy says the opposite.
const BEFORE: &[u8] = br#""verdict":"approve""#;
const AFTER: &[u8] = br#""verdict":"refused""#;

/// `demo tamper`. The demo must have been used: there is an approval to change.
pub async fn run(args: DemoArgs) -> Result<(), StartError> {
    let data = compose::absolute(args.data.clone());
    let database = data.join("hallpass.db");
    if !database.exists() {
        return Err(StartError(format!(
            "{} holds no demo yet: run hallpassd demo, approve a request, stop it, and come back",
            data.display()
        )));
    }
    let published = newest_checkpoint(&data.join("checkpoints.txt"))?;
    let honest = data.join("tamper-honest.db");
    let tampered = data.join("tamper-changed.db");
    for copy in [&honest, &tampered] {
        for suffix in ["", "-wal", "-shm", ".lock"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", copy.display()));
        }
        copy_database(&database, copy)?;
    }
    say("1. The log as it is, against the newest checkpoint held outside the database:");
    let (key, events) = check(&data, &honest, &published).await?;
    say(&format!("   verified: {events} events, signed by {key}"));

    say("2. Somebody with write access to the database turns an old approval into something else …");
    let mut bytes = std::fs::read(&tampered).map_err(|e| StartError(e.to_string()))?;
    let Some(at) = find(&bytes, BEFORE) else {
        return Err(StartError("there is no approval in this demo's log yet: run hallpassd demo, approve a request, stop it, and come back".to_owned()));
    };
    if let Some(place) = bytes.get_mut(at..at + AFTER.len()) {
        place.copy_from_slice(AFTER);
    }
    std::fs::write(&tampered, bytes).map_err(|e| StartError(e.to_string()))?;
    say(&format!("   {} byte(s) at offset {at} of the copy of the file", AFTER.len()));

    say("3. The same check again:");
    match check(&data, &tampered, &published).await {
        Ok(_) => Err(StartError(
            "the change was NOT found: this is a fault in Hallpass, please report it".to_owned(),
        )),
        Err(error) => {
            say(&format!("   {error}"));
            say("   The log on the server cannot lie about its past to somebody who kept a checkpoint.");
            Ok(())
        }
    }
}

/// A copy without the write-ahead log: what is in it has been brought into the file first.
fn copy_database(from: &Path, to: &Path) -> Result<(), StartError> {
    std::fs::copy(from, to).map_err(|e| StartError::because("copying the database", e))?;
    let wal = format!("{}-wal", from.display());
    if Path::new(&wal).exists() {
        std::fs::copy(&wal, format!("{}-wal", to.display()))
            .map_err(|e| StartError::because("copying the database", e))?;
    }
    Ok(())
}

/// Exports a database and verifies the export offline.
async fn check(data: &Path, database: &Path, published: &str) -> Result<(String, u64), StartError> {
    let mut config = super::config(data, "127.0.0.1:0");
    config.database.url = format!("sqlite:{}", database.display());
    config.mail.directory = data.join("tamper-mail");
    let composed =
        compose::compose(&config, "http://127.0.0.1:8420", Making::Refused, Given::default()).await?;
    let key: VerifierKey =
        composed.broker.log_signer.verifier().to_string().parse().map_err(|e| StartError(format!("{e}")))?;
    let text = export(&composed.broker).await?;
    let verified = verify_export(Cursor::new(text), std::slice::from_ref(&key), &[published])
        .map_err(|e| StartError(format!("REFUSED: {e}")))?;
    Ok((key.name().to_owned(), verified.size))
}

async fn export(broker: &Broker) -> Result<String, StartError> {
    let said = |r: hallpass_domain::refusal::Refusal| StartError(r.message);
    let export = broker.begin_export().await.map_err(said)?;
    let mut text = export.header.clone();
    for block in 0..export.blocks() {
        text.push_str(&broker.export_block(&export, block).await.map_err(said)?);
    }
    Ok(text)
}

/// The newest note of the checkpoint file: notes end with an empty line each.
fn newest_checkpoint(path: &Path) -> Result<String, StartError> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| StartError(format!("{}: {e}; run hallpassd demo first", path.display())))?;
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

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|w| w == pattern)
}
