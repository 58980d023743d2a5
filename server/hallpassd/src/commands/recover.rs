//! `hallpassd recover`: a local command for somebody who is locked out.
use hallpass_broker::access::Recovery;
use secrecy::ExposeSecret as _;

use super::open;
use crate::compose::{Making, StartError};
use crate::config::Config;

/// Gives a one-time password, or removes the second factor.
pub async fn run(config: Config, email: &str, second_factor: bool) -> Result<(), StartError> {
    let composed = open(&config, Making::Refused).await?;
    let what = if second_factor { Recovery::SecondFactor } else { Recovery::Password };
    let recovered = composed.broker.recover_account(email, what).await.map_err(|r| StartError(r.message))?;
    match recovered.one_time_password {
        Some(password) => super::say(&format!(
            "One-time password for {email}, to be replaced at the first sign-in: {}",
            password.expose_secret()
        )),
        None => {
            super::say(&format!("{email} has no second factor any more. Set one up at the next sign-in."))
        }
    }
    Ok(())
}
