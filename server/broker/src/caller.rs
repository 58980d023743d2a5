//! Who calls a use case, and how they proved it.
use std::net::IpAddr;

use hallpass_domain::account::Strength;
use hallpass_domain::ids::{ApiTokenId, ClientId, SessionId, UserId, WorkloadId};
use hallpass_domain::principal::{Duty, Principal};
use hallpass_domain::refusal::Refusal;

/// Where a call came from, for throttles and audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Client address, from the connection or a trusted proxy.
    pub address: IpAddr,
}

impl Origin {
    /// The network that throttles count by: the address on IPv4, the /64 on IPv6.
    pub fn network(&self) -> String {
        match self.address.to_canonical() {
            IpAddr::V4(a) => a.to_string(),
            IpAddr::V6(a) => {
                let [a, b, c, d, ..] = a.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        }
    }

    /// What one customer of a provider has in hand at once: the address on IPv4, the /48 on IPv6. Limits over all accounts
    /// count by it, because whoever has a /48 has 65,536 networks.
    pub fn site(&self) -> String {
        match self.address.to_canonical() {
            IpAddr::V4(a) => a.to_string(),
            IpAddr::V6(a) => {
                let [a, b, c, ..] = a.segments();
                format!("{a:x}:{b:x}:{c:x}::/48")
            }
        }
    }
}

/// A person or program that has proved who it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Caller {
    /// A person in a signed-in browser.
    Human(HumanCaller),
    /// A person's command line, by an opaque API token; counts as `session` at most and may decide
    /// (the token came from a fresh sign-in), except where a step-up is asked for.
    CommandLine {
        /// Whose.
        user: UserId,
        /// Their duties.
        duties: Vec<Duty>,
        /// The token.
        token: ApiTokenId,
        /// The client it was issued to.
        client: ClientId,
    },
    /// A workload.
    Workload {
        /// Which.
        workload: WorkloadId,
        /// The client it authenticated as.
        client: ClientId,
    },
}

/// A person in a signed-in browser session, or their command line after a device flow. Programs cannot build one:
/// the only constructors are in [`crate::access`], after a session or a person's API token was checked.
#[derive(Clone, Debug, PartialEq)]
pub struct HumanCaller {
    pub(crate) user: UserId,
    pub(crate) duties: Vec<Duty>,
    pub(crate) session: Option<SessionId>,
    pub(crate) strength: Strength,
}

impl HumanCaller {
    /// Who.
    pub fn user(&self) -> UserId {
        self.user
    }
    /// The browser session; none for a command line.
    pub fn session(&self) -> Option<SessionId> {
        self.session
    }
    /// How strongly proved.
    pub fn strength(&self) -> Strength {
        self.strength
    }
    /// Duties.
    pub fn has(&self, duty: Duty) -> bool {
        self.duties.contains(&duty)
    }
}

impl Caller {
    /// The principal that asks and holds.
    pub fn principal(&self) -> Principal {
        match self {
            Self::Human(h) => Principal::User(h.user),
            Self::CommandLine { user, .. } => Principal::User(*user),
            Self::Workload { workload, .. } => Principal::Workload(*workload),
        }
    }
    /// The person, where it is one.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::Human(h) => Some(h.user),
            Self::CommandLine { user, .. } => Some(*user),
            Self::Workload { .. } => None,
        }
    }
    /// The client that speaks for them.
    pub fn client(&self) -> Option<ClientId> {
        match self {
            Self::Human(_) => None,
            Self::CommandLine { client, .. } | Self::Workload { client, .. } => Some(*client),
        }
    }
    /// Whether the caller has a duty.
    pub fn has(&self, duty: Duty) -> bool {
        match self {
            Self::Human(h) => h.has(duty),
            Self::CommandLine { duties, .. } => duties.contains(&duty),
            Self::Workload { .. } => false,
        }
    }
    /// The person as one who may decide; programs are refused.
    pub fn human(&self) -> Result<HumanCaller, Refusal> {
        match self {
            Self::Human(h) => Ok(h.clone()),
            Self::CommandLine { user, duties, .. } => Ok(HumanCaller {
                user: *user,
                duties: duties.clone(),
                session: None,
                strength: Strength::Session,
            }),
            Self::Workload { .. } => {
                Err(Refusal::forbidden("people_only", "Only a person may do this; programs cannot decide."))
            }
        }
    }
    /// `user:<id>` or `workload:<id>`: the actor of audit events.
    pub fn actor(&self) -> String {
        self.principal().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_sites() {
        let seen = |address: &str| {
            let origin = Origin { address: address.parse().unwrap() };
            (origin.network(), origin.site())
        };
        let pair = |network: &str, site: &str| (network.to_owned(), site.to_owned());
        assert_eq!(seen("192.0.2.7"), pair("192.0.2.7", "192.0.2.7"));
        assert_eq!(seen("::ffff:192.0.2.7"), pair("192.0.2.7", "192.0.2.7"));
        assert_eq!(seen("2001:db8:1:2:3::4"), pair("2001:db8:1:2::/64", "2001:db8:1::/48"));
        assert_eq!(seen("2001:db8:1:ffff::9").1, seen("2001:db8:1:2:3::4").1);
    }
}
