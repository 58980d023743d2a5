//! A person sets up an authenticator app: the seed is shown, and counts once a code of it was given.
use chrono::DateTime;
use hallpass_domain::account::Strength;
use hallpass_domain::principal::{Principal, User};
use hallpass_domain::refusal::{Class, Refusal};
use hallpass_domain::transition::{Change, Transition};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::factor::{Purpose, Seed, accepted, where_from};
use super::notices::{NOT_YOU, Notice, Place, code_used, notice};
use super::open_session::{NewSession, ended, moved};
use super::{Browser, Factor, no_randomness, recovery_codes, totp};
use crate::broker::{Broker, Decided};
use crate::events::event;

const PURPOSE: Purpose = Purpose("enrolment");
const REPLACE: Purpose = Purpose("replacement");

/// A seed to put into an authenticator app.
#[derive(Debug)]
pub struct TotpEnrolment {
    /// `otpauth://totp/…`, for the QR code.
    pub otpauth_uri: SecretString,
    /// Base32 in groups of four, for typing.
    pub secret_base32: SecretString,
    /// It replaces one that is enrolled.
    pub replaces: bool,
}

/// An authenticator app that works.
pub struct TotpConfirmed {
    /// The session goes on under a new cookie, with a second factor.
    pub opened: NewSession,
    /// Recovery codes: shown now and never again.
    pub recovery_codes: Vec<String>,
}

/// Keeps the codes out of logs.
impl std::fmt::Debug for TotpConfirmed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TotpConfirmed").field("opened", &self.opened).finish_non_exhaustive()
    }
}

impl Broker {
    /// Makes a new seed, pending until [`Self::confirm_totp`] in the same session, for a quarter of an hour. Asks for the
    /// password, and where an app is enrolled already for a factor of that one too; it stays valid until the new one is
    /// confirmed.
    ///
    /// # Errors
    /// `Invalid` about `current_password`; `Unproven` about `totp` or `recovery_code`; `Throttled`.
    pub async fn start_totp(
        &self,
        from: Browser<'_>,
        password: &SecretString,
        factor: Option<Factor<'_>>,
    ) -> Result<TotpEnrolment, Refusal> {
        let now = self.now();
        let held = self.held(from, now).await?;
        self.prove_password(from, &held, password, now).await?;
        let seed = totp::new_seed().map_err(no_randomness)?;
        let proved = if held.account.totp_sealed.is_some() {
            let factor = factor.ok_or_else(|| Refusal {
                field: Some("totp"),
                ..Refusal::new(
                    Class::Unproven,
                    "second_factor_needed",
                    "Give a code of the app that you have now, too.",
                )
            })?;
            Some((factor, self.take_account_factor(held.user.id, from.origin, now)?))
        } else {
            None
        };
        let started = self
            .commit_deciding(|| async {
                let held = self.held(from, now).await?;
                let mut transition = Transition::new(now);
                let mut account = moved(&held.account);
                if account.totp_sealed.is_some() {
                    let Some((factor, _)) = &proved else { return Ok(Decided::Answer(false)) };
                    let Some(after) = self.use_factor(&held.account, *factor, now)? else {
                        return Ok(Decided::Answer(false));
                    };
                    account = after;
                    let left = account.recovery_hashes.len();
                    transition = transition.event(accepted(
                        now,
                        held.user.id,
                        held.session.id,
                        REPLACE,
                        *factor,
                        left,
                        Some(from.origin),
                    ));
                    if let Factor::RecoveryCode(_) = factor {
                        let begun = "Somebody began to replace your authenticator app with one of your recovery codes.";
                        transition = transition.mails([code_used(now, &held.user, from.origin, begun, left)]);
                    }
                }
                account.totp_pending = Some(self.seal_pending(&held, &seed, now)?);
                let begun = event(
                    now,
                    "totp.enrolment_started",
                    Principal::User(held.user.id).to_string(),
                    &[("user", held.user.id.to_string()), ("session", held.session.id.to_string())],
                    json!({ "replaces": account.totp_sealed.is_some() }),
                    where_from(Some(from.origin)),
                );
                Ok(Decided::Commit(transition.with(Change::Account(Box::new(account))).event(begun), true))
            })
            .await?;
        match (started, proved) {
            (true, proved) => {
                if let Some((_, taken)) = proved {
                    self.access.throttle.give_back(taken);
                }
                self.enrolment(&held.user, &seed, held.account.totp_sealed.is_some())
            }
            (false, Some((factor, taken))) => Err(self
                .refuse_factor(&held.user, held.session.id, REPLACE, factor, taken.warns, Some(from.origin))
                .await),
            // An app was enrolled between the two looks: begin again, with a code of it.
            (false, None) => Err(Refusal::conflict(
                "totp_moved",
                "An authenticator app was set up at the same moment. Look at your account page.",
            )),
        }
    }

