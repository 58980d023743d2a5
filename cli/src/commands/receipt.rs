//! `hallpass receipt`: always JSON, as `audit verify --receipt` reads it.
use clap::Args;

use super::end;
use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::out::{self, safe};

/// Arguments.
#[derive(Args)]
pub(crate) struct ReceiptArgs {
    /// Id of the grant, or reference of its request
    #[arg(value_name = "ID")]
    what: String,
}

pub(super) async fn perform(ctx: &Ctx, args: ReceiptArgs) -> Result<(), Failure> {
    let client = ctx.client().await?;
    let id = end::find(ctx, &client, &args.what).await?;
    let receipt = ctx.busy(&client, client.receipt(&id)).await?;
    if receipt.unsealed > 0 {
        ctx.say(&format!(
            "{} events are not sealed yet and missing here; ask again in a second.",
            receipt.unsealed
        ));
    }
    let text = serde_json::to_string_pretty(&receipt).unwrap_or_default();
    out::write(format!("{}\n", safe::json(&text)).as_bytes())
}
