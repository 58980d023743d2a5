//! The demo's mailbox: keeps the messages as they were delivered, in memory and in a folder.
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use hallpass_domain::Timestamp;
use hallpass_domain::ports::notifier::{Notifier, NotifyError, RenderedMail};
use serde::{Deserialize, Serialize};

use super::files::{make_folder, stem, write_whole};
use super::message::{Outgoing, Sender};

/// A message that was delivered to the mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptMail {
    /// The Message-ID's part before the `@`.
    pub id: String,
    /// Address of the recipient.
    pub to: String,
    /// Subject.
    pub subject: String,
    /// Plain text part.
    pub text: String,
    /// HTML part.
    pub html: String,
    /// Where the HTML part's links lead, each once, in order.
    pub links: Vec<String>,
    /// `Date` of the message.
    pub date: Timestamp,
    /// The message as it would go over the wire.
    pub raw: String,
}

/// Keeps the newest messages; a restart finds them again in the folder.
#[derive(Clone, Debug)]
pub struct DemoMailbox {
    folder: Arc<PathBuf>,
    sender: Arc<Sender>,
    limit: usize,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    // Oldest first, each with the number in its file name.
    mails: VecDeque<(u64, Arc<KeptMail>)>,
    next: u64,
}

impl DemoMailbox {
    /// Opens the folder (made with 0700 where there is none) and reads what it keeps. Beyond `limit` messages, the
    /// oldest go, here and at each delivery. Files that are not messages of ours are left alone.
    ///
    /// # Errors
    /// Where the folder cannot be made or read.
    pub fn open(folder: impl Into<PathBuf>, limit: usize, sender: Sender) -> std::io::Result<Self> {
        let folder = folder.into();
        make_folder(&folder)?;
        let mut kept = Kept::default();
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if let Some(number) = number_of(&path) {
                match std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
                    Some(mail) => kept.mails.push_back((number, Arc::new(mail))),
                    None => tracing::warn!(file = %path.display(), "not a kept mail: passed over"),
                }
                kept.next = kept.next.max(number.saturating_add(1));
            }
        }
        kept.mails.make_contiguous().sort_by_key(|(number, _)| *number);
        prune(&folder, &mut kept, limit);
        let kept = Arc::new(Mutex::new(kept));
        Ok(Self { folder: Arc::new(folder), sender: Arc::new(sender), limit, kept })
    }

    /// The kept messages to an address, or all of them; newest first.
    #[must_use]
    pub fn list(&self, to: Option<&str>) -> Vec<Arc<KeptMail>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = |mail: &KeptMail| to.is_none_or(|to| mail.to.eq_ignore_ascii_case(to));
        kept.mails.iter().rev().filter(|(_, mail)| wanted(mail)).map(|(_, mail)| Arc::clone(mail)).collect()
    }

    /// One kept message.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<KeptMail>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.mails.iter().rev().find(|(_, mail)| mail.id == id).map(|(_, mail)| Arc::clone(mail))
    }

    fn keep(&self, mail: KeptMail) -> std::io::Result<()> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // Delivered again after a lost reply: the same message, so it stays one.
        let again = kept.mails.iter().position(|(_, old)| old.id == mail.id);
        let number = again.and_then(|at| kept.mails.get(at)).map_or(kept.next, |(number, _)| *number);
        let bytes = serde_json::to_vec_pretty(&mail)?;
        write_whole(&self.folder, &file_name(number, &mail.id), &bytes)?;
        let mail = Arc::new(mail);
        match again.and_then(|at| kept.mails.get_mut(at)) {
            Some(place) => place.1 = mail,
            None => {
                kept.mails.push_back((number, mail));
                kept.next = number.saturating_add(1);
            }
        }
        prune(&self.folder, &mut kept, self.limit);
        Ok(())
    }
}

#[async_trait]
impl Notifier for DemoMailbox {
    fn describe(&self) -> String {
        "demo mailbox".to_owned()
    }

