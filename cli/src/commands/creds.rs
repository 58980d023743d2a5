//! `hallpass creds`: without a role, what is handed out and not gone; with one, a new credential for another program.
use clap::{Args, ValueEnum};
use hallpass_client::Client;
use hallpass_client::api::Paging;
use hallpass_client::api::access::GrantFilter;
use hallpass_client::wire::common::CredentialKind;
use hallpass_client::wire::credentials::{Credential, CredentialState, Issued, IssuedLogin};
use serde::Serialize;

use super::run::passfile;
use super::{pick, token};
use crate::clock;
use crate::ctx::Ctx;
use crate::failure::{Exit, Failure};
use crate::out::{self, Answer, Body, Column, Format, Table};
use crate::term;
use crate::view;

const EXAMPLES: &str = "\
A new one stops by itself, and with its grant. For one command, `hallpass run` needs no secret on any stream.

Examples:
  hallpass creds                              what may still work
  (umask 077; hallpass creds db-read --as pgpass > \"$XDG_RUNTIME_DIR/pgpass\")
  hallpass creds deploy --as dotenv > deploy.env";

/// Arguments.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CredsArgs {
    /// Issue a new one under the active grant of this role; without it, list those that you have
    role: Option<String>,
    /// How the new one is written, for the program that reads it
    #[arg(long = "as", value_name = "SHAPE", requires = "role", conflicts_with_all = ["json", "format", "field"])]
    shape: Option<Shape>,
    /// Write the secret although stdout is a terminal
    #[arg(long, requires = "role")]
    show: bool,
}

/// What other programs read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// A line for libpq's PGPASSFILE
    Pgpass,
    /// NAME=value lines, as for `docker run --env-file`; the secret is among them
    Dotenv,
}

/// A credential, and the role that it is of.
#[derive(Serialize)]
struct Held {
    role: String,
    #[serde(flatten)]
    credential: Credential,
}

pub(super) async fn perform(ctx: &Ctx, args: CredsArgs) -> Result<(), Failure> {
    match &args.role {
        Some(role) => issue(ctx, role, args.shape, args.show).await,
        None => list(ctx).await,
    }
}

/// Everything of the caller's that may still work, the soonest end first.
async fn list(ctx: &Ctx) -> Result<(), Failure> {
    let client = ctx.client().await?;
    let filter = GrantFilter {
        view: Some("mine".to_owned()),
        state: Some("active,ending".to_owned()),
        role: None,
        paging: Paging { after: None, limit: Some(200) },
    };
    let grants = ctx.busy(&client, client.grants(&filter)).await?;
    if grants.next.is_some() {
        ctx.say("Only those of the first 200 grants are shown.");
    }
    let mut all = Vec::new();
    for grant in grants.items {
        // A list of grants comes without what was issued under them.
        let whole = ctx.busy(&client, client.grant(&grant.id)).await?;
        let held = whole.credentials.into_iter().filter(may_work);
        all.extend(held.map(|credential| Held { role: grant.role.name.clone(), credential }));
    }
    all.sort_by_key(|held| held.credential.not_after);
    if all.is_empty() {
        ctx.say("Nothing is handed out to you. hallpass creds ROLE issues a credential, hallpass run ROLE -- COMMAND one for a command.");
    }
    ctx.show(&Answer { json: view::list(&all, None), body: table(&all) })
}

/// Whether it is not proven gone, and not past the instant from which nobody accepts it.
fn may_work(credential: &Credential) -> bool {
    match credential.state {
        CredentialState::Revoked => false,
        CredentialState::Revoking => true,
        _ => credential.kind != CredentialKind::AccessToken || credential.not_after > clock::now(),
    }
}

fn table(all: &[Held]) -> Body {
    let columns = vec![
        Column::new("Role", 0),
        Column::state("State"),
        Column::new("Until", 0),
        Column::new("Kind", 1),
        Column::new("Target", 2),
        Column::new("Name there", 3),
        Column::new("Grant", 4),
    ];
    let row = |held: &Held| {
        let c = &held.credential;
        let until = match (&c.may_still_work, c.may_work_until) {
            (Some(_), Some(at)) => format!("may work until {}", clock::at(at)),
            (Some(_), None) => "may work until the target answers".to_owned(),
            (None, _) => clock::at_and_left(c.not_after),
        };
        vec![
            held.role.clone(),
            c.state.to_string(),
            until,
            c.kind.to_string(),
            c.target.clone(),
            c.name.clone(),
            c.grant_id.clone(),
        ]
    };
    Body::Table(Table::new(columns, all.iter().map(row).collect()))
}

