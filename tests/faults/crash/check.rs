//! The promises, after a crash and a recovery.
use std::collections::{BTreeMap, HashMap};

use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::grant::{Grant, GrantState};
use hallpass_domain::ids::{CredentialId, GrantId};
use hallpass_tests::fault_server::Said;
use hallpass_tests::world::{Place, World};
use hallpassd::compose::Given;

use crate::ledger::{Ledger, log_verifies};

/// What earlier rounds ended: it stays so.
#[derive(Default)]
pub(crate) struct Past {
    vkey: Option<String>,
    grants: HashMap<GrantId, Grant>,
    credentials: HashMap<CredentialId, Credential>,
    /// Mails that were delivered more than once so far.
    pub(crate) again: usize,
}

impl Past {
    /// How many grants there were so far.
    pub(crate) fn grants(&self) -> usize {
        self.grants.len()
    }

    /// What there was, in a line.
    pub(crate) fn summary(&self) -> String {
        let live = self.credentials.values().filter(|c| c.live_at.is_some()).count();
        format!(
            "{} grants, {} credentials of which {live} were handed out, {} mails again",
            self.grants.len(),
            self.credentials.len(),
            self.again
        )
    }

    /// The log's key is the same at every start.
    pub(crate) fn ready(&mut self, said: &Said) {
        if let Said::Ready { vkey, .. } = said {
            assert_eq!(self.vkey.get_or_insert_with(|| vkey.clone()), vkey, "the log's key changed");
        }
    }
}

/// Reads the whole store and checks it against what was answered, what was seen at the target, and what was before.
pub(crate) async fn check(
    after: &str,
    place: &Place,
    said: &[Said],
    seen: &BTreeMap<String, i64>,
    past: &mut Past,
) {
    let world = World::open(place, Given::default()).await.unwrap_or_else(|e| panic!("after {after}: {e}"));
    let ledger = Ledger::read(&world.broker).await;
    for name in seen.keys() {
        assert!(
            ledger.credentials.iter().any(|c| c.external_name == *name) || ledger.was_tried(name),
            "after {after}: {name} was at the target and has no row"
        );
    }
    assert!(
        ledger.credentials.iter().all(|c| c.state == CredentialState::Revoked),
        "after {after}: not all are revoked"
    );
    assert!(ledger.grants.iter().all(|g| g.state == GrantState::Ended), "after {after}: not all are ended");
    ledger.rows_and_events_agree(after);
    ledger.trials_are_over(after);
    ledger.ends_are_kept(after);
    past.again = ledger.mails_left(after, &place.data.join("deliveries"));
    what_was_answered_holds(after, &world, &ledger, said).await;
    nothing_is_revived(after, &ledger, past);
    let vkey = past.vkey.clone().expect("a key");
    log_verifies(after, &world.broker, &vkey, &place.checkpoints()).await;
}

/// No event that somebody was told of is lost.
async fn what_was_answered_holds(after: &str, world: &World, ledger: &Ledger, said: &[Said]) {
    for said in said {
        let holds = match said {
            Said::Asked { reference } => ledger.requests.iter().any(|r| r.reference == *reference),
            Said::Closed { reference, state } => {
                ledger.requests.iter().any(|r| r.reference == *reference && r.state == *state)
            }
            Said::TokenRevoked { token } => {
                let found = world.broker.token_known(token).await.expect("tokens");
                found.is_some_and(|(t, _)| {
                    t.revoked_at.is_some() && ledger.count("token.revoked", "token", t.id) == 1
                })
            }
            Said::Granted { grant, ends_at } => {
                ledger.grants.iter().any(|g| g.id == *grant && g.ends_at <= *ends_at)
            }
            // A secret leaves only after its row is live and its event is committed.
            Said::Login { credential, name, .. } => {
                ledger
                    .credentials
                    .iter()
                    .any(|c| c.id == *credential && c.external_name == *name && c.live_at.is_some())
                    && ledger.count("credential.live", "credential", credential) == 1
            }
            Said::Token { token } => world.broker.token_known(token).await.expect("tokens").is_some(),
            Said::Did { kind, noun, id } => ledger.count(kind, noun, id) >= 1,
            Said::Ended { grant } => ledger.count("grant.ending", "grant", grant) == 1,
            Said::Ready { .. } | Said::Tried { .. } | Said::Active { .. } | Said::Refused { .. } => true,
        };
        assert!(holds, "after {after}: answered, and not so: {said:?}");
    }
}

/// Rows that were terminal are what they were.
fn nothing_is_revived(after: &str, ledger: &Ledger, past: &mut Past) {
    for grant in &ledger.grants {
        let before = past.grants.insert(grant.id, grant.clone());
        assert!(before.is_none_or(|b| b == *grant), "after {after}: an ended grant changed to {grant:?}");
    }
    for credential in &ledger.credentials {
        let before = past.credentials.insert(credential.id, credential.clone());
        assert!(
            before.is_none_or(|b| b == *credential),
            "after {after}: a revoked credential changed to {credential:?}"
        );
    }
    assert!(
        past.grants.len() == ledger.grants.len() && past.credentials.len() == ledger.credentials.len(),
        "after {after}: rows are gone"
    );
}
