//! The access receipt: who asked, who approved what digest with what proof, what was issued, when it was verified gone.
use std::time::Duration;

use hallpass_domain::audit::checkpoint::Checkpoint;
use hallpass_domain::audit::nodes::{NodeId, NodeMap};
use hallpass_domain::audit::proof::{inclusion_nodes, inclusion_proof};
use hallpass_domain::audit::receipt::Receipt;
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

impl Broker {
    /// The receipt of a grant that came from a request.
    pub async fn receipt_view(&self, caller: &Caller, id: GrantId) -> Result<ReceiptView, Refusal> {
        let view = self.grant_view(caller, id, Vec::new()).await?;
        let grant = self.visible_grant(caller, id).await?;
        let request = match grant.request_id {
            Some(r) => self.store.request(r).await.map_err(unreadable)?,
            None => None,
        }
        .ok_or_else(|| Refusal::not_found("receipt"))?;
        let catalogue = self.catalogue().await?;
        let events = self.receipt_events(&grant).await?;
        let (asked_seconds, asked_end) = split(request.ask);
        Ok(ReceiptView {
            asked_by: request.submitted_by.map_or_else(
                || lines::principal(&catalogue, request.subject),
                |u| lines::user(&catalogue, u),
            ),
            asked_at: request.submitted_at,
            asked_seconds,
            asked_end,
            reason: request.reason.clone(),
            ticket: lines::ticket(request.ticket.as_ref()),
            scope: view.scope,
            digest: request.digest.clone(),
            decisions: view.approvals,
            credentials: view.credentials,
            inclusion: events.iter().filter_map(inclusion_line).collect(),
            checkpoint: self.checkpoint_line().await?,
            commands: vec![Command {
                label: "Check it offline".to_owned(),
                command: format!("hallpass audit verify --receipt receipt-{id}.txt --vkey log.vkey"),
            }],
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

    /// Those of [`Self::receipt_events`] that are in the tree. Right after an approval none is: the sealer works all the
    /// time and is waited for, so that nobody has to ask twice.
    async fn sealed_receipt_events(&self, grant: &Grant) -> Result<Vec<LoggedEvent>, Refusal> {
        let mut looks = 0;
        loop {
            let mut events = self.receipt_events(grant).await?;
            events.retain(|e| e.index.is_some());
            if !events.is_empty() || looks == SEALER_LOOKS {
                return Ok(events);
            }
            looks += 1;
            tokio::time::sleep(SEALER_LOOK).await;
        }
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
            at: self.now(),
            note,
        }))
    }

    /// Inclusion proof (C2SP tlog-proof) of the event that ended a grant, or of its newest sealed event while it lives: what `hallpass audit verify --receipt` checks.
    pub async fn receipt_proof(&self, caller: &Caller, id: GrantId) -> Result<String, Refusal> {
        let grant = self.visible_grant(caller, id).await?;
        let sealed = self.sealed_receipt_events(&grant).await?;
        let chosen =
            sealed.iter().rev().find(|e| e.event.parts().kind == "grant.ended").or_else(|| sealed.last());
        let not_yet = || {
            Refusal::unavailable(
                "not_sealed_yet",
                "This is not sealed into the audit log yet; try again in a second.",
            )
        };
        let (Some(chosen), Some(index)) = (chosen, chosen.and_then(|e| e.index)) else {
            return Err(not_yet());
        };
        let head = self.store.log_head().await.map_err(unreadable)?;
        let note = head.checkpoint.ok_or_else(not_yet)?;
        let damaged = |what: String| {
            Refusal::unavailable(
                "log_damaged",
                format!("The proof cannot be made: {what}. Run hallpass audit verify."),
            )
        };
        let wanted = inclusion_nodes(index, head.size);
        let pairs: Vec<(u8, u64)> = wanted.iter().map(|n| (n.level, n.index)).collect();
        let nodes: NodeMap = self
            .store
            .nodes(&pairs)
            .await
            .map_err(unreadable)?
            .into_iter()
            .map(|((level, index), hash)| (NodeId { level, index }, hash))
            .collect();
        let proof = inclusion_proof(&nodes, index, head.size).map_err(|e| damaged(e.to_string()))?;
        let leaf = chosen.event.leaf().map_err(|e| damaged(e.to_string()))?;
        Ok(Receipt { leaf: Some(leaf.into_bytes()), index, proof, checkpoint: note }.to_text())
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
