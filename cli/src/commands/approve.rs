//! `hallpass approve`.
use clap::Args;
use hallpass_client::wire::common::Verdict;

use super::decide::{DecideArgs, Wanted};
use super::{decide, time};
use crate::ctx::Ctx;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Shows what is decided on and asks. Where a fresh second factor is wanted, it names the page to decide on.

Examples:
  hallpass list --to-approve
  hallpass approve R-7KQ2M9XW4T --for 1h --comment \"one hour first\"";

/// Arguments.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ApproveArgs {
    #[command(flatten)]
    decide: DecideArgs,
    /// Shorten it to this time, such as 1h
    #[arg(long = "for", value_name = "TIME", allow_hyphen_values = true)]
    length: Option<String>,
    /// What the others read
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

pub(super) async fn perform(ctx: &Ctx, args: ApproveArgs) -> Result<(), Failure> {
    let length = args.length.as_deref().map(time::length).transpose()?;
    decide::perform(ctx, args.decide, Wanted { verdict: Verdict::Approve, length, comment: args.comment })
        .await
}
