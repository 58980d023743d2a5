//! The terminal: is there one, how wide is it, and questions to the person in front of it.
use std::io::{BufRead as _, IsTerminal as _, Write as _};

use crate::failure::{Exit, Failure};
use crate::out::safe;

fn set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn is_dumb() -> bool {
    std::env::var("TERM").is_ok_and(|term| term == "dumb")
}

/// Whether stdout is a terminal.
pub(crate) fn stdout_is_tty() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether stderr is a terminal.
pub(crate) fn stderr_is_tty() -> bool {
    std::io::stderr().is_terminal()
}

/// Whether stdout gets colours: NO_COLOR, then CLICOLOR_FORCE, then whether it is a terminal.
pub(crate) fn colour() -> bool {
    !set("NO_COLOR") && (set("CLICOLOR_FORCE") || stdout_is_tty() && !is_dumb())
}

fn size() -> Option<(usize, usize)> {
    let out = std::io::stdout();
    let size = rustix::termios::tcgetwinsize(&out).ok()?;
    (size.ws_col > 0).then_some((usize::from(size.ws_col), usize::from(size.ws_row)))
}

/// Width of the terminal that stdout is; none in a pipe, where nothing is cut.
pub(crate) fn stdout_width() -> Option<usize> {
    if stdout_is_tty() { size().map(|(width, _)| width) } else { None }
}

/// Rows of the terminal that stdout is.
pub(crate) fn stdout_rows() -> Option<usize> {
    if stdout_is_tty() { size().map(|(_, rows)| rows).filter(|rows| *rows > 0) } else { None }
}

/// Whether a question can be asked: somebody types and somebody reads.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && stderr_is_tty()
}

/// Says something on stderr, cleaned.
pub(crate) fn say(text: &str) {
    let mut err = std::io::stderr().lock();
    drop(writeln!(err, "{}", safe::lines(text)));
}

/// Asks for one line. The question goes to stderr. The end of input counts as no.
pub(crate) async fn ask(question: &str) -> Result<String, Failure> {
    let question = safe::line(question);
    let answer = tokio::task::spawn_blocking(move || {
        let mut err = std::io::stderr().lock();
        write!(err, "{question} ")?;
        err.flush()?;
        drop(err);
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line)?;
        Ok::<_, std::io::Error>((read > 0).then(|| line.trim().to_owned()))
    });
    match answer.await {
        Ok(Ok(Some(line))) => Ok(line),
        Ok(Ok(None)) | Err(_) => {
            Err(Failure::new(Exit::Cancelled, "cancelled", "Cancelled; nothing was changed."))
        }
        Ok(Err(error)) => Err(Failure::local("The answer cannot be read", &error)),
    }
}

/// Asks yes or no; anything but yes cancels.
pub(crate) async fn confirm(question: &str) -> Result<(), Failure> {
    let answer = ask(&format!("{question} [y/N]")).await?;
    if matches!(answer.to_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        Err(Failure::new(Exit::Cancelled, "cancelled", "Cancelled; nothing was changed."))
    }
}
