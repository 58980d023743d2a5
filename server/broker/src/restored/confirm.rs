//! An operator's yes to a restored backup.
use std::time::Duration;

use hallpass_domain::ids::CredentialId;
use hallpass_domain::mail::{Fact, MailKind, MailModel};
use hallpass_domain::refusal::Refusal;
use hallpass_domain::target::TargetSettings;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use super::{RESTORED, Restored, overseers};
use crate::broker::{Broker, Decided, unreadable};
use crate::events::event;
use crate::mails::{mail, when_exactly};

/// Longest wait for a target's list.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a target has that this database does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Name of the target.
    pub target: String,
    /// Accounts that carry our mark and have no row; why there is no list, where there is none.
    pub accounts: Result<Vec<String>, String>,
}

impl Broker {
    /// The restore that waits for an operator, as stored.
    ///
    /// # Errors
    /// `Unavailable` where the store cannot be read, and where what is stored says nothing: then one waits, whoever wrote that.
    pub async fn restored_waiting(&self) -> Result<Option<Restored>, Refusal> {
        parsed(self.store.meta(RESTORED).await.map_err(unreadable)?.as_deref())
    }

    /// Takes up what is stored, which another server may have changed; whether anything is new here.
    ///
    /// # Errors
    /// As [`Self::restored_waiting`]: what was known here stays.
    pub async fn step_look_restored(&self) -> Result<bool, Refusal> {
        let stored = self.restored_waiting().await?;
        let here = self.restored.get();
        let moved = here.as_deref() != stored.as_ref() || self.restored.is_on() != stored.is_some();
        if moved {
            self.restored.set(stored);
            self.nudges.ends.notify_one();
        }
        Ok(moved)
    }

    /// What the targets have that this database does not know: what an operator looks at before he confirms.
    ///
    /// # Errors
    /// `Unavailable` where the store cannot be read.
    pub async fn unknown_at_targets(&self) -> Result<Vec<Unknown>, Refusal> {
        let catalogue = self.catalogue().await?;
        let mut out = Vec::new();
        for target in
            catalogue.targets.values().filter(|t| matches!(t.settings, TargetSettings::Postgresql(_)))
        {
            let look = async {
                let connector = self.targets.connector(target).map_err(|e| e.to_string())?;
                connector.list_marked().await.map_err(|e| e.to_string())
            };
            let accounts = match tokio::time::timeout(PATIENCE, look).await {
                Ok(Ok(listed)) => {
                    let mut unknown = Vec::new();
                    for account in listed {
                        let known = match account.credential.map(CredentialId) {
                            Some(id) => {
                                self.store.credential(id).await.map_err(unreadable)?.is_some()
                                    || self.store.target_check(id).await.map_err(unreadable)?.is_some()
                            }
                            None => false,
                        };
                        if !known {
                            unknown.push(account.external_name);
                        }
                    }
                    Ok(unknown)
                }
                Ok(Err(error)) => Err(error),
                Err(_) => Err("it did not answer in time".to_owned()),
            };
            out.push(Unknown { target: target.name.to_string(), accounts });
        }
        Ok(out)
    }

    /// Ends observe-only: from here on what is due is removed, and what the targets have beyond the database is handled
    /// as any unknown account is.
    ///
    /// # Errors
    /// `Conflict` `not_restored` where nothing waits; `Unavailable`.
    pub async fn confirm_restored(&self) -> Result<Restored, Refusal> {
        let confirmed = self
            .commit_deciding(async || {
                let stored = self.store.meta(RESTORED).await.map_err(unreadable)?;
                let Some(restored) = parsed(stored.as_deref())? else {
                    return Err(Refusal::conflict(
                        "not_restored",
                        "Nothing waits for a confirmation: this database is not known as a restored backup, or somebody confirmed already.",
                    ));
                };
                let (now, catalogue) = (self.now(), self.catalogue().await?);
                let transition = Transition::new(now)
                    .with(Change::Meta { key: RESTORED.to_owned(), expected: stored, value: None })
                    .event(event(
                        now,
                        "restored.confirmed",
                        "system:operator",
                        &[],
                        json!({ "since": restored.since.to_rfc3339() }),
                        json!({}),
                    ))
                    .mails(overseers(&catalogue).map(|user| {
                        let model = MailModel {
                            subject: "Restored backup confirmed: Hallpass issues and removes again".to_owned(),
                            headline: "An operator confirmed on the server that Hallpass goes on from the restored backup.".to_owned(),
                            facts: vec![Fact { label: "At".to_owned(), value: when_exactly(now, user.zone()) }],
                            quote: None,
                            paragraphs: vec!["If you did not expect this, talk to whoever operates the server now.".to_owned()],
                            link: Some(("See the reports".to_owned(), "/reports".to_owned())),
                            footer: "You get this because you administer or audit Hallpass.".to_owned(),
                        };
                        mail(now, MailKind::OperatorNotice, user, (None, None), model)
                    }));
                Ok(Decided::Commit(transition, restored))
            })
            .await?;
        self.restored.set(None);
        self.nudges.ends.notify_one();
        Ok(confirmed)
    }
}

/// A record that says nothing is no record that there is none.
fn parsed(stored: Option<&str>) -> Result<Option<Restored>, Refusal> {
    stored.map(serde_json::from_str).transpose().map_err(|error| {
        tracing::error!(%error, "the record of a restored backup is damaged");
        Refusal::unavailable(
            "restored_unreadable",
            "The database's record of a restored backup (key restored in its table meta) is damaged, so that somebody changed it by hand. Nothing is opened before that is cleared up: restore the database from a backup.",
        )
    })
}
