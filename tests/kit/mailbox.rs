//! A mailbox that keeps what was delivered, in memory.
use std::sync::{Arc, Mutex, PoisonError};

use hallpass_domain::ports::notifier::{Notifier, NotifyError, RenderedMail};

/// Keeps every delivered mail; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Mailbox(Arc<Mutex<Vec<RenderedMail>>>);

impl Mailbox {
    /// Everything that was delivered, oldest first.
    pub fn all(&self) -> Vec<RenderedMail> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was delivered to somebody (by key), oldest first.
    pub fn to(&self, key: &str) -> Vec<RenderedMail> {
        let address = crate::cast::email(key);
        self.all().into_iter().filter(|m| m.to_email == address).collect()
    }

    /// Subjects of what was delivered to somebody, oldest first.
    pub fn subjects(&self, key: &str) -> Vec<String> {
        self.to(key).into_iter().map(|m| m.subject).collect()
    }

    /// The newest mail to somebody whose subject holds `words`.
    ///
    /// # Panics
    /// Where there is none; with what there is.
    pub fn newest(&self, key: &str, words: &str) -> RenderedMail {
        let found = self.to(key).into_iter().rev().find(|m| m.subject.contains(words));
        found.unwrap_or_else(|| panic!("{key} has no mail about “{words}”: {:?}", self.subjects(key)))
    }

    /// Everybody who got a mail whose subject holds `words`, by key, sorted.
    pub fn recipients(&self, words: &str) -> Vec<String> {
        let mut out: Vec<String> = self
            .all()
            .iter()
            .filter(|m| m.subject.contains(words))
            .filter_map(|m| m.to_email.split_once('@').map(|(key, _)| key.to_owned()))
            .collect();
        out.sort();
        out
    }
}

/// Paths on this server that a mail links to, from its plain text and its HTML, each once.
pub fn links(mail: &RenderedMail, base: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for part in [&mail.text, &mail.html] {
        for rest in part.split(base).skip(1) {
            let path: String = rest
                .chars()
                .take_while(|c| !c.is_whitespace() && !matches!(c, '"' | '<' | '>' | ')'))
                .collect();
            let path = path.trim_end_matches(['.', ',']).replace("&amp;", "&").replace("&#38;", "&");
            if path.starts_with('/') && !out.contains(&path) {
                out.push(path);
            }
        }
    }
    out
}

#[async_trait::async_trait]
impl Notifier for Mailbox {
    fn describe(&self) -> String {
        "test mailbox".to_owned()
    }

    async fn deliver(&self, mail: &RenderedMail) -> Result<String, NotifyError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // At least once: the same Message-ID is the same mail.
        match kept.iter_mut().find(|m| m.message_id == mail.message_id) {
            Some(old) => old.clone_from(mail),
            None => kept.push(mail.clone()),
        }
        Ok("kept".to_owned())
    }
}
