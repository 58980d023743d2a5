//! Presented tokens on PostgreSQL: who asks while a read is under way shares the next one.
//!
//! A read there costs the server more than the row that it finds: a message to the database, one back, and two wake-ups.
//! Whoever asks when nothing is under way is asked for at once; whoever comes meanwhile waits for that answer and is asked for
//! together with the others, each after he asked. Nobody waits for company.
use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use hallpass_domain::credential::Token;
use hallpass_domain::grant::Grant;
use hallpass_domain::ports::store::Read;
use hallpass_domain::presented::Presented;
use tokio::runtime::{Handle, Id};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::db::conn::{Db, answered};
use crate::db::fail::unread;
use crate::db::types::Uid;
use crate::handle::StoreHandle;
use crate::rows::Row as _;
use crate::rows::credentials::TokenRow;
use crate::rows::grants::GrantRow;
use crate::schema::{grants, tokens};

/// Most tokens of one read.
const MOST: usize = 256;
/// After so long without an answer whoever comes is asked for on a connection of his own: the first may be stuck.
const LATE: Duration = Duration::from_millis(200);
/// Most reads under way for one runtime.
const READS: usize = 8;

type Found = Option<(Token, Grant)>;

/// The gates of one store: one for each runtime, so that what a thread with its own connections reads stays with it.
#[derive(Default)]
pub(crate) struct Gates(RwLock<HashMap<Id, Arc<Gate>>>);

impl Gates {
    /// The record of `token` with its grant, as [`Tokens::token_presented`](hallpass_domain::ports::tokens::Tokens).
    pub(crate) async fn presented(&self, store: &StoreHandle, token: Presented) -> Read<Found> {
        let gate = self.here();
        let (tell, told) = oneshot::channel();
        if gate.enter(Waiting { token, tell }) {
            tokio::spawn(Reading { gate, left: false }.run(store.clone()));
        }
        told.await.map_err(|_| unread("the read was given up"))?
    }

    fn here(&self) -> Arc<Gate> {
        let id = Handle::current().id();
        if let Some(gate) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Arc::clone(gate);
        }
        Arc::clone(self.0.write().unwrap_or_else(PoisonError::into_inner).entry(id).or_default())
    }
}

/// One who asks.
struct Waiting {
    token: Presented,
    tell: oneshot::Sender<Read<Found>>,
}

#[derive(Default)]
struct Gate(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    reads: usize,
    /// When the last read was sent.
    sent: Option<Instant>,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether whoever enters has to start a read.
    fn enter(&self, who: Waiting) -> bool {
        let mut state = self.state();
        state.waiting.push(who);
        let late = || state.sent.is_some_and(|sent| sent.elapsed() > LATE);
        let starts = state.reads == 0 || (state.reads < READS && late());
        state.reads += usize::from(starts);
        starts
    }

    /// Who is asked for next; those who gave up are not.
    fn next(&self) -> Vec<Waiting> {
        let mut state = self.state();
        let rest = if state.waiting.len() > MOST { state.waiting.split_off(MOST) } else { Vec::new() };
        let mut next = mem::replace(&mut state.waiting, rest);
        next.retain(|who| !who.tell.is_closed());
        state.sent = Some(Instant::now());
        next
    }

    /// Whether a read that has its answer may end. One that goes on finds somebody who waits.
    fn leave(&self) -> bool {
        let mut state = self.state();
        let ends = state.waiting.is_empty();
        state.reads -= usize::from(ends);
        ends
    }
}

/// Reads under way, one after the other while somebody waits.
struct Reading {
    gate: Arc<Gate>,
    left: bool,
}

impl Drop for Reading {
    /// Cut off, as its runtime ends: who waits hears so, and the next who comes starts anew.
    fn drop(&mut self) {
        if !self.left {
            let mut state = self.gate.state();
            state.reads = state.reads.saturating_sub(1);
            state.waiting.clear();
        }
    }
}

impl Reading {
    async fn run(mut self, store: StoreHandle) {
        while !self.left {
            let asked = self.gate.next();
            if !asked.is_empty() {
                let found = read(&store, &asked).await;
                tell(asked, found);
            }
            self.left = self.gate.leave();
        }
    }
}

/// Tells everybody what was found for him.
fn tell(asked: Vec<Waiting>, found: Read<HashMap<Uuid, (Token, Grant)>>) {
    for Waiting { token, tell } in asked {
        let own = found
            .as_ref()
            .map_err(Clone::clone)
            .map(|found| found.get(&token.jti.0).filter(|(record, _)| record.hash == token.hash).cloned());
        drop(tell.send(own)); // he may have given up
    }
}

/// The records of these tokens, by `jti`.
async fn read(store: &StoreHandle, asked: &[Waiting]) -> Read<HashMap<Uuid, (Token, Grant)>> {
    let ids: Vec<Uid> = asked.iter().map(|who| Uid(who.token.jti.0)).collect();
    let query = tokens::table
        .inner_join(grants::table)
        .filter(tokens::id.eq_any(ids))
        .select((TokenRow::as_select(), GrantRow::as_select()));
    let mut reader = store.reader().await?;
    let Db::Pg(conn) = reader.db() else { return Err(unread("not a server")) };
    let rows: QueryResult<Vec<(TokenRow, GrantRow)>> =
        answered(diesel_async::RunQueryDsl::load(query, conn)).await;
    let nouns = rows.map_err(unread)?.into_iter().map(|(token, grant)| {
        Ok((token.id.0, (token.noun().map_err(unread)?, grant.noun().map_err(unread)?)))
    });
    nouns.collect()
}
