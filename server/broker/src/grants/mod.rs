//! Grants: release by the holder, revoke by somebody with the right to, and what both share with expiry.
pub mod end;
pub mod ending;
pub mod standing_block;
