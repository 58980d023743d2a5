//! A login at a target: written ahead, handed out, and gone, with the measured times of its end.
use chrono::{DateTime, Utc};
use hallpass_client::wire::credentials::{Credential, CredentialState};

use super::{Compare, Log, instant, instant_or_none, must, nothing, or_none};
use crate::commands::audit::prove::Proved;

pub(super) fn login(compare: &mut Compare, row: &Credential, log: &Log<'_>) -> Result<(), String> {
    let name = &row.name;
    let event = |kind: &str| log.about(kind, "credential", &row.id);
    let intended = event("credential.intended").ok_or_else(|| {
        format!("The event credential.intended is missing: nothing in the receipt proves the login {name}")
    })?;
    must("the name of a login", name, &or_none(intended.text("external_name")))?;
    must(
        &format!("until when {name} is allowed"),
        &instant(row.not_after),
        &instant_or_none(intended.time("not_after")),
    )?;
    let live = event("credential.live");
    if row.issued_at.is_some() && live.is_none() {
        return Err(format!(
            "The event credential.live is missing: nothing in the receipt proves that {name} was handed out"
        ));
    }
    must(
        &format!("when {name} was handed out"),
        &instant_or_none(row.issued_at),
        &instant_or_none(live.map(|e| e.at)),
    )?;
    if let (Some(probe), Some(live)) = (&row.probe, live) {
        if !probe.works {
            return Err(format!(
                "The receipt says that {name} did not work; the log, that it was handed out"
            ));
        }
        must(
            &format!("how long trying {name} took"),
            &probe.took_ms.to_string(),
            &or_none(live.number("probed_ms")),
        )?;
    }
    match event("credential.revoked") {
        Some(revoked) => gone(row, revoked),
        None if row.state == CredentialState::Revoked || row.verified_at.is_some() => Err(format!(
            "The event credential.revoked is missing: nothing in the receipt proves that {name} is gone"
        )),
        None => not_yet(compare, row, live),
    }
}

/// The measured times are counted from when its end was due.
fn gone(row: &Credential, revoked: &Proved) -> Result<(), String> {
    let name = &row.name;
    must(&format!("the state of {name}"), row.state.as_str(), "revoked")?;
    must("the name of a login that is gone", name, &or_none(revoked.text("external_name")))?;
    must(
        &format!("when the end of {name} was due"),
        &instant(row.due_at),
        &instant_or_none(revoked.time("due_at")),
    )?;
    must(&format!("when {name} was verified gone"), &instant_or_none(row.verified_at), &instant(revoked.at))?;
    let measured: [(&str, Option<DateTime<Utc>>, &str); 4] = [
        ("when no new login was possible", row.denied_at, "no_login_ms"),
        ("when the last session was dead", row.sessions_ended_at, "sessions_dead_ms"),
        ("when the account was removed", row.removed_at, "removed_ms"),
        ("when absence was verified", row.verified_at, "verified_ms"),
    ];
    for (what, at, member) in measured {
        let stated = at.map(|at| (at - row.due_at).num_milliseconds());
        must(
            &format!("{what}, of {name}, in ms after its end was due"),
            &or_none(stated),
            &or_none(revoked.number(member)),
        )?;
    }
    must(
        &format!("how many sessions the end of {name} cut"),
        &or_none(row.sessions_cut),
        &or_none(revoked.number("sessions_cut")),
    )
}

/// Steps of an end that is under way are told by no event of their own.
fn not_yet(compare: &mut Compare, row: &Credential, live: Option<&Proved>) -> Result<(), String> {
    let name = &row.name;
    if row.state == CredentialState::Live && live.is_none() {
        return must(&format!("the state of {name}"), row.state.as_str(), &nothing());
    }
    let steps =
        [("denied", row.denied_at), ("without sessions", row.sessions_ended_at), ("removed", row.removed_at)];
    for (what, at) in steps {
        if let Some(at) = at {
            compare.unproved.push(format!("since when {name} is {what} ({})", instant(at)));
        }
    }
    Ok(())
}
