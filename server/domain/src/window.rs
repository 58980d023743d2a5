//! Durations, ends, and how long an approved window really is.
use chrono::{Duration, NaiveTime, TimeZone as _};
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// How long access is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum Ask {
    /// So many seconds from the final approval.
    Seconds(i64),
    /// To a fixed end: a late approval shortens it, too late lapses it.
    Until(Timestamp),
}

/// Why an asked time was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// Not understood.
    #[error("“{0}” is not a time; write a duration such as 90m, 2h or 1h30m, or an end such as until 17:30")]
    Unreadable(String),
    /// Zero or negative.
    #[error("the time must be longer than zero")]
    NotPositive,
    /// An end that has passed.
    #[error("the end {0} has already passed")]
    EndInPast(String),
    /// Longer than the role allows.
    #[error("this role gives at most {0}; ask for less")]
    TooLong(String),
}

impl Ask {
    /// Checks the ask against the role's longest duration (seconds) at `now`.
    pub fn check(self, max_seconds: i64, now: Timestamp) -> Result<(), WindowError> {
        if let Self::Until(end) = self
            && end <= now
        {
            return Err(WindowError::EndInPast(end.format("%Y-%m-%d %H:%M UTC").to_string()));
        }
        let seconds = self.seconds_from(now);
        if seconds <= 0 {
            return Err(WindowError::NotPositive);
        }
        if seconds > max_seconds {
            return Err(WindowError::TooLong(describe_seconds(max_seconds)));
        }
        Ok(())
    }

    /// Seconds that it gives where the last approval comes at `at`; negative where its end has passed.
    pub fn seconds_from(self, at: Timestamp) -> i64 {
        match self {
            Self::Seconds(s) => s,
            Self::Until(end) => (end - at).num_seconds(),
        }
    }

    /// The end if the last approval came at `now`, after all approvers' caps (seconds); `None` where it would be empty.
    pub fn end_if_approved(self, now: Timestamp, caps: impl IntoIterator<Item = i64>) -> Option<Timestamp> {
        let mut end = match self {
            Self::Seconds(s) => now.checked_add_signed(Duration::try_seconds(s)?)?,
            Self::Until(end) => end,
        };
        for cap in caps {
            end = end.min(now.checked_add_signed(Duration::try_seconds(cap)?)?);
        }
        (end > now).then_some(end)
    }

    /// `2 h` or `until 2026-11-23 17:30 UTC`.
    pub fn describe(self) -> String {
        match self {
            Self::Seconds(s) => describe_seconds(s),
            Self::Until(end) => format!("until {}", end.format("%Y-%m-%d %H:%M UTC")),
        }
    }
}

/// `45 s`, `90 min`, `2 h`, `1 h 30 min`, `3 d` for people. Zero and negative give `0 s`.
pub fn describe_seconds(seconds: i64) -> String {
    let parts = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    // Up to two hours people say "90 min", above it "2 h 30 min".
    if (60..7_200).contains(&seconds) && seconds % 60 == 0 && seconds != 3_600 {
        return format!("{} min", seconds / 60);
    }
    let mut left = seconds.max(0);
    let mut words = Vec::new();
    for (size, unit) in parts {
        if left >= size {
            words.push(format!("{} {unit}", left / size));
            left %= size;
        }
    }
    if words.is_empty() { "0 s".to_owned() } else { words.into_iter().take(2).collect::<Vec<_>>().join(" ") }
}

/// Reads `90m`, `2h`, `1h30m`, `45s`, `1d`, `90` (minutes), `PT90M` as seconds.
pub fn parse_duration(raw: &str) -> Result<i64, WindowError> {
    let unreadable = || WindowError::Unreadable(crate::text::clean_line(raw).chars().take(40).collect());
    let text: String = raw.trim().to_ascii_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    let text = text.strip_prefix("for").unwrap_or(&text);
    let text = text.strip_prefix("pt").unwrap_or(text);
    if text.starts_with('-') {
        return Err(WindowError::NotPositive);
    }
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) {
        return text.parse::<i64>().ok().and_then(|m| m.checked_mul(60)).ok_or_else(unreadable);
    }
    let (mut total, mut digits, mut unit) = (0i64, String::new(), String::new());
    let mut flush = |digits: &mut String, unit: &mut String| -> Result<(), WindowError> {
        let size = match unit.as_str() {
            "s" | "sec" | "secs" | "second" | "seconds" => 1,
            "m" | "min" | "mins" | "minute" | "minutes" => 60,
            "h" | "hr" | "hour" | "hours" => 3_600,
            "d" | "day" | "days" => 86_400,
            _ => return Err(unreadable()),
        };
        let n: i64 = digits.parse().map_err(|_| unreadable())?;
        total = n.checked_mul(size).and_then(|n| total.checked_add(n)).ok_or_else(unreadable)?;
        digits.clear();
        unit.clear();
        Ok(())
    };
    for c in text.chars() {
        if c.is_ascii_digit() {
            if !unit.is_empty() {
                flush(&mut digits, &mut unit)?;
            }
            digits.push(c);
        } else if c.is_ascii_alphabetic() && !digits.is_empty() {
            unit.push(c);
        } else {
            return Err(unreadable());
        }
    }
    flush(&mut digits, &mut unit)?;
    Ok(total)
}

