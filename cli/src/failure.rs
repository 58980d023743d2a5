//! How a command fails: one sentence, what to do, and an exit code that means the same everywhere.
use hallpass_client::Error;
use serde_json::{Value, json};

use crate::out::safe;

/// Exit codes. `help exit-codes` explains them to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Ok = 0,
    /// Failed.
    Failed = 1,
    /// The command line, a setting or a value is wrong.
    Usage = 2,
    /// A question was answered with no.
    Cancelled = 3,
    /// Not signed in, or not strongly enough.
    SignIn = 4,
    /// Denied, or forbidden by policy.
    Denied = 5,
    /// Ended without a decision, or over: lapsed, withdrawn, expired, revoked.
    Over = 6,
    /// Not found, or not eligible.
    NotFound = 7,
    /// Still pending, or the wait timed out.
    Pending = 8,
    /// The target failed to provision.
    Target = 9,
    /// The server cannot be reached or is overloaded: try again.
    Unreachable = 10,
    /// `run`: the grant ended and the child was stopped.
    GrantEnded = 124,
    /// `run`: failed itself, before or beside the child.
    Own = 125,
    /// `run`: the command cannot be executed.
    CannotExec = 126,
    /// `run`: there is no such command.
    NoCommand = 127,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// The number.
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }
}

/// Why a command did not do what was asked. Boxed: every step carries the possibility of one.
#[derive(Clone, Debug)]
pub(crate) struct Failure(Box<Parts>);

impl std::ops::Deref for Failure {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}
impl std::ops::DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut Parts {
        &mut self.0
    }
}

/// What a failure says.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    /// Exit code.
    pub(crate) exit: Exit,
    /// Stable word: the server's problem code, or one of ours.
    pub(crate) code: String,
    /// What happened, in a sentence.
    pub(crate) message: String,
    /// What to do.
    pub(crate) next: Option<String>,
    /// The same command may succeed later.
    pub(crate) retryable: bool,
    /// Id of the HTTP request.
    pub(crate) request_id: Option<String>,
    /// More for programs.
    pub(crate) details: Option<Value>,
}

impl Failure {
    /// A failure with nothing more to say.
    pub(crate) fn new(exit: Exit, code: &str, message: impl Into<String>) -> Self {
        let retryable = matches!(exit, Exit::Unreachable | Exit::Pending | Exit::Target);
        let message = message.into();
        Self(Box::new(Parts {
            exit,
            code: code.to_owned(),
            message,
            next: None,
            retryable,
            request_id: None,
            details: None,
        }))
    }
    /// Wrong use.
    pub(crate) fn usage(code: &str, message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, code, message)
    }
    /// Something on this machine failed.
    pub(crate) fn local(what: &str, error: &std::io::Error) -> Self {
        Self::new(Exit::Failed, "local", format!("{what}: {error}."))
    }
    /// Adds what to do.
    #[must_use]
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// What stderr shows: the sentence, what to do, the request id; with `json` also one line of JSON, the last one.
    pub(crate) fn render(&self, json: bool) -> String {
        let mut out = format!("hallpass: {}\n", safe::lines(&sentence(&self.message)));
        if let Some(next) = &self.next {
            out.push_str(&format!("  Next: {}\n", safe::lines(next)));
        }
        if let Some(id) = &self.request_id {
            out.push_str(&format!("  Request id: {}\n", safe::line(id)));
        }
        if json {
            let mut value = json!({
                "version": 1, "code": self.code, "message": self.message, "next": self.next,
                "retryable": self.retryable, "request_id": self.request_id, "exit": self.exit.code(),
            });
            if let (Some(details), Some(members)) = (&self.details, value.as_object_mut()) {
                members.insert("details".to_owned(), details.clone());
            }
            out.push_str(&safe::json(&value.to_string()));
            out.push('\n');
        }
        out
    }
}

/// A capital and a full stop, whatever the server wrote. The name of a file stays as it is.
fn sentence(text: &str) -> String {
    let text = text.trim();
    let first = text.split_whitespace().next().unwrap_or_default();
    let is_name = first.trim_end_matches(['.', ',', ':', ';']).contains(['.', '/', '_', '-', '=']);
    let mut chars = text.chars();
    let capital = chars.next().filter(|_| !is_name).map(|c| c.to_uppercase().collect::<String>());
    let mut out = capital.map_or_else(|| text.to_owned(), |capital| capital + chars.as_str());
    if !out.ends_with(['.', '!', '?', '”']) {
        out.push('.');
    }
    out
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = exit_of(&error);
        let mut failure = Self::new(exit, error.code(), error.to_string());
        failure.retryable = error.is_retryable();
        failure.request_id = error.request_id().map(str::to_owned);
        failure.next = next_for(&error, exit);
        if let Error::Problem { problem, .. } = &error {
            if !problem.errors.is_empty() {
                for mistake in &problem.errors {
                    let line = mistake.line.map(|line| format!("line {line}: ")).unwrap_or_default();
                    failure.message.push_str(&format!("\n  {line}{}", safe::line(&mistake.message)));
                }
                failure.details = serde_json::to_value(&problem.errors).ok();
            } else if let Some(field) = &problem.field {
                failure.details = Some(json!({ "field": field }));
            }
        }
        failure
    }
}

