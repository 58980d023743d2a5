//! Device flow, on the page: the person types the code and is shown what asks (RFC 8628 §3.3, §5.4).
use hallpass_domain::Timestamp;
use hallpass_domain::account::{Device, DeviceState, Session};
use hallpass_domain::principal::Principal;
use hallpass_domain::refusal::{Class, Refusal};
use hallpass_domain::secret::SecretHash;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use super::{Visitor, user_code};
use crate::broker::{Broker, Decided, unreadable};
use crate::events::event;

/// Wrong codes that one session may type (RFC 8628 §5.1).
const TRIES: i32 = 5;

/// What asks, as the person is shown it before they answer.
#[derive(Clone, Debug)]
pub struct FoundDevice {
    /// Handle for the answer, bound to this session.
    pub handle: String,
    /// The code as typed, in its usual form.
    pub user_code: String,
    /// Name of the client.
    pub client: String,
    /// Name of the machine, as the client gave it: not checked.
    pub machine: String,
    /// Network from which it asked.
    pub network: String,
    /// When it asked.
    pub asked_at: Timestamp,
    /// When the code lapses.
    pub lapses_at: Timestamp,
}

impl Broker {
    /// How many codes may still be typed in this session.
    pub fn device_tries_left(&self, session: &Session) -> i32 {
        (TRIES - session.device_tries).max(0)
    }

    /// Looks a typed code up. Each look counts before it is made and is given back if it was right, so that five tries
    /// are five, however many come at once.
    ///
    /// # Errors
    /// `Invalid` about `user_code`; `Throttled` `device_tries_used`; `Unproven` `fresh_sign_in_needed`.
    pub async fn find_device(&self, visitor: &Visitor, typed: &str) -> Result<FoundDevice, Refusal> {
        let now = self.now();
        let human = visitor.human()?;
        visitor.must_be_fresh(now)?;
        let code = user_code::canonical(typed).ok_or_else(|| {
            Refusal::invalid(
                "device_code_form",
                "user_code",
                "The code has eight letters, such as BCDF-GHJK. Type it as the command shows it.",
            )
        })?;
        let left = self.count_device_try(&visitor.session, 1, now).await?;
        let found = self.store.device_by_user_code(&SecretHash::of(&code)).await.map_err(unreadable)?;
        let Some(device) = found.filter(|d| d.state == DeviceState::Pending && now < d.expires_at) else {
            let wrong = event(
                now,
                "device.code_refused",
                Principal::User(human.user).to_string(),
                &[("user", human.user.to_string()), ("session", visitor.session.id.to_string())],
                json!({ "tries_left": left }),
                json!({}),
            );
            self.commit(Transition::new(now).event(wrong)).await.map_err(crate::broker::uncommitted)?;
            return Err(Refusal::invalid(
                "device_code_unknown",
                "user_code",
                format!(
                    "Nothing waits with this code. Check it, or start again in the command: a code lasts ten minutes. Tries left: {left}."
                ),
            ));
        };
        self.count_device_try(&visitor.session, -1, now).await?;
        let client = self
            .store
            .client(device.client_id)
            .await
            .map_err(unreadable)?
            .ok_or_else(|| Refusal::not_found("client"))?;
        Ok(FoundDevice {
            handle: handle(&visitor.session, &device),
            user_code: user_code::shown(&code),
            client: client.client_id.to_string(),
            machine: device.machine,
            network: device.network,
            asked_at: device.created_at,
            lapses_at: device.expires_at,
        })
    }

    /// Moves the session's counter of tries by `by`; how many are left. Without an event: the refusals have theirs.
    async fn count_device_try(&self, session: &Session, by: i32, now: Timestamp) -> Result<i32, Refusal> {
        self.commit_deciding(|| async {
            let mut session = self.still_open(session, now).await?;
            if by > 0 && session.device_tries >= TRIES {
                return Err(Refusal::new(
                    Class::Throttled, "device_tries_used",
                    "Five wrong codes were typed in this session. Sign out and in again, then type the code that the command shows.",
                ));
            }
            session.device_tries = (session.device_tries + by).max(0);
            session.version += 1;
            let left = self.device_tries_left(&session);
            Ok(Decided::Commit(Transition::new(now).with(Change::Session(Box::new(session))), left))
        })
        .await
    }
}

/// Names a device in one session's form: the id, and a hash over it and the session's own secret hash, which nobody
/// outside knows. Another session's handle does not fit.
pub(super) fn handle(session: &Session, device: &Device) -> String {
    let bound = SecretHash::of(&format!("device\0{}\0{}", session.hash.hex(), device.id));
    format!("{}.{}", device.id, bound.hex())
}
