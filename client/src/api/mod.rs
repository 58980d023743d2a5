//! The calls, one file per noun.
pub mod access;
pub mod admin;
pub mod audit;
pub mod oauth;
pub mod requests;

/// A page of a list: how many, and after which cursor.
#[derive(Clone, Debug, Default)]
pub struct Paging {
    /// `next` of the page before.
    pub after: Option<String>,
    /// 1 to 200.
    pub limit: Option<u32>,
}

/// A new idempotency key. Make one per thing that is meant, and keep it while trying again.
pub fn new_key() -> String {
    uuid::Uuid::new_v4().to_string()
}
