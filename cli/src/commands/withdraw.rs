//! `hallpass withdraw`.
use clap::Args;
use hallpass_client::api::new_key;

use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::view;

/// Arguments.
#[derive(Args)]
pub(crate) struct WithdrawArgs {
    /// Reference of the request, such as R-7KQ2M9XW4T
    reference: String,
}

pub(super) async fn perform(ctx: &Ctx, args: WithdrawArgs) -> Result<(), Failure> {
    let client = ctx.client().await?;
    let request = ctx.busy(&client, client.withdraw(&args.reference, &new_key())).await?;
    ctx.say(&format!("{} is withdrawn.", request.reference));
    if ctx.is_for_people() { Ok(()) } else { ctx.show(&view::request::answer(&request)) }
}
