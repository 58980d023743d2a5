//! What is due soon, in a preallocated file of two slots: each text goes over the older one, so that a crash while writing
//! leaves the newer. Sealed under the master key, which names a wrong or damaged slot by not opening it.
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use hallpass_domain::ports::kept::Kept;
use hallpass_domain::ports::sealer::{SealedAt, Sealer};
use secrecy::{ExposeSecret as _, SecretString};

/// Size of a slot, bytes: a few thousand logins.
const SLOT: usize = 2 << 20;
/// Room for a slot's first line, and for what sealing adds besides base64.
const HEAD: usize = 256;
/// What a sealed text is bound to.
const AT: SealedAt<'static> = SealedAt { table: "window", row: "due", column: "text" };

/// The file of one server.
pub struct FileKept {
    file: Mutex<Slots>,
    sealer: Arc<dyn Sealer>,
}

struct Slots {
    file: File,
    /// Number of the newest text; its slot is the number's last bit.
    newest: u64,
}

impl FileKept {
    /// Opens the file (0600), writing its zeros at the first start.
    ///
    /// # Errors
    /// In words: what could not be done with the file.
    pub fn open(path: &Path, sealer: Arc<dyn Sealer>) -> Result<Self, String> {
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
        if have < 2 * SLOT {
            file.seek(SeekFrom::End(0)).map_err(told)?;
            file.write_all(&vec![0; 2 * SLOT - have]).map_err(told)?;
            file.sync_all().map_err(told)?;
        }
        let newest = (0..2).filter_map(|slot| read(&mut file, slot)).map(|(number, _)| number).max();
        Ok(Self { file: Mutex::new(Slots { file, newest: newest.unwrap_or(0) }), sealer })
    }
}

/// Number and sealed text of a slot.
fn read(file: &mut File, slot: u64) -> Option<(u64, String)> {
    file.seek(SeekFrom::Start(slot * u64::try_from(SLOT).ok()?)).ok()?;
    let mut bytes = Vec::new();
    file.take(u64::try_from(SLOT).ok()?).read_to_end(&mut bytes).ok()?;
    let (head, rest) = bytes.split_at_checked(bytes.iter().position(|b| *b == b'\n')?)?;
    let (number, length) = std::str::from_utf8(head).ok()?.split_once(' ')?;
    let sealed = rest.get(1..1usize.checked_add(length.parse().ok()?)?)?;
    Some((number.parse().ok()?, String::from_utf8(sealed.to_vec()).ok()?))
}

impl Kept for FileKept {
    fn room(&self) -> usize {
        (SLOT - HEAD) / 4 * 3 - HEAD
    }

    fn keep(&self, text: &str) -> Result<(), String> {
        let sealed = self.sealer.seal(AT, &SecretString::from(text)).map_err(|e| e.to_string())?;
        let mut slots = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let number = slots.newest + 1;
        let record = format!("{number} {}\n{sealed}", sealed.len());
        if record.len() > SLOT {
            return Err("the text does not fit".to_owned());
        }
        let start = (number & 1) * u64::try_from(SLOT).map_err(|e| e.to_string())?;
        slots
            .file
            .seek(SeekFrom::Start(start))
            .and_then(|_| slots.file.write_all(record.as_bytes()))
            .and_then(|()| slots.file.sync_data())
            .map_err(|e| e.to_string())?;
        slots.newest = number;
        Ok(())
    }

    fn kept(&self) -> Option<String> {
        let mut slots = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<_> = (0..2).filter_map(|slot| read(&mut slots.file, slot)).collect();
        found.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        // A slot that a crash has torn does not open: the one before holds.
        let opened = found.into_iter().find_map(|(_, sealed)| self.sealer.open(AT, &sealed).ok());
        opened.map(|text| text.expose_secret().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use hallpass_domain::secret::random_bytes;

    use super::*;
    use crate::sealing::{AeadSealer, MasterKeys};

    fn sealer() -> Arc<dyn Sealer> {
        let key = data_encoding::BASE64.encode(&random_bytes::<32>().unwrap());
        Arc::new(AeadSealer::new(MasterKeys::parse("test", &key).unwrap()))
    }

    #[test]
    fn the_newest_whole_text_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let (path, sealer) = (folder.path().join("window"), sealer());
        let kept = FileKept::open(&path, Arc::clone(&sealer)).unwrap();
        assert_eq!(kept.kept(), None);
        for round in 0..5 {
            kept.keep(&format!("due {round}")).unwrap();
            let again = FileKept::open(&path, Arc::clone(&sealer)).unwrap();
            assert_eq!(again.kept().as_deref(), Some(format!("due {round}").as_str()));
        }
        assert_eq!(std::fs::metadata(&path).unwrap().len() as usize, 2 * SLOT, "never grows");
        let bytes = std::fs::read(&path).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("due"), "encrypted at rest");
        assert!(FileKept::open(&path, super::tests::sealer()).unwrap().kept().is_none(), "another key");
        // The newest is torn anywhere: the one before is there.
        let newest = 5 & 1;
        for cut in [0, 3, 40] {
            let mut torn = bytes.clone();
            torn[newest * SLOT + cut] ^= 0x55;
            std::fs::write(&path, &torn).unwrap();
            let again = FileKept::open(&path, Arc::clone(&sealer)).unwrap();
            assert_eq!(again.kept().as_deref(), Some("due 3"), "cut {cut}");
        }
    }

    #[test]
    fn what_fits_fits_and_more_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("window");
        let kept = FileKept::open(&path, sealer()).unwrap();
        let most = "x".repeat(kept.room());
        kept.keep(&most).unwrap();
        assert!(kept.keep(&"x".repeat(SLOT)).is_err());
        assert_eq!(kept.kept(), Some(most));
    }
}
