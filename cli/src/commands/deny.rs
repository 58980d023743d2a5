//! `hallpass deny`.
use clap::Args;
use hallpass_client::wire::common::Verdict;

use super::decide::{self, DecideArgs, Wanted};
use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::term;

const EXAMPLES: &str = "\
Examples:
  hallpass deny R-7KQ2M9XW4T --comment \"the nightly report has it\"";

/// Arguments.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DenyArgs {
    #[command(flatten)]
    decide: DecideArgs,
    /// Why; the requester reads it
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

pub(super) async fn perform(ctx: &Ctx, args: DenyArgs) -> Result<(), Failure> {
    let comment = match args.comment {
        Some(comment) => comment,
        None if ctx.settings.can_ask() => term::ask("Why not? The requester reads this:").await?,
        None => return Err(Failure::usage("missing", "A denial needs a comment").next("add --comment TEXT")),
    };
    decide::perform(ctx, args.decide, Wanted { verdict: Verdict::Deny, length: None, comment: Some(comment) })
        .await
}
