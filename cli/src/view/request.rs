//! Requests.
use hallpass_client::wire::common::{Proof, Stage};
use hallpass_client::wire::requests::{DryRun, Request, RequestItem, RequestState};
use hallpass_domain::window::describe_seconds;

use super::{asked, role_line, scope_line, value};
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::out::{Answer, Body, Column, Table};

/// One request, whole.
pub(crate) fn answer(request: &Request) -> Answer {
    let mut rows = vec![
        ("Reference", request.reference.clone()),
        ("State", request.state.to_string()),
        ("Standing", request.standing.clone()),
        ("Role", role_line(&request.role)),
        ("Purpose", request.role.purpose.clone()),
    ];
    let scope = scope_line(&request.scope);
    if !scope.is_empty() {
        rows.push(("Scope", scope));
    }
    rows.push(("For", asked(request.length.as_ref(), request.until)));
    if let Some(span) = &request.shortened_to {
        rows.push(("Shortened to", describe_seconds(span.seconds)));
    }
    if let Some(end) = request.ends_if_approved_now {
        rows.push(("Would end", format!("{}, if approved now", clock::at(end))));
    }
    rows.push(("Holder", format!("{} <{}>", request.subject.name, request.subject.handle)));
    if let Some(by) = &request.submitted_by {
        rows.push(("Asked by", format!("{} <{}>", by.name, by.handle)));
    }
    rows.push(("Reason", request.reason.clone()));
    if let Some(ticket) = &request.ticket {
        rows.push(("Ticket", ticket.clone()));
    }
    rows.push(("Asked", clock::at_and_left(request.submitted_at)));
    if let Some(by) = request.decide_by {
        rows.push(("Decide by", clock::at_and_left(by)));
    }
    if !request.stages.is_empty() {
        rows.push(("Stages", stages(&request.stages)));
    }
    if let Some(grant) = &request.grant {
        rows.push(("Grant", format!("{} ({})", grant.id, grant.state)));
        rows.push(("Ends", clock::at_and_left(grant.ends_at)));
    }
    rows.push(("Page", request.url.clone()));
    Answer { json: value(request), body: Body::Record(rows) }
}

/// A dry run.
pub(crate) fn dry_run(dry: &DryRun) -> Answer {
    let mut rows = vec![("Role", role_line(&dry.role))];
    let scope = scope_line(&dry.scope);
    if !scope.is_empty() {
        rows.push(("Scope", scope));
    }
    rows.push(("For", asked(dry.length.as_ref(), dry.until)));
    rows.push(("Would end", format!("{}, if approved now", clock::at(dry.ends_if_approved_now))));
    rows.push(("Decide by", clock::at_and_left(dry.decide_by)));
    rows.push((
        "Stages",
        if dry.stages.is_empty() { "none: it approves by itself".to_owned() } else { stages(&dry.stages) },
    ));
    if !dry.warnings.is_empty() {
        rows.push(("Note", dry.warnings.join("\n")));
    }
    Answer { json: value(dry), body: Body::Record(rows) }
}

/// How deciders prove who they are.
fn proof(proof: Proof) -> &'static str {
    if proof == Proof::StepUp { "with a fresh second factor" } else { "signed in" }
}

/// A line per stage, with its decisions below it.
fn stages(stages: &[Stage]) -> String {
    let mut lines = Vec::new();
    for stage in stages {
        let people: Vec<&str> = stage.deciders.iter().map(|p| p.name.as_str()).collect();
        let who = if people.is_empty() { String::new() } else { format!(": {}", people.join(", ")) };
        lines.push(format!(
            "{}. {} ({}), {} of {} approved, {}{who}",
            stage.position,
            stage.name,
            stage.state,
            stage.have,
            stage.need,
            proof(stage.proof)
        ));
        for decision in &stage.decisions {
            let verb = if decision.verdict.as_str() == "approve" { "approved" } else { "denied" };
            let shortened = decision
                .shortened_to
                .as_ref()
                .map(|s| format!(" for {}", describe_seconds(s.seconds)))
                .unwrap_or_default();
            let comment = decision.comment.as_ref().map(|c| format!(": “{c}”")).unwrap_or_default();
            lines.push(format!(
                "   {verb} by {}{shortened} at {}{comment}",
                decision.by.name,
                clock::at(decision.at)
            ));
        }
    }
    lines.join("\n")
}

/// A list of requests.
pub(crate) fn table(items: &[RequestItem]) -> Body {
    let columns = vec![
        Column::new("Reference", 0),
        Column::state("State"),
        Column::new("Role", 0),
        Column::new("Holder", 2),
        Column::new("For", 1),
        Column::new("Decide by", 3),
        Column::new("Standing", 4),
        Column::new("Reason", 5),
    ];
    let rows = items
        .iter()
        .map(|item| {
            vec![
                item.reference.clone(),
                item.state.to_string(),
                item.role.name.clone(),
                item.subject.name.clone(),
                asked(item.length.as_ref(), item.until),
                item.decide_by.map(clock::at).unwrap_or_default(),
                item.standing.clone(),
                item.reason.clone(),
            ]
        })
        .collect();
    Body::Table(Table::new(columns, rows))
}

/// What the end of a request means for a script: nothing where it was approved, else a failure with its exit code.
pub(crate) fn outcome(request: &Request) -> Result<(), Failure> {
    let reference = &request.reference;
    match request.state {
        RequestState::Approved => Ok(()),
        RequestState::Denied => {
            let denial = request
                .stages
                .iter()
                .flat_map(|stage| &stage.decisions)
                .rfind(|decision| decision.verdict.as_str() == "deny");
            let by = denial.map(|d| format!(" by {}", d.by.name)).unwrap_or_default();
            let why = denial.and_then(|d| d.comment.as_ref()).map(|c| format!(": “{c}”")).unwrap_or_default();
            Err(Failure::new(Exit::Denied, "denied", format!("{reference} was denied{by}{why}")))
        }
        RequestState::Withdrawn => {
            Err(Failure::new(Exit::Over, "withdrawn", format!("{reference} was withdrawn")))
        }
        RequestState::Lapsed => {
            Err(Failure::new(Exit::Over, "lapsed", format!("{reference} lapsed: nobody decided in time"))
                .next("ask again, or ask the approvers first"))
        }
        RequestState::Pending | RequestState::Unknown => Err(Failure::new(
            Exit::Pending,
            "pending",
            format!("{reference} is still waiting for a decision"),
        )
        .next(format!("hallpass wait {reference}"))),
    }
}