    /// The pending seed once more: for the page that answers a wrong code.
    ///
    /// # Errors
    /// `Conflict` `no_enrolment` where none is pending in this session.
    pub async fn pending_totp(&self, from: Browser<'_>) -> Result<TotpEnrolment, Refusal> {
        let now = self.now();
        let held = self.held(from, now).await?;
        let seed = self.pending_seed(&held, now)?;
        self.enrolment(&held.user, &seed, held.account.totp_sealed.is_some())
    }

    /// Enrols the pending seed, given a code of it. Every other browser session of the person ends, this one gets the
    /// strength of a second factor, and the recovery codes are new.
    ///
    /// # Errors
    /// `Unproven` about `totp`; `Conflict` `no_enrolment`; `Throttled`.
    pub async fn confirm_totp(&self, from: Browser<'_>, code: &str) -> Result<TotpConfirmed, Refusal> {
        let now = self.now();
        let held = self.held(from, now).await?;
        let factor = Factor::Totp(code);
        let taken = self.take_first_code(held.user.id, from.origin, now)?;
        let confirmed = self.commit_deciding(|| self.decide_confirmation(from, code)).await?;
        match confirmed {
            Some(confirmed) => {
                self.access.throttle.give_back(taken);
                Ok(confirmed)
            }
            // No warning: a wrong code of a seed that does not count yet says nothing about the password.
            None => Err(self
                .refuse_factor(&held.user, held.session.id, PURPOSE, factor, false, Some(from.origin))
                .await),
        }
    }

    async fn decide_confirmation(
        &self,
        from: Browser<'_>,
        code: &str,
    ) -> Result<Decided<Option<TotpConfirmed>>, Refusal> {
        let now = self.now();
        let held = self.held(from, now).await?;
        let user = held.user.id;
        let seed = self.pending_seed(&held, now)?;
        let Some(step) = totp::accepted_step(&seed, code, -1, now) else { return Ok(Decided::Answer(None)) };
        let (recovery_codes, hashes) = recovery_codes::new_set().map_err(no_randomness)?;
        let replaces = held.account.totp_sealed.is_some();
        let mut account = moved(&held.account);
        account.totp_sealed = Some(self.seal_seed(user, Seed::Enrolled, &seed)?);
        account.totp_pending = None;
        account.totp_last_step = step;
        account.recovery_hashes = hashes;
        let opened =
            NewSession::prepare(now, Some(user), Strength::SecondFactor, 0, from.agent, from.origin)?
                .in_place_of(&held.session);
        let transition = Transition::new(now)
            .with(Change::Account(Box::new(account)))
            .with(Change::Session(Box::new(opened.session.clone())))
            .with(ended(&held.session, now));
        let (transition, sessions) = self.end_others(transition, user, Some(held.session.id), now).await?;
        let enrolled = event(
            now,
            "totp.enrolled",
            Principal::User(user).to_string(),
            &[("user", user.to_string()), ("session", opened.session.id.to_string())],
            json!({ "replaced": replaces, "replaces": held.session.id.to_string(), "ended_sessions": sessions }),
            where_from(Some(from.origin)),
        );
        let mail = notice(
            now,
            &held.user,
            Place::At(from.origin),
            Notice {
                subject: if replaces {
                    "Your authenticator app was replaced"
                } else {
                    "An authenticator app was set up"
                },
                headline: "From now on, signing in to your account asks for a code of this app.".to_owned(),
                facts: Vec::new(),
                advice: NOT_YOU,
            },
        );
        Ok(Decided::Commit(
            transition.event(enrolled).mails([mail]),
            Some(TotpConfirmed { opened, recovery_codes }),
        ))
    }

    pub(super) fn enrolment(
        &self,
        user: &User,
        seed: &SecretString,
        replaces: bool,
    ) -> Result<TotpEnrolment, Refusal> {
        let otpauth_uri = totp::otpauth_uri(seed, host_of(&self.settings.base_url), user.email.as_str())
            .ok_or_else(|| {
                Refusal::unavailable(
                    "key_unavailable",
                    "The seed cannot be shown. Begin again on your account page.",
                )
            })?;
        let groups: Vec<String> = seed
            .expose_secret()
            .as_bytes()
            .chunks(4)
            .map(|g| String::from_utf8_lossy(g).into_owned())
            .collect();
        Ok(TotpEnrolment { otpauth_uri, secret_base32: SecretString::from(groups.join(" ")), replaces })
    }
}

/// Host of the base URL without its port; with brackets where it is an IPv6 address.
fn host_of(base_url: &str) -> &str {
    let rest = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    if host.starts_with('[') { host } else { host.split(':').next().unwrap_or_default() }
}

/// The instant of a step's begin: about when the app was last used.
pub(super) fn step_time(step: i64) -> Option<hallpass_domain::Timestamp> {
    (step > 0).then(|| DateTime::from_timestamp(step.checked_mul(totp::STEP_SECONDS)?, 0)).flatten()
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn host_of_a_base_url() {
        assert_eq!(host_of("https://access.example.org"), "access.example.org");
        assert_eq!(host_of("http://127.0.0.1:8080/x"), "127.0.0.1");
        assert_eq!(host_of("http://[::1]:8080"), "[::1]:8080");
    }
}
