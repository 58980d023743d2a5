//! To those who decide.
use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::ids::UserId;
use hallpass_domain::mail::{Mail, MailKind, MailModel};
use hallpass_domain::principal::Principal;
use hallpass_domain::request::{Decision, Request, Verdict};
use hallpass_domain::window::{Ask, describe_seconds};

use super::requesters::{length, request_facts};
use super::{about, fact, mail, when, when_exactly};

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
            let mut facts = request_facts(catalogue, request, now, user.zone());
            let others: Vec<String> =
                names.iter().filter(|(id, _)| *id != user.id).map(|(_, n)| n.clone()).collect();
            let whom =
                if others.is_empty() { "you".to_owned() } else { format!("you, {}", others.join(", ")) };
            facts.push(fact(
                "Decide",
                format!("by {}; {} of: {whom}", when(request.decide_by, now, user.zone()), stage.needed),
            ));
            if request.stages.len() > 1 {
                facts.push(fact(
                    "Stage",
                    format!("{} of {}: {}", request.stage + 1, request.stages.len(), stage.title),
                ));
            }
            for earlier in decisions.iter().filter(|d| d.verdict == Verdict::Approve) {
                let shortened =
                    earlier.cap_seconds.map(|c| format!(", for {}", describe_seconds(c))).unwrap_or_default();
                facts.push(fact(
                    "Approved",
                    format!("{}{shortened}", catalogue.name_of(Principal::User(earlier.approver))),
                ));
            }
            let asked = length(request, now, user.zone());
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
                        match (request.ask, request.shortened(now)) {
                            (Ask::Until(_), None) => asked.clone(),
                            _ => format!("for {asked}"),
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

/// To the people who were asked to decide and need not any more: nobody of those who decided, at this stage or at an
/// earlier one, because they were asked for nothing that is still open.
pub fn no_action_needed(
    catalogue: &Catalogue,
    request: &Request,
    stage: u32,
    decisions: &[Decision],
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
        .filter(|id| decisions.iter().all(|d| d.approver != *id))
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
                        fact("At", when_exactly(now, user.zone())),
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
