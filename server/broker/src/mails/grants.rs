//! To those who hold a grant.
use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::grant::{EndReason, Grant};
use hallpass_domain::mail::{Mail, MailKind, MailModel};
use hallpass_domain::principal::Principal;
use hallpass_domain::request::submit::sentence;

use super::{about, because_held, fact, holders, mail, when_exactly, whose};

/// To the holder: ended, and checked; with the check.
pub fn grant_ended(catalogue: &Catalogue, grant: &Grant, check: &str, now: Timestamp) -> Vec<Mail> {
    let about = about(catalogue, grant.principal, grant.role_id, grant.target_id);
    holders(catalogue, grant.principal)
        .into_iter()
        .map(|user| {
            let how = match (grant.end_reason, grant.ended_by) {
                (Some(EndReason::Released), Some(by)) if by == user.id => "you ended it".to_owned(),
                (Some(EndReason::Released), Some(by)) => {
                    format!("{} ended it", catalogue.name_of(Principal::User(by)))
                }
                (Some(EndReason::Released), None) => "its holder ended it".to_owned(),
                (Some(EndReason::Revoked), _) => "it was revoked".to_owned(),
                (Some(EndReason::Expired) | None, _) => "its time was up".to_owned(),
            };
            mail(
                now,
                MailKind::GrantEnded,
                user,
                (grant.request_id, Some(grant.id)),
                MailModel {
                    subject: format!("Ended and checked: {}@{}", about.role, about.place),
                    headline: sentence(&format!(
                        "{} {} on {} has ended ({how}), and that was checked",
                        whose(catalogue, grant.principal, user),
                        about.role,
                        about.place
                    )),
                    facts: vec![
                        fact("Ended", when_exactly(grant.ends_at, user.zone())),
                        fact("Checked", when_exactly(now, user.zone())),
                        fact("Result", check.to_owned()),
                    ],
                    quote: None,
                    paragraphs: vec![format!(
                        "Nothing is left for you to do. If {} is needed again, ask for it again: in the catalogue, or with hallpass request {}.",
                        about.role, about.role
                    )],
                    link: Some(("See the receipt".to_owned(), format!("/grants/{}/receipt", grant.id))),
                    footer: because_held(grant.principal, user),
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
            let mut paragraphs = vec![
                "New logins and tokens are refused from now on, and open sessions are being ended. You get another mail once it was checked that nothing of it is left.".to_owned(),
            ];
            if grant.request_id.is_some() {
                paragraphs.push(format!(
                    "If it is still needed, talk to whoever revoked it, then ask again: in the catalogue, or with hallpass request {}.",
                    about.role
                ));
            }
            mail(
                now,
                MailKind::GrantRevoked,
                user,
                (grant.request_id, Some(grant.id)),
                MailModel {
                    subject: format!("Revoked: {}@{}, by {by}", about.role, about.place),
                    headline: format!(
                        "{by} revoked {} {} on {} before its time.",
                        whose(catalogue, grant.principal, user),
                        about.role,
                        about.place
                    ),
                    facts: vec![
                        fact("What", about.role.clone()),
                        fact("Where", format!("{} ({})", about.place, about.environment)),
                        fact("Revoked", when_exactly(now, user.zone())),
                        fact("By", by.to_owned()),
                    ],
                    quote: Some(why.to_owned()).filter(|w| !w.is_empty()),
                    paragraphs,
                    link: Some(("See what is left of it".to_owned(), format!("/grants/{}", grant.id))),
                    footer: because_held(grant.principal, user),
                },
            )
        })
        .collect()
}
