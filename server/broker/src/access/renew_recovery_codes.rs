//! A person gets a new set of recovery codes.
use hallpass_domain::principal::Principal;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use super::factor::{Purpose, accepted, where_from};
use super::notices::{NOT_YOU, Notice, Place, notice};
use super::{Browser, Factor, no_randomness, recovery_codes};
use crate::broker::{Broker, Decided};
use crate::events::event;

const PURPOSE: Purpose = Purpose("recovery_codes");

impl Broker {
    /// New recovery codes in place of the old ones, given a code of the app or one of the old codes. Shown once.
    ///
    /// # Errors
    /// `Unproven` about `totp` or `recovery_code`, also where no app is enrolled; `Throttled`.
    pub async fn renew_recovery_codes(
        &self,
        from: Browser<'_>,
        factor: Factor<'_>,
    ) -> Result<Vec<String>, Refusal> {
        let now = self.now();
        let held = self.held(from, now).await?;
        let taken = self.take_account_factor(held.user.id, from.origin, now)?;
        let codes = self.commit_deciding(|| async {
            let held = self.held(from, now).await?;
            let Some(mut account) = self.use_factor(&held.account, factor, now)? else { return Ok(Decided::Answer(None)) };
            let left = account.recovery_hashes.len();
            let (codes, hashes) = recovery_codes::new_set().map_err(no_randomness)?;
            account.recovery_hashes = hashes;
            let renewed = event(
                now, "recovery_codes.renewed", Principal::User(held.user.id).to_string(),
                &[("user", held.user.id.to_string()), ("session", held.session.id.to_string())],
                json!({ "codes": codes.len() }), where_from(Some(from.origin)),
            );
            let mail = notice(now, &held.user, Place::At(from.origin), Notice {
                subject: "Your recovery codes were replaced",
                headline: "New recovery codes were made for your account; the old ones do not work any more.".to_owned(),
                facts: Vec::new(),
                advice: NOT_YOU,
            });
            let transition = Transition::new(now)
                .with(Change::Account(Box::new(account)))
                .event(accepted(now, held.user.id, held.session.id, PURPOSE, factor, left, Some(from.origin)))
                .event(renewed)
                .mails([mail]);
            Ok(Decided::Commit(transition, Some(codes)))
        })
        .await?;
        match codes {
            Some(codes) => {
                self.access.throttle.give_back(taken);
                Ok(codes)
            }
            None => Err(self
                .refuse_factor(&held.user, held.session.id, PURPOSE, factor, taken.warns, Some(from.origin))
                .await),
        }
    }
}
