//! Lengths and ends as people type them.
use chrono::{DateTime, TimeDelta, Utc};
use hallpass_domain::window::{self, Ask};
use proptest::prelude::*;

use crate::texts::{check, wild};

const GOOD: [&str; 12] = [
    "90m",
    "1h30m",
    "PT90M",
    "90",
    "2 hours",
    "3d",
    "until 17:30",
    "till 2026-11-23 17:30",
    "2026-11-23T18:00:00Z",
    "until 2026-11-23T18:00:00+02:00",
    "9223372036854775807s",
    "999999999999d",
];

#[test]
fn no_length_breaks_or_is_negative() {
    check(8_000, wild(&GOOD), |raw| {
        if let Ok(seconds) = window::parse_duration(&raw) {
            assert!(seconds >= 0, "{raw:?}");
            let _ = window::describe_seconds(seconds);
        }
    });
}

#[test]
fn lengths_are_what_their_parts_are() {
    check(3_000, (0i64..400, 0i64..100, 0i64..100, 0i64..100), |(d, h, m, s)| {
        let seconds = ((d * 24 + h) * 60 + m) * 60 + s;
        for text in [
            format!("{d}d{h}h{m}m{s}s"),
            format!(" {d} days {h} Hours {m}min {s} SEC"),
            format!("pt{seconds}s"),
        ] {
            assert_eq!(window::parse_duration(&text), Ok(seconds), "{text}");
        }
        // What people are told reads back, to the two units that they are told.
        let told = window::describe_seconds(seconds);
        let read = window::parse_duration(&told).unwrap();
        let exact = told.split(' ').count() < 4;
        assert!(
            read <= seconds && seconds - read < 86_400 && (!exact || read == seconds || d > 0),
            "{seconds}: {told}"
        );
    });
}

#[test]
fn no_end_breaks_whatever_the_clock_and_the_zone() {
    let times = (-200_000_000_000i64..250_000_000_000)
        .prop_map(|s| DateTime::<Utc>::from_timestamp(s, 0).unwrap_or_default());
    check(6_000, (wild(&GOOD), times, any::<bool>()), |(raw, now, gap)| {
        // In the gap of a change to summer time, and beyond what a calendar holds, there is no such time.
        let zone = |local: chrono::NaiveDateTime| (!gap).then(|| local.and_utc());
        let ask = window::parse_ask(&raw, now, zone, now.naive_utc());
        match &ask {
            Ok(Ask::Until(end)) => assert_eq!(window::truncate(*end), *end, "as the databases keep it"),
            Ok(Ask::Seconds(seconds)) => assert!(*seconds >= 0),
            Err(error) => assert!(!error.to_string().contains(|c: char| c.is_control()), "{error:?}"),
        }
        if let Ok(ask) = ask {
            let _ = ask.describe();
        }
    });
}

#[test]
fn an_end_is_never_later_than_any_cap() {
    let seconds = prop_oneof![any::<i64>(), 0i64..100_000];
    let caps = proptest::collection::vec(prop_oneof![any::<i64>(), 1i64..100_000], 0..4);
    let now: DateTime<Utc> = "2026-11-23T16:00:00Z".parse().unwrap();
    check(6_000, (seconds, caps, any::<bool>()), |(asked, caps, fixed)| {
        let end =
            now.checked_add_signed(TimeDelta::try_seconds(asked % 10_000_000_000).unwrap()).unwrap_or(now);
        let ask = if fixed { Ask::Until(end) } else { Ask::Seconds(asked) };
        let Some(ends) = ask.end_if_approved(now, caps.iter().copied()) else { return };
        assert!(ends > now);
        assert!(caps.iter().all(|cap| (ends - now).num_seconds() <= *cap), "{ask:?} {caps:?}: {ends}");
        assert!(if fixed { ends <= end } else { (ends - now).num_seconds() <= asked });
    });
}
