//! Two servers on one database, both with people who ask, use and end: one is killed at random instants and started again, the
//! other stands still now and then, and is killed at the end.
use hallpass_tests::fault_server::{Said, Tell};
use hallpass_tests::process::Process;
use tokio::time::Instant;

use super::Lane;
use crate::bed::server;

impl Lane {
    /// Kills one of two servers several times, at instants that nobody chose, then the other one, and then checks.
    pub(super) async fn kill_beside_another(&mut self, kills: usize, tell: &Tell) {
        self.bed.place.replicated = true;
        let mut instants = Vec::new();
        for _ in 0..kills {
            instants.push(self.random_instant().await);
        }
        // Not before one has made what the first start on a new place makes.
        let mut other = server(&self.bed.place, &[]);
        for (n, after) in instants.iter().copied().enumerate() {
            let mut first = server(&self.bed.place, &[]);
            let begun = Instant::now();
            self.hear_both(&mut first, &mut other, tell, begun + after / 2).await;
            // Every other time: whatever it is in the middle of.
            let still = n % 2 == 1;
            if still {
                other.signal("STOP");
            }
            self.hear_both(&mut first, &mut other, tell, begun + after).await;
            first.kill().await;
            self.said.extend(first.unheard::<Said>());
            if still {
                other.signal("CONT");
            }
        }
        other.kill().await;
        self.said.extend(other.unheard::<Said>());
        *self.killed.entry("at random, beside another".to_owned()).or_default() += kills;
        self.recover(&format!("random instants beside another server {instants:?}")).await;
    }

    async fn hear_both(&mut self, first: &mut Process, other: &mut Process, tell: &Tell, until: Instant) {
        loop {
            let next = async {
                tokio::select! {
                    said = first.line::<Said>() => (said, &mut *first),
                    said = other.line::<Said>() => (said, &mut *other),
                }
            };
            let Ok((said, from)) = tokio::time::timeout_at(until, next).await else { return };
            let Some(said) = said else { panic!("a server ended by itself:\n{}", from.log()) };
            self.hear(from, said, tell).await;
        }
    }
}
