//! A target that begins to check tokens by itself: only once every token that is out is one that it may check so.
use chrono::{SecondsFormat, TimeDelta};
use hallpass_domain::Timestamp;
use hallpass_domain::issue::OFFLINE_SECONDS;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::target::{TargetSettings, Verification};

use super::build::{Built, State};
use super::mistake::Mistakes;
use crate::broker::{Broker, unreadable};

impl Broker {
    /// A target may go from `introspect` to `offline` only while no token of it lives longer than offline ones may, and
    /// none that was ended early could still be accepted: its signature is good until its `exp`, and nobody would ask.
    pub(super) async fn refuse_early_offline(
        &self,
        current: &State,
        built: &Built<'_>,
        now: Timestamp,
        mistakes: &mut Mistakes<'_>,
    ) -> Result<(), Refusal> {
        let of = |state: &State, id| match state.catalogue.targets.get(id).map(|t| &t.settings) {
            Some(TargetSettings::Oauth(oauth)) => Some(oauth.verification),
            _ => None,
        };
        for (id, at) in &built.addresses {
            let begins = (of(current, id), of(&built.next, id))
                == (Some(Verification::Introspect), Some(Verification::Offline));
            if !begins {
                continue;
            }
            let life = TimeDelta::seconds(OFFLINE_SECONDS);
            let Some(from) = self.store.tokens_outlast(*id, now, life).await.map_err(unreadable)? else {
                continue;
            };
            let from = from.to_rfc3339_opts(SecondsFormat::Secs, true);
            mistakes.at(
                at.clone(),
                format!("This target would check tokens offline from now on, while tokens are out that live longer than {OFFLINE_SECONDS} s, or were ended early: it would accept these until they expire, whatever is revoked."),
                format!("Apply again after {from}, if no longer ones are issued until then: set token_seconds = {OFFLINE_SECONDS} on its roles, or disabled = true on the target, and apply that first."),
            );
        }
        Ok(())
    }
}
