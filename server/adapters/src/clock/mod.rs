//! Time: database time, sampled each second and carried between samples by the monotonic clock.
//!
//! | file | what changes it |
//! |---|---|
//! | `carried.rs` | the rules: jumps, skew, trust. Pure, with the monotonic time as an argument |
//! | `database.rs` | those rules on the real monotonic clock |
//! | `fake.rs` | a clock that tests set |

mod carried;
mod database;
mod fake;

pub use carried::{CarriedTime, Observed};
pub use database::DatabaseClock;
pub use fake::FakeClock;
