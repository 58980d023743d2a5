//! Who did something, in words: people and workloads by name, what Hallpass does by itself by what it is.
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::principal::Principal;

/// Actors of Hallpass itself, and their names.
const PARTS: [(&str, &str); 15] = [
    ("system:audit", "Hallpass, audit log"),
    ("system:checker", "Hallpass, trials of targets"),
    ("system:comparer", "Hallpass, comparing targets"),
    ("system:demo", "Hallpass, demo"),
    ("system:expiry", "Hallpass, expiry"),
    ("system:issue", "Hallpass, issuing"),
    ("system:keys", "Hallpass, rotation of keys"),
    ("system:lapse", "Hallpass, lapsing of requests"),
    ("system:local-command", "Operator, on the server"),
    ("system:mail", "Hallpass, mail delivery"),
    ("system:operator", "Operator, on the server"),
    ("system:policy", "Hallpass, policy"),
    ("system:revoker", "Hallpass, revocation"),
    ("system:sign-in", "Hallpass, sign-in"),
    ("system:start", "Hallpass, start of a server"),
];

fn principal(actor: &str) -> Option<Principal> {
    let (kind, id) = actor.split_once(':')?;
    match kind {
        "user" => id.parse().ok().map(Principal::User),
        "workload" => id.parse().ok().map(Principal::Workload),
        _ => None,
    }
}

/// The name of an actor as an event has it.
pub(super) fn name(catalogue: &Catalogue, actor: &str) -> String {
    if let Some(who) = principal(actor) {
        return catalogue.name_of(who);
    }
    match PARTS.iter().find(|(part, _)| *part == actor) {
        Some((_, name)) => (*name).to_owned(),
        None => actor.strip_prefix("system:").map_or_else(|| actor.to_owned(), |p| format!("Hallpass, {p}")),
    }
}

/// What somebody types to find this actor alone: two people may have one name, and no two have one address.
pub(super) fn handle(catalogue: &Catalogue, actor: &str) -> String {
    let handle = match principal(actor) {
        Some(Principal::User(id)) => catalogue.users.get(&id).map(|u| u.email.to_string()),
        Some(Principal::Workload(id)) => catalogue.workloads.get(&id).map(|w| w.name.to_string()),
        _ => PARTS.iter().find(|(part, _)| *part == actor).map(|(_, name)| (*name).to_owned()),
    };
    handle.unwrap_or_else(|| actor.to_owned())
}

/// The actor that somebody means: an address, a name, a part of Hallpass, or an actor as events have it.
pub(super) fn find(catalogue: &Catalogue, text: &str) -> Option<String> {
    if ["user:", "workload:", "system:"].iter().any(|kind| text.starts_with(kind)) {
        return Some(text.to_owned());
    }
    let lower = text.to_lowercase();
    let user = || {
        let mut users = catalogue.users.values();
        users.find(|u| u.email.as_str() == lower || u.display_name.to_lowercase() == lower)
    };
    let workload = || {
        let mut workloads = catalogue.workloads.values();
        workloads.find(|w| w.name.as_str() == lower || w.title.to_lowercase() == lower)
    };
    // `mail delivery` is enough of `Hallpass, mail delivery`.
    let part = || {
        let short = |name: &str| name.split_once(", ").is_some_and(|(_, rest)| rest == lower);
        PARTS.iter().find(|(_, name)| name.to_lowercase() == lower || short(name))
    };
    user()
        .map(|u| format!("user:{}", u.id))
        .or_else(|| workload().map(|w| format!("workload:{}", w.id)))
        .or_else(|| part().map(|(part, _)| (*part).to_owned()))
}
