//! `hallpassd clock reset`: after a wrong jump of the clock left its mark in the future.
use hallpass_broker::events::event;
use hallpass_domain::Timestamp;
use hallpass_domain::ports::store::Store as _;
use hallpass_domain::transition::{Change, Transition};
use hallpass_store::Schema;
use serde_json::json;

use super::say;
use crate::compose::{CLOCK_MARK, StartError};
use crate::config::Config;

/// Takes the mark back to the database's time. The parts are not put together for it: their time would be the mark's.
pub async fn reset(config: &Config) -> Result<(), StartError> {
    let failed = |e: &dyn std::fmt::Display| StartError(e.to_string());
    let store = hallpass_store::open(&config.database.url, Schema::Expect).await.map_err(|e| failed(&e))?;
    let now = store.database_time().await.map_err(|e| failed(&e))?;
    let stored = store.meta(CLOCK_MARK).await.map_err(|e| failed(&e))?;
    let mark = stored.as_deref().and_then(|m| m.parse::<Timestamp>().ok());
    let Some(mark) = mark.filter(|mark| *mark > now) else {
        say("The clock's mark is not ahead of the database's time: there is nothing to reset.");
        return Ok(());
    };
    let transition = Transition::new(now)
        .with(Change::Meta { key: CLOCK_MARK.to_owned(), expected: stored, value: Some(now.to_rfc3339()) })
        .event(event(
            now,
            "clock.reset",
            "system:operator",
            &[],
            json!({ "from": mark.to_rfc3339(), "to": now.to_rfc3339() }),
            json!({}),
        ));
    store.commit(transition).await.map_err(|e| failed(&e))?;
    say(&format!("The clock's mark went back from {} to {}.", mark.to_rfc3339(), now.to_rfc3339()));
    if store.is_shared() {
        say("Servers that ran meanwhile keep their own time: this is for when all of them are stopped.");
    }
    Ok(())
}
