//! `hallpass man`: manual pages, one for each command, for packages to ship.
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory as _};

use super::topics;
use crate::args::Cli;
use crate::ctx::Ctx;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  hallpass man --dir /usr/local/share/man/man1";

/// Arguments.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ManArgs {
    /// Folder that they are written to; it is made where it is missing
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

pub(super) fn perform(ctx: &Ctx, args: &ManArgs) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::local(&format!("Manual pages cannot be written to {}", args.dir.display()), &error)
    };
    let count = write(&args.dir).map_err(failed)?;
    ctx.say(&format!("{count} manual pages are in {}; read one with: man -l FILE", args.dir.display()));
    Ok(())
}

fn write(dir: &Path) -> std::io::Result<usize> {
    std::fs::create_dir_all(dir)?;
    clap_mangen::generate_to(Cli::command(), dir)?;
    // What holds for every command stands in the first page.
    let path = dir.join("hallpass.1");
    let mut page = std::fs::read_to_string(&path)?;
    for (name, text) in topics::TOPICS {
        page.push_str(&section(name, text));
    }
    std::fs::write(path, page)?;
    Ok(std::fs::read_dir(dir)?.flatten().filter(|entry| is_page(&entry.path())).count())
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "1")
}

/// A topic of `hallpass help`, as it stands there: its first line is its name.
fn section(name: &str, text: &str) -> String {
    let title = match name {
        "exit-codes" => "EXIT STATUS".to_owned(),
        other => other.to_uppercase(),
    };
    let body: String = text.lines().skip(1).map(|line| format!("{}\n", escaped(line))).collect();
    format!(".SH {title}\n.nf\n{body}.fi\n")
}

/// A line in which roff(7) reads no request and no escape.
fn escaped(line: &str) -> String {
    let text = line.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_topic_is_a_request() {
        let page = section("x", "Title\n.so /etc/passwd\n'br\n\\*x --json\n");
        assert_eq!(page, ".SH X\n.nf\n\\&.so /etc/passwd\n\\&'br\n\\e*x \\-\\-json\n.fi\n");
    }
}
