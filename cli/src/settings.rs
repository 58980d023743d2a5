//! Settings: flags before environment before what a sign-in remembered.
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum as _;

use crate::args::Global;
use crate::failure::Failure;
use crate::out::Format;

/// How much of each call is shown on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Debug {
    /// Nothing.
    Off,
    /// A line per call.
    Calls,
    /// Headers and bodies too, without secrets.
    Http,
}

/// What the command was told.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Address of the server, where one was named.
    pub(crate) server: Option<String>,
    /// Which set of sign-ins.
    pub(crate) profile: String,
    /// Where sign-ins are kept; none without a home, then nothing is kept.
    pub(crate) config_dir: Option<PathBuf>,
    /// Format of answers.
    pub(crate) format: Format,
    /// One field of the answer.
    pub(crate) field: Option<String>,
    /// Never ask.
    pub(crate) no_input: bool,
    /// Authorities to trust instead of the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// Limit of one call.
    pub(crate) timeout: Duration,
    /// What is shown of each call.
    pub(crate) debug: Debug,
}

/// An environment variable; an empty one counts as not set.
pub(crate) fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A path from the environment; an empty one counts as not set.
pub(crate) fn path_var(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

impl Settings {
    /// Reads flags and environment.
    pub(crate) fn read(global: &Global) -> Result<Self, Failure> {
        let format = match (global.json, global.format, var("HALLPASS_FORMAT")) {
            (true, ..) => Format::Json,
            (false, Some(format), _) => format,
            (false, None, Some(word)) => Format::from_str(&word, true).map_err(|_| {
                Failure::usage("format", format!("HALLPASS_FORMAT is “{word}”; write table, plain or json"))
            })?,
            (false, None, None) => Format::Table,
        };
        let debug = match var("HALLPASS_DEBUG").as_deref() {
            None | Some("0") => Debug::Off,
            Some("http") => Debug::Http,
            Some(_) => Debug::Calls,
        };
        let profile = global
            .profile
            .clone()
            .or_else(|| var("HALLPASS_PROFILE"))
            .unwrap_or_else(|| "default".to_owned());
        if !profile.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) || profile.len() > 63 {
            return Err(Failure::usage("profile", "The name of a profile is letters, digits, - and _ only"));
        }
        Ok(Self {
            server: global.server.clone().or_else(|| var("HALLPASS_SERVER")),
            profile,
            config_dir: config_dir(),
            format,
            field: global.field.clone(),
            no_input: global.no_input || var("HALLPASS_NO_INPUT").is_some_and(|value| value != "0"),
            ca_file: path_var("HALLPASS_CA_FILE"),
            timeout: var("HALLPASS_TIMEOUT").map_or(Ok(Duration::from_secs(30)), |text| timeout(&text))?,
            debug,
        })
    }

    /// Whether a question may be asked.
    pub(crate) fn can_ask(&self) -> bool {
        !self.no_input && crate::term::can_ask()
    }
}

/// HALLPASS_CONFIG_DIR, else the XDG base directory specification.
fn config_dir() -> Option<PathBuf> {
    path_var("HALLPASS_CONFIG_DIR")
        .or_else(|| {
            path_var("XDG_CONFIG_HOME").filter(|path| path.is_absolute()).map(|path| path.join("hallpass"))
        })
        .or_else(|| path_var("HOME").map(|path| path.join(".config").join("hallpass")))
}

/// `30`, `30s`, `2m`: a bare number counts seconds here, as time-outs usually do.
fn timeout(text: &str) -> Result<Duration, Failure> {
    let seconds = if text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse().ok()
    } else {
        hallpass_domain::window::parse_duration(text).ok().and_then(|seconds| u64::try_from(seconds).ok())
    };
    seconds
        .filter(|seconds| (1..=3_600).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| Failure::usage("timeout", "HALLPASS_TIMEOUT is a time between 1s and 1h, such as 30s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts() {
        for (text, seconds) in [("30", 30), ("30s", 30), ("2m", 120)] {
            assert_eq!(timeout(text).unwrap().as_secs(), seconds);
        }
        for bad in ["0", "-1", "x", "2d"] {
            assert!(timeout(bad).is_err(), "{bad}");
        }
    }
}
