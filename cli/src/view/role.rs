//! Roles.
use hallpass_client::wire::common::CredentialKind;
use hallpass_client::wire::roles::{Role, RoleStage, RoleState};
use hallpass_domain::window::describe_seconds;

use super::{role_line, value};
use crate::clock;
use crate::out::{Answer, Body, Column, Table};

/// `1 of DB on-call, then 2 of Security`.
fn approval(stages: &[RoleStage]) -> String {
    if stages.is_empty() {
        return "nobody needs to".to_owned();
    }
    stages
        .iter()
        .map(|stage| format!("{} of {}", stage.need, stage.deciders.join(", ")))
        .collect::<Vec<_>>()
        .join(", then ")
}

/// How the caller stands to it.
fn standing(role: &Role) -> String {
    match (role.state, role.until, &role.pending) {
        (RoleState::Active, Some(until), _) => format!("active until {}", clock::at(until)),
        (RoleState::Active, None, _) if role.standing => "standing: no request needed".to_owned(),
        (RoleState::Pending, _, Some(reference)) => format!("pending: {reference}"),
        (RoleState::NotEligible, ..) => "not eligible".to_owned(),
        (state, ..) => state.to_string(),
    }
}

/// A list of roles.
pub(crate) fn table(roles: &[Role]) -> Body {
    let columns = vec![
        Column::new("Role", 0),
        Column::state("State"),
        Column::new("Tier", 1),
        Column::new("Target", 2),
        Column::new("Usual", 4),
        Column::new("Longest", 3),
        Column::new("Approved by", 6),
        Column::new("Purpose", 5),
    ];
    let rows = roles
        .iter()
        .map(|role| {
            vec![
                role.role.name.clone(),
                role.state.to_string(),
                role.role.tier.to_string(),
                role.role.target.clone(),
                describe_seconds(role.usual.seconds),
                describe_seconds(role.longest.seconds),
                approval(&role.stages),
                role.role.purpose.clone(),
            ]
        })
        .collect();
    Body::Table(Table::new(columns, rows))
}

/// What it gives, in words.
fn gives(kind: CredentialKind) -> String {
    match kind {
        CredentialKind::AccessToken => "access token".to_owned(),
        CredentialKind::PostgresqlLogin => "PostgreSQL login".to_owned(),
        CredentialKind::Unknown => kind.as_str().replace('_', " "),
    }
}

/// One role, whole.
pub(crate) fn answer(role: &Role) -> Answer {
    let mut rows = vec![
        ("Role", role_line(&role.role)),
        ("Purpose", role.role.purpose.clone()),
        ("Gives", gives(role.role.credential_kind)),
        ("You", standing(role)),
    ];
    if let Some(why) = &role.why_not {
        rows.push(("Why not", why.clone()));
    }
    rows.push(("Usual", describe_seconds(role.usual.seconds)));
    rows.push(("Longest", describe_seconds(role.longest.seconds)));
    rows.push(("Approved by", approval(&role.stages)));
    if !role.scope.is_empty() {
        let lines: Vec<String> = role
            .scope
            .iter()
            .map(|param| {
                let how = match (param.required, param.multiple) {
                    (true, true) => "one or more of",
                    (true, false) => "one of",
                    (false, true) => "any of",
                    (false, false) => "at most one of",
                };
                let default = if param.default.is_empty() {
                    String::new()
                } else {
                    format!(" (default {})", param.default.join(", "))
                };
                format!("{}: {how} {}{default}", param.name, param.allowed.join(", "))
            })
            .collect();
        rows.push(("Scope", lines.join("\n")));
    }
    if !role.notes.is_empty() {
        rows.push(("Note", role.notes.join("\n")));
    }
    Answer { json: value(role), body: Body::Record(rows) }
}
