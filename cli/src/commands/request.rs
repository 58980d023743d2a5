//! `hallpass request`.
use std::collections::BTreeMap;

use clap::Args;
use hallpass_client::api::new_key;
use hallpass_client::wire::Scope;
use hallpass_client::wire::common::CredentialKind;
use hallpass_client::wire::requests::{NewRequest, Request, RequestOutcome, RequestState};
use hallpass_client::{Client, wire::grants::Grant};

use super::{time, waiting};
use crate::clock;
use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::term;
use crate::view;

const EXAMPLES: &str = "\
Examples:
  hallpass request db-read --for 90m --reason \"slow query\" --ticket INC-1234 --wait
  hallpass request db-read --until 17:30 --scope schema=orders --reason \"slow query\"
  hallpass request db-read --dry-run          who decides, how long it may be";

/// Arguments.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RequestArgs {
    /// Name of the role
    pub(super) role: String,
    #[command(flatten)]
    pub(super) ask: AskArgs,
    /// Only say what would happen; nothing is asked
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    /// Take the active grant or the pending request that there is; ask only where there is none
    #[arg(long)]
    if_needed: bool,
}

/// What is asked for; `token --if-needed` has the same.
#[derive(Args, Clone, Default)]
pub(crate) struct AskArgs {
    /// For how long from the approval: 90m, 2h, 1h30m [default: the role's usual time]
    #[arg(long = "for", value_name = "TIME", conflicts_with = "until", allow_hyphen_values = true)]
    length: Option<String>,
    /// Until when: 17:30, "2026-11-23 17:30", RFC 3339
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// A scope parameter; may be repeated: --scope schema=orders,stock
    #[arg(long, value_name = "NAME=VALUE")]
    scope: Vec<String>,
    /// Why; those who decide read it
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    /// The ticket that it is for
    #[arg(long, value_name = "REF")]
    ticket: Option<String>,
    /// Wait until it is decided, at most so long
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(super) wait: Option<String>,
}

pub(super) async fn perform(ctx: &Ctx, args: RequestArgs) -> Result<(), Failure> {
    let mut new = new_request(ctx, &args.role, &args.ask).await?;
    (new.dry_run, new.if_needed) = (args.dry_run, args.if_needed);
    time::patience(args.ask.wait.as_deref())?;
    let client = ctx.client().await?;
    let outcome = ctx.busy(&client, client.ask(&new, &new_key())).await?;
    let request = match outcome {
        RequestOutcome::DryRun { dry_run } => return ctx.show(&view::request::dry_run(&dry_run)),
        RequestOutcome::Created { request } => {
            announce(ctx, &request);
            *request
        }
        RequestOutcome::Current { grant: Some(grant), .. } => {
            ctx.say(&format!(
                "You have {} until {}; nothing was asked.",
                grant.role.name,
                clock::at(grant.ends_at)
            ));
            return show_current(ctx, &client, &grant).await;
        }
        RequestOutcome::Current { grant: None, request: Some(request) } => {
            ctx.say(&format!("{} is already waiting for a decision; nothing was asked.", request.reference));
            *request
        }
        RequestOutcome::Current { grant: None, request: None } => {
            ctx.say("No request is needed.");
            return Ok(());
        }
    };
    let decided = settle(ctx, &client, request, args.ask.wait.as_deref()).await?;
    ctx.show(&view::request::answer(&decided))
}

/// With `--if-needed` the answer is the request behind the grant where there is one, so that scripts read the same members.
async fn show_current(ctx: &Ctx, client: &Client, grant: &Grant) -> Result<(), Failure> {
    match &grant.reference {
        Some(reference) => {
            ctx.show(&view::request::answer(&ctx.busy(client, client.request(reference, None)).await?))
        }
        None => ctx.show(&view::grant::answer(grant)),
    }
}

/// Waits, where that was asked for, and turns a no into a failure.
pub(super) async fn settle(
    ctx: &Ctx,
    client: &Client,
    request: Request,
    wait: Option<&str>,
) -> Result<Request, Failure> {
    let decided = match wait {
        Some(wait) if request.state == RequestState::Pending => {
            waiting::until_decided(ctx, client, &request.reference, time::patience(Some(wait))?).await?
        }
        _ => request,
    };
    if decided.state != RequestState::Pending {
        view::request::outcome(&decided)?;
        if let Some(grant) = &decided.grant {
            let role = &decided.role.name;
            let next = match decided.role.credential_kind {
                CredentialKind::PostgresqlLogin => format!("hallpass run {role} -- psql"),
                _ => format!("hallpass token {role}, or hallpass run {role} -- COMMAND"),
            };
            ctx.say(&format!("Approved, until {}. Next: {next}", clock::at(grant.ends_at)));
        }
    }
    Ok(decided)
}

/// Tells who decides.
pub(super) fn announce(ctx: &Ctx, request: &Request) {
    if request.state == RequestState::Pending {
        let reference = &request.reference;
        ctx.say(&format!(
            "{reference} sent: {}. Ctrl-C keeps it open; go on with: hallpass wait {reference}",
            request.standing
        ));
    }
}

/// What is sent, from what was typed; asks for a reason at a terminal.
pub(super) async fn new_request(ctx: &Ctx, role: &str, ask: &AskArgs) -> Result<NewRequest, Failure> {
    let reason = match &ask.reason {
        Some(reason) => reason.clone(),
        None if ctx.settings.can_ask() => term::ask(&format!("Why do you need {role}?")).await?,
        None => return Err(Failure::usage("missing", "A reason is needed").next("add --reason TEXT")),
    };
    Ok(NewRequest {
        role: role.to_owned(),
        length: ask.length.as_deref().map(time::length).transpose()?,
        until: ask.until.as_deref().map(time::end).transpose()?,
        scope: scope(&ask.scope)?,
        reason,
        ticket: ask.ticket.clone(),
        dry_run: false,
        if_needed: false,
    })
}

/// `schema=orders,stock` and so on.
fn scope(pairs: &[String]) -> Result<Scope, Failure> {
    let mut scope: Scope = BTreeMap::new();
    for pair in pairs {
        let (name, values) = pair
            .split_once('=')
            .filter(|(name, values)| !name.trim().is_empty() && !values.trim().is_empty())
            .ok_or_else(|| {
                Failure::usage("scope", format!("“{pair}” is not a scope; write --scope NAME=VALUE"))
            })?;
        let known = scope.entry(name.trim().to_owned()).or_default();
        for value in values.split(',').map(str::trim).filter(|value| !value.is_empty()) {
            if !known.iter().any(|k| k == value) {
                known.push(value.to_owned());
            }
        }
    }
    Ok(scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_add_up() {
        let pairs = ["schema=orders,stock".to_owned(), "access=read".to_owned(), "schema=orders".to_owned()];
        let scope = scope(&pairs).unwrap();
        assert_eq!(view::scope_line(&scope), "access: read; schema: orders, stock");
        for bad in ["schema", "=x", "x=", ""] {
            assert!(super::scope(&[bad.to_owned()]).is_err(), "{bad}");
        }
    }
}
