//! `hallpass list`.
use clap::Args;
use hallpass_client::api::Paging;
use hallpass_client::api::requests::RequestFilter;

use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::out::Answer;
use crate::view;

/// Arguments.
#[derive(Args)]
pub(crate) struct ListArgs {
    /// Your own (the default)
    #[arg(long, group = "view")]
    mine: bool,
    /// Those that wait for your decision
    #[arg(long, group = "view")]
    to_approve: bool,
    /// Those that you have decided
    #[arg(long, group = "view")]
    decided: bool,
    /// Everybody's (administrators and auditors)
    #[arg(long, group = "view")]
    all: bool,
    /// Only these states, with commas: pending, approved, denied, withdrawn, lapsed
    #[arg(long, value_name = "STATES")]
    state: Option<String>,
    /// Only this role
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Go on after this cursor (`next` of the JSON answer)
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

pub(super) async fn perform(ctx: &Ctx, args: ListArgs) -> Result<(), Failure> {
    let client = ctx.client().await?;
    let view = if args.to_approve {
        "to_approve"
    } else if args.decided {
        "decided"
    } else if args.all {
        "all"
    } else {
        "mine"
    };
    let (mut items, mut after) = (Vec::new(), args.after);
    loop {
        let left = args.limit.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
        let filter = RequestFilter {
            view: Some(view.to_owned()),
            state: args.state.clone(),
            role: args.role.clone(),
            paging: Paging { after, limit: Some(left.min(200)) },
        };
        let page = ctx.busy(&client, client.requests(&filter)).await?;
        let got = page.items.len();
        items.extend(page.items);
        after = page.next;
        if after.is_none() || got == 0 || items.len() >= usize::try_from(args.limit).unwrap_or(usize::MAX) {
            break;
        }
    }
    if items.is_empty() {
        ctx.say(if args.to_approve {
            "Nothing waits for your decision."
        } else {
            "There is no such request."
        });
    } else if after.is_some() {
        ctx.say("There are more: raise --limit, or narrow with --state and --role.");
    }
    ctx.show(&Answer { json: view::list(&items, after.as_deref()), body: view::request::table(&items) })
}
