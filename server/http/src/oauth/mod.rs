//! OAuth, to the letter: RFC 6749 (token, client authentication, errors), 7009 (revocation), 7662 (introspection), 8414
//! (metadata), 8628 (device flow), 8707 (resource), 9396 (authorization_details), 9068 (token profile, in the broker).
pub mod answer;
pub mod client;
pub mod client_cache;
pub mod device_authorization;
pub mod error;
pub mod form;
pub mod introspect;
pub mod jwks;
pub mod metadata;
pub mod revoke;
pub mod token;
pub mod token_role;
