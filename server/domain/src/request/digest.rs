//! The digest that binds a decision to what was shown.
use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use serde_json::json;

use super::Request;

/// SHA-256 (hex) over everything that an approver decides on. Whatever is left out here could be changed unseen.
pub fn digest_of(request: &Request) -> String {
    let shown = json!([
        "hallpass-request-v2",
        request.id,
        request.reference,
        request.subject,
        request.requesters,
        request.role_id,
        request.role_revision,
        request.target_id,
        request.tier,
        request.workflow_id,
        request.workflow_revision,
        request.stages,
        request.scope,
        request.terms,
        request.ask,
        request.reason,
        request.ticket,
    ]);
    HEXLOWER.encode(digest(&SHA256, shown.to_string().as_bytes()).as_ref())
}
