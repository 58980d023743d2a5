//! The access receipt: who asked, who approved what digest with what proof, what was issued, when it was verified gone.
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use hallpass_domain::Timestamp;
use hallpass_domain::audit::checkpoint::Checkpoint;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::credential::Token;
use hallpass_domain::grant::Grant;
use hallpass_domain::ids::GrantId;
use hallpass_domain::issue::accepted_until;
use hallpass_domain::ports::audit_log::{AuditFilter, LogHead, LoggedEvent};
use hallpass_domain::refusal::Refusal;
use hallpass_domain::role::CredentialKind;
use hallpass_domain::secret::SecretHash;
use hallpass_domain::target::{OauthTarget, TargetSettings};

use super::grant::token_view;
use super::lines;
use super::proofs::ProvedLine;
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
/// Events of one subject on one receipt at most; a grant of which there are more is read in the export.
pub(super) const MOST: usize = 5_000;
/// Events read at a time.
const PAGE: u32 = 200;
/// Events that are listed on the page.
const SHOWN: usize = 200;

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
        let (mut events, _) = self.receipt_events(&grant).await?;
        events.retain(|e| !e.event.parts().kind.starts_with("mail."));
        let mut credentials = view.credentials;
        let oauth = oauth_of(&catalogue, &grant);
        let listed_ids: HashSet<&str> = credentials.iter().map(|c| c.id.as_str()).collect();
        let forgotten = forgotten(&events, &grant, &listed_ids, oauth);
        let now = self.now();
        credentials.extend(forgotten.iter().map(|t| token_view(&catalogue, &grant, t, now)));
        credentials.sort_by_key(|c| std::cmp::Reverse(c.issued_at));
        let more_events = events.len() > SHOWN;
        let proofs = self.proofs(events.split_off(events.len().saturating_sub(SHOWN))).await?;
        let (inclusion, nodes) = inclusion(&proofs.proved);
        let (asked_seconds, asked_end) = request.as_ref().map_or((None, None), |r| split(r.ask));
        let listed = credentials.iter().filter(|c| c.kind == CredentialKind::AccessToken.as_str()).count();
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
            credentials,
            more_tokens: listed >= usize::try_from(TOKENS).unwrap_or(usize::MAX),
            inclusion,
            nodes,
            more_events,
            checkpoint: self.checkpoint_line(proofs.head),
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

    /// Every event about a grant and its request, oldest first; and whether there are more than one receipt holds, of which
    /// the oldest are left out.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn receipt_events(&self, grant: &Grant) -> Result<(Vec<LoggedEvent>, bool), Refusal> {
        let (mut all, mut cut) = (Vec::new(), false);
        for filter in filters(grant) {
            let (mut of_it, mut before) = (Vec::new(), None);
            loop {
                let page = self.store.events(&filter, before, PAGE).await.map_err(unreadable)?;
                let full = page.len() >= usize::try_from(PAGE).unwrap_or(usize::MAX);
                before = page.last().map(|e| e.event.parts().id);
                of_it.extend(page);
                if !full {
                    break;
                }
                if of_it.len() >= MOST {
                    cut = true;
                    break;
                }
            }
            all.extend(of_it);
        }
        Ok((in_order(all), cut))
    }

    /// Every token of a grant that these events tell of, whether its row is still there or not.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn tokens_told(&self, grant: &Grant, events: &[LoggedEvent]) -> Result<Vec<Token>, Refusal> {
        let catalogue = self.catalogue().await?;
        let oauth = oauth_of(&catalogue, grant);
        let most = u32::try_from(MOST).unwrap_or(u32::MAX) + PAGE;
        let mut tokens = self.store.tokens_of(grant.id, most).await.map_err(unreadable)?;
        let ids: Vec<String> = tokens.iter().map(|t| t.id.to_string()).collect();
        let listed: HashSet<&str> = ids.iter().map(String::as_str).collect();
        let forgotten = forgotten(events, grant, &listed, oauth);
        let told: HashSet<&str> = events
            .iter()
            .map(|e| e.event.parts())
            .filter(|e| e.kind == "token.issued")
            .filter_map(|e| e.subjects.get("token").map(String::as_str))
            .collect();
        tokens.retain(|t| told.contains(t.id.to_string().as_str()));
        tokens.extend(forgotten);
        Ok(tokens)
    }

    /// Whether nothing has happened to a grant beyond these events: what was read between them and now belongs to them.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn nothing_newer(&self, grant: &Grant, events: &HashSet<uuid::Uuid>) -> Result<bool, Refusal> {
        let newest = self.newest_receipt_events(grant).await?;
        Ok(newest
            .iter()
            .map(|e| e.event.parts())
            .all(|e| e.kind.starts_with("mail.") || events.contains(&e.id)))
    }

    /// The newest of them.
    async fn newest_receipt_events(&self, grant: &Grant) -> Result<Vec<LoggedEvent>, Refusal> {
        let mut all = Vec::new();
        for filter in filters(grant) {
            all.extend(self.store.events(&filter, None, PAGE).await.map_err(unreadable)?);
        }
        Ok(in_order(all))
    }

    /// Returns once every event of a receipt is in the tree, or after two seconds. Right after an approval none is: the
    /// sealer works all the time and is waited for, so that nobody has to ask twice.
    pub async fn wait_until_sealed(&self, grant: &Grant) -> Result<(), Refusal> {
        for _ in 0..SEALER_LOOKS {
            if self.newest_receipt_events(grant).await?.iter().all(|e| e.index.is_some()) {
                break;
            }
            tokio::time::sleep(SEALER_LOOK).await;
        }
        Ok(())
    }

    fn checkpoint_line(&self, head: LogHead) -> Option<CheckpointLine> {
        let note = head.checkpoint?;
        let checkpoint = Checkpoint::open(&note, &[self.log_signer.verifier()]).ok()?;
        Some(CheckpointLine {
            origin: checkpoint.origin,
            size: i64::try_from(checkpoint.size).unwrap_or(i64::MAX),
            root: checkpoint.root.to_base64(),
            at: head.sealed_at.unwrap_or_else(|| self.now()),
            note,
        })
    }
}

