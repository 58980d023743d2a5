//! A create that came to nothing: it is handed to the reconcilers, and who answers for the target learns why.
use chrono::Duration;
use hallpass_domain::Timestamp;
use hallpass_domain::credential::{Credential, CredentialState, Probe, Trouble};
use hallpass_domain::ports::target::TargetError;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::text::clean_line;
use hallpass_domain::transition::{Change, Idempotency, Transition};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::login::{DOES_NOT_WORK, subjects, target_trouble};
use crate::broker::{Broker, Decided, unreadable};
use crate::events::event;
use crate::grants::ending::revoking_event;
use crate::mails;

/// People are told of one target at most so often, in seconds.
const TOLD_SECONDS: i64 = 3_600;
/// What is kept of the words of a target.
const MAX_SAID: usize = 400;

/// Why a create came to nothing.
pub(super) struct Failure {
    /// Code of the refusal that the caller got.
    code: &'static str,
    /// Class, for the event.
    class: &'static str,
    /// What the target said, without anything secret.
    said: String,
}

impl Failure {
    fn at_target(error: &TargetError, code: &'static str, password: &SecretString) -> Self {
        Self { code, class: error.class(), said: scrubbed(&error.to_string(), password) }
    }

    /// It was made, and does not work.
    pub(super) fn does_not_work(trouble: &Trouble, password: &SecretString) -> Self {
        let said = scrubbed(&format!("{} {}", trouble.what, trouble.what_to_do), password);
        Self { code: DOES_NOT_WORK, class: "does_not_work", said }
    }

    /// It was made, and could not be recorded as live: nothing is wrong with the target.
    pub(super) fn not_live() -> Self {
        Self { code: "not_live", class: "not_live", said: String::new() }
    }

    /// It works, and nobody was there any more to take its password.
    pub(super) fn not_taken() -> Self {
        Self { code: "not_taken", class: "not_taken", said: String::new() }
    }

    /// Whether somebody must mend something at the target. An outage has alerts of its own, and ends by itself.
    fn needs_people(&self) -> bool {
        matches!(self.code, "target_refused" | DOES_NOT_WORK)
    }
}

/// One line of what a target said. A server may quote the statement that it refuses: no word of it that could be the
/// password, or the verifier made of it, goes into a mail or the audit log.
fn scrubbed(said: &str, password: &SecretString) -> String {
    let secret = |word: &str| word.contains("SCRAM-SHA-256$") || word.contains(password.expose_secret());
    let line = clean_line(said);
    let words: Vec<&str> = line.split(' ').map(|word| if secret(word) { "…" } else { word }).collect();
    words.join(" ").chars().take(MAX_SAID).collect()
}

impl Broker {
    /// A target did not make a login: what is told to the caller, after it was handed on.
    pub(super) async fn not_made(
        &self,
        intended: &Credential,
        error: &TargetError,
        password: &SecretString,
    ) -> Refusal {
        let refusal = target_trouble(error);
        let failure = Failure::at_target(error, refusal.code, password);
        let _ = self.abandon(intended, None, None, &failure).await;
        refusal
    }

    /// Hands a create that came to nothing to the reconcilers: whatever is or may come to be at the target is made absent.
    /// Best effort for one that never went live: where this cannot be committed, the lease's end does the same. Answers
    /// whether it is handed on, or need not be.
    pub(super) async fn abandon(
        &self,
        intended: &Credential,
        external_oid: Option<i64>,
        probe: Option<&Probe>,
        failure: &Failure,
    ) -> bool {
        let handed = self
            .commit_deciding(move || async move {
                let now = self.now();
                let Some(current) = self.store.credential(intended.id).await.map_err(unreadable)? else {
                    return Ok(Decided::Answer(()));
                };
                if current.fence != intended.fence
                    || matches!(current.state, CredentialState::Revoking | CredentialState::Revoked)
                {
                    return Ok(Decided::Answer(()));
                }
                let next = Credential {
                    state: CredentialState::Revoking,
                    // Past its deadline it is due already; an end never moves later.
                    due_at: now.min(current.due_at),
                    next_attempt_at: now,
                    claimed_by: None,
                    claimed_until: None,
                    last_error: Some(failure.code.to_owned()),
                    external_oid: external_oid.or(current.external_oid),
                    probe: probe.cloned().or(current.probe),
                    version: current.version + 1,
                    ..current
                };
                let transition = Transition::new(now)
                    .event(failed_event(&next, probe, failure, now))
                    .event(revoking_event(&next, "system:issue", now));
                let transition = self.telling(transition, &next, failure, now).await?;
                Ok(Decided::Commit(transition.with(Change::Credential(Box::new(next))), ()))
            })
            .await;
        if let Err(refusal) = &handed {
            tracing::warn!(credential = %intended.id, %refusal, "a create that came to nothing could not be handed on");
        }
        handed.is_ok()
    }

    /// Adds the mails to those who answer for the target, unless they had some within the hour. The record of that is a
    /// unique row of the same commit: of two failures at once, or on two servers, one tells.
    async fn telling(
        &self,
        mut transition: Transition,
        credential: &Credential,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<Transition, Refusal> {
        if !failure.needs_people() {
            return Ok(transition);
        }
        let (scope, key) = ("system:issue told".to_owned(), credential.target_id.to_string());
        let told = self.store.idempotent_answer(&scope, &key).await.map_err(unreadable)?;
        if told.is_some_and(|t| t.expires_at > now) {
            return Ok(transition);
        }
        let catalogue = self.catalogue().await?;
        transition.idempotency = Some(Idempotency {
            scope,
            key,
            body_hash: String::new(),
            answer: failure.code.to_owned(),
            expires_at: now + Duration::seconds(TOLD_SECONDS),
            replaces: None,
        });
        let made = failure.code == DOES_NOT_WORK;
        Ok(transition.mails(mails::issuing_failed(&catalogue, credential, made, &failure.said, now)))
    }
}

fn failed_event(
    credential: &Credential,
    probe: Option<&Probe>,
    failure: &Failure,
    now: Timestamp,
) -> hallpass_domain::audit::event::Event {
    let trouble = probe.and_then(|p| p.trouble.as_ref());
    let (kind, data) = match trouble {
        Some(trouble) => ("credential.unusable", json!({ "class": failure.class, "answer": trouble.what })),
        None => ("credential.not_issued", json!({ "class": failure.class, "code": failure.code })),
    };
    event(now, kind, "system:issue", &subjects(credential), data, json!({ "said": failure.said }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_that_could_be_a_secret_is_kept() {
        let password = SecretString::from("hunter2hunter2hunter2".to_owned());
        let said = "syntax error at PASSWORD 'SCRAM-SHA-256$4096:salt$key:key'\nnear \"hunter2hunter2hunter2\" (42601)";
        let kept = scrubbed(said, &password);
        assert!(!kept.contains("SCRAM") && !kept.contains("hunter2"), "{kept}");
        assert!(kept.starts_with("syntax error at PASSWORD …") && kept.ends_with("(42601)"), "{kept}");
        assert_eq!(scrubbed(&"x".repeat(1_000), &password).len(), MAX_SAID);
    }
}
