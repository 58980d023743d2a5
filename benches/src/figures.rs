//! Medians and percentiles, and where they are printed.
use std::io::Write as _;
use std::time::Duration;

/// What stops a measurement.
pub(crate) type Fault = Box<dyn std::error::Error>;

/// The value below which `share` (0 to 1) of the sorted values lie; 0 where there are none.
pub(crate) fn percentile(all: &[f64], share: f64) -> f64 {
    let mut sorted = all.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index into `sorted`")]
    let at = ((sorted.len() as f64) * share) as usize;
    sorted.get(at.min(last)).copied().unwrap_or_default()
}

/// The middle value.
pub(crate) fn median(all: &[f64]) -> f64 {
    percentile(all, 0.5)
}

/// `p50 0.12 s, p95 0.30 s, longest 0.41 s` of times in seconds.
pub(crate) fn spread(all: &[f64]) -> String {
    format!(
        "p50 {:.3} s, p95 {:.3} s, longest {:.3} s",
        median(all),
        percentile(all, 0.95),
        percentile(all, 1.0)
    )
}

/// A line for whoever runs the measurement.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// CPU time of this process so far: user and system, all threads. A tick is 10 ms on every Linux that matters here.
pub(crate) fn own_cpu() -> Result<Duration, Fault> {
    Ok(Duration::from_millis(10 * ticks("/proc/self/stat")?))
}

/// Clock ticks of user and system time in a `stat` file of `/proc`.
pub(crate) fn ticks(path: &str) -> Result<u64, Fault> {
    let stat = std::fs::read_to_string(path)?;
    let after = stat.rsplit_once(')').ok_or("no stat")?.1;
    Ok(after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum())
}
