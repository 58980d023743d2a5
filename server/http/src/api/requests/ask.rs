//! The mistakes that one can make in asking, each with the code of `docs/api.md`; the use case checks all of it again.
use hallpass_broker::Caller;
use hallpass_broker::requests::submit::AskForm;
use hallpass_client::wire::requests::NewRequest;
use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::request::submit::sentence;
use hallpass_domain::role::Role;
use hallpass_domain::scope::Scope;
use hallpass_domain::text::{LONGEST_REASON, LONGEST_TICKET, clean_line, clean_multiline};
use hallpass_domain::window::{Ask, WindowError, parse_duration};

use crate::api::roles::{is_visible, why_not};
use crate::problem::Problem;
use actix_web::http::StatusCode;

/// A time that cannot be asked for, about the member `field`.
pub fn time_problem(error: &WindowError, field: &'static str) -> Problem {
    let code = match error {
        WindowError::Unreadable(_) => "unreadable_time",
        WindowError::NotPositive => "not_positive",
        WindowError::EndInPast(_) => "end_in_past",
        WindowError::TooLong(_) => "too_long",
    };
    Problem::wrong(code, field, sentence(&error.to_string()))
}

/// Text of people: there, and not too long.
///
/// # Errors
/// 422 `missing`, `too_long_text`.
pub fn text_problem(field: &'static str, text: &str, longest: usize, needed: bool) -> Result<(), Problem> {
    let count = clean_multiline(text).chars().count();
    if needed && count == 0 {
        return Err(Problem::wrong(
            "missing",
            field,
            format!("Say in “{field}” what it is for; other people read it."),
        ));
    }
    if count > longest {
        return Err(Problem::wrong(
            "too_long_text",
            field,
            format!("“{field}” is longer than {longest} characters."),
        ));
    }
    Ok(())
}

/// The role that is asked for, if this caller may ask for it.
///
/// # Errors
/// 422 `unknown_role` with near names, 404 `not_eligible` for one that the caller may see and not have.
pub fn role<'c>(catalogue: &'c Catalogue, caller: &Caller, name: &str) -> Result<&'c Role, Problem> {
    match catalogue.role_named(name).filter(|r| is_visible(catalogue, caller, r)) {
        Some(role) if catalogue.is_eligible(role, caller.principal()) => Ok(role),
        Some(role) => Err(Problem {
            field: Some("role".into()),
            ..Problem::new(StatusCode::NOT_FOUND, "not_eligible", why_not(catalogue, role))
        }),
        None => Err(Problem::wrong("unknown_role", "role", unknown(catalogue, caller, name))),
    }
}

fn unknown(catalogue: &Catalogue, caller: &Caller, name: &str) -> String {
    let mine = catalogue.roles.values().filter(|r| catalogue.is_eligible(r, caller.principal()));
    let mut near: Vec<(usize, &str)> = mine
        .map(|r| (distance(name, r.name.as_str()), r.name.as_str()))
        .filter(|(d, _)| *d <= 2.max(name.len() / 3))
        .collect();
    near.sort_unstable();
    let near: Vec<&str> = near.into_iter().take(3).map(|(_, n)| n).collect();
    let shown: String = clean_line(name).chars().take(63).collect();
    let hint = if near.is_empty() {
        "The list of roles has those that you may ask for.".to_owned()
    } else {
        format!("Did you mean {}?", near.join(" or "))
    };
    format!("There is no role “{shown}” that you may ask for. {hint}")
}

/// Edits between two names (Levenshtein), over bytes; names are short.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<u8> = b.bytes().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().take(64).enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(i + 1);
        for (pair, y) in row.windows(2).zip(&b) {
            let [diagonal, above] = pair else { continue };
            let left = next.last().copied().unwrap_or(0);
            next.push((diagonal + usize::from(x != *y)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// Reads an ask: the first mistake with its own code, or the form for the use case.
///
/// # Errors
/// 422, 404 `not_eligible`.
pub fn read(
    catalogue: &Catalogue,
    caller: &Caller,
    asked: &NewRequest,
    now: Timestamp,
) -> Result<AskForm, Problem> {
    let role = role(catalogue, caller, &asked.role)?;
    let (ask, field) = match (&asked.length, asked.until) {
        (Some(_), Some(_)) => {
            return Err(Problem::wrong("two_ends", "until", "Give “for” or “until”, not both."));
        }
        (Some(length), None) => {
            (Ask::Seconds(parse_duration(length).map_err(|e| time_problem(&e, "for"))?), "for")
        }
        (None, Some(end)) => (Ask::Until(hallpass_domain::window::truncate(end)), "until"),
        (None, None) => (Ask::Seconds(role.usual_seconds), "for"),
    };
    ask.check(role.max_seconds, now).map_err(|e| time_problem(&e, field))?;
    let scope = Scope(
        asked.scope.iter().map(|(name, values)| (name.clone(), values.iter().cloned().collect())).collect(),
    );
    let scope = with_defaults(&scope, role);
    scope
        .check(&role.scope_schema)
        .map_err(|e| Problem::wrong("scope", "scope", sentence(&e.to_string())))?;
    text_problem("reason", &asked.reason, LONGEST_REASON, true)?;
    text_problem("ticket", asked.ticket.as_deref().unwrap_or_default(), LONGEST_TICKET, false)?;
    let time = match ask {
        Ask::Seconds(seconds) => format!("{seconds}s"),
        Ask::Until(end) => end.to_rfc3339(),
    };
    Ok(AskForm {
        role: role.name.to_string(),
        time,
        scope,
        reason: asked.reason.clone(),
        ticket: asked.ticket.clone().unwrap_or_default(),
    })
}

/// What is asked for, and the default of each parameter that was left out.
pub fn with_defaults(asked: &Scope, role: &Role) -> Scope {
    let mut all = Scope::defaults(&role.scope_schema);
    all.0.extend(asked.0.iter().map(|(name, values)| (name.clone(), values.clone())));
    all.0.retain(|_, values| !values.is_empty());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names() {
        for (a, b, d) in [
            ("db-read", "db-read", 0),
            ("db-raed", "db-read", 2),
            ("dbread", "db-read", 1),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), d, "{a} {b}");
        }
    }

    #[test]
    fn texts_have_their_codes() {
        assert_eq!(&*text_problem("reason", " \u{200b}\n", 500, true).unwrap_err().code, "missing");
        assert_eq!(&*text_problem("reason", &"x".repeat(501), 500, true).unwrap_err().code, "too_long_text");
        assert!(text_problem("ticket", "", 100, false).is_ok());
    }

    #[test]
    fn times_have_their_codes() {
        let code = |text: &str| time_problem(&parse_duration(text).unwrap_err(), "for").code.to_string();
        assert_eq!(code("soon"), "unreadable_time");
        assert_eq!(code("-5m"), "not_positive");
    }
}
