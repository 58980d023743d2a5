//! `hallpass revoke`.
use clap::Args;
use hallpass_client::api::new_key;

use super::end;
use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::view;

/// Arguments.
#[derive(Args)]
pub(crate) struct RevokeArgs {
    /// Id of the grant, or reference of its request
    #[arg(value_name = "ID")]
    what: String,
    /// Why; the holder reads it
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(super) async fn perform(ctx: &Ctx, args: RevokeArgs) -> Result<(), Failure> {
    let client = ctx.client().await?;
    let id = end::find(ctx, &client, &args.what).await?;
    let grant = ctx.busy(&client, client.revoke(&id, &args.reason, &new_key())).await?;
    ctx.say(&format!("{} of {}: {}.", grant.role.name, grant.holder.name, grant.state));
    if ctx.is_for_people() { Ok(()) } else { ctx.show(&view::grant::answer(&grant)) }
}
