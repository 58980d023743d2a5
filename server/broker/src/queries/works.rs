//! Whether access works now: what its target, or introspection, says of it now, and not what was once so.
use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::credential::{Credential, CredentialState, Probe, Trouble};
use hallpass_domain::grant::Grant;
use hallpass_domain::ports::target::TargetError;
use hallpass_domain::target::{TargetSettings, Verification};

use crate::broker::Broker;
use crate::views::access::Works;

fn of(state: &str, at: Option<Timestamp>, detail: impl Into<String>) -> Works {
    Works { state: state.to_owned(), checked_at: at, detail: detail.into() }
}

impl Broker {
    /// For the card of a grant.
    pub(super) fn works(
        &self,
        catalogue: &Catalogue,
        grant: &Grant,
        credentials: &[Credential],
        live_tokens: u64,
        now: Timestamp,
    ) -> Works {
        if now < grant.starts_at {
            return of("not_started", None, "It has not begun");
        }
        if !grant.allows_at(now) {
            return of("ended", Some(grant.ends_at), "Use is refused since the end");
        }
        let live = credentials.iter().filter(|c| c.state == CredentialState::Live).max_by_key(|c| c.live_at);
        match live {
            Some(live) => self.login_works(live, now),
            None if live_tokens > 0 => self.token_works(catalogue, grant, now),
            None if credentials.iter().any(|c| c.state == CredentialState::Intended) => {
                of("checking", None, "A login is being made and tried")
            }
            None => match last_failure(credentials) {
                Some((p, t)) => {
                    let said = format!("{} It was not given out. {}", t.what, t.what_to_do);
                    of("fails", Some(p.at), said.trim_end_matches('.'))
                }
                None => of("not_issued", None, "Issue a credential to use it"),
            },
        }
    }

    /// As its target says, which is asked while somebody looks; until it has answered, as it was when it was made.
    fn login_works(&self, live: &Credential, now: Timestamp) -> Works {
        let Some(look) = self.session_counts.look(live.id, now) else {
            return match &live.probe {
                Some(p) => of("works", Some(p.at), format!("A login with it worked, in {} ms", p.took_ms)),
                None => of("works", live.live_at, "The target made the login; it was not tried"),
            };
        };
        let at = Some(look.at);
        match look.seen {
            Ok(seen) if seen.may_log_in => of("works", at, "The target accepts it"),
            Ok(_) => of("fails", at, "The target does not accept it any more"),
            Err(TargetError::Down(_)) => of("fails", at, "The target cannot be reached right now"),
            Err(error) => of("fails", at, format!("It is not known whether it works: {error}")),
        }
    }

    /// As introspection would answer, and only where the target asks it.
    fn token_works(&self, catalogue: &Catalogue, grant: &Grant, now: Timestamp) -> Works {
        let inactive = |why: &str| of("fails", Some(now), format!("Introspection answers inactive: {why}"));
        let Some(TargetSettings::Oauth(oauth)) = catalogue.targets.get(&grant.target_id).map(|t| &t.settings)
        else {
            return inactive("its target takes no tokens any more");
        };
        if oauth.verification == Verification::Offline {
            return of("works", Some(now), "Its target checks the signature itself, until the token expires");
        }
        if !self.health.is_writable() || self.restored.is_on() {
            return inactive("Hallpass cannot vouch for anything right now");
        }
        if !catalogue.is_enabled(grant.principal) {
            return inactive("its holder is disabled");
        }
        if grant.terms.audience().is_some_and(|audience| audience != oauth.audience) {
            return inactive("its target has another audience now");
        }
        of("works", Some(now), "Introspection answers active")
    }
}

/// The newest credential, where it was tried and did not work.
fn last_failure(credentials: &[Credential]) -> Option<(&Probe, &Trouble)> {
    let newest = credentials.iter().max_by_key(|c| (c.intended_at, c.id))?;
    let probe = newest.probe.as_ref()?;
    Some((probe, probe.trouble.as_ref()?))
}
