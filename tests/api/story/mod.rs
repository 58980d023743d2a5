//! The story: ask, approve by the link in the mail, use, end.
mod deciding;
mod ending;
mod outcomes;
mod whole;
mod workload;
