//! Checkpoints in a file that only grows.
//!
//! Each record is a signed note followed by one empty line. A note is itself a text, an empty line and signature
//! lines that begin with an em dash, so the file is blocks between empty lines, in pairs: text, signatures. The
//! last pair that ends in an empty line is the newest note; a record torn by a crash does not, and is passed over.
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use data_encoding::BASE64;
use hallpass_domain::audit::{Checkpoint, VerifierKey};
use hallpass_domain::ports::checkpoint_sink::CheckpointSink;
use tokio::sync::Mutex;

/// Longest note that is written, bytes; the end of the file is searched over four times this length.
const MAX_NOTE: usize = 64 * 1024;

/// How far back the notes of another log are looked for: some sixty thousand.
const FAR_BACK: usize = 16 * 1024 * 1024;

/// How long the file may take, and how long one turn waits for another.
const PATIENCE: Duration = Duration::from_secs(5);
const TURN: Duration = Duration::from_secs(1);

/// Appends checkpoints to a file, durably. The file may be renamed (rotated) at any time: the next checkpoint makes
/// a new one, and until then the newest is read from the renamed one.
#[derive(Clone, Debug)]
pub struct CheckpointFile {
    path: Arc<PathBuf>,
    // One at a time; two servers write to two files. A file that hangs (on a file system across a network) keeps one thread
    // waiting, and no more: the next are told at once.
    turn: Arc<Mutex<()>>,
}

impl CheckpointFile {
    /// A sink at this path. Nothing is made before the first checkpoint.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: Arc::new(path.into()), turn: Arc::new(Mutex::new(())) }
    }

    /// Works on the file where blocking is allowed, and gives up on one that hangs.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        let hangs = |_| "it does not answer".to_owned();
        let turn = tokio::time::timeout(TURN, Arc::clone(&self.turn).lock_owned()).await.map_err(hangs)?;
        let this = self.clone();
        let working = tokio::task::spawn_blocking(move || {
            let done = work(&this);
            drop(turn);
            done
        });
        let done = tokio::time::timeout(PATIENCE, working).await.map_err(hangs)?;
        done.map_err(|_| "the work on it was cut off".to_owned())?.map_err(|error| error.to_string())
    }

    fn append(&self, note: &str) -> io::Result<()> {
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).mode(0o640).open(&*self.path)?;
        let length = file.metadata()?.len();
        let mut record = String::with_capacity(note.len() + 3);
        if length > 0 && read_end(&mut file, 2)? != "\n\n" {
            // A torn record: it is ended, so that this one stands apart.
            record.push_str("\n\n");
        }
        record.push_str(note);
        record.push('\n');
        file.write_all(record.as_bytes())?;
        file.sync_data()?;
        if length == 0 { sync_folder(&self.path) } else { Ok(()) }
    }

    /// The newest note that is wanted, looked for over so many bytes at the end of each file.
    fn find(&self, length: usize, wanted: impl Fn(&str) -> bool) -> io::Result<Option<String>> {
        if let Some(note) = in_file(&self.path, length, &wanted)? {
            return Ok(Some(note));
        }
        for path in rotated(&self.path)? {
            if let Some(note) = in_file(&path, length, &wanted)? {
                return Ok(Some(note));
            }
        }
        Ok(None)
    }

    /// As [`Self::find`], where blocking is allowed.
    async fn found(
        &self,
        length: usize,
        wanted: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<Option<String>, String> {
        self.blocking(move |this| this.find(length, wanted)).await
    }
}

#[async_trait]
impl CheckpointSink for CheckpointFile {
    fn describe(&self) -> String {
        format!("file {}", self.path.display())
    }

    async fn publish(&self, note: &str) -> Result<(), String> {
        if note.len() > MAX_NOTE || !is_note(note) {
            return Err("not a signed note".to_owned());
        }
        let note = note.to_owned();
        self.blocking(move |this| this.append(&note)).await
    }

    async fn newest(&self) -> Result<Option<String>, String> {
        self.found(4 * MAX_NOTE, |_| true).await
    }

    async fn newest_by(&self, keys: &[VerifierKey]) -> Result<Option<String>, String> {
        let keys = keys.to_vec();
        self.found(FAR_BACK, move |note: &str| Checkpoint::open(note, &keys).is_ok()).await
    }
}

/// The newest note in a file that is wanted. No file is an empty one: rotation may be just now, or it was never written.
fn in_file(path: &Path, length: usize, wanted: &impl Fn(&str) -> bool) -> io::Result<Option<String>> {
    let end = if_there(File::open(path).and_then(|mut file| read_end(&mut file, length)))?;
    Ok(end.and_then(|end| last_note(&end, wanted)))
}

/// What is not there is no mistake.
fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// One text without empty lines, one block of signatures, each line ended.
fn is_note(note: &str) -> bool {
    note.strip_suffix('\n')
        .and_then(|note| note.split_once("\n\n"))
        .is_some_and(|(text, signatures)| is_text(text) && is_signatures(signatures))
}

fn is_text(block: &str) -> bool {
    !block.is_empty() && !block.starts_with('\n') && !block.contains("\n\n") && !block.starts_with("— ")
}

/// Signature lines (C2SP signed-note): an Ed25519 one is 4 + 64 bytes, so a torn one is noticed.
fn is_signatures(block: &str) -> bool {
    block.split('\n').all(|line| {
        line.strip_prefix("— ")
            .and_then(|rest| rest.split_once(' '))
            .and_then(|(_, signature)| BASE64.decode(signature.as_bytes()).ok())
            .is_some_and(|bytes| bytes.len() >= 68)
    })
}

