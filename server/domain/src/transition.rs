//! What a decision changes: data, committed as one.
use crate::account::{Account, ApiToken, Device, Session};
use crate::audit::event::Event;
use crate::catalogue::CatalogueChange;
use crate::credential::{Credential, Token};
use crate::finding::Finding;
use crate::grant::Grant;
use crate::ids::{
    CommandId, CredentialId, EventId, GrantId, MailId, RequestId, RoleId, TargetId, TokenId, UserId,
    WorkflowId,
};
use crate::mail::Mail;
use crate::principal::{Client, User};
use crate::request::{Decision, Request};
use crate::target_check::TargetCheck;

/// One changed row, as it shall be. `version` is the new one: 1 inserts, `n` replaces the row that has `n - 1`
/// (compare-and-swap; anything else is a conflict and nothing of the transition stays).
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A request.
    Request(Box<Request>),
    /// A decision; insert only.
    Decision(Box<Decision>),
    /// A grant.
    Grant(Box<Grant>),
    /// A credential at a target.
    Credential(Box<Credential>),
    /// A trial of a target, and its throw-away account.
    TargetCheck(Box<TargetCheck>),
    /// What comparing a target with our records found.
    Finding(Box<Finding>),
    /// An access token's record; insert only.
    Token(Box<Token>),
    /// The one thing that may happen to a token's record: it is revoked.
    RevokeToken {
        /// Which.
        id: TokenId,
        /// When.
        at: crate::Timestamp,
        /// The version that it gets.
        version: i64,
    },
    /// A person.
    User(Box<User>),
    /// A person's authentication material.
    Account(Box<Account>),
    /// A browser session.
    Session(Box<Session>),
    /// A device authorization.
    Device(Box<Device>),
    /// An API token.
    ApiToken(Box<ApiToken>),
    /// An OAuth client.
    Client(Box<Client>),
    /// A mail: queued or delivered.
    Mail(Box<Mail>),
    /// A catalogue object.
    Catalogue(Box<CatalogueChange>),
    /// Ends, at this instant, everything that opens by itself: sessions, device codes, API tokens, target tokens and
    /// recovery codes that were issued before. For a restored backup, which may hold some that were revoked since.
    EndBearers {
        /// When they ended.
        at: crate::Timestamp,
    },
    /// Erases the private parts of audit events, with their salts: names, addresses and reasons. The tree still verifies.
    EraseEvents(Vec<EventId>),
    /// A small named value (instance id, log origin, clock mark, claim secret); `None` deletes it.
    Meta {
        /// Name.
        key: String,
        /// Value expected before; `None` where it must not exist yet.
        expected: Option<String>,
        /// Value after.
        value: Option<String>,
    },
}

/// A row that the decision rested on without changing it: its version is checked, and moved, so that two
/// decisions resting on each other's rows cannot both pass (write skew).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rested {
    /// A request at a version.
    Request(RequestId, i64),
    /// A grant at a version.
    Grant(GrantId, i64),
    /// A grant at a version: checked and held against a change until the commit (`FOR SHARE`), not moved, so that many
    /// tokens can be issued under one grant at once.
    GrantHeld(GrantId, i64),
    /// A credential at a version.
    Credential(CredentialId, i64),
    /// A person at a version: checked, not moved (people act in parallel).
    User(UserId, i64),
    /// A role at a revision: checked, not moved.
    Role(RoleId, i64),
    /// A workflow at a revision: checked, not moved.
    Workflow(WorkflowId, i64),
    /// A mail at a version.
    Mail(MailId, i64),
    /// The whole catalogue at a revision (people, groups, roles, workflows, targets): checked, not moved.
    Catalogue(i64),
    /// No credential at a target is unrevoked, beside the catalogue at a revision. Every credential is intended on the
    /// catalogue as it was read, so one of two that race is decided again, whichever is first.
    Unused(TargetId, i64),
}

/// Everything one decision changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// Unique; looked up after a lost COMMIT.
    pub command_id: CommandId,
    /// Rows it rested on without changing them.
    pub rested: Vec<Rested>,
    /// Changed rows.
    pub changes: Vec<Change>,
    /// Audit events: at least one wherever state changes.
    pub events: Vec<Event>,
    /// `(scope, key)` of an `Idempotency-Key`, with the body hash and the answer to replay.
    pub idempotency: Option<Idempotency>,
}

/// A recorded answer to a request with an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Principal, client, method and path, joined.
    pub scope: String,
    /// The key as sent.
    pub key: String,
    /// SHA-256 (hex) of the body.
    pub body_hash: String,
    /// Status and JSON to replay; never a secret.
    pub answer: String,
    /// When it may be forgotten.
    pub expires_at: crate::Timestamp,
    /// The answer that stands there now and is replaced by compare-and-swap; none where the key must be free.
    pub replaces: Option<String>,
}

impl Transition {
    /// An empty transition at `now`.
    pub fn new(now: crate::Timestamp) -> Self {
        Self {
            command_id: CommandId::new(now),
            rested: Vec::new(),
            changes: Vec::new(),
            events: Vec::new(),
            idempotency: None,
        }
    }
    /// Adds a changed row.
    #[must_use]
    pub fn with(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }
    /// Adds an event.
    #[must_use]
    pub fn event(mut self, event: Event) -> Self {
        self.events.push(event);
        self
    }
    /// Adds a row it rested on.
    #[must_use]
    pub fn rests_on(mut self, row: Rested) -> Self {
        self.rested.push(row);
        self
    }
    /// Queues mails.
    #[must_use]
    pub fn mails(mut self, mails: impl IntoIterator<Item = Mail>) -> Self {
        self.changes.extend(mails.into_iter().map(|m| Change::Mail(Box::new(m))));
        self
    }
}
