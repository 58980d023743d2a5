//! How many events the log has about grants: what their receipts must hold.
use std::collections::{BTreeMap, HashMap, HashSet};

use hallpass_domain::grant::Grant;
use hallpass_domain::ids::{EventId, GrantId};
use hallpass_domain::ports::audit_log::Mention;
use hallpass_domain::refusal::Refusal;

use super::receipt::{MOST, subjects};
use crate::broker::{Broker, unreadable};

/// Events that are read at once; of grants that have more, fewer grants are counted at a time.
const ROWS: u32 = 10_000;

/// How many events of each kind; none where there are more than a receipt holds.
pub(crate) type Kinds = Option<BTreeMap<String, u64>>;

impl Broker {
    /// How many events of each kind the log has about each of these grants and its request. Mails go out at any time, and
    /// are no part of what happened.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn events_so_far(&self, grants: &[&Grant]) -> Result<HashMap<GrantId, Kinds>, Refusal> {
        let (mut counted, mut left) = (HashMap::with_capacity(grants.len()), vec![grants]);
        while let Some(some) = left.pop() {
            match (self.mentions_of(some).await?, some) {
                (_, []) => {}
                (Some(mentions), _) => {
                    counted.extend(some.iter().map(|grant| (grant.id, mentions.of(grant))))
                }
                (None, [one]) => {
                    counted.insert(one.id, self.events_page_by_page(one).await?);
                }
                (None, many) => {
                    let (some, others) = many.split_at(many.len() / 2);
                    left.extend([some, others]);
                }
            }
        }
        Ok(counted)
    }

    /// Every event about these grants and their requests; none where there are more than are read at once.
    async fn mentions_of(&self, grants: &[&Grant]) -> Result<Option<Mentions>, Refusal> {
        let mut by_noun = HashMap::<&str, Vec<String>>::new();
        for (noun, id) in grants.iter().flat_map(|grant| subjects(grant)) {
            by_noun.entry(noun).or_default().push(id);
        }
        let mut mentions = Mentions(HashMap::new());
        for (noun, ids) in by_noun {
            let found = self.store.mentions(noun, &ids, ROWS).await.map_err(unreadable)?;
            if found.len() >= usize::try_from(ROWS).unwrap_or(usize::MAX) {
                return Ok(None);
            }
            for mention in found {
                mentions.0.entry(mention.subject.clone()).or_default().push(mention);
            }
        }
        Ok(Some(mentions))
    }

    async fn events_page_by_page(&self, grant: &Grant) -> Result<Kinds, Refusal> {
        let (events, cut) = self.receipt_events(grant).await?;
        Ok((!cut).then(|| kinds(events.iter().map(|e| e.event.parts().kind.as_str()))))
    }
}

/// By what they are about.
struct Mentions(HashMap<String, Vec<Mention>>);

impl Mentions {
    fn of(&self, grant: &Grant) -> Kinds {
        let (mut seen, mut all) = (HashSet::<EventId>::new(), Vec::new());
        for (_, subject) in subjects(grant) {
            // An event names both, and one that was sealed meanwhile came twice.
            let about = self.0.get(&subject).into_iter().flatten().collect::<Vec<_>>();
            if about.len() >= MOST {
                return None;
            }
            all.extend(about.into_iter().filter(|m| seen.insert(m.event)));
        }
        Some(kinds(all.iter().map(|m| m.kind.as_str())))
    }
}

fn kinds<'a>(all: impl Iterator<Item = &'a str>) -> BTreeMap<String, u64> {
    let mut kinds = BTreeMap::new();
    for kind in all.filter(|kind| !kind.starts_with("mail.")) {
        *kinds.entry(kind.to_owned()).or_insert(0) += 1;
    }
    kinds
}
