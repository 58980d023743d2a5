//! One grant: its page, what was issued under it, and how to use it.
use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::credential::{Credential, CredentialState, Token};
use hallpass_domain::grant::{EndReason, Grant, GrantState};
use hallpass_domain::ids::GrantId;
use hallpass_domain::ports::audit_log::AuditFilter;
use hallpass_domain::principal::Duty;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::role::CredentialKind;
use hallpass_domain::target::{TargetSettings, Verification};

use super::access::gives;
use super::lines;
use super::objects::blocks_of;
use super::tokens::{TokenStanding, token_standing};
use crate::broker::{Broker, unreadable};
use crate::caller::Caller;
use crate::reconcile::alert_overdue::ALERT_SECONDS;
use crate::views::access::GrantView;
use crate::views::common::TimelineEvent;
use crate::views::credential::{CredentialView, IssuableKind};
use crate::views::page::{Command, FieldError};

/// Tokens listed on a grant's page.
const TOKENS: u32 = 20;

impl Broker {
    /// One grant, for somebody who may see it.
    pub async fn grant_view(
        &self,
        caller: &Caller,
        id: GrantId,
        errors: Vec<FieldError>,
    ) -> Result<GrantView, Refusal> {
        self.grant_view_listing(caller, id, errors, TOKENS).await
    }

    /// As [`Self::grant_view`], with at most so many tokens.
    pub(crate) async fn grant_view_listing(
        &self,
        caller: &Caller,
        id: GrantId,
        errors: Vec<FieldError>,
        most_tokens: u32,
    ) -> Result<GrantView, Refusal> {
        let grant = self.visible_grant(caller, id).await?;
        let catalogue = self.catalogue().await?;
        let card = self.grant_card(&catalogue, caller, &grant).await?;
        let credentials = self.store.credentials_of(id).await.map_err(unreadable)?;
        let tokens = self.store.tokens_of(id, most_tokens).await.map_err(unreadable)?;
        let (request, decisions) = match grant.request_id {
            Some(r) => (
                self.store.request(r).await.map_err(unreadable)?,
                self.store.decisions(r).await.map_err(unreadable)?,
            ),
            None => (None, Vec::new()),
        };
        let now = self.now();
        let active = grant.allows_at(now);
        let may_revoke = match caller.user() {
            Some(user) => {
                active && (caller.has(Duty::Administrator) || self.approved_by(&grant, user).await?)
            }
            None => false,
        };
        let role_name = card.role.name.clone();
        let mut shown: Vec<CredentialView> = credentials.iter().map(|c| credential_view(c, now)).collect();
        shown.extend(tokens.iter().map(|t| token_view(&catalogue, &grant, t, now)));
        shown.sort_by_key(|c| std::cmp::Reverse(c.issued_at));
        Ok(GrantView {
            scope: lines::scope(&grant.scope),
            approvals: request
                .as_ref()
                .map(|r| decisions.iter().map(|d| lines::decision(&catalogue, r, d)).collect())
                .unwrap_or_default(),
            reason: request.as_ref().map(|r| r.reason.clone()).unwrap_or_default(),
            issuable: gives(&catalogue, &grant)
                .map(|k| issuable_kind(&catalogue, &grant, k))
                .into_iter()
                .collect(),
            why_no_issue: (!card.can_issue).then(|| why_not(&grant, active)),
            credentials: shown,
            commands: commands(&catalogue, &grant, &role_name),
            can_revoke: may_revoke,
            blocks: blocks_of(&catalogue, |b| b.grant_id == grant.id).into_iter().next(),
            can_lift: caller.has(Duty::Administrator),
            has_receipt: true,
            ended_by: grant.ended_by.map(|u| lines::user(&catalogue, u).name),
            ended_comment: self.why_ended(&grant).await?,
            timeline: timeline(&catalogue, &grant, &credentials, now),
            errors,
            grant: card,
        })
    }
}

impl Broker {
    /// What whoever revoked it gave as the reason: it stands beside the audit event and nowhere else.
    async fn why_ended(&self, grant: &Grant) -> Result<Option<String>, Refusal> {
        if grant.end_reason != Some(EndReason::Revoked) {
            return Ok(None);
        }
        let filter = AuditFilter {
            kind: Some("grant.ending".to_owned()),
            subject: Some(("grant".to_owned(), grant.id.to_string())),
            ..AuditFilter::default()
        };
        let found = self.store.events(&filter, None, 1).await.map_err(unreadable)?;
        let why =
            found.first().and_then(|e| e.event.parts().opening.as_ref()).and_then(|o| o.private.get("why"));
        Ok(why.and_then(|w| w.as_str()).map(str::to_owned))
    }
}

fn why_not(grant: &Grant, active: bool) -> String {
    if active {
        "Only its holder issues credentials under a grant.".to_owned()
    } else if grant.state == GrantState::Scheduled {
        "It has not begun yet.".to_owned()
    } else {
        "It is over, so nothing more is issued under it.".to_owned()
    }
}

