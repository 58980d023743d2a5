//! Where settings come from: the file, the environment over it, flags over both. Every mistake is told, not the first.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Config;
use super::check::check;

/// A mistake in the configuration, with its place and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct ConfigMistake {
    /// `hallpass.toml:12`, or where else the value came from.
    pub place: String,
    /// What is wrong and what to do.
    pub what: String,
}

/// A setting from a flag, `("server.listen", "127.0.0.1:0")`.
pub type Override = (&'static str, String);

/// Prefix of settings in the environment.
const PREFIX: &str = "HALLPASSD_";
/// Folder for logs, as systemd gives it (`LogsDirectory=`); the first of several, apart by colons.
const LOGS: &str = "LOGS_DIRECTORY";
/// The same for what a service keeps (`StateDirectory=`).
const STATE: &str = "STATE_DIRECTORY";
/// Most mistakes of form that are looked for.
const MOST: usize = 50;

/// What was read, with where each value came from.
pub(super) struct Read {
    /// The settings, without those that cannot be understood.
    pub(super) config: Config,
    /// Mistakes of form.
    pub(super) mistakes: Vec<ConfigMistake>,
    name: String,
    text: String,
    origin: BTreeMap<String, String>,
    /// Settings that were left out because they cannot be understood: nothing more is said of them.
    dropped: Vec<String>,
}

impl Read {
    /// Mistakes of values, each at the place that its value came from.
    pub(super) fn placed(&self, found: Vec<(&'static str, String)>) -> Vec<ConfigMistake> {
        found
            .into_iter()
            .filter(|(key, _)| !self.dropped.iter().any(|d| d == key))
            .map(|(key, what)| ConfigMistake {
                place: self.origin.get(key).cloned().unwrap_or_else(|| line_of(&self.name, &self.text, key)),
                what,
            })
            .collect()
    }
}

/// Reads file, environment and flags; every mistake there is.
///
/// # Errors
/// The mistakes.
pub fn load(
    path: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[Override],
) -> Result<Config, Vec<ConfigMistake>> {
    let mut read = read(path, environment, flags)?;
    let found = read.placed(check(&read.config));
    read.mistakes.extend(found);
    if read.mistakes.is_empty() { Ok(read.config) } else { Err(read.mistakes) }
}

pub(super) fn read(
    path: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[Override],
) -> Result<Read, Vec<ConfigMistake>> {
    let (text, name) = match path {
        None => (String::new(), "configuration".to_owned()),
        Some(path) => match std::fs::read_to_string(path) {
            Ok(text) => (text, path.display().to_string()),
            Err(error) => {
                return Err(vec![ConfigMistake {
                    place: path.display().to_string(),
                    what: format!("cannot be read: {error}"),
                }]);
            }
        },
    };
    let (mut table, mut mistakes, mut dropped) = understood(&name, &text)?;
    let mut origin = BTreeMap::new();
    let (mut logs, mut state) = (None, None);
    for (variable, value) in environment {
        if variable == LOGS {
            logs = first_folder(&value);
        } else if variable == STATE {
            state = first_folder(&value);
        } else if let Some(key) = variable.strip_prefix(PREFIX) {
            // The file that holds them all is named so, too, and is no setting.
            if key == "CONFIG" {
                continue;
            }
            let key = key.to_ascii_lowercase().replacen('_', ".", 1);
            override_with(
                &mut table,
                &key,
                &value,
                format!("environment variable {variable}"),
                &mut mistakes,
                &mut dropped,
                &mut origin,
            );
        }
    }
    for (key, value) in flags {
        let place = format!("flag --{}", key.rsplit('.').next().unwrap_or(key).replace('_', "-"));
        override_with(&mut table, key, value, place, &mut mistakes, &mut dropped, &mut origin);
    }
    let mut config: Config = table.try_into().map_err(|e: toml::de::Error| {
        vec![ConfigMistake { place: name.clone(), what: e.message().to_owned() }]
    })?;
    if config.audit.checkpoint_file.is_none() && !config.audit.no_checkpoint_file {
        config.audit.checkpoint_file =
            logs.map(|folder| folder.join("checkpoints.txt")).or_else(|| beside_the_data(&config));
    }
    // With SQLite it stands beside the database.
    let database = &mut config.database;
    if database.journal_file.is_none() && !database.no_journal_file && !database.is_sqlite() {
        database.journal_file = state.map(|folder| folder.join("journal"));
    }
    Ok(Read { config, mistakes, name, text, origin, dropped })
}

/// The file's settings. One that cannot be understood is told and taken out, so that the next one is found, too.
#[allow(clippy::type_complexity, reason = "three parts of one answer")]
fn understood(
    name: &str,
    text: &str,
) -> Result<(toml::Table, Vec<ConfigMistake>, Vec<String>), Vec<ConfigMistake>> {
    let (mut rest, mut mistakes, mut dropped) = (text.to_owned(), Vec::new(), Vec::new());
    while let Err(error) = toml::from_str::<Config>(&rest) {
        mistakes.push(at_line(name, &rest, &error));
        let Some(span) = error.span().filter(|_| mistakes.len() < MOST) else { return Err(mistakes) };
        if toml::from_str::<toml::Table>(&rest).is_err() {
            return Err(mistakes);
        }
        dropped.extend(setting_at(&rest, span.start));
        let Some(without) = blanked(&rest, span) else { return Err(mistakes) };
        // A value over several lines is not taken out whole: what was found so far is told.
        if toml::from_str::<toml::Table>(&without).is_err() || without == rest {
            return Err(mistakes);
        }
        rest = without;
    }
    let table = toml::from_str(&rest).map_err(|e| vec![at_line(name, &rest, &e)])?;
    Ok((table, mistakes, dropped))
}

/// The text with the lines of a span made empty: all others keep their numbers.
fn blanked(text: &str, span: std::ops::Range<usize>) -> Option<String> {
    let start = text.get(..span.start)?.rfind('\n').map_or(0, |at| at + 1);
    let last = span.end.max(span.start + 1).min(text.len());
    let mut end = text.get(last.saturating_sub(1)..)?.find('\n').map_or(text.len(), |at| last - 1 + at);
    if text.get(start..)?.trim_start().starts_with('[') {
        // A section goes with all that is in it: it would count to the one before.
        end = text.get(end..)?.find("\n[").map_or(text.len(), |at| end + at);
    }
    let lines = text.get(start..end)?.matches('\n').count();
    Some(format!("{}{}{}", text.get(..start)?, "\n".repeat(lines), text.get(end..)?))
}

/// `section.key` of the line at a place.
fn setting_at(text: &str, place: usize) -> Option<String> {
    let before = text.get(..place)?;
    let line = text.get(before.rfind('\n').map_or(0, |at| at + 1)..)?.lines().next()?;
    let section = before.lines().rev().find_map(|l| l.trim().strip_prefix('[')?.strip_suffix(']'))?;
    Some(format!("{}.{}", section.trim(), line.split('=').next()?.trim()))
}

/// Puts a value over the file's; one that cannot be understood is told with where it came from, and left out.
fn override_with(
    table: &mut toml::Table,
    key: &str,
    value: &str,
    place: String,
    mistakes: &mut Vec<ConfigMistake>,
    dropped: &mut Vec<String>,
    origin: &mut BTreeMap<String, String>,
) {
    let mut with = table.clone();
    set(&mut with, key, value);
    match with.clone().try_into::<Config>() {
        Ok(_) => {
            *table = with;
            origin.insert(key.to_owned(), place);
        }
        Err(error) => {
            mistakes.push(ConfigMistake { place, what: error.message().to_owned() });
            dropped.push(key.to_owned());
        }
    }
}

/// The first of the folders that systemd gives, apart by colons.
fn first_folder(value: &str) -> Option<PathBuf> {
    value.split(':').next().filter(|f| !f.is_empty()).map(PathBuf::from)
}

/// Beside the folder of an SQLite database: whoever copies or restores the folder does not take it along.
fn beside_the_data(config: &Config) -> Option<PathBuf> {
    let path = config.database.url.strip_prefix("sqlite:")?;
    let path = std::path::absolute(path.strip_prefix("//").unwrap_or(path)).ok()?;
    let folder = path.parent()?;
    let name = folder.file_name()?.to_str()?;
    Some(folder.with_file_name(format!("{name}-checkpoints.txt")))
}

fn set(table: &mut toml::Table, key: &str, value: &str) {
    let Some((section, name)) = key.split_once('.') else { return };
    let entry = table.entry(section.to_owned()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    if let toml::Value::Table(section) = entry {
        // Numbers, booleans and lists as TOML writes them; anything else is text.
        let parsed =
            toml::from_str::<toml::Table>(&format!("v = {value}")).ok().and_then(|mut t| t.remove("v"));
        let parsed = parsed.filter(|v| {
            matches!(v, toml::Value::Integer(_) | toml::Value::Boolean(_) | toml::Value::Array(_))
        });
        section.insert(name.to_owned(), parsed.unwrap_or_else(|| toml::Value::String(value.to_owned())));
    }
}

fn at_line(name: &str, text: &str, error: &toml::de::Error) -> ConfigMistake {
    let line = error.span().map_or(1, |s| text.get(..s.start).map_or(1, |t| t.matches('\n').count() + 1));
    ConfigMistake { place: format!("{name}:{line}"), what: error.message().to_owned() }
}

/// The line of `section.key` in the file, or the file alone where it is not written there.
fn line_of(name: &str, text: &str, key: &str) -> String {
    let Some((section, field)) = key.split_once('.') else { return name.to_owned() };
    let mut current = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            current = header.trim().to_owned();
        } else if current == section && line.split('=').next().is_some_and(|f| f.trim() == field) {
            return format!("{name}:{}", index + 1);
        }
    }
    format!("{name} [{section}] {field}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str, env: &[(&str, &str)], flags: &[Override]) -> Result<Config, Vec<ConfigMistake>> {
        let file = std::env::temp_dir().join(format!("hallpass-config-{}.toml", uuid::Uuid::new_v4()));
        std::fs::write(&file, text).unwrap();
        let out = load(Some(&file), env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())), flags);
        std::fs::remove_file(&file).unwrap();
        out
    }

    #[test]
    fn flags_override_environment_overrides_file() {
        let text =
            "[server]\nlisten = \"127.0.0.1:1\"\nworkers = 1\n[mail]\ntransport = \"smtp\"\nhost = \"a\"\n";
        let config = load_text(
            text,
            &[
                ("HALLPASSD_SERVER_LISTEN", "127.0.0.1:2"),
                ("HALLPASSD_SERVER_WORKERS", "2"),
                ("HALLPASSD_MAIL_HOST", "b"),
            ],
            &[("server.listen", "127.0.0.1:3".to_owned())],
        )
        .unwrap();
        assert_eq!(
            (config.server.listen.as_str(), config.server.workers, config.mail.host.as_str()),
            ("127.0.0.1:3", 2, "b")
        );
    }

    #[test]
    fn mistakes_name_file_and_line() {
        for (text, line, word) in [
            ("[server]\nlisten = 5\n", ":2", "string"),
            ("[server]\n\nlistne = \"x\"\n", ":3", "unknown field"),
            ("[server\n", ":1", ""),
            ("[server]\nlisten = \"nonsense\"\n", ":2", "not an address"),
            ("\n[database]\nurl = \"mysql://x\"\n", ":3", "sqlite:PATH"),
            ("[server]\nlisten = \"127.0.0.1:1\"\nbase_url = \"http://example.org\"\n", ":3", "https"),
        ] {
            let mistakes = load_text(text, &[], &[]).unwrap_err();
            assert!(
                mistakes.iter().any(|m| m.place.ends_with(line) && m.what.contains(word)),
                "{text:?}: {mistakes:?}"
            );
        }
    }

    #[test]
    fn beyond_loopback_needs_tls_and_a_name() {
        let mistakes = load_text("[server]\nlisten = \"0.0.0.0:443\"\n", &[], &[]).unwrap_err();
        assert_eq!(mistakes.len(), 2, "{mistakes:?}");
    }

    #[test]
    fn every_mistake_is_told_and_not_the_first() {
        let text = "[server]\nlisten = 5\nlistne = \"x\"\nbase_url = \"http://example.org\"\n\n[mail]\nport = \"many\"\n\n[nail]\nhost = \"x\"\n";
        let env = [("HALLPASSD_SERVER_WORKERS", "many"), ("HALLPASSD_CONFIG", "/etc/hallpassd.toml")];
        let mistakes = load_text(text, &env, &[]).unwrap_err();
        let places: Vec<&str> = mistakes
            .iter()
            .map(|m| m.place.rsplit_once(".toml").map_or(m.place.as_str(), |(_, p)| p))
            .collect();
        let mut wanted = vec![":2", ":3", ":4", ":7", ":9", "environment variable HALLPASSD_SERVER_WORKERS"];
        wanted.retain(|w| !places.contains(w));
        assert!(wanted.is_empty(), "not told: {wanted:?} in {mistakes:#?}");
        assert_eq!(mistakes.len(), 6, "nothing else: {mistakes:#?}");
    }

    #[test]
    fn checkpoints_never_stand_in_the_folder_of_the_data() {
        let file =
            |text: &str, env: &[(&str, &str)]| load_text(text, env, &[]).unwrap().audit.checkpoint_file;
        let data = "[database]\nurl = \"sqlite:/var/lib/hallpass/hallpass.db\"\n";
        assert_eq!(file(data, &[]), Some(PathBuf::from("/var/lib/hallpass-checkpoints.txt")));
        let logs = [("LOGS_DIRECTORY", "/var/log/hallpass:/var/log/other")];
        assert_eq!(file(data, &logs), Some(PathBuf::from("/var/log/hallpass/checkpoints.txt")));
        assert_eq!(file("[database]\nurl = \"postgres://h/db\"\n", &[]), None);
        assert_eq!(file(&format!("{data}[audit]\nno_checkpoint_file = true\n"), &logs), None);
    }

    #[test]
    fn the_journal_of_a_database_server_stands_in_the_state_folder() {
        let file =
            |text: &str, env: &[(&str, &str)]| load_text(text, env, &[]).unwrap().database.journal_file;
        let server = "[database]\nurl = \"postgres://h/db\"\n";
        let state = [("STATE_DIRECTORY", "/var/lib/hallpass:/var/lib/other")];
        assert_eq!(file(server, &state), Some(PathBuf::from("/var/lib/hallpass/journal")));
        assert_eq!(file(&format!("{server}journal_file = \"/j\"\n"), &state), Some(PathBuf::from("/j")));
        assert_eq!(file(&format!("{server}no_journal_file = true\n"), &state), None);
        assert_eq!(file(server, &[]), None);
        let both = format!("{server}journal_file = \"/j\"\nno_journal_file = true\n");
        assert_eq!(load_text(&both, &[], &[]).unwrap_err().len(), 1);
    }

    #[test]
    fn a_mail_server_that_nobody_would_use_is_told() {
        let mistakes = load_text("[mail]\nhost = \"smtp.example.org\"\n", &[], &[]).unwrap_err();
        assert!(mistakes.len() == 1 && mistakes[0].place.ends_with(":2"), "{mistakes:?}");
        let smtp = "[mail]\nhost = \"smtp.example.org\"\ntransport = \"smtp\"\n";
        assert!(load_text(smtp, &[], &[]).is_ok());
    }

    #[test]
    fn a_proxy_that_ends_tls_is_named() {
        let behind = "[server]\nlisten = \"127.0.0.1:8420\"\nbase_url = \"https://access.example.org\"\n";
        let mistakes = load_text(behind, &[], &[]).unwrap_err();
        assert!(mistakes.len() == 1 && mistakes[0].place.contains("trusted_proxies"), "{mistakes:?}");
        assert!(load_text(&format!("{behind}trusted_proxies = [\"127.0.0.1\"]\n"), &[], &[]).is_ok());
    }
}
