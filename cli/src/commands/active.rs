//! `hallpass active`.
use clap::Args;
use hallpass_client::api::Paging;
use hallpass_client::api::access::GrantFilter;

use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::out::Answer;
use crate::view;

/// Arguments.
#[derive(Args)]
pub(crate) struct ActiveArgs {
    /// One grant, whole: its id
    id: Option<String>,
    /// Everybody's (administrators and auditors)
    #[arg(long)]
    all: bool,
    /// Ended ones too
    #[arg(long)]
    ended: bool,
}

pub(super) async fn perform(ctx: &Ctx, args: ActiveArgs) -> Result<(), Failure> {
    let client = ctx.client().await?;
    if let Some(id) = &args.id {
        return ctx.show(&view::grant::answer(&ctx.busy(&client, client.grant(id)).await?));
    }
    let state = (!args.ended).then(|| "scheduled,active,ending".to_owned());
    let view = if args.all { "all" } else { "mine" };
    let filter = GrantFilter {
        view: Some(view.to_owned()),
        state,
        role: None,
        paging: Paging { after: None, limit: Some(200) },
    };
    let page = ctx.busy(&client, client.grants(&filter)).await?;
    if page.items.is_empty() {
        ctx.say("You hold no access. hallpass roles shows what you can ask for.");
    } else if page.next.is_some() {
        ctx.say("Only the first 200 are shown.");
    }
    ctx.show(&Answer {
        json: view::list(&page.items, page.next.as_deref()),
        body: view::grant::table(&page.items),
    })
}
