//! Mails as use cases queue them: who, what, where, how long, why and until when, in the reader's zone and UTC.
use chrono_tz::Tz;
use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::grant::{EndReason, Grant};
use hallpass_domain::ids::{GrantId, MailId, RequestId, UserId};
use hallpass_domain::mail::{Fact, Mail, MailKind, MailModel, MailState};
use hallpass_domain::principal::{Duty, Principal, User};
use hallpass_domain::request::{CloseCause, Decision, Request, Verdict};
use hallpass_domain::window::Ask;

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
    let zone: Tz = zone.parse().unwrap_or(Tz::UTC);
    let (local, today) = (at.with_timezone(&zone), now.with_timezone(&zone).date_naive());
    let clock = if local.date_naive() == today {
        local.format("%H:%M %Z")
    } else {
        local.format("%a %-d %b %H:%M %Z")
    }
    .to_string();
    if zone == Tz::UTC { clock } else { format!("{clock} ({} UTC)", at.format("%H:%M")) }
}

/// As [`when`], with seconds: for ends of short grants.
pub fn when_exactly(at: Timestamp, zone: &str) -> String {
    let zone: Tz = zone.parse().unwrap_or(Tz::UTC);
    at.with_timezone(&zone).format("%-d %b %Y %H:%M:%S %Z").to_string()
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

/// Administrators, and owners of a target.
pub fn answerable(catalogue: &Catalogue, target: hallpass_domain::ids::TargetId) -> Vec<&User> {
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

fn about(
    catalogue: &Catalogue,
    subject: Principal,
    role: hallpass_domain::ids::RoleId,
    target: hallpass_domain::ids::TargetId,
) -> About {
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

fn length(request: &Request, now: Timestamp, zone: &str) -> String {
    match (request.ask, request.cap_seconds) {
        (Ask::Seconds(s), Some(cap)) if cap < s => hallpass_domain::window::describe_seconds(cap),
        (Ask::Seconds(s), _) => hallpass_domain::window::describe_seconds(s),
        (Ask::Until(end), _) => format!("until {}", when(end, now, zone)),
    }
}

/// Facts of a request for one reader.
fn request_facts(catalogue: &Catalogue, request: &Request, now: Timestamp, zone: &str) -> Vec<Fact> {
    let about = about(catalogue, request.subject, request.role_id, request.target_id);
    let mut facts = vec![
        fact("Who", about.who),
        fact("What", format!("{} ({} tier)", about.role, about.tier)),
        fact("Where", format!("{} ({})", about.place, about.environment)),
    ];
    let end = request.ask.end_if_approved(now, request.cap_seconds);
    facts.push(fact(
        "How long",
        match (request.ask, end) {
            (Ask::Seconds(_), Some(end)) => format!(
                "{}, from the last approval; if approved now, until {}",
                length(request, now, zone),
                when(end, now, zone)
            ),
            _ => length(request, now, zone),
        },
    ));
    if !request.scope.describe().is_empty() {
        facts.push(fact("Scope", request.scope.describe()));
    }
    if let Some(ticket) = &request.ticket {
        facts.push(fact("Ticket", format!("{ticket} (as typed, not checked)")));
    }
    facts
}

/// To every approver of the open stage.
pub fn approval_asked(
    catalogue: &Catalogue,
    request: &Request,
    decisions: &[Decision],
    now: Timestamp,
) -> Vec<Mail> {
    let Some(stage) = request.open_stage() else { return Vec::new() };
    let deciders = catalogue.deciders(stage, &request.requesters);
    let already: Vec<UserId> = decisions.iter().map(|d| d.approver).collect();
    let names: Vec<(UserId, String)> = deciders
        .iter()
        .filter_map(|id| catalogue.users.get(id))
        .map(|u| (u.id, u.display_name.clone()))
        .collect();
    deciders
        .iter()
        .filter(|id| !already.contains(id))
        .filter_map(|id| catalogue.users.get(id))
        .map(|user| {
            let about = about(catalogue, request.subject, request.role_id, request.target_id);
            let mut facts = request_facts(catalogue, request, now, &user.time_zone);
            let others: Vec<String> =
                names.iter().filter(|(id, _)| *id != user.id).map(|(_, n)| n.clone()).collect();
            let whom =
                if others.is_empty() { "you".to_owned() } else { format!("you, {}", others.join(", ")) };
            facts.push(fact(
                "Decide",
                format!("by {}; {} of: {whom}", when(request.decide_by, now, &user.time_zone), stage.needed),
            ));
            if request.stages.len() > 1 {
                facts.push(fact(
                    "Stage",
                    format!("{} of {}: {}", request.stage + 1, request.stages.len(), stage.title),
                ));
            }
            for earlier in decisions.iter().filter(|d| d.verdict == Verdict::Approve) {
                let shortened = earlier
                    .cap_seconds
                    .map(|c| format!(", for {}", hallpass_domain::window::describe_seconds(c)))
                    .unwrap_or_default();
                facts.push(fact(
                    "Approved",
                    format!("{}{shortened}", catalogue.name_of(Principal::User(earlier.approver))),
                ));
            }
            let asked = length(request, now, &user.time_zone);
            mail(
                now,
                MailKind::ApprovalAsked,
                user,
                (Some(request.id), None),
                MailModel {
                    subject: format!(
                        "Approve? {} → {}@{}, {asked} ({})",
                        about.who, about.role, about.place, request.reference
                    ),
                    headline: format!(
                        "{} asks for {} on {} {}.",
                        about.who,
                        about.role,
                        about.place,
                        match request.ask {
                            Ask::Seconds(_) => format!("for {asked}"),
                            Ask::Until(_) => asked.clone(),
                        }
                    ),
                    facts,
                    quote: Some(request.reason.clone()),
                    paragraphs: vec![
                        "Opening the link decides nothing; you decide on the page, signed in.".to_owned(),
                    ],
                    link: Some(("Review and decide".to_owned(), format!("/r/{}", request.reference))),
                    footer: format!("You get this because you may decide at stage “{}”.", stage.title),
                },
            )
        })
        .collect()
}

/// To the requester: it was received and waits for these people.
pub fn request_received(catalogue: &Catalogue, request: &Request, now: Timestamp) -> Vec<Mail> {
    let waiting = request
        .open_stage()
        .map(|s| {
            let names = crate::queries::lines::decider_names(catalogue, s, &request.requesters);
            format!("{} of: {}", s.needed, names.join(", "))
        })
        .unwrap_or_default();
    to_holders(catalogue, request, now, MailKind::RequestReceived, |about, user| MailModel {
        subject: format!("Received: {}@{} ({})", about.role, about.place, request.reference),
        headline: format!("Your request for {} on {} is waiting for a decision.", about.role, about.place),
        facts: {
            let mut facts = request_facts(catalogue, request, now, &user.time_zone);
            facts.push(fact("Waiting for", waiting.clone()));
            facts.push(fact("Lapses", when(request.decide_by, now, &user.time_zone)));
            facts
        },
        quote: None,
        paragraphs: vec!["You can withdraw it on its page while nobody has decided.".to_owned()],
        link: Some(("See the request".to_owned(), format!("/requests/{}", request.reference))),
        footer: "You get this because you asked.".to_owned(),
    })
}

fn to_holders(
    catalogue: &Catalogue,
    request: &Request,
    now: Timestamp,
    kind: MailKind,
    model: impl Fn(&About, &User) -> MailModel,
) -> Vec<Mail> {
    let mut people = holders(catalogue, request.subject);
    if let Some(submitter) = request.submitted_by.and_then(|id| catalogue.users.get(&id))
        && !people.iter().any(|u| u.id == submitter.id)
    {
        people.push(submitter);
    }
    let about = about(catalogue, request.subject, request.role_id, request.target_id);
    people
        .into_iter()
        .map(|user| mail(now, kind, user, (Some(request.id), None), model(&about, user)))
        .collect()
}

/// To the requester: approved, with what may differ from the ask.
pub fn request_approved(
    catalogue: &Catalogue,
    request: &Request,
    grant: &Grant,
    by: &str,
    comment: Option<&str>,
    now: Timestamp,
) -> Vec<Mail> {
    let length = hallpass_domain::request::decide::describe_window(request, grant);
    to_holders(catalogue, request, now, MailKind::RequestApproved, |about, user| MailModel {
        subject: format!(
            "Approved until {}: {}@{} ({})",
            when(grant.ends_at, now, &user.time_zone),
            about.role,
            about.place,
            request.reference
        ),
        headline: format!(
            "You have {} on {} until {}.",
            about.role,
            about.place,
            when(grant.ends_at, now, &user.time_zone)
        ),
        facts: vec![
            fact("Until", when_exactly(grant.ends_at, &user.time_zone)),
            fact("How long", length.clone()),
            fact("Approved by", by.to_owned()),
            fact("Use it", format!("hallpass run {} -- COMMAND", about.role)),
        ],
        quote: comment.map(str::to_owned),
        paragraphs: vec![
            "At that time it ends by itself, and you are told when that was checked.".to_owned(),
        ],
        link: Some(("Open your access".to_owned(), format!("/grants/{}", grant.id))),
        footer: "You get this because you asked.".to_owned(),
    })
}

/// To the requester: denied.
pub fn request_denied(
    catalogue: &Catalogue,
    request: &Request,
    decision: &Decision,
    now: Timestamp,
) -> Vec<Mail> {
    to_holders(catalogue, request, now, MailKind::RequestDenied, |about, _| MailModel {
        subject: format!("Denied: {}@{} ({})", about.role, about.place, request.reference),
        headline: format!(
            "{} denied your request for {} on {}.",
            catalogue.name_of(Principal::User(decision.approver)),
            about.role,
            about.place
        ),
        facts: Vec::new(),
        quote: decision.comment.clone(),
        paragraphs: vec!["You can ask again, differently.".to_owned()],
        link: Some(("See the request".to_owned(), format!("/requests/{}", request.reference))),
        footer: "You get this because you asked.".to_owned(),
    })
}

/// To the requester: it lapsed, and why.
pub fn request_lapsed(catalogue: &Catalogue, request: &Request, now: Timestamp) -> Vec<Mail> {
    let because = request.closed_because.unwrap_or(CloseCause::Undecided);
    // The filled-in form, unless its address is longer than mail programs are sure to keep whole.
    let form = catalogue
        .roles
        .get(&request.role_id)
        .filter(|_| because != CloseCause::Undecided)
        .map(|role| crate::queries::catalogue::ask_again_href(role.name.as_str(), request))
        .filter(|href| href.len() <= 1_500);
    let again = match form {
        Some(href) => ("Ask again".to_owned(), href),
        None => ("See the request".to_owned(), format!("/requests/{}", request.reference)),
    };
    to_holders(catalogue, request, now, MailKind::RequestLapsed, |about, _| {
        let what = format!("{} on {}", about.role, about.place);
        let (subject, headline, advice) = match because {
            CloseCause::RoleChanged => (
                "Lapsed, the role changed",
                format!("{what} changed after you asked for it, so your request has lapsed."),
                "Nobody may approve what is not what was shown. You can ask again for the role as it is now; the form is filled in.",
            ),
            CloseCause::TooLate => (
                "Lapsed, approved too late",
                format!("Your request for {what} was approved only after the end that you asked for."),
                "You can ask again, with a later end.",
            ),
            CloseCause::Undecided | CloseCause::NotEligible => (
                "Lapsed, nobody decided",
                format!("Nobody decided your request for {what} in time."),
                "You can ask again. If it keeps happening, tell an administrator: the approvers may be away.",
            ),
        };
        MailModel {
            subject: format!("{subject}: {}@{} ({})", about.role, about.place, request.reference),
            headline,
            facts: Vec::new(),
            quote: None,
            paragraphs: vec![advice.to_owned()],
            link: Some(again.clone()),
            footer: "You get this because you asked.".to_owned(),
        }
    })
}

/// To the people who were asked to decide and need not any more.
pub fn no_action_needed(
    catalogue: &Catalogue,
    request: &Request,
    stage: u32,
    decided_by: Option<UserId>,
    what: &str,
    now: Timestamp,
) -> Vec<Mail> {
    let Some(stage) = usize::try_from(stage).ok().and_then(|i| request.stages.get(i)) else {
        return Vec::new();
    };
    let about = about(catalogue, request.subject, request.role_id, request.target_id);
    catalogue
        .deciders(stage, &request.requesters)
        .into_iter()
        .filter(|id| Some(*id) != decided_by)
        .filter_map(|id| catalogue.users.get(&id))
        .map(|user| {
            mail(
                now,
                MailKind::NoActionNeeded,
                user,
                (Some(request.id), None),
                MailModel {
                    subject: format!(
                        "No action needed: {what}, {} → {}@{} ({})",
                        about.who, about.role, about.place, request.reference
                    ),
                    headline: format!("No action needed: {what}."),
                    facts: vec![
                        fact("Request", format!("{} for {} on {}", about.who, about.role, about.place)),
                        fact("At", when_exactly(now, &user.time_zone)),
                    ],
                    quote: None,
                    paragraphs: Vec::new(),
                    link: Some(("See the request".to_owned(), format!("/r/{}", request.reference))),
                    footer: format!(
                        "You get this because you were asked to decide at stage “{}”.",
                        stage.title
                    ),
                },
            )
        })
        .collect()
}

/// To the holder: ended, and checked; with the check.
pub fn grant_ended(catalogue: &Catalogue, grant: &Grant, check: &str, now: Timestamp) -> Vec<Mail> {
    let about = about(catalogue, grant.principal, grant.role_id, grant.target_id);
    holders(catalogue, grant.principal)
        .into_iter()
        .map(|user| {
            let how = match grant.end_reason {
                Some(EndReason::Released) => "you ended it",
                Some(EndReason::Revoked) => "it was revoked",
                Some(EndReason::Expired) | None => "its time was up",
            };
            mail(
                now,
                MailKind::GrantEnded,
                user,
                (grant.request_id, Some(grant.id)),
                MailModel {
                    subject: format!("Ended and checked: {}@{}", about.role, about.place),
                    headline: format!(
                        "Your access {} on {} has ended ({how}), and that was checked.",
                        about.role, about.place
                    ),
                    facts: vec![
                        fact("Ended", when_exactly(grant.ends_at, &user.time_zone)),
                        fact("Checked", when_exactly(now, &user.time_zone)),
                        fact("Result", check.to_owned()),
                    ],
                    quote: None,
                    paragraphs: Vec::new(),
                    link: Some(("See the receipt".to_owned(), format!("/grants/{}/receipt", grant.id))),
                    footer: "You get this because the access was yours.".to_owned(),
                },
            )
        })
        .collect()
}

/// To the holder: somebody else ended it early.
pub fn grant_revoked(catalogue: &Catalogue, grant: &Grant, by: &str, why: &str, now: Timestamp) -> Vec<Mail> {
    let about = about(catalogue, grant.principal, grant.role_id, grant.target_id);
    holders(catalogue, grant.principal)
        .into_iter()
        .map(|user| {
            mail(
                now,
                MailKind::GrantRevoked,
                user,
                (grant.request_id, Some(grant.id)),
                MailModel {
                    subject: format!("Revoked: {}@{}, by {by}", about.role, about.place),
                    headline: format!(
                        "{by} revoked your access {} on {} before its time.",
                        about.role, about.place
                    ),
                    facts: vec![fact("At", when_exactly(now, &user.time_zone))],
                    quote: Some(why.to_owned()).filter(|w| !w.is_empty()),
                    paragraphs: vec![
                        "You get another mail once it was checked that nothing of it is left.".to_owned(),
                    ],
                    link: Some(("See the grant".to_owned(), format!("/grants/{}", grant.id))),
                    footer: "You get this because the access was yours.".to_owned(),
                },
            )
        })
        .collect()
}

/// To those who answer for a target: something cannot be removed, or could be after all.
pub fn revocation_alert(
    catalogue: &Catalogue,
    credential: &hallpass_domain::credential::Credential,
    recovered: bool,
    now: Timestamp,
) -> Vec<Mail> {
    let place = catalogue
        .targets
        .get(&credential.target_id)
        .map_or_else(|| "a target".to_owned(), |t| t.name.to_string());
    answerable(catalogue, credential.target_id).into_iter().map(|user| {
        let kind = if recovered { MailKind::RevocationRecovered } else { MailKind::RevocationOverdue };
        let late = hallpass_domain::window::describe_seconds((now - credential.due_at).num_seconds());
        mail(now, kind, user, (None, Some(credential.grant_id)), MailModel {
            subject: if recovered { format!("Resolved: removed at {place} after {late}") } else { format!("FAILED to revoke at {place}, {late} overdue") },
            headline: if recovered {
                format!("{} at {place} is gone and that was checked, {late} after its end.", credential.external_name)
            } else {
                format!("{} at {place} should be gone since {late} and is not proven gone.", credential.external_name)
            },
            facts: vec![
                fact("Account", credential.external_name.clone()), fact("Target", place.clone()), fact("Due", when_exactly(credential.due_at, &user.time_zone)),
                fact("Attempts", credential.attempts.to_string()), fact("Last error", credential.last_error.clone().unwrap_or_else(|| "none".to_owned())),
            ],
            quote: None,
            paragraphs: if recovered { Vec::new() } else { vec![
                "Hallpass goes on trying without end, and completes within seconds once the target is back.".to_owned(),
                "If you cannot wait: remove the account by hand at the target; Hallpass then finds it gone and records that.".to_owned(),
            ] },
            link: Some(("See the grant".to_owned(), format!("/grants/{}", credential.grant_id))),
            footer: "You get this because you answer for this target or administer Hallpass.".to_owned(),
        })
    }).collect()
}

/// To those who answer for a target: accounts there that are not as our records say, each told once per change.
pub fn target_differs(
    catalogue: &Catalogue,
    target: &hallpass_domain::target::Target,
    findings: &[hallpass_domain::finding::Finding],
    now: Timestamp,
) -> Vec<Mail> {
    use hallpass_domain::finding::FindingKind;
    const SHOWN: usize = 20;
    let place = target.name.to_string();
    let count = findings.len();
    let accounts = if count == 1 { "1 account".to_owned() } else { format!("{count} accounts") };
    let mut facts: Vec<Fact> =
        findings.iter().take(SHOWN).map(|f| fact(&f.external_name, f.differences.join("; "))).collect();
    if count > SHOWN {
        facts.push(fact("And more", format!("{} more, on the reports page", count - SHOWN)));
    }
    let mut paragraphs = Vec::new();
    let any = |kind| findings.iter().any(|f| f.kind == kind);
    if any(FindingKind::Unknown) {
        paragraphs.push("Accounts that carry our mark and that no record knows are left alone until an administrator says on the reports page that they go: a restored backup must not remove what it does not know.".to_owned());
    }
    if any(FindingKind::Changed) {
        paragraphs.push("What was changed at the target by somebody else stays until the account's end, when everything of it goes. End the grant if it should not wait.".to_owned());
    }
    if any(FindingKind::Reappeared) {
        paragraphs.push("What was verified absent and is there again is being removed again. A failover that lost commits, or a restored target, does this.".to_owned());
    }
    if any(FindingKind::Missing) {
        paragraphs.push("What is gone at the target is recorded as revoked once that is proven; its holder can issue another one.".to_owned());
    }
    answerable(catalogue, target.id)
        .into_iter()
        .map(|user| {
            mail(now, MailKind::TargetDiffers, user, (None, None), MailModel {
                subject: format!("{accounts} at {place} not as our records say"),
                headline: format!("Comparing {place} with our records found {accounts} not as they should be."),
                facts: facts.clone(),
                quote: None,
                paragraphs: paragraphs.clone(),
                link: Some(("See the reports".to_owned(), "/reports#targets".to_owned())),
                footer: "You get this because you answer for this target or administer Hallpass. You are told once per change.".to_owned(),
            })
        })
        .collect()
}
