//! `hallpass roles` and `hallpass role`.
use clap::Args;
use hallpass_client::api::Paging;

use crate::ctx::Ctx;
use crate::failure::{Exit, Failure};
use crate::out::Answer;
use crate::view;

/// Arguments of `roles`.
#[derive(Args)]
pub(crate) struct RolesArgs {
    /// Words to look for in name, purpose and target
    query: Option<String>,
    /// Only those that you may ask for
    #[arg(long)]
    eligible: bool,
    /// At most so many
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
}

/// Arguments of `role`.
#[derive(Args)]
pub(crate) struct RoleArgs {
    /// Name of the role
    role: String,
}

pub(super) async fn list(ctx: &Ctx, args: RolesArgs) -> Result<(), Failure> {
    let client = ctx.client().await?;
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let left = args.limit.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
        let paging = Paging { after, limit: Some(left.min(200)) };
        let page = ctx.busy(&client, client.roles(args.query.as_deref(), args.eligible, &paging)).await?;
        let got = page.items.len();
        items.extend(page.items);
        after = page.next;
        if after.is_none() || got == 0 || items.len() >= usize::try_from(args.limit).unwrap_or(usize::MAX) {
            break;
        }
    }
    if items.is_empty() {
        ctx.say(if args.query.is_some() { "No role fits." } else { "There is no role that you can see." });
    }
    ctx.show(&Answer { json: view::list(&items, after.as_deref()), body: view::role::table(&items) })
}

pub(super) async fn one(ctx: &Ctx, args: RoleArgs) -> Result<(), Failure> {
    let client = ctx.client().await?;
    match ctx.busy(&client, client.role(&args.role)).await {
        Ok(role) => ctx.show(&view::role::answer(&role)),
        Err(failure) if failure.exit == Exit::NotFound => Err(failure.next("hallpass roles")),
        Err(failure) => Err(failure),
    }
}
