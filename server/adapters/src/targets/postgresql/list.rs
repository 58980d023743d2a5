//! Every account with our mark, and how it differs from what was created.
use std::collections::BTreeSet;

use hallpass_domain::Timestamp;
use hallpass_domain::ports::target::{Listed, TargetError};
use serde::Deserialize;
use serde_json::json;

use super::PostgresqlConnector;
use super::naming::{Made, instance_mark, read_comment};
use super::session::{Script, script};

const LIST: Script = script!("list": "list");

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
    /// Lists them.
    pub(super) async fn list(&self) -> Result<Vec<Listed>, TargetError> {
        let rows: Vec<Row> = self.look.run(LIST, &json!({ "prefix": instance_mark(&self.instance) })).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let (credential, made) = read_comment(&self.instance, &row.comment);
                Listed {
                    drift: drift(&row, made.as_ref()),
                    external_oid: Some(row.oid),
                    groups: row.groups.into_iter().collect(),
                    external_name: row.name,
                    credential,
                    can_login: row.login,
                }
            })
            .collect())
    }
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
