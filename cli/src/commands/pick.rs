//! From the name of a role to the grant that is meant.
use hallpass_client::Client;
use hallpass_client::api::access::GrantFilter;
use hallpass_client::api::requests::RequestFilter;
use hallpass_client::wire::grants::{Grant, GrantState};

use crate::ctx::Ctx;
use crate::failure::{Exit, Failure};

/// The caller's active grants of a role.
pub(super) async fn active_grants(ctx: &Ctx, client: &Client, role: &str) -> Result<Vec<Grant>, Failure> {
    let filter = GrantFilter {
        state: Some("active".to_owned()),
        role: Some(role.to_owned()),
        ..GrantFilter::default()
    };
    let page = ctx.busy(client, client.grants(&filter)).await?;
    Ok(page
        .items
        .into_iter()
        .filter(|grant| grant.state == GrantState::Active && grant.role.name == role)
        .collect())
}

/// The caller's active grant of a role: the one that ends last. Says what is missing where there is none.
pub(super) async fn active_grant(ctx: &Ctx, client: &Client, role: &str) -> Result<Grant, Failure> {
    if let Some(grant) = active_grants(ctx, client, role).await?.into_iter().max_by_key(|grant| grant.ends_at)
    {
        return Ok(grant);
    }
    let filter = RequestFilter {
        state: Some("pending".to_owned()),
        role: Some(role.to_owned()),
        ..RequestFilter::default()
    };
    let pending = client.requests(&filter).await?;
    if let Some(request) = pending.items.iter().find(|item| item.role.name == role) {
        let message = format!("{} for {role} is still waiting for a decision", request.reference);
        return Err(Failure::new(Exit::Pending, "pending", message)
            .next(format!("hallpass wait {}", request.reference)));
    }
    let message = format!("There is no active grant of {role}");
    Err(Failure::new(Exit::NotFound, "no_grant", message)
        .next(format!("hallpass request {role} --reason … --wait")))
}
