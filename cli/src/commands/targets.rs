//! `hallpass admin check`, `findings` and `remove-account`: how targets are.
use hallpass_client::api::{Paging, new_key};
use hallpass_client::wire::admin::{CheckOutcome, TargetCheck};

use crate::ctx::Ctx;
use crate::failure::{Exit, Failure};
use crate::out::{Answer, Body, Column, Table};
use crate::{clock, view};

/// A trial in a line or more.
pub(super) fn describe(check: &TargetCheck) -> String {
    let version = check.version.as_deref().unwrap_or("");
    let databases = check.databases.join(", ");
    let mut lines = vec![match check.outcome {
        CheckOutcome::Fit => {
            format!(
                "{} was tried with a throw-away login to {databases}: fit, PostgreSQL {version}.",
                check.target
            )
        }
        CheckOutcome::WouldTry => {
            format!("{} would be tried with a throw-away login to {databases}.", check.target)
        }
        CheckOutcome::Unreachable => format!("{} does not answer, so it was not tried:", check.target),
        CheckOutcome::Unfit | CheckOutcome::Unknown => {
            format!("{} was tried with a throw-away login to {databases}: NOT fit:", check.target)
        }
    }];
    lines.extend(check.problems.iter().map(|problem| format!("    {problem}")));
    lines.join("\n")
}

/// Tries a target; 9 where it is not fit or does not answer.
pub(super) async fn check(ctx: &Ctx, target: &str) -> Result<(), Failure> {
    let client = ctx.client().await?;
    let check = ctx.busy(&client, client.check_target(target, &new_key())).await?;
    ctx.show(&Answer { json: view::value(&check), body: Body::Value(describe(&check)) })?;
    if check.outcome == CheckOutcome::Fit {
        return Ok(());
    }
    let what = if check.outcome == CheckOutcome::Unreachable { "does not answer" } else { "is not fit" };
    Err(Failure::new(Exit::Target, "target_unfit", format!("The target {target} {what}")))
}

/// Accounts that are not as the records say.
pub(super) async fn findings(ctx: &Ctx, target: Option<&str>) -> Result<(), Failure> {
    let client = ctx.client().await?;
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = ctx.busy(&client, client.findings(target, &Paging { after, limit: Some(200) })).await?;
        let got = page.items.len();
        items.extend(page.items);
        after = page.next;
        if after.is_none() || got == 0 {
            break;
        }
    }
    let columns = vec![
        Column::new("Account", 0),
        Column::new("Target", 0),
        Column::state("Kind"),
        Column::new("What", 1),
        Column::new("Since", 2),
        Column::new("What happens", 3),
        Column::new("Finding", 0),
    ];
    let rows = items
        .iter()
        .map(|f| {
            vec![
                f.account.clone(),
                f.target.clone(),
                f.kind.clone(),
                f.differences.join("; "),
                clock::at(f.since),
                f.what_happens.clone(),
                f.id.clone(),
            ]
        })
        .collect();
    ctx.show(&Answer { json: view::list(&items, None), body: Body::Table(Table::new(columns, rows)) })
}

/// Says yes to a removal.
pub(super) async fn remove(ctx: &Ctx, finding: &str) -> Result<(), Failure> {
    let client = ctx.client().await?;
    let found = ctx.busy(&client, client.remove_finding(finding, &new_key())).await?;
    let said =
        format!("{} at {} is being removed; it is listed until that is proven.", found.account, found.target);
    ctx.show(&Answer { json: view::value(&found), body: Body::Value(said) })
}