/// The exit code of an answer: by its code, else by its status.
fn exit_of(error: &Error) -> Exit {
    match error {
        Error::Setting(_) => return Exit::Usage,
        Error::Unreachable { .. } => return Exit::Unreachable,
        Error::Oauth { error, .. } => match (error.error.as_str(), &error.request_uri) {
            ("invalid_scope", Some(uri)) if uri.contains("/requests/") => return Exit::Pending,
            ("invalid_scope", _) => return Exit::NotFound,
            ("invalid_client" | "invalid_grant", _) => return Exit::SignIn,
            ("access_denied" | "unauthorized_client", _) => return Exit::Denied,
            ("expired_token", _) => return Exit::Over,
            ("temporarily_unavailable", _) => return Exit::Unreachable,
            _ => {}
        },
        Error::Problem { problem, .. } => match problem.code.as_str() {
            "not_eligible" | "unknown_role" => return Exit::NotFound,
            "nobody_can_approve" => return Exit::Denied,
            "not_active" => return Exit::Over,
            "target_refused" | "target_unavailable" | "login_does_not_work" => return Exit::Target,
            _ => {}
        },
        Error::Strange { .. } => {}
    }
    match error.status().unwrap_or_default() {
        400 | 413 | 415 | 422 => Exit::Usage,
        401 => Exit::SignIn,
        403 => Exit::Denied,
        404 | 410 => Exit::NotFound,
        408 | 429 | 502..=504 => Exit::Unreachable,
        _ => Exit::Failed,
    }
}

fn next_for(error: &Error, exit: Exit) -> Option<String> {
    let text = match (error.code(), exit) {
        ("step_up_required", _) => "decide in the portal, with your second factor",
        ("digest_changed" | "conflict", _) => "hallpass show REFERENCE, then decide again",
        ("not_signed_in" | "invalid_token", _) => "hallpass login",
        ("invalid_client", _) => "check HALLPASS_CLIENT_ID and the file in HALLPASS_CLIENT_SECRET_FILE",
        ("not_eligible" | "unknown_role", _) => "hallpass roles",
        ("invalid_scope", Exit::Pending) => "hallpass list --state pending",
        ("invalid_scope", _) => "hallpass request ROLE --reason … --wait",
        ("not_active", _) => "hallpass active",
        ("unreachable", _) if error.to_string().contains("peer certificate") => {
            "where it is the right server: HALLPASS_CA_FILE names the file with the authority of its certificate"
        }
        ("strange_answer", _) => "check the address (--server or HALLPASS_SERVER)",
        (_, Exit::SignIn) => "hallpass login",
        (_, Exit::Unreachable) => {
            return Some(match error.retry_after() {
                Some(seconds) => format!("try again in {seconds} s"),
                None => "try again; HALLPASS_DEBUG=1 shows each call".to_owned(),
            });
        }
        (_, Exit::Target) => "try again in a minute; the people who answer for the target are told",
        _ => return None,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hallpass_client::wire::Problem;
    use hallpass_client::wire::oauth::OauthError;

    fn problem(status: u16, code: &str) -> Failure {
        let problem = Problem {
            kind: String::new(),
            title: String::new(),
            status,
            detail: "this \u{1b}[31mfailed".to_owned(),
            instance: String::new(),
            code: code.to_owned(),
            field: None,
            request_id: "01J".to_owned(),
            id: None,
            errors: Vec::new(),
        };
        Failure::from(Error::Problem { problem: Box::new(problem), retry_after: None })
    }

    #[test]
    fn sentences_begin_with_a_capital_and_names_stay() {
        assert_eq!(sentence("that is wrong"), "That is wrong.");
        assert_eq!(sentence("log.vkey cannot be read"), "log.vkey cannot be read.");
        assert_eq!(sentence("keys/a cannot be read."), "keys/a cannot be read.");
        assert_eq!(sentence(""), ".");
    }

    #[test]
    fn answers_become_exit_codes() {
        for (status, code, exit) in [
            (401, "invalid_token", 4),
            (401, "step_up_required", 4),
            (403, "own_request", 5),
            (404, "not_found", 7),
            (404, "not_eligible", 7),
            (422, "unknown_role", 7),
            (422, "too_long", 2),
            (409, "conflict", 1),
            (409, "not_active", 6),
            (429, "throttled", 10),
            (500, "internal", 1),
            (502, "target_refused", 9),
            (502, "login_does_not_work", 9),
            (503, "target_unavailable", 9),
            (503, "overloaded", 10),
            (418, "from_the_future", 1),
            (403, "from_the_future", 5),
        ] {
            assert_eq!(problem(status, code).exit.code(), exit, "{code}");
        }
        let oauth = |error: &str, uri: Option<&str>| {
            let error = OauthError {
                error: error.to_owned(),
                error_description: None,
                request_uri: uri.map(str::to_owned),
            };
            Failure::from(Error::Oauth {
                status: 400,
                error: Box::new(error),
                request_id: None,
                retry_after: None,
            })
            .exit
        };
        assert_eq!(oauth("invalid_scope", Some("https://x/api/v1/requests/R-1")), Exit::Pending);
        assert_eq!(oauth("invalid_scope", Some("https://x/api/v1/requests")), Exit::NotFound);
        assert_eq!(oauth("access_denied", None), Exit::Denied);
    }

    #[test]
    fn what_is_said_is_a_sentence_without_control_characters() {
        let text = problem(401, "invalid_token").render(true);
        assert!(
            text.starts_with("hallpass: This [31mfailed.\n  Next: hallpass login\n  Request id: 01J\n{"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'));
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(
            (last["code"].as_str(), last["exit"].as_u64(), last["version"].as_u64()),
            (Some("invalid_token"), Some(4), Some(1))
        );
    }
}
