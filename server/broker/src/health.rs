//! Whether the store can be written. Fail closed: while it cannot, nothing is issued and tokens answer inactive.
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the store can be written, as the last commit or probe found.
#[derive(Debug)]
pub struct Health {
    writable: AtomicBool,
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl Health {
    /// Good until the first failure.
    pub fn new() -> Self {
        Self { writable: AtomicBool::new(true) }
    }
    /// A commit or probe succeeded.
    pub fn written(&self) {
        if !self.writable.swap(true, Ordering::AcqRel) {
            tracing::warn!("the store can be written again");
        }
    }
    /// A commit or probe failed.
    pub fn failed(&self) {
        if self.writable.swap(false, Ordering::AcqRel) {
            tracing::error!(
                "the store cannot be written: issuing stops and tokens answer inactive until it can"
            );
        }
    }
    /// Whether the store can be written.
    pub fn is_writable(&self) -> bool {
        self.writable.load(Ordering::Acquire)
    }
}
