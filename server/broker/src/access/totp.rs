//! Time-based one-time passwords (RFC 6238): SHA-1, six digits, 30 s steps, one step of drift either way.
use hallpass_domain::Timestamp;
use hallpass_domain::secret::{NoRandomness, random_bytes};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use totp_rs::{Builder, Secret, Totp};

/// Seconds in a step (RFC 6238 §4.1).
pub(super) const STEP_SECONDS: i64 = 30;
/// Steps accepted before and after the current one (RFC 6238 §5.2 recommends one).
const DRIFT: i64 = 1;
const ISSUER: &str = "Hallpass";

/// A new seed of 160 bits (RFC 4226 §4 R6), base32 without padding: the form in which it is sealed.
pub(super) fn new_seed() -> Result<SecretString, NoRandomness> {
    Ok(SecretString::from(data_encoding::BASE32_NOPAD.encode(&random_bytes::<20>()?)))
}

/// The `otpauth://totp/…` address that an authenticator app reads, and that the QR code holds.
pub(super) fn otpauth_uri(seed: &SecretString, host: &str, email: &str) -> Option<SecretString> {
    // A colon separates issuer and account in the label, so neither may hold one (an IPv6 host would).
    let issuer =
        if host.is_empty() || host.contains(':') { ISSUER.to_owned() } else { format!("{ISSUER} {host}") };
    let totp = builder(seed)?.with_issuer(Some(issuer)).with_account_name(email).build().ok()?;
    totp.to_url().ok().map(SecretString::from)
}

/// What an authenticator app that was given this `otpauth://…` address shows now: for the demo, where nobody has one.
pub fn shown_code(otpauth_uri: &str, now: Timestamp) -> Option<String> {
    let seed = otpauth_uri.split_once("secret=")?.1.split('&').next()?;
    let totp: Totp = builder(&SecretString::from(seed.to_owned()))?.build().ok()?;
    code_at(&totp, now.timestamp().div_euclid(STEP_SECONDS))
}

/// The step whose code `typed` is, if that step is in the window around `now` and after `last_step`: a step that was
/// accepted, and every earlier one, is never accepted again (RFC 6238 §5.2). Every step of the window is compared.
pub(super) fn accepted_step(seed: &SecretString, typed: &str, last_step: i64, now: Timestamp) -> Option<i64> {
    let code: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').take(7).collect();
    let totp: Totp = builder(seed)?.build().ok()?;
    let current = now.timestamp().div_euclid(STEP_SECONDS);
    let mut accepted = None;
    for step in (current - DRIFT)..=(current + DRIFT) {
        let Some(right) = code_at(&totp, step) else { continue };
        let right = right.as_bytes().ct_eq(code.as_bytes());
        if bool::from(right) && step > last_step {
            accepted = Some(step);
        }
    }
    accepted
}

fn code_at(totp: &Totp, step: i64) -> Option<String> {
    Some(totp.generate(u64::try_from(step * STEP_SECONDS).ok()?).to_string())
}

fn builder(seed: &SecretString) -> Option<Builder> {
    Some(Builder::new().with_secret(Secret::try_from_base32(seed.expose_secret()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, SHA-1: T = 59 s gives 94287082 in eight digits, so 287082 in six.
    fn seed() -> SecretString {
        SecretString::from(data_encoding::BASE32_NOPAD.encode(b"12345678901234567890"))
    }
    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn published_vectors() {
        for (time, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            assert_eq!(accepted_step(&seed(), code, -1, at(time)), Some(time / 30), "{time}");
        }
    }

    #[test]
    fn one_step_of_drift_and_no_more() {
        for (time, ok) in [(29, true), (30, true), (59, true), (60, true), (89, true), (90, false), (0, true)]
        {
            assert_eq!(accepted_step(&seed(), "287082", -1, at(time)).is_some(), ok, "{time}");
        }
    }

    #[test]
    fn a_step_works_once_and_earlier_ones_are_gone() {
        assert_eq!(accepted_step(&seed(), "287082", 0, at(59)), Some(1));
        assert_eq!(accepted_step(&seed(), "287082", 1, at(59)), None);
        assert_eq!(accepted_step(&seed(), "287082", 2, at(59)), None);
    }

    #[test]
    fn typed_with_spaces_or_wrong() {
        assert_eq!(accepted_step(&seed(), " 287 082 ", -1, at(59)), Some(1));
        for wrong in ["", "28708", "2870820", "+28708", "287083", "２８７０８２"] {
            assert_eq!(accepted_step(&seed(), wrong, -1, at(59)), None, "{wrong:?}");
        }
    }

    #[test]
    fn seeds_and_addresses() {
        let seed = new_seed().unwrap();
        assert_eq!(seed.expose_secret().len(), 32);
        let uri = otpauth_uri(&seed, "access.example.org", "ana@example.org").unwrap();
        let wanted = format!(
            "otpauth://totp/Hallpass%20access.example.org:ana%40example.org?secret={}&",
            seed.expose_secret()
        );
        assert!(uri.expose_secret().starts_with(&wanted), "{}", uri.expose_secret());
        assert!(
            otpauth_uri(&seed, "[::1]", "ana@example.org")
                .unwrap()
                .expose_secret()
                .contains("totp/Hallpass:ana")
        );
    }
}
