//! A log of 1,000 events, and every way to change an export of it.

use super::event::{Event, NewEvent};
use super::export::{BLOCK, Block, Header, event_line};
use super::locate::{Breach, Fault};
use super::testing::{Log, new_event};
use super::verify::{ExportVerifier, Verified, VerifyError, verify_export};
use serde_json::json;

const SIZE: u64 = 1_000;

/// What an attacker would rather have had happen at `n`.
fn other(n: u64) -> Event {
    Event::new(NewEvent { data: json!({"state": "approved", "n": n}), ..new_event(n) }).unwrap()
}

fn start(log: &Log, header: &Header, held: &[&str]) -> ExportVerifier {
    ExportVerifier::new(header, &[log.signer.verifier().clone()], held).unwrap()
}

fn run(mut verifier: ExportVerifier, lines: &[String]) -> Result<Verified, VerifyError> {
    for line in lines {
        verifier.line(line)?;
    }
    verifier.finish()
}

fn breach(answer: Result<Verified, VerifyError>) -> Breach {
    match answer {
        Err(VerifyError::Broken(breach)) => breach,
        other => panic!("{other:?}"),
    }
}

fn file(header: &Header, lines: &[String]) -> Vec<u8> {
    (header.to_line().unwrap() + &lines.concat()).into_bytes()
}

#[test]
fn an_honest_export_verifies_with_any_held_checkpoint() {
    let log = Log::new(SIZE);
    let trusted = [log.signer.verifier().clone()];
    for size in [0, 1, 2, 255, 256, 257, 512, 1_000] {
        let export = file(&log.header(size), &log.lines(size));
        for held in [0, 1, size / 2, size] {
            if held <= size {
                let verified = verify_export(export.as_slice(), &trusted, &[&log.checkpoint(held)]).unwrap();
                assert_eq!((verified.size, verified.held_to, verified.erased), (size, held, 0));
            }
        }
    }
}

#[test]
fn erased_events_still_verify() {
    let mut log = Log::new(300);
    for index in [0, 7, 255, 256, 299] {
        log.events[index] = log.events[index].clone().erased();
    }
    let export = file(&log.header(300), &log.lines(300));
    let verified =
        verify_export(export.as_slice(), &[log.signer.verifier().clone()], &[&log.checkpoint(300)]).unwrap();
    assert_eq!(verified.erased, 5);
}

/// For every index: edit, edit of the private part, delete, swap, duplicate, truncate and fork, with indexes left
/// as they were and with the rest renumbered; each is refused, and the index named.
#[test]
fn every_change_of_every_event_is_named() {
    let log = Log::new(SIZE);
    let header = log.header(SIZE);
    let held = log.checkpoint(SIZE);
    let line = |at: u64, event: u64| event_line(at, &log.events[event as usize]).unwrap();
    let mut honest = start(&log, &header, &[&held]);
    for i in 0..SIZE {
        if i % BLOCK == 0 {
            honest.line(&log.block(i / BLOCK, SIZE).to_line()).unwrap();
        }
        // Lines until the verifier stops, and what it then says.
        let named = |what: &str, lines: &[String]| {
            let breach = breach(run(honest.clone(), lines));
            assert_eq!(breach.index(), Some(i), "{what} {i}: {breach}");
            breach.fault
        };
        let edited = event_line(i, &other(i)).unwrap();
        assert_eq!(named("edit", &[edited]), Fault::Changed);
        let mut parts = log.events[i as usize].clone().into_parts();
        parts.opening.as_mut().unwrap().private = json!({"name": "Somebody else"});
        let private = event_line(i, &Event::from_parts(parts).unwrap()).unwrap();
        assert_eq!(named("private", &[private]), Fault::PrivateChanged);
        assert_eq!(named("truncate", &[]), Fault::Missing);
        assert!(matches!(named("cut", &[line(i, i)[..40].to_owned()]), Fault::Unreadable(_)));
        if i + 1 < SIZE {
            assert_eq!(named("delete, renumbered", &[line(i, i + 1)]), Fault::Changed);
            let next = if (i + 1) % BLOCK == 0 {
                log.block((i + 1) / BLOCK, SIZE).to_line()
            } else {
                line(i + 1, i + 1)
            };
            assert_eq!(named("delete", std::slice::from_ref(&next)), Fault::Missing);
            assert_eq!(named("swap", &[line(i + 1, i + 1), line(i, i)]), Fault::Missing);
            assert_eq!(named("swap, renumbered", &[line(i, i + 1), line(i + 1, i)]), Fault::Changed);
            let far = (i + 500) % SIZE;
            assert_eq!(named("swap with far, renumbered", &[line(i, far)]), Fault::Changed);
            assert_eq!(named("duplicate", &[line(i, i), line(i, i), next]), Fault::Repeated { at: i + 1 });
        } else {
            let fault = named("duplicate", &[line(i, i), line(i, i)]);
            assert_eq!(fault, Fault::Repeated { at: SIZE });
        }
        let forked: Vec<_> = (i..SIZE.min(i + 3)).map(|n| event_line(n, &other(n)).unwrap()).collect();
        assert_eq!(named("fork", &forked), Fault::Changed);
        if i > 0 && i % BLOCK != 0 {
            // A copy of the event before, renumbered into this place.
            assert_eq!(named("duplicate, renumbered", &[line(i, i - 1)]), Fault::Changed);
        }
        honest.line(&line(i, i)).unwrap();
    }
    assert_eq!(honest.clone().finish().unwrap().size, SIZE);
    let extra = breach(run(honest, &[event_line(SIZE, &other(SIZE)).unwrap()]));
    assert_eq!(extra, Breach::exact(SIZE, Fault::Extra));
}

