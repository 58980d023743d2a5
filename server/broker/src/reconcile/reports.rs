//! What each reconciler did last, for the admin page and the metrics.
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use hallpass_domain::Timestamp;
use hallpass_domain::refusal::Refusal;
use serde::Serialize;

/// Report of one run.
#[derive(Clone, Debug, Default, Serialize, PartialEq, Eq)]
pub struct Report {
    /// Things done.
    pub done: u64,
    /// Things left for later.
    pub left: u64,
    /// What went wrong, in a sentence without secrets.
    pub error: Option<String>,
}

impl Report {
    /// Counts one thing that was done, or left for later, or failed.
    pub(super) fn count(&mut self, result: Result<bool, Refusal>) {
        match result {
            Ok(true) => self.done += 1,
            Ok(false) => self.left += 1,
            Err(refusal) => self.error = Some(refusal.message),
        }
    }
}

/// Report with its history.
#[derive(Clone, Debug, Serialize)]
pub struct Standing {
    /// Runs since start.
    pub runs: u64,
    /// Things done since start.
    pub done: u64,
    /// Last run that did something or failed, and when.
    pub last: Report,
    /// When it last ran.
    pub ran_at: Timestamp,
    /// When it last failed.
    pub failed_at: Option<Timestamp>,
}

/// Upper bounds of the revocation-lag histogram, seconds.
pub const LAG_BUCKETS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0];

/// Durations in buckets: revocation lag, from due to verified absent, and how long issuing took.
#[derive(Debug, Default)]
pub struct Lag {
    buckets: [AtomicU64; 10],
    count: AtomicU64,
    micros: AtomicU64,
}

impl Lag {
    /// Counts one.
    pub fn observe(&self, lag: chrono::Duration) {
        let micros = u64::try_from(lag.num_microseconds().unwrap_or(i64::MAX).max(0)).unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "microseconds of lag")]
        let seconds = micros as f64 / 1e6;
        for (bound, bucket) in LAG_BUCKETS.iter().zip(&self.buckets) {
            if seconds <= *bound {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }
    /// Cumulative counts by bucket, count, and sum in seconds.
    pub fn read(&self) -> (Vec<u64>, u64, f64) {
        #[expect(clippy::cast_precision_loss, reason = "a sum for a graph")]
        let sum = self.micros.load(Ordering::Relaxed) as f64 / 1e6;
        (
            self.buckets.iter().map(|b| b.load(Ordering::Relaxed)).collect(),
            self.count.load(Ordering::Relaxed),
            sum,
        )
    }
}

/// Reports of all reconcilers.
#[derive(Debug, Default)]
pub struct Reports {
    all: Mutex<BTreeMap<&'static str, Standing>>,
    /// Revocation lag of accounts at targets.
    pub lag: Lag,
    /// From the ask for a login to one that was tried and works.
    pub issued: Lag,
    /// From the approval (or the begin, where that is later) to the grant's first login that was tried and works.
    pub approved: Lag,
}

impl Reports {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }
    /// Notes a run.
    pub fn note(&self, name: &'static str, report: Report, now: Timestamp) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = all.entry(name).or_insert_with(|| Standing {
            runs: 0,
            done: 0,
            last: Report::default(),
            ran_at: now,
            failed_at: None,
        });
        standing.runs += 1;
        standing.done += report.done;
        standing.ran_at = now;
        if report.error.is_some() {
            standing.failed_at = Some(now);
        }
        if report != Report::default() || standing.last.error.is_some() {
            standing.last = report;
        }
    }
    /// What the last run of a reconciler said went wrong.
    pub fn error_of(&self, name: &str) -> Option<String> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(name).and_then(|standing| standing.last.error.clone())
    }
    /// All reports by name.
    pub fn all(&self) -> Vec<(&'static str, Standing)> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(n, s)| (*n, s.clone())).collect()
    }
}