fn oauth_of<'a>(catalogue: &'a Catalogue, grant: &Grant) -> Option<&'a OauthTarget> {
    match &catalogue.targets.get(&grant.target_id)?.settings {
        TargetSettings::Oauth(oauth) => Some(oauth),
        TargetSettings::Postgresql(_) => None,
    }
}

/// What a receipt of a grant is about: nouns with their ids.
pub(super) fn subjects(grant: &Grant) -> impl Iterator<Item = (&'static str, String)> {
    [Some(("grant", grant.id.to_string())), grant.request_id.map(|r| ("request", r.to_string()))]
        .into_iter()
        .flatten()
}

fn filters(grant: &Grant) -> impl Iterator<Item = AuditFilter> {
    subjects(grant)
        .map(|(noun, id)| AuditFilter { subject: Some((noun.to_owned(), id)), ..AuditFilter::default() })
}

/// Oldest first, each once.
fn in_order(mut events: Vec<LoggedEvent>) -> Vec<LoggedEvent> {
    events.sort_by_key(|e| e.event.parts().id);
    events.dedup_by_key(|e| e.event.parts().id);
    events
}

/// Tokens whose rows are deleted, as their events tell of them: a row goes a day after the token's end, and a receipt stays.
fn forgotten(
    events: &[LoggedEvent],
    grant: &Grant,
    listed: &HashSet<&str>,
    oauth: Option<&OauthTarget>,
) -> Vec<Token> {
    let parts = || events.iter().map(|e| e.event.parts());
    let revoked: HashMap<&str, Timestamp> = parts()
        .filter(|e| e.kind == "token.revoked")
        .filter_map(|e| Some((e.subjects.get("token")?.as_str(), e.at)))
        .collect();
    parts()
        .filter(|e| e.kind == "token.issued")
        .filter_map(|e| {
            let id = e.subjects.get("token").filter(|id| !listed.contains(id.as_str()))?;
            let expires_at = e.data.get("expires_at")?.as_str()?.parse().ok()?;
            Some(Token {
                id: id.parse().ok()?,
                hash: SecretHash::of(""),
                grant_id: grant.id,
                target_id: grant.target_id,
                client_id: None,
                issued_at: e.at,
                expires_at,
                accepted_until: match e.data.get("accepted_until") {
                    Some(fixed) => fixed.as_str().and_then(|text| text.parse().ok()),
                    None => oauth.and_then(|oauth| accepted_until(oauth, expires_at)),
                },
                revoked_at: revoked.get(id.as_str()).copied(),
                version: 1,
            })
        })
        .collect()
}

/// The events as the page has them, and every hash of their paths once: paths of one grant have most of them in common.
fn inclusion(proved: &[ProvedLine]) -> (Vec<InclusionLine>, Vec<String>) {
    let (mut nodes, mut numbers) = (Vec::new(), HashMap::new());
    let lines = proved.iter().map(|line| {
        let parts = line.logged.event.parts();
        let path = line.path.iter().map(|hash| {
            *numbers.entry(hash.to_base64()).or_insert_with_key(|hash| {
                nodes.push(hash.clone());
                nodes.len()
            })
        });
        InclusionLine {
            action: parts.kind.clone(),
            at: parts.at,
            leaf_index: i64::try_from(line.index).unwrap_or(i64::MAX),
            path: path.collect(),
            leaf_hash: line.logged.event.leaf_hash().to_base64(),
        }
    });
    (lines.collect(), nodes)
}
