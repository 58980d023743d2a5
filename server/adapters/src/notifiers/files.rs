//! Files that appear whole or not at all.
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use data_encoding::HEXLOWER;
use hallpass_domain::secret::random_bytes;

/// Makes a folder that only its owner may enter, where there is none yet.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Writes a file (0600) beside its place, makes it durable, and renames it: readers never see half of it.
pub(super) fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let suffix = HEXLOWER.encode(&random_bytes::<8>().map_err(io::Error::other)?);
    let part = folder.join(format!(".{name}.{suffix}.part"));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&part)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&part, folder.join(name)))
        .and_then(|()| File::open(folder)?.sync_all());
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written
}

/// The part of a Message-ID before the `@`, as the stem of a file name: other characters than letters, digits,
/// `.`, `-` and `_` become `_`, and it begins with none that hides it.
pub(super) fn stem(message_id: &str) -> String {
    let left = message_id.split('@').next().unwrap_or_default();
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    let stem: String = left.chars().take(120).map(safe).collect();
    if stem.is_empty() || stem.starts_with('.') { format!("mail{stem}") } else { stem }
}
