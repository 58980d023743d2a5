//! The catalogue as it was read, with how often everything had been forgotten before that.
use std::sync::{Arc, PoisonError, RwLock};

use hallpass_domain::catalogue::Catalogue;

/// One catalogue and the number of resets ([`crate::credentials::token_cache::TokenCache::resets`]) from before it was
/// read: kept together, so that a slow reader cannot pass an old catalogue off as a new one.
#[derive(Default)]
pub(crate) struct KnownCatalogue(RwLock<Option<(u64, Arc<Catalogue>)>>);

impl KnownCatalogue {
    /// The catalogue, if nothing was forgotten since it was read.
    pub(crate) fn at(&self, resets: u64) -> Option<Arc<Catalogue>> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(at, _)| *at == resets).map(|(_, catalogue)| Arc::clone(catalogue))
    }

    /// Keeps what was read after so many resets, unless something newer is kept.
    pub(crate) fn keep(&self, resets: u64, read: &Arc<Catalogue>) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_none_or(|(at, _)| *at <= resets) {
            *kept = Some((resets, Arc::clone(read)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_reader_brings_nothing_old_back() {
        let known = KnownCatalogue::default();
        let read = |revision| Arc::new(Catalogue { revision, ..Catalogue::default() });
        known.keep(5, &read(10));
        assert_eq!(known.at(5).map(|c| c.revision), Some(10));
        known.keep(6, &read(11));
        known.keep(5, &read(10));
        assert_eq!(known.at(6).map(|c| c.revision), Some(11));
        assert!(known.at(5).is_none() && known.at(7).is_none());
    }
}
