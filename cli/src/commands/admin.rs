//! `hallpass admin`: the catalogue as code, and client secrets.
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use hallpass_client::api::new_key;
use hallpass_client::wire::admin::{ApplyCatalogue, CatalogueDiff, ChangeAction};

use super::hand_over::{SecretsArgs, hand_over};
use super::{objects, targets};
use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::out::{Answer, Body, Column, Table};
use crate::{term, view};

/// The commands.
#[derive(Subcommand)]
pub(crate) enum AdminCommand {
    /// Show what a catalogue file would change, and apply it
    Apply(ApplyArgs),
    /// Objects of the catalogue
    Get(objects::GetArgs),
    /// Try a target with a throw-away login: what revocation needs must work there
    Check(CheckArgs),
    /// Accounts at targets that are not as the records say
    Findings(FindingsArgs),
    /// Say yes to the removal of an account that no record knows
    RemoveAccount(RemoveArgs),
    /// A new secret for an OAuth client, in place of the one before
    RotateSecret(RotateArgs),
}

/// Arguments of `admin check`.
#[derive(Args)]
pub(crate) struct CheckArgs {
    /// Name of the target
    target: String,
}

/// Arguments of `admin findings`.
#[derive(Args)]
pub(crate) struct FindingsArgs {
    /// Only those at the target of this name
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
}

/// Arguments of `admin remove-account`.
#[derive(Args)]
pub(crate) struct RemoveArgs {
    /// Id of the finding, as `admin findings` lists it
    finding: String,
}

/// Arguments of `admin rotate-secret`.
#[derive(Args)]
pub(crate) struct RotateArgs {
    /// The OAuth client id
    client_id: String,
    #[command(flatten)]
    secrets: SecretsArgs,
}

/// Arguments of `admin apply`.
#[derive(Args)]
pub(crate) struct ApplyArgs {
    /// The catalogue file; `-` for standard input
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    file: PathBuf,
    /// Apply without a question
    #[arg(long)]
    yes: bool,
    /// Only show the difference
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    secrets: SecretsArgs,
}

pub(super) async fn perform(ctx: &Ctx, command: AdminCommand) -> Result<(), Failure> {
    match command {
        AdminCommand::Apply(args) => apply(ctx, args).await,
        AdminCommand::Get(args) => objects::get(ctx, args).await,
        AdminCommand::Check(args) => targets::check(ctx, &args.target).await,
        AdminCommand::Findings(args) => targets::findings(ctx, args.target.as_deref()).await,
        AdminCommand::RemoveAccount(args) => targets::remove(ctx, &args.finding).await,
        AdminCommand::RotateSecret(args) => rotate(ctx, args).await,
    }
}

async fn apply(ctx: &Ctx, args: ApplyArgs) -> Result<(), Failure> {
    let toml = read(&args.file)?;
    let client = ctx.client().await?;
    let look = ApplyCatalogue { toml: toml.clone(), apply: false, if_revision: None };
    let diff = ctx.busy(&client, client.catalogue(&look, &new_key())).await?;
    for warning in &diff.warnings {
        ctx.say(&format!("Warning: {warning}"));
    }
    for check in &diff.checks {
        ctx.say(&targets::describe(check));
    }
    if args.dry_run || diff.changes.is_empty() {
        if diff.changes.is_empty() {
            ctx.say("Nothing differs.");
        }
        return ctx.show(&answer(&diff));
    }
    ctx.say(&describe(&diff));
    if !args.yes {
        if !ctx.settings.can_ask() {
            return Err(Failure::usage(
                "no_terminal",
                "There is no terminal to ask at, so nothing was applied",
            )
            .next("add --yes, or --dry-run to look only"));
        }
        term::confirm(&format!("Apply {} changes?", diff.changes.len())).await?;
    }
    args.secrets.ready()?;
    let real = ApplyCatalogue { toml, apply: true, if_revision: Some(diff.revision) };
    let applied = ctx.busy(&client, client.catalogue(&real, &new_key())).await?;
    ctx.say(&format!("Applied; the catalogue is at revision {}.", applied.revision));
    for check in &applied.checks {
        ctx.say(&targets::describe(check));
    }
    for warning in applied.warnings.iter().filter(|w| !diff.warnings.contains(w)) {
        ctx.say(&format!("Warning: {warning}"));
    }
    for ended in &applied.ended {
        ctx.say(ended);
    }
    let mut applied = applied;
    hand_over(ctx, &mut applied.new_clients, args.secrets.secrets_dir.as_deref())?;
    if ctx.is_for_people() { Ok(()) } else { ctx.show(&answer(&applied)) }
}

