//! People of a test server: accounts on first use, sign-in as they do it, API tokens by the device flow, workloads.
use chrono::TimeDelta;
use hallpass_broker::HumanCaller;
use hallpass_broker::events::event;
use hallpass_domain::secret::random_alphanumeric;
use hallpass_domain::transition::{Change, Transition};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::browserless::Browser;
use crate::caller::Caller;
use crate::cast;
use crate::server::TestServer;
use crate::wait::eventually_within;

/// Somebody with an account.
#[derive(Clone, Debug)]
pub struct Person {
    /// Address.
    pub email: String,
    /// Password.
    pub password: String,
    /// Seed of the authenticator app, base32.
    pub seed: Option<String>,
    /// The last step whose code was used.
    last_step: i64,
}

impl TestServer {
    /// The account of somebody (by key), made on first use as an hour old.
    ///
    /// # Panics
    /// Where it cannot be made.
    pub async fn account(&self, key: &str) -> Person {
        if let Some(person) = self.lock_people().get(key) {
            return person.clone();
        }
        let email = cast::email(key);
        let broker = self.broker();
        let catalogue = broker.catalogue().await.expect("the catalogue");
        let user = catalogue.users.values().find(|u| u.email.as_str() == email).expect("in the catalogue");
        let password = format!("pass-{key}-{}", random_alphanumeric(20).expect("randomness"));
        let made_at = broker.now() - TimeDelta::hours(1);
        let secret = SecretString::from(password.clone());
        let prepared =
            broker.prepare_account(user, &secret, cast::person(key).totp, made_at).await.expect("an account");
        let seed = prepared.otpauth_uri.map(|uri| {
            let (_, rest) = uri.expose_secret().split_once("secret=").expect("a seed");
            rest.split('&').next().unwrap_or_default().to_owned()
        });
        let mut account = prepared.account;
        account.version =
            broker.store.account(user.id).await.expect("the store").map_or(1, |a| a.version + 1);
        let made = event(
            broker.now(),
            "password.set",
            "system:test",
            &[("user", user.id.to_string())],
            json!({}),
            json!({}),
        );
        let transition = Transition::new(broker.now()).with(Change::Account(Box::new(account))).event(made);
        broker.commit(transition).await.expect("the account is stored");
        self.secrets.plant(&format!("{key}'s password"), &password);
        if let Some(seed) = &seed {
            self.secrets.plant(&format!("{key}'s seed"), seed);
        }
        let person = Person { email, password, seed, last_step: 0 };
        self.lock_people().insert(key.to_owned(), person.clone());
        person
    }

    /// A code of somebody's app that was not used yet. Three are right at any moment; where all of them are used, the
    /// fake clock is moved on, and real time waited for.
    ///
    /// # Panics
    /// Where they have no app.
    pub async fn totp(&self, key: &str) -> String {
        let person = self.account(key).await;
        let fake = self.has_fake_clock();
        // The one before is good, too, and leaves two for later; but not where real time may end it on its way.
        let before = i64::from(fake || self.now().timestamp() % 30 < 20);
        let step = (person.last_step + 1).max(self.now().timestamp() / 30 - before);
        let is_right = || step <= self.now().timestamp() / 30 + 1;
        while fake && !is_right() {
            self.advance(30);
        }
        let wait = std::time::Duration::from_secs(60);
        eventually_within(wait, "a code that was not used", || async { is_right().then_some(()) }).await;
        if let Some(person) = self.lock_people().get_mut(key) {
            person.last_step = step;
        }
        code_at(person.seed.as_deref().expect("an authenticator app"), step)
    }

    /// The code of somebody's app now, used or not.
    pub async fn totp_now(&self, key: &str) -> String {
        let person = self.account(key).await;
        code_at(person.seed.as_deref().expect("an authenticator app"), self.now().timestamp() / 30)
    }

    /// A browser in which somebody has signed in, with the second factor where they have one.
    pub async fn sign_in(&self, key: &str) -> Browser {
        let browser = self.browser();
        self.sign_in_with(&browser, key).await;
        browser
    }

