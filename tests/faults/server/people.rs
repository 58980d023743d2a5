//! Somebody new: everything that a person does with what proves who they are, once.
use std::net::IpAddr;

use hallpass_broker::access::{
    Admitted, Browser, COMMAND_LINE_CLIENT, Factor, NewSession, Recovery, Visitor, shown_code,
};
use hallpass_broker::admin::By;
use hallpass_broker::caller::Origin;
use hallpass_domain::ids::UserId;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::secret::{random_bytes, random_from};
use hallpass_tests::fault_server::Side;
use hallpass_tests::world::{ADMINISTRATOR, WORKLOAD, World};
use secrecy::{ExposeSecret as _, SecretString};

use crate::sides::{did, must_refuse};
use crate::{apply, place};

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

/// Somebody in front of a browser.
struct Person<'a> {
    world: &'a World,
    user: UserId,
    email: String,
    password: SecretString,
    /// Recovery codes that were not used.
    codes: Vec<String>,
    /// An address of their own: throttles count by it.
    origin: Origin,
    session: NewSession,
}

fn secret() -> Result<SecretString, Refusal> {
    let words = random_from(LETTERS, 24).map_err(|e| Refusal::unavailable("no_randomness", e.to_string()))?;
    Ok(SecretString::from(words))
}

/// Comes by the catalogue, signs in, and does what is asked of them.
pub(crate) async fn come(world: &World, side: Side) -> Result<(), Refusal> {
    let mut person = Person::new(world).await?;
    person.sign_in_with_a_second_factor().await?;
    let does = |part: Side| side == part || side == Side::People;
    if does(Side::Commands) {
        person.choose_a_zone().await?;
        person.sign_in_a_command().await?;
    }
    if does(Side::Sessions) {
        person.renew_codes().await?;
        person.end_other_sessions().await?;
    }
    if does(Side::Password) {
        person.change_password().await?;
    }
    if does(Side::App) {
        person.replace_the_app().await?;
    }
    if does(Side::Leaving) {
        person.leave().await?;
    }
    Ok(())
}

impl<'a> Person<'a> {
    async fn new(world: &'a World) -> Result<Self, Refusal> {
        let name = secret()?;
        let email = format!("{}@faults.test", name.expose_secret());
        let person = format!("[[people]]\nemail = \"{email}\"\nname = \"Pat Doe\"\n\n");
        apply(world, &(person + &place()?.catalogue())).await?;
        let catalogue = world.broker.catalogue().await?;
        let found = catalogue.users.values().find(|u| u.email.as_str() == email);
        let user = found.ok_or_else(|| Refusal::not_found("user"))?.id;
        let password = secret()?;
        let made = world.broker.set_initial_password("demo", user, &password, true).await?;
        did("account.prepared", "user", user);
        let address: [u8; 4] =
            random_bytes().map_err(|e| Refusal::unavailable("no_randomness", e.to_string()))?;
        let origin = Origin { address: IpAddr::from(address) };
        let session = world.broker.open_anonymous_session(None, "Firefox", &origin).await?;
        Ok(Self { world, user, email, password, codes: made.recovery_codes, origin, session })
    }

    fn browser<'b>(&'b self, session: &'b NewSession) -> Browser<'b> {
        Browser { session: &session.session, agent: "Firefox", known_cookie: None, origin: &self.origin }
    }

    fn code(&mut self) -> Result<String, Refusal> {
        self.codes.pop().ok_or_else(|| Refusal::not_found("recovery code"))
    }

    /// The person, by their cookie.
    async fn visitor(&self) -> Result<Visitor, Refusal> {
        let (broker, cookie) = (&self.world.broker, self.session.cookie.expose_secret());
        let found = broker.session_for_cookie(cookie, broker.now()).await?;
        found.ok_or_else(|| Refusal::not_found("session"))
    }

    async fn password(&self, password: &SecretString) -> Result<Admitted, Refusal> {
        let broker = &self.world.broker;
        let nobody = broker.open_anonymous_session(None, "Firefox", &self.origin).await?;
        broker.sign_in(self.browser(&nobody), &self.email, password).await
    }

    /// A session more, by password and recovery code.
    async fn session(&mut self) -> Result<NewSession, Refusal> {
        let code = self.code()?;
        let half = self.password(&self.password).await?.opened;
        let factor = Factor::RecoveryCode(&code);
        let opened = self.world.broker.second_factor(self.browser(&half), factor).await?.opened;
        did("session.opened", "session", opened.session.id);
        did("recovery_code.used", "user", self.user);
        Ok(opened)
    }

    async fn sign_in_with_a_second_factor(&mut self) -> Result<(), Refusal> {
        must_refuse(self.password(&secret()?).await, "sign_in_refused")?;
        did("sign_in.refused", "user", self.user);
        let half = self.password(&self.password).await?.opened;
        did("session.opened", "session", half.session.id);
        let wrong =
            self.world.broker.second_factor(self.browser(&half), Factor::RecoveryCode("not-a-code")).await;
        must_refuse(wrong, "second_factor_refused")?;
        did("second_factor.refused", "user", self.user);
        self.session = self.session().await?;
        Ok(())
    }

    async fn choose_a_zone(&self) -> Result<(), Refusal> {
        let human = self.visitor().await?.human()?;
        self.world.broker.choose_zone(&human, &self.origin, "Europe/Berlin").await?;
        did("user.zone_changed", "user", self.user);
        Ok(())
    }

