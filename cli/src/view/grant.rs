//! Grants: granted until, works now, still at the target.
use hallpass_client::wire::grants::{AtTargetState, Grant, WorksState};

use super::{role_line, scope_line, value};
use crate::clock;
use crate::out::{Answer, Body, Column, Table};

/// Does it work now, in a word or two.
fn works(grant: &Grant) -> String {
    match grant.works.state {
        WorksState::Works => match grant.works.checked_at {
            Some(at) => format!("works, checked {}", clock::at(at)),
            None => "works".to_owned(),
        },
        WorksState::NotIssued => "nothing issued yet".to_owned(),
        WorksState::Checking => "being checked".to_owned(),
        WorksState::Fails => format!("fails: {}", grant.works.detail),
        WorksState::NotStarted => "not started".to_owned(),
        WorksState::Ended | WorksState::Unknown => "ended".to_owned(),
    }
}

/// What is still at the target.
fn left(grant: &Grant) -> String {
    let at = &grant.at_target;
    match at.state {
        AtTargetState::Nothing => "nothing".to_owned(),
        AtTargetState::Live => match at.sessions {
            Some(1) => format!("{} live, 1 session", at.credentials),
            Some(n) => format!("{} live, {n} sessions", at.credentials),
            None => format!("{} live", at.credentials),
        },
        AtTargetState::Revoking => match at.may_work_until {
            Some(until) => format!("being removed, may be accepted until {}", clock::at(until)),
            None => "being removed".to_owned(),
        },
        AtTargetState::Gone => match (at.verified_at, at.lag_ms) {
            (Some(when), Some(lag)) => format!("gone, checked {} ({lag} ms after the end)", clock::at(when)),
            (Some(when), None) => format!("gone, checked {}", clock::at(when)),
            (None, _) => "gone".to_owned(),
        },
        AtTargetState::Unknown => String::new(),
    }
}

/// One grant, whole.
pub(crate) fn answer(grant: &Grant) -> Answer {
    let state = match (&grant.end_reason, &grant.ended_by) {
        (Some(reason), Some(by)) => format!("{} ({reason} by {by})", grant.state),
        (Some(reason), None) => format!("{} ({reason})", grant.state),
        (None, _) => grant.state.to_string(),
    };
    let mut rows = vec![
        ("Grant", grant.id.clone()),
        ("State", state),
        ("Role", role_line(&grant.role)),
        ("Holder", format!("{} <{}>", grant.holder.name, grant.holder.handle)),
    ];
    let scope = scope_line(&grant.scope);
    if !scope.is_empty() {
        rows.push(("Scope", scope));
    }
    if let Some(reference) = &grant.reference {
        rows.push(("Request", reference.clone()));
    }
    rows.push(("Granted until", clock::at_and_left(grant.ends_at)));
    rows.push(("Works now", works(grant)));
    rows.push(("At the target", left(grant)));
    rows.push(("Page", grant.url.clone()));
    Answer { json: value(grant), body: Body::Record(rows) }
}

/// A list of grants.
pub(crate) fn table(grants: &[Grant]) -> Body {
    let columns = vec![
        Column::new("Role", 0),
        Column::state("State"),
        Column::new("Until", 0),
        Column::new("Works now", 2),
        Column::new("At the target", 3),
        Column::new("Request", 4),
        Column::new("Holder", 5),
        Column::new("Grant", 1),
    ];
    let rows = grants
        .iter()
        .map(|grant| {
            vec![
                grant.role.name.clone(),
                grant.state.to_string(),
                clock::at_and_left(grant.ends_at),
                works(grant),
                left(grant),
                grant.reference.clone().unwrap_or_default(),
                grant.holder.name.clone(),
                grant.id.clone(),
            ]
        })
        .collect();
    Body::Table(Table::new(columns, rows))
}
