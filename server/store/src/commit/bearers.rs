//! The end of everything that opens by itself, for a restored backup.
//!
//! Such a backup may hold millions of tokens, and all of them end in the one transaction that says so: killed anywhere, it
//! leaves nothing, and the next start begins again before it serves anybody. Its statements take a portion of the rows each,
//! because a server ends a statement that takes long.
use diesel::prelude::*;
use hallpass_domain::account::DeviceState;
use hallpass_domain::secret::SecretHash;
use uuid::Uuid;

use crate::db::conn::{Db, on_db};
use crate::db::fail::Fail;
use crate::db::types::{Json, Ts, Uid};
use crate::schema::{accounts, api_tokens, devices, sessions, tokens};

/// Rows of one statement: a second or less of work.
const PORTION: i64 = 20_000;

/// Updates the rows that `$open` lets through, in the order of their key.
macro_rules! in_portions {
    ($db:expr, $table:ident, $key:ident, $open:expr, $set:expr) => {{
        let mut after = Uid(Uuid::nil());
        loop {
            let rest = || $table::table.filter($open).filter($table::$key.gt(after));
            let last = rest().select($table::$key).order($table::$key.asc()).offset(PORTION - 1).limit(1);
            let last: Vec<Uid> = on_db!($db, load, last)?;
            let Some(last) = last.first().copied() else {
                on_db!($db, execute, diesel::update(rest()).set($set))?;
                break;
            };
            let portion = rest().filter($table::$key.le(last));
            on_db!($db, execute, diesel::update(portion).set($set))?;
            after = last;
        }
    }};
}

/// Ends sessions, API tokens, device codes, target tokens and recovery codes.
pub(super) async fn end(db: &mut Db<'_>, at: Ts) -> Result<(), Fail> {
    in_portions!(
        db,
        sessions,
        id,
        sessions::ended_at.is_null(),
        (sessions::ended_at.eq(Some(at)), sessions::version.eq(sessions::version + 1))
    );
    in_portions!(
        db,
        api_tokens,
        id,
        api_tokens::revoked_at.is_null(),
        (api_tokens::revoked_at.eq(Some(at)), api_tokens::version.eq(api_tokens::version + 1))
    );
    in_portions!(
        db,
        devices,
        id,
        devices::state.eq_any([DeviceState::Pending.as_str(), DeviceState::Allowed.as_str()]),
        (devices::state.eq(DeviceState::Denied.as_str()), devices::version.eq(devices::version + 1))
    );
    in_portions!(
        db,
        tokens,
        id,
        tokens::revoked_at.is_null(),
        (tokens::revoked_at.eq(Some(at)), tokens::version.eq(tokens::version + 1))
    );
    in_portions!(
        db,
        accounts,
        user_id,
        accounts::version.gt(0),
        (
            accounts::recovery_hashes.eq(Json(Vec::<SecretHash>::new())),
            accounts::version.eq(accounts::version + 1)
        )
    );
    Ok(())
}
