//! `hallpass show`.
use clap::Args;

use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::view;

/// Arguments.
#[derive(Args)]
pub(crate) struct ShowArgs {
    /// Reference of the request, such as R-7KQ2M9XW4T
    reference: String,
    /// Exit with the code of its state: 0 approved, 5 denied, 6 withdrawn or lapsed, 8 pending
    #[arg(long)]
    exit_status: bool,
}

pub(super) async fn perform(ctx: &Ctx, args: ShowArgs) -> Result<(), Failure> {
    let client = ctx.client().await?;
    let request = ctx.busy(&client, client.request(&args.reference, None)).await?;
    ctx.show(&view::request::answer(&request))?;
    if args.exit_status { view::request::outcome(&request) } else { Ok(()) }
}
