//! The access receipt: who asked, who approved what digest with what proof, what was issued, when it was verified gone.
use std::time::Duration;

use hallpass_domain::audit::checkpoint::Checkpoint;
use hallpass_domain::grant::Grant;
use hallpass_domain::ids::GrantId;
use hallpass_domain::ports::audit_log::{AuditFilter, LoggedEvent};
use hallpass_domain::refusal::Refusal;

use super::lines;
use super::request_form::split;
use crate::broker::{Broker, unreadable};
use crate::caller::Caller;
use crate::views::page::Command;
use crate::views::receipt::{CheckpointLine, InclusionLine, ReceiptView};

/// Between two looks whether the sealer has done its work.
const SEALER_LOOK: Duration = Duration::from_millis(100);
/// Looks until somebody is asked to come back: two seconds, where sealing takes one at most.
const SEALER_LOOKS: u32 = 20;
/// Tokens that are listed on one receipt.
const TOKENS: u32 = 1_000;

impl Broker {
    /// The receipt of a grant.
    pub async fn receipt_view(&self, caller: &Caller, id: GrantId) -> Result<ReceiptView, Refusal> {
        let view = self.grant_view_listing(caller, id, Vec::new(), TOKENS).await?;
        let grant = self.visible_grant(caller, id).await?;
        let request = match grant.request_id {
            Some(r) => self.store.request(r).await.map_err(unreadable)?,
            None => None,
        };
        let catalogue = self.catalogue().await?;
        let events = self.receipt_events(&grant).await?;
        let (asked_seconds, asked_end) = request.as_ref().map_or((None, None), |r| split(r.ask));
        let listed = view.credentials.iter().filter(|c| !c.watchable).count();
        let command = |label: &str, command: String| Command { label: label.to_owned(), command };
        Ok(ReceiptView {
            standing: request.is_none(),
            asked_by: request.as_ref().and_then(|r| r.submitted_by).map_or_else(
                || lines::principal(&catalogue, grant.principal),
                |u| lines::user(&catalogue, u),
            ),
            asked_at: request.as_ref().map_or(grant.created_at, |r| r.submitted_at),
            asked_seconds,
            asked_end,
            reason: request.as_ref().map(|r| r.reason.clone()).unwrap_or_default(),
            ticket: lines::ticket(request.as_ref().and_then(|r| r.ticket.as_ref())),
            scope: view.scope,
            digest: request.as_ref().map(|r| r.digest.clone()).unwrap_or_default(),
            decisions: view.approvals,
            credentials: view.credentials,
            more_tokens: listed >= usize::try_from(TOKENS).unwrap_or(usize::MAX),
            inclusion: events.iter().filter_map(inclusion_line).collect(),
            checkpoint: self.checkpoint_line().await?,
            commands: vec![
                command("Keep the log's key, once", "hallpass audit vkey > log.vkey".to_owned()),
                command(
                    "Check the file offline",
                    format!("hallpass audit verify --receipt receipt-{id}.json --vkey log.vkey"),
                ),
            ],
            instance: self.settings.base_url.clone(),
            grant: view.grant,
        })
    }

    /// Events about a grant and its request, oldest first.
    async fn receipt_events(&self, grant: &Grant) -> Result<Vec<LoggedEvent>, Refusal> {
        let of = |noun: &str, id: String| AuditFilter {
            subject: Some((noun.to_owned(), id)),
            ..AuditFilter::default()
        };
        let mut events =
            self.store.events(&of("grant", grant.id.to_string()), None, 200).await.map_err(unreadable)?;
        if let Some(request) = grant.request_id {
            events.extend(
                self.store
                    .events(&of("request", request.to_string()), None, 100)
                    .await
                    .map_err(unreadable)?,
            );
        }
        events.retain(|e| !e.event.parts().kind.starts_with("mail."));
        events.sort_by_key(|e| e.event.parts().id);
        events.dedup_by_key(|e| e.event.parts().id);
        Ok(events)
    }

    /// Returns once every event of a receipt is in the tree, or after two seconds. Right after an approval none is: the
    /// sealer works all the time and is waited for, so that nobody has to ask twice.
    pub async fn wait_until_sealed(&self, grant: &Grant) -> Result<(), Refusal> {
        for _ in 0..SEALER_LOOKS {
            if self.receipt_events(grant).await?.iter().all(|e| e.index.is_some()) {
                break;
            }
            tokio::time::sleep(SEALER_LOOK).await;
        }
        Ok(())
    }

    async fn checkpoint_line(&self) -> Result<Option<CheckpointLine>, Refusal> {
        let head = self.store.log_head().await.map_err(unreadable)?;
        let Some(note) = head.checkpoint else { return Ok(None) };
        let Ok(checkpoint) = Checkpoint::open(&note, &[self.log_signer.verifier()]) else {
            return Ok(None);
        };
        Ok(Some(CheckpointLine {
            origin: checkpoint.origin,
            size: i64::try_from(checkpoint.size).unwrap_or(i64::MAX),
            root: checkpoint.root.to_base64(),
            at: head.sealed_at.unwrap_or_else(|| self.now()),
            note,
        }))
    }
}

fn inclusion_line(e: &LoggedEvent) -> Option<InclusionLine> {
    Some(InclusionLine {
        action: e.event.parts().kind.clone(),
        at: e.event.parts().at,
        leaf_index: i64::try_from(e.index?).ok()?,
        leaf_hash: e.leaf_hash.map(|h| h.to_string())?,
    })
}
