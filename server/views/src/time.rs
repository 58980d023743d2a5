//! Times as people read them: local, with the zone's abbreviation, and the distance from now second.

use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use chrono_tz::Tz;

use crate::markup::Html;
use crate::words::duration;

/// The zone and the moment that a page is made for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalTime {
    zone: Tz,
    now: DateTime<Utc>,
}

impl LocalTime {
    /// An unknown zone is UTC; every time is labelled, so nobody is misled.
    pub(crate) fn new(zone: &str, now: DateTime<Utc>) -> Self {
        Self { zone: zone.parse().unwrap_or(Tz::UTC), now }
    }

    /// `17:30 CET` today, `Tue 24 Nov, 17:30 CET` on another day, with the year in another year.
    pub(crate) fn text(&self, at: &DateTime<Utc>, seconds: bool) -> String {
        let local = at.with_timezone(&self.zone);
        let today = self.now.with_timezone(&self.zone);
        let clock = if seconds { "%H:%M:%S" } else { "%H:%M" };
        let day = if local.date_naive() == today.date_naive() {
            ""
        } else if local.year() == today.year() {
            "%a %-d %b, "
        } else {
            "%-d %b %Y, "
        };
        format!("{} {}", local.format(&format!("{day}{clock}")), self.abbreviation(at))
    }

    /// `CET`; zones without letters give `UTC+03`.
    fn abbreviation(&self, at: &DateTime<Utc>) -> String {
        let short = at.with_timezone(&self.zone).format("%Z").to_string();
        if short.starts_with(['+', '-']) { format!("UTC{short}") } else { short }
    }

    /// `in 42 min`, `3 h ago`, `now`.
    pub(crate) fn distance(&self, at: &DateTime<Utc>) -> String {
        let seconds = at.signed_duration_since(self.now).num_seconds();
        match seconds {
            -4..=4 => "now".to_owned(),
            5.. => format!("in {}", rounded(seconds)),
            _ => format!("{} ago", rounded(seconds.saturating_neg())),
        }
    }

    /// The time element: machine-readable value, local text, UTC in the title. Hour and zone stay on one line.
    pub(crate) fn element(&self, at: &DateTime<Utc>, seconds: bool) -> Html {
        let text = self.text(at, seconds);
        let (day, clock) = text.rsplit_once(", ").map_or(("", text.as_str()), |(day, clock)| (day, clock));
        let html = self.open(at, "").text(day).raw(if day.is_empty() { "" } else { ", " });
        html.raw("<span class=\"nb\">").text(clock).raw("</span></time>")
    }

    /// The time element and, after it, the distance from now, which script keeps up to date.
    pub(crate) fn element_with_distance(&self, at: &DateTime<Utc>) -> Html {
        Html::new()
            .raw(&self.element(at, false).to_string())
            .raw(" <span class=\"rel\" data-rel=\"")
            .raw(&iso(at))
            .raw("\">")
            .text(&self.distance(at))
            .raw("</span>")
    }

    /// What is left until then, as a timer that script lets tick. Assistive technology is not told each second.
    pub(crate) fn countdown(&self, at: &DateTime<Utc>) -> Html {
        let left = at.signed_duration_since(self.now).num_seconds();
        let text = if left > 0 { rounded(left) } else { "0 s".to_owned() };
        self.open(at, " role=\"timer\" data-countdown").text(&text).raw("</time>")
    }

    fn open(&self, at: &DateTime<Utc>, more: &str) -> Html {
        Html::new()
            .raw("<time datetime=\"")
            .raw(&iso(at))
            .raw("\" title=\"")
            .text(&at.format("%Y-%m-%d %H:%M:%S UTC").to_string())
            .raw("\"")
            .raw(more)
            .raw(">")
    }
}

/// RFC 3339 in UTC, with seconds.
pub(crate) fn iso(at: &DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Drops what does not matter at that distance: seconds over five minutes, minutes over a day, hours over two days.
fn rounded(seconds: i64) -> String {
    let step = match seconds {
        0..300 => 1,
        300..86_400 => 60,
        86_400..172_800 => 3_600,
        _ => 86_400,
    };
    duration(seconds - seconds % step)
}

#[cfg(test)]
mod tests {
    use super::LocalTime;
    use chrono::{DateTime, TimeDelta, TimeZone, Utc};

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 23, 15, 0, 0).unwrap()
    }

    #[test]
    fn the_day_is_named_unless_it_is_today() {
        let madrid = LocalTime::new("Europe/Madrid", now());
        assert_eq!(madrid.text(&(now() + TimeDelta::minutes(90)), false), "17:30 CET");
        assert_eq!(madrid.text(&(now() + TimeDelta::hours(9)), false), "Tue 24 Nov, 01:00 CET");
        assert_eq!(madrid.text(&(now() - TimeDelta::days(400)), true), "19 Oct 2025, 17:00:00 CEST");
    }

    #[test]
    fn a_zone_without_letters_or_without_a_name_is_labelled_still() {
        assert_eq!(LocalTime::new("America/Sao_Paulo", now()).text(&now(), false), "12:00 UTC-03");
        assert_eq!(LocalTime::new("Mars/Olympus", now()).text(&now(), false), "15:00 UTC");
    }

    #[test]
    fn the_distance_is_rounded_and_has_a_direction() {
        let utc = LocalTime::new("UTC", now());
        assert_eq!(utc.distance(&(now() + TimeDelta::seconds(2_545))), "in 42 min");
        assert_eq!(utc.distance(&(now() - TimeDelta::seconds(90))), "90 s ago".replace("90 s", "1 min 30 s"));
        assert_eq!(utc.distance(&now()), "now");
    }

    #[test]
    fn a_countdown_never_goes_below_zero() {
        let html = LocalTime::new("UTC", now()).countdown(&(now() - TimeDelta::minutes(5))).to_string();
        assert!(html.contains(">0 s</time>"), "{html}");
    }
}