fn last_note(end: &str, wanted: &impl Fn(&str) -> bool) -> Option<String> {
    // What follows the last empty line is torn.
    let (complete, _) = end.rsplit_once("\n\n")?;
    let blocks: Vec<&str> = complete.split("\n\n").collect();
    blocks.windows(2).rev().find_map(|pair| match pair {
        // A torn record that was ended later leaves further line breaks in front.
        [text, signatures] if is_text(text.trim_start_matches('\n')) && is_signatures(signatures) => {
            Some(format!("{}\n\n{signatures}\n", text.trim_start_matches('\n'))).filter(|note| wanted(note))
        }
        _ => None,
    })
}

/// The last `length` bytes at most, as text.
fn read_end(file: &mut File, length: usize) -> io::Result<String> {
    let size = file.metadata()?.len();
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    file.seek(SeekFrom::Start(size.saturating_sub(length)))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Files beside `path` whose names begin with its name and `.` or `-`, as rotation makes them, newest first.
fn rotated(path: &Path) -> io::Result<Vec<PathBuf>> {
    let name = path.file_name().unwrap_or(OsStr::new("")).to_string_lossy().into_owned();
    let mut found = Vec::new();
    let Some(entries) = if_there(std::fs::read_dir(folder_of(path)))? else { return Ok(Vec::new()) };
    for entry in entries {
        let entry = entry?;
        let other = entry.file_name().to_string_lossy().into_owned();
        if other.strip_prefix(&name).is_some_and(|rest| rest.starts_with(['.', '-']))
            && !other.ends_with(".gz")
            && let Some(about) = if_there(entry.metadata())?
            && about.is_file()
        {
            found.push((about.modified()?, entry.path()));
        }
    }
    found.sort_by_key(|(modified, _)| std::cmp::Reverse(*modified));
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(size: u64) -> String {
        format!(
            "hallpass.example/audit\n{size}\nAAAA\n\n— hallpass.example/audit {}\n",
            BASE64.encode(&[7; 68])
        )
    }

    #[tokio::test]
    async fn the_newest_note_is_read_back_byte_for_byte() {
        let folder = tempfile::tempdir().unwrap();
        let sink = CheckpointFile::new(folder.path().join("checkpoints"));
        assert_eq!(sink.newest().await.unwrap(), None);
        for size in 0..50 {
            sink.publish(&note(size)).await.unwrap();
            assert_eq!(sink.newest().await.unwrap(), Some(note(size)));
        }
        let text = std::fs::read_to_string(folder.path().join("checkpoints")).unwrap();
        assert_eq!(text, (0..50).map(|size| note(size) + "\n").collect::<String>());
        // Another process that opens the same file.
        assert_eq!(
            CheckpointFile::new(folder.path().join("checkpoints")).newest().await.unwrap(),
            Some(note(49))
        );
    }

    #[tokio::test]
    async fn rotation_at_any_time_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints");
        let sink = CheckpointFile::new(&path);
        sink.publish(&note(1)).await.unwrap();
        std::fs::rename(&path, folder.path().join("checkpoints.1")).unwrap();
        assert_eq!(sink.newest().await.unwrap(), Some(note(1)));
        sink.publish(&note(2)).await.unwrap();
        assert_eq!(sink.newest().await.unwrap(), Some(note(2)));
        // Truncated in place, as `copytruncate` does.
        File::create(&path).unwrap();
        assert_eq!(sink.newest().await.unwrap(), Some(note(1)));
        sink.publish(&note(3)).await.unwrap();
        assert_eq!(sink.newest().await.unwrap(), Some(note(3)));
    }

    #[tokio::test]
    async fn a_torn_record_hides_neither_the_one_before_nor_the_one_after() {
        let whole = note(1) + "\n";
        let torn = note(2) + "\n";
        for cut in 0..torn.len() {
            if !torn.is_char_boundary(cut) {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("checkpoints");
            std::fs::write(&path, format!("{whole}{}", &torn[..cut])).unwrap();
            let sink = CheckpointFile::new(&path);
            // With its signatures whole, but its empty line torn, a note is not taken as complete.
            assert_eq!(sink.newest().await.unwrap(), Some(note(1)), "cut at {cut}");
            sink.publish(&note(3)).await.unwrap();
            assert_eq!(sink.newest().await.unwrap(), Some(note(3)), "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn only_notes_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let sink = CheckpointFile::new(folder.path().join("checkpoints"));
        let good = note(1);
        for bad in ["", "\n", "a\n", "a\n\n", &format!("{good}\n"), &format!("\n{good}"), good.trim_end()] {
            assert!(sink.publish(bad).await.is_err(), "{bad:?}");
        }
        let nowhere = CheckpointFile::new(folder.path().join("no/such/folder"));
        assert!(nowhere.publish(&good).await.is_err());
        assert_eq!(nowhere.newest().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_file_that_hangs_is_told_and_keeps_one_thread() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints");
        // Whoever opens a pipe waits for its other end.
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let sink = CheckpointFile::new(&path);
        let begun = std::time::Instant::now();
        assert_eq!(sink.newest().await, Err("it does not answer".to_owned()));
        let first = begun.elapsed();
        assert_eq!(sink.publish(&note(1)).await, Err("it does not answer".to_owned()));
        assert!(first >= PATIENCE && begun.elapsed() - first < PATIENCE, "{first:?}, {:?}", begun.elapsed());
        // Mended: who waited comes to an end, and the file is a file again.
        let pipe = path.clone();
        tokio::task::spawn_blocking(move || OpenOptions::new().write(true).open(pipe).map(drop))
            .await
            .unwrap()
            .unwrap();
        std::fs::remove_file(&path).unwrap();
        sink.publish(&note(2)).await.unwrap();
        assert_eq!(sink.newest().await.unwrap(), Some(note(2)));
    }
}
