//! What was issued: every row has its events, and every event its row.
use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use hallpass_client::wire::common::CredentialKind;
use hallpass_client::wire::credentials::{Credential, CredentialState};
use hallpass_client::wire::receipt::GrantReceipt;

use super::{Compare, Log, at_the_edge, instant, instant_or_none, logins, must};
use crate::commands::audit::prove::Proved;

pub(super) fn compare(compare: &mut Compare, receipt: &GrantReceipt, log: &Log<'_>) -> Result<(), String> {
    let (mut accounts, mut tokens) = (BTreeSet::new(), BTreeSet::new());
    for row in &receipt.grant.credentials {
        let name = &row.name;
        must(&format!("the grant of {name}"), &row.grant_id, &receipt.grant.id)?;
        must(&format!("the target of {name}"), &row.target, &receipt.grant.role.target)?;
        let new = match row.kind {
            CredentialKind::AccessToken => {
                token(compare, receipt, row, log)?;
                tokens.insert(row.id.as_str())
            }
            CredentialKind::PostgresqlLogin => {
                logins::login(compare, row, log)?;
                accounts.insert(row.id.as_str())
            }
            CredentialKind::Unknown => {
                return Err(format!("This command does not know of what kind {name} is"));
            }
        };
        if !new {
            return Err(format!("The receipt shows {name} twice"));
        }
    }
    for event in log.0 {
        for (noun, first, rows) in
            [("credential", "credential.intended", &accounts), ("token", "token.issued", &tokens)]
        {
            let Some(id) = event.subjects.get(noun) else { continue };
            if log.about(first, noun, id).is_none() && !receipt.cut {
                return Err(format!(
                    "The event {first} is missing: event {} ({}) is about {noun} {id}, whose issue nothing proves",
                    event.index, event.kind
                ));
            }
            if event.kind == first && !rows.contains(id.as_str()) {
                return Err(format!(
                    "The receipt does not show the {noun} {id}, which event {} issued",
                    event.index
                ));
            }
        }
    }
    Ok(())
}

/// A token: its end follows from what was issued, from its revocation and from the grant's end.
fn token(
    compare: &mut Compare,
    receipt: &GrantReceipt,
    row: &Credential,
    log: &Log<'_>,
) -> Result<(), String> {
    let (id, grant) = (&row.id, &receipt.grant);
    let issued = log.about("token.issued", "token", id).ok_or_else(|| {
        format!("The event token.issued is missing: nothing in the receipt proves the token {id}")
    })?;
    must(&format!("the name of token {id}"), &row.name, id)?;
    must(&format!("when token {id} was issued"), &instant_or_none(row.issued_at), &instant(issued.at))?;
    let expires_at = issued.time("expires_at");
    must(&format!("when token {id} expires"), &instant(row.not_after), &instant_or_none(expires_at))?;
    let revoked = log.about("token.revoked", "token", id);
    let ends = [expires_at, revoked.map(|event| event.at), Some(grant.ends_at)];
    let due = ends.into_iter().flatten().min().unwrap_or(grant.ends_at);
    must(&format!("when token {id} was over"), &instant(row.due_at), &instant(due))?;
    if row.sessions_ended_at.is_some()
        || row.sessions_cut.is_some()
        || row.removed_at.is_some()
        || row.probe.is_some()
    {
        return Err(format!("The receipt says of token {id} what is measured of logins only"));
    }
    let over = due <= receipt.made_at;
    let says_over = row.state != CredentialState::Live;
    let sure = revoked.is_some() || log.of("grant.ending").next().is_some() || !at_the_edge(due, receipt);
    if over != says_over && sure {
        let says = |over: bool| if over { "over" } else { "live" };
        return must(&format!("the state of token {id}"), says(says_over), says(over));
    }
    if says_over {
        must(&format!("since when token {id} is denied"), &instant_or_none(row.denied_at), &instant(due))?;
    } else if let Some(at) = row.denied_at {
        return must(&format!("since when token {id} is denied"), &instant(at), "none");
    }
    accepted(compare, receipt, row, issued, due)
}

/// Since when nobody accepts it: at once where it is introspected, else when the last verifier that works offline stops.
fn accepted(
    compare: &mut Compare,
    receipt: &GrantReceipt,
    row: &Credential,
    issued: &Proved,
    due: DateTime<Utc>,
) -> Result<(), String> {
    let id = &row.id;
    let Some(at) = row.verified_at else {
        if row.state == CredentialState::Revoked {
            return Err(format!("The receipt says that token {id} is gone, and not since when"));
        }
        return Ok(());
    };
    let at_least = issued.time("accepted_until").map_or(due, |until| until.max(due));
    if at < at_least || at > receipt.made_at || row.state != CredentialState::Revoked {
        let what = format!("since when nobody accepts token {id}");
        return Err(format!(
            "The receipt says of {what}: {}. It cannot be before {} or after the receipt",
            instant(at),
            instant(at_least)
        ));
    }
    // A target may have been set since to check otherwise; then it is accepted for longer, which no event says.
    if at > at_least {
        compare.unproved.push(format!("since when nobody accepts token {id} ({})", instant(at)));
    }
    Ok(())
}
