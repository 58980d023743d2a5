//! A new key for the audit log's checkpoints, with the programs themselves: what auditors have verifies with both keys, a thief
//! of the old one gets no further, and a copy from before is noticed.
use std::fs::read_to_string;

use hallpass_adapters::sealing::{AeadSealer, from_file};
use hallpass_adapters::signers::CheckpointKeyRecord;
use hallpass_domain::audit::export::Header;
use hallpass_domain::audit::{Checkpoint, NoteSigner, VerifierKey};
use hallpass_tests::command::{Ran, Shell, program};
use hallpass_tests::outsider::Outsider;
use hallpass_tests::pg::Cluster;
use hallpass_tests::wait::eventually_within;

use crate::operators::{Installed, PASSWORD};
use crate::operators_replicas::two;
use crate::parts::SOON;
use crate::restored_command::log_in;

const ROTATE: [&str; 2] = ["keys", "rotate-log"];

fn checkpoints(new: &Installed) -> String {
    let name = if new.database.is_some() { "checkpoints.txt" } else { "data-checkpoints.txt" };
    new.path(name).display().to_string()
}

fn published(new: &Installed) -> u64 {
    std::fs::metadata(checkpoints(new)).map_or(0, |file| file.len())
}

/// Something happens, and a checkpoint over it is published.
async fn goes_on(new: &Installed) {
    let before = published(new);
    assert!(new.signs_in(PASSWORD).await);
    eventually_within(SOON, "a newer checkpoint", || async { (published(new) > before).then_some(()) }).await;
}

async fn vkey(shell: &Shell) -> String {
    shell.run(&["audit", "vkey"]).await.expect(0).value().to_owned()
}

/// An auditor, and what he keeps.
struct Auditor<'a> {
    new: &'a Installed,
    shell: Shell,
}

impl Auditor<'_> {
    async fn export(&self, name: &str) -> String {
        let path = self.shell.folder().join(name).display().to_string();
        let _ = self.shell.run(&["audit", "export", "-o", &path]).await.expect(0);
        path
    }

    async fn verify(&self, export: &str, keys: &[&str]) -> Ran {
        let held = checkpoints(self.new);
        let mut arguments = vec!["audit", "verify", "--export", export, "--checkpoint", held.as_str()];
        arguments.extend(keys.iter().flat_map(|key| ["--vkey", *key]));
        self.shell.run(&arguments).await
    }

    /// Both keys verify; one alone does not, and the answer names the other.
    async fn needs_both(&self, export: &str, old: &str, new: &str) {
        let (old_file, new_file) = (self.shell.file("old.vkey", old), self.shell.file("new.vkey", new));
        let both = self.shell.file("both.vkey", &format!("{old}\n{new}\n"));
        for keys in [&[old_file.as_str(), new_file.as_str()][..], &[both.as_str()]] {
            let ran = self.verify(export, keys).await.expect(0);
            let by = format!("a checkpoint signed with your key {} covers that", id(old));
            assert!(ran.out.contains(new) && ran.out.contains(&by), "{}", ran.out);
        }
        for (key, missing) in [(old_file, new), (new_file, old)] {
            let said = self.verify(export, &[key.as_str()]).await.fails(1).said();
            assert!(said.contains(&id(missing)) && said.contains("--vkey"), "{said}");
        }
    }
}

fn id(vkey: &str) -> String {
    vkey.parse::<VerifierKey>().expect("a verifier key").id().to_string()
}

/// What a thief of a backup and its master key signs with.
async fn stolen(new: &Installed) -> NoteSigner {
    let database = format!("sqlite:{}", new.path("data/hallpass.db").display());
    let rows =
        Outsider::connect(&database).await.sql("SELECT value FROM meta WHERE key = 'keys.checkpoint'").await;
    let text = rows[0][0].clone().expect("a value");
    let record: CheckpointKeyRecord = serde_json::from_str(&text).expect("a key");
    let sealer = AeadSealer::new(from_file(&new.path("master.key")).expect("the master key"));
    record.open(&sealer).expect("it opens")
}

fn put_back(new: &Installed, copy: &str) {
    for beside in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(new.path(&format!("data/hallpass.db{beside}")));
    }
    std::fs::copy(copy, new.path("data/hallpass.db")).expect("restored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_on_sqlite() {
    let _ = tokio::task::spawn_blocking(program).await.expect("the command is built");
    let new = Installed::new();
    new.init().await;
    let server = new.serve().await;
    let auditor = Auditor { new: &new, shell: Shell::new(&new.address()) };
    log_in(&new, &auditor.shell).await;
    let old = vkey(&auditor.shell).await;
    goes_on(&new).await;
    assert!(new.refused(&ROTATE).await.contains("Stop it first"));
    server.stop().await;
    let copy = new.path("copy.db").display().to_string();
    new.ok(&["backup", &copy]).await;
    let thief = stolen(&new).await;

    let said = new.ok(&ROTATE).await;
    let server = new.serve().await;
    let next = vkey(&auditor.shell).await;
    assert!(next != old && said.contains(&next) && said.contains(&old), "{said}");
    assert_eq!(next.split('+').next(), old.split('+').next(), "the same origin");
    goes_on(&new).await;
    let export = auditor.export("export.jsonl").await;
    auditor.needs_both(&export, &old, &next).await;
    // Whoever has the old key can sign what there is, but not so that it holds.
    let text = read_to_string(&export).expect("the export");
    let (header, rest) = text.split_once('\n').expect("lines");
    let header = Header::parse(&format!("{header}\n")).expect("a header");
    let own = Checkpoint::open(&header.checkpoint, &[next.parse().expect("a key")]).expect("it opens");
    let forged = Header { checkpoint: own.sign(&thief).expect("signed"), vkey: old.clone(), ..header };
    let forged = auditor.shell.file("forged.jsonl", &(forged.to_line().expect("a line") + rest));
    let both = auditor.shell.folder().join("both.vkey").display().to_string();
    let said = auditor.verify(&forged, &[&both]).await.fails(1).said();
    assert!(said.contains("somebody who has the old key"), "{said}");
    server.stop().await;

    // A copy from before the rotation does not know the key that signed the newest checkpoints. It is noticed, and also where
    // that was committed and nothing more: there is no checkpoint yet by the key after it.
    put_back(&new, &copy);
    new.killed_at(&["serve"], "store.log.restored.after").await;
    new.serve().await.stop().await;
    let said = new.ok(&["restored", "status"]).await;
    assert!(said.contains("it is a restored backup") && said.contains(&old), "{said}");
    assert!(new.ok(&["restored", "confirm"]).await.starts_with("Confirmed."));
    // And rotated again, under the new origin.
    new.ok(&ROTATE).await;
    new.serve().await.stop().await;
}

