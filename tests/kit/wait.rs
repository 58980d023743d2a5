//! Waiting for facts instead of sleeping.
use std::future::Future;
use std::time::Duration;

/// Longest wait of [`eventually`]: far beyond what a healthy machine needs, so that only a fault reaches it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks `fact` again and again until it answers `Some`, and gives that; none where it does not within `limit`.
pub async fn within<T, F, Fut>(limit: Duration, mut fact: F) -> Option<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let asking = async {
        loop {
            if let Some(value) = fact().await {
                return value;
            }
            // Asking costs whoever is asked, and others work on this machine.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(limit, asking).await.ok()
}

/// As [`within`] the usual [`PATIENCE`].
///
/// # Panics
/// When it does not happen, naming `what` was waited for.
pub async fn eventually<T, F, Fut>(what: &str, fact: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    eventually_within(PATIENCE, what, fact).await
}

/// As [`eventually`], where what is waited for takes real time, such as a lease that must run out.
///
/// # Panics
/// When it does not happen within `limit`.
pub async fn eventually_within<T, F, Fut>(limit: Duration, what: &str, fact: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    within(limit, fact).await.unwrap_or_else(|| panic!("waited {limit:?} in vain for: {what}"))
}
