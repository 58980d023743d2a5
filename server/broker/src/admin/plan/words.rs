//! Values in words, as the difference shows them.
use hallpass_domain::ids::UserId;
use hallpass_domain::principal::Principal;
use hallpass_domain::scope::ScopeParam;
use hallpass_domain::window::describe_seconds;
use hallpass_domain::workflow::Stage;
use serde_json::Value;

use crate::admin::build::State;

pub(super) fn words<const N: usize>(fields: [(&str, String); N]) -> Vec<(String, String)> {
    fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
}

pub(super) fn yes(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

/// As people say it; to the second where that leaves something out.
pub(super) fn describe_exactly(seconds: i64) -> String {
    let said = describe_seconds(seconds);
    let back = hallpass_domain::window::parse_duration(&said.replace("min", "m").replace(' ', ""));
    if back == Ok(seconds) { said } else { format!("{seconds} s") }
}

/// People by address, groups and workloads by name: what the file writes.
pub(super) fn handles<'a>(state: &State, all: impl Iterator<Item = &'a Principal>) -> String {
    let c = &state.catalogue;
    let mut names: Vec<String> = all
        .map(|p| match p {
            Principal::User(id) => c.users.get(id).map(|u| u.email.to_string()),
            Principal::Workload(id) => c.workloads.get(id).map(|w| w.name.to_string()),
            Principal::Group(id) => c.groups.get(id).map(|g| g.name.to_string()),
        })
        .map(Option::unwrap_or_default)
        .collect();
    names.sort();
    names.join(", ")
}

pub(super) fn addresses<'a>(state: &State, all: impl Iterator<Item = &'a UserId>) -> String {
    handles(state, all.map(|id| Principal::User(*id)).collect::<Vec<_>>().iter())
}

pub(super) fn stage(state: &State, stage: &Stage) -> String {
    let proof = stage.proof.map_or("by tier", |p| p.as_str());
    format!(
        "{}: {} of {}; proof {proof}; within {}",
        stage.title,
        stage.needed,
        handles(state, stage.approvers.iter()),
        describe_exactly(stage.decide_seconds)
    )
}

pub(super) fn scope(param: &ScopeParam) -> String {
    let default = if param.default.is_empty() {
        String::new()
    } else {
        format!("; preselected {}", param.default.join(", "))
    };
    let several = if param.multiple { "; several" } else { "" };
    let required = if param.required { "; required" } else { "" };
    format!("{}: {}{default}{several}{required}", param.label, param.allowed.join(", "))
}

/// Kind-specific settings as the file calls them; lists and tables as JSON.
pub(super) fn settings(of: &impl serde::Serialize) -> Vec<(String, String)> {
    let Ok(Value::Object(map)) = serde_json::to_value(of) else { return Vec::new() };
    map.into_iter()
        .map(|(key, value)| {
            let text = match value {
                Value::Null => String::new(),
                Value::String(text) => text,
                Value::Array(ref list) if list.iter().all(Value::is_string) => {
                    list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
                }
                other => other.to_string(),
            };
            (key, text)
        })
        .collect()
}