/// The newest checkpoint outside is by the key before, or by one that the database only knows as announced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_outside_half_way() {
    let new = Installed::new();
    new.init().await;
    let server = new.serve().await;
    goes_on(&new).await;
    server.stop().await;
    new.killed_at(&ROTATE, "store.key.log_rotated.before").await;
    let old_master = std::fs::read(new.path("master.key")).expect("the key");
    let copy = new.path("announced.db").display().to_string();
    new.ok(&["backup", &copy]).await;
    // Half way, a new master key: the announced key is sealed again, too.
    new.ok(&["keys", "new-master"]).await;
    new.ok(&["keys", "rewrap"]).await;
    new.ok(&["keys", "drop-old"]).await;
    new.killed_at(&ROTATE, "store.key.log_rotated.after").await;
    // Nothing is published by the new key yet: the checkpoint by the old one is compared, and fits.
    assert!(new.ok(&["restored", "status"]).await.contains("not known as a restored backup"));
    let server = new.serve().await;
    goes_on(&new).await;
    server.stop().await;
    assert!(new.ok(&["restored", "status"]).await.contains("not known as a restored backup"));
    // The copy knows the key that signed the newest checkpoint as announced.
    put_back(&new, &copy);
    let why = new.refused(&["restored", "status"]).await;
    assert!(why.contains("master key"), "the copy is sealed under the old one: {why}");
    std::fs::write(new.path("master.key"), old_master).expect("the old key");
    let said = new.ok(&["restored", "status"]).await;
    assert!(said.contains("it is a restored backup"), "{said}");
}

/// Only checkpoints of the log's later key are there: said in words, and not served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_later_keys_checkpoints_are_left() {
    let new = Installed::new();
    new.init().await;
    let server = new.serve().await;
    goes_on(&new).await;
    server.stop().await;
    let copy = new.path("copy.db").display().to_string();
    new.ok(&["backup", &copy]).await;
    new.ok(&ROTATE).await;
    let notes = read_to_string(checkpoints(&new)).expect("checkpoints");
    let newest = notes.trim_end().rsplit("\n\n").take(2).collect::<Vec<_>>();
    std::fs::write(checkpoints(&new), format!("{}\n\n{}\n\n", newest[1], newest[0])).expect("written");
    assert!(new.ok(&["restored", "status"]).await.contains("not known as a restored backup"));
    put_back(&new, &copy);
    let why = new.refused(&["serve"]).await;
    assert!(why.contains("rotate-log") && why.contains("a key that this database does not know"), "{why}");
}

/// Beside running servers on PostgreSQL: each takes the new key up by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotations_beside_two_servers() {
    let _ = tokio::task::spawn_blocking(program).await.expect("the command is built");
    let cluster = tokio::task::spawn_blocking(Cluster::start).await.expect("a cluster");
    let [new, other] = two(&cluster).await;
    let (server, other_server) = (new.serve().await, other.serve().await);
    let at_the_other = Shell::new(&other.address());
    log_in(&other, &at_the_other).await;
    let auditor = Auditor { new: &new, shell: Shell::new(&new.address()) };
    log_in(&new, &auditor.shell).await;
    let mut keys = vec![vkey(&auditor.shell).await];
    for _ in 0..2 {
        let said = new.ok(&ROTATE).await;
        assert!(said.contains("within seconds"), "{said}");
        let before = keys.last().expect("a key").clone();
        let next = eventually_within(SOON, "the server to take the key up", || async {
            Some(vkey(&auditor.shell).await).filter(|key| *key != before)
        })
        .await;
        assert!(said.contains(&next) && said.contains(&before), "{said}");
        eventually_within(SOON, "the other server to take the key up", || async {
            (vkey(&at_the_other).await == next).then_some(())
        })
        .await;
        keys.push(next);
        goes_on(&other).await;
        goes_on(&new).await;
        if keys.len() == 2 {
            let export = auditor.export("export.jsonl").await;
            auditor.needs_both(&export, &keys[0], &keys[1]).await;
        }
    }
    // A third one: all of them verify.
    let export = auditor.export("export.jsonl").await;
    let all = auditor.shell.file("all.vkey", &keys.join("\n"));
    let ran = auditor.verify(&export, &[&all]).await.expect(0);
    assert_eq!(ran.out.matches("covers that").count(), 2, "{}", ran.out);
    for server in [server, other_server] {
        server.stop().await;
    }
    for one in [&new, &other] {
        one.serve().await.stop().await;
    }
    tokio::task::spawn_blocking(move || drop(cluster)).await.expect("its end");
}
