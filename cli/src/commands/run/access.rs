//! Which credential, and what the command finds in its environment.
use std::ffi::OsString;

use chrono::{DateTime, Utc};
use hallpass_client::Client;
use hallpass_client::wire::common::CredentialKind;
use hallpass_client::wire::credentials::{Issued, IssuedLogin};

use super::files::Folder;
use super::{authorities, passfile};
use crate::commands::{pick, token};
use crate::ctx::Ctx;
use crate::failure::{Exit, Failure};
use crate::sign_in::Identity;

/// Name of the file that always holds a token that works.
const TOKEN_FILE: &str = "access-token";

/// What of the caller's environment is another's token.
const UNSET_TOKENS: &[&str] = &["HALLPASS_ACCESS_TOKEN", "HALLPASS_ACCESS_TOKEN_FILE"];

/// What of the caller's environment would win over a login, or contradict it.
const UNSET: &[&str] = &["PGPASSWORD", "PGSERVICE", "PGSERVICEFILE", "PGHOSTADDR", "PGREQUIRESSL"];

/// The grant that the run stands on.
pub(super) struct Held {
    /// Id.
    pub(super) id: String,
    /// End.
    pub(super) ends_at: DateTime<Utc>,
}

/// Everything that a run needs.
pub(super) struct Prepared {
    /// Name of the role.
    pub(super) role: String,
    /// Speaks for the caller.
    pub(super) client: Client,
    /// The grant; none for a standing role.
    pub(super) grant: Option<Held>,
    /// Variables for the command.
    pub(super) variables: Vec<(&'static str, OsString)>,
    /// Variables that the command must not have.
    pub(super) unset: &'static [&'static str],
    /// Its files.
    pub(super) folder: Folder,
    /// For roles that give tokens: who fetches the next one, and when this one ends.
    pub(super) tokens: Option<Tokens>,
}

/// How to get the next token.
pub(super) struct Tokens {
    identity: Identity,
    /// End of the token in the file.
    pub(super) expires_at: DateTime<Utc>,
}

/// Fetches the credential and writes its files. A token stands in the environment too, because most programs look for it
/// there, unless `file_secrets` asks for the file alone: an environment is inherited by all that the command starts.
pub(super) async fn prepare(ctx: &Ctx, role_name: &str, file_secrets: bool) -> Result<Prepared, Failure> {
    let identity = ctx.identity()?;
    let anonymous = ctx.anonymous()?;
    let client = anonymous.clone().with_token(ctx.busy(&anonymous, identity.api_token(&anonymous)).await?);
    let role = ctx.busy(&client, client.role(role_name)).await?;
    let standing = role.standing && role.until.is_none() && matches!(identity, Identity::Workload(_));
    let grant = if standing { None } else { Some(pick::active_grant(ctx, &client, role_name).await?) };
    let folder = Folder::new()?;
    let mut variables: Vec<(&'static str, OsString)> = vec![("HALLPASS_ACTIVE", role_name.into())];
    if let Some(grant) = &grant {
        variables.push((
            "HALLPASS_EXPIRES_AT",
            grant.ends_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true).into(),
        ));
    }
    let unset;
    let mut tokens = None;
    match (role.role.credential_kind, &grant) {
        (CredentialKind::AccessToken, _) => {
            let fetched = token::fetch(ctx, &anonymous, &identity, role_name).await?;
            let path = folder.write(TOKEN_FILE, &fetched.access_token)?;
            unset = UNSET_TOKENS;
            if !file_secrets {
                variables.push(("HALLPASS_ACCESS_TOKEN", fetched.access_token.into()));
            }
            variables.push(("HALLPASS_ACCESS_TOKEN_FILE", path.into()));
            tokens = Some(Tokens { identity, expires_at: fetched.expires_at });
        }
        (CredentialKind::PostgresqlLogin, Some(grant)) => {
            let Issued::PostgresqlLogin(login) =
                ctx.busy(&client, client.issue(&grant.id, Some(CredentialKind::PostgresqlLogin))).await?
            else {
                return Err(Failure::new(
                    Exit::Failed,
                    "strange_answer",
                    "The server gave another credential than was asked for",
                ));
            };
            variables.extend(postgresql(&login, &folder)?);
            unset = UNSET;
        }
        (kind, _) => {
            return Err(Failure::new(
                Exit::Failed,
                "unknown_kind",
                format!("{role_name} gives a credential ({kind}) that this version cannot run with"),
            ));
        }
    }
    let grant = grant.map(|grant| Held { id: grant.id, ends_at: grant.ends_at });
    Ok(Prepared { role: role_name.to_owned(), client, grant, variables, unset, folder, tokens })
}

/// libpq's variables. Never PGPASSWORD: every process of the same user can read another's environment.
fn postgresql(login: &IssuedLogin, folder: &Folder) -> Result<Vec<(&'static str, OsString)>, Failure> {
    let passfile = folder.write("pgpass", &passfile::content(login)?)?;
    let mut variables: Vec<(&'static str, OsString)> = vec![
        ("PGHOST", login.host.as_str().into()),
        ("PGPORT", login.port.to_string().into()),
        ("PGDATABASE", login.database.as_str().into()),
        ("PGUSER", login.user.as_str().into()),
        ("PGSSLMODE", login.sslmode.as_str().into()),
        ("PGPASSFILE", passfile.into()),
    ];
    if let Some(authorities) = authorities::of(login, folder)? {
        variables.push(("PGSSLROOTCERT", authorities));
    }
    Ok(variables)
}

impl Prepared {
    /// Fetches a fresh token; none where the role gives none. Holds nothing of this, so that it may go on beside everything else.
    pub(super) fn fetch<'a>(
        &self,
        ctx: &'a Ctx,
    ) -> impl Future<Output = Result<Option<token::Fetched>, Failure>> + use<'a> {
        let from = self.tokens.as_ref().map(|t| (self.client.clone(), t.identity.clone(), self.role.clone()));
        async move {
            match from {
                Some((client, identity, role)) => {
                    token::fetch(ctx, &client, &identity, &role).await.map(Some)
                }
                None => Ok(None),
            }
        }
    }

    /// Puts a fresh token into the file.
    pub(super) fn take(&mut self, fetched: Option<token::Fetched>) -> Result<(), Failure> {
        let (Some(tokens), Some(fetched)) = (&mut self.tokens, fetched) else { return Ok(()) };
        self.folder.write(TOKEN_FILE, &fetched.access_token)?;
        tokens.expires_at = fetched.expires_at;
        Ok(())
    }
}
