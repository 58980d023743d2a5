//! `hallpass token`: the token alone and a line break on stdout, nothing else.
use chrono::TimeDelta;
use clap::Args;
use hallpass_client::Client;
use hallpass_client::api::new_key;
use hallpass_client::wire::common::CredentialKind;
use hallpass_client::wire::credentials::Issued;
use hallpass_client::wire::requests::RequestOutcome;
use serde_json::json;

use super::pick;
use super::request::{self, AskArgs};
use crate::clock;
use crate::ctx::Ctx;
use crate::failure::{Exit, Failure};
use crate::out::{self, Answer, Body, Format, safe};
use crate::sign_in::Identity;
use crate::term;

const EXAMPLES: &str = "\
Examples:
  T=$(hallpass token deploy --if-needed --reason \"$CI_JOB_URL\" --wait=5m) || exit
  hallpass token deploy --header | curl -H @- https://deploy.example.org/";

/// Arguments.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TokenArgs {
    /// Name of the role
    role: String,
    /// Write the token although stdout is a terminal
    #[arg(long)]
    show: bool,
    /// Write a header line for `curl -H @-`
    #[arg(long)]
    header: bool,
    /// Ask for the role where there is no active grant; needs --reason
    #[arg(long)]
    if_needed: bool,
    #[command(flatten)]
    ask: AskArgs,
}

pub(super) async fn perform(ctx: &Ctx, args: TokenArgs) -> Result<(), Failure> {
    let secret_shown = ctx.settings.field.as_deref().is_none_or(|field| field == "access_token");
    if term::stdout_is_tty() && !args.show && secret_shown {
        return Err(Failure::usage("terminal", "The token would stay on the screen")
            .next(format!("T=$(hallpass token {}), or add --show", args.role)));
    }
    if args.if_needed {
        ask_if_needed(ctx, &args.role, &args.ask).await?;
    }
    let client = ctx.anonymous()?;
    let token = fetch(ctx, &client, &ctx.identity()?, &args.role).await?;
    if args.header {
        return out::write(format!("Authorization: Bearer {}\n", token.access_token).as_bytes());
    }
    // The token itself is shown in every format but JSON and a named field.
    if ctx.settings.field.is_none() && ctx.settings.format != Format::Json {
        return out::write(format!("{}\n", token.access_token).as_bytes());
    }
    ctx.show(&Answer { json: token.json, body: Body::Value(token.access_token) })
}

/// A fetched token.
pub(super) struct Fetched {
    /// The token; visible ASCII.
    pub(super) access_token: String,
    /// When it stops working.
    pub(super) expires_at: chrono::DateTime<chrono::Utc>,
    /// Everything about it.
    pub(super) json: serde_json::Value,
}

/// Fetches a token: a workload by `client_credentials`, anyone else under an active grant.
pub(super) async fn fetch(
    ctx: &Ctx,
    client: &Client,
    identity: &Identity,
    role: &str,
) -> Result<Fetched, Failure> {
    let fetched = match identity {
        Identity::Workload(workload) => {
            let answer = ctx.busy(client, client.client_credentials(workload, role)).await.map_err(
                |mut failure| {
                    if failure.exit == Exit::NotFound {
                        failure.next = Some(format!("hallpass request {role} --reason … --wait"));
                    }
                    failure
                },
            )?;
            let expires_at = clock::now() + TimeDelta::try_seconds(answer.expires_in).unwrap_or_default();
            let json = json!({
                "access_token": answer.access_token, "token_type": answer.token_type, "expires_in": answer.expires_in,
                "expires_at": expires_at, "role": role, "authorization_details": answer.authorization_details,
            });
            Fetched { access_token: answer.access_token, expires_at, json }
        }
        Identity::Token(_) => {
            let client = client.clone().with_token(ctx.busy(client, identity.api_token(client)).await?);
            let grant = pick::active_grant(ctx, &client, role).await?;
            if grant.role.credential_kind == CredentialKind::PostgresqlLogin {
                return Err(no_token(role));
            }
            match ctx.busy(&client, client.issue(&grant.id, Some(CredentialKind::AccessToken))).await? {
                Issued::AccessToken(issued) => {
                    let json = crate::view::value(&issued);
                    Fetched { access_token: issued.access_token, expires_at: issued.expires_at, json }
                }
                Issued::PostgresqlLogin(_) => return Err(no_token(role)),
            }
        }
    };
    if safe::is_plain_secret(&fetched.access_token) {
        Ok(fetched)
    } else {
        Err(Failure::new(Exit::Failed, "strange_answer", "The server's token is not one"))
    }
}

fn no_token(role: &str) -> Failure {
    Failure::usage("kind", format!("{role} gives a database login, not a token"))
        .next(format!("hallpass run {role} -- psql"))
}

/// Asks unless there is a grant, and waits as was said.
async fn ask_if_needed(ctx: &Ctx, role: &str, ask: &AskArgs) -> Result<(), Failure> {
    let mut new = request::new_request(ctx, role, ask).await?;
    new.if_needed = true;
    let client = ctx.client().await?;
    let request = match ctx.busy(&client, client.ask(&new, &new_key())).await? {
        RequestOutcome::Created { request } => {
            request::announce(ctx, &request);
            *request
        }
        RequestOutcome::Current { grant: None, request: Some(request) } => *request,
        RequestOutcome::Current { .. } | RequestOutcome::DryRun { .. } => return Ok(()),
    };
    let decided = request::settle(ctx, &client, request, ask.wait.as_deref()).await?;
    crate::view::request::outcome(&decided)
}
