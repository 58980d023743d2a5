//! `demo tamper`: changes one old audit row in a copy of the database file, and shows `audit verify` name it.
use super::DemoArgs;
use crate::compose::StartError;

/// `demo tamper`.
pub async fn run(_args: DemoArgs) -> Result<(), StartError> {
    Err(StartError("(being written)".to_owned()))
}