    /// Signs somebody in with a browser; where that led.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn sign_in_with(&self, browser: &Browser, key: &str) -> crate::browserless::Page {
        let person = self.account(key).await;
        let form = browser.get("/sign-in").await.expect(200).form("/sign-in");
        let form = form.with("email", person.email.as_str()).with("password", person.password.as_str());
        let mut page = browser.send(&form).await.expect(303);
        if page.header("location") == "/sign-in/second-factor" {
            let form = browser.get("/sign-in/second-factor").await.expect(200).form("/sign-in/second-factor");
            page = browser.send(&form.with("totp", self.totp(key).await)).await.expect(303);
        }
        browser.follow(page).await.expect(200)
    }

    /// Somebody's API token, by the device flow.
    pub async fn api(&self, key: &str) -> Caller {
        let browser = self.sign_in(key).await;
        self.api_with(&browser).await
    }

    /// An API token for whoever has just signed in with this browser, by the device flow.
    ///
    /// # Panics
    /// Where a step of it fails.
    pub async fn api_with(&self, browser: &Browser) -> Caller {
        let client = self.client();
        let device = client.device_authorization("test machine").await.expect("a device code");
        self.secrets.plant("a device code", &device.device_code);
        let form = browser.get("/device").await.expect(200).form("/device");
        let confirm = browser.send(&form.with("user_code", device.user_code.as_str())).await.expect(200);
        let form = confirm.form("/device/confirm").with("answer", "allow");
        let _ = browser.send(&form).await.expect(200);
        match client.device_token(&device.device_code).await.expect("a token") {
            hallpass_client::api::oauth::Poll::Token(token) => {
                self.secrets.plant("an API token", &token.access_token);
                self.nobody().with(&token.access_token)
            }
            other => panic!("{other:?}"),
        }
    }

    /// The HTTP client that the command uses, without a token.
    ///
    /// # Panics
    /// Where it cannot be set up.
    pub fn client(&self) -> hallpass_client::Client {
        let base = hallpass_client::BaseUrl::parse(&self.base_url).expect("the base URL");
        let timeout = std::time::Duration::from_secs(40);
        let config =
            hallpass_client::Config { base, timeout, ca_file: None, trace: None, trace_bodies: false };
        hallpass_client::Client::new(config).expect("a client")
    }

    /// [`Self::client`] with the token of `api`.
    pub fn client_as(&self, api: &Caller) -> hallpass_client::Client {
        self.client().with_token(SecretString::from(api.token().to_owned()))
    }

    /// A workload's API token.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn workload(&self, client_id: &str) -> Caller {
        let fields = [("grant_type", "client_credentials"), ("scope", "hallpass.api")];
        let answer =
            self.nobody().oauth("token", Some((client_id, self.secret(client_id))), &fields).await.ok(200);
        let token = answer["access_token"].as_str().expect("a token");
        self.secrets.plant("a workload's API token", token);
        self.nobody().with(token)
    }

    /// A client's secret.
    ///
    /// # Panics
    /// Where there is no such client.
    pub fn secret(&self, client_id: &str) -> &str {
        self.clients.get(client_id).unwrap_or_else(|| panic!("no client {client_id}"))
    }

    /// What a resource server is told about a token.
    pub async fn introspect(&self, resource_server: &str, token: &str) -> serde_json::Value {
        let basic = Some((resource_server, self.secret(resource_server)));
        self.nobody().oauth("introspect", basic, &[("token", token)]).await.ok(200)
    }

    /// Whoever has signed in with this browser, as use cases see them.
    ///
    /// # Panics
    /// Where nobody has.
    pub async fn human(&self, browser: &Browser) -> HumanCaller {
        let cookie =
            browser.cookie("hallpass").or_else(|| browser.cookie("__Host-hallpass")).expect("a session");
        let visitor = self.broker().session_for_cookie(&cookie, self.now()).await.expect("the store");
        visitor.expect("a live session").human().expect("signed in")
    }
}

/// The code of a seed in a step of 30 s (RFC 6238).
pub fn code_at(seed: &str, step: i64) -> String {
    let secret = totp_rs::Secret::try_from_base32(seed).expect("a seed");
    let totp: totp_rs::Totp = totp_rs::Builder::new().with_secret(secret).build().expect("an app");
    totp.generate(u64::try_from(step * 30).unwrap_or_default()).to_string()
}
