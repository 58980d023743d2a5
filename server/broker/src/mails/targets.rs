//! To those who answer for a target.
use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::credential::{Credential, Plan};
use hallpass_domain::finding::{Finding, FindingKind};
use hallpass_domain::mail::{Fact, Mail, MailKind, MailModel};
use hallpass_domain::principal::User;
use hallpass_domain::target::Target;
use hallpass_domain::window::describe_seconds;

use super::{answerable, fact, mail, when_exactly};
use crate::queries::lines::trouble;

/// Accounts that a mail names; the rest is on the reports page.
const SHOWN: usize = 20;

/// To those who answer for a target: what of it could not be removed in time, all of it in one mail.
pub fn revocation_overdue(catalogue: &Catalogue, overdue: &[Credential], now: Timestamp) -> Vec<Mail> {
    about_removals(catalogue, overdue, MailKind::RevocationOverdue, now, |user, told| {
        let mut paragraphs = vec![
            "Until it is proven gone it may still work. Hallpass goes on trying without end, and completes within seconds once the target lets it.".to_owned(),
        ];
        paragraphs.push(match told.only {
            Some(only) => format!(
                "If you cannot wait, stop it yourself at the target; Hallpass removes the rest, and records it:\nALTER ROLE {0} NOLOGIN;\nSELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{0}';",
                only.external_name
            ),
            None => "If you cannot wait, stop each of them yourself at the target (ALTER ROLE … NOLOGIN, then pg_terminate_backend for its sessions); Hallpass removes the rest, and records it.".to_owned(),
        });
        MailModel {
            subject: format!(
                "FAILED to revoke: {} at {}, {} overdue",
                told.accounts(),
                told.place,
                told.late(now)
            ),
            headline: match told.only {
                Some(_) => format!(
                    "An account at {} should have been removed {} ago and is not proven gone.",
                    told.place,
                    told.late(now)
                ),
                None => format!(
                    "{} at {} should have been removed, the first {} ago, and are not proven gone.",
                    told.accounts(),
                    told.place,
                    told.late(now)
                ),
            },
            facts: told.facts(overdue, user),
            quote: None,
            paragraphs,
            link: Some(told.link()),
            footer: FOOTER.to_owned(),
        }
    })
}

/// To those who were alerted: these are gone after all.
pub fn revocation_recovered(catalogue: &Catalogue, removed: &[Credential], now: Timestamp) -> Vec<Mail> {
    about_removals(catalogue, removed, MailKind::RevocationRecovered, now, |user, told| {
        // What hindered them is over.
        let removed: Vec<Credential> =
            removed.iter().map(|c| Credential { last_error: None, ..c.clone() }).collect();
        let mut facts = told.facts(&removed, user);
        facts.push(fact("Checked", when_exactly(now, user.zone())));
        MailModel {
            subject: format!(
                "Resolved: {} at {} revoked, {} late",
                told.accounts(),
                told.place,
                told.late(now)
            ),
            headline: match told.only {
                Some(_) => format!(
                    "The account at {} that was overdue is gone and that was checked, {} after its end.",
                    told.place,
                    told.late(now)
                ),
                None => format!(
                    "{} at {} are gone and that was checked, the first {} after its end.",
                    told.accounts(),
                    told.place,
                    told.late(now)
                ),
            },
            facts,
            quote: None,
            paragraphs: vec!["Nothing is left for you to do.".to_owned()],
            link: Some(told.link()),
            footer: FOOTER.to_owned(),
        }
    })
}

const FOOTER: &str = "You get this because you answer for this target or administer Hallpass.";

/// What a mail about removals at one target says.
struct Told<'a> {
    place: String,
    count: usize,
    first: &'a Credential,
    /// Where there is one alone.
    only: Option<&'a Credential>,
}

