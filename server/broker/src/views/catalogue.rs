//! The catalogue: the roles that the person who looks may ask for.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::common::RoleLine;
use super::page::Choice;

/// The page `/catalogue`.
#[derive(Debug, Clone, Serialize)]
pub struct CatalogueView {
    /// Search text, as typed.
    pub query: String,
    /// Tiers to filter by; the first entry is "any".
    pub tiers: Vec<Choice>,
    /// Targets to filter by; the first entry is "any".
    pub targets: Vec<Choice>,
    /// The roles that this person asked for last, newest first; empty while a filter is set.
    pub again: Vec<AgainItem>,
    /// One page of roles.
    pub roles: Vec<RoleCard>,
    /// Number of roles that fit the filter.
    pub total: i64,
    /// Number of roles without any filter: tells "nothing here yet" from "nothing found".
    pub total_unfiltered: i64,
    /// Cursor of the next page, for the parameter `after`.
    pub next: Option<String>,
}

/// One role as the catalogue shows it.
#[derive(Debug, Clone, Serialize)]
pub struct RoleCard {
    /// The role.
    pub role: RoleLine,
    /// The usual length, in seconds.
    pub usual_seconds: i64,
    /// The longest length, in seconds.
    pub longest_seconds: i64,
    /// Who approves, stage by stage: "any 1 of DB on-call". Empty: nobody needs to.
    pub approval: Vec<String>,
    /// `session` or `step-up`: the strongest proof that a stage wants.
    pub proof: String,
    /// What the role gives, in words: "access token", "PostgreSQL login".
    pub gives: Vec<String>,
    /// A standing role needs no request (workloads only, low tier only).
    pub standing: bool,
    /// `eligible`, `pending`, `scheduled`, `active` or `not_eligible`.
    pub state: String,
    /// End of the active grant.
    pub until: Option<DateTime<Utc>>,
    /// The pending request or the grant behind the state.
    pub state_href: Option<String>,
    /// Why this person is not eligible and whom to ask.
    pub why_not: Option<String>,
    /// When this person last held the role.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A role asked for before, with what was typed then.
#[derive(Debug, Clone, Serialize)]
pub struct AgainItem {
    /// The role.
    pub role: RoleLine,
    /// The length asked for then, in seconds.
    pub seconds: i64,
    /// The reason given then.
    pub reason: String,
    /// When it was asked for.
    pub at: DateTime<Utc>,
    /// The request form with the same values filled in: fills only, never sends.
    pub href: String,
}
