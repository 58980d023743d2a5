//! What was read, kept with how often it had moved before that: a reader that is overtaken by a change cannot pass what is old
//! off as new. Every decision that rests on it is compared with the store at its commit.
use std::sync::{Arc, PoisonError, RwLock};

use dashmap::DashMap;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::credential::Token;
use hallpass_domain::grant::Grant;
use hallpass_domain::ids::RoleId;
use hallpass_domain::principal::Principal;
use hallpass_domain::secret::SecretHash;

/// One catalogue and the number of resets ([`crate::credentials::token_cache::TokenCache::resets`]) from before it was
/// read: kept together, so that a slow reader cannot pass an old catalogue off as a new one.
#[derive(Default)]
pub(crate) struct KnownCatalogue(RwLock<Option<(u64, Arc<Catalogue>)>>);

impl KnownCatalogue {
    /// The catalogue, if nothing was forgotten since it was read.
    pub(crate) fn at(&self, resets: u64) -> Option<Arc<Catalogue>> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(at, _)| *at == resets).map(|(_, catalogue)| Arc::clone(catalogue))
    }

    /// Keeps what was read after so many resets, unless something newer is kept.
    pub(crate) fn keep(&self, resets: u64, read: &Arc<Catalogue>) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_none_or(|(at, _)| *at <= resets) {
            *kept = Some((resets, Arc::clone(read)));
        }
    }
}

/// Most grants that are kept; beyond it they are read again.
const GRANTS: usize = 10_000;

/// The usable grant of a principal and a role, with the number of moved grants
/// ([`crate::credentials::token_cache::TokenCache::moved_grants`]) from before it was read.
#[derive(Default)]
pub(crate) struct KnownGrants(DashMap<(Principal, RoleId), (u64, Grant)>);

impl KnownGrants {
    /// The grant, if none has moved since it was read.
    pub(crate) fn at(&self, moved: u64, principal: Principal, role: RoleId) -> Option<Grant> {
        self.0.get(&(principal, role)).filter(|kept| kept.0 == moved).map(|kept| kept.1.clone())
    }

    /// Keeps what was read after so many moves.
    pub(crate) fn keep(&self, moved: u64, grant: &Grant) {
        if self.0.len() >= GRANTS {
            self.0.clear();
        }
        self.0.insert((grant.principal, grant.role_id), (moved, grant.clone()));
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.0.clear();
    }
}

/// Most tokens that are kept of those that were issued last.
const TOKENS: usize = 10_000;

/// Tokens that were issued here lately, with their grants: what is revoked early is often revoked soon. A revocation rests on
/// the version of the token, so that one which did change is read again.
#[derive(Default)]
pub(crate) struct IssuedTokens(DashMap<SecretHash, (Token, Grant)>);

impl IssuedTokens {
    /// A token that was issued lately, as it was then, with its grant as it was then.
    pub(crate) fn get(&self, hash: &SecretHash) -> Option<(Token, Grant)> {
        self.0.get(hash).map(|kept| kept.clone())
    }

    /// Keeps what was issued.
    pub(crate) fn keep(&self, token: &Token, grant: &Grant) {
        if self.0.len() >= TOKENS {
            self.0.clear();
        }
        self.0.insert(token.hash, (token.clone(), grant.clone()));
    }

    /// Forgets one that has changed.
    pub(crate) fn forget(&self, hash: &SecretHash) {
        self.0.remove(hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_reader_brings_nothing_old_back() {
        let known = KnownCatalogue::default();
        let read = |revision| Arc::new(Catalogue { revision, ..Catalogue::default() });
        known.keep(5, &read(10));
        assert_eq!(known.at(5).map(|c| c.revision), Some(10));
        known.keep(6, &read(11));
        known.keep(5, &read(10));
        assert_eq!(known.at(6).map(|c| c.revision), Some(11));
        assert!(known.at(5).is_none() && known.at(7).is_none());
    }

    #[test]
    fn a_grant_is_known_until_one_moves() {
        let now: hallpass_domain::Timestamp = "2026-11-23T16:00:00Z".parse().unwrap();
        let grant = crate::credentials::token_cache::tests::grant(now);
        let known = KnownGrants::default();
        known.keep(3, &grant);
        assert_eq!(known.at(3, grant.principal, grant.role_id), Some(grant.clone()));
        assert_eq!(known.at(4, grant.principal, grant.role_id), None, "one has moved");
        assert_eq!(known.at(3, grant.principal, RoleId::new(now)), None);
        known.clear();
        assert_eq!(known.at(3, grant.principal, grant.role_id), None);
    }
}
