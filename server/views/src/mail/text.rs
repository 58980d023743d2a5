//! Plain text: lines of at most 72 characters, facts in two columns, quotes that cannot be taken for our words.
use hallpass_domain::mail::Fact;

/// Longest line, characters; longer words (URLs) stand alone on theirs.
const WIDTH: usize = 72;
/// Indent of facts.
const INDENT: usize = 2;
/// Longest label that widens the column.
const LABEL: usize = 14;

/// Wraps a text of several lines.
pub(super) fn wrap(text: &str) -> String {
    text.lines().flat_map(|line| lines(line, WIDTH)).collect::<Vec<_>>().join("\n")
}

/// Facts in two columns, the quote as the last one. Every line of a value stands in the second column, so that no
/// text of people begins a line as ours do; a quote of several lines has `>` before each.
pub(super) fn facts(facts: &[Fact], quote: Option<(&str, &str)>) -> String {
    let labels = facts.iter().map(|fact| fact.label.as_str()).chain(quote.map(|(label, _)| label));
    let column = labels.map(|label| label.chars().count()).max().unwrap_or(0).min(LABEL) + 2;
    let width = WIDTH - INDENT - column;
    let mut out: Vec<String> = Vec::new();
    for fact in facts {
        out.extend(row(&fact.label, column, lines(&fact.value, width)));
    }
    if let Some((label, quote)) = quote {
        let quoted = format!("\"{quote}\"");
        let fits = !quote.contains('\n') && quoted.chars().count() <= width;
        let inner = quote.lines().flat_map(|line| lines(line, width - 2));
        let value = if fits { vec![quoted] } else { inner.map(|line| format!("> {line}")).collect() };
        out.extend(row(label, column, value));
    }
    out.join("\n")
}

fn row(label: &str, column: usize, value: Vec<String>) -> impl Iterator<Item = String> {
    let label = label.to_owned();
    value.into_iter().enumerate().map(move |(at, line)| {
        let head = if at == 0 { label.as_str() } else { "" };
        let gap = column.saturating_sub(head.chars().count()).max(2);
        format!("{:INDENT$}{head}{:gap$}{line}", "", "").trim_end().to_owned()
    })
}

/// Breaks one line between words; at least one line, perhaps empty.
fn lines(line: &str, width: usize) -> Vec<String> {
    let mut out = vec![String::new()];
    for word in line.split_whitespace() {
        let room = out.last().map_or(0, |last| width.saturating_sub(last.chars().count() + 1));
        match out.last_mut() {
            Some(last) if last.is_empty() => last.push_str(word),
            Some(last) if word.chars().count() <= room => {
                last.push(' ');
                last.push_str(word);
            }
            _ => out.push(word.to_owned()),
        }
    }
    out
}
