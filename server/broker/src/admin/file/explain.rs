//! Parser errors in words for people.
use crate::admin::mistake::did_you_mean;

/// What is wrong and what to do, from an error of the TOML parser or of the entries' model. Values are not repeated:
/// one of them may be a secret that somebody wrote in the wrong place.
pub fn explain(error: &toml::de::Error) -> (String, String) {
    let message = error.message();
    let words = quoted(message);
    let (first, others) = (words.first().copied().unwrap_or(""), words.get(1..).unwrap_or(&[]));
    if message.starts_with("unknown field") {
        return (format!("There is no setting “{first}” here."), unknown_setting(first, others));
    }
    if message.starts_with("unknown variant") {
        return (
            format!("“{first}” is not a choice here."),
            format!("{}Write one of: {}.", did_you_mean(first, others.iter().copied()), others.join(", ")),
        );
    }
    if message.starts_with("missing field") {
        return (
            format!("“{first}” is missing in this entry."),
            format!("Add a line {first} = …; docs/catalogue.md shows an example."),
        );
    }
    if message.starts_with("duplicate field") || message.contains("duplicate key") {
        return ("This setting stands twice in one entry.".to_owned(), "Keep one of the two.".to_owned());
    }
    if let Some((_, expected)) = message.split_once(", expected ").filter(|_| message.starts_with("invalid"))
    {
        return ("This value is of the wrong form.".to_owned(), format!("Write {}.", form(expected)));
    }
    let message = crate::admin::file::explain::sentence(message);
    (
        format!("This is not TOML: {message}"),
        "Look at this line and the one before; a quote, bracket or equals sign is often missing.".to_owned(),
    )
}

fn unknown_setting(word: &str, known: &[&str]) -> String {
    let looks_secret = ["password", "secret", "client_secret", "passwd", "token", "key"].contains(&word);
    if looks_secret {
        return "No secret stands in this file, and one that did should be changed. For a target, name where the server reads it: secret_env or secret_file; client secrets are made by Hallpass and shown once.".to_owned();
    }
    format!("{}Known here: {}.", did_you_mean(word, known.iter().copied()), known.join(", "))
}

/// What serde expected, in plain words.
fn form(expected: &str) -> String {
    match expected {
        "a string" => "text in double quotes",
        "a sequence" => "a list in square brackets",
        "a boolean" => "true or false",
        "a map" => "a table",
        e if ["i32", "i64", "u16", "u32", "u64"].contains(&e) => {
            "a whole number without quotes, not too large"
        }
        e if e.starts_with("struct ") || e.starts_with("spanned") || e.starts_with("a spanned") => "a table",
        e if e.contains("variant") || e.starts_with("string or table") => "one word in double quotes",
        e => e,
    }
    .to_owned()
}

/// Words between backticks, in order.
fn quoted(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

/// One line, a full stop at the end.
pub(crate) fn sentence(text: &str) -> String {
    let line = hallpass_domain::text::clean_line(text);
    if line.ends_with(['.', '!', '?']) { line } else { format!("{line}.") }
}
