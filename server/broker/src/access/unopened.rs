//! A browser that has no session: its forms are bound to a cookie for which no row stands, so that to look at a page
//! writes nothing, whoever looks. The session is opened when a form is sent.
use hallpass_domain::refusal::Refusal;
use hallpass_domain::secret::new_secret;
use secrecy::{ExposeSecret as _, SecretString};

use super::{csrf, no_randomness};

/// Prefix of every session cookie.
const PREFIX: &str = "hps";
/// Length of one: the prefix, and 256 bits.
const LENGTH: usize = 47;

/// A cookie without a session, and the token of the forms that are shown with it. It allows nothing.
pub struct Unopened {
    /// Value of the session cookie; to be set where the browser did not send it.
    pub cookie: SecretString,
    /// CSRF token of its pages.
    pub csrf: String,
}

/// Keeps cookie and token out of logs.
impl std::fmt::Debug for Unopened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unopened").finish_non_exhaustive()
    }
}

impl Unopened {
    /// With a new cookie.
    ///
    /// # Errors
    /// `Unavailable` without randomness.
    pub fn new() -> Result<Self, Refusal> {
        let (cookie, _) = new_secret(PREFIX).map_err(no_randomness)?;
        Ok(Self { csrf: csrf::token_for(cookie.expose_secret()), cookie })
    }

    /// With the cookie that a browser sent and for which there is no session (any more): the forms that it shows still
    /// are of that browser. `None` for what is no cookie of ours.
    pub fn of(sent: &str) -> Option<Self> {
        let ours =
            sent.len() == LENGTH && sent.strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with('_'));
        ours.then(|| Self { cookie: SecretString::from(sent.to_owned()), csrf: csrf::token_for(sent) })
    }

    /// Whether a form's CSRF token belongs to this cookie, in constant time.
    pub fn csrf_matches(&self, presented: &str) -> bool {
        csrf::matches(&self.csrf, presented)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_belongs_to_the_cookie_that_was_set() {
        let made = Unopened::new().unwrap();
        let sent = Unopened::of(made.cookie.expose_secret()).unwrap();
        assert!(sent.csrf_matches(&made.csrf));
        assert!(!sent.csrf_matches(&Unopened::new().unwrap().csrf) && !sent.csrf_matches(""));
        for foreign in ["", "hps_", "hps_short", &"x".repeat(LENGTH), &format!("hps_{}", "a".repeat(44))] {
            assert!(Unopened::of(foreign).is_none(), "{foreign}");
        }
    }
}
