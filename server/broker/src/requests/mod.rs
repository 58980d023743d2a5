//! Requests: one file a verb.
pub mod decide;
pub mod submit;
pub mod withdraw;
