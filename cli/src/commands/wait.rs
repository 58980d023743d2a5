//! `hallpass wait`.
use clap::Args;

use super::{request, time, waiting};
use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::view;

const EXAMPLES: &str = "\
Exit codes: 0 approved, 5 denied, 6 withdrawn or lapsed, 8 still pending.

Examples:
  hallpass wait R-7KQ2M9XW4T --timeout 10m && hallpass run db-read -- psql";

/// Arguments.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WaitArgs {
    /// Reference of the request, such as R-7KQ2M9XW4T
    reference: String,
    /// At most so long, such as 10m; then exit code 8
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
