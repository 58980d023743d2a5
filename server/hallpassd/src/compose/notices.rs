//! What a notice of a commit wakes and makes stale here.
use hallpass_broker::Broker;
use hallpass_broker::credentials::token_cache::Stale;
use hallpass_broker::nudge::Wake;
use hallpass_store::StoreNotice;

/// Applies a notice. Our own commits were applied before they were answered.
pub fn apply(broker: &Broker, notice: &StoreNotice) {
    match notice {
        StoreNotice::Missed => broker.tokens.forget_all(),
        StoreNotice::Committed(c) if !c.local => {
            broker.tokens.forget(&Stale {
                grants: c.grants.clone(),
                tokens: c.tokens.clone(),
                all: c.catalogue,
            });
            broker.nudges.wake(Wake {
                mail: c.mails,
                ends: c.credentials || !c.grants.is_empty(),
                seal: c.events,
            });
        }
        StoreNotice::Committed(_) => {}
    }
}
