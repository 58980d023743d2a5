//! What a request would lead to, from the same checks that the real one runs through.
use hallpass_broker::requests::submit::AskForm;
use hallpass_broker::{Broker, Caller};
use hallpass_client::wire::requests::DryRun;
use hallpass_domain::catalogue::Catalogue;

use crate::api::shapes::common::{role, scope, stages};
use crate::api::shapes::request::{ask_of, ends};
use crate::problem::Problem;

/// Nothing is written, no mail is sent.
///
/// # Errors
/// As asking.
pub async fn dry_run(
    broker: &Broker,
    caller: &Caller,
    form: &AskForm,
    catalogue: &Catalogue,
) -> Result<DryRun, Problem> {
    let now = broker.now();
    let would = broker.preview_request(caller, form).await?;
    let (length, until) = ask_of(would.ask);
    let preview = catalogue.roles.get(&would.role_id).and_then(|r| broker.preview(catalogue, r, &would));
    Ok(DryRun {
        role: role(catalogue, would.role_id, would.target_id, would.tier),
        scope: scope(&would.scope),
        length,
        until,
        ends_if_approved_now: ends(catalogue, &would, now).unwrap_or(now),
        decide_by: would.decide_by,
        stages: stages(catalogue, &would, &[], now),
        warnings: preview.map(|p| p.warnings).unwrap_or_default(),
    })
}
