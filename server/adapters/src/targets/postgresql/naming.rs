//! Names and markers of accounts at a target.
//!
//! The marker is the comment of the role, set in the transaction that creates it:
//! `hallpass:v1:<instance>:<credential id>:{"proof":…,"not_after":…,"limit":…,"groups":[…]}`. The part before the brace says
//! whose the account is; a later step touches an account only if that part is exactly ours. A holder cannot change it:
//! commenting on a role needs CREATEROLE. Who has that can write any mark but not its proof, so what the mark alone says is
//! believed of nothing but that one account.
use hallpass_domain::Timestamp;
use hallpass_domain::credential::{Credential, Plan};
use hallpass_domain::ids::CredentialId;
use serde::{Deserialize, Serialize};

use crate::targets::proof::MarkKey;

/// Longest identifier that PostgreSQL keeps whole, bytes (`NAMEDATALEN - 1`).
pub(super) const MAX_NAME: usize = 63;

/// What a marker says about the account as it was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Made {
    /// That this installation made it; older marks have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) proof: Option<String>,
    /// `VALID UNTIL`.
    pub(super) not_after: Timestamp,
    /// `CONNECTION LIMIT`.
    pub(super) limit: i32,
    /// Groups that it joined.
    pub(super) groups: Vec<String>,
}

/// Start of every marker of this instance.
pub(super) fn instance_mark(instance: &str) -> String {
    format!("hallpass:v1:{instance}:")
}

/// The part of the marker that identifies one account.
pub(super) fn mark(instance: &str, id: CredentialId) -> String {
    format!("hallpass:v1:{instance}:{id}:")
}

/// The comment on what a trial's account makes, by which it is found again whoever owns it by then.
pub(super) fn trial_mark(instance: &str, id: CredentialId) -> String {
    format!("{}trial", mark(instance, id))
}

/// The whole marker.
pub(super) fn comment(
    instance: &str,
    credential: &Credential,
    key: Option<&MarkKey>,
) -> Result<String, serde_json::Error> {
    let Plan::PostgresqlLogin { groups, connection_limit, .. } = &credential.plan;
    let made = Made {
        proof: key.map(|key| key.prove(instance, credential.id, &credential.external_name)),
        not_after: credential.not_after,
        limit: *connection_limit,
        groups: groups.clone(),
    };
    Ok(format!("{}{}", mark(instance, credential.id), serde_json::to_string(&made)?))
}

/// The credential id and what was created, as a marker of `instance` says; either is missing where it cannot be read.
pub(super) fn read_comment(instance: &str, comment: &str) -> (Option<uuid::Uuid>, Option<Made>) {
    let rest = comment.strip_prefix(&instance_mark(instance)).unwrap_or("");
    let (id, made) = rest.split_once(':').unwrap_or((rest, ""));
    (uuid::Uuid::parse_str(id).ok(), serde_json::from_str(made).ok())
}

/// An instance name that is safe in account names and markers: 1 to 16 of `[a-z0-9]`.
pub(super) fn instance_is_sound(instance: &str) -> bool {
    (1..=16).contains(&instance.len())
        && instance.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_reads_back() {
        let id = CredentialId(uuid::Uuid::from_u128(7));
        let made = r#"{"not_after":"2026-03-01T10:00:00Z","limit":5,"groups":["a:b","c\"d"]}"#;
        let (read, what) = read_comment("prod", &format!("{}{made}", mark("prod", id)));
        assert_eq!(read, Some(id.0));
        assert_eq!(what.map(|m| m.groups), Some(vec!["a:b".to_owned(), "c\"d".to_owned()]));
        assert_eq!(read_comment("other", &format!("{}{made}", mark("prod", id))).0, None);
        assert_eq!(read_comment("prod", "hallpass:v1:prod:nonsense"), (None, None));
    }

    #[test]
    fn instance_names() {
        assert!(instance_is_sound("prod1"));
        for bad in ["", "Prod", "a:b", "a b", "seventeen-is-more", "ü"] {
            assert!(!instance_is_sound(bad), "{bad}");
        }
    }
}
