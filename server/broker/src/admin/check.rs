//! A catalogue file checked alone, without a server: for `hallpassd check-config` and editors.
use hallpass_domain::Timestamp;

use super::build::{Built, Known, State, build};
use super::file::CatalogueFile;
use super::file::read::read;
use super::lint::lint;
use super::mistake::{Mistake, Mistakes};

/// Every mistake that can be seen without a server, in the order of the file; none is good. A file with
/// `prune = false` may refer to names that only the server knows, so these and the rules over the whole are judged
/// when it is applied.
pub fn check_text(text: &str) -> Vec<Mistake> {
    let mut mistakes = Mistakes::new(text);
    let file = read(text, &mut mistakes);
    let state = State::default();
    let _ = judge(&state, &file, Known::FileOnly, None, Timestamp::UNIX_EPOCH, &mut mistakes);
    mistakes.into_sorted()
}

/// Builds and lints. Each step is taken only where the one before found nothing, so that one slip is told once.
pub(super) fn judge<'f>(
    state: &State,
    file: &'f CatalogueFile,
    known: Known,
    by: Option<hallpass_domain::ids::UserId>,
    now: Timestamp,
    mistakes: &mut Mistakes<'_>,
) -> Option<Built<'f>> {
    if !mistakes.is_empty() {
        return None;
    }
    let built = build(state, file, known, now, mistakes);
    if mistakes.is_empty() {
        lint(&built, by, mistakes);
    }
    mistakes.is_empty().then_some(built)
}
