//! `hallpass admin get`: the catalogue's objects, to read.
use clap::{Args, ValueEnum};
use hallpass_client::api::Paging;
use hallpass_domain::window::describe_seconds;
use serde_json::Value;

use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::out::{Answer, Body, Column, Table};
use crate::view;

/// Arguments of `admin get`.
#[derive(Args)]
pub(crate) struct GetArgs {
    /// Which objects
    noun: Noun,
    /// Words to look for
    query: Option<String>,
}

/// Nouns of the catalogue.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Noun {
    Targets,
    Roles,
    Workflows,
    Groups,
    People,
    Workloads,
}

/// Objects are shown as the server describes them: the members that tell them apart first.
pub(super) async fn get(ctx: &Ctx, args: GetArgs) -> Result<(), Failure> {
    let client = ctx.client().await?;
    let (noun, members): (&str, &[&'static str]) = match args.noun {
        Noun::Targets => {
            ("targets", &["name", "kind", "environment", "address", "verification", "health", "roles"])
        }
        Noun::Roles => (
            "roles",
            &["name", "target", "tier", "eligible", "longest", "workflow", "kind", "standing", "purpose"],
        ),
        Noun::Workflows => ("workflows", &["name", "revision", "roles"]),
        Noun::Groups => ("groups", &["name", "title", "members", "decides_in", "eligible_for"]),
        Noun::People => {
            ("people", &["email", "name", "groups", "duties", "second_factor", "disabled", "active_grants"])
        }
        Noun::Workloads => {
            ("workloads", &["name", "client_id", "owners", "eligible_for", "disabled", "active_grants"])
        }
    };
    let (mut items, mut after): (Vec<Value>, _) = (Vec::new(), None);
    loop {
        let paging = Paging { after, limit: Some(200) };
        let page = ctx
            .busy(&client, client.catalogue_objects::<Value>(noun, args.query.as_deref(), &paging))
            .await?;
        let got = page.items.len();
        items.extend(page.items);
        after = page.next;
        if after.is_none() || got == 0 {
            break;
        }
    }
    let columns = members
        .iter()
        .enumerate()
        .map(|(i, name)| Column::new(name, u8::try_from(i).unwrap_or(u8::MAX)))
        .collect();
    let rows = items.iter().map(|item| members.iter().map(|name| cell(item.get(name))).collect()).collect();
    ctx.show(&Answer { json: view::list(&items, None), body: Body::Table(Table::new(columns, rows)) })
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items.iter().map(|item| cell(Some(item))).collect::<Vec<_>>().join(", "),
        Some(Value::Object(span)) if span.contains_key("iso8601") => {
            span.get("seconds").and_then(Value::as_i64).map(describe_seconds).unwrap_or_default()
        }
        Some(other) => other.to_string(),
    }
}
