//! From the domain's words to what people read: label, icon and tone of each state, tiers, and lengths of time.

use crate::markup::Html;

/// How a state is shown: label, icon of the sprite, and tone (a CSS class). Never by colour alone.
struct Look(&'static str, &'static str, &'static str);

/// Finds the look of a state. An unknown word is shown as it is, in the plain tone.
fn look(state: &str) -> Option<Look> {
    Some(match state {
        // requests, and the stages of their workflow
        "pending" => Look("Pending", "clock", "wait"),
        "approved" => Look("Approved", "check", "good"),
        "denied" => Look("Denied", "cross", "bad"),
        "withdrawn" => Look("Withdrawn", "undo", "plain"),
        "lapsed" => Look("Lapsed", "hourglass", "plain"),
        "open" => Look("Open", "clock", "wait"),
        "waiting" => Look("Waiting", "dots", "plain"),
        "closed" => Look("Closed", "stop", "plain"),
        "approve" => Look("Approved", "check", "good"),
        "deny" => Look("Denied", "cross", "bad"),
        // grants
        "scheduled" => Look("Scheduled", "calendar", "info"),
        "active" => Look("Active", "live", "good"),
        "ending" => Look("Ending", "hourglass", "wait"),
        "ended" => Look("Ended", "stop", "plain"),
        "expired" => Look("Expired", "stop", "plain"),
        "released" => Look("Ended by holder", "stop", "plain"),
        // credentials
        "intended" => Look("Being made", "dots", "wait"),
        "live" => Look("Live", "live", "good"),
        "revoking" => Look("Revoking", "hourglass", "wait"),
        "revoked" => Look("Revoked", "shield", "plain"),
        // does it work, and what is left
        "works" => Look("Works", "check", "good"),
        "not_issued" => Look("Nothing live", "dots", "plain"),
        "checking" => Look("Checking", "clock", "wait"),
        "unknown_account" => Look("Unknown to us", "alert", "bad"),
        "reappeared" => Look("There again", "alert", "bad"),
        "changed" => Look("Changed", "alert", "wait"),
        "missing" => Look("Missing", "alert", "wait"),
        "fails" => Look("Does not work", "alert", "bad"),
        "not_started" => Look("Not started", "calendar", "info"),
        "nothing" => Look("Nothing there", "dots", "plain"),
        "gone" => Look("Verified gone", "shield", "good"),
        // the catalogue
        "eligible" => Look("You may ask", "check", "info"),
        "not_eligible" => Look("Not eligible", "lock", "plain"),
        // mail
        "queued" => Look("Queued", "clock", "wait"),
        "sent" => Look("Sent", "check", "good"),
        "retrying" => Look("Retrying", "refresh", "wait"),
        "failed" => Look("Failed", "alert", "bad"),
        // reconcilers, targets, people
        "ok" => Look("In order", "check", "good"),
        "working" => Look("Working", "refresh", "info"),
        "late" => Look("Late", "hourglass", "wait"),
        "failing" => Look("Failing", "alert", "bad"),
        "reachable" | "up" => Look("Reachable", "check", "good"),
        "unreachable" | "down" => Look("Unreachable", "alert", "bad"),
        "observing" => Look("Observe only", "eye", "wait"),
        "enabled" => Look("Enabled", "check", "good"),
        "disabled" => Look("Disabled", "stop", "plain"),
        "unknown" => Look("Not known yet", "dots", "plain"),
        _ => return None,
    })
}

/// The label of a state, for running text.
pub(crate) fn label(state: &str) -> String {
    look(state).map_or_else(|| state.replace('_', " "), |Look(label, _, _)| label.to_owned())
}

/// The tone of a state: `good`, `info`, `wait`, `bad` or `plain`.
pub(crate) fn tone(state: &str) -> &'static str {
    look(state).map_or("plain", |Look(_, _, tone)| tone)
}

/// A chip: icon and label in the tone of the state.
pub(crate) fn chip(state: &str) -> Html {
    let Look(_, symbol, tone) = look(state).unwrap_or(Look("", "dots", "plain"));
    Html::new()
        .raw("<span class=\"chip ")
        .raw(tone)
        .raw("\">")
        .raw(&icon(symbol).to_string())
        .text(&label(state))
        .raw("</span>")
}

