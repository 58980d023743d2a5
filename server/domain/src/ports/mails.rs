//! Reads and claims of the outbox.
use async_trait::async_trait;

use super::credentials::Claim;
use super::store::Read;
use crate::Timestamp;
use crate::ids::{GrantId, MailId, RequestId};
use crate::mail::Mail;

/// Reads and claims of the outbox.
#[async_trait]
pub trait Mails {
    /// Claims queued mails whose `next_attempt_at <= now`, oldest first; as [`super::credentials::Credentials::claim_due`].
    async fn claim_mails(&self, claim: Claim<'_>) -> Read<Vec<Mail>>;
    /// A mail.
    async fn mail(&self, id: MailId) -> Read<Option<Mail>>;
    /// Mails of a request, oldest first.
    async fn mails_of_request(&self, id: RequestId) -> Read<Vec<Mail>>;
    /// Mails of a grant, oldest first.
    async fn mails_of_grant(&self, id: GrantId) -> Read<Vec<Mail>>;
    /// When the oldest queued mail was queued, and how many are queued.
    async fn outbox_age(&self) -> Read<(Option<Timestamp>, u64)>;
}
