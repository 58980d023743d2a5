//! `hallpass lift`.
use clap::Args;
use hallpass_client::api::new_key;

use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::view;

/// Arguments.
#[derive(Args)]
pub(crate) struct LiftArgs {
    /// Id of the revoked grant, from `hallpass admin get workloads`
    #[arg(value_name = "ID")]
    grant: String,
}

pub(super) async fn perform(ctx: &Ctx, args: LiftArgs) -> Result<(), Failure> {
    let client = ctx.client().await?;
    let grant = ctx.busy(&client, client.lift(&args.grant, &new_key())).await?;
    ctx.say(&format!("{} gets {} again when it asks for it.", grant.holder.name, grant.role.name));
    if ctx.is_for_people() { Ok(()) } else { ctx.show(&view::grant::answer(&grant)) }
}
