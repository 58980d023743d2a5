//! The request: who asked for what and why, and every decision with its digest and proof.
use hallpass_client::wire::common::{Decision, Stage};
use hallpass_client::wire::receipt::GrantReceipt;
use hallpass_client::wire::requests::Request;

use super::grant::{holder, role};
use super::{Compare, Log, instant, instant_or_none, must, nothing, or_none, scope, sealed_scope};
use crate::commands::audit::prove::Proved;

pub(super) fn compare(
    compare: &mut Compare,
    receipt: &GrantReceipt,
    asked: &Request,
    log: &Log<'_>,
) -> Result<(), String> {
    let submitted = log.needed("request.submitted", "who asked for what")?;
    let approved = log.needed("request.approved", "that the request was approved")?;
    must("the request's state", asked.state.as_str(), "approved")?;
    must("the digest of the request", &asked.digest, &or_none(submitted.text("digest")))?;
    must("when it was asked", &instant(asked.submitted_at), &instant(submitted.at))?;
    must("when it was decided", &instant_or_none(asked.closed_at), &instant(approved.at))?;
    role(compare, "the request's role", &asked.role, submitted)?;
    holder(compare, "whom the access is for", &asked.subject, submitted)?;
    asker(compare, asked, submitted)?;
    compare.same("the request's scope", &scope(&asked.scope), sealed_scope(submitted))?;
    compare.same("the request's reference", &asked.reference, submitted.said("reference"))?;
    compare.same("the reason", &asked.reason, submitted.said("reason"))?;
    // No ticket is sealed as such: that it is not there is told by the rest being there.
    let ticket = submitted.private.as_ref().map(|_| or_none(submitted.said("ticket")));
    compare.same("the ticket", &or_none(asked.ticket.as_ref()), ticket)?;
    length(asked, submitted)?;
    let revision = asked.workflow.rsplit('@').next().unwrap_or_default();
    must("the revision of the workflow", revision, &or_none(submitted.number("workflow_revision")))?;
    if let Some(grant) = &asked.grant {
        must("the grant of the request", &grant.id, &receipt.grant.id)?;
        must(
            "the begin of the request's grant",
            &instant(grant.starts_at),
            &instant(receipt.grant.starts_at),
        )?;
        must("the end of the request's grant", &instant(grant.ends_at), &instant(receipt.grant.ends_at))?;
    }
    decisions(compare, asked, submitted, log)
}

/// Who sent it, where that is somebody else than who gets the access.
fn asker(compare: &mut Compare, asked: &Request, submitted: &Proved) -> Result<(), String> {
    let other =
        submitted.actor.starts_with("user:") && submitted.subjects.get("subject") != Some(&submitted.actor);
    match &asked.submitted_by {
        Some(by) if other => {
            compare.same("who asked", &by.name, submitted.said("by"))?;
            compare.same("who asked, the handle", &by.handle, submitted.said("by_handle"))
        }
        None if !other => Ok(()),
        Some(by) => Err(format!("The receipt says that {} asked; the log, that the holder did", by.name)),
        None => Err("The receipt says that the holder asked; the log, that somebody else did".to_owned()),
    }
}

fn length(asked: &Request, submitted: &Proved) -> Result<(), String> {
    let ask = |member: &str| submitted.data.get("ask").and_then(|ask| ask.get(member));
    let seconds = ask("seconds").and_then(serde_json::Value::as_i64);
    must(
        "the length asked for, in seconds",
        &or_none(asked.length.as_ref().map(|l| l.seconds)),
        &or_none(seconds),
    )?;
    let until = ask("until").and_then(|until| until.as_str()?.parse().ok());
    must("the end asked for", &instant_or_none(asked.until), &instant_or_none(until))
}

