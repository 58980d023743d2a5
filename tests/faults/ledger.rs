//! Everything that a store says, read whole, and what must be true of it whatever happened.
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use hallpass_broker::Broker;
use hallpass_domain::audit::{EventParts, Verified, VerifierKey, verify_export};
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::grant::{Grant, GrantState};
use hallpass_domain::mail::{Mail, MailState};
use hallpass_domain::ports::grants::GrantFilter;
use hallpass_domain::ports::requests::RequestFilter;
use hallpass_domain::ports::store::Page;
use hallpass_domain::request::{Request, RequestState};
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::LOST;

use crate::parts::SOON;

/// The nouns and events of a store.
pub(crate) struct Ledger {
    pub(crate) grants: Vec<Grant>,
    pub(crate) credentials: Vec<Credential>,
    pub(crate) requests: Vec<Request>,
    pub(crate) mails: Vec<Mail>,
    pub(crate) events: Vec<EventParts>,
    /// How many events of a kind are about something.
    about: HashMap<(String, String, String), usize>,
}

impl Ledger {
    /// Reads it all; every event is sealed.
    pub(crate) async fn read(broker: &Broker) -> Self {
        let store = &broker.store;
        let (mut grants, mut requests) = (Vec::new(), Vec::new());
        loop {
            let after = grants.last().map(|g: &Grant| g.id.0);
            let page =
                store.grants(&GrantFilter::default(), Page { after, limit: 200 }).await.expect("grants");
            if page.is_empty() {
                break;
            }
            grants.extend(page);
        }
        loop {
            let after = requests.last().map(|r: &Request| r.id.0);
            let page = store
                .requests(&RequestFilter::default(), Page { after, limit: 200 })
                .await
                .expect("requests");
            if page.is_empty() {
                break;
            }
            requests.extend(page);
        }
        let (mut credentials, mut mails) = (Vec::new(), BTreeMap::new());
        for grant in &grants {
            credentials.extend(store.credentials_of(grant.id).await.expect("credentials"));
            mails.extend(store.mails_of_grant(grant.id).await.expect("mails").into_iter().map(|m| (m.id, m)));
        }
        for request in &requests {
            mails.extend(
                store.mails_of_request(request.id).await.expect("mails").into_iter().map(|m| (m.id, m)),
            );
        }
        let (mut events, size) = (Vec::new(), store.log_head().await.expect("the head").size);
        while (events.len() as u64) < size {
            let page = store.sealed_events(events.len() as u64, 1_000).await.expect("events");
            assert!(!page.is_empty(), "sealed events are missing from {}", events.len());
            events.extend(page.into_iter().map(|logged| logged.event.into_parts()));
        }
        let mut about = HashMap::new();
        for event in &events {
            for (noun, id) in &event.subjects {
                *about.entry((event.kind.clone(), noun.clone(), id.clone())).or_insert(0) += 1;
            }
        }
        Self { grants, credentials, requests, mails: mails.into_values().collect(), events, about }
    }

    /// How many events of `kind` are about `noun` `id`.
    pub(crate) fn count(&self, kind: &str, noun: &str, id: impl ToString) -> usize {
        self.about.get(&(kind.to_owned(), noun.to_owned(), id.to_string())).copied().unwrap_or(0)
    }

    /// Whether a trial of a target was begun with an account of this name.
    pub(crate) fn was_tried(&self, name: &str) -> bool {
        self.trials().any(|trial| trial.data["external_name"] == name)
    }

    fn trials(&self) -> impl Iterator<Item = &EventParts> {
        self.events.iter().filter(|e| e.kind == "target.check_begun")
    }

    /// Every trial's account was proven gone, once.
    pub(crate) fn trials_are_over(&self, when: &str) {
        for trial in self.trials() {
            for (_, id) in trial.subjects.iter().filter(|(noun, _)| *noun == "credential") {
                let events = ["target.checked", "target.check_gone"].map(|k| self.count(k, "credential", id));
                assert!(events[0] <= 1 && events[1] == 1, "{when}: {events:?} of {trial:?}");
            }
        }
    }

    /// State never changes without its event, in either direction.
    pub(crate) fn rows_and_events_agree(&self, when: &str) {
        for c in &self.credentials {
            let events =
                ["credential.intended", "credential.live", "credential.revoking", "credential.revoked"]
                    .map(|kind| self.count(kind, "credential", c.id));
            let live = usize::from(c.live_at.is_some());
            let (revoking, revoked) = (
                usize::from(matches!(c.state, CredentialState::Revoking | CredentialState::Revoked)),
                usize::from(c.state == CredentialState::Revoked),
            );
            assert_eq!(
                events,
                [1, live, revoking, revoked],
                "{when}: events intended, live, revoking, revoked of {c:?}"
            );
            if c.state == CredentialState::Revoked {
                assert!(
                    c.verified_at.is_some_and(|at| at >= c.due_at),
                    "{when}: verified before it was due: {c:?}"
                );
            }
        }
        for g in &self.grants {
            let events = ["grant.ending", "grant.ended"].map(|kind| self.count(kind, "grant", g.id));
            let wanted = [
                usize::from(matches!(g.state, GrantState::Ending | GrantState::Ended)),
                usize::from(g.state == GrantState::Ended),
            ];
            assert_eq!(events, wanted, "{when}: events ending, ended of {g:?}");
            if g.request_id.is_some() {
                assert_eq!(self.count("request.approved", "grant", g.id), 1, "{when}: approvals of {g:?}");
            }
        }
        for r in &self.requests {
            let ends = [
                ("request.approved", RequestState::Approved),
                ("request.denied", RequestState::Denied),
                ("request.withdrawn", RequestState::Withdrawn),
                ("request.lapsed", RequestState::Lapsed),
            ];
            assert_eq!(self.count("request.submitted", "request", r.id), 1, "{when}: {r:?}");
            for (kind, state) in ends {
                let wanted = usize::from(r.state == state);
                assert_eq!(self.count(kind, "request", r.id), wanted, "{when}: {kind} of {r:?}");
            }
        }
        let credentials: HashSet<String> = self.credentials.iter().map(|c| c.id.to_string()).collect();
        let grants: HashSet<String> = self.grants.iter().map(|g| g.id.to_string()).collect();
        let requests: HashSet<String> = self.requests.iter().map(|r| r.id.to_string()).collect();
        for (kind, noun, id) in self.about.keys() {
            let known = match (kind.as_str(), noun.as_str()) {
                ("credential.intended", "credential") => credentials.contains(id),
                ("request.approved", "grant") => grants.contains(id),
                ("request.submitted", "request") => requests.contains(id),
                _ => true,
            };
            assert!(known, "{when}: {kind} is about {noun} {id}, which is not there");
        }
    }

