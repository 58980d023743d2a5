//! `hallpass approve`.
use clap::Args;
use hallpass_client::wire::common::Verdict;

use super::decide::{DecideArgs, Wanted};
use super::{decide, time};
use crate::ctx::Ctx;
use crate::failure::Failure;

/// Arguments.
#[derive(Args)]
pub(crate) struct ApproveArgs {
    #[command(flatten)]
    decide: DecideArgs,
    /// Shorten it to this time
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
