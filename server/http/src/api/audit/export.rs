//! `GET /api/v1/audit/export`: the log up to the last checkpoint, streamed block by block with the stored hashes, so that
//! `hallpass audit verify` can name what was changed. Memory holds one block at a time, whatever the size of the log.
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use hallpass_broker::Broker;
use hallpass_broker::broker::unreadable;
use hallpass_domain::audit::export::{BLOCK, Block, FORMAT, Header, block_len, event_line};
use hallpass_domain::audit::nodes::{NodeId, NodeMap};

use super::may_read;
use crate::bearer::ApiCaller;
use crate::params::Params;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// What is left to write.
struct Export {
    broker: Arc<Broker>,
    size: u64,
    next: u64,
    head: Option<String>,
}

/// The export format of `hallpass_domain::audit::export`. From another index than 0 it is good for reading only.
#[utoipa::path(get, path = "/api/v1/audit/export", tag = "Audit", params(("from_index" = Option<u64>, Query)),
    responses((status = 200, content_type = "application/jsonl", body = String), (status = "default", body = ProblemBody)))]
pub async fn export(state: web::Data<AppState>, req: HttpRequest, who: ApiCaller) -> Result<HttpResponse, Problem> {
    may_read(&who.caller)?;
    let from = Params::of(&req)?.read::<u64>("from_index", "a number")?.unwrap_or(0);
    let broker = Arc::clone(&state.broker);
    let head = broker.store.log_head().await.map_err(unreadable)?;
    let checkpoint = head.checkpoint.ok_or_else(|| Problem::not_found("checkpoint yet"))?;
    let header_line = Header { checkpoint, format: FORMAT.to_owned(), origin: broker.settings.log_origin.clone(), size: head.size, vkey: broker.log_signer.verifier().to_string() };
    let header_line = header_line.to_line().map_err(|error| {
        tracing::error!(%error, "an export could not be begun");
        Problem::internal()
    })?;
    let export = Export { broker, size: head.size, next: from.min(head.size), head: Some(header_line) };
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/jsonl")).streaming(stream::try_unfold(export, step)))
}

/// The next chunk. An error breaks the stream off: a reader sees a cut file, never one that looks whole.
async fn step(mut export: Export) -> Result<Option<(web::Bytes, Export)>, std::io::Error> {
    if let Some(head) = export.head.take() {
        return Ok(Some((web::Bytes::from(head), export)));
    }
    if export.next >= export.size {
        return Ok(None);
    }
    match chunk(&export).await {
        Ok((text, next)) => {
            export.next = next;
            Ok(Some((web::Bytes::from(text), export)))
        }
        Err(what) => {
            tracing::error!(what, index = export.next, "an export broke off");
            Err(std::io::Error::other("the export broke off"))
        }
    }
}

/// One block: its recorded hashes, where it is written from its beginning, and its events.
async fn chunk(export: &Export) -> Result<(String, u64), String> {
    let (first, size, store) = (export.next, export.size, &export.broker.store);
    let block = first / BLOCK;
    let end = block * BLOCK + block_len(block, size);
    let mut out = String::new();
    if first == block * BLOCK {
        let wanted: Vec<(u8, u64)> = Block::stored_nodes(block, size).into_iter().map(|n| (n.level, n.index)).collect();
        let nodes = store.nodes(&wanted).await.map_err(|e| e.to_string())?;
        let nodes: NodeMap = nodes.into_iter().map(|((level, index), hash)| (NodeId { level, index }, hash)).collect();
        out.push_str(&Block::read(&nodes, block, size).map_err(|e| e.to_string())?.to_line());
    }
    let limit = u32::try_from(end - first).map_err(|e| e.to_string())?;
    let events = store.sealed_events(first, limit).await.map_err(|e| e.to_string())?;
    // Written by place: an event that is missing in the store moves the others up, and the verifier names the index.
    for (index, logged) in (first..end).zip(&events) {
        out.push_str(&event_line(logged.index.unwrap_or(index), &logged.event).map_err(|e| e.to_string())?);
    }
    Ok((out, end))
}
