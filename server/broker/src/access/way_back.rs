//! Where a visitor was going before the sign-in, sealed, for a cookie: to keep it on the server would be to write at a GET.
use chrono::Duration;
use hallpass_domain::Timestamp;
use hallpass_domain::ports::sealer::SealedAt;
use secrecy::{ExposeSecret as _, SecretString};

use super::next_path;
use crate::broker::Broker;

/// How long a way back is followed, seconds.
pub const WAY_BACK_SECONDS: i64 = 3_600;
/// Longest path that fits into a cookie with what seals it.
const MAX_BYTES: usize = 1_024;
/// What it is bound to: nothing else that is sealed opens as a way back.
const PLACE: SealedAt<'static> = SealedAt { table: "cookie", row: "next", column: "path" };

impl Broker {
    /// Seals a local path for [`WAY_BACK_SECONDS`]; `None` for one that is not followed, or is too long.
    pub fn seal_way_back(&self, path: &str, now: Timestamp) -> Option<String> {
        let path = next_path(path).filter(|p| p.len() <= MAX_BYTES)?;
        let until = (now + Duration::seconds(WAY_BACK_SECONDS)).timestamp();
        self.sealer.seal(PLACE, &SecretString::from(format!("{until} {path}"))).ok()
    }

    /// The path of a cookie that this installation sealed and whose time is not over.
    pub fn open_way_back(&self, sealed: &str, now: Timestamp) -> Option<String> {
        let clear = self.sealer.open(PLACE, sealed).ok()?;
        let (until, path) = clear.expose_secret().split_once(' ')?;
        let until: i64 = until.parse().ok()?;
        (now.timestamp() < until).then(|| next_path(path)).flatten()
    }
}
