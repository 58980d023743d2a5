//! Device flow, last step: the command line polls, and redeems what was allowed once (RFC 8628 §3.4, §3.5).
use chrono::Duration;
use hallpass_domain::Timestamp;
use hallpass_domain::account::{Device, DeviceState};
use hallpass_domain::ids::UserId;
use hallpass_domain::principal::Principal;
use hallpass_domain::refusal::{Class, Refusal};
use hallpass_domain::secret::SecretHash;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use super::IssuedApiToken;
use super::api_tokens::new_api_token;
use super::open_session::moved;
use crate::broker::{Broker, Decided, unreadable};
use crate::events::event;

/// Seconds added to the interval by each `slow_down` (RFC 8628 §3.5).
const SLOWER: i32 = 5;
const SLOWEST: i32 = 300;

/// What a poll finds.
#[derive(Debug, PartialEq, Eq)]
enum Poll {
    /// Refuse with this code; the row moves to this interval.
    Wait(&'static str, i32),
    /// Refuse with this code; nothing moves.
    Over(&'static str),
    /// Redeem for this person.
    Redeem(UserId),
}

fn poll(device: &Device, now: Timestamp) -> Poll {
    match (device.state, device.user_id) {
        (DeviceState::Redeemed, _) => Poll::Over("invalid_grant"),
        (DeviceState::Denied, _) => Poll::Over("access_denied"),
        _ if device.expires_at <= now => Poll::Over("expired_token"),
        (DeviceState::Allowed, Some(user)) => Poll::Redeem(user),
        (DeviceState::Allowed, None) => Poll::Over("invalid_grant"),
        (DeviceState::Pending, _) => {
            let too_soon = device
                .polled_at
                .is_some_and(|last| now < last + Duration::seconds(i64::from(device.interval)));
            match too_soon {
                true => Poll::Wait("slow_down", device.interval.saturating_add(SLOWER).min(SLOWEST)),
                false => Poll::Wait("authorization_pending", device.interval),
            }
        }
    }
}

impl Broker {
    /// One poll. The codes of refusals are those of RFC 8628 §3.5 and RFC 6749 §5.2, to be answered as they are:
    /// `authorization_pending`, `slow_down`, `access_denied`, `expired_token`, `invalid_grant`, `invalid_client`.
    /// That a poll came, and how long the next must wait, is noted without an event.
    ///
    /// # Errors
    /// As above; `Unavailable` where the store cannot be written.
    pub async fn redeem_device(&self, client_id: &str, device_code: &str) -> Result<IssuedApiToken, Refusal> {
        let client = self.public_client(client_id).await?;
        let hash = SecretHash::of(device_code);
        self.commit_deciding(|| async {
            let now = self.now();
            let found = self.store.device_by_code(&hash).await.map_err(unreadable)?;
            let device = found.filter(|d| d.client_id == client.id).ok_or_else(|| oauth("invalid_grant"))?;
            match poll(&device, now) {
                Poll::Over(code) => Err(oauth(code)),
                Poll::Wait(code, interval) => {
                    let noted =
                        Device { interval, polled_at: Some(now), version: device.version + 1, ..device };
                    Ok(Decided::Commit(
                        Transition::new(now).with(Change::Device(Box::new(noted))),
                        Err(oauth(code)),
                    ))
                }
                Poll::Redeem(user) => self.redeem(device, user, now).await,
            }
        })
        .await?
    }

    async fn redeem(
        &self,
        device: Device,
        user: UserId,
        now: Timestamp,
    ) -> Result<Decided<Result<IssuedApiToken, Refusal>>, Refusal> {
        self.may_sign_in()?;
        let catalogue = self.catalogue().await?;
        let enabled = catalogue.is_enabled(Principal::User(user));
        let account = self.store.account(user).await.map_err(unreadable)?;
        // Whoever changes the password between allowing and redeeming takes the permission back with it.
        let account = account
            .filter(|a| enabled && a.password_set_at.is_some_and(|set| set < device.created_at))
            .ok_or_else(|| oauth("access_denied"))?;
        let label = format!("hallpass on {}", device.machine);
        let (issued, token) =
            new_api_token(now, Some(user), device.client_id, &label, self.settings.api_token_seconds)?;
        let subjects = [
            ("api_token", token.id.to_string()),
            ("client", device.client_id.to_string()),
            ("device", device.id.to_string()),
            ("user", user.to_string()),
        ];
        let data = json!({ "by": "device", "expires_in": self.settings.api_token_seconds });
        let issuing = event(
            now,
            "api_token.issued",
            Principal::User(user).to_string(),
            &subjects,
            data,
            json!({ "machine": device.machine }),
        );
        let redeemed = Device {
            state: DeviceState::Redeemed,
            polled_at: Some(now),
            version: device.version + 1,
            ..device
        };
        let transition = Transition::new(now)
            .with(Change::Device(Box::new(redeemed)))
            .with(Change::Account(Box::new(moved(&account))))
            .with(Change::ApiToken(Box::new(token)))
            .event(issuing);
        Ok(Decided::Commit(transition, Ok(issued)))
    }
}

/// A refusal whose code is OAuth's.
fn oauth(code: &'static str) -> Refusal {
    let (class, message) = match code {
        "authorization_pending" => (Class::Invalid, "Nobody has answered yet. Ask again after the interval."),
        "slow_down" => (Class::Invalid, "Asked again too soon. Wait five seconds longer from now on."),
        "access_denied" => (Class::Invalid, "The sign-in was refused. Start again if that was a mistake."),
        "expired_token" => (Class::Invalid, "The code lapsed before anybody answered. Start again."),
        _ => (Class::Invalid, "The device code is unknown or was used already. Start again."),
    };
    Refusal::new(class, code, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hallpass_domain::ids::{ClientId, DeviceId};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }
    fn device(state: DeviceState) -> Device {
        Device {
            id: DeviceId::new(at(0)),
            device_hash: SecretHash::of("d"),
            user_code_hash: SecretHash::of("u"),
            client_id: ClientId::new(at(0)),
            network: String::new(),
            machine: String::new(),
            state,
            user_id: None,
            created_at: at(0),
            expires_at: at(600),
            interval: 5,
            polled_at: None,
            version: 1,
        }
    }

    #[test]
    fn slow_down_lasts() {
        let mut device = device(DeviceState::Pending);
        assert_eq!(poll(&device, at(0)), Poll::Wait("authorization_pending", 5));
        device.polled_at = Some(at(0));
        assert_eq!(poll(&device, at(4)), Poll::Wait("slow_down", 10));
        (device.polled_at, device.interval) = (Some(at(4)), 10);
        assert_eq!(poll(&device, at(13)), Poll::Wait("slow_down", 15));
        assert_eq!(poll(&device, at(14)), Poll::Wait("authorization_pending", 10));
        device.interval = 299;
        assert_eq!(poll(&device, at(5)), Poll::Wait("slow_down", 300));
    }

    #[test]
    fn one_redemption_and_only_in_time() {
        let user = UserId::new(at(0));
        let allowed = Device { user_id: Some(user), ..device(DeviceState::Allowed) };
        assert_eq!(poll(&allowed, at(599)), Poll::Redeem(user));
        assert_eq!(poll(&allowed, at(600)), Poll::Over("expired_token"));
        assert_eq!(poll(&device(DeviceState::Allowed), at(1)), Poll::Over("invalid_grant"));
        assert_eq!(poll(&device(DeviceState::Pending), at(600)), Poll::Over("expired_token"));
        assert_eq!(poll(&device(DeviceState::Denied), at(1)), Poll::Over("access_denied"));
        let redeemed = Device { user_id: Some(user), ..device(DeviceState::Redeemed) };
        assert_eq!(poll(&redeemed, at(1)), Poll::Over("invalid_grant"));
    }
}
