//! To those who answer for a target.
use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::credential::Credential;
use hallpass_domain::finding::{Finding, FindingKind};
use hallpass_domain::mail::{Fact, Mail, MailKind, MailModel};
use hallpass_domain::principal::User;
use hallpass_domain::target::Target;
use hallpass_domain::window::describe_seconds;

use super::{answerable, fact, mail, when_exactly};

/// Accounts that a mail names; the rest is on the reports page.
const SHOWN: usize = 20;

/// To those who answer for a target: what of it could not be removed in time, all of it in one mail.
pub fn revocation_overdue(catalogue: &Catalogue, overdue: &[Credential], now: Timestamp) -> Vec<Mail> {
    about_removals(catalogue, overdue, MailKind::RevocationOverdue, now, |user, told| {
        MailModel {
        subject: format!("FAILED to revoke at {}, {} overdue", told.place, told.late(now)),
        headline: match told.only {
            Some(only) => format!(
                "{} at {} should be gone since {} and is not proven gone.",
                only.external_name,
                told.place,
                told.late(now)
            ),
            None => format!(
                "{} accounts at {} should be gone, the first since {}, and are not proven gone.",
                overdue.len(),
                told.place,
                told.late(now)
            ),
        },
        facts: told.facts(overdue, user),
        quote: None,
        paragraphs: vec![
            "Hallpass goes on trying without end, and completes within seconds once the target is back.".to_owned(),
            "If you cannot wait: remove what is there by hand at the target; Hallpass then finds it gone and records that.".to_owned(),
        ],
        link: Some(told.link()),
        footer: FOOTER.to_owned(),
    }
    })
}

/// To those who were alerted: these are gone after all.
pub fn revocation_recovered(catalogue: &Catalogue, removed: &[Credential], now: Timestamp) -> Vec<Mail> {
    about_removals(catalogue, removed, MailKind::RevocationRecovered, now, |user, told| MailModel {
        subject: format!("Resolved: removed at {} after {}", told.place, told.late(now)),
        headline: match told.only {
            Some(only) => format!(
                "{} at {} is gone and that was checked, {} after its end.",
                only.external_name,
                told.place,
                told.late(now)
            ),
            None => format!(
                "{} accounts at {} are gone and that was checked, the first {} after its end.",
                removed.len(),
                told.place,
                told.late(now)
            ),
        },
        facts: told.facts(removed, user),
        quote: None,
        paragraphs: Vec::new(),
        link: Some(told.link()),
        footer: FOOTER.to_owned(),
    })
}

const FOOTER: &str = "You get this because you answer for this target or administer Hallpass.";

/// What a mail about removals at one target says.
struct Told<'a> {
    place: String,
    first: &'a Credential,
    /// Where there is one alone.
    only: Option<&'a Credential>,
}

impl Told<'_> {
    fn late(&self, now: Timestamp) -> String {
        describe_seconds((now - self.first.due_at).num_seconds())
    }

    fn facts(&self, all: &[Credential], user: &User) -> Vec<Fact> {
        let error = |c: &Credential| c.last_error.clone().unwrap_or_else(|| "none".to_owned());
        if let Some(only) = self.only {
            return vec![
                fact("Account", only.external_name.clone()),
                fact("Target", self.place.clone()),
                fact("Due", when_exactly(only.due_at, &user.time_zone)),
                fact("Attempts", only.attempts.to_string()),
                fact("Last error", error(only)),
            ];
        }
        let line = |c: &Credential| {
            let due = when_exactly(c.due_at, &user.time_zone);
            fact(&c.external_name, format!("due {due}, attempts {}, last error {}", c.attempts, error(c)))
        };
        let mut facts: Vec<Fact> = all.iter().take(SHOWN).map(line).collect();
        if all.len() > SHOWN {
            facts.push(and_more(all.len() - SHOWN));
        }
        facts
    }

    fn link(&self) -> (String, String) {
        match self.only {
            Some(only) => ("See the grant".to_owned(), format!("/grants/{}", only.grant_id)),
            None => ("See the reports".to_owned(), "/reports".to_owned()),
        }
    }
}

fn and_more(count: usize) -> Fact {
    fact("And more", format!("{count} more, on the reports page"))
}

/// One mail to each person who answers for the target of `all`, which are of one target; none where there are none.
fn about_removals(
    catalogue: &Catalogue,
    all: &[Credential],
    kind: MailKind,
    now: Timestamp,
    model: impl Fn(&User, &Told<'_>) -> MailModel,
) -> Vec<Mail> {
    let Some(first) = all.iter().min_by_key(|c| c.due_at) else { return Vec::new() };
    let target = catalogue.targets.get(&first.target_id);
    let place = target.map_or_else(|| "a target".to_owned(), |t| t.name.to_string());
    let only = Some(first).filter(|_| all.len() == 1);
    let told = Told { place, first, only };
    answerable(catalogue, first.target_id)
        .into_iter()
        .map(|user| mail(now, kind, user, (None, only.map(|c| c.grant_id)), model(user, &told)))
        .collect()
}

/// To those who answer for a target: accounts there that are not as our records say, each told once per change.
pub fn target_differs(
    catalogue: &Catalogue,
    target: &Target,
    findings: &[Finding],
    now: Timestamp,
) -> Vec<Mail> {
    let place = target.name.to_string();
    let count = findings.len();
    let accounts = if count == 1 { "1 account".to_owned() } else { format!("{count} accounts") };
    let mut facts: Vec<Fact> =
        findings.iter().take(SHOWN).map(|f| fact(&f.external_name, f.differences.join("; "))).collect();
    if count > SHOWN {
        facts.push(and_more(count - SHOWN));
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

/// To those who answer for a target: a login was asked for and could not be made there, or (`made`) does not work.
/// `said` is what the target answered, without anything secret.
pub fn issuing_failed(
    catalogue: &Catalogue,
    credential: &Credential,
    made: bool,
    said: &str,
    now: Timestamp,
) -> Vec<Mail> {
    let place = catalogue
        .targets
        .get(&credential.target_id)
        .map_or_else(|| "a target".to_owned(), |t| t.name.to_string());
    let (subject, headline) = if made {
        (
            format!("Logins at {place} do not work"),
            format!(
                "A login was made at {place} and tried, and does not work. It was not given out and is removed."
            ),
        )
    } else {
        (
            format!("{place} refuses to make logins"),
            format!(
                "A login was asked for at {place}, and the target refused to make it. Nothing of it is left."
            ),
        )
    };
    answerable(catalogue, credential.target_id)
        .into_iter()
        .map(|user| {
            mail(now, MailKind::IssuingFailed, user, (None, None), MailModel {
                subject: subject.clone(),
                headline: headline.clone(),
                facts: vec![
                    fact("The target said", said),
                    fact("Login", credential.external_name.as_str()),
                    fact("At", when_exactly(now, &user.time_zone)),
                ],
                quote: None,
                paragraphs: vec!["Nobody can use what was approved there until the cause is mended at the target; then a login can be fetched again at once.".to_owned()],
                link: Some(("See the reports".to_owned(), "/reports#targets".to_owned())),
                footer: "You get this because you answer for this target or administer Hallpass. You are told of one target at most once an hour.".to_owned(),
            })
        })
        .collect()
}
