//! The access receipt: one printable page that proves who asked, who approved what, and that it is gone.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::access::GrantCard;
use super::common::{DecisionLine, PrincipalLine, ScopeValue, Ticket};
use super::credential::CredentialView;
use super::page::Command;

/// The page `/grants/{id}/receipt`.
#[derive(Debug, Clone, Serialize)]
pub struct ReceiptView {
    /// The grant and its three facts.
    pub grant: GrantCard,
    /// A standing role's grant: nobody asked and nobody approved.
    pub standing: bool,
    /// Who asked; the workload of a standing role.
    pub asked_by: PrincipalLine,
    /// When; of a standing role, when its grant began.
    pub asked_at: DateTime<Utc>,
    /// Length asked for, in seconds.
    pub asked_seconds: Option<i64>,
    /// Fixed end asked for.
    pub asked_end: Option<DateTime<Utc>>,
    /// The reason given.
    pub reason: String,
    /// The ticket given.
    pub ticket: Option<Ticket>,
    /// Scope as approved.
    pub scope: Vec<ScopeValue>,
    /// Digest of the request, whole.
    pub digest: String,
    /// Every decision, with its proof.
    pub decisions: Vec<DecisionLine>,
    /// What was issued and when it was verified gone.
    pub credentials: Vec<CredentialView>,
    /// There are more tokens than are listed.
    pub more_tokens: bool,
    /// Proof that the events stand in the log, of the newest.
    pub inclusion: Vec<InclusionLine>,
    /// Every hash of their paths, in base64, once; they are numbered from 1.
    pub nodes: Vec<String>,
    /// There are more events than are listed.
    pub more_events: bool,
    /// The checkpoint that the proofs lead to; `None` while the newest events are unsealed.
    pub checkpoint: Option<CheckpointLine>,
    /// Commands that check this receipt offline.
    pub commands: Vec<Command>,
    /// Name of the instance.
    pub instance: String,
}

/// One event in the log.
#[derive(Debug, Clone, Serialize)]
pub struct InclusionLine {
    /// What the event says, such as `request.approved`.
    pub action: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Its index in the log.
    pub leaf_index: i64,
    /// Its leaf hash, in base64, whole.
    pub leaf_hash: String,
    /// The inclusion proof, from the leaf's sibling to the root's child: numbers of [`ReceiptView::nodes`].
    pub path: Vec<usize>,
}

/// A signed checkpoint.
#[derive(Debug, Clone, Serialize)]
pub struct CheckpointLine {
    /// Origin line of the log.
    pub origin: String,
    /// Size of the tree.
    pub size: i64,
    /// Root hash.
    pub root: String,
    /// When it was signed.
    pub at: DateTime<Utc>,
    /// The signed note, whole.
    pub note: String,
}
