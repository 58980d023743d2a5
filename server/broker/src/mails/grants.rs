//! To those who hold a grant.
use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::grant::{EndReason, Grant};
use hallpass_domain::mail::{Mail, MailKind, MailModel};

use super::{about, fact, holders, mail, when_exactly};

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
