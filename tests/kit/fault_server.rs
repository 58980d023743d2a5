//! What `hallpassd-faults` is told and what it says, a line of JSON each.
use hallpass_domain::Timestamp;
use hallpass_domain::ids::{CredentialId, GrantId};
use hallpass_domain::request::RequestState;
use serde::{Deserialize, Serialize};

/// Where the server finds its [`crate::world::Place`], as JSON.
pub const PLACE: &str = "HALLPASS_FAULTS_PLACE";

/// By how many seconds its clock is ahead; with `:jumped` or `:behind` what it then says of itself, with `:swift` it goes
/// twenty times as fast.
pub const LATER: &str = "HALLPASS_FAULTS_LATER";

/// What it is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Tell {
    /// Live the story again and again: ask, approve, fetch, sometimes end early.
    Story {
        /// Seconds that a grant lasts, at least.
        seconds: usize,
    },
    /// Live another part of Hallpass's days again and again.
    Side {
        /// Which.
        side: Side,
    },
    /// Try every target with a throw-away account, again and again.
    Trials,
    /// Apply a catalogue, as the administrator.
    Apply {
        /// The file.
        catalogue: String,
    },
    /// One grant of a role, and a login under it.
    Login {
        /// The role.
        role: String,
        /// For how long, such as `2s`.
        time: String,
    },
    /// End a grant early, as its holder.
    End {
        /// The grant.
        grant: GrantId,
    },
    /// One grant of a role, and a token under it.
    Token {
        /// The role.
        role: String,
        /// For how long.
        time: String,
    },
    /// Introspect the newest token.
    Introspect,
}

/// What is done beside the story of the main job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Nothing: what a server does by itself.
    Idle,
    /// Somebody new signs in and does everything there is to do with what proves who they are.
    People,
    /// Somebody new signs in.
    SignIn,
    /// Then signs a command in and out.
    Commands,
    /// Then gets new recovery codes, and ends other sessions.
    Sessions,
    /// Then changes the password.
    Password,
    /// Then replaces the authenticator app.
    App,
    /// Then leaves.
    Leaving,
    /// A request of two stages, whose approvers change meanwhile.
    Stages,
    /// Requests that nobody decides in time, and whose approver has no mailbox.
    Lapse,
    /// A workload's standing role, stopped and let go again.
    Standing,
    /// Logins that a target refuses to make, or that do not work.
    Unusable,
    /// Accounts at a target that are not as the records say.
    Findings,
    /// New keys.
    Operator,
}

/// What it says: each after it was answered to the caller, so it must be true for good.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
pub enum Said {
    /// Started.
    Ready {
        /// Name of the installation in account names.
        instance: String,
        /// The audit log's verifier key.
        vkey: String,
        /// Its name among replicas.
        worker: String,
    },
    /// A request is stored.
    Asked {
        /// Its reference.
        reference: String,
    },
    /// A request was denied or taken back.
    Closed {
        /// Its reference.
        reference: String,
        /// What it is now.
        state: RequestState,
    },
    /// A token was revoked by its holder.
    TokenRevoked {
        /// The token.
        token: String,
    },
    /// It was approved.
    Granted {
        /// The grant.
        grant: GrantId,
        /// Its end.
        ends_at: Timestamp,
    },
    /// A login was handed out.
    Login {
        /// Its row.
        credential: CredentialId,
        /// The grant.
        grant: GrantId,
        /// Account at the target.
        name: String,
        /// Password.
        password: String,
        /// Port of the target.
        port: u16,
    },
    /// A token was handed out.
    Token {
        /// The token.
        token: String,
    },
    /// A grant was ended early.
    Ended {
        /// The grant.
        grant: GrantId,
    },
    /// Somebody did something that leaves an event of this kind about this.
    Did {
        /// Kind of the event.
        kind: String,
        /// What it is about.
        noun: String,
        /// Which.
        id: String,
    },
    /// A target was tried.
    Tried {
        /// What came of it.
        outcome: String,
        /// What was wrong.
        problems: Vec<String>,
    },
    /// Whether the newest token is active.
    Active {
        /// So.
        active: bool,
    },
    /// A step was refused.
    Refused {
        /// Code of the refusal.
        code: String,
        /// Its words.
        message: String,
    },
}
