//! `hallpass whoami`.
use hallpass_client::wire::me::Me;

use crate::clock;
use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::out::{Answer, Body};
use crate::view;

pub(super) async fn perform(ctx: &Ctx) -> Result<(), Failure> {
    let client = ctx.client().await?;
    let me = ctx.busy(&client, client.me()).await?;
    ctx.show(&answer(&me, client.base().as_str()))
}

/// Who somebody is.
pub(super) fn answer(me: &Me, server: &str) -> Answer {
    let mut rows = vec![
        ("Name", me.name.clone()),
        ("Handle", me.handle.clone()),
        ("Kind", me.kind.to_string()),
        ("Server", server.to_owned()),
    ];
    if !me.groups.is_empty() {
        rows.push(("Groups", me.groups.join(", ")));
    }
    if !me.duties.is_empty() {
        rows.push(("Duties", me.duties.join(", ")));
    }
    rows.push(("Signed in until", clock::at_and_left(me.token_expires_at)));
    if me.to_approve > 0 {
        rows.push(("To approve", format!("{} (hallpass list --to-approve)", me.to_approve)));
    }
    if me.active_grants > 0 {
        rows.push(("Active grants", format!("{} (hallpass active)", me.active_grants)));
    }
    Answer { json: view::value(me), body: Body::Record(rows) }
}
