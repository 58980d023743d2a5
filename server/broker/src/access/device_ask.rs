//! Device flow, first step: a command line asks (RFC 8628 §3.1, §3.2).
use chrono::Duration;
use hallpass_domain::account::{Device, DeviceState};
use hallpass_domain::ids::DeviceId;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::secret::{SecretHash, new_secret};
use hallpass_domain::text::clean_line;
use hallpass_domain::transition::{Change, Transition};
use secrecy::SecretString;
use serde_json::json;

use super::throttle::Bucket;
use super::{no_randomness, user_code};
use crate::broker::{Broker, Decided};
use crate::caller::Origin;
use crate::events::event;

/// Life of a device authorization, seconds.
pub const DEVICE_SECONDS: i64 = 600;
/// Seconds between polls at first.
const INTERVAL: i32 = 5;
const MAX_MACHINE: usize = 60;

/// The answer of the device authorization endpoint. There is no `verification_uri_complete`: the code is typed by
/// hand, so that nobody can be sent a link that asks for somebody else's command line.
#[derive(Debug)]
pub struct DeviceAsked {
    /// Secret of the command line, for polling.
    pub device_code: SecretString,
    /// What the person types, as `XXXX-XXXX`. A secret until then: for the answer alone.
    pub user_code: SecretString,
    /// Where the person types it.
    pub verification_uri: String,
    /// Seconds until it lapses.
    pub expires_in: i64,
    /// Seconds between polls.
    pub interval: i32,
}

impl Broker {
    /// Asks for a command line's sign-in. `machine` is the name that it gives itself, which the person is shown as
    /// such.
    ///
    /// # Errors
    /// `Unproven` `invalid_client` (RFC 6749 §5.2); `Throttled` by network.
    pub async fn ask_device(
        &self,
        client_id: &str,
        machine: &str,
        origin: &Origin,
    ) -> Result<DeviceAsked, Refusal> {
        let now = self.now();
        let client = self.public_client(client_id).await?;
        let _spent = self.access.throttle.take(&[Bucket::DeviceAsk { network: &origin.network() }], now)?;
        let machine: String = clean_line(machine).chars().take(MAX_MACHINE).collect();
        let machine = if machine.is_empty() { "an unnamed machine".to_owned() } else { machine };
        // New codes each time around: a user code that somebody has already is a conflict.
        self.commit_deciding(|| async {
            let (device_code, device_hash) = new_secret("hpd").map_err(no_randomness)?;
            let code = user_code::new_code().map_err(no_randomness)?;
            let device = Device {
                id: DeviceId::new(now),
                device_hash,
                user_code_hash: SecretHash::of(&code),
                client_id: client.id,
                network: origin.network(),
                machine: machine.clone(),
                state: DeviceState::Pending,
                user_id: None,
                created_at: now,
                expires_at: now + Duration::seconds(DEVICE_SECONDS),
                interval: INTERVAL,
                polled_at: None,
                version: 1,
            };
            let asked = event(
                now,
                "device.asked",
                format!("client:{}", client.id),
                &[("device", device.id.to_string()), ("client", client.id.to_string())],
                json!({ "expires_in": DEVICE_SECONDS }),
                json!({ "machine": machine, "address": origin.address.to_string() }),
            );
            let answer = DeviceAsked {
                device_code,
                user_code: SecretString::from(user_code::shown(&code)),
                verification_uri: format!("{}/device", self.settings.base_url),
                expires_in: DEVICE_SECONDS,
                interval: INTERVAL,
            };
            Ok(Decided::Commit(
                Transition::new(now).with(Change::Device(Box::new(device))).event(asked),
                answer,
            ))
        })
        .await
    }
}