    async fn deliver(&self, mail: &RenderedMail) -> Result<String, NotifyError> {
        let message = Outgoing::build(&self.sender, mail)?;
        let kept = KeptMail {
            id: stem(&mail.message_id),
            to: message.to.to_string(),
            subject: mail.subject.clone(),
            text: mail.text.clone(),
            html: mail.html.clone(),
            links: links(&mail.html),
            date: mail.date,
            raw: String::from_utf8_lossy(&message.bytes).into_owned(),
        };
        let this = self.clone();
        match tokio::task::spawn_blocking(move || this.keep(kept)).await {
            Ok(Ok(())) => Ok("kept in the demo mailbox".to_owned()),
            Ok(Err(error)) => Err(NotifyError::Transient(error.to_string())),
            Err(_) => Err(NotifyError::Transient("the writer stopped".to_owned())),
        }
    }
}

fn file_name(number: u64, id: &str) -> String {
    format!("{number:012}-{id}.json")
}

fn number_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".json")?;
    name.split_once('-').filter(|(number, _)| number.len() == 12)?.0.parse().ok()
}

fn prune(folder: &Path, kept: &mut Kept, limit: usize) {
    while kept.mails.len() > limit {
        let Some((number, mail)) = kept.mails.pop_front() else { return };
        let _ = std::fs::remove_file(folder.join(file_name(number, &mail.id)));
    }
}

/// Targets of the links in HTML that our templates made: attributes in double quotes, escaped text.
fn links(html: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for rest in html.split(" href=\"").skip(1) {
        let Some((link, _)) = rest.split_once('"') else { continue };
        let link = link.replace("&#38;", "&").replace("&amp;", "&");
        if !found.contains(&link) {
            found.push(link);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::{mail, sender};
    use super::*;

    fn ids(mailbox: &DemoMailbox, to: Option<&str>) -> Vec<String> {
        mailbox.list(to).iter().map(|mail| mail.id.clone()).collect()
    }

    #[tokio::test]
    async fn a_restart_keeps_what_was_delivered() {
        let folder = tempfile::tempdir().unwrap();
        let mailbox = DemoMailbox::open(folder.path(), 3, sender()).unwrap();
        for id in ["1", "2", "1"] {
            mailbox.deliver(&mail(id)).await.unwrap();
        }
        let other = RenderedMail { to_email: "ben@example.org".to_owned(), ..mail("3") };
        mailbox.deliver(&other).await.unwrap();
        assert_eq!(ids(&mailbox, None), ["3", "2", "1"]);
        assert_eq!(ids(&mailbox, Some("Ana.Ruiz@example.org")), ["2", "1"]);
        std::fs::write(folder.path().join("000000000009-x.json"), "{").unwrap();
        std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();

        let again = DemoMailbox::open(folder.path(), 3, sender()).unwrap();
        assert_eq!(again.list(None), mailbox.list(None));
        again.deliver(&mail("4")).await.unwrap();
        assert_eq!(ids(&again, None), ["4", "3", "2"], "bounded");
        assert_eq!(ids(&DemoMailbox::open(folder.path(), 2, sender()).unwrap(), None), ["4", "3"]);
        assert!(folder.path().join("notes.txt").exists());
    }

    #[tokio::test]
    async fn keeps_the_real_message_and_its_links() {
        let folder = tempfile::tempdir().unwrap();
        let mailbox = DemoMailbox::open(folder.path(), 10, sender()).unwrap();
        mailbox.deliver(&mail("1")).await.unwrap();
        let kept = mailbox.get("1").unwrap();
        assert_eq!(kept.links, ["https://access.example.org/r/R-4821?a&b"]);
        assert_eq!(kept.raw.as_bytes(), Outgoing::build(&sender(), &mail("1")).unwrap().bytes);
        assert_eq!((kept.subject.as_str(), kept.date), (mail("1").subject.as_str(), mail("1").date));
        assert!(mailbox.get("2").is_none());
    }
}
