//! What introspection keeps in memory: bounded, and never trusted past a change.
//!
//! An entry says what the store said at some moment. Every commit of ours, and every notice from another replica,
//! removes what it changed. A cold read that was overtaken by a removal does not put its stale answer back: it
//! carries the epoch from before its read, and removal moves the epoch first.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use hallpass_domain::Timestamp;
use hallpass_domain::grant::Grant;
use hallpass_domain::ids::{GrantId, TargetId, TokenId};
use hallpass_domain::secret::SecretHash;
use hallpass_domain::transition::{Change, Transition};

/// A generation holds at most so many tokens; two generations live at a time.
const GENERATION: usize = 250_000;

/// What one token says, ready to be answered while it is active.
#[derive(Clone, Debug)]
pub struct CachedToken {
    /// Its `jti`.
    pub id: TokenId,
    /// Its grant.
    pub grant: GrantId,
    /// Its audience: only that resource server may ask.
    pub target: TargetId,
    /// `exp`.
    pub expires_at: Timestamp,
    /// The RFC 7662 answer, rendered once.
    pub answer: Arc<str>,
}

/// When a grant allows use.
#[derive(Clone, Copy, Debug)]
struct Window {
    starts_at: Timestamp,
    ends_at: Timestamp,
}

/// Things that a commit made stale.
#[derive(Clone, Debug, Default)]
pub struct Stale {
    /// Grants that changed or are new.
    pub grants: Vec<GrantId>,
    /// Tokens that were revoked.
    pub tokens: Vec<TokenId>,
    /// The catalogue changed: everything is stale.
    pub all: bool,
}

impl Stale {
    /// What `transition` makes stale.
    pub fn of(transition: &Transition) -> Self {
        let mut stale = Self::default();
        for change in &transition.changes {
            match change {
                Change::Grant(g) => stale.grants.push(g.id),
                Change::RevokeToken { id, .. } => stale.tokens.push(*id),
                Change::Catalogue(_) | Change::User(_) | Change::Client(_) | Change::EndBearers { .. } => {
                    stale.all = true;
                }
                _ => {}
            }
        }
        stale
    }
}

/// The cache.
pub struct TokenCache {
    young: DashMap<SecretHash, CachedToken>,
    old: DashMap<SecretHash, CachedToken>,
    grants: DashMap<GrantId, Window>,
    /// Tokens revoked lately: entries of theirs are dead. Emptied together with the entries.
    dead: DashMap<TokenId, ()>,
    epoch: AtomicU64,
    resets: AtomicU64,
    moved_grants: AtomicU64,
    began: Instant,
    /// Microseconds after `began` until which nothing that other replicas did can have been missed; [`FOR_EVER`].
    fresh_until: AtomicU64,
}

/// No other replica can change anything.
const FOR_EVER: u64 = u64::MAX;

impl Default for TokenCache {
    fn default() -> Self {
        Self::new()
    }
}

impl TokenCache {
    /// Empty.
    pub fn new() -> Self {
        Self {
            young: DashMap::new(),
            old: DashMap::new(),
            grants: DashMap::new(),
            dead: DashMap::new(),
            epoch: AtomicU64::new(0),
            resets: AtomicU64::new(0),
            moved_grants: AtomicU64::new(0),
            began: Instant::now(),
            fresh_until: AtomicU64::new(FOR_EVER),
        }
    }

    /// Epoch to be read before a cold read of the store.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// How often everything was forgotten: moves with every change of people, clients or the catalogue, made here or heard
    /// of from another replica. What else is remembered of them compares it, and asks [`Self::is_fresh`].
    pub fn resets(&self) -> u64 {
        self.resets.load(Ordering::SeqCst)
    }

    /// How often some grant was made or changed, here or by another replica. What else is remembered of grants compares it,
    /// and asks [`Self::is_fresh`].
    pub fn moved_grants(&self) -> u64 {
        self.moved_grants.load(Ordering::SeqCst)
    }

    /// Says until when memory may be asked: a second after the last moment up to which every notice of other replicas
    /// has arrived here, or for ever (`None`) where there can be no other. It is compared at each answer, so that a
    /// process that was stopped answers from the store as soon as it goes on.
    pub fn fresh_until(&self, until: Option<Instant>) {
        let micros = until.map_or(FOR_EVER, |until| self.micros(until));
        self.fresh_until.store(micros, Ordering::Release);
    }

