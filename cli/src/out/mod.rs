//! What goes to stdout: one answer, as a table, plain text, JSON or one field of it.
use std::io::{ErrorKind, Write as _};

use serde_json::{Map, Value, json};

use crate::failure::{Exit, Failure};
use crate::term;

pub(crate) mod pager;
pub(crate) mod safe;
mod table;

pub(crate) use table::{Column, Table};

/// How answers are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// Values with tabs between them, no headings.
    Plain,
    /// JSON, versioned.
    Json,
}

/// One answer.
pub(crate) struct Answer {
    /// Everything, for `--json` and `--field`.
    pub(crate) json: Value,
    /// What people see.
    pub(crate) body: Body,
}

/// What people see of an answer.
pub(crate) enum Body {
    /// A list.
    Table(Table),
    /// One thing: labels and values.
    Record(Vec<(&'static str, String)>),
    /// One value alone.
    Value(String),
}

/// Shows an answer in the format that was asked for.
pub(crate) fn show(answer: &Answer, format: Format, field: Option<&str>) -> Result<(), Failure> {
    let text = match (field, format) {
        (Some(path), _) => field_of(&answer.json, path)?,
        (None, Format::Json) => {
            let text = serde_json::to_string_pretty(&versioned(&answer.json)).unwrap_or_default();
            format!("{}\n", safe::json(&text))
        }
        (None, Format::Table) => match &answer.body {
            Body::Table(table) => table.for_people(term::stdout_width(), term::colour()),
            Body::Record(rows) => record(rows),
            Body::Value(value) => format!("{}\n", safe::line(value)),
        },
        (None, Format::Plain) => match &answer.body {
            Body::Table(table) => table.plain(),
            Body::Record(rows) => rows
                .iter()
                .map(|(label, value)| format!("{}\t{}\n", label.to_lowercase(), safe::line(value)))
                .collect(),
            Body::Value(value) => format!("{}\n", safe::line(value)),
        },
    };
    if let (None, Format::Table, Body::Table(table)) = (field, format, &answer.body) {
        if table.is_empty() {
            return Ok(());
        }
        if pager::show(&text) {
            return Ok(());
        }
    }
    write(text.as_bytes())
}

/// Writes to stdout. A reader that has gone away is not a failure.
pub(crate) fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::local("The answer cannot be written", &error))
        }
        _ => Ok(()),
    }
}

/// Objects get `"version": 1` in front.
fn versioned(value: &Value) -> Value {
    let mut out = Map::new();
    out.insert("version".to_owned(), json!(1));
    match value {
        Value::Object(members) => {
            out.extend(members.iter().map(|(name, member)| (name.clone(), member.clone())))
        }
        other => drop(out.insert("items".to_owned(), other.clone())),
    }
    Value::Object(out)
}

fn record(rows: &[(&'static str, String)]) -> String {
    let width = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (label, value) in rows {
        let value = safe::lines(value);
        let mut lines = value.lines();
        out.push_str(&format!("{label:width$}  {}\n", lines.next().unwrap_or_default()));
        for line in lines {
            out.push_str(&format!("{:width$}  {line}\n", ""));
        }
    }
    out
}

/// The value at a dotted path; of a list, one line for each item.
fn field_of(value: &Value, path: &str) -> Result<String, Failure> {
    if let Some(items) = value.get("items").and_then(Value::as_array)
        && !path.starts_with("items.")
        && path != "next"
    {
        return items.iter().map(|item| field_of(item, path)).collect();
    }
    let mut at = value;
    for part in path.split('.') {
        let step = match at {
            Value::Array(items) => part.parse::<usize>().ok().and_then(|index| items.get(index)),
            other => other.get(part),
        };
        at = step.ok_or_else(|| {
            let known = at
                .as_object()
                .map(|members| members.keys().cloned().collect::<Vec<_>>().join(", "))
                .unwrap_or_default();
            Failure::new(Exit::Usage, "no_field", format!("There is no field “{path}” here."))
                .next(format!("choose one of: {known}"))
        })?;
    }
    Ok(match at {
        Value::Null => "\n".to_owned(),
        Value::String(text) => format!("{}\n", safe::line(text)),
        other => format!("{}\n", safe::json(&other.to_string())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_by_dotted_path() {
        let value = json!({"state": "active", "grant": {"id": "g1"}, "list": ["a", "b"], "none": null});
        assert_eq!(field_of(&value, "grant.id").unwrap(), "g1\n");
        assert_eq!(field_of(&value, "list.1").unwrap(), "b\n");
        assert_eq!(field_of(&value, "list").unwrap(), "[\"a\",\"b\"]\n");
        assert_eq!(field_of(&value, "none").unwrap(), "\n");
        let failure = field_of(&value, "grant.x").unwrap_err();
        assert_eq!((failure.exit, failure.next.as_deref()), (Exit::Usage, Some("choose one of: id")));
        let list = json!({"items": [{"id": 1}, {"id": 2}], "next": null});
        assert_eq!(field_of(&list, "id").unwrap(), "1\n2\n");
    }

    #[test]
    fn json_says_its_version_first() {
        assert_eq!(versioned(&json!({"a": 1})).to_string(), r#"{"version":1,"a":1}"#);
        assert_eq!(versioned(&json!([1])).to_string(), r#"{"version":1,"items":[1]}"#);
    }

    #[test]
    fn records_keep_their_columns() {
        let rows = [("Role", "db-read".to_owned()), ("Stages", "one\ntwo\u{1b}[2J".to_owned())];
        assert_eq!(record(&rows), "Role    db-read\nStages  one\n        two[2J\n");
    }
}