    /// No credential outlives its grant, and no grant what was approved.
    pub(crate) fn ends_are_kept(&self, when: &str) {
        let approved: HashMap<&str, &str> = self
            .events
            .iter()
            .filter(|e| e.kind == "request.approved")
            .filter_map(|e| Some((e.subjects.get("grant")?.as_str(), e.data["window"]["ends_at"].as_str()?)))
            .collect();
        for g in &self.grants {
            let id = g.id.to_string();
            if let Some(end) = approved.get(id.as_str()) {
                assert!(
                    g.ends_at <= end.parse::<chrono::DateTime<chrono::Utc>>().expect("an instant"),
                    "{when}: {g:?} ends after {end}"
                );
            }
        }
        let ends: HashMap<_, _> = self.grants.iter().map(|g| (g.id, g)).collect();
        for c in &self.credentials {
            let grant = ends[&c.grant_id];
            assert!(
                c.live_at.is_none_or(|at| grant.starts_at <= at && at < c.not_after),
                "{when}: {c:?} went live outside {grant:?}"
            );
            assert!(
                c.due_at <= grant.ends_at && grant.ends_at <= c.not_after,
                "{when}: {c:?} outlives {grant:?}"
            );
        }
    }

    /// Every mail left at least once, and each time as the same mail.
    pub(crate) fn mails_left(&self, when: &str, deliveries: &Path) -> usize {
        let text = std::fs::read_to_string(deliveries).unwrap_or_default();
        let mut sent: HashMap<&str, Vec<&str>> = HashMap::new();
        for (id, content) in text.lines().filter_map(|l| l.split_once(' ')) {
            sent.entry(id.split('@').next().unwrap_or(id)).or_default().push(content);
        }
        let mut again = 0;
        for mail in &self.mails {
            let lost = mail.to_email == LOST;
            let (state, kind) =
                if lost { (MailState::Failed, "mail.failed") } else { (MailState::Sent, "mail.sent") };
            assert_eq!(mail.state, state, "{when}: {mail:?}");
            assert_eq!(self.count(kind, "mail", mail.id), 1, "{when}: {mail:?}");
            if lost {
                continue;
            }
            let id = mail.id.to_string();
            let deliveries =
                sent.get(id.as_str()).unwrap_or_else(|| panic!("{when}: never delivered: {mail:?}"));
            assert!(
                deliveries.iter().all(|d| *d == deliveries[0]),
                "{when}: delivered as different mails: {mail:?}"
            );
            again += deliveries.len() - 1;
        }
        again
    }
}

/// Seals and publishes what a server that was stopped has left; a seal is committed before its checkpoint is published, and
/// whoever sealed may be stopped in between: the next publishes.
pub(crate) async fn left_is_published(broker: &Broker, checkpoints: &Path) {
    eventually_within(SOON, "everything to be sealed and published", || async {
        broker.step_seal_audit().await;
        let size = broker.store.log_head().await.expect("the log").size;
        let sealed = broker.store.unsealed_tail().await.expect("the log").0 == 0;
        (sealed && published(checkpoints) == i64::try_from(size).ok()).then_some(())
    })
    .await;
}

/// The log verifies offline against every checkpoint that was ever published.
pub(crate) async fn log_verifies(when: &str, broker: &Broker, vkey: &str, checkpoints: &Path) -> Verified {
    left_is_published(broker, checkpoints).await;
    let export = broker.begin_export().await.expect("an export");
    let mut text = export.header.clone();
    for block in 0..export.blocks() {
        text += &broker.export_block(&export, block).await.expect("a block");
    }
    let held = notes(checkpoints);
    assert!(!held.is_empty(), "{when}: no checkpoint was published");
    let held: Vec<&str> = held.iter().map(String::as_str).collect();
    let key: VerifierKey = vkey.parse().expect("a verifier key");
    let verified = verify_export(text.as_bytes(), &[key], &held)
        .unwrap_or_else(|error| panic!("{when}: the log does not verify: {error}"));
    assert_eq!(verified.held_to, verified.size, "{when}: the newest events are in no published checkpoint");
    verified
}

/// Size of the newest checkpoint in a file.
pub(crate) fn published(checkpoints: &Path) -> Option<i64> {
    notes(checkpoints).last()?.lines().nth(1)?.parse().ok()
}

/// The signed notes of a checkpoint file; one torn by a kill is left out.
fn notes(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let blocks: Vec<&str> = text.split("\n\n").collect();
    let whole = |pair: &[&str]| match pair {
        [body, signature] if signature.starts_with("— ") && signature.len() > 90 => {
            Some(format!("{}\n\n{signature}\n", body.trim_start_matches('\n')))
        }
        _ => None,
    };
    blocks.windows(2).filter_map(whole).collect()
}
