//! What makes a server come to a fail point: what it is told to do, what is done to its target, and how often it must get
//! there before it is killed.
use hallpass_domain::failpoint;
use hallpass_tests::fault_server::{Side, Tell};

use super::habits::Habit;
use super::prepared;
use crate::bed::Store;

/// Kinds of event around whose commits other parts of the harness kill, three times each: `operators.rs`, `overdue.rs`,
/// `evidence.rs` and `distrust.rs`.
const BY_OTHERS: [&str; 14] = [
    "audit.behind",
    "audit.caught_up",
    "clock.issuing_stopped",
    "clock.jumped",
    "clock.reset",
    "credential.overdue",
    "credential.removed_unrecorded",
    "first_run.claimed",
    "first_run.opened",
    "key.log_announced",
    "key.log_rotated",
    "log.restored",
    "password.set",
    "restored.confirmed",
];

/// What is hit when a server starts on a place where none was before.
const FIRST_START: [&str; 3] = ["client.registered", "instance.named", "key.master_set"];

/// By the first word of a kind, or all of it; the story of the main job where none is named.
const SIDES: [(Side, &[&str]); 12] = [
    (
        Side::SignIn,
        &["account.prepared", "recovery_code", "second_factor.refused", "session.opened", "sign_in"],
    ),
    (Side::Commands, &["api_token", "device", "user.zone_changed"]),
    (Side::Sessions, &["recovery_codes", "session"]),
    (Side::Password, &["password"]),
    (Side::App, &["second_factor", "totp"]),
    (Side::Leaving, &["account.recovered", "audit", "client.secret_rotated", "user.signed_out"]),
    (Side::Stages, &["request.stage_approved", "request.stage_reopened", "request.approvers_asked"]),
    (Side::Lapse, &["request.lapsed", "mail.failed"]),
    (Side::Standing, &["grant.standing", "grant.standing_blocked", "grant.standing_lifted"]),
    (Side::Unusable, &["credential.not_issued", "credential.unusable"]),
    (Side::Findings, &["account", "credential.changed", "credential.missing", "credential.reappeared"]),
    (Side::Operator, &["key.master_rotated", "key.rewrapped", "key.rotated"]),
];
/// What a server does by itself as soon as it runs.
const BY_ITSELF: [&str; 3] = ["store.release_claims", "store.sweep", "store.probe"];

/// How a server comes to a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scene {
    /// The story of the main job.
    Story(Habit),
    /// Trials of targets.
    Trials(Habit),
    /// Something beside the story.
    Side(Side),
    /// Its first start on a place.
    FirstStart,
}

impl Scene {
    pub(super) fn at(point: &str) -> Self {
        let place = point.trim_end_matches(".before").trim_end_matches(".after");
        match (Habit::at(point), place.strip_prefix("store.")) {
            (habit @ Habit::NoQuarantine, _) => Self::Trials(habit),
            _ if place.starts_with("trial.") => Self::Trials(Habit::Usual),
            _ if BY_ITSELF.contains(&place) => Self::Side(Side::Idle),
            (Habit::Usual, Some(kind)) => Self::of_kind(kind),
            (habit, _) => Self::Story(habit),
        }
    }

    fn of_kind(kind: &str) -> Self {
        let family = kind.split('.').next().unwrap_or(kind);
        let named = |word| SIDES.iter().find(|(_, kinds)| kinds.contains(&word));
        match named(kind).or_else(|| named(family)) {
            Some((side, _)) => Self::Side(*side),
            None if FIRST_START.contains(&kind) => Self::FirstStart,
            None if family == "target" => Self::Trials(Habit::Usual),
            None => Self::Story(Habit::Usual),
        }
    }

    /// What a server is told.
    pub(super) fn tell(self) -> Tell {
        match self {
            // Short grants, so that much begins and ends.
            Self::Story(Habit::Usual) => Tell::Story { seconds: 1 },
            // Time for a holder to come in and do it.
            Self::Story(_) => Tell::Story { seconds: 4 },
            Self::Trials(_) => Tell::Trials,
            Self::Side(side) => Tell::Side { side },
            Self::FirstStart => Tell::Side { side: Side::Idle },
        }
    }

    /// What is done to the target, and what holders do.
    pub(super) fn habit(self) -> Habit {
        match self {
            Self::Story(habit) | Self::Trials(habit) => habit,
            Self::Side(_) | Self::FirstStart => Habit::Usual,
        }
    }

    /// Whether it needs a target of its own: what is done there is felt by everybody.
    pub(super) fn is_apart(self) -> bool {
        self.habit() != Habit::Usual
    }

    /// Which hits of a point kill: with both kinds of store three at least. Those of the story come often: the first at the first
    /// start, others in the middle of it. What is beside it comes once in a person's or a target's life.
    pub(super) fn hits(self, point: &str, store: Store) -> &'static [u32] {
        match (self, store) {
            // Commits are many and of every kind, those of each kind are points of their own.
            (Self::Story(_), _) if point.starts_with("store.commit") => &[1, 12, 44],
            (Self::Story(_) | Self::Trials(Habit::Usual), Store::Sqlite) => &[1, 3],
            (Self::Story(_) | Self::Trials(Habit::Usual), Store::Postgres | Store::PostgresTwo) => &[2],
            (Self::Trials(_), _) => &[1, 1, 1],
            (_, Store::Sqlite) => &[1, 1],
            (_, Store::Postgres | Store::PostgresTwo) => &[1],
        }
    }

    /// How many points are hit before it is checked: a check reads the whole store, and what it sees stays to be seen. Those
    /// of trials more: proof of absence waits until a create can land no more.
    pub(super) fn together(self) -> usize {
        match self {
            Self::FirstStart => 1,
            Self::Story(_) | Self::Trials(Habit::NoQuarantine) => 2,
            Self::Trials(_) | Self::Side(_) => 4,
        }
    }
}

/// The points that lanes kill at: all but those that others hit.
pub(super) fn points() -> Vec<&'static str> {
    let elsewhere: Vec<_> = BY_OTHERS.iter().filter_map(|kind| failpoint::of_kind(kind)).flatten().collect();
    failpoint::all().filter(|point| !elsewhere.contains(point) && !prepared::POINTS.contains(point)).collect()
}

#[test]
fn what_is_not_killed_here_is_a_kind_of_event() {
    for kind in BY_OTHERS {
        assert!(failpoint::of_kind(kind).is_some(), "{kind} is no kind of event");
    }
    let others = [
        include_str!("distrust.rs"),
        include_str!("evidence.rs"),
        include_str!("operators.rs"),
        include_str!("overdue.rs"),
        include_str!("unrecorded.rs"),
        include_str!("../demo/killed.rs"),
    ]
    .concat();
    for points in BY_OTHERS.iter().filter_map(|kind| failpoint::of_kind(kind)) {
        assert!(points.iter().all(|point| others.contains(point)), "nobody kills at {points:?}");
    }
}
