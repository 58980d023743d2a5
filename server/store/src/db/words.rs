//! The closed lists of words that stand in text columns.
use hallpass_domain::account::{DeviceState, Strength};
use hallpass_domain::credential::CredentialState;
use hallpass_domain::finding::FindingKind;
use hallpass_domain::grant::{EndReason, GrantState};
use hallpass_domain::mail::{MailKind, MailState};
use hallpass_domain::request::{CloseCause, RequestState, Verdict};
use hallpass_domain::role::{CredentialKind, Tier};
use hallpass_domain::workflow::Proof;

/// A closed list of words.
pub(crate) trait TextEnum: Copy + std::fmt::Debug + 'static {
    /// The word in the database.
    fn word(self) -> &'static str;
    /// Reads [`Self::word`].
    fn read(text: &str) -> Option<Self>;
}

macro_rules! parsed {
    ($($name:ty),+ $(,)?) => {$(
        impl TextEnum for $name {
            fn word(self) -> &'static str { self.as_str() }
            fn read(text: &str) -> Option<Self> { Self::parse(text) }
        }
    )+};
}
parsed!(
    RequestState,
    CloseCause,
    GrantState,
    EndReason,
    CredentialState,
    Strength,
    DeviceState,
    MailKind,
    MailState
);

macro_rules! listed {
    ($($name:ty => [$($item:ident),+]),+ $(,)?) => {$(
        impl TextEnum for $name {
            fn word(self) -> &'static str { self.as_str() }
            fn read(text: &str) -> Option<Self> { [$(Self::$item),+].into_iter().find(|item| item.as_str() == text) }
        }
    )+};
}
listed!(
    Tier => [Low, Medium, High],
    CredentialKind => [AccessToken, PostgresqlLogin],
    FindingKind => [Unknown, Reappeared, Changed, Missing],
    Verdict => [Approve, Deny],
    Proof => [Session, StepUp],
    PrincipalKind => [User, Workload, Group],
    ClientKind => [Workload, ResourceServer, CommandLine],
);

/// Which kind of principal an id belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrincipalKind {
    User,
    Workload,
    Group,
}

impl PrincipalKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Workload => "workload",
            Self::Group => "group",
        }
    }
}

/// What an OAuth client stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientKind {
    Workload,
    ResourceServer,
    CommandLine,
}

impl ClientKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Workload => "workload",
            Self::ResourceServer => "resource_server",
            Self::CommandLine => "command_line",
        }
    }
}
