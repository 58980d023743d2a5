//! A place for what is due soon, for a start without the store.

/// A small durable file, preallocated. Its text is encrypted at rest, and the one before stays whole until the next is.
pub trait Kept: Send + Sync {
    /// Most bytes that fit.
    fn room(&self) -> usize;
    /// Replaces the text, durably.
    fn keep(&self, text: &str) -> Result<(), String>;
    /// The newest whole text; none before the first.
    fn kept(&self) -> Option<String>;
}