/// The tier with its bars and its name in text.
pub(crate) fn tier(tier: &str) -> Html {
    let (symbol, class, text) = match tier {
        "low" => ("tier-low", "low", "Low tier"),
        "medium" => ("tier-medium", "medium", "Medium tier"),
        "high" => ("tier-high", "high", "High tier"),
        other => return Html::new().raw("<span class=\"tier\">").text(other).raw("</span>"),
    };
    Html::new()
        .raw("<span class=\"tier ")
        .raw(class)
        .raw("\">")
        .raw(&icon(symbol).to_string())
        .raw(text)
        .raw("</span>")
}

/// An icon of the sprite, hidden from assistive technology: the text beside it says the same.
pub(crate) fn icon(name: &str) -> Html {
    Html::new()
        .raw("<svg class=\"icon\" aria-hidden=\"true\" focusable=\"false\"><use href=\"")
        .raw(&crate::assets::path("icons.svg"))
        .raw("#")
        .text(name)
        .raw("\"/></svg>")
}

/// How an approver proved to be present, in words.
pub(crate) fn proof(proof: &str) -> &str {
    match proof {
        "session" => "signed in",
        "step-up" => "fresh second factor",
        "by tier" => "proof by the tier of the role",
        other => other,
    }
}

/// Why a grant ended, in words.
pub(crate) fn ended_reason(reason: &str) -> &str {
    match reason {
        "expired" => "expired",
        "released" => "ended by its holder",
        "revoked" => "revoked",
        other => other,
    }
}

/// A length of time as people say it: `45 s`, `90 min`, `4 h`, `2 h 30 min`, `3 d`.
#[must_use]
pub fn duration(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 3_600;
    const DAY: i64 = 86_400;
    let seconds = seconds.max(0);
    let (days, hours, minutes) = (seconds / DAY, seconds % DAY / HOUR, seconds % HOUR / MINUTE);
    if seconds < MINUTE {
        format!("{seconds} s")
    } else if seconds < 2 * HOUR && seconds != HOUR {
        match seconds % MINUTE {
            0 => format!("{} min", seconds / MINUTE),
            rest if seconds < 5 * MINUTE => format!("{minutes} min {rest} s"),
            _ => format!("{} min", seconds / MINUTE),
        }
    } else if seconds < 2 * DAY {
        let hours = hours + days * 24;
        if minutes == 0 { format!("{hours} h") } else { format!("{hours} h {minutes} min") }
    } else if hours == 0 {
        format!("{days} d")
    } else {
        format!("{days} d {hours} h")
    }
}

/// A measured time: `0.08 s`, `12.4 s`, `3 min`.
pub(crate) fn measured(milliseconds: i64) -> String {
    let hundredths = (milliseconds.max(0) + 5) / 10;
    if hundredths < 1_000 {
        format!("{}.{:02} s", hundredths / 100, hundredths % 100)
    } else if hundredths < 12_000 {
        format!("{}.{} s", hundredths / 100, hundredths % 100 / 10)
    } else {
        duration(milliseconds / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::{duration, label, measured};

    #[test]
    fn durations_read_as_people_say_them() {
        let cases = [
            (-5, "0 s"),
            (45, "45 s"),
            (120, "2 min"),
            (150, "2 min 30 s"),
            (3_600, "1 h"),
            (5_400, "90 min"),
            (7_200, "2 h"),
            (9_000, "2 h 30 min"),
            (86_400, "24 h"),
            (259_200, "3 d"),
        ];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn measured_times_keep_two_digits_while_they_matter() {
        assert_eq!(measured(84), "0.08 s");
        assert_eq!(measured(191), "0.19 s");
        assert_eq!(measured(12_440), "12.4 s");
        assert_eq!(measured(180_000), "3 min");
    }

    #[test]
    fn an_unknown_state_is_shown_as_it_is() {
        assert_eq!(label("some_new_state"), "some new state");
    }
}