    /// A command on some machine: refused once, allowed once, and signed out.
    async fn sign_in_a_command(&self) -> Result<(), Refusal> {
        let (broker, visitor) = (&self.world.broker, self.visitor().await?);
        must_refuse(broker.find_device(&visitor, "BCDF-GHJK").await, "device_code_unknown")?;
        did("device.code_refused", "user", self.user);
        let asked = broker.ask_device(COMMAND_LINE_CLIENT, "laptop", &self.origin).await?;
        let code = asked.device_code.expose_secret();
        must_refuse(broker.redeem_device(COMMAND_LINE_CLIENT, code).await, "authorization_pending")?;
        let found = broker.find_device(&visitor, asked.user_code.expose_secret()).await?;
        broker.answer_device(&visitor, &found.handle, false, &self.origin).await?;
        did("device.denied", "user", self.user);
        must_refuse(broker.redeem_device(COMMAND_LINE_CLIENT, code).await, "access_denied")?;
        let asked = broker.ask_device(COMMAND_LINE_CLIENT, "laptop", &self.origin).await?;
        let found = broker.find_device(&visitor, asked.user_code.expose_secret()).await?;
        broker.answer_device(&visitor, &found.handle, true, &self.origin).await?;
        did("device.allowed", "user", self.user);
        let token = broker.redeem_device(COMMAND_LINE_CLIENT, asked.device_code.expose_secret()).await?;
        did("api_token.issued", "api_token", token.id);
        broker.revoke_api_token(&visitor.caller()?, token.id).await?;
        did("api_token.revoked", "api_token", token.id);
        let nobody = broker.caller_from_api_token(token.token.expose_secret(), broker.now()).await;
        must_refuse(nobody, "invalid_token")
    }

    async fn renew_codes(&mut self) -> Result<(), Refusal> {
        let code = self.code()?;
        let (broker, browser) = (&self.world.broker, self.browser(&self.session));
        let codes = broker.renew_recovery_codes(browser, Factor::RecoveryCode(&code)).await?;
        did("recovery_codes.renewed", "user", self.user);
        let old = std::mem::replace(&mut self.codes, codes);
        let Some(old) = old.first() else { return Ok(()) };
        let half = self.password(&self.password).await?.opened;
        let refused = self.world.broker.second_factor(self.browser(&half), Factor::RecoveryCode(old)).await;
        must_refuse(refused, "second_factor_refused")
    }

    async fn end_other_sessions(&mut self) -> Result<(), Refusal> {
        let human = self.visitor().await?.human()?;
        let one = self.session().await?;
        self.world.broker.end_session(&human, one.session.id).await?;
        did("session.ended", "session", one.session.id);
        self.session().await?;
        self.world.broker.end_all_other_sessions(&human).await?;
        did("session.others_ended", "user", self.user);
        Ok(())
    }

    async fn change_password(&mut self) -> Result<(), Refusal> {
        let (broker, new) = (&self.world.broker, secret()?);
        let wrong = broker.change_password(self.browser(&self.session), &secret()?, &new).await;
        must_refuse(wrong, "password_wrong")?;
        did("password.refused", "user", self.user);
        let changed = broker.change_password(self.browser(&self.session), &self.password, &new).await?;
        did("password.changed", "user", self.user);
        (self.session, self.password) = (changed.opened, new);
        Ok(())
    }

    /// The authenticator app taken away, and another one.
    async fn replace_the_app(&mut self) -> Result<(), Refusal> {
        let code = self.code()?;
        let broker = &self.world.broker;
        let browser = self.browser(&self.session);
        let without = broker.disable_totp(browser, &self.password, Factor::RecoveryCode(&code)).await?;
        did("totp.disabled", "user", self.user);
        self.session = without;
        let enrolment = broker.start_totp(self.browser(&self.session), &self.password, None).await?;
        did("totp.enrolment_started", "user", self.user);
        let uri = enrolment.otpauth_uri.expose_secret();
        let shown = |at| shown_code(uri, at).ok_or_else(|| Refusal::not_found("code"));
        // The code of the step before: that of this one proves a sign-in afterwards.
        let now = broker.now();
        let before = shown(now - chrono::Duration::seconds(30))?;
        self.session = broker.confirm_totp(self.browser(&self.session), &before).await?.opened;
        did("totp.enrolled", "user", self.user);
        let half = self.password(&self.password).await?.opened;
        let code = shown(now)?;
        let admitted = broker.second_factor(self.browser(&half), Factor::Totp(&code)).await?;
        did("second_factor.accepted", "user", self.user);
        self.session = admitted.opened;
        Ok(())
    }

    /// Recovered by an operator, signed in once more, and taken out of the catalogue: signed out, and their names erased.
    async fn leave(&mut self) -> Result<(), Refusal> {
        let broker = &self.world.broker;
        broker.recover_account(&self.email, Recovery::SecondFactor).await?;
        did("account.recovered", "user", self.user);
        let here = self.password(&self.password).await?.opened;
        did("session.opened", "session", here.session.id);
        apply(self.world, &place()?.catalogue()).await?;
        did("user.signed_out", "user", self.user);
        broker.erase_person(&self.email).await?;
        did("audit.erased", "person", self.user);
        let ada = self.world.caller(ADMINISTRATOR).await?;
        broker.rotate_client_secret(By::Person(&ada), WORKLOAD).await?;
        Ok(())
    }
}