/// Reads what people type for a time: a duration, `until 17:30` (next such time in `zone_offset` seconds east of UTC), or an RFC 3339 end.
pub fn parse_ask(
    raw: &str,
    now: Timestamp,
    zone: impl Fn(chrono::NaiveDateTime) -> Option<Timestamp>,
    local_now: chrono::NaiveDateTime,
) -> Result<Ask, WindowError> {
    let text = raw.trim();
    let unreadable = || WindowError::Unreadable(crate::text::clean_line(raw).chars().take(40).collect());
    let (end_wanted, rest) = match text.strip_prefix("until").or_else(|| text.strip_prefix("till")) {
        Some(rest) => (true, rest.trim()),
        None => (false, text),
    };
    if let Ok(end) = chrono::DateTime::parse_from_rfc3339(rest) {
        let end = end.with_timezone(&chrono::Utc);
        return Ok(Ask::Until(truncate(end)));
    }
    for form in ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"] {
        if let Ok(local) = chrono::NaiveDateTime::parse_from_str(rest, form) {
            return zone(local).map(Ask::Until).ok_or_else(unreadable);
        }
    }
    if let Ok(time) = NaiveTime::parse_from_str(rest, "%H:%M") {
        // The next time that the clock on the wall says so; tomorrow where it has passed today.
        let today = zone(local_now.date().and_time(time));
        let tomorrow = local_now.date().succ_opt().and_then(|d| zone(d.and_time(time)));
        return today.filter(|t| *t > now).or(tomorrow).map(Ask::Until).ok_or_else(unreadable);
    }
    if end_wanted { Err(unreadable()) } else { parse_duration(rest).map(Ask::Seconds) }
}

/// Cuts to microseconds, the precision both databases keep.
pub fn truncate(at: Timestamp) -> Timestamp {
    chrono::Utc.timestamp_micros(at.timestamp_micros()).single().unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn durations_as_people_write_them() {
        for (text, seconds) in [
            ("90m", 5400),
            ("2h", 7200),
            ("1h30m", 5400),
            ("45s", 45),
            ("1d", 86_400),
            ("90", 5400),
            ("PT2H", 7200),
            ("2 hours", 7200),
            ("0m", 0),
        ] {
            assert_eq!(parse_duration(text).unwrap(), seconds, "{text}");
        }
        for bad in ["", "m", "1x", "1h30", "9999999999999999999h", "1.5h", "😀"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_duration("-5m"), Err(WindowError::NotPositive));
    }

    #[test]
    fn until_is_the_next_such_time() {
        let now = at("2026-11-23T16:00:00Z");
        let utc = |n: chrono::NaiveDateTime| Some(n.and_utc());
        let ask = |t| parse_ask(t, now, utc, now.naive_utc());
        assert_eq!(ask("until 17:30"), Ok(Ask::Until(at("2026-11-23T17:30:00Z"))));
        assert_eq!(ask("until 15:30"), Ok(Ask::Until(at("2026-11-24T15:30:00Z"))));
        assert_eq!(ask("90m"), Ok(Ask::Seconds(5400)));
        assert_eq!(ask("2026-11-23T18:00:00Z"), Ok(Ask::Until(at("2026-11-23T18:00:00Z"))));
        assert!(ask("until 90m").is_err());
    }

    #[test]
    fn the_end_is_the_least_of_all_caps() {
        let now = at("2026-11-23T16:00:00Z");
        assert_eq!(Ask::Seconds(7200).end_if_approved(now, [3600, 5400]), Some(at("2026-11-23T17:00:00Z")));
        assert_eq!(
            Ask::Until(at("2026-11-23T16:30:00Z")).end_if_approved(now, [3600]),
            Some(at("2026-11-23T16:30:00Z"))
        );
        assert_eq!(Ask::Until(at("2026-11-23T16:00:00Z")).end_if_approved(now, []), None, "too late lapses");
    }

    #[test]
    fn words_for_seconds() {
        for (s, words) in [
            (45, "45 s"),
            (120, "2 min"),
            (5400, "90 min"),
            (3600, "1 h"),
            (7200, "2 h"),
            (9000, "2 h 30 min"),
            (86_400, "1 d"),
            (0, "0 s"),
            (-3, "0 s"),
        ] {
            assert_eq!(describe_seconds(s), words);
        }
    }
}
