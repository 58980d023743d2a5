//! `hallpass wait`.
use clap::Args;

use super::{request, time, waiting};
use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::view;

/// Arguments.
#[derive(Args)]
pub(crate) struct WaitArgs {
    /// Reference of the request
    reference: String,
    /// At most so long; then exit code 8
    #[arg(long, value_name = "TIME")]
    timeout: Option<String>,
}

pub(super) async fn perform(ctx: &Ctx, args: WaitArgs) -> Result<(), Failure> {
    let limit = time::patience(args.timeout.as_deref())?;
    let client = ctx.client().await?;
    let decided = waiting::until_decided(ctx, &client, &args.reference, limit).await?;
    let decided = request::settle(ctx, &client, decided, None).await?;
    ctx.show(&view::request::answer(&decided))
}
