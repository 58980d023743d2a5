//! Long lists through `PAGER`, where somebody set it and looks at a terminal.
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::term;

/// Shows the text through the pager; false where that is not wanted or did not work, and nothing was shown.
pub(crate) fn show(text: &str) -> bool {
    let rows = match term::stdout_rows() {
        Some(rows) if text.lines().count() >= rows => rows,
        _ => return false,
    };
    let Some(pager) =
        std::env::var("PAGER").ok().filter(|pager| rows > 0 && !pager.trim().is_empty() && pager != "cat")
    else {
        return false;
    };
    // Words, not a shell: `less -FR` works, `less | tee` does not.
    let mut words = pager.split_whitespace();
    let Some(program) = words.next() else { return false };
    let Ok(mut child) = Command::new(program).args(words).stdin(Stdio::piped()).spawn() else { return false };
    if let Some(mut stdin) = child.stdin.take() {
        // The reader may leave early.
        drop(stdin.write_all(text.as_bytes()));
    }
    child.wait().is_ok()
}
