//! Requests: ask, list, look, decide, withdraw.
pub mod ask;
pub mod create;
pub mod decide;
pub mod dry_run;
pub mod list;
pub mod show;
pub mod withdraw;

use hallpass_broker::broker::unreadable;
use hallpass_broker::{Broker, Caller};
use hallpass_domain::ids::RequestId;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request::Request;

/// The request that `reference` means, read without case, or by its id; absent unless this caller may read it.
///
/// # Errors
/// `NotFound`.
pub async fn readable(broker: &Broker, caller: &Caller, reference: &str) -> Result<Request, Refusal> {
    match reference.parse::<RequestId>() {
        Ok(id) => {
            let found = broker
                .store
                .request(id)
                .await
                .map_err(unreadable)?
                .ok_or_else(|| Refusal::not_found("request"))?;
            if broker.may_read(caller, &found).await? {
                Ok(found)
            } else {
                Err(Refusal::not_found("request"))
            }
        }
        Err(_) => broker.visible_request(caller, &reference.trim().to_ascii_uppercase()).await,
    }
}