/// Every decision has its event, and every event its decision.
fn decisions(
    compare: &mut Compare,
    asked: &Request,
    submitted: &Proved,
    log: &Log<'_>,
) -> Result<(), String> {
    let sealed: Vec<&Proved> = log.0.iter().filter(|event| event.subjects.contains_key("decision")).collect();
    let stated: Vec<(&Stage, &Decision)> =
        asked.stages.iter().flat_map(|stage| stage.decisions.iter().map(move |d| (stage, d))).collect();
    let mut open: Vec<&Proved> = sealed.clone();
    for (stage, decision) in &stated {
        let event = take(&mut open, stage, decision)?;
        one(compare, stage, decision, event)?;
    }
    if let Some(event) = open.first() {
        return Err(format!(
            "The receipt does not show the decision of event {} ({} by {} at {})",
            event.index,
            event.kind,
            event.said("by").unwrap_or_else(|| event.actor.clone()),
            instant(event.at)
        ));
    }
    let mut numbers = Vec::new();
    for event in &sealed {
        must("the digest of a decision", &or_none(event.text("digest")), &or_none(submitted.text("digest")))?;
        match event.number("decisions") {
            Some(number) => numbers.push(number),
            None => {
                compare.unproved.push(format!("that no decision before {} is left out", instant(event.at)));
            }
        }
    }
    numbers.sort_unstable();
    if numbers.len() == sealed.len()
        && let Some((place, number)) = (1_i64..).zip(&numbers).find(|(place, number)| place != *number)
    {
        return Err(format!(
            "A decision is left out: the receipt has none that is the log's decision {place} of this request, and one that is {number}"
        ));
    }
    shortened(asked, &sealed)
}

/// The event of a decision: of that instant, and of two at one instant the one that says the same.
fn take<'a>(open: &mut Vec<&'a Proved>, stage: &Stage, decision: &Decision) -> Result<&'a Proved, String> {
    let at = instant(decision.at);
    let of_then = |event: &&Proved| instant(event.at) == at;
    let fits = |event: &&Proved| {
        of_then(event) && one(&mut Compare { unproved: Vec::new() }, stage, decision, event).is_ok()
    };
    let place = open.iter().position(fits).or_else(|| open.iter().position(of_then));
    place
        .map(|place| open.remove(place))
        .ok_or_else(|| format!("No event in the receipt proves the decision by {} at {at}", decision.by.name))
}

fn one(compare: &mut Compare, stage: &Stage, decision: &Decision, event: &Proved) -> Result<(), String> {
    let by = &decision.by.name;
    must(
        &format!("the stage that {by} decided"),
        &stage.position.to_string(),
        &or_none(event.number("stage").map(|n| n + 1)),
    )?;
    must(&format!("what {by} decided"), decision.verdict.as_str(), &or_none(event.text("verdict")))?;
    must(&format!("what {by} proved"), decision.proof.as_str(), &or_none(event.text("proof")))?;
    must(&format!("the digest that {by} was shown"), &decision.digest, &or_none(event.text("digest")))?;
    must(
        &format!("the seconds to which {by} shortened it"),
        &or_none(decision.shortened_to.as_ref().map(|s| s.seconds)),
        &or_none(event.number("cap_seconds")),
    )?;
    compare.same("who decided", by, event.said("by"))?;
    compare.same("who decided, the handle", &decision.by.handle, event.said("by_handle"))?;
    let comment = event.private.as_ref().map(|_| or_none(event.said("comment")));
    compare.same(&format!("what {by} wrote"), &or_none(decision.comment.as_ref()), comment)
}

/// The least length that an approver set, where that is less than what was asked.
fn shortened(asked: &Request, sealed: &[&Proved]) -> Result<(), String> {
    let least = sealed.iter().filter_map(|event| event.number("cap_seconds")).min();
    let stated = asked.shortened_to.as_ref().map(|span| span.seconds);
    let binds = match (&asked.length, least) {
        (Some(length), Some(cap)) => cap < length.seconds,
        // Of a fixed end it depends on the hour.
        (None, Some(_)) => stated.is_some(),
        (_, None) => false,
    };
    let wanted = least.filter(|_| binds).map_or_else(nothing, |cap| cap.to_string());
    must("the seconds to which the request was shortened", &or_none(stated), &wanted)
}
