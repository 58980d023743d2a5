//! Two notifiers at once.
use std::sync::Arc;

use async_trait::async_trait;
use hallpass_domain::ports::notifier::{Notifier, NotifyError, RenderedMail};

/// Delivers by the first, and what that one accepted also to the second, whose failure is only logged.
#[derive(Clone)]
pub struct Tee {
    first: Arc<dyn Notifier>,
    copy: Arc<dyn Notifier>,
}

impl Tee {
    /// The first one's answer counts.
    #[must_use]
    pub fn new(first: Arc<dyn Notifier>, copy: Arc<dyn Notifier>) -> Self {
        Self { first, copy }
    }
}

#[async_trait]
impl Notifier for Tee {
    fn describe(&self) -> String {
        format!("{}, copied to {}", self.first.describe(), self.copy.describe())
    }

    async fn deliver(&self, mail: &RenderedMail) -> Result<String, NotifyError> {
        let answer = self.first.deliver(mail).await?;
        if let Err(error) = self.copy.deliver(mail).await {
            tracing::warn!(copy = self.copy.describe(), %error, "a delivered mail was not copied");
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::{mail, sender};
    use super::super::{DemoMailbox, FolderNotifier};
    use super::*;

    #[tokio::test]
    async fn only_what_was_delivered_is_copied_and_a_copy_never_fails_a_delivery() {
        let folder = tempfile::tempdir().unwrap();
        let files = Arc::new(FolderNotifier::new(folder.path().join("files"), sender()).unwrap());
        let mailbox = DemoMailbox::open(folder.path().join("kept"), 10, sender()).unwrap();
        let tee = Tee::new(files, Arc::new(mailbox.clone()));
        assert_eq!(tee.deliver(&mail("1")).await.unwrap(), "written to 1.eml");
        assert_eq!(mailbox.list(None).len(), 1);
        std::fs::remove_dir_all(folder.path().join("kept")).unwrap();
        assert!(tee.deliver(&mail("2")).await.is_ok());
        std::fs::remove_dir_all(folder.path().join("files")).unwrap();
        assert!(tee.deliver(&mail("3")).await.is_err());
        assert!(tee.describe().contains("copied to demo mailbox"));
    }
}
