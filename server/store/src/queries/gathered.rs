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
/// After so long without an answer whoever waits or comes is asked for on another connection: this one may be stuck.
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
        let here = Handle::try_current().map_err(unread)?;
        let gate = self.of(here.id());
        let start = |read: Option<Reading>| read.map(|read| here.spawn(read.run(store.clone())));
        let (tell, mut told) = oneshot::channel();
        start(gate.enter(Waiting { token, tell }));
        let told = match tokio::time::timeout(LATE, &mut told).await {
            Ok(told) => told,
            Err(_) => {
                start(gate.begin());
                told.await
            }
        };
        told.map_err(|_| unread("the read was given up"))?
    }

    fn of(&self, id: Id) -> Arc<Gate> {
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
    /// The reads under way, and when the last of each was sent.
    reads: Vec<(u64, Instant)>,
    begun: u64,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(self: &Arc<Self>, who: Waiting) -> Option<Reading> {
        self.state().waiting.push(who);
        self.begin()
    }

    /// Reads for who waits, where none is under way that may still be answered soon.
    fn begin(self: &Arc<Self>) -> Option<Reading> {
        let mut state = self.state();
        let soon = state.reads.iter().any(|(_, sent)| sent.elapsed() <= LATE);
        if soon || state.reads.len() >= READS || state.waiting.is_empty() {
            return None;
        }
        state.begun += 1;
        let number = state.begun;
        state.reads.push((number, Instant::now()));
        Some(Reading { gate: Arc::clone(self), number, left: false })
    }
}

/// Reads under way, one after the other while somebody waits.
struct Reading {
    gate: Arc<Gate>,
    number: u64,
    left: bool,
}

impl Drop for Reading {
    /// Cut off, as its runtime ends: who waits hears so, and the next who comes starts anew.
    fn drop(&mut self) {
        if !self.left {
            let mut state = self.gate.state();
            state.reads.retain(|(number, _)| *number != self.number);
            state.waiting.clear();
        }
    }
}

impl Reading {
    async fn run(mut self, store: StoreHandle) {
        while let Some(asked) = self.next() {
            let found = read(&store, &asked).await;
            tell(asked, found);
        }
    }

    /// Who is asked for next, but for those who gave up; none, and this is over, where nobody waits.
    fn next(&mut self) -> Option<Vec<Waiting>> {
        let gate = Arc::clone(&self.gate);
        let mut state = gate.state();
        state.waiting.retain(|who| !who.tell.is_closed());
        if state.waiting.is_empty() {
            state.reads.retain(|(number, _)| *number != self.number);
            self.left = true;
            return None;
        }
        if let Some((_, sent)) = state.reads.iter_mut().find(|(number, _)| *number == self.number) {
            *sent = Instant::now();
        }
        let rest = if state.waiting.len() > MOST { state.waiting.split_off(MOST) } else { Vec::new() };
        Some(mem::replace(&mut state.waiting, rest))
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
