//! Every account with our mark, and how it differs from what was created.
use std::collections::BTreeSet;

use hallpass_domain::Timestamp;
use hallpass_domain::ids::CredentialId;
use hallpass_domain::ports::target::{Listed, TargetError};
use serde::Deserialize;
use serde_json::json;

use super::PostgresqlConnector;
use super::naming::{Made, instance_mark, read_comment};
use super::session::{Script, script};

const LIST: Script = script!("list": "list");

/// Roles in one answer.
const PAGE: usize = 100;
/// Roles with our mark at one target.
const MOST: usize = 20_000;
/// Bytes that are kept of all of them.
const MOST_TEXT: usize = 32 << 20;

#[derive(Deserialize)]
struct Row {
    name: String,
    oid: i64,
    login: bool,
    comment: String,
    attributes: Vec<String>,
    limit: i32,
    valid_until: Option<Timestamp>,
    groups: BTreeSet<String>,
    members: Vec<String>,
    powers: Vec<String>,
}

impl PostgresqlConnector {
    /// Lists them, a page at a time, in the order of their names. Whoever may create roles there can put our mark on any
    /// number of them: beyond what an installation has, the list is refused as a whole, for one that is cut short would
    /// let accounts look gone.
    pub(super) async fn list(&self) -> Result<Vec<Listed>, TargetError> {
        let prefix = instance_mark(&self.instance);
        let (mut listed, mut after, mut text) = (Vec::new(), 0, 0_usize);
        loop {
            let args = json!({ "prefix": prefix, "after": after, "rows": PAGE });
            let rows: Vec<Row> = self.look.run(LIST, &args).await?;
            let last = rows.len() < PAGE;
            after = rows.iter().map(|row| row.oid).max().unwrap_or(after);
            for row in rows {
                let one = self.listed(row);
                text = text.saturating_add(length(&one));
                listed.push(one);
            }
            if listed.len() > MOST || text > MOST_TEXT {
                return Err(TargetError::Refused(format!(
                    "more than {MOST} roles there, or more text than can be read, carry our mark: somebody else made most of \
                     them, and an administrator of the target must look"
                )));
            }
            if last {
                listed.sort_by(|a, b| a.external_name.cmp(&b.external_name));
                return Ok(listed);
            }
        }
    }

    fn listed(&self, row: Row) -> Listed {
        let (credential, made) = read_comment(&self.instance, &row.comment);
        let proof = made.as_ref().and_then(|made| made.proof.as_deref());
        let proven = match (&self.marks, credential, proof) {
            (Some(key), Some(id), Some(proof)) => {
                key.proves(&self.instance, CredentialId(id), &row.name, proof)
            }
            _ => false,
        };
        Listed {
            proven,
            drift: drift(&row, made.as_ref()),
            external_oid: Some(row.oid),
            groups: row.groups.into_iter().collect(),
            external_name: row.name,
            credential,
            can_login: row.login,
        }
    }
}

/// Bytes that are kept of one.
fn length(one: &Listed) -> usize {
    one.external_name.len() + one.groups.iter().chain(&one.drift).map(String::len).sum::<usize>()
}

/// In words. What only takes away (a login refused, a group withdrawn) is no drift: that is how removal begins.
fn drift(row: &Row, made: Option<&Made>) -> Vec<String> {
    let mut words = Vec::new();
    if !row.attributes.is_empty() {
        words.push(format!("has {}", row.attributes.join(", ")));
    }
    if !row.powers.is_empty() {
        words.push(format!("may become {}", row.powers.join(", ")));
    }
    if !row.members.is_empty() {
        words.push(format!("was granted to {}", row.members.join(", ")));
    }
    let Some(made) = made else {
        words.push("its marker cannot be read".into());
        return words;
    };
    let more: Vec<&str> =
        row.groups.iter().map(String::as_str).filter(|g| !made.groups.iter().any(|m| m == g)).collect();
    if !more.is_empty() {
        words.push(format!("joined {}", more.join(", ")));
    }
    if row.login && row.valid_until.is_none_or(|until| until > made.not_after) {
        words.push("may log in for longer than it was created for".into());
    }
    if row.login && (row.limit < 0 || row.limit > made.limit) {
        words.push(format!(
            "may open {} connections instead of {}",
            if row.limit < 0 { "any number of".into() } else { row.limit.to_string() },
            made.limit
        ));
    }
    words
}