async fn rotate(ctx: &Ctx, args: RotateArgs) -> Result<(), Failure> {
    args.secrets.ready()?;
    let client = ctx.client().await?;
    let made = ctx.busy(&client, client.rotate_client_secret(&args.client_id, &new_key())).await?;
    let mut made = vec![made];
    hand_over(ctx, &mut made, args.secrets.secrets_dir.as_deref())?;
    match (ctx.is_for_people(), made.first()) {
        (false, Some(made)) => ctx.show(&Answer {
            json: view::value(made),
            body: Body::Value(made.client_secret.clone().unwrap_or_default()),
        }),
        _ => Ok(()),
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|content| text = content)
    };
    read.map(|()| text)
        .map_err(|error| Failure::usage("file", format!("{} cannot be read: {error}", path.display())))
}

fn sign(action: ChangeAction) -> char {
    match action {
        ChangeAction::Add => '+',
        ChangeAction::Retire => '-',
        ChangeAction::Change | ChangeAction::Unknown => '~',
    }
}

/// The difference, as people read it.
fn describe(diff: &CatalogueDiff) -> String {
    let mut lines = Vec::new();
    for change in &diff.changes {
        lines.push(format!("{} {} {}", sign(change.action), change.noun, change.name));
        for field in &change.fields {
            let before = field.before.as_deref().unwrap_or("(none)");
            let after = field.after.as_deref().unwrap_or("(none)");
            lines.push(match change.action {
                ChangeAction::Add => format!("    {}: {after}", field.field),
                _ => format!("    {}: {before} → {after}", field.field),
            });
        }
    }
    lines.join("\n")
}

fn answer(diff: &CatalogueDiff) -> Answer {
    let columns = vec![
        Column::new("Change", 0),
        Column::new("Noun", 0),
        Column::new("Name", 0),
        Column::new("What", 1),
    ];
    let rows = diff
        .changes
        .iter()
        .map(|change| {
            let fields: Vec<&str> = change.fields.iter().map(|field| field.field.as_str()).collect();
            vec![change.action.to_string(), change.noun.clone(), change.name.clone(), fields.join(", ")]
        })
        .collect();
    Answer { json: view::value(diff), body: Body::Table(Table::new(columns, rows)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hallpass_client::wire::admin::{CatalogueChange, FieldChange};

    #[test]
    fn differences_read_like_differences() {
        let field = |before: Option<&str>, after: Option<&str>| FieldChange {
            field: "max".to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        let change = |action, name: &str, fields| CatalogueChange {
            action,
            noun: "role".to_owned(),
            name: name.to_owned(),
            fields,
        };
        let diff = CatalogueDiff {
            applied: false,
            revision: 3,
            warnings: Vec::new(),
            checks: Vec::new(),
            new_clients: Vec::new(),
            ended: Vec::new(),
            changes: vec![
                change(ChangeAction::Add, "a", vec![field(None, Some("2 h"))]),
                change(ChangeAction::Change, "b", vec![field(Some("1 h"), Some("2 h"))]),
                change(ChangeAction::Retire, "c", vec![]),
            ],
        };
        assert_eq!(describe(&diff), "+ role a\n    max: 2 h\n~ role b\n    max: 1 h → 2 h\n- role c");
    }
}
