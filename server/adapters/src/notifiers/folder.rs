//! `file:DIR`: one `.eml` for each message, for set-ups without a mail server.
use std::path::PathBuf;

use async_trait::async_trait;
use hallpass_domain::ports::notifier::{Notifier, NotifyError, RenderedMail};

use super::files::{make_folder, stem, write_whole};
use super::message::{Outgoing, Sender};

/// Writes each message into a folder as `<id>.eml` (0600). A second delivery replaces the same file.
#[derive(Clone, Debug)]
pub struct FolderNotifier {
    folder: PathBuf,
    sender: Sender,
}

impl FolderNotifier {
    /// Uses the folder, and makes it (0700) where there is none.
    ///
    /// # Errors
    /// Where the folder cannot be made.
    pub fn new(folder: impl Into<PathBuf>, sender: Sender) -> std::io::Result<Self> {
        let folder = folder.into();
        make_folder(&folder)?;
        Ok(Self { folder, sender })
    }
}

#[async_trait]
impl Notifier for FolderNotifier {
    fn describe(&self) -> String {
        format!("file {}", self.folder.display())
    }

    async fn deliver(&self, mail: &RenderedMail) -> Result<String, NotifyError> {
        let message = Outgoing::build(&self.sender, mail)?;
        let name = format!("{}.eml", stem(&mail.message_id));
        let (folder, file) = (self.folder.clone(), name.clone());
        match tokio::task::spawn_blocking(move || write_whole(&folder, &file, &message.bytes)).await {
            Ok(Ok(())) => Ok(format!("written to {name}")),
            Ok(Err(error)) => Err(NotifyError::Transient(format!("{name}: {error}"))),
            Err(_) => Err(NotifyError::Transient(format!("{name}: the writer stopped"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::message::tests::{mail, sender};
    use super::*;

    #[tokio::test]
    async fn one_private_file_for_each_message() {
        let folder = tempfile::tempdir().unwrap();
        let notifier = FolderNotifier::new(folder.path().join("mail"), sender()).unwrap();
        for id in ["1", "2", "1"] {
            notifier.deliver(&mail(id)).await.unwrap();
        }
        let mut names: Vec<_> = std::fs::read_dir(folder.path().join("mail"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["1.eml", "2.eml"]);
        let path = folder.path().join("mail/1.eml");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read(&path).unwrap(), Outgoing::build(&sender(), &mail("1")).unwrap().bytes);
    }

    #[tokio::test]
    async fn a_full_or_missing_folder_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let notifier = FolderNotifier::new(folder.path().join("mail"), sender()).unwrap();
        std::fs::remove_dir(folder.path().join("mail")).unwrap();
        assert!(matches!(notifier.deliver(&mail("1")).await, Err(NotifyError::Transient(_))));
        let bad = RenderedMail { to_email: "nobody".to_owned(), ..mail("1") };
        assert!(matches!(notifier.deliver(&bad).await, Err(NotifyError::Permanent(_))));
    }

    #[test]
    fn names_stay_in_the_folder() {
        assert_eq!(stem("../../etc/passwd@x"), "mail.._.._etc_passwd");
        assert_eq!(stem("a/b\\c d@x"), "a_b_c_d");
        assert_eq!(stem("@x"), "mail");
        assert_eq!(stem(".hidden@x"), "mail.hidden");
    }
}
