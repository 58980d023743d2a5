//! Device flow, on the page: the person allows or refuses.
use hallpass_domain::account::{Device, DeviceState};
use hallpass_domain::ids::DeviceId;
use hallpass_domain::principal::Principal;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;
use subtle::ConstantTimeEq;

use super::Visitor;
use super::device_find::handle;
use super::notices::{NOT_YOU, Notice, Place, notice};
use crate::broker::{Broker, Decided, unreadable};
use crate::caller::Origin;
use crate::events::event;

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceAnswered {
    /// Whether it was allowed.
    pub allowed: bool,
    /// Name of the machine, as it gave it.
    pub machine: String,
}

impl Broker {
    /// Allows or refuses what asks. Allowing needs a fresh sign-in; what the command line then gets counts as a session
    /// without a second factor, whatever this session is.
    ///
    /// # Errors
    /// `NotFound` for a handle of another session; `Conflict` once it was answered or lapsed; `Unproven`
    /// `fresh_sign_in_needed`.
    pub async fn answer_device(
        &self,
        visitor: &Visitor,
        device: &str,
        allow: bool,
        origin: &Origin,
    ) -> Result<DeviceAnswered, Refusal> {
        let user = visitor.user().ok_or_else(super::sign_in_first)?;
        let now = self.now();
        if allow {
            visitor.must_be_fresh(now)?;
        }
        let id: DeviceId = device
            .split('.')
            .next()
            .and_then(|id| id.parse().ok())
            .ok_or_else(|| Refusal::not_found("device"))?;
        self.commit_deciding(|| async {
            self.still_open(&visitor.session, now).await?;
            let found = self.store.device(id).await.map_err(unreadable)?.ok_or_else(|| Refusal::not_found("device"))?;
            if !bool::from(handle(&visitor.session, &found).as_bytes().ct_eq(device.as_bytes())) {
                return Err(Refusal::not_found("device"));
            }
            if found.state != DeviceState::Pending || found.expires_at <= now {
                return Err(Refusal::conflict("device_over", "This was answered already, or its ten minutes are over. Start again in the command if you need it."));
            }
            let (state, kind) = if allow { (DeviceState::Allowed, "device.allowed") } else { (DeviceState::Denied, "device.denied") };
            let answered = Device { state, user_id: Some(user.id), version: found.version + 1, ..found };
            let told = event(
                now, kind, Principal::User(user.id).to_string(),
                &[
                    ("device", id.to_string()), ("client", answered.client_id.to_string()), ("user", user.id.to_string()),
                    ("session", visitor.session.id.to_string()),
                ],
                json!({}), json!({ "machine": answered.machine, "asked_from": answered.network, "address": origin.address.to_string() }),
            );
            let mut transition = Transition::new(now).with(Change::Device(Box::new(answered.clone()))).event(told);
            if allow {
                transition = transition.mails([notice(now, user, Place::At(origin), Notice {
                    subject: "A command line was signed in",
                    headline: "You allowed a command line to act for you.".to_owned(),
                    facts: vec![("Machine", format!("{} (as it called itself)", answered.machine)), ("Asked from", answered.network.clone())],
                    advice: NOT_YOU,
                })]);
            }
            Ok(Decided::Commit(transition, DeviceAnswered { allowed: allow, machine: answered.machine }))
        })
        .await
    }
}
