//! The audit log: events to read. The export, the checkpoint and the verifier key are plain text, not JSON values.
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One item of `GET /api/v1/audit/events`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditEvent {
    /// Id of the event.
    pub id: String,
    /// Leaf index; none until it is sealed.
    pub index: Option<u64>,
    /// Leaf hash (base64), once sealed.
    pub leaf_hash: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
    /// Kind, such as `request.approved`.
    pub kind: String,
    /// Actor: `user:<id>`, `workload:<id>`, `system`.
    pub actor: String,
    /// Name of the actor; none where it was erased.
    pub actor_name: Option<String>,
    /// What it was done to, in a few words.
    pub summary: String,
    /// The whole event, as it is hashed, with the openings of its commitments that the caller may see.
    pub event: Value,
}
