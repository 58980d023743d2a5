//! From what made a login to whoever asked for it. Its password leaves once: a login whose password reached nobody would
//! stay until its grant's end, and nobody could use it or say that it is his.
use std::sync::Arc;
use std::time::Duration;

use hallpass_domain::credential::Credential;

use super::abandon::Failure;
use super::login::IssuedLogin;
use crate::broker::Broker;
use crate::log_scope;

/// Time between two tries to write down that a login goes again.
const AGAIN: Duration = Duration::from_secs(1);

/// A login on its way to whoever asked for it. Dropped before it was [taken](Self::taken), it is removed: the caller was
/// told "too slow", or his connection broke. So whoever gives up and whoever issues cannot miss each other: the password
/// is in one place at a time, and where that place goes, the login goes.
#[derive(Debug)]
#[must_use = "a login that nobody takes is removed"]
pub struct Handover {
    login: IssuedLogin,
    otherwise: Otherwise,
}

impl Handover {
    /// Of a login that is live.
    pub(super) fn of(login: IssuedLogin, broker: Arc<Broker>) -> Self {
        let otherwise = Otherwise(Some((broker, login.credential.clone())));
        Self { login, otherwise }
    }

    /// What is handed over.
    pub fn login(&self) -> &IssuedLogin {
        &self.login
    }

    /// Its password is in the answer, or where else its holder finds it: the login stays.
    pub fn taken(self) -> IssuedLogin {
        let Self { login, mut otherwise } = self;
        otherwise.0 = None;
        login
    }
}

/// What happens to a login that is not taken.
struct Otherwise(Option<(Arc<Broker>, Credential)>);

impl std::fmt::Debug for Otherwise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Otherwise").field(&self.0.as_ref().map(|(_, c)| c.id)).finish()
    }
}

impl Drop for Otherwise {
    fn drop(&mut self) {
        let Some((broker, credential)) = self.0.take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                let taking = async move { broker.take_back(&credential).await };
                drop(runtime.spawn(log_scope::carried(taking)));
            }
            // Only where the process ends; a crash between the commit and the answer leaves the same.
            Err(_) => {
                tracing::warn!(credential = %credential.id, "a login was given to nobody, and lives until its end");
            }
        }
    }
}

impl Broker {
    /// Hands a live login that nobody took to the reconcilers, as soon as that can be written.
    async fn take_back(&self, credential: &Credential) {
        tracing::warn!(credential = %credential.id, "a login was given to nobody, and is removed");
        while !self.abandon(credential, credential.external_oid, None, &Failure::not_taken()).await
            && self.now() < credential.not_after
        {
            tokio::time::sleep(AGAIN).await;
        }
    }
}
