//! The only place where the command reads the wall clock, and how it shows times.
use chrono::{DateTime, Local, Utc};
use hallpass_domain::window::describe_seconds;

/// Now, on this machine. What counts is decided by the server's clock; this one only says "in 25 min".
#[allow(
    clippy::disallowed_methods,
    reason = "the command has no database to take its time from; nothing is decided by this"
)]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// `17:30 +01:00`, with the date where that is not today.
pub(crate) fn at(time: DateTime<Utc>) -> String {
    let (local, today) = (time.with_timezone(&Local), now().with_timezone(&Local).date_naive());
    let form = if local.date_naive() == today { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    let zone = if local.offset().local_minus_utc() == 0 {
        "UTC".to_owned()
    } else {
        local.format("%:z").to_string()
    };
    format!("{} {zone}", local.format(form))
}

/// `17:30 +01:00 (in 25 min)`, or how long ago.
pub(crate) fn at_and_left(time: DateTime<Utc>) -> String {
    format!("{} ({})", at(time), relative((time - now()).num_seconds()))
}

/// `in 25 min`, `5 min ago`, `now`.
fn relative(seconds: i64) -> String {
    // Minutes are enough above two of them, so that "1 h 59 min" does not read "1 h 59 min 58 s".
    let rounded = if seconds.abs() > 120 { seconds / 60 * 60 } else { seconds };
    match rounded {
        0 => "now".to_owned(),
        s if s > 0 => format!("in {}", describe_seconds(s)),
        s => format!("{} ago", describe_seconds(-s)),
    }
}

/// The instant of a local time; none in the gap of a change to summer time.
pub(crate) fn instant(local: chrono::NaiveDateTime) -> Option<DateTime<Utc>> {
    local.and_local_timezone(Local).earliest().map(|time| time.with_timezone(&Utc))
}

/// The local time of now.
pub(crate) fn local_now() -> chrono::NaiveDateTime {
    now().with_timezone(&Local).naive_local()
}

#[cfg(test)]
mod tests {
    use super::relative;

    #[test]
    fn relative_times_are_short() {
        for (seconds, text) in
            [(0, "now"), (45, "in 45 s"), (1510, "in 25 min"), (-300, "5 min ago"), (7199, "in 119 min")]
        {
            assert_eq!(relative(seconds), text);
        }
    }
}
