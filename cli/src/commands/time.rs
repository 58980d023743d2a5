//! Times as people type them, by the same rules as the form in the portal.
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use hallpass_domain::window::{Ask, parse_ask, parse_duration};

use crate::clock;
use crate::failure::Failure;

/// `90m`, `2h`, `1h30m`, `45s`; a bare number counts minutes. As text for the API, in whole seconds.
pub(super) fn length(text: &str) -> Result<String, Failure> {
    let seconds =
        parse_duration(text).map_err(|error| Failure::usage("unreadable_time", error.to_string()))?;
    if seconds <= 0 {
        return Err(Failure::usage("not_positive", "The time must be longer than zero"));
    }
    Ok(format!("{seconds}s"))
}

/// `17:30` (the next such time on this machine's clock), `2026-11-23 17:30`, or RFC 3339.
pub(super) fn end(text: &str) -> Result<DateTime<Utc>, Failure> {
    match parse_ask(&format!("until {}", text.trim()), clock::now(), clock::instant, clock::local_now()) {
        Ok(Ask::Until(end)) => Ok(end),
        Ok(Ask::Seconds(_)) => Err(Failure::usage(
            "unreadable_time",
            "--until takes an end such as 17:30; a length goes with --for",
        )),
        Err(error) => Err(Failure::usage("unreadable_time", error.to_string())),
    }
}

/// A time to look back to: `17:30` of today, `2026-11-23 17:30`, a date, or RFC 3339.
pub(super) fn past(text: &str) -> Result<DateTime<Utc>, Failure> {
    let text = text.trim();
    let today = clock::local_now().date();
    let local = [("%Y-%m-%d %H:%M"), ("%Y-%m-%dT%H:%M")]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .or_else(|| NaiveTime::parse_from_str(text, "%H:%M").ok().map(|time| today.and_time(time)))
        .or_else(|| {
            NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|date| date.and_time(NaiveTime::MIN))
        });
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|at| at.with_timezone(&Utc))
        .or_else(|| local.and_then(clock::instant))
        .ok_or_else(|| {
            Failure::usage(
                "unreadable_time",
                format!("“{text}” is not a time; write 17:30, 2026-11-23, \"2026-11-23 17:30\" or RFC 3339"),
            )
        })
}

/// How long to wait: a duration, where one was given.
pub(super) fn patience(text: Option<&str>) -> Result<Option<Duration>, Failure> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let seconds =
        parse_duration(text).map_err(|error| Failure::usage("unreadable_time", error.to_string()))?;
    u64::try_from(seconds)
        .map(|seconds| Some(Duration::from_secs(seconds)))
        .map_err(|_| Failure::usage("not_positive", "The time must not be negative"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_go_as_seconds() {
        assert_eq!(length("90m").unwrap(), "5400s");
        assert_eq!(length("90").unwrap(), "5400s");
        for bad in ["", "0m", "-5m", "x", "1.5h"] {
            assert!(length(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ends_are_instants() {
        assert_eq!(end("2026-11-23T17:30:00+01:00").unwrap().to_rfc3339(), "2026-11-23T16:30:00+00:00");
        let next = end("17:30").unwrap();
        assert!(next > clock::now() && next < clock::now() + chrono::Duration::hours(25));
        assert!(end("90m").is_err());
    }

    #[test]
    fn the_past_in_several_forms() {
        assert_eq!(past("2026-11-23T17:30:00Z").unwrap().to_rfc3339(), "2026-11-23T17:30:00+00:00");
        assert!(
            past("2026-11-23").is_ok()
                && past("2026-11-23 17:30").is_ok()
                && past("00:00").unwrap() <= clock::now()
        );
        assert!(past("yesterday").is_err());
    }

    #[test]
    fn patience_may_be_left_open() {
        assert_eq!(patience(None).unwrap(), None);
        assert_eq!(patience(Some("")).unwrap(), None);
        assert_eq!(patience(Some("10m")).unwrap(), Some(Duration::from_secs(600)));
        assert!(patience(Some("-1m")).is_err());
    }
}
