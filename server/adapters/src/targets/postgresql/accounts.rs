//! Accounts of a batch: what we know of them, what the target says they are, and scripts over many of them at once.
use std::collections::VecDeque;
use std::time::Duration;

use hallpass_domain::credential::{Credential, Plan};
use hallpass_domain::ports::target::TargetError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::errors::unreadable;
use super::naming;
use super::session::{Link, Script};

/// Accounts in one transaction. Larger saves little, and makes others wait longer.
pub(super) const CHUNK: usize = 250;
/// Roles dropped in one transaction: from 16 on each DROP ROLE looks at all roles that our administrator administers, and
/// what a time-out undoes was in vain.
pub(super) const DROP_CHUNK: usize = 100;
/// Longest time for one step over one batch; what was not reached by then is told so, and is taken up with the next pass.
const BUDGET: Duration = Duration::from_secs(15);

/// An account as our row describes it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Account {
    name: String,
    mark: String,
    oid: Option<i64>,
    groups: Vec<String>,
}

impl Account {
    /// From the row.
    pub(super) fn of(instance: &str, credential: &Credential) -> Self {
        let Plan::PostgresqlLogin { groups, .. } = &credential.plan;
        Self {
            name: credential.external_name.clone(),
            mark: naming::mark(instance, credential.id),
            oid: credential.external_oid,
            groups: groups.clone(),
        }
    }
}

/// What an account is at the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    /// There, with our marker.
    Ours,
    /// The name is there without our marker.
    Foreign,
    /// Our marker is on a role of another name and oid.
    Elsewhere,
    /// Neither name nor marker is there.
    Absent,
}

/// An account as the target describes it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Found {
    /// Its place in the batch that was asked.
    ord: usize,
    state: Standing,
    /// Role oid, if it is ours.
    pub(super) oid: Option<i64>,
    /// New logins are accepted.
    pub(super) login: bool,
    /// Groups of the plan.
    pub(super) groups: Vec<String>,
    /// Oids whose sessions are this account's.
    pub(super) oids: Vec<i64>,
    /// Sessions, where the script counts them.
    #[serde(default)]
    pub(super) sessions: i64,
    /// Databases in which it owns something or something was granted to it, where the script looks.
    #[serde(default)]
    pub(super) databases: Vec<String>,
    /// What the script could not do with this account, where it goes on with the others.
    #[serde(default)]
    error: Option<String>,
}

impl Found {
    /// True where it is there and ours, false where it is not there; an error where it must not be touched.
    pub(super) fn present(&self) -> Result<bool, TargetError> {
        match self.state {
            Standing::Ours => Ok(true),
            Standing::Absent => Ok(false),
            Standing::Foreign => Err(TargetError::NotOurs),
            Standing::Elsewhere => Err(TargetError::Refused(
                "our marker is on a role of another name: an administrator of the target must look".into(),
            )),
        }
    }
}

/// Runs a script over all accounts and answers in their order.
pub(super) async fn over_all(
    link: &Link,
    script: Script,
    accounts: &[Account],
) -> Vec<Result<Found, TargetError>> {
    over_all_by(CHUNK, link, script, accounts).await
}

/// The same with another number of accounts in one transaction.
pub(super) async fn over_all_by(
    chunk_size: usize,
    link: &Link,
    script: Script,
    accounts: &[Account],
) -> Vec<Result<Found, TargetError>> {
    bisected(
        link,
        script,
        chunk_size,
        accounts,
        |chunk| chunk.to_vec(),
        |mut found: Vec<Found>, chunk| {
            found.sort_by_key(|f| f.ord);
            if found.len() != chunk.len() {
                return Err(unreadable("another number of accounts"));
            }
            Ok(found)
        },
    )
    .await
    .into_iter()
    .map(|answer| match answer {
        Ok(Found { error: Some(why), .. }) => Err(TargetError::Refused(why)),
        other => other,
    })
    .collect()
}

/// Runs `script` over `items` in as few transactions as work: a transaction that fails is halved until the bad item
/// stands alone, so that it stops no other. A target that is down is not asked again.
pub(super) async fn bisected<I, A, R, T>(
    link: &Link,
    script: Script,
    chunk_size: usize,
    items: &[I],
    args: impl Fn(&[I]) -> A + Send + Sync,
    read: impl Fn(R, &[I]) -> Result<Vec<T>, TargetError> + Send + Sync,
) -> Vec<Result<T, TargetError>>
where
    I: Sync,
    A: Serialize + Send + Sync,
    R: DeserializeOwned + Send,
    T: Send,
{
    let mut waiting: VecDeque<&[I]> = items.chunks(chunk_size.max(1)).collect();
    let mut out = Vec::with_capacity(items.len());
    let mut stop: Option<TargetError> = None;
    let over = tokio::time::Instant::now() + BUDGET;
    while let Some(chunk) = waiting.pop_front() {
        if stop.is_none() && tokio::time::Instant::now() >= over {
            stop = Some(TargetError::Refused("others took too long: not reached in this pass".into()));
        }
        if let Some(error) = &stop {
            out.extend(chunk.iter().map(|_| Err(error.clone())));
            continue;
        }
        let answer = match link.run::<A, R>(script, &args(chunk)).await {
            Ok(answer) => read(answer, chunk),
            Err(error) => Err(error),
        };
        match answer {
            Ok(values) => out.extend(values.into_iter().map(Ok)),
            Err(error @ TargetError::Down(_)) => {
                out.extend(chunk.iter().map(|_| Err(error.clone())));
                stop = Some(error);
            }
            Err(error) if chunk.len() <= 1 => out.extend(chunk.iter().map(|_| Err(error.clone()))),
            Err(_) => {
                let (first, second) = chunk.split_at(chunk.len() / 2);
                waiting.push_front(second);
                waiting.push_front(first);
            }
        }
    }
    out
}
