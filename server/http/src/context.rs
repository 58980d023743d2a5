//! What is known about a request before its handler runs: its id and where it comes from.
use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use hallpass_broker::Origin;

/// Set by [`crate::middleware::edge`] for every request.
#[derive(Clone, Debug)]
pub struct Ctx {
    /// Id of the request: in the answer, the log and every problem.
    pub request_id: Arc<str>,
    /// The client's address (see [`crate::address`]).
    pub address: IpAddr,
}

impl Ctx {
    /// The context of a request.
    pub fn of(req: &HttpRequest) -> Self {
        req.extensions().get::<Self>().cloned().unwrap_or_else(|| Self {
            request_id: Arc::from(""),
            address: req.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |a| a.ip()),
        })
    }

    /// As use cases take it.
    pub fn origin(&self) -> Origin {
        Origin { address: self.address }
    }
}

impl FromRequest for Ctx {
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(req)))
    }
}

/// Longest id taken over from a caller.
const MAX_ID: usize = 64;

/// The id of a request: the caller's own where it is 1 to 64 of `[A-Za-z0-9._-]`, else a new one.
pub fn request_id(presented: Option<&str>) -> Arc<str> {
    let plain = |id: &&str| {
        (1..=MAX_ID).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    match presented.filter(plain) {
        Some(id) => Arc::from(id),
        None => new_id(),
    }
}

/// A UUID whose upper half is drawn once per process and whose lower half counts: unique like a random one, without
/// asking the operating system for randomness at every request. It is a name, not a secret.
fn new_id() -> Arc<str> {
    static PROCESS: LazyLock<(u64, AtomicU64)> = LazyLock::new(|| {
        let (upper, lower) = uuid::Uuid::new_v4().as_u64_pair();
        (upper, AtomicU64::new(lower))
    });
    let (upper, lower) = &*PROCESS;
    // Bits 63 and 62 of the lower half are the variant (RFC 9562 §4.1); the count leaves them alone.
    let count = lower.fetch_add(1, Ordering::Relaxed) & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
    let mut text = uuid::Uuid::encode_buffer();
    Arc::from(&*uuid::Uuid::from_u64_pair(*upper, count).as_hyphenated().encode_lower(&mut text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_taken_over_where_they_are_plain() {
        assert_eq!(&*request_id(Some("build-7_a.1")), "build-7_a.1");
        let long = "a".repeat(65);
        for bad in [None, Some(""), Some("a b"), Some("ü"), Some("a\"b"), Some(long.as_str())] {
            assert_eq!(request_id(bad).len(), 36, "{bad:?}");
        }
        let (one, two) = (request_id(None), request_id(None));
        assert_ne!(one, two);
        let id: uuid::Uuid = one.parse().unwrap();
        assert_eq!((id.get_version_num(), id.get_variant()), (4, uuid::Variant::RFC4122));
    }
}
