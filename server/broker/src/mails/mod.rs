//! Mails as use cases queue them: who, what, where, how long, why and until when, in the reader's zone and UTC.
use chrono_tz::Tz;
use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::ids::{GrantId, MailId, RequestId, RoleId, TargetId};
use hallpass_domain::mail::{Fact, Mail, MailKind, MailModel, MailState};
use hallpass_domain::principal::{Duty, Principal, User};

mod approvers;
mod grants;
mod requesters;
mod targets;

pub use approvers::{approval_asked, no_action_needed};
pub use grants::{grant_ended, grant_revoked};
pub(crate) use requesters::length;
pub use requesters::{request_approved, request_denied, request_lapsed, request_received, request_withdrawn};
pub use targets::{issuing_failed, revocation_overdue, revocation_recovered, target_differs};

/// A queued mail to `user`.
pub fn mail(
    now: Timestamp,
    kind: MailKind,
    user: &User,
    about: (Option<RequestId>, Option<GrantId>),
    model: MailModel,
) -> Mail {
    Mail {
        id: MailId::new(now),
        kind,
        to_email: user.email.as_str().to_owned(),
        to_name: user.display_name.clone(),
        request_id: about.0,
        grant_id: about.1,
        model,
        state: MailState::Queued,
        queued_at: now,
        sent_at: None,
        attempts: 0,
        next_attempt_at: now,
        last_error: None,
        claimed_by: None,
        claimed_until: None,
        fence: 0,
        version: 1,
    }
}

/// `17:30 CET (16:30 UTC)`, with the day where it is not today's in that zone.
pub fn when(at: Timestamp, now: Timestamp, zone: &str) -> String {
    let clock = when_briefly(at, now, zone);
    if zone.parse::<Tz>().unwrap_or(Tz::UTC) == Tz::UTC {
        clock
    } else {
        format!("{clock} ({} UTC)", at.format("%H:%M"))
    }
}

/// `17:30 CET`: for a subject, of which a telephone shows sixty characters.
fn when_briefly(at: Timestamp, now: Timestamp, zone: &str) -> String {
    let zone: Tz = zone.parse().unwrap_or(Tz::UTC);
    let (local, today) = (at.with_timezone(&zone), now.with_timezone(&zone).date_naive());
    if local.date_naive() == today { local.format("%H:%M %Z") } else { local.format("%a %-d %b %H:%M %Z") }
        .to_string()
}

/// `23 Nov 2026 17:30:00 CET (16:30:00 UTC)`: for what is compared with the log of a target, and ends of short grants.
pub fn when_exactly(at: Timestamp, zone: &str) -> String {
    let zone: Tz = zone.parse().unwrap_or(Tz::UTC);
    let clock = at.with_timezone(&zone).format("%-d %b %Y %H:%M:%S %Z").to_string();
    if zone == Tz::UTC { clock } else { format!("{clock} ({} UTC)", at.format("%H:%M:%S")) }
}

fn fact(label: &str, value: impl Into<String>) -> Fact {
    Fact { label: label.to_owned(), value: value.into() }
}

/// People who are told what happens to a principal's access: the person, or the workload's owners.
pub fn holders(catalogue: &Catalogue, principal: Principal) -> Vec<&User> {
    match principal {
        Principal::User(id) => catalogue.users.get(&id).into_iter().collect(),
        Principal::Workload(id) => catalogue
            .workloads
            .get(&id)
            .into_iter()
            .flat_map(|w| w.owners.iter())
            .filter_map(|u| catalogue.users.get(u))
            .collect(),
        Principal::Group(_) => Vec::new(),
    }
    .into_iter()
    .filter(|u| !u.disabled)
    .collect()
}

/// Whose access it is, as `reader` reads it: `your access`, or that of a workload that they own.
fn whose(catalogue: &Catalogue, principal: Principal, reader: &User) -> String {
    if principal == Principal::User(reader.id) {
        "your access".to_owned()
    } else {
        format!("the access of {}", catalogue.name_of(principal))
    }
}

/// Why somebody gets a mail about access.
fn because_held(principal: Principal, reader: &User) -> String {
    if principal == Principal::User(reader.id) {
        "You get this because the access was yours.".to_owned()
    } else {
        "You get this because you answer for the workload that had the access.".to_owned()
    }
}

/// Administrators, and owners of a target.
pub fn answerable(catalogue: &Catalogue, target: TargetId) -> Vec<&User> {
    let owners = catalogue.targets.get(&target).map(|t| t.owners.clone()).unwrap_or_default();
    catalogue
        .users
        .values()
        .filter(|u| !u.disabled && (u.duties.contains(&Duty::Administrator) || owners.contains(&u.id)))
        .collect()
}

/// Words that every mail about a request shares.
struct About {
    who: String,
    role: String,
    place: String,
    environment: String,
    tier: String,
}

fn about(catalogue: &Catalogue, subject: Principal, role: RoleId, target: TargetId) -> About {
    let target = catalogue.targets.get(&target);
    let role = catalogue.roles.get(&role);
    About {
        who: catalogue.name_of(subject),
        role: role.map_or_else(|| "a removed role".to_owned(), |r| r.name.to_string()),
        place: target.map_or_else(|| "a removed target".to_owned(), |t| t.name.to_string()),
        environment: target.map(|t| t.environment.clone()).unwrap_or_default(),
        tier: role.map(|r| r.tier.as_str().to_owned()).unwrap_or_default(),
    }
}
