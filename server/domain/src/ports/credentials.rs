//! Reads and claims of credentials.
use async_trait::async_trait;

use super::store::Read;
use crate::Timestamp;
use crate::credential::Credential;
use crate::ids::{CredentialId, GrantId, TargetId};

/// A claim: who works on something, and until when others keep off.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    /// Name of the worker, unique per process start.
    pub owner: &'a str,
    /// Now.
    pub now: Timestamp,
    /// End of the lease.
    pub until: Timestamp,
    /// At most so many rows.
    pub limit: u32,
}

/// Reads and claims of credentials.
#[async_trait]
pub trait Credentials {
    /// A credential.
    async fn credential(&self, id: CredentialId) -> Read<Option<Credential>>;
    /// Those of the credentials that there are, in no order.
    async fn credentials(&self, ids: &[CredentialId]) -> Read<Vec<Credential>>;
    /// Credentials of a grant, oldest first.
    async fn credentials_of(&self, grant: GrantId) -> Read<Vec<Credential>>;
    /// The same of many grants in one read.
    async fn credentials_of_all(&self, grants: &[GrantId]) -> Read<Vec<Credential>>;
    /// Everything not yet `revoked` at a target, and its external names: what the reconciler compares with what the target lists.
    async fn unrevoked_at(&self, target: TargetId) -> Read<Vec<Credential>>;
    /// A credential by its name at a target.
    async fn credential_named(&self, target: TargetId, external_name: &str) -> Read<Option<Credential>>;
    /// Claims credentials of `target` that are due (`due_at <= now`, not revoked, `next_attempt_at <= now`, not claimed by a live lease):
    /// one guarded UPDATE that sets owner, lease end, `fence + 1` and `version + 1`, and returns the rows as they now are.
    async fn claim_due(&self, target: TargetId, claim: Claim<'_>) -> Read<Vec<Credential>>;
    /// Claims one credential by id whatever its due time, unless a live lease holds it or it is revoked.
    async fn claim_one(&self, id: CredentialId, claim: Claim<'_>) -> Read<Option<Credential>>;
    /// Gives up every lease on credentials and mails that is neither `worker`'s nor another live server's, and moves
    /// their fences, so that what a server was doing when it died is taken up at once; how many. A server is live while
    /// the database has a connection of it; one that is wrongly robbed finds its fence moved, and its work is done again.
    async fn release_claims(&self, worker: &str) -> Read<u64>;
    /// Targets that have something due at `now`.
    async fn targets_due(&self, now: Timestamp) -> Read<Vec<TargetId>>;
    /// Not revoked and due before `before`, oldest first: the overdue list.
    async fn overdue(&self, before: Timestamp, limit: u32) -> Read<Vec<Credential>>;
    /// Those of the overdue list that nobody was alerted about yet, oldest first.
    async fn overdue_untold(&self, before: Timestamp, limit: u32) -> Read<Vec<Credential>>;
    /// How many are not revoked and due before `before`.
    async fn count_overdue(&self, before: Timestamp) -> Read<u64>;
    /// Credentials due in `[from, to)`: the window kept in memory for when the store cannot be written.
    async fn due_between(&self, from: Timestamp, to: Timestamp, limit: u32) -> Read<Vec<Credential>>;
    /// The newest credential ever committed, whatever its state: ids are in order of time, so a target that knows a newer
    /// one has seen a later database than this.
    async fn newest_credential(&self) -> Read<Option<CredentialId>>;
    /// How many of a grant are not revoked.
    async fn count_unrevoked(&self, grant: GrantId) -> Read<u64>;
}
