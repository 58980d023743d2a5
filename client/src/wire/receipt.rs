//! The access receipt of a grant: what is checked offline by `hallpass audit verify --receipt`.
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::grants::Grant;
use super::requests::Request;

/// `GET /api/v1/grants/{id}/receipt`. What is *proved* are the events. `grant` and `request` say the same
/// for reading, with names as they were then; `hallpass audit verify --receipt` compares them with the events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GrantReceipt {
    /// Format of the receipt: 1.
    pub version: u32,
    /// Base URL of the instance.
    pub instance: String,
    /// When the receipt was made.
    pub made_at: DateTime<Utc>,
    /// The grant with every login and token that the events tell of.
    pub grant: Grant,
    /// The request with its stages and decisions; none for a standing role.
    pub request: Option<Request>,
    /// Every sealed event about the grant and its request, in order of leaf index; the newest where `cut` says so.
    pub events: Vec<ProvedEvent>,
    /// There are more events than one receipt holds; all are in the export.
    #[serde(default)]
    pub cut: bool,
    /// Events that are not sealed yet: ask again in a second.
    pub unsealed: u32,
    /// The log's verifier key (C2SP vkey), for reading: whoever checks takes a copy of their own.
    pub vkey: String,
}

/// One event with its proof.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProvedEvent {
    /// C2SP tlog-proof as text (`hallpass_domain::audit::Receipt::to_text`): the leaf (line `extra`), its index, the inclusion
    /// proof and the signed checkpoint.
    pub tlog_proof: String,
    /// Names, addresses and reasons that the leaf commits to; none where they were erased.
    pub private: Option<Value>,
    /// The salt of that commitment (64 hexadecimal digits).
    pub salt: Option<String>,
}
