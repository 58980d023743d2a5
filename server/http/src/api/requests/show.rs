//! `GET /api/v1/requests/{reference}`, with long-poll.
use std::time::{Duration, Instant};

use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_client::wire::requests::{Request, RequestState};

use super::readable;
use crate::api::answer;
use crate::api::shapes::request::{request, state_of};
use crate::bearer::ApiCaller;
use crate::params::Params;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Longest wait, seconds.
const LONGEST: u64 = 60;
/// Time between two looks at a request that is waited for: one indexed read each, on whatever replica.
const LOOK: Duration = Duration::from_millis(300);

/// One request; with `wait`, held while it is pending.
#[utoipa::path(get, path = "/api/v1/requests/{reference}", tag = "Requests", params(("reference" = String, Path), ("wait" = Option<u64>, Query)),
    responses((status = 200, body = Request), (status = "default", body = ProblemBody)))]
pub async fn show(
    state: web::Data<AppState>,
    req: HttpRequest,
    reference: web::Path<String>,
    who: ApiCaller,
) -> Result<HttpResponse, Problem> {
    let wait =
        Params::of(&req)?.read::<u64>("wait", "a number of seconds, 0 to 60")?.unwrap_or(0).min(LONGEST);
    let (broker, caller) = (&state.broker, &who.caller);
    let (started, wait) = (Instant::now(), Duration::from_secs(wait));
    let mut found = readable(broker, caller, &reference).await?;
    while state_of(broker, &found) == RequestState::Pending
        && started.elapsed() < wait
        && !state.is_stopping()
    {
        tokio::time::sleep(LOOK.min(wait.saturating_sub(started.elapsed()))).await;
        let by_id = found.id.to_string();
        found = readable(broker, caller, &by_id).await?;
    }
    answer::show(&request(broker, caller, &found).await?)
}
