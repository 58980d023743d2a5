//! The catalogue as code, client secrets, and how targets are.
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Body of `POST /api/v1/admin/catalogue`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ApplyCatalogue {
    /// The whole catalogue file.
    pub toml: String,
    /// False: only the difference. True: apply it, in one transaction.
    pub apply: bool,
    /// Apply only if the catalogue is still at this revision (from the difference that was shown), else 409 `conflict`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_revision: Option<i64>,
}

words! {
    /// What happens to an object.
    ChangeAction {
        /// New.
        Add => "add",
        /// Different.
        Change => "change",
        /// No longer offered; kept for history.
        Retire => "retire",
    }
}

/// Answer of `POST /api/v1/admin/catalogue`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CatalogueDiff {
    /// Whether it was applied. An empty difference is applied without a change.
    pub applied: bool,
    /// Revision of the catalogue: after applying, or as compared with.
    pub revision: i64,
    /// The changes, in order of noun and name.
    pub changes: Vec<CatalogueChange>,
    /// What is allowed but looks wrong, in sentences.
    pub warnings: Vec<String>,
    /// Targets that were tried with a throw-away account, or (not applied) would be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<TargetCheck>,
    /// Secrets of clients that are new or came back: the only time that they leave. Empty unless applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub new_clients: Vec<NewClient>,
    /// Access that ended because its holder may no longer have it, a sentence each. Empty unless applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<String>,
}

/// Answer of `POST /api/v1/admin/clients/{client_id}/secret`, and in [`CatalogueDiff`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewClient {
    /// `client_id`.
    pub client_id: String,
    /// Its secret; none in a replayed answer, which never carries one.
    pub client_secret: Option<String>,
}

/// Keeps the secret out of logs.
impl std::fmt::Debug for NewClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewClient").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// One changed object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CatalogueChange {
    /// What happens.
    pub action: ChangeAction,
    /// `person`, `group`, `workload`, `target`, `role`, `workflow`, `client`.
    pub noun: String,
    /// Name of the object.
    pub name: String,
    /// What differs.
    pub fields: Vec<FieldChange>,
}

/// One changed member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldChange {
    /// Name of the member.
    pub field: String,
    /// Before, as text; none where it was not there. Secrets read `(secret)`.
    pub before: Option<String>,
    /// After, as text; none where it is taken away.
    pub after: Option<String>,
}

words! {
    /// What trying a target came to.
    CheckOutcome {
        /// Everything that revocation needs works there.
        Fit => "fit",
        /// It does not: see the problems.
        Unfit => "unfit",
        /// It did not answer.
        Unreachable => "unreachable",
        /// Nothing was done yet: it would be tried when the file is applied.
        WouldTry => "would_try",
    }
}

/// A target that was tried with a throw-away account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TargetCheck {
    /// Name of the target.
    pub target: String,
    /// What came of it.
    pub outcome: CheckOutcome,
    /// Databases in which a login was tried.
    pub databases: Vec<String>,
    /// Version, as the target says.
    pub version: Option<String>,
    /// What is wrong, each with what to do.
    pub problems: Vec<String>,
}

/// An account at a target that is not as our records say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// Id.
    pub id: String,
    /// Name of the target.
    pub target: String,
    /// Name of the account.
    pub account: String,
    /// `unknown` (our mark, no record), `reappeared`, `changed` or `missing`.
    pub kind: String,
    /// The differences, in words.
    pub differences: Vec<String>,
    /// When it was seen first.
    pub since: DateTime<Utc>,
    /// Since when it is being removed.
    pub removing_since: Option<DateTime<Utc>>,
    /// Who said so.
    pub confirmed_by: Option<String>,
    /// What stands in the way of the removal.
    pub trouble: Option<String>,
    /// It waits for the yes of an administrator, and the caller is one.
    pub can_confirm: bool,
    /// What happens with it, in a sentence.
    pub what_happens: String,
}
