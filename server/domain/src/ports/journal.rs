//! A place for what was done while the store could not be written.

/// A small durable file, preallocated so that a full disk does not stop it. Lines are read back once the store can be
/// written, recorded before anything else, and then cleared.
pub trait Journal: Send + Sync {
    /// Appends a line, durably.
    fn append(&self, line: &str) -> Result<(), String>;
    /// Every line, oldest first.
    fn lines(&self) -> Result<Vec<String>, String>;
    /// Forgets every line where there are no more than these; whether it did. One that was appended after they were read stays,
    /// and they with it.
    fn clear(&self, read: usize) -> Result<bool, String>;
}
