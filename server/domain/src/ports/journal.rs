//! A place for what was done while the store could not be written.

/// A small durable file, preallocated so that a full disk does not stop it. Lines are read back once the store can be
/// written, recorded before anything else, and then cleared.
pub trait Journal: Send + Sync {
    /// Appends a line, durably.
    fn append(&self, line: &str) -> Result<(), String>;
    /// Every line, oldest first.
    fn lines(&self) -> Result<Vec<String>, String>;
    /// Forgets every line.
    fn clear(&self) -> Result<(), String>;
}