fn issuable_kind(catalogue: &Catalogue, grant: &Grant, kind: CredentialKind) -> IssuableKind {
    let offline = matches!(catalogue.targets.get(&grant.target_id).map(|t| &t.settings), Some(TargetSettings::Oauth(o)) if o.verification == Verification::Offline);
    let (use_it, cuts, cannot) = match kind {
        CredentialKind::AccessToken => (
            "Send it as a Bearer token.",
            if offline {
                "New tokens, and introspection at once."
            } else {
                "Everything: this target asks Hallpass at each use, so the token ends at the very second."
            },
            if offline {
                "This target checks tokens offline: one ended early may be accepted until it expires, five minutes at most."
            } else {
                ""
            },
        ),
        CredentialKind::PostgresqlLogin => (
            "Log in with psql or any client.",
            "New logins, open sessions, memberships, and the login itself; what it owned goes to quarantine.",
            "Data that it wrote or read stays written or read. A pooler in between may keep its own server sessions.",
        ),
    };
    IssuableKind {
        kind: kind.as_str().to_owned(),
        label: lines::credential_in_words(kind),
        use_it: use_it.to_owned(),
        cuts: cuts.to_owned(),
        cannot_cut: cannot.to_owned(),
    }
}

fn commands(catalogue: &Catalogue, grant: &Grant, role: &str) -> Vec<Command> {
    let of = |label: &str, command: String| Command { label: label.to_owned(), command };
    match gives(catalogue, grant) {
        Some(CredentialKind::PostgresqlLogin) => vec![
            of("Open psql", format!("hallpass run {role} -- psql")),
            of("End it now", format!("hallpass end {role}")),
        ],
        Some(CredentialKind::AccessToken) => vec![
            of("Print a token", format!("hallpass token {role}")),
            of("Run with a token", format!("hallpass run {role} -- COMMAND")),
            of("End it now", format!("hallpass end {role}")),
        ],
        None => Vec::new(),
    }
}

/// A login, never with its secret.
pub fn credential_view(c: &Credential, now: Timestamp) -> CredentialView {
    let due = c.state != CredentialState::Revoked && c.due_at <= now;
    CredentialView {
        id: c.id.to_string(),
        kind: c.kind.as_str().to_owned(),
        label: lines::credential_in_words(c.kind),
        name: c.external_name.clone(),
        state: if due && c.state == CredentialState::Live { "revoking" } else { c.state.as_str() }.to_owned(),
        issued_at: c.live_at.or(Some(c.intended_at)),
        probe: c.probe.as_ref().map(Into::into),
        not_after: c.not_after,
        may_work_until: None,
        verified_at: c.verified_at,
        attempts: i64::from(c.attempts),
        overdue: due && (now - c.due_at).num_seconds() > ALERT_SECONDS,
        stalled: due && c.last_error.as_deref() == Some("down"),
        needs_human: due && matches!(c.last_error.as_deref(), Some("refused" | "not_ours")),
        trouble: c.last_error.clone().filter(|_| c.state != CredentialState::Revoked),
        watchable: true,
    }
}

pub(super) fn token_view(catalogue: &Catalogue, grant: &Grant, t: &Token, now: Timestamp) -> CredentialView {
    let standing = token_standing(catalogue, grant, t, now);
    let state = match standing {
        TokenStanding { over: false, .. } => "live",
        TokenStanding { may_work_until: Some(_), .. } => "revoking",
        TokenStanding { by_itself: true, .. } => "expired",
        _ => "revoked",
    };
    CredentialView {
        id: t.id.to_string(),
        kind: CredentialKind::AccessToken.as_str().to_owned(),
        label: lines::credential_in_words(CredentialKind::AccessToken),
        name: t.id.to_string(),
        state: state.to_owned(),
        issued_at: Some(t.issued_at),
        probe: None,
        not_after: t.expires_at,
        may_work_until: standing.may_work_until,
        verified_at: standing.gone_at,
        attempts: 0,
        overdue: false,
        stalled: false,
        needs_human: false,
        trouble: None,
        watchable: false,
    }
}

fn timeline(
    catalogue: &Catalogue,
    grant: &Grant,
    credentials: &[Credential],
    now: Timestamp,
) -> Vec<TimelineEvent> {
    let line = |at, what: String, tone: &str| TimelineEvent {
        at,
        what,
        by: "Hallpass".to_owned(),
        detail: None,
        tone: tone.to_owned(),
        audit_id: None,
    };
    let begins = if grant.starts_at > now { "access begins" } else { "access began" };
    let mut out = vec![line(grant.starts_at, begins.to_owned(), "good")];
    for c in credentials {
        out.extend(c.live_at.map(|t| line(t, format!("login {} made", c.external_name), "info")));
        out.extend(c.denied_at.map(|t| line(t, "new logins refused".to_owned(), "info")));
        let gone = match c.sessions_cut {
            None => "sessions seen gone".to_owned(),
            Some(0) => "no session was open".to_owned(),
            Some(1) => "1 session ended and seen gone".to_owned(),
            Some(n) => format!("{n} sessions ended and seen gone"),
        };
        out.extend(c.sessions_ended_at.map(|t| line(t, gone, "info")));
        out.extend(c.verified_at.map(|t| line(t, "login verified absent".to_owned(), "good")));
    }
    if let Some(reason) = grant.end_reason {
        let what = match (reason, grant.ended_by) {
            (EndReason::Expired, _) => "access ended: its time was up",
            (EndReason::Released, Some(_)) => "ended the access early",
            (EndReason::Released, None) => "access ended early: its holder gave it back",
            (EndReason::Revoked, Some(_)) => "revoked the access",
            (EndReason::Revoked, None) => "access ended: revoked",
        };
        let mut end = line(grant.ends_at, what.to_owned(), "info");
        end.by = grant.ended_by.map_or_else(|| "Hallpass".to_owned(), |u| lines::user(catalogue, u).name);
        out.push(end);
    }
    out.extend(grant.verified_at.map(|t| line(t, "checked: nothing of it is left".to_owned(), "good")));
    out.sort_by_key(|e| e.at);
    out
}
