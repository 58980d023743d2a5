//! The files of `web/`, embedded in the binary and served at `/assets/<name>.<hash>.<extension>`.
//!
//! The hash is of the content, so an address never changes its meaning and may be cached for ever.

use std::sync::LazyLock;

/// One embedded file.
#[derive(Debug, Clone)]
pub struct Asset {
    /// Name in `web/`, such as `hallpass.css`.
    pub name: &'static str,
    /// The path under which it is served, such as `/assets/hallpass.2f1c….css`.
    pub path: String,
    /// Value of the `Content-Type` header.
    pub content_type: &'static str,
    /// Content hash, in hexadecimal.
    pub hash: String,
    /// The file.
    pub bytes: &'static [u8],
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    vec![
        asset("hallpass.css", "text/css; charset=utf-8", include_bytes!("../../../web/hallpass.css")),
        asset("hallpass.js", "text/javascript; charset=utf-8", include_bytes!("../../../web/hallpass.js")),
        asset("icons.svg", "image/svg+xml", include_bytes!("../../../web/icons.svg")),
        asset("favicon.svg", "image/svg+xml", include_bytes!("../../../web/favicon.svg")),
    ]
});

fn asset(name: &'static str, content_type: &'static str, bytes: &'static [u8]) -> Asset {
    let hash = format!("{:016x}", fnv1a(bytes));
    let path = match name.rsplit_once('.') {
        Some((stem, extension)) => format!("/assets/{stem}.{hash}.{extension}"),
        None => format!("/assets/{name}.{hash}"),
    };
    Asset { name, path, content_type, hash, bytes }
}

/// FNV-1a, 64 bits: tells versions of our own files apart. It is not a security boundary.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// All embedded files.
#[must_use]
pub fn all() -> &'static [Asset] {
    &ASSETS
}

/// The file that is served under this whole path; an outdated hash finds nothing.
#[must_use]
pub fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

/// The address of a file by its name in `web/`.
#[must_use]
pub fn path(name: &str) -> String {
    ASSETS.iter().find(|asset| asset.name == name).map_or_else(String::new, |asset| asset.path.clone())
}

#[cfg(test)]
mod tests {
    use super::{all, find, path};

    #[test]
    fn every_file_is_found_by_its_address_alone() {
        for asset in all() {
            assert_eq!(find(&asset.path).map(|a| a.name), Some(asset.name));
            assert!(find(&format!("/assets/{}", asset.name)).is_none());
        }
        assert!(path("hallpass.css").ends_with(".css"));
    }

    #[test]
    fn the_style_sheet_stays_small() {
        let css = all().iter().find(|a| a.name == "hallpass.css").unwrap();
        assert!(css.bytes.len() <= 32 * 1024, "{} bytes", css.bytes.len());
    }
}
