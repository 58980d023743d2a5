//! Where the hand-over of a hoard stands in its list, from one portion and one pass to the next: what cannot be moved is
//! passed over, and not met again before everything behind it was tried.
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

/// One thing in the list, as the script names it: granted or owned, rank of its kind, its oid.
type Place = (bool, i64, i64);

/// A walk along the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Walk {
    /// It goes on behind this one; from the start where there is none.
    pub(super) after: Option<Place>,
    /// A whole walk moved nothing: the server tries all of it at once.
    pub(super) whole: bool,
    moved: u64,
}

/// What the script says of one portion.
#[derive(Debug, Deserialize)]
pub(super) struct Portion {
    /// What was handed over, in words.
    pub(super) left: Vec<String>,
    /// It must be called again.
    pub(super) more: bool,
    /// So many were moved.
    moved: u64,
    /// The last one that was tried; none at the end of the list.
    #[serde(default)]
    next: Option<Place>,
    /// The last one that could not be moved, and why.
    #[serde(default)]
    pub(super) stuck: Option<String>,
}

impl Walk {
    /// Where it stands after a portion.
    pub(super) fn then(self, done: &Portion) -> Self {
        let moved = self.moved.saturating_add(done.moved);
        match done.next {
            Some(place) => Self { after: Some(place), whole: false, moved },
            // What went may have been in the way of what was passed over.
            None if moved > 0 => Self::default(),
            None => Self { after: None, whole: true, moved: 0 },
        }
    }
}

/// Walks that a pass left unfinished, by role oid and database.
#[derive(Debug, Default)]
pub(super) struct Walks(Mutex<BTreeMap<(i64, String), Walk>>);

impl Walks {
    /// Takes one up again; a new one where there is none.
    pub(super) fn take(&self, oid: i64, database: &str) -> Walk {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&(oid, database.to_owned())).unwrap_or_default()
    }

    /// Keeps one for the next pass.
    pub(super) fn keep(&self, oid: i64, database: &str, walk: Walk) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert((oid, database.to_owned()), walk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn portion(moved: u64, next: Option<Place>) -> Portion {
        Portion { left: Vec::new(), more: true, moved, next, stuck: None }
    }

    #[test]
    fn starts_over_where_something_moved_and_tries_all_at_once_where_nothing_did() {
        let (here, there) = ((false, -2613, 7), (true, -1259, 3));
        let walk = Walk::default().then(&portion(0, Some(here)));
        assert_eq!(walk, Walk { after: Some(here), whole: false, moved: 0 });
        assert!(walk.clone().then(&portion(0, None)).whole);
        let walk = walk.then(&portion(4, Some(there)));
        assert_eq!((walk.after, walk.moved), (Some(there), 4));
        assert_eq!(walk.then(&portion(0, None)), Walk::default());
    }
}
