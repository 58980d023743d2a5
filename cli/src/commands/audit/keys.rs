//! The log's verifier keys as an auditor keeps them: several after a rotation, in files of one line or more.
use std::path::Path;

use hallpass_domain::audit::VerifierKey;
use hallpass_domain::audit::note::claimed_signers;

use super::verify::text;
use crate::failure::Failure;

/// Reads one key; `what` says where it stands.
pub(super) fn parse(what: &str, text: &str) -> Result<VerifierKey, Failure> {
    text.trim()
        .parse()
        .map_err(|error| Failure::usage("vkey", format!("{what} is not a verifier key: {error}")))
}

/// The keys in these files, one a line, each once: a note opens by no key that is named twice.
pub(super) fn of_files<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<VerifierKey>, Failure> {
    let mut keys = Vec::new();
    for path in paths {
        let (what, held) = (path.as_ref().display().to_string(), text(path.as_ref())?);
        let mut lines = held.lines().filter(|line| !line.trim().is_empty()).peekable();
        if lines.peek().is_none() {
            return Err(Failure::usage("vkey", format!("{what} has no verifier key: it is empty")));
        }
        for line in lines {
            let key = parse(&what, line)?;
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    Ok(keys)
}

/// Adds to a failure which key is missing, where a note says that it is signed with another one of the same log.
pub(super) fn name_missing<'a>(
    failure: Failure,
    keys: &[VerifierKey],
    notes: impl IntoIterator<Item = &'a str>,
) -> Failure {
    let known = |name: &str| keys.iter().any(|key| key.name() == name);
    let mut signers = notes.into_iter().flat_map(claimed_signers);
    // What other logs sign is not asked for.
    let missing = signers
        .find(|(name, id)| known(name) && !keys.iter().any(|key| key.name() == name && key.id() == *id));
    match missing {
        Some((name, id)) => failure.next(format!(
            "a checkpoint says that it is signed with {name}+{id}, a key of this log that you did not give. After a rotation of the log's key give the old one and the new one: --vkey OLD --vkey NEW (hallpass audit vkey). The event key.log_announced vouches for a new key where a checkpoint signed with the old one covers it"
        )),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use hallpass_domain::audit::NoteSigner;
    use hallpass_domain::audit::note::sign;

    use super::*;

    #[test]
    fn keys_of_a_rotated_log() {
        let signer = |name: &str, seed: u8| NoteSigner::from_seed(name, &[seed; 32]).unwrap();
        let (old, new, other) = (signer("a/log", 1), signer("a/log", 2), signer("b/log", 3));
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let both = file("both", format!("{}\n\n{}\n", old.verifier(), new.verifier()));
        let one = file("one", old.verifier().to_string());
        assert_eq!(of_files(&[&both, &one]).unwrap(), [old.verifier().clone(), new.verifier().clone()]);
        assert!(of_files(&[file("none", "\n".to_owned())]).is_err());
        assert!(of_files(&[file("bad", "key\n".to_owned())]).is_err());

        let note = |signer: &NoteSigner| sign("a text\n", &[signer]).unwrap();
        let said = |keys: &[&NoteSigner], notes: &[String]| {
            let keys: Vec<VerifierKey> = keys.iter().map(|s| s.verifier().clone()).collect();
            let failure = Failure::usage("vkey", "It does not open");
            name_missing(failure, &keys, notes.iter().map(String::as_str)).next.clone().unwrap_or_default()
        };
        let notes = [note(&old), note(&new), note(&other)];
        assert!(said(&[&old], &notes).contains(&format!("a/log+{},", new.verifier().id())));
        assert_eq!(said(&[&old, &new], &notes), "");
        assert_eq!(said(&[&other], &notes[..2]), "");
    }
}
