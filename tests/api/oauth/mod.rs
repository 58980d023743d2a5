//! OAuth, to the letter of its RFCs.
mod device;
mod errors;
mod introspection;
mod tokens;
