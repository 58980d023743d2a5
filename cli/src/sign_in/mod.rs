//! Who the command speaks for: environment, token helper, or a stored sign-in.
use std::path::Path;

use hallpass_client::api::oauth::ClientSecret;
use hallpass_client::wire::oauth::API_SCOPE;
use hallpass_client::{BaseUrl, Client};
use secrecy::SecretString;

use crate::clock;
use crate::failure::{Exit, Failure};
use crate::out::safe;
use crate::settings::{Settings, path_var, var};

pub(crate) mod helper;
pub(crate) mod store;

/// Who the command speaks for.
#[derive(Clone)]
pub(crate) enum Identity {
    /// A token for `/api/v1`.
    Token(SecretString),
    /// A workload with its secret.
    Workload(ClientSecret),
}

impl Identity {
    /// A token for `/api/v1`; a workload fetches one.
    pub(crate) async fn api_token(&self, client: &Client) -> Result<SecretString, hallpass_client::Error> {
        match self {
            Self::Token(token) => Ok(token.clone()),
            Self::Workload(workload) => {
                Ok(SecretString::from(client.client_credentials(workload, API_SCOPE).await?.access_token))
            }
        }
    }
}

/// Finds who to speak for, the first of: HALLPASS_TOKEN, HALLPASS_TOKEN_FILE, HALLPASS_CLIENT_ID with
/// HALLPASS_CLIENT_SECRET_FILE, HALLPASS_TOKEN_HELPER, the stored sign-in.
pub(crate) fn identity(settings: &Settings, base: &BaseUrl) -> Result<Identity, Failure> {
    if let Some(token) = var("HALLPASS_TOKEN") {
        return token_from("HALLPASS_TOKEN", &token);
    }
    if let Some(path) = path_var("HALLPASS_TOKEN_FILE") {
        return token_from("the file in HALLPASS_TOKEN_FILE", &read_secret(&path)?);
    }
    if let Some(id) = var("HALLPASS_CLIENT_ID") {
        let path = path_var("HALLPASS_CLIENT_SECRET_FILE").ok_or_else(|| {
            Failure::usage("client_secret", "HALLPASS_CLIENT_ID needs HALLPASS_CLIENT_SECRET_FILE, the file that holds the client's secret")
        })?;
        return workload(&id, &path);
    }
    if let Some(program) = path_var("HALLPASS_TOKEN_HELPER")
        && let Some(token) = helper::get(&program, base)?
    {
        return token_from("the token helper's answer", &token);
    }
    match store::read(settings, base)? {
        Some(store::SignIn::Person { token, expires_at, .. }) if expires_at > clock::now() => {
            token_from("the stored token", &token)
        }
        Some(store::SignIn::Workload { client_id, secret_file }) => workload(&client_id, &secret_file),
        expired => {
            let how = if expired.is_some() { "The sign-in has expired" } else { "Not signed in" };
            Err(Failure::new(Exit::SignIn, "not_signed_in", format!("{how} at {}", base.authority()))
                .next(format!("hallpass login --server {base}")))
        }
    }
}

/// A workload with the secret in a file.
pub(crate) fn workload(id: &str, secret_file: &Path) -> Result<Identity, Failure> {
    let secret = read_secret(secret_file)?;
    Ok(Identity::Workload(ClientSecret { id: id.to_owned(), secret: SecretString::from(secret) }))
}

fn token_from(what: &str, text: &str) -> Result<Identity, Failure> {
    let token = text.trim();
    if safe::is_plain_secret(token) {
        Ok(Identity::Token(SecretString::from(token)))
    } else {
        Err(Failure::usage("token", format!("{what} does not hold a token")))
    }
}

/// The secret in a file, read anew each time so that it can be rotated.
fn read_secret(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage("secret_file", format!("{} cannot be read: {error}", path.display()))
    })?;
    Ok(text.trim().to_owned())
}
