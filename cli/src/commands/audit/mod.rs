//! `hallpass audit`: read, export, verify.
use std::fs::OpenOptions;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use hallpass_client::api::Paging;
use hallpass_client::api::audit::EventFilter;

use super::time;
use crate::clock;
use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::out::{self, Answer, Body, Column, Table};
use crate::view;

mod compare;
mod keys;
mod prove;
mod receipt;
mod told;
mod verify;

/// The commands.
#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Events, newest first
    Search(SearchArgs),
    /// The whole sealed log as JSON lines, for `audit verify --export`
    Export(ExportArgs),
    /// The newest signed checkpoint: keep it where the server's operator cannot change it
    Checkpoint,
    /// The verifier key of the log: keep it beside the checkpoint
    Vkey,
    /// Check an export or a receipt, offline
    Verify(verify::VerifyArgs),
}

/// Arguments of `audit search`.
#[derive(Args)]
pub(crate) struct SearchArgs {
    /// A kind (grant.ended) or a family (grant.)
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// user:ID, workload:ID, system, or a mail address
    #[arg(long, value_name = "ACTOR")]
    actor: Option<String>,
    /// NOUN:ID, or the reference of a request
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// From this time on: 17:30, "2026-11-23 17:30", RFC 3339
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,
    /// Before this time
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Go on after this cursor (`next` of the JSON answer)
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

/// Arguments of `audit export`.
#[derive(Args)]
pub(crate) struct ExportArgs {
    /// Where to write it; `-` for stdout
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

pub(super) async fn perform(ctx: &Ctx, command: AuditCommand) -> Result<(), Failure> {
    match command {
        AuditCommand::Search(args) => search(ctx, args).await,
        AuditCommand::Export(args) => export(ctx, args).await,
        AuditCommand::Checkpoint => {
            let client = ctx.client().await?;
            let note = ctx.busy(&client, client.audit_checkpoint()).await?;
            // A signed note is text whose every byte counts; only one that is no such text is refused.
            if note.chars().any(|c| c.is_control() && c != '\n') {
                return Err(Failure::new(
                    crate::failure::Exit::Failed,
                    "strange_answer",
                    "The checkpoint has control characters",
                ));
            }
            out::write(note.as_bytes())
        }
        AuditCommand::Vkey => {
            let client = ctx.client().await?;
            let vkey = ctx.busy(&client, client.audit_vkey()).await?;
            out::write(format!("{}\n", out::safe::line(vkey.trim())).as_bytes())
        }
        AuditCommand::Verify(args) => verify::perform(ctx, args),
    }
}

async fn search(ctx: &Ctx, args: SearchArgs) -> Result<(), Failure> {
    let when = |text: Option<&str>| text.map(|text| time::past(text).map(|at| at.to_rfc3339())).transpose();
    let filter = EventFilter {
        kind: args.kind,
        actor: args.actor,
        subject: args.subject,
        from: when(args.from.as_deref())?,
        until: when(args.until.as_deref())?,
        paging: Paging { after: args.after, limit: Some(args.limit) },
    };
    let client = ctx.client().await?;
    let page = ctx.busy(&client, client.audit_events(&filter)).await?;
    if page.items.is_empty() {
        ctx.say("There is no such event.");
    }
    let columns = vec![
        Column::new("Index", 2),
        Column::new("Time", 0),
        Column::new("Kind", 0),
        Column::new("Actor", 1),
        Column::new("Summary", 3),
    ];
    let rows = page
        .items
        .iter()
        .map(|event| {
            let index = event.index.map_or_else(|| "unsealed".to_owned(), |index| index.to_string());
            let actor = event.actor_name.clone().unwrap_or_else(|| event.actor.clone());
            vec![index, clock::at(event.at), event.kind.clone(), actor, event.summary.clone()]
        })
        .collect();
    ctx.show(&Answer {
        json: view::list(&page.items, page.next.as_deref()),
        body: Body::Table(Table::new(columns, rows)),
    })
}

async fn export(ctx: &Ctx, args: ExportArgs) -> Result<(), Failure> {
    let client = ctx.client().await?;
    if args.output.as_os_str() == "-" {
        let mut out = BufWriter::new(std::io::stdout());
        client.audit_export(&mut |chunk| out.write_all(chunk)).await?;
        return out.flush().map_err(|error| Failure::local("The export cannot be written", &error));
    }
    let failed = |error: std::io::Error| {
        Failure::local(&format!("{} cannot be written", args.output.display()), &error)
    };
    // Beside its place and renamed at the end: what has the name is whole.
    let part = args.output.with_extension("part");
    // It holds names and reasons.
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part);
    let mut file = BufWriter::new(file.map_err(failed)?);
    let streamed = client.audit_export(&mut |chunk| file.write_all(chunk)).await;
    let done = match streamed {
        Ok(()) => file
            .flush()
            .and_then(|()| file.get_ref().sync_all())
            .and_then(|()| std::fs::rename(&part, &args.output))
            .map_err(failed),
        Err(error) => Err(error.into()),
    };
    if done.is_err() {
        drop(std::fs::remove_file(&part));
    } else {
        ctx.say(&format!(
            "Written to {}. Check it with: hallpass audit verify --export {} --checkpoint FILE --vkey FILE",
            args.output.display(),
            args.output.display()
        ));
    }
    done
}
