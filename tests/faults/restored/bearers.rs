//! What opens something by itself.
use hallpass_broker::credentials::token::IssuedToken;
use hallpass_domain::account::{ApiToken, Session, Strength};
use hallpass_domain::ids::{ApiTokenId, SessionId};
use hallpass_domain::principal::ClientOf;
use hallpass_domain::secret::new_secret;
use hallpass_domain::transition::{Change, Transition};
use hallpass_tests::world::{REQUESTER, World};
use secrecy::{ExposeSecret as _, SecretString};

/// What the copy holds that opens by itself.
pub(super) struct Bearers {
    pub(super) kept: IssuedToken,
    pub(super) revoked: IssuedToken,
    cookie: SecretString,
    api_token: SecretString,
}

impl Bearers {
    pub(super) async fn made(world: &World) -> Self {
        let now = world.broker.now();
        let user = world.caller(REQUESTER).await.expect("the requester").user().expect("a person");
        let (cookie, hash) = new_secret("hps").expect("random");
        let session = Session {
            id: SessionId::new(now),
            hash,
            user_id: Some(user),
            strength: Strength::Session,
            csrf: "csrf".to_owned(),
            next: None,
            agent: "a browser".to_owned(),
            network: "127.0.0.1".to_owned(),
            created_at: now,
            seen_at: now,
            expires_at: now + chrono::Duration::hours(1),
            ended_at: None,
            device_tries: 0,
            version: 1,
        };
        let (api_token, hash) = new_secret("hpa").expect("random");
        let clients = world.broker.store.clients().await.expect("clients");
        let token = ApiToken {
            id: ApiTokenId::new(now),
            hash,
            user_id: Some(user),
            client_id: clients.iter().find(|c| c.of == ClientOf::CommandLine).expect("a client").id,
            label: "a laptop".to_owned(),
            created_at: now,
            expires_at: now + chrono::Duration::hours(1),
            revoked_at: None,
            version: 1,
        };
        let made = Transition::new(now)
            .with(Change::Session(Box::new(session)))
            .with(Change::ApiToken(Box::new(token)));
        world.broker.commit(made).await.expect("both");
        let grant = world.grant("api-read", "1h").await.expect("a grant");
        let (kept, revoked) =
            (world.token(&grant).await.expect("a token"), world.token(&grant).await.expect("a token"));
        Self { kept, revoked, cookie, api_token }
    }

    /// Which of them open something.
    pub(super) async fn alive(&self, world: &World) -> [bool; 4] {
        let (broker, now) = (&world.broker, world.broker.now());
        [
            world.is_active(&self.kept).await,
            world.is_active(&self.revoked).await,
            broker.glance_at_session(self.cookie.expose_secret(), now).await.expect("a look").is_some(),
            broker.caller_from_api_token(self.api_token.expose_secret(), now).await.is_ok(),
        ]
    }
}
