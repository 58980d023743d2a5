//! One line a request: never its query (it may hold what somebody typed), never its body, never a header of it.
use std::time::Duration;

use actix_web::http::{Method, StatusCode};

use super::Area;

/// What is logged.
#[derive(Debug)]
pub struct Line<'a> {
    /// Id of the request.
    pub request_id: &'a str,
    /// Method.
    pub method: &'a Method,
    /// Path without the query.
    pub path: &'a str,
    /// Status.
    pub status: StatusCode,
    /// Time until the head of the answer was ready.
    pub took: Duration,
    /// Client address.
    pub address: std::net::IpAddr,
}

/// Whether a path is asked so often, by machines, that its good answers would only fill the log.
fn is_chatter(area: Area, path: &str) -> bool {
    matches!(area, Area::Ops | Area::Assets) || path == "/oauth/introspect"
}

/// Writes the line: failures of ours as errors, good answers of chatter for debugging only.
pub fn log(area: Area, line: &Line<'_>) {
    macro_rules! write {
        ($level:ident) => {
            tracing::$level!(
                target: "hallpass::access",
                request_id = line.request_id, method = line.method.as_str(), path = line.path, status = line.status.as_u16(),
                took_us = u64::try_from(line.took.as_micros()).unwrap_or(u64::MAX), client = %line.address, "request"
            )
        };
    }
    if line.status.is_server_error() {
        write!(warn);
    } else if line.status.as_u16() < 400 && is_chatter(area, line.path) {
        write!(debug);
    } else {
        write!(info);
    }
}