/// The same through the whole text of the file, at the edges of blocks.
#[test]
fn changed_files_are_named() {
    let log = Log::new(SIZE);
    let trusted = [log.signer.verifier().clone()];
    let held = log.checkpoint(SIZE);
    let lines = log.lines(SIZE);
    for i in [0, 1, 254, 255, 256, 257, 511, 512, 767, 768, 998, 999] {
        let place = (i + i / BLOCK + 1) as usize;
        let check = |what: &str, lines: &[String]| {
            let answer = verify_export(file(&log.header(SIZE), lines).as_slice(), &trusted, &[&held]);
            let breach = breach(answer);
            assert_eq!(breach.index(), Some(i), "{what} {i}: {breach}");
        };
        let mut bad = lines.clone();
        bad[place] = event_line(i, &other(i)).unwrap();
        check("edit", &bad);
        let mut bad = lines.clone();
        bad.remove(place);
        check("delete", &bad);
        let mut bad = lines.clone();
        bad.insert(place, lines[place].clone());
        check("duplicate", &bad);
        check("truncate", &lines[..place]);
        let mut bad = lines.clone();
        bad[place] = lines[place].replacen("\"data\":{", "\"data\":{\"n\":0,", 1);
        check("double member", &bad);
        let mut bad = lines.clone();
        bad[place] = lines[place].replacen(':', ": ", 1);
        check("white space", &bad);
        if i + 1 < SIZE {
            // Everything after moves up, with the header's size, but not the signed checkpoint.
            let mut events = log.events.clone();
            events.remove(i as usize);
            let mut bad = lines.clone();
            for (n, event) in (i..).zip(&events[i as usize..]) {
                bad[(n + n / BLOCK + 1) as usize] = event_line(n, event).unwrap();
            }
            bad.pop();
            check("delete, renumbered", &bad);
        }
    }
}

/// The recorded leaf hash is changed together with the event: the pair is named. With the levels above it too:
/// the smallest subtree whose hash was left alone.
#[test]
fn changed_records_narrow_to_the_smallest_subtree_left_alone() {
    let log = Log::new(SIZE);
    for i in [0, 255, 700] {
        for levels in 1..=8_u8 {
            let mut events = log.events.clone();
            events[i as usize] = other(i);
            let forged = Log::of(events);
            let mut lines = forged.lines(SIZE);
            for block in 0..SIZE.div_ceil(BLOCK) {
                // Honest nodes, but for the lowest levels of the changed event's path.
                let mut honest: Block = log.block(block, SIZE);
                if block == i / BLOCK {
                    let rewritten = forged.block(block, SIZE);
                    for level in 0..levels.into() {
                        honest.nodes[level] = rewritten.nodes[level].clone();
                    }
                }
                lines[(block * (BLOCK + 1)) as usize] = honest.to_line();
            }
            let breach = breach(run(start(&log, &log.header(SIZE), &[&log.checkpoint(SIZE)]), &lines));
            let width = 1 << levels;
            assert_eq!((breach.first, breach.last), (i / width * width, i / width * width + width - 1));
            // A held checkpoint on each side of the event names it exactly.
            let around = [log.checkpoint(i), log.checkpoint(i + 1), log.checkpoint(SIZE)];
            let around: Vec<_> = around.iter().map(String::as_str).collect();
            let named = run(start(&log, &log.header(SIZE), &around), &lines).unwrap_err().to_string();
            assert!(named.starts_with(&format!("event {i}: ")), "{named}");
        }
    }
}

/// Somebody rewrote history from `f` on with every hash above it. One held checkpoint refuses it without saying
/// where; those held around the fork bound the place.
#[test]
fn a_rewritten_log_is_bounded_by_the_held_checkpoints() {
    let log = Log::new(SIZE);
    let all: Vec<String> = (0..=SIZE).step_by(10).map(|size| log.checkpoint(size)).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    for f in (0..SIZE).step_by(166).chain([255, 256, 999]) {
        let events = (0..SIZE).map(|n| if n < f { log.events[n as usize].clone() } else { other(n) });
        let forked = Log::of(events.collect());
        let lines = forked.lines(SIZE);
        // The header of the honest log: every recorded hash is without proof.
        let found = breach(run(start(&log, &log.header(SIZE), &[&log.checkpoint(SIZE)]), &lines));
        assert_eq!((found.first, found.last), (0, SIZE - 1));
        let found = breach(run(start(&log, &log.header(SIZE), &all), &lines));
        assert_eq!((found.first, found.last), (f / 10 * 10, f / 10 * 10 + 9), "{f}: {found}");
        // The fork signed with the log's own key, which a thief may have, and true checkpoints held from before.
        let answer = run(start(&log, &forked.header(SIZE), &all[..100]), &lines);
        if f < 990 {
            let found = breach(answer);
            assert_eq!((found.first, found.last), (f / 10 * 10, f / 10 * 10 + 9), "{f}: {found}");
        } else {
            // Beyond what is held the key alone vouches, and the answer says so.
            assert_eq!(answer.unwrap().held_to, 990);
        }
    }
}

