//! The journal in a preallocated file of zeros: appending overwrites blocks that the disk has given already.
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use hallpass_domain::ports::journal::Journal;

/// Size of the file, bytes: some six thousand lines.
const SIZE: usize = 1 << 20;

/// The journal of one server.
pub struct FileJournal {
    file: Mutex<File>,
}

impl FileJournal {
    /// Opens the file (0600), writing its zeros at the first start.
    ///
    /// # Errors
    /// In words: what could not be done with the file.
    pub fn open(path: &Path) -> Result<Self, String> {
        let told = |e: std::io::Error| format!("{}: {e}", path.display());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(told)?;
        let have = usize::try_from(file.metadata().map_err(told)?.len()).unwrap_or(usize::MAX);
        if have < SIZE {
            file.seek(SeekFrom::End(0)).map_err(told)?;
            file.write_all(&vec![0; SIZE - have]).map_err(told)?;
            file.sync_all().map_err(told)?;
        }
        Ok(Self { file: Mutex::new(file) })
    }

    /// Text up to the first zero.
    fn text(file: &mut File) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(SIZE);
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut bytes)?;
        let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
        bytes.truncate(end);
        Ok(bytes)
    }
}

impl Journal for FileJournal {
    fn append(&self, line: &str) -> Result<(), String> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let told = |e: std::io::Error| e.to_string();
        let text = Self::text(&mut file).map_err(told)?;
        let used = text.len();
        // What a crash cut off ends here, and takes no other line with it.
        let cut_off = if text.last().is_some_and(|b| *b != b'\n') { "\n" } else { "" };
        let line = format!("{cut_off}{}\n", line.replace(['\n', '\0'], " "));
        if used + line.len() > SIZE {
            return Err("the journal is full".to_owned());
        }
        file.seek(SeekFrom::Start(u64::try_from(used).unwrap_or(0))).map_err(told)?;
        file.write_all(line.as_bytes()).and_then(|()| file.sync_data()).map_err(told)
    }

    fn lines(&self) -> Result<Vec<String>, String> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let text = Self::text(&mut file).map_err(|e| e.to_string())?;
        // A line cut off by a crash has no end: what it told is found again at the target.
        let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        Ok(String::from_utf8_lossy(text.get(..whole).unwrap_or_default())
            .lines()
            .map(str::to_owned)
            .collect())
    }

    fn clear(&self, read: usize) -> Result<bool, String> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let text = Self::text(&mut file).map_err(|e| e.to_string())?;
        if text.iter().filter(|b| **b == b'\n').count() > read {
            return Ok(false);
        }
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.write_all(&vec![0; text.len()]))
            .and_then(|()| file.sync_data())
            .map_err(|e| e.to_string())?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_survive_and_are_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let journal = FileJournal::open(&path).unwrap();
        journal.append("one").unwrap();
        journal.append("two\nstill two").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len() as usize, SIZE, "never grows");
        let again = FileJournal::open(&path).unwrap();
        assert_eq!(again.lines().unwrap(), ["one", "two still two"]);
        assert_eq!(again.clear(1), Ok(false), "one was appended since");
        assert_eq!(again.lines().unwrap().len(), 2);
        assert_eq!(again.clear(2), Ok(true));
        assert!(again.lines().unwrap().is_empty());
        again.append("three").unwrap();
        assert_eq!(again.lines().unwrap(), ["three"]);
        // As a crash in the middle of a write leaves it.
        let mut file = OpenOptions::new().write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(6)).unwrap();
        file.write_all(b"fo").unwrap();
        assert_eq!(again.lines().unwrap(), ["three"]);
        again.append("five").unwrap();
        assert_eq!(again.lines().unwrap(), ["three", "fo", "five"], "the next line is whole");
        let long = "x".repeat(1_000);
        let full = (0..2_000).find_map(|_| again.append(&long).err());
        assert_eq!(full.as_deref(), Some("the journal is full"));
        assert_eq!(std::fs::metadata(&path).unwrap().len() as usize, SIZE);
    }
}