impl Told<'_> {
    fn late(&self, now: Timestamp) -> String {
        describe_seconds((now - self.first.due_at).num_seconds())
    }

    fn accounts(&self) -> String {
        accounts(self.count)
    }

    fn facts(&self, all: &[Credential], user: &User) -> Vec<Fact> {
        let trouble = |c: &Credential| {
            c.last_error
                .as_deref()
                .map(|class| trouble(class).map_or_else(|| class.to_owned(), str::to_owned))
        };
        if let Some(only) = self.only {
            let Plan::PostgresqlLogin { database, groups, .. } = &only.plan;
            let mut facts = vec![
                fact("Account", only.external_name.clone()),
                fact("Target", self.place.clone()),
                fact("Gives", format!("database {database}; {}", groups.join(", "))),
                fact("Due", when_exactly(only.due_at, user.zone())),
                fact("Attempts", only.attempts.to_string()),
            ];
            facts.extend(all.iter().filter_map(trouble).map(|words| fact("Trouble", words)));
            return facts;
        }
        let line = |c: &Credential| {
            let due = when_exactly(c.due_at, user.zone());
            let trouble = trouble(c).map(|words| format!("; trouble: {words}")).unwrap_or_default();
            fact("Account", format!("{}: due {due}; attempts {}{trouble}", c.external_name, c.attempts))
        };
        let mut facts: Vec<Fact> = all.iter().take(SHOWN).map(line).collect();
        if all.len() > SHOWN {
            facts.push(and_more(all.len() - SHOWN));
        }
        facts
    }

    fn link(&self) -> (String, String) {
        match self.only {
            Some(only) => ("See the access".to_owned(), format!("/grants/{}", only.grant_id)),
            None => ("See all that is overdue".to_owned(), "/reports#overdue".to_owned()),
        }
    }
}

fn accounts(count: usize) -> String {
    if count == 1 { "1 account".to_owned() } else { format!("{count} accounts") }
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
    let told = Told { place, count: all.len(), first, only };
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
    let accounts = accounts(count);
    let are = if count == 1 { "is" } else { "are" };
    // The name stands in the value: it is far longer than a label.
    let mut facts: Vec<Fact> = findings
        .iter()
        .take(SHOWN)
        .map(|f| {
            let what = match f.kind {
                FindingKind::Unknown => "Not in records",
                FindingKind::Changed => "Changed",
                FindingKind::Reappeared => "There again",
                FindingKind::Missing => "Gone",
            };
            let member = match f.groups.as_slice() {
                [] => String::new(),
                groups => format!("; member of {}", groups.join(", ")),
            };
            fact(what, format!("{}: {}{member}", f.external_name, f.differences.join("; ")))
        })
        .collect();
    if count > SHOWN {
        facts.push(and_more(count - SHOWN));
    }
    let mut paragraphs = Vec::new();
    let any = |kind| findings.iter().any(|f| f.kind == kind);
    if any(FindingKind::Unknown) {
        paragraphs.push("Not in our records: it carries our mark, and no record knows it. Hallpass leaves it alone until an administrator says on the reports page that it goes, since a restored backup must not remove what it does not know. If nobody here made it, somebody with rights at the target did: find out who.".to_owned());
    }
    if any(FindingKind::Changed) {
        paragraphs.push("Changed: somebody else did that at the target. It stays until the account's end, when everything of it goes. End the access if it should not wait.".to_owned());
    }
    if any(FindingKind::Reappeared) {
        paragraphs.push("There again: it had been verified absent. It is being removed again. A failover that lost commits, or a restored target, does this.".to_owned());
    }
    if any(FindingKind::Missing) {
        paragraphs.push("Gone: somebody else removed it at the target. It is recorded as revoked once that is proven; its holder can issue another one.".to_owned());
    }
    answerable(catalogue, target.id)
        .into_iter()
        .map(|user| {
            mail(now, MailKind::TargetDiffers, user, (None, None), MailModel {
                subject: format!("Look: {accounts} at {place} {are} not as our records say"),
                headline: format!("{accounts} at {place} {are} not as our records say."),
                facts: facts.iter().cloned().chain([fact("Seen", when_exactly(now, user.zone()))]).collect(),
                quote: None,
                paragraphs: paragraphs.clone(),
                link: Some(("See what happens with it".to_owned(), "/reports#findings".to_owned())),
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
                    fact("At", when_exactly(now, user.zone())),
                ],
                quote: None,
                paragraphs: vec!["Nobody can use what was approved there until the cause is mended at the target; then a login can be fetched again at once.".to_owned()],
                link: Some(("See the reports".to_owned(), "/reports#targets".to_owned())),
                footer: "You get this because you answer for this target or administer Hallpass. You are told of one target at most once an hour.".to_owned(),
            })
        })
        .collect()
}
