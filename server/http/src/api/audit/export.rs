//! `GET /api/v1/audit/export`: the log up to the last checkpoint, streamed block by block with the stored hashes, so that
//! `hallpass audit verify` can name what was changed. Memory holds one block at a time, whatever the size of the log.
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use hallpass_broker::Broker;
use hallpass_broker::queries::export::Export;
use hallpass_domain::audit::export::BLOCK;

use crate::bearer::ApiCaller;
use crate::params::Params;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// What is left to write.
struct Rest {
    broker: Arc<Broker>,
    export: Export,
    /// Nothing was written yet.
    begin: bool,
    /// Next block.
    block: u64,
    /// Lines of it to leave out: its recorded hashes and the events before the first one asked for.
    skip: usize,
}

/// The export format of `hallpass_domain::audit::export`. From another index than 0 it is good for reading only.
#[utoipa::path(get, path = "/api/v1/audit/export", tag = "Audit", params(("from_index" = Option<u64>, Query)),
    responses((status = 200, content_type = "application/jsonl", body = String), (status = "default", body = ProblemBody)))]
pub async fn export(
    state: web::Data<AppState>,
    req: HttpRequest,
    who: ApiCaller,
) -> Result<HttpResponse, Problem> {
    state.broker.may_audit(&who.caller)?;
    let from = Params::of(&req)?.read::<u64>("from_index", "a number")?.unwrap_or(0);
    let broker = Arc::clone(&state.broker);
    let export = broker.begin_export().await?;
    let within = usize::try_from(from % BLOCK).unwrap_or(0);
    let rest = Rest {
        broker,
        export,
        begin: true,
        block: from / BLOCK,
        skip: if within == 0 { 0 } else { within + 1 },
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/jsonl"))
        .streaming(stream::try_unfold(rest, step)))
}

/// The next chunk. An error breaks the stream off: a reader sees a cut file, never one that looks whole.
async fn step(mut rest: Rest) -> Result<Option<(web::Bytes, Rest)>, std::io::Error> {
    if rest.begin {
        rest.begin = false;
        return Ok(Some((web::Bytes::from(rest.export.header.clone()), rest)));
    }
    if rest.block >= rest.export.blocks() {
        return Ok(None);
    }
    let text = rest.broker.export_block(&rest.export, rest.block).await.map_err(|refusal| {
        tracing::error!(%refusal, block = rest.block, "an export broke off");
        std::io::Error::other("the export broke off")
    })?;
    let text = without_lines(text, std::mem::take(&mut rest.skip));
    rest.block += 1;
    Ok(Some((web::Bytes::from(text), rest)))
}

/// `text` without its first `count` lines.
fn without_lines(text: String, count: usize) -> String {
    if count == 0 { text } else { text.split_inclusive('\n').skip(count).collect() }
}

#[cfg(test)]
mod tests {
    use super::without_lines;

    #[test]
    fn lines_are_left_out_whole() {
        assert_eq!(without_lines("a\nb\nc\n".to_owned(), 0), "a\nb\nc\n");
        assert_eq!(without_lines("a\nb\nc\n".to_owned(), 2), "c\n");
        assert_eq!(without_lines("a\n".to_owned(), 5), "");
    }
}
