//! What keeps strangers out: CSRF, cookies, headers, secrets, sessions, idempotency, keys.
mod forms;
mod guessing;
mod headers;
mod idempotency;
mod no_demo;
mod notices;
mod secrets;
mod sessions;
mod start;
mod way_back;
