//! The grant: what it came from, who holds what, from when until when, and how it ended.
use hallpass_client::wire::common::{PrincipalLine, RoleLine};
use hallpass_client::wire::grants::{AtTargetState, Grant, GrantState};
use hallpass_client::wire::receipt::GrantReceipt;

use super::{
    Compare, Log, at_the_edge, instant, instant_or_none, must, nothing, or_none, scope, sealed_scope,
};
use crate::commands::audit::prove::Proved;

pub(super) fn compare(compare: &mut Compare, receipt: &GrantReceipt, log: &Log<'_>) -> Result<(), String> {
    let grant = &receipt.grant;
    let (told_by, starts_at, ends_at) = begin(receipt, log)?;
    role(compare, "the grant's role", &grant.role, told_by)?;
    holder(compare, "the grant's holder", &grant.holder, told_by)?;
    compare.same("the grant's scope", &scope(&grant.scope), sealed_scope(told_by))?;
    if receipt.request.is_some() {
        compare.same(
            "the grant's reference",
            &or_none(grant.reference.as_ref()),
            told_by.said("reference"),
        )?;
    } else {
        must("the grant's reference", &or_none(grant.reference.as_ref()), &nothing())?;
    }
    must("the grant's begin", &instant(grant.starts_at), &starts_at)?;
    end(compare, receipt, log, ends_at)
}

/// The event that tells what is granted to whom, and the window as it began.
fn begin<'a>(receipt: &GrantReceipt, log: &Log<'a>) -> Result<(&'a Proved, String, String), String> {
    let grant = &receipt.grant.id;
    let sealed = |event: &Proved, noun: &str| event.subjects.get(noun).cloned().unwrap_or_else(nothing);
    let Some(request) = &receipt.request else {
        if log
            .0
            .iter()
            .any(|event| event.kind.starts_with("request.") || event.subjects.contains_key("request"))
        {
            return Err("The receipt shows no request, but its events tell of one".to_owned());
        }
        let standing = log.needed("grant.standing", "that the grant began without a request")?;
        must("the grant", grant, &sealed(standing, "grant"))?;
        return Ok((standing, instant(standing.at), instant_or_none(standing.time("ends_at"))));
    };
    if log.of("grant.standing").next().is_some() {
        return Err("The receipt shows a request, but its events tell of a standing role".to_owned());
    }
    let submitted = log.needed("request.submitted", "who asked for what")?;
    must("the request", &request.id, &sealed(submitted, "request"))?;
    let approved = log.needed("request.approved", "that the request became this grant")?;
    must("the approved request", &request.id, &sealed(approved, "request"))?;
    must("the grant that was approved", grant, &sealed(approved, "grant"))?;
    let window = |member: &str| {
        let text = approved.data.get("window").and_then(|window| window.get(member)?.as_str()?.parse().ok());
        instant_or_none(text)
    };
    Ok((submitted, window("starts_at"), window("ends_at")))
}

/// A role on its target. What it is for, and where the target stands, is no part of the log.
pub(super) fn role(
    compare: &mut Compare,
    what: &str,
    stated: &RoleLine,
    event: &Proved,
) -> Result<(), String> {
    compare.same(&format!("{what}, its name"), &stated.name, event.text("role"))?;
    compare.same(&format!("{what}, its target"), &stated.target, event.text("target"))?;
    compare.same(&format!("{what}, its tier"), stated.tier.as_str(), event.text("tier"))
}

/// Whom an event names as its subject.
pub(super) fn holder(
    compare: &mut Compare,
    what: &str,
    stated: &PrincipalLine,
    event: &Proved,
) -> Result<(), String> {
    let kind = event.subjects.get("subject").and_then(|id| id.split(':').next()).map(str::to_owned);
    compare.same(&format!("{what}, the kind"), stated.kind.as_str(), kind)?;
    compare.same(&format!("{what}, the name"), &stated.name, event.said("subject"))?;
    compare.same(&format!("{what}, the handle"), &stated.handle, event.said("subject_handle"))
}