#[test]
fn an_older_or_shorter_export_does_not_pass_for_the_log() {
    let log = Log::new(300);
    // A true export of an earlier time, against a checkpoint held from later.
    let found = breach(run(start(&log, &log.header(260), &[&log.checkpoint(300)]), &log.lines(260)));
    assert_eq!(found, Breach::exact(260, Fault::Missing));
    // The header says less than its own checkpoint.
    let header = Header { size: 280, ..log.header(300) };
    let found = breach(run(start(&log, &header, &[&log.checkpoint(300)]), &log.lines(300)[..282]));
    assert_eq!(found, Breach::exact(280, Fault::Missing));
    // An edit before is found all the same, also without the header's checkpoint.
    let mut lines = log.lines(300);
    lines[6] = event_line(5, &other(5)).unwrap();
    for header in [header, Header { checkpoint: "damaged".to_owned(), ..log.header(300) }] {
        for held in [10, 300] {
            let found = breach(run(start(&log, &header, &[&log.checkpoint(held)]), &lines));
            assert_eq!(found, Breach::exact(5, Fault::Changed));
        }
    }
}

#[test]
fn damage_beside_the_events_is_told_apart() {
    let log = Log::new(600);
    let held = log.checkpoint(600);
    let mut block = log.block(1, 600);
    block.nodes[3][4] = block.nodes[3][5];
    let mut lines = log.lines(600);
    lines[257] = block.to_line();
    let found = breach(run(start(&log, &log.header(600), &[&held]), &lines));
    assert_eq!(found, Breach { first: 256 + 32, last: 256 + 47, fault: Fault::RecordDamaged });
    let mut block = log.block(0, 600);
    block.proof.pop();
    let mut lines = log.lines(600);
    lines[0] = block.to_line();
    let found = breach(run(start(&log, &log.header(600), &[&held]), &lines));
    assert_eq!(found, Breach { first: 0, last: 255, fault: Fault::RecordDamaged });
    // A damaged proof does not hide an edit behind it.
    lines[302] = event_line(300, &other(300)).unwrap();
    let found = breach(run(start(&log, &log.header(600), &[&held]), &lines));
    assert_eq!(found, Breach::exact(300, Fault::Changed));
    block.nodes[0].pop();
    lines[0] = block.to_line();
    let found = breach(run(start(&log, &log.header(600), &[&held]), &lines));
    assert_eq!(found.index(), Some(0));
    let lines = &log.lines(600)[1..];
    assert_eq!(breach(run(start(&log, &log.header(600), &[&held]), lines)).index(), Some(0));
}

#[test]
fn only_what_the_caller_brings_is_trusted() {
    let log = Log::new(3);
    let thief = Log {
        signer: super::keys::NoteSigner::from_seed("hallpass.example/audit", &[9; 32]).unwrap(),
        ..Log::new(3)
    };
    let trusted = [log.signer.verifier().clone()];
    let export = file(&log.header(3), &log.lines(3));
    let held = log.checkpoint(3);
    assert!(verify_export(export.as_slice(), &trusted, &[&held]).is_ok());
    let nothing = verify_export(export.as_slice(), &trusted, &[]);
    assert!(matches!(nothing, Err(VerifyError::NothingHeld)));
    assert!(verify_export(export.as_slice(), &[], &[&held]).is_err());
    assert!(matches!(
        verify_export(export.as_slice(), &trusted, &[&thief.checkpoint(3)]),
        Err(VerifyError::Held(_))
    ));
    // The thief's whole export, with his key in its header.
    let stolen = file(&thief.header(3), &thief.lines(3));
    assert!(matches!(verify_export(stolen.as_slice(), &trusted, &[&held]), Err(VerifyError::Header(_))));
    let half = file(&Header { checkpoint: thief.checkpoint(3), ..log.header(3) }, &log.lines(3));
    assert!(matches!(
        verify_export(half.as_slice(), &trusted, &[&held]),
        Err(VerifyError::HeaderCheckpoint(_))
    ));
    // Two histories, both signed.
    let forked = Log::of(vec![other(0), other(1), other(2)]);
    assert!(matches!(
        verify_export(export.as_slice(), &trusted, &[&held, &forked.checkpoint(3)]),
        Err(VerifyError::Forked { size: 3 })
    ));
    let half = file(&forked.header(3), &log.lines(3));
    assert!(matches!(
        verify_export(half.as_slice(), &trusted, &[&held]),
        Err(VerifyError::Forked { size: 3 })
    ));
    for bad in [&b""[..], b"{}\n", b"\xff\n", &export[..20]] {
        assert!(verify_export(bad, &trusted, &[&held]).is_err());
    }
}
