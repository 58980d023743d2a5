//! Audit events as use cases build them: ids, numbers and states in `data`; names, addresses and reasons in `private`.
use std::collections::BTreeMap;

use hallpass_domain::Timestamp;
use hallpass_domain::audit::event::{Event, NewEvent, Salt};
use hallpass_domain::secret::random_bytes;
use serde_json::Value;

/// A new event at `now`. `kind` is a stable code such as `request.submitted`, `actor` is `user:<id>`,
/// `workload:<id>` or `system:<reconciler>`, subjects are `(noun, id)`.
pub fn event(
    now: Timestamp,
    kind: &'static str,
    actor: impl Into<String>,
    subjects: &[(&str, String)],
    data: Value,
    private: Value,
) -> Event {
    // Without randomness the salt is zero: the commitment then hides less, but no event is ever lost over it.
    let salt = Salt::from_bytes(random_bytes::<32>().unwrap_or([0; 32]));
    let subjects: BTreeMap<String, String> =
        subjects.iter().map(|(noun, id)| ((*noun).to_owned(), id.clone())).collect();
    let id = hallpass_domain::ids::v7(now);
    let new =
        NewEvent { id, at: now, kind: kind.to_owned(), actor: actor.into(), subjects, data, private, salt };
    let (event, mistake) = Event::told(new);
    if let Some(error) = mistake {
        tracing::error!(kind, %error, "an event could not be told whole");
    }
    event
}
