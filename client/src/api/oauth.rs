//! OAuth: how the command and workloads get their tokens.
use data_encoding::BASE64;
use reqwest::header::HeaderValue;
use reqwest::{Method, Url};
use secrecy::{ExposeSecret as _, SecretString};

use crate::Error;
use crate::http::Client;
use crate::wire::oauth::{
    COMMAND_LINE_CLIENT, DEVICE_GRANT, DeviceAuthorization, Introspection, JwkSet, Metadata, TokenAnswer,
};

/// A workload's client id and secret.
#[derive(Clone, Debug)]
pub struct ClientSecret {
    /// `client_id`.
    pub id: String,
    /// Its secret.
    pub secret: SecretString,
}

impl ClientSecret {
    /// `Authorization: Basic`: both parts are form-urlencoded first (RFC 6749 §2.3.1).
    fn basic(&self) -> Result<HeaderValue, Error> {
        let text = format!("{}:{}", form_encoded(&self.id), form_encoded(self.secret.expose_secret()));
        HeaderValue::from_str(&format!("Basic {}", BASE64.encode(text.as_bytes())))
            .map_err(|_| Error::Setting("the client id or secret cannot be sent".to_owned()))
    }
}

/// `application/x-www-form-urlencoded`, one value.
fn form_encoded(text: &str) -> String {
    let Ok(mut url) = Url::parse("form:") else { return String::new() };
    url.query_pairs_mut().append_key_only(text);
    url.query().unwrap_or_default().to_owned()
}

/// What a poll for a device's token found.
#[derive(Debug)]
pub enum Poll {
    /// Allowed.
    Token(TokenAnswer),
    /// Not yet.
    Pending,
    /// Not yet, and the polls come too fast: five seconds more from now on.
    SlowDown,
}

impl Client {
    /// `POST /oauth/token`, `client_credentials` with one scope: `hallpass.api` or the name of a role.
    pub async fn client_credentials(&self, client: &ClientSecret, scope: &str) -> Result<TokenAnswer, Error> {
        let call = self
            .call(Method::POST, ["oauth", "token"])
            .form(&[("grant_type", "client_credentials"), ("scope", scope)])
            .basic(client.basic()?);
        self.json(call).await
    }

    /// `POST /oauth/device_authorization` for the command, from a computer of that name.
    pub async fn device_authorization(&self, machine: &str) -> Result<DeviceAuthorization, Error> {
        let pairs = [
            ("client_id", COMMAND_LINE_CLIENT),
            ("scope", crate::wire::oauth::API_SCOPE),
            ("machine", machine),
        ];
        self.json(self.call(Method::POST, ["oauth", "device_authorization"]).form(&pairs)).await
    }

    /// One poll of `POST /oauth/token` for a device's token.
    pub async fn device_token(&self, device_code: &str) -> Result<Poll, Error> {
        let pairs =
            [("grant_type", DEVICE_GRANT), ("device_code", device_code), ("client_id", COMMAND_LINE_CLIENT)];
        match self.json(self.call(Method::POST, ["oauth", "token"]).form(&pairs)).await {
            Ok(token) => Ok(Poll::Token(token)),
            Err(Error::Oauth { error, .. }) if error.error == "authorization_pending" => Ok(Poll::Pending),
            Err(Error::Oauth { error, .. }) if error.error == "slow_down" => Ok(Poll::SlowDown),
            Err(other) => Err(other),
        }
    }

    /// `POST /oauth/revoke`, by the client that the token was issued to; the command's own where none is given.
    pub async fn revoke_token(
        &self,
        token: &SecretString,
        client: Option<&ClientSecret>,
    ) -> Result<(), Error> {
        let call = self.call(Method::POST, ["oauth", "revoke"]);
        let call = match client {
            Some(client) => call.form(&[("token", token.expose_secret())]).basic(client.basic()?),
            None => call.form(&[("token", token.expose_secret()), ("client_id", COMMAND_LINE_CLIENT)]),
        };
        self.send(call).await.map(drop)
    }

    /// `POST /oauth/introspect`, by a resource server about a token that it was sent.
    pub async fn introspect(
        &self,
        client: &ClientSecret,
        token: &SecretString,
    ) -> Result<Introspection, Error> {
        let call = self
            .call(Method::POST, ["oauth", "introspect"])
            .form(&[("token", token.expose_secret())])
            .basic(client.basic()?);
        self.json(call).await
    }

    /// `GET /oauth/jwks.json`: the keys that tokens are signed with (RFC 7517 §5).
    pub async fn jwks(&self) -> Result<JwkSet, Error> {
        self.json(self.call(Method::GET, ["oauth", "jwks.json"])).await
    }

    /// `GET /.well-known/oauth-authorization-server`.
    pub async fn metadata(&self) -> Result<Metadata, Error> {
        self.json(self.call(Method::GET, [".well-known", "oauth-authorization-server"])).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_encodes_both_parts_first() {
        let client = ClientSecret { id: "ci:build".to_owned(), secret: SecretString::from("a%b+c d") };
        let value = client.basic().unwrap();
        let encoded = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(BASE64.decode(encoded.as_bytes()).unwrap(), b"ci%3Abuild:a%25b%2Bc+d");
    }
}
