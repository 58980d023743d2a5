//! What became of the tokens that a resource server was sent.
use std::collections::VecDeque;

use hallpass_domain::Timestamp;
use hallpass_domain::secret::SecretHash;

use super::check::{Accepted, Refused};

/// Tokens that are remembered for the page.
const KEPT: usize = 20;

/// The tokens, the newest first.
#[derive(Default)]
pub(super) struct Seen(VecDeque<Story>);

/// One token's.
pub(super) struct Story {
    hash: SecretHash,
    /// Its last characters, to tell tokens apart.
    pub(super) mark: String,
    /// The role that it was for, once accepted.
    pub(super) role: String,
    /// Its own end.
    pub(super) ends_at: Option<Timestamp>,
    /// How often it was accepted, first and last.
    pub(super) accepted: Option<Span>,
    /// How often it was refused since, first and last, and why.
    pub(super) refused: Option<(Span, String)>,
}

/// How often, first and last.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) times: u64,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

impl Span {
    fn and(earlier: Option<Self>, at: Timestamp) -> Self {
        earlier.map_or(Self { times: 1, first: at, last: at }, |e| Self { times: e.times + 1, last: at, ..e })
    }
}

impl Seen {
    /// The newest first.
    pub(super) fn stories(&self) -> impl Iterator<Item = &Story> {
        self.0.iter()
    }

    pub(super) fn note(&mut self, token: &str, at: Timestamp, verdict: &Result<Accepted, Refused>) {
        let hash = SecretHash::of(token);
        let known = self.0.iter().position(|s| s.hash == hash).and_then(|i| self.0.remove(i));
        let mut story = known.unwrap_or_else(|| Story {
            hash,
            mark: mark(token),
            role: String::new(),
            ends_at: None,
            accepted: None,
            refused: None,
        });
        match verdict {
            Ok(accepted) => {
                story.role.clone_from(&accepted.role);
                story.ends_at = accepted.ends_at;
                story.accepted = Some(Span::and(story.accepted, at));
                story.refused = None;
            }
            Err(Refused::Token(why) | Refused::Unchecked(why)) => {
                let span = Span::and(story.refused.map(|(span, _)| span), at);
                story.refused = Some((span, why.clone()));
            }
        }
        self.0.push_front(story);
        self.0.truncate(KEPT);
    }
}

/// The last eight characters; of something short, less than half of it.
fn mark(token: &str) -> String {
    let all: Vec<char> = token.chars().collect();
    let shown = (all.len() / 3).min(8);
    all.iter().skip(all.len() - shown).collect()
}
