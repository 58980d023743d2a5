//! `hallpass end`.
use clap::Args;
use hallpass_client::Client;
use hallpass_client::api::Paging;
use hallpass_client::api::access::GrantFilter;
use hallpass_client::api::new_key;
use hallpass_client::wire::grants::{Grant, GrantState};

use super::pick;
use crate::ctx::Ctx;
use crate::failure::{Exit, Failure};
use crate::out::Answer;
use crate::view;

const EXAMPLES: &str = "\
Examples:
  hallpass end db-read
  hallpass end --all";

/// Arguments.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct EndArgs {
    /// Id of a grant, reference of its request, or name of a role
    #[arg(value_name = "ID|ROLE", required_unless_present = "all", conflicts_with = "all")]
    what: Option<String>,
    /// Everything that you hold
    #[arg(long)]
    all: bool,
}

pub(super) async fn perform(ctx: &Ctx, args: EndArgs) -> Result<(), Failure> {
    let client = ctx.client().await?;
    let ids = match &args.what {
        Some(what) => vec![find(ctx, &client, what).await?],
        None => held(ctx, &client).await?,
    };
    if ids.is_empty() {
        ctx.say("You hold no access.");
    }
    let mut ended: Vec<Grant> = Vec::new();
    let mut first_failure = None;
    for id in &ids {
        // One that fails must not keep the others open.
        match ctx.busy(&client, client.end(id, &new_key())).await {
            Ok(grant) => {
                let left = if grant.state == GrantState::Ended {
                    "ended and checked"
                } else {
                    "ended; being removed at the target"
                };
                ctx.say(&format!("{}: {left}.", grant.role.name));
                ended.push(grant);
            }
            Err(failure) => drop(first_failure.get_or_insert(failure)),
        }
    }
    if let Some(failure) = first_failure {
        return Err(failure);
    }
    match (ctx.is_for_people(), args.all, ended.as_slice()) {
        (true, ..) => Ok(()),
        (false, false, [grant]) => ctx.show(&view::grant::answer(grant)),
        _ => ctx.show(&Answer { json: view::list(&ended, None), body: view::grant::table(&ended) }),
    }
}

/// The grant that is meant by an id, a reference or a role.
pub(super) async fn find(ctx: &Ctx, client: &Client, what: &str) -> Result<String, Failure> {
    if uuid::Uuid::parse_str(what).is_ok() {
        return Ok(what.to_owned());
    }
    if what.get(..2).is_some_and(|head| head.eq_ignore_ascii_case("r-")) {
        let request = ctx.busy(client, client.request(what, None)).await?;
        return request.grant.map(|grant| grant.id).ok_or_else(|| {
            Failure::new(
                Exit::NotFound,
                "no_grant",
                format!("{} has no grant: it is {}", request.reference, request.state),
            )
            .next(format!("hallpass withdraw {}", request.reference))
        });
    }
    let grants = pick::active_grants(ctx, client, what).await?;
    match grants.as_slice() {
        [grant] => Ok(grant.id.clone()),
        [] => Err(Failure::new(Exit::NotFound, "no_grant", format!("There is no active grant of {what}"))
            .next("hallpass active")),
        several => {
            let ids: Vec<&str> = several.iter().map(|grant| grant.id.as_str()).collect();
            Err(Failure::usage("several", format!("There are {} active grants of {what}", several.len()))
                .next(format!("name one of: {}", ids.join(", "))))
        }
    }
}

/// Ids of everything that the caller holds or will hold.
async fn held(ctx: &Ctx, client: &Client) -> Result<Vec<String>, Failure> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let paging = Paging { after, limit: Some(200) };
        let filter =
            GrantFilter { state: Some("scheduled,active".to_owned()), paging, ..GrantFilter::default() };
        let page = ctx.busy(client, client.grants(&filter)).await?;
        ids.extend(page.items.iter().filter(|grant| grant.can_end).map(|grant| grant.id.clone()));
        after = page.next;
        if after.is_none() || page.items.is_empty() {
            return Ok(ids);
        }
    }
}