fn end(
    compare: &mut Compare,
    receipt: &GrantReceipt,
    log: &Log<'_>,
    approved_until: String,
) -> Result<(), String> {
    let grant = &receipt.grant;
    let (ending, ended) = (log.once("grant.ending")?, log.once("grant.ended")?);
    let over = ended.is_some() || grant.state == GrantState::Ended;
    let ending = match ending {
        None if over || grant.end_reason.is_some() => {
            Some(log.needed("grant.ending", "when and why the grant ended")?)
        }
        found => found,
    };
    if grant.verified_at.is_some() || grant.state == GrantState::Ended {
        log.needed("grant.ended", "that everything was verified gone")?;
    }
    let state = match (ending, ended) {
        (_, Some(_)) => "ended",
        (Some(_), None) => "ending",
        // Its time is up from that instant on, whether anybody has written it down or not.
        (None, None) if !at_the_edge(grant.ends_at, receipt) && grant.ends_at <= receipt.made_at => "ending",
        (None, None) if grant.state == GrantState::Scheduled => "scheduled",
        (None, None) if grant.state == GrantState::Ending && at_the_edge(grant.ends_at, receipt) => "ending",
        (None, None) => "active",
    };
    must("the grant's state", grant.state.as_str(), state)?;
    must(
        "the grant's end",
        &instant(grant.ends_at),
        &match ending {
            Some(ending) => instant_or_none(ending.time("ends_at")),
            None => approved_until,
        },
    )?;
    must(
        "why the grant ended",
        &or_none(grant.end_reason),
        &or_none(ending.and_then(|ending| ending.text("reason"))),
    )?;
    match ending.filter(|ending| ending.actor.starts_with("user:")) {
        Some(ending) if grant.ended_by.is_some() => {
            compare.same("who ended the grant", &or_none(grant.ended_by.as_ref()), ending.said("by"))?;
        }
        Some(ending) if ending.private.is_some() => {
            return Err("The receipt does not say who ended the grant; the log does".to_owned());
        }
        Some(_) => {}
        None => must("who ended the grant", &or_none(grant.ended_by.as_ref()), &nothing())?,
    }
    let verified = ended.and_then(|ended| ended.time("verified_at"));
    must(
        "when everything was verified gone",
        &instant_or_none(grant.verified_at),
        &instant_or_none(verified),
    )?;
    at_target(compare, grant, log)
}

/// What is said of the target follows from the rest.
fn at_target(compare: &mut Compare, grant: &Grant, log: &Log<'_>) -> Result<(), String> {
    let left = &grant.at_target;
    must(
        "when absence was verified at the target",
        &instant_or_none(left.verified_at),
        &instant_or_none(grant.verified_at),
    )?;
    let lag = grant.verified_at.map(|at| (at - grant.ends_at).num_milliseconds().max(0));
    must("milliseconds from the end to verified absence", &or_none(left.lag_ms), &or_none(lag))?;
    let logins: Vec<&Proved> = log.of("credential.intended").collect();
    let revoked = log.of("credential.revoked").count();
    let gone = matches!(left.state, AtTargetState::Gone | AtTargetState::Nothing);
    if gone && revoked < logins.len() {
        return Err(format!(
            "The receipt says that nothing is left at the target; of {} logins the log has seen {revoked} gone",
            logins.len()
        ));
    }
    if grant.verified_at.is_none() {
        return Ok(());
    }
    // A target may have been set since to check otherwise; then tokens are accepted for longer, which no event says.
    if let (false, Some(until)) = (gone, left.may_work_until) {
        compare.unproved.push(format!("until when a token may still be accepted ({})", instant(until)));
    } else if !gone || left.credentials > 0 || left.sessions.is_some_and(|n| n > 0) {
        return Err(
            "The receipt says that something is left at the target; the log says that it was verified gone"
                .to_owned(),
        );
    }
    Ok(())
}
