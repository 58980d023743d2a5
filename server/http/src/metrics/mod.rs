//! Metrics for Prometheus. Names and units as `promtool check metrics` wants them; no user, request or grant in a label.
mod scrape;

use std::collections::HashMap;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry};

use crate::address::any_contains;
use crate::context::Ctx;
use crate::middleware::Area;
use crate::problem::Problem;
use crate::routes;
use crate::state::AppState;

/// Upper bounds of request durations, seconds.
const BUCKETS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 30.0];
/// Label of requests that no route takes.
const UNMATCHED: &str = "unmatched";

/// Classes of status that are counted.
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// Counters of one route, by class of status, resolved once; the duration is that of its whole surface.
struct Route {
    by_class: [IntCounter; CLASSES.len()],
    duration: Histogram,
}

/// What this process counts itself; everything else is read when it is asked for.
pub struct Metrics {
    registry: Registry,
    routes: HashMap<&'static str, Route>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All zero. Every route is there from the start, so that a rate can be taken from its first request.
    pub fn new() -> Self {
        let registry = Registry::new();
        let mut routes = HashMap::new();
        let made = || -> Result<(IntCounterVec, HistogramVec), prometheus::Error> {
            let requests = IntCounterVec::new(
                Opts::new(
                    "hallpass_http_requests_total",
                    "HTTP requests answered, by route and class of status.",
                ),
                &["route", "status"],
            )?;
            let duration = HistogramVec::new(
                HistogramOpts::new(
                    "hallpass_http_request_duration_seconds",
                    "Time until the head of the answer was ready, by surface.",
                )
                .buckets(BUCKETS.to_vec()),
                &["area"],
            )?;
            registry.register(Box::new(requests.clone()))?;
            registry.register(Box::new(duration.clone()))?;
            Ok((requests, duration))
        };
        match made() {
            Ok((requests, duration)) => {
                for path in routes::paths().chain([UNMATCHED]) {
                    let by_class = CLASSES.map(|class| requests.with_label_values(&[path, class]));
                    let area = if path == UNMATCHED { UNMATCHED } else { Area::of(path).as_str() };
                    routes.insert(path, Route { by_class, duration: duration.with_label_values(&[area]) });
                }
            }
            Err(error) => tracing::error!(%error, "requests are not counted"),
        }
        Self { registry, routes }
    }

    /// Counts one request. `pattern` is the route's, never the path as sent.
    pub fn count(&self, pattern: Option<&str>, status: StatusCode, took: Duration) {
        let Some(route) = pattern.and_then(|p| self.routes.get(p)).or_else(|| self.routes.get(UNMATCHED))
        else {
            return;
        };
        let class = usize::from(status.as_u16() / 100).saturating_sub(2);
        if let Some(counter) = route.by_class.get(class) {
            counter.inc();
        }
        route.duration.observe(took.as_secs_f64());
    }
}

/// `GET /metrics`: from the networks that the configuration names, and absent for all others.
pub async fn show(state: web::Data<AppState>, req: HttpRequest) -> Result<HttpResponse, Problem> {
    if !any_contains(&state.config.metrics_from, Ctx::of(&req).address) {
        return Err(Problem::not_found("page"));
    }
    let text = scrape::text(&state).await.map_err(|error| {
        tracing::error!(error, "metrics could not be written");
        Problem::internal()
    })?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::Encoder as _;

    #[test]
    fn requests_are_counted_by_route_and_class() {
        let metrics = Metrics::new();
        metrics.count(Some("/api/v1/grants/{id}"), StatusCode::NOT_FOUND, Duration::from_millis(2));
        metrics.count(Some("/no/such"), StatusCode::OK, Duration::ZERO);
        metrics.count(None, StatusCode::OK, Duration::ZERO);
        let mut out = Vec::new();
        prometheus::TextEncoder::new().encode(&metrics.registry.gather(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains(r#"hallpass_http_requests_total{route="/api/v1/grants/{id}",status="4xx"} 1"#),
            "{text}"
        );
        assert!(text.contains(r#"hallpass_http_requests_total{route="unmatched",status="2xx"} 2"#));
        assert!(text.contains(r#"hallpass_http_request_duration_seconds_bucket{area="api",le="0.0025"} 1"#));
    }
}
