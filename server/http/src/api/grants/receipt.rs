//! `GET /api/v1/grants/{id}/receipt`: who asked, who approved what, what was issued, when it was verified gone, each event
//! with its proof. All proofs lead to one checkpoint.
use std::collections::HashSet;

use actix_web::{HttpResponse, web};
use hallpass_broker::broker::unreadable;
use hallpass_broker::queries::proofs::ProvedLine;
use hallpass_broker::{Broker, Caller};
use hallpass_client::wire::receipt::{GrantReceipt, ProvedEvent};
use hallpass_domain::audit::receipt::Receipt;
use hallpass_domain::ids::GrantId;

use super::recorded::as_recorded;
use crate::api::answer;
use crate::api::shapes::{grant, request};
use crate::bearer::ApiCaller;
use crate::params;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Format of the receipt.
const VERSION: u32 = 1;
/// Readings of a grant that changes meanwhile: its rows and its events must belong together.
const TRIES: usize = 5;

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
    for _ in 1..TRIES {
        if let (receipt, true) = read(broker, caller, id).await? {
            return Ok(receipt);
        }
    }
    // Something happens under it all the time. Who checks this one may find that it lags behind its own events.
    Ok(read(broker, caller, id).await?.0)
}

/// Reads a receipt, and whether nothing happened under the grant meanwhile.
async fn read(broker: &Broker, caller: &Caller, id: GrantId) -> Result<(GrantReceipt, bool), Problem> {
    let asked_for = broker.visible_grant(caller, id).await?;
    let (events, cut) = broker.receipt_events(&asked_for).await?;
    let known: HashSet<_> = events.iter().map(|e| e.event.parts().id).collect();
    let held = broker.visible_grant(caller, id).await?;
    let asked = match held.request_id {
        Some(request) => broker.store.request(request).await.map_err(unreadable)?,
        None => None,
    };
    let mut request = match &asked {
        Some(asked) => Some(request::request(broker, caller, asked).await?),
        None => None,
    };
    let tokens = broker.tokens_told(&held, &events).await?;
    let mut grant = grant::with_tokens(broker, caller, &held, &tokens).await?;
    let settled = broker.nothing_newer(&held, &known).await?;
    for event in &events {
        as_recorded(event.event.parts(), &mut grant, request.as_mut());
    }
    let proofs = broker.proofs(events).await?;
    let checkpoint = proofs.head.checkpoint.unwrap_or_default();
    let receipt = GrantReceipt {
        version: VERSION,
        instance: broker.settings.base_url.clone(),
        made_at: broker.now(),
        grant,
        request,
        events: proofs
            .proved
            .into_iter()
            .map(|line| proved(line, &checkpoint))
            .collect::<Result<Vec<_>, _>>()?,
        cut,
        unsealed: u32::try_from(proofs.unsealed).unwrap_or(u32::MAX),
        vkey: broker.log_signer.verifier().to_string(),
    };
    Ok((receipt, settled))
}

fn proved(line: ProvedLine, checkpoint: &str) -> Result<ProvedEvent, Problem> {
    let leaf = line.logged.event.leaf().map_err(|error| {
        tracing::error!(%error, "a proof cannot be made: check the log with hallpass audit verify");
        Problem::internal()
    })?;
    let opening = line.logged.event.parts().opening.as_ref();
    Ok(ProvedEvent {
        tlog_proof: Receipt {
            leaf: Some(leaf.into_bytes()),
            index: line.index,
            proof: line.path,
            checkpoint: checkpoint.to_owned(),
        }
        .to_text(),
        private: opening.map(|o| o.private.clone()),
        salt: opening.map(|o| o.salt.to_hex()),
    })
}
