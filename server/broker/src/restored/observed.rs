//! The way to targets while an operator has not confirmed a restored backup: looking is let through, and nothing else.
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_domain::credential::Credential;
use hallpass_domain::ports::target::{
    AccountSeen, Canary, ConnectionInfo, Created, Descriptor, Listed, Probed, Removal, Step, TargetConnector,
    TargetError, TargetSession, Targets,
};
use hallpass_domain::target::Target;
use secrecy::SecretString;

use super::Observing;

/// Hands out connectors that ask [`Observing`] before anything is changed at a target.
pub(crate) struct ObservedTargets {
    pub(crate) inner: Arc<dyn Targets>,
    pub(crate) observing: Arc<Observing>,
}

impl Targets for ObservedTargets {
    fn connector(&self, target: &Target) -> Result<Arc<dyn TargetConnector>, TargetError> {
        let inner = self.inner.connector(target)?;
        Ok(Arc::new(Observed { inner, observing: Arc::clone(&self.observing) }))
    }

    fn trial(&self, target: &Target) -> Result<Arc<dyn TargetConnector>, TargetError> {
        let inner = self.inner.trial(target)?;
        Ok(Arc::new(Observed { inner, observing: Arc::clone(&self.observing) }))
    }

    fn kinds(&self) -> &'static [Descriptor] {
        self.inner.kinds()
    }
}

struct Observed {
    inner: Arc<dyn TargetConnector>,
    observing: Arc<Observing>,
}

impl Observed {
    fn may_change(&self) -> Result<(), TargetError> {
        if self.observing.is_on() {
            return Err(TargetError::Refused(
                "this is a restored backup, and targets are only looked at until an operator confirms"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

#[async_trait]
impl TargetConnector for Observed {
    async fn canary(&self, credential: &Credential) -> Result<Canary, TargetError> {
        self.may_change()?;
        self.inner.canary(credential).await
    }
    async fn clean(&self, credential: &Credential) -> Result<(), TargetError> {
        self.may_change()?;
        self.inner.clean(credential).await
    }
    async fn create(&self, credential: &Credential, password: &SecretString) -> Result<Created, TargetError> {
        self.may_change()?;
        self.inner.create(credential, password).await
    }
    async fn probe(&self, credential: &Credential, password: &SecretString, patience: Duration) -> Probed {
        self.inner.probe(credential, password, patience).await
    }
    fn connection_info(&self, credential: &Credential) -> ConnectionInfo {
        self.inner.connection_info(credential)
    }
    async fn sessions(&self, credential: &Credential) -> Result<Vec<TargetSession>, TargetError> {
        self.inner.sessions(credential).await
    }
    async fn look_at(&self, batch: &[Credential]) -> Vec<Result<AccountSeen, TargetError>> {
        self.inner.look_at(batch).await
    }
    async fn step(&self, step: Step, batch: &[Credential]) -> Vec<Result<Removal, TargetError>> {
        match self.may_change() {
            Ok(()) => self.inner.step(step, batch).await,
            // Verifying is a look, too: but what was not removed by us now is not ours to call verified now.
            Err(refused) => batch.iter().map(|_| Err(refused.clone())).collect(),
        }
    }
    async fn list_marked(&self) -> Result<Vec<Listed>, TargetError> {
        self.inner.list_marked().await
    }
}
