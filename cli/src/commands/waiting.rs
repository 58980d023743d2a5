//! Waiting for a decision: long-polls that survive lost connections.
use std::time::{Duration, Instant};

use hallpass_client::Client;
use hallpass_client::wire::requests::{Request, RequestState};

use crate::ctx::Ctx;
use crate::failure::{Exit, Failure};

/// One long-poll. Short enough for what stands between to keep the connection open.
const POLL: u64 = 25;
/// A server that does not answer for so long is given up.
const LOST: Duration = Duration::from_secs(300);

/// Waits until the request has left `pending`, at most `limit`. Says nothing but trouble.
pub(super) async fn until_decided(
    ctx: &Ctx,
    client: &Client,
    reference: &str,
    limit: Option<Duration>,
) -> Result<Request, Failure> {
    *ctx.resume.borrow_mut() = Some(format!("it stays open; go on with: hallpass wait {reference}"));
    let begun = Instant::now();
    let mut lost: Option<Instant> = None;
    loop {
        let left = limit.map(|limit| limit.saturating_sub(begun.elapsed()));
        let wait = left.map_or(POLL, |left| left.as_secs().min(POLL));
        let asked = Instant::now();
        let mut pause = Duration::ZERO;
        match client.request(reference, Some(wait)).await {
            Ok(request) if request.state != RequestState::Pending => {
                *ctx.resume.borrow_mut() = None;
                return Ok(request);
            }
            Ok(_) => {
                lost = None;
                // A server that answers at once, whatever it was asked, is not asked without end.
                if asked.elapsed() < Duration::from_secs(1) {
                    pause = Duration::from_secs(1);
                }
            }
            Err(error) if error.is_retryable() => {
                let since = *lost.get_or_insert_with(|| {
                    ctx.say(&format!("{error}; trying again."));
                    Instant::now()
                });
                if since.elapsed() > LOST {
                    return Err(error.into());
                }
                pause = Duration::from_secs(error.retry_after().unwrap_or(2).clamp(1, 30));
            }
            Err(error) => return Err(error.into()),
        }
        if let Some(left) = limit.map(|limit| limit.saturating_sub(begun.elapsed())) {
            if left.is_zero() {
                let message = format!("{reference} is still waiting for a decision");
                return Err(Failure::new(Exit::Pending, "wait_timed_out", message)
                    .next(format!("hallpass wait {reference}")));
            }
            pause = pause.min(left);
        }
        tokio::time::sleep(pause).await;
    }
}
