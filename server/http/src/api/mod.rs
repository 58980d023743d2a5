//! `/api/v1`: one file a verb. `docs/api.md` is the contract, [`wire`] its bodies, [`shapes`] fill them from the broker.
pub mod admin;
pub mod answer;
pub mod audit;
pub mod credential;
pub mod grants;
pub mod idempotency;
pub mod me;
pub mod requests;
pub mod roles;
pub mod shapes;
