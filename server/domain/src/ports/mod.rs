//! What the rules need from outside, one trait a file. Implementations are in `store` and `adapters`.
pub mod accounts;
pub mod audit_log;
pub mod catalogue;
pub mod checkpoint_sink;
pub mod clock;
pub mod credentials;
pub mod grants;
pub mod journal;
pub mod kept;
pub mod mails;
pub mod notifier;
pub mod requests;
pub mod sealer;
pub mod store;
pub mod target;
pub mod token_signer;
pub mod tokens;
