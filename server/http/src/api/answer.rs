//! Answers of `/api/v1` before they are written, so that they can be recorded and replayed.
use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use hallpass_broker::credentials::handover::Handover;
use serde::Serialize;

use crate::problem::Problem;

/// A good answer.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// `Location`.
    pub location: Option<String>,
    /// JSON.
    pub body: String,
    /// What is recorded for a repeat.
    pub keep: Keep,
    /// The login whose password it holds: where the answer reaches no connection, it is removed.
    pub handing: Option<Handover>,
}

/// What a repeated request with the same `Idempotency-Key` gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The answer again.
    Whole,
    /// `issued_not_retrievable` with this id: the answer holds a secret, which is given once.
    Issued(String),
    /// The answer with this body in its place: without the secrets that it holds.
    Without(String),
    /// Nothing more: it was recorded in the transaction itself.
    Recorded,
}

impl Answer {
    /// An answer with JSON.
    ///
    /// # Errors
    /// 500 where it cannot be written as JSON.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_string(body).map_err(|error| {
            tracing::error!(%error, "an answer could not be written");
            Problem::internal()
        })?;
        Ok(Self { status, location: None, body, keep: Keep::Whole, handing: None })
    }
    /// 200.
    ///
    /// # Errors
    /// As [`Self::json`].
    pub fn ok(body: &impl Serialize) -> Result<Self, Problem> {
        Self::json(StatusCode::OK, body)
    }
    /// 201 with `Location`.
    ///
    /// # Errors
    /// As [`Self::json`].
    pub fn created(location: String, body: &impl Serialize) -> Result<Self, Problem> {
        Ok(Self { location: Some(location), ..Self::json(StatusCode::CREATED, body)? })
    }
    /// With another record for a repeat.
    #[must_use]
    pub fn keeping(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }
    /// With a login that is taken by whoever gets this answer.
    #[must_use]
    pub fn handing(mut self, login: Option<Handover>) -> Self {
        self.handing = login;
        self
    }
}

impl From<Answer> for HttpResponse {
    fn from(answer: Answer) -> Self {
        let mut out = Self::build(answer.status);
        out.insert_header((header::CONTENT_TYPE, "application/json"));
        if let Some(location) = answer.location {
            out.insert_header((header::LOCATION, location));
        }
        answer.handing.map(Handover::taken);
        out.body(answer.body)
    }
}

/// 200 with JSON, for what is only read.
///
/// # Errors
/// 500 where it cannot be written as JSON.
pub fn show(body: &impl Serialize) -> Result<HttpResponse, Problem> {
    Answer::ok(body).map(Into::into)
}
