//! To those who asked, and what every mail about a request shares.
use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::grant::Grant;
use hallpass_domain::mail::{Fact, Mail, MailKind, MailModel};
use hallpass_domain::principal::{Principal, User};
use hallpass_domain::request::{CloseCause, Decision, Request};
use hallpass_domain::window::{Ask, describe_seconds};

use super::{About, about, fact, holders, mail, when, when_briefly, when_exactly};
use crate::queries::catalogue::ask_again_href;

/// `2 h`, `until 17:30 CET`, `1 h, until 17:30 CET at the latest` where an approver shortened a fixed end.
pub(crate) fn length(request: &Request, now: Timestamp, zone: &str) -> String {
    match (request.ask, request.shortened(now)) {
        (Ask::Seconds(s), cap) => describe_seconds(cap.unwrap_or(s)),
        (Ask::Until(end), None) => format!("until {}", when(end, now, zone)),
        (Ask::Until(end), Some(cap)) => {
            format!("{}, until {} at the latest", describe_seconds(cap), when(end, now, zone))
        }
    }
}

/// `2 h`, `1 h (you asked 2 h)`, `1 h (you asked until 17:30 CET)` where an approver shortened it.
fn got(request: &Request, grant: &Grant, now: Timestamp, zone: &str) -> String {
    let got = describe_seconds((grant.ends_at - grant.starts_at).num_seconds());
    match (request.ask, request.shortened(now)) {
        (_, None) => got,
        (Ask::Seconds(asked), _) => format!("{got} (you asked {})", describe_seconds(asked)),
        (Ask::Until(end), _) => format!("{got} (you asked until {})", when(end, now, zone)),
    }
}

/// Facts of a request for one reader.
pub(super) fn request_facts(
    catalogue: &Catalogue,
    request: &Request,
    now: Timestamp,
    zone: &str,
) -> Vec<Fact> {
    let about = about(catalogue, request.subject, request.role_id, request.target_id);
    let mut facts = vec![
        fact("Who", about.who),
        fact("What", format!("{} ({} tier)", about.role, about.tier)),
        fact("Where", format!("{} ({})", about.place, about.environment)),
    ];
    let end = request.ask.end_if_approved(now, request.cap_seconds);
    facts.push(fact(
        "How long",
        match (request.ask, request.shortened(now), end) {
            (Ask::Until(_), None, _) | (_, _, None) => length(request, now, zone),
            (_, _, Some(end)) => format!(
                "{}, from the last approval; if approved now, until {}",
                length(request, now, zone),
                when(end, now, zone)
            ),
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
            let mut facts = request_facts(catalogue, request, now, user.zone());
            facts.push(fact("Waiting for", waiting.clone()));
            facts.push(fact("Lapses", when(request.decide_by, now, user.zone())));
            facts
        },
        quote: None,
        paragraphs: vec!["You can withdraw it on its page while nobody has decided.".to_owned()],
        link: Some(("See the request".to_owned(), format!("/requests/{}", request.reference))),
        footer: "You get this because you asked.".to_owned(),
    })
}

/// What was asked for, where nothing comes of it any more.
fn asked_facts(about: &About, request: &Request, now: Timestamp, user: &User) -> Vec<Fact> {
    let mut facts = vec![
        fact("What", about.role.clone()),
        fact("Where", format!("{} ({})", about.place, about.environment)),
        fact("How long", length(request, now, user.zone())),
        fact("Asked", when(request.submitted_at, now, user.zone())),
    ];
    facts.extend(request.ticket.iter().map(|ticket| fact("Ticket", ticket.to_string())));
    facts
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
    to_holders(catalogue, request, now, MailKind::RequestApproved, |about, user| MailModel {
        subject: format!(
            "Approved until {}: {}@{} ({})",
            when_briefly(grant.ends_at, now, user.zone()),
            about.role,
            about.place,
            request.reference
        ),
        headline: format!(
            "You have {} on {} until {}.",
            about.role,
            about.place,
            when(grant.ends_at, now, user.zone())
        ),
        facts: vec![
            fact("Until", when_exactly(grant.ends_at, user.zone())),
            fact("How long", got(request, grant, now, user.zone())),
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
    to_holders(catalogue, request, now, MailKind::RequestDenied, |about, user| MailModel {
        subject: format!("Denied: {}@{} ({})", about.role, about.place, request.reference),
        headline: format!(
            "{} denied your request for {} on {}.",
            catalogue.name_of(Principal::User(decision.approver)),
            about.role,
            about.place
        ),
        facts: asked_facts(about, request, now, user),
        quote: decision.comment.clone(),
        paragraphs: vec![
            "Nothing was given. You can ask again, differently: the request's page has the form, filled in."
                .to_owned(),
        ],
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
        .map(|role| ask_again_href(role.name.as_str(), request))
        .filter(|href| href.len() <= 1_500);
    let again = match form {
        Some(href) => ("Ask again".to_owned(), href),
        None => ("See the request".to_owned(), format!("/requests/{}", request.reference)),
    };
    to_holders(catalogue, request, now, MailKind::RequestLapsed, |about, user| {
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
            facts: asked_facts(about, request, now, user),
            quote: None,
            paragraphs: vec![advice.to_owned()],
            link: Some(again.clone()),
            footer: "You get this because you asked.".to_owned(),
        }
    })
}

/// To the requester: taken back, by one of those who may (`by`) or because the role may not be asked for any more. Who
/// took it back knows.
pub fn request_withdrawn(
    catalogue: &Catalogue,
    request: &Request,
    by: Option<Principal>,
    now: Timestamp,
) -> Vec<Mail> {
    let mut mails = to_holders(catalogue, request, now, MailKind::RequestWithdrawn, |about, user| {
        let what = format!("{} on {}", about.role, about.place);
        let (headline, advice) = match by {
            Some(by) => (
                format!("{} withdrew the request for {what}.", catalogue.name_of(by)),
                "You can ask again at any time.",
            ),
            None => (
                format!("The request for {what} was taken back: the role may not be asked for any more."),
                "An administrator changed who may ask for this role. Ask an administrator if that is not right.",
            ),
        };
        MailModel {
            subject: format!("Withdrawn: {}@{} ({})", about.role, about.place, request.reference),
            headline,
            facts: asked_facts(about, request, now, user),
            quote: None,
            paragraphs: vec![advice.to_owned()],
            link: Some(("See the request".to_owned(), format!("/requests/{}", request.reference))),
            footer: "You get this because you asked, or own the workload that did.".to_owned(),
        }
    });
    if let Some(Principal::User(id)) = by
        && let Some(knows) = catalogue.users.get(&id)
    {
        mails.retain(|m| m.to_email != knows.email.as_str());
    }
    mails
}
