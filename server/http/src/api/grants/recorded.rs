//! A receipt has names as they were when something happened, not as they are by now: who was renamed since, or a role that
//! has another tier, would otherwise look like a contradiction to the log. What was erased there keeps the name of today,
//! and is told to be unproved by whoever checks.
use hallpass_client::wire::common::{PrincipalLine, RoleLine, Tier};
use hallpass_client::wire::grants::Grant;
use hallpass_client::wire::requests::Request;
use hallpass_domain::audit::EventParts;
use serde_json::Value;

/// Puts what one event recorded into the grant and its request.
pub(super) fn as_recorded(event: &EventParts, grant: &mut Grant, request: Option<&mut Request>) {
    let data = |member: &str| event.data.get(member).and_then(Value::as_str);
    let said = |member: &str| event.opening.as_ref()?.private.get(member)?.as_str();
    match event.kind.as_str() {
        "request.submitted" | "grant.standing" => {
            let role = |line: &mut RoleLine| {
                put(&mut line.name, data("role"));
                put(&mut line.target, data("target"));
                line.tier = data("tier").and_then(Tier::parse).unwrap_or(line.tier);
            };
            let holder = |line: &mut PrincipalLine| named(line, said("subject"), said("subject_handle"));
            role(&mut grant.role);
            holder(&mut grant.holder);
            for credential in &mut grant.credentials {
                put(&mut credential.target, data("target"));
            }
            if let Some(request) = request {
                role(&mut request.role);
                holder(&mut request.subject);
                if let Some(by) = &mut request.submitted_by {
                    named(by, said("by"), said("by_handle"));
                }
            }
        }
        "grant.ending" => {
            if let Some(by) = &mut grant.ended_by {
                put(by, said("by"));
            }
        }
        _ if event.subjects.contains_key("decision") => {
            let stages = request.into_iter().flat_map(|request| &mut request.stages);
            let decisions = stages.flat_map(|stage| &mut stage.decisions).filter(|d| d.at == event.at);
            // A request takes its decisions one after the other; where a clock stood still, nobody gets another's name.
            if let [decision] = decisions.collect::<Vec<_>>().as_mut_slice() {
                named(&mut decision.by, said("by"), said("by_handle"));
            }
        }
        _ => {}
    }
}

fn named(line: &mut PrincipalLine, name: Option<&str>, handle: Option<&str>) {
    put(&mut line.name, name);
    put(&mut line.handle, handle);
}

fn put(place: &mut String, recorded: Option<&str>) {
    if let Some(text) = recorded {
        text.clone_into(place);
    }
}
