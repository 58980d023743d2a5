//! Mails: what is said to whom, queued in the transaction of the change and delivered later.
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::{GrantId, MailId, RequestId};

/// A row of `label: value` in a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Label, such as `When`.
    pub label: String,
    /// Value, such as `2 h from approval`.
    pub value: String,
}

/// Which mail it is; picks the label and the tone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailKind {
    /// To an approver of an opened stage.
    ApprovalAsked,
    /// To other approvers: no action needed.
    NoActionNeeded,
    /// To the requester: received.
    RequestReceived,
    /// To the requester: approved.
    RequestApproved,
    /// To the requester: denied.
    RequestDenied,
    /// To the requester: nobody decided in time.
    RequestLapsed,
    /// To the requester: taken back by somebody else, or because the role may not be asked for any more.
    RequestWithdrawn,
    /// To the requester: a PostgreSQL login or other access ended, and was checked.
    GrantEnded,
    /// To the holder: ended early by somebody else.
    GrantRevoked,
    /// To owners and administrators: removal is overdue.
    RevocationOverdue,
    /// To owners and administrators: an overdue removal completed.
    RevocationRecovered,
    /// To owners and administrators: accounts at a target are not as our records say.
    TargetDiffers,
    /// To owners and administrators: a login could not be made at a target, or does not work.
    IssuingFailed,
    /// To administrators and auditors: the catalogue changed.
    CatalogueChanged,
    /// To a person: something about their account changed.
    AccountNotice,
    /// To administrators and auditors: something about the installation itself.
    OperatorNotice,
}

impl MailKind {
    /// The word in the database. Every kind is rendered by the one layout in `templates/email/`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApprovalAsked => "approval_asked",
            Self::NoActionNeeded => "no_action_needed",
            Self::RequestReceived => "request_received",
            Self::RequestApproved => "request_approved",
            Self::RequestDenied => "request_denied",
            Self::RequestLapsed => "request_lapsed",
            Self::RequestWithdrawn => "request_withdrawn",
            Self::GrantEnded => "grant_ended",
            Self::GrantRevoked => "grant_revoked",
            Self::RevocationOverdue => "revocation_overdue",
            Self::RevocationRecovered => "revocation_recovered",
            Self::TargetDiffers => "target_differs",
            Self::IssuingFailed => "issuing_failed",
            Self::CatalogueChanged => "catalogue_changed",
            Self::AccountNotice => "account_notice",
            Self::OperatorNotice => "operator_notice",
        }
    }
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::ApprovalAsked,
        Self::NoActionNeeded,
        Self::RequestReceived,
        Self::RequestApproved,
        Self::RequestDenied,
        Self::RequestLapsed,
        Self::RequestWithdrawn,
        Self::GrantEnded,
        Self::GrantRevoked,
        Self::RevocationOverdue,
        Self::RevocationRecovered,
        Self::TargetDiffers,
        Self::IssuingFailed,
        Self::CatalogueChanged,
        Self::AccountNotice,
        Self::OperatorNotice,
    ];
    /// Reads [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == text)
    }
}

/// What a mail says: the same model gives subject, plain text and HTML. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailModel {
    /// Subject without prefix, one line, from our own records only.
    pub subject: String,
    /// First sentence: who, what, where, how long.
    pub headline: String,
    /// Facts in order.
    pub facts: Vec<Fact>,
    /// What somebody wrote (reason or comment), quoted.
    pub quote: Option<String>,
    /// Further paragraphs.
    pub paragraphs: Vec<String>,
    /// The one link: label and path below the base URL (`/r/R-…`).
    pub link: Option<(String, String)>,
    /// Why this person gets it.
    pub footer: String,
}

/// Delivery state of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailState {
    /// Waiting for delivery or the next attempt.
    Queued,
    /// Accepted by the mail server.
    Sent,
    /// Refused for good (5xx), or tried for three days.
    Failed,
}

impl MailState {
    /// The word in pages, API and database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
    /// Reads [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Queued, Self::Sent, Self::Failed].into_iter().find(|s| s.as_str() == text)
    }
}

/// A mail in the outbox: delivered at least once, with a stable Message-ID (`<id@host>`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mail {
    /// Identity; also the Message-ID's local part.
    pub id: MailId,
    /// Which mail.
    pub kind: MailKind,
    /// Address.
    pub to_email: String,
    /// Name of the addressee.
    pub to_name: String,
    /// The request it belongs to; mails of one request thread by it.
    pub request_id: Option<RequestId>,
    /// The grant it belongs to.
    pub grant_id: Option<GrantId>,
    /// What it says.
    pub model: MailModel,
    /// State.
    pub state: MailState,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// When it was accepted.
    pub sent_at: Option<Timestamp>,
    /// Failed attempts.
    pub attempts: i32,
    /// No attempt before this instant.
    pub next_attempt_at: Timestamp,
    /// What the mail server said last.
    pub last_error: Option<String>,
    /// Who delivers it.
    pub claimed_by: Option<String>,
    /// Until when.
    pub claimed_until: Option<Timestamp>,
    /// Moves at every claim.
    pub fence: i64,
    /// Compare-and-swap counter.
    pub version: i64,
}
