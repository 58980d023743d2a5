//! Password hashing off the async threads, with a bound on memory, threads and waiting.
use std::sync::{Arc, Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};
use data_encoding::BASE64_NOPAD;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::secret::random_bytes;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::no_randomness;

/// Argon2id cost: 19 MiB, two passes, one lane (OWASP Password Storage); about 14 ms of one core.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const HASH_BYTES: usize = 32;
/// A stored hash that asks for more memory than this is not computed.
const MAX_MEMORY_KIB: u32 = 64 * 1_024;
/// Hashes computed at once, at most; fewer on a machine with fewer cores.
const MAX_WORKERS: usize = 4;
/// Callers that may wait for each worker: a quarter of a second of work.
const WAITING_PER_WORKER: usize = 16;

/// The pool. A caller beyond the bound is refused at once, so that a flood of sign-ins cannot take the memory or
/// hold the threads that everything else needs.
pub(super) struct PasswordPool {
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
    /// Memory of workers that are idle: allocating 19 MiB afresh costs more than the hash.
    memory: Arc<Mutex<Vec<Vec<Block>>>>,
}

/// Keeps the memory, which holds traces of the last hashes, out of logs.
impl std::fmt::Debug for PasswordPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordPool")
            .field("free", &self.admitted.available_permits())
            .finish_non_exhaustive()
    }
}

impl PasswordPool {
    pub(super) fn new() -> Self {
        let workers = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS);
        Self {
            admitted: Arc::new(Semaphore::new(workers * (1 + WAITING_PER_WORKER))),
            running: Arc::new(Semaphore::new(workers)),
            memory: Arc::new(Mutex::new(Vec::new())),
        }
    }

    /// The hash of a new password, in PHC form (`$argon2id$v=19$m=19456,t=2,p=1$salt$hash`).
    pub(super) async fn hash(&self, password: &SecretString) -> Result<String, Refusal> {
        let salt = random_bytes::<16>().map_err(no_randomness)?;
        let password = password.clone();
        let hash =
            self.run(move |blocks| compute(blocks, &password, &salt, MEMORY_KIB, PASSES, LANES)).await?;
        let hash = hash.ok_or_else(busy)?;
        let (salt, hash) = (BASE64_NOPAD.encode(&salt), BASE64_NOPAD.encode(&hash));
        Ok(format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${hash}"))
    }

    /// Whether `password` is the one that `stored` was made from. Where nothing is stored the same work is done, and
    /// the answer is no: an unknown address costs the same as a known one.
    pub(super) async fn verify(
        &self,
        stored: Option<String>,
        password: &SecretString,
    ) -> Result<bool, Refusal> {
        let password = password.clone();
        self.run(move |blocks| verify(blocks, stored.as_deref(), &password)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| busy())?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| busy())?;
        let memory = Arc::clone(&self.memory);
        let work = move || {
            let mut blocks = memory.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
            let answer = job(&mut blocks);
            memory.lock().unwrap_or_else(PoisonError::into_inner).push(blocks);
            // The places are free when the work is done, not when a caller that waited for it goes away.
            drop((admitted, running));
            answer
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| busy())
    }
}

fn verify(blocks: &mut Vec<Block>, stored: Option<&str>, password: &SecretString) -> bool {
    let known = stored
        .and_then(|text| PasswordHash::new(text).ok())
        .filter(|hash| hash.algorithm.as_str() == "argon2id");
    let params =
        known.as_ref().and_then(|hash| Params::try_from(hash).ok()).filter(|p| p.m_cost() <= MAX_MEMORY_KIB);
    match known.as_ref().zip(params).and_then(|(hash, params)| Some((hash.salt?, hash.hash?, params))) {
        Some((salt, hash, p)) => compute(blocks, password, &salt, p.m_cost(), p.t_cost(), p.p_cost())
            .is_some_and(|computed| computed.as_slice().ct_eq(hash.as_bytes()).into()),
        None => {
            let _same_work = compute(blocks, password, &[0; 16], MEMORY_KIB, PASSES, LANES);
            false
        }
    }
}

/// The raw hash; `None` only if the parameters are not valid.
fn compute(
    blocks: &mut Vec<Block>,
    password: &SecretString,
    salt: &[u8],
    memory: u32,
    passes: u32,
    lanes: u32,
) -> Option<[u8; HASH_BYTES]> {
    let params = Params::new(memory, passes, lanes, Some(HASH_BYTES)).ok()?;
    if blocks.len() < params.block_count() {
        blocks.resize(params.block_count(), Block::new());
    }
    let mut out = [0; HASH_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(
            password.expose_secret().as_bytes(),
            salt,
            &mut out,
            blocks.as_mut_slice(),
        )
        .ok()?;
    Some(out)
}

fn busy() -> Refusal {
    Refusal::unavailable("busy", "Too many people are signing in at this moment. Try again in a few seconds.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hallpass_domain::refusal::Class;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[tokio::test]
    async fn only_the_right_password_verifies() {
        let pool = PasswordPool::new();
        let stored = pool.hash(&secret("ostrich lamp 77")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(pool.verify(Some(stored.clone()), &secret("ostrich lamp 77")).await.unwrap());
        assert!(!pool.verify(Some(stored.clone()), &secret("ostrich lamp 78")).await.unwrap());
        assert_ne!(stored, pool.hash(&secret("ostrich lamp 77")).await.unwrap());
    }

    #[tokio::test]
    async fn nothing_verifies_against_nothing_or_another_scheme() {
        let pool = PasswordPool::new();
        for stored in [
            None,
            Some(""),
            Some("x"),
            Some("$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAA"),
            Some("$argon2id$v=19$m=99999999,t=1,p=1$c2FsdHNhbHQ$AAAA"),
        ] {
            assert!(!pool.verify(stored.map(str::to_owned), &secret("")).await.unwrap(), "{stored:?}");
        }
    }

    /// Published test vector of the reference implementation's PHC form, made with other parameters than ours.
    #[tokio::test]
    async fn hashes_of_other_cost_verify() {
        let stored = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        assert!(PasswordPool::new().verify(Some(stored.to_owned()), &secret("password")).await.unwrap());
    }

    #[tokio::test]
    async fn a_full_pool_refuses_at_once() {
        let pool = PasswordPool::new();
        let _held = Arc::clone(&pool.admitted)
            .acquire_many_owned(pool.admitted.available_permits() as u32)
            .await
            .unwrap();
        let refusal = pool.verify(None, &secret("x")).await.unwrap_err();
        assert_eq!((refusal.class, refusal.code), (Class::Unavailable, "busy"));
    }
}