/// A new credential, its secret included, on stdout.
async fn issue(ctx: &Ctx, role: &str, shape: Option<Shape>, show: bool) -> Result<(), Failure> {
    let named = ctx.settings.field.as_deref();
    let secret_shown = named.is_none_or(|field| matches!(field, "password" | "access_token"));
    if term::stdout_is_tty() && !show && secret_shown {
        return Err(Failure::usage("terminal", "The secret would stay on the screen")
            .next(format!("hallpass run {role} -- COMMAND, or add --show")));
    }
    let identity = ctx.identity()?;
    let anonymous = ctx.anonymous()?;
    let client = anonymous.clone().with_token(ctx.busy(&anonymous, identity.api_token(&anonymous)).await?);
    // What cannot be written is refused before anything is issued.
    match (ctx.busy(&client, client.role(role)).await?.role.credential_kind, shape) {
        (CredentialKind::AccessToken, Some(Shape::Pgpass)) => {
            Err(Failure::usage("kind", format!("{role} gives a token, not a database login"))
                .next(format!("hallpass token {role}")))
        }
        (CredentialKind::AccessToken, shape) => {
            let token = token::fetch(ctx, &anonymous, &identity, role).await?;
            if shape == Some(Shape::Dotenv) {
                return dotenv(&[("HALLPASS_ACCESS_TOKEN", &token.access_token)]);
            }
            let rows = vec![("Ends", clock::at_and_left(token.expires_at)), ("Token", token.access_token)];
            answer(ctx, token.json, rows)
        }
        (CredentialKind::PostgresqlLogin, shape) => {
            let login = login(ctx, &client, role).await?;
            match shape {
                Some(Shape::Pgpass) => out::write(passfile::content(&login)?.as_bytes()),
                Some(Shape::Dotenv) => dotenv(&[
                    ("PGHOST", &login.host),
                    ("PGPORT", &login.port.to_string()),
                    ("PGDATABASE", &login.database),
                    ("PGUSER", &login.user),
                    ("PGPASSWORD", &login.password),
                    ("PGSSLMODE", &login.sslmode),
                ]),
                None => {
                    let json = view::value(&login);
                    let rows = vec![
                        ("Ends", clock::at_and_left(login.expires_at)),
                        ("Host", login.host),
                        ("Port", login.port.to_string()),
                        ("Database", login.database),
                        ("User", login.user),
                        ("Password", login.password),
                        ("TLS", login.sslmode),
                    ];
                    answer(ctx, json, rows)
                }
            }
        }
        (kind, _) => Err(Failure::new(
            Exit::Failed,
            "unknown_kind",
            format!("{role} gives a credential ({kind}) that this version does not know"),
        )),
    }
}

async fn login(ctx: &Ctx, client: &Client, role: &str) -> Result<IssuedLogin, Failure> {
    let grant = pick::active_grant(ctx, client, role).await?;
    match ctx.busy(client, client.issue(&grant.id, Some(CredentialKind::PostgresqlLogin))).await? {
        Issued::PostgresqlLogin(login) => Ok(login),
        Issued::AccessToken(_) => Err(Failure::new(
            Exit::Failed,
            "strange_answer",
            "The server gave another credential than was asked for",
        )),
    }
}

fn answer(ctx: &Ctx, json: serde_json::Value, rows: Vec<(&'static str, String)>) -> Result<(), Failure> {
    if ctx.settings.format == Format::Table && ctx.settings.field.is_none() {
        ctx.say("It is shown this once, and stops by itself. hallpass end gives the access back earlier.");
    }
    ctx.show(&Answer { json, body: Body::Record(rows) })
}

/// `NAME=value` lines. There is no quoting that every reader of such files understands, so what would need it is refused.
fn dotenv(values: &[(&str, &str)]) -> Result<(), Failure> {
    let plain = |value: &str| {
        value.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '\\' | '`' | '$' | '#'))
    };
    if let Some((name, _)) = values.iter().find(|(_, value)| !plain(value)) {
        return Err(Failure::new(
            Exit::Failed,
            "dotenv",
            format!("The value of {name} has characters that programs read in different ways"),
        )
        .next("use --json"));
    }
    let lines: String = values.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    out::write(lines.as_bytes())
}
