//! Whether anything is left out. What was cut out together with its row leaves no trace in the rest; but the event of a grant's
//! end says how many events of each kind the log had about it by then.
use std::collections::BTreeSet;

use hallpass_client::wire::receipt::GrantReceipt;

use super::{Compare, Log, must, or_none};

/// True where nothing is left out up to the grant's end.
pub(super) fn compare(compare: &mut Compare, receipt: &GrantReceipt, log: &Log<'_>) -> Result<bool, String> {
    let Some(ended) = log.once("grant.ended")? else {
        compare
            .unproved
            .push("that nothing else was issued, or has happened since: the grant had not ended".to_owned());
        return Ok(false);
    };
    if receipt.cut {
        compare.unproved.push("that nothing is left out: it holds only the newest events".to_owned());
        return Ok(false);
    }
    let logins: BTreeSet<&String> =
        log.of("credential.intended").filter_map(|event| event.subjects.get("credential")).collect();
    must("how many logins there were", &logins.len().to_string(), &or_none(ended.number("credentials")))?;
    for id in logins {
        if log.about("credential.revoked", "credential", id).is_none() {
            return Err(format!(
                "The event credential.revoked is missing: the grant has ended, and nothing proves that login {id} is gone"
            ));
        }
    }
    let Some(kinds) = ended.data.get("events").and_then(serde_json::Value::as_object) else {
        compare.unproved.push(
            "that nothing is left out: the event of its end does not say how many events there were"
                .to_owned(),
        );
        return Ok(false);
    };
    for (kind, sealed) in kinds {
        let (sealed, held) = (sealed.as_u64().unwrap_or(0), log.of(kind).count());
        if u64::try_from(held).is_ok_and(|held| held < sealed) {
            return Err(format!(
                "Events are left out: when the grant ended, the log had {sealed} events {kind} about it; the receipt has {held}"
            ));
        }
    }
    Ok(true)
}
