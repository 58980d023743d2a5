//! Waiting for facts instead of sleeping.
use std::future::Future;
use std::time::Duration;

/// Longest wait of [`eventually`]: far beyond what a healthy machine needs, so that only a fault reaches it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks `fact` again and again until it answers `Some`, and gives that.
///
/// # Panics
/// When it does not within [`PATIENCE`], naming `what` was waited for.
pub async fn eventually<T, F, Fut>(what: &str, mut fact: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let waiting = async {
        loop {
            if let Some(value) = fact().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(value) => value,
        Err(_) => panic!("waited {PATIENCE:?} in vain for: {what}"),
    }
}

/// As [`eventually`], where what is waited for takes real time, such as a lease that must run out.
///
/// # Panics
/// When it does not happen within `limit`.
pub async fn eventually_within<T, F, Fut>(limit: Duration, what: &str, mut fact: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let over = tokio::time::Instant::now() + limit;
    loop {
        if let Some(value) = fact().await {
            return value;
        }
        assert!(tokio::time::Instant::now() < over, "waited {limit:?} in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
