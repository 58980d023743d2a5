//! Who calls.
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::common::PrincipalKind;

/// `GET /api/v1/me`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Me {
    /// `user` or `workload`.
    pub kind: PrincipalKind,
    /// Id of the user or workload.
    pub id: String,
    /// Name as people know it.
    pub name: String,
    /// Mail address of a person, client id of a workload.
    pub handle: String,
    /// Duties in Hallpass: `administrator`, `auditor`. Empty for workloads.
    pub duties: Vec<String>,
    /// Names of the groups that it is in.
    pub groups: Vec<String>,
    /// IANA zone of a person.
    pub time_zone: Option<String>,
    /// The OAuth client that the token was issued to.
    pub client_id: String,
    /// When the token stops working.
    pub token_expires_at: DateTime<Utc>,
    /// Requests that wait for this person's decision.
    pub to_approve: u32,
    /// Grants of this principal that are active now.
    pub active_grants: u32,
    /// The server's clock.
    pub server_time: DateTime<Utc>,
}
