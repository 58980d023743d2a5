//! `GET /api/v1/grants`.
use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_broker::Broker;
use hallpass_broker::broker::unreadable;
use hallpass_client::wire::common::Page;
use hallpass_client::wire::grants::{Grant, GrantState as Word};
use hallpass_domain::grant as domain;
use hallpass_domain::grant::GrantState;
use hallpass_domain::ports::grants::GrantFilter;
use hallpass_domain::ports::store::Page as Keyset;
use hallpass_domain::principal::Duty;
use uuid::Uuid;

use crate::api::answer;
use crate::api::requests::list::{only_duties, role_id};
use crate::api::shapes::common::page;
use crate::api::shapes::grant::item;
use crate::bearer::ApiCaller;
use crate::params::{Params, bad_cursor};
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Grants that are not over yet are sorted in memory up to so many; nobody holds as many, and above it (everybody's, in a
/// large house) the list is newest first throughout.
const SORTED: usize = 1_000;

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cursor {
    /// After this one among those that are not over: end in microseconds, id.
    Current(i64, Uuid),
    /// After this id among the rest, newest first; none begins there.
    Newest(Option<Uuid>),
}

impl Cursor {
    fn read(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix("c.") {
            let (micros, id) = rest.split_once('.')?;
            return Some(Self::Current(micros.parse().ok()?, id.parse().ok()?));
        }
        Some(Self::Newest(Some(text.strip_prefix("n.")?.parse().ok()?)))
    }
    fn text(self) -> String {
        match self {
            Self::Current(micros, id) => format!("c.{micros}.{id}"),
            Self::Newest(id) => format!("n.{}", id.unwrap_or_default()),
        }
    }
}

/// Grants: soonest end first while they are not over, then the ended ones, newest first.
#[utoipa::path(get, path = "/api/v1/grants", tag = "Grants",
    params(("view" = Option<String>, Query), ("state" = Option<String>, Query), ("role" = Option<String>, Query), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Page<Grant>), (status = "default", body = ProblemBody)))]
pub async fn list(
    state: web::Data<AppState>,
    req: HttpRequest,
    who: ApiCaller,
) -> Result<HttpResponse, Problem> {
    let params = Params::of(&req)?;
    let (broker, caller) = (&state.broker, &who.caller);
    let catalogue = broker.catalogue().await?;
    let all = params.word("view", &["mine", "all"])? == Some("all");
    if all && !(caller.has(Duty::Administrator) || caller.has(Duty::Auditor)) {
        return Err(only_duties());
    }
    let states: Vec<GrantState> =
        params.words("state", Word::WORDS)?.into_iter().filter_map(GrantState::parse).collect();
    let filter = GrantFilter {
        principal: (!all).then(|| caller.principal()),
        states,
        role: params.text("role").map(|n| role_id(&catalogue, n)).transpose()?,
    };
    let limit = params.limit()?;
    let after = params.text("after").map(|c| Cursor::read(c).ok_or_else(bad_cursor)).transpose()?;
    let rows = rows(broker, &filter, after, limit).await?;
    let cut = page(rows, limit, |(cursor, _)| cursor.text(), |(_, grant)| grant);
    let mut items = Vec::with_capacity(cut.items.len());
    for grant in &cut.items {
        items.push(item(broker, &catalogue, caller, grant).await?);
    }
    answer::show(&Page { items, next: cut.next })
}

async fn rows(
    broker: &Broker,
    filter: &GrantFilter,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Vec<(Cursor, domain::Grant)>, Problem> {
    let wanted = |s: &GrantState| filter.states.is_empty() || filter.states.contains(s);
    let current: Vec<GrantState> =
        [GrantState::Scheduled, GrantState::Active, GrantState::Ending].into_iter().filter(wanted).collect();
    let enough = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1);
    let mut rows = Vec::new();
    let (mut states, mut newest) = (vec![GrantState::Ended], None);
    match after {
        Some(Cursor::Newest(id)) => {
            newest = id;
            // A cursor does not say in which of the two orders it was given: ended ones alone follow sorted ones.
            if sorted(broker, filter, &current).await?.is_none() {
                states.extend(&current);
            }
        }
        begin => match sorted(broker, filter, &current).await? {
            None => states.extend(&current),
            Some(all) => {
                let begin = match begin {
                    Some(Cursor::Current(micros, id)) => Some((micros, id)),
                    _ => None,
                };
                let place = |g: &domain::Grant| (g.ends_at.timestamp_micros(), g.id.0);
                rows.extend(
                    all.into_iter()
                        .filter(|g| begin.is_none_or(|b| place(g) > b))
                        .take(enough)
                        .map(|g| (Cursor::Current(place(&g).0, place(&g).1), g)),
                );
            }
        },
    }
    states.retain(wanted);
    if rows.len() < enough && !states.is_empty() {
        let left = u32::try_from(enough - rows.len()).unwrap_or(limit);
        let filter = GrantFilter { states, ..filter.clone() };
        let found =
            broker.store.grants(&filter, Keyset { after: newest, limit: left }).await.map_err(unreadable)?;
        rows.extend(found.into_iter().map(|g| (Cursor::Newest(Some(g.id.0)), g)));
    }
    Ok(rows)
}

/// What is not over, soonest end first; nothing where there is too much of it.
async fn sorted(
    broker: &Broker,
    filter: &GrantFilter,
    states: &[GrantState],
) -> Result<Option<Vec<domain::Grant>>, Problem> {
    let (mut all, mut after) = (Vec::new(), None);
    if states.is_empty() {
        return Ok(Some(all));
    }
    let filter = GrantFilter { states: states.to_vec(), ..filter.clone() };
    loop {
        let found = broker.store.grants(&filter, Keyset { after, limit: 200 }).await.map_err(unreadable)?;
        let (full, last) = (found.len() >= 200, found.last().map(|g| g.id.0));
        all.extend(found);
        if all.len() > SORTED {
            return Ok(None);
        }
        if !full {
            all.sort_by_key(|g| (g.ends_at.timestamp_micros(), g.id.0));
            return Ok(Some(all));
        }
        after = last;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_as_they_went() {
        for cursor in [Cursor::Current(-7, Uuid::nil()), Cursor::Newest(Some(Uuid::max()))] {
            assert_eq!(Cursor::read(&cursor.text()), Some(cursor));
        }
        for bad in ["", "c.", "c.1", "n.", "n.x", "x", "c.x.y"] {
            assert_eq!(Cursor::read(bad), None, "{bad}");
        }
    }
}