    /// Whether memory may be asked at this moment.
    pub fn is_fresh(&self) -> bool {
        let until = self.fresh_until.load(Ordering::Acquire);
        until == FOR_EVER || self.micros(Instant::now()) < until
    }

    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.began).as_micros()).unwrap_or(FOR_EVER - 1)
    }

    /// The token, if it is in memory and its grant allows use at `now` as far as memory knows. `None`: read the store.
    pub fn get(&self, hash: &SecretHash, now: Timestamp) -> Option<Option<CachedToken>> {
        if !self.is_fresh() {
            return None;
        }
        let token = self.young.get(hash).or_else(|| self.old.get(hash))?.clone();
        if self.dead.contains_key(&token.id) {
            return None;
        }
        let window = *self.grants.get(&token.grant)?;
        let active = now < token.expires_at && window.starts_at <= now && now < window.ends_at;
        Some(active.then_some(token))
    }

    /// Keeps what a cold read found, unless something was forgotten since `epoch`.
    pub fn put(&self, epoch: u64, hash: SecretHash, token: CachedToken, grant: &Grant) {
        if !self.is_fresh() {
            return;
        }
        if self.young.len() >= GENERATION {
            self.old.clear();
            for entry in self.young.iter() {
                self.old.insert(*entry.key(), entry.value().clone());
            }
            self.young.clear();
        }
        let window = Window { starts_at: grant.starts_at, ends_at: grant.ends_at };
        let (grant_id, token_hash) = (token.grant, hash);
        if self.dead.contains_key(&token.id) {
            return;
        }
        self.grants.insert(grant_id, window);
        self.young.insert(token_hash, token);
        // A removal that came between the read and here moved the epoch first: take back what it could not see.
        if self.epoch.load(Ordering::SeqCst) != epoch {
            self.young.remove(&token_hash);
            self.grants.remove(&grant_id);
        }
        if self.grants.len() > GENERATION {
            self.grants.clear();
        }
    }

    /// Forgets what changed.
    pub fn forget(&self, stale: &Stale) {
        if stale.all {
            return self.forget_all();
        }
        if stale.grants.is_empty() && stale.tokens.is_empty() {
            return;
        }
        self.epoch.fetch_add(1, Ordering::SeqCst);
        if !stale.grants.is_empty() {
            self.moved_grants.fetch_add(1, Ordering::SeqCst);
        }
        for grant in &stale.grants {
            self.grants.remove(grant);
        }
        for token in &stale.tokens {
            self.dead.insert(*token, ());
        }
        if self.dead.len() > GENERATION {
            self.forget_all();
        }
    }

    /// Forgets everything.
    pub fn forget_all(&self) {
        // In this order: who reads the new epoch also reads the new number of resets, and asks for the catalogue anew.
        self.resets.fetch_add(1, Ordering::SeqCst);
        self.epoch.fetch_add(1, Ordering::SeqCst);
        self.moved_grants.fetch_add(1, Ordering::SeqCst);
        self.grants.clear();
        self.young.clear();
        self.old.clear();
        self.dead.clear();
    }

    /// How many tokens are in memory.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where several servers share the database: a revocation is answered only after the second in which a replica
    /// that no longer hears notices stops answering from memory.
    pub async fn wait_for_replicas(&self, replicated: bool) {
        if replicated {
            tokio::time::sleep(Duration::from_millis(1_000)).await;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use hallpass_domain::grant::GrantState;
    use hallpass_domain::ids::{RoleId, UserId};
    use hallpass_domain::principal::Principal;

    pub(crate) fn grant(now: Timestamp) -> Grant {
        Grant {
            id: GrantId::new(now),
            request_id: None,
            principal: Principal::User(UserId::new(now)),
            role_id: RoleId::new(now),
            target_id: TargetId::new(now),
            tier: hallpass_domain::role::Tier::Low,
            scope: Default::default(),
            terms: Default::default(),
            starts_at: now,
            ends_at: now + chrono::Duration::seconds(60),
            state: GrantState::Active,
            end_reason: None,
            ended_by: None,
            verified_at: None,
            accepted_until: None,
            created_at: now,
            version: 1,
        }
    }

    #[test]
    fn a_stale_cold_read_is_not_put_back() {
        let now: Timestamp = "2026-11-23T16:00:00Z".parse().unwrap();
        let (cache, grant, hash) = (TokenCache::new(), grant(now), SecretHash::of("t"));
        let token = CachedToken {
            id: TokenId::new(now),
            grant: grant.id,
            target: grant.target_id,
            expires_at: grant.ends_at,
            answer: "{}".into(),
        };
        cache.put(cache.epoch(), hash, token.clone(), &grant);
        assert!(matches!(cache.get(&hash, now), Some(Some(_))), "known and active");
        assert!(matches!(cache.get(&hash, grant.ends_at), Some(None)), "inactive at the very instant");
        let before = cache.epoch();
        cache.forget(&Stale { grants: vec![grant.id], ..Stale::default() });
        assert!(cache.get(&hash, now).is_none(), "must read the store");
        cache.put(before, hash, token, &grant);
        assert!(cache.get(&hash, now).is_none(), "a read from before the change does not come back");
        cache.fresh_until(Some(Instant::now()));
        assert!(cache.get(&hash, now).is_none());
    }
}
