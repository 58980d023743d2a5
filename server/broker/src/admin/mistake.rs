//! Mistakes in a catalogue file: where, what, and what to do about it.
use std::ops::Range;

use serde::Serialize;

/// A place in the file, as byte offsets.
pub type Span = Range<usize>;

/// After so many mistakes the rest is left out: they are mostly echoes.
const MOST: usize = 100;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Mistake {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong, a sentence.
    pub what: String,
    /// What to do about it, a sentence.
    pub what_to_do: String,
}

impl std::fmt::Display for Mistake {
    /// `12:8: what is wrong. What to do.`; a caller puts the file's name in front.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {} {}", self.line, self.column, self.what, self.what_to_do)
    }
}

/// Collects mistakes of one text.
#[derive(Debug)]
pub struct Mistakes<'t> {
    text: &'t str,
    found: Vec<Mistake>,
}

impl<'t> Mistakes<'t> {
    /// None yet.
    pub fn new(text: &'t str) -> Self {
        Self { text, found: Vec::new() }
    }

    /// Notes a mistake at `span`; the same words at the same place are noted once.
    pub fn at(&mut self, span: Span, what: impl Into<String>, what_to_do: impl Into<String>) {
        let (line, column) = self.place(span.start);
        let mistake = Mistake { line, column, what: what.into(), what_to_do: what_to_do.into() };
        if self.found.len() < MOST && !self.found.contains(&mistake) {
            self.found.push(mistake);
        }
    }

    /// Line and column of a byte offset, both from 1.
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = self.text.get(..end).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        (before.matches('\n').count() + 1, before.get(line_start..).unwrap_or("").chars().count() + 1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many so far.
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// The mistakes in the order of the file.
    pub fn into_sorted(mut self) -> Vec<Mistake> {
        self.found.sort();
        self.found
    }
}

/// The known word nearest to `word`, where one is near enough to be a slip of the finger.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let most = (word.chars().count() / 3).clamp(1, 4);
    known
        .into_iter()
        .map(|k| (distance(&word, &k.to_lowercase()), k))
        .filter(|(d, _)| *d <= most)
        .min_by_key(|(d, _)| *d)
        .map(|(_, k)| k)
}

/// `Did you mean “x”?` with a space behind it, or nothing.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map(|n| format!("Did you mean “{n}”? ")).unwrap_or_default()
}

/// Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(80).collect(), b.chars().take(80).collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&row, j) + usize::from(x != y)).min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_and_survive_any_offset() {
        let text = "a\nüb = 1\n";
        let m = Mistakes::new(text);
        for (offset, place) in [(0, (1, 1)), (2, (2, 1)), (3, (2, 1)), (4, (2, 2)), (999, (3, 1))] {
            assert_eq!(m.place(offset), place, "offset {offset}");
        }
    }

    #[test]
    fn nearest_finds_slips_and_nothing_far() {
        let known = ["db-oncall", "platform", "ana@example.org"];
        for (word, near) in [
            ("db-oncal", Some("db-oncall")),
            ("paltform", Some("platform")),
            ("Ana@example.com", Some("ana@example.org")),
            ("security", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), near, "{word}");
        }
    }

    #[test]
    fn a_mistake_is_noted_once_and_in_the_order_of_the_file() {
        let mut m = Mistakes::new("a\nb\n");
        m.at(2..3, "second", "x");
        m.at(0..1, "first", "x");
        m.at(2..3, "second", "x");
        assert_eq!(m.into_sorted().iter().map(|m| m.what.as_str()).collect::<Vec<_>>(), ["first", "second"]);
    }
}
