//! `GET /api/v1/grants/{id}/receipt`: who asked, who approved what, what was issued, when it was verified gone, each event
//! with its proof. All proofs lead to one checkpoint.
use actix_web::{HttpResponse, web};
use hallpass_broker::broker::unreadable;
use hallpass_broker::{Broker, Caller};
use hallpass_client::wire::receipt::{GrantReceipt, ProvedEvent};
use hallpass_domain::audit::nodes::{NodeId, NodeMap};
use hallpass_domain::audit::proof::{inclusion_nodes, inclusion_proof};
use hallpass_domain::audit::receipt::Receipt;
use hallpass_domain::ids::GrantId;
use hallpass_domain::ports::audit_log::LoggedEvent;

use crate::api::answer;
use crate::api::shapes::{grant, request};
use crate::bearer::ApiCaller;
use crate::params;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Format of the receipt.
const VERSION: u32 = 1;

/// The access receipt of a grant.
#[utoipa::path(get, path = "/api/v1/grants/{id}/receipt", tag = "Grants", params(("id" = String, Path)), responses((status = 200, body = GrantReceipt), (status = "default", body = ProblemBody)))]
pub async fn receipt(
    state: web::Data<AppState>,
    id: web::Path<String>,
    who: ApiCaller,
) -> Result<HttpResponse, Problem> {
    answer::show(&of(&state.broker, &who.caller, params::id(&id, "grant")?).await?)
}

/// The receipt of a grant that this caller may see, as the API answers it and the portal hands it out as a file.
///
/// # Errors
/// `NotFound`; `Unavailable`.
pub async fn of(broker: &Broker, caller: &Caller, id: GrantId) -> Result<GrantReceipt, Problem> {
    let held = broker.visible_grant(caller, id).await?;
    let asked = match held.request_id {
        Some(request) => broker.store.request(request).await.map_err(unreadable)?,
        None => None,
    };
    let request = match &asked {
        Some(asked) => Some(request::request(broker, caller, asked).await?),
        None => None,
    };
    let (events, cut) = broker.receipt_events(&held).await?;
    // Read after the events, so that it covers every index among them.
    let head = broker.store.log_head().await.map_err(unreadable)?;
    let (mut sealed, unsealed): (Vec<_>, Vec<_>) =
        events.into_iter().partition(|e| e.index.is_some_and(|i| i < head.size) && head.checkpoint.is_some());
    sealed.sort_by_key(|e| e.index);
    Ok(GrantReceipt {
        version: VERSION,
        instance: broker.settings.base_url.clone(),
        made_at: broker.now(),
        grant: grant::whole(broker, caller, &held).await?,
        request,
        events: proved(broker, &sealed, head.size, head.checkpoint.as_deref().unwrap_or_default()).await?,
        cut,
        unsealed: u32::try_from(unsealed.len()).unwrap_or(u32::MAX),
        vkey: broker.log_signer.verifier().to_string(),
    })
}

/// The proofs, from nodes read with one query.
async fn proved(
    broker: &Broker,
    sealed: &[LoggedEvent],
    size: u64,
    checkpoint: &str,
) -> Result<Vec<ProvedEvent>, Problem> {
    let mut wanted: Vec<(u8, u64)> = sealed
        .iter()
        .filter_map(|e| e.index)
        .flat_map(|i| inclusion_nodes(i, size))
        .map(|n| (n.level, n.index))
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    let nodes: NodeMap = broker
        .store
        .nodes(&wanted)
        .await
        .map_err(unreadable)?
        .into_iter()
        .map(|((level, index), hash)| (NodeId { level, index }, hash))
        .collect();
    let damaged = |what: &dyn std::fmt::Display| {
        tracing::error!(%what, "a proof cannot be made: check the log with hallpass audit verify");
        Problem::internal()
    };
    sealed
        .iter()
        .filter_map(|e| e.index.map(|i| (i, e)))
        .map(|(index, logged)| {
            let proof = inclusion_proof(&nodes, index, size).map_err(|e| damaged(&e))?;
            let leaf = logged.event.leaf().map_err(|e| damaged(&e))?;
            let opening = logged.event.parts().opening.as_ref();
            Ok(ProvedEvent {
                tlog_proof: Receipt {
                    leaf: Some(leaf.into_bytes()),
                    index,
                    proof,
                    checkpoint: checkpoint.to_owned(),
                }
                .to_text(),
                private: opening.map(|o| o.private.clone()),
                salt: opening.map(|o| o.salt.to_hex()),
            })
        })
        .collect()
}
