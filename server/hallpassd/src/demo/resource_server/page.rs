//! The page of a resource server.
use hallpass_domain::Timestamp;

use super::Setup;
use super::seen::{Seen, Span, Story};

/// Its style sheet.
pub(super) const SHEET: &str = include_str!("page.css");

/// What the page's query says where it shall not load itself anew: somebody reads it (WCAG 2.2.2).
pub(super) const STILL: &str = "still";

pub(super) fn page(setup: &Setup, seen: &Seen, still: bool) -> String {
    let (how, difference) = if setup.check.asks() {
        (
            "It asks Hallpass about every token it is sent (introspection, RFC 7662), with its own client secret.",
            "Before a grant there is no token. During it the token is accepted. From the second in which the grant ends, also early, it is refused.",
        )
    } else {
        (
            "It checks the signature by itself (RFC 9068), with the keys that Hallpass publishes, and asks nobody.",
            "Before a grant there is no token. During it the token is accepted. A grant that is ended early is not noticed here: the token is accepted until its own end, a minute at most, and Hallpass says “revoking” for as long.",
        )
    };
    let (url, role) = (&setup.url, &setup.role);
    let once = format!("hallpass token {role} --header | curl -sS -H @- {url}/api");
    let often = format!(
        "H=$(hallpass token {role} --header); while sleep 1; do printf '%s\\n' \"$H\" | curl -sS -H @- {url}/api; echo; done"
    );
    let rows: String = seen.stories().map(row).collect();
    let table = if rows.is_empty() {
        "<p class=none>No token has come yet.</p>".to_owned()
    } else {
        format!(
            "<div class=scroll tabindex=0 role=region aria-label=\"Tokens that came\"><table><caption>Tokens that came, the newest first (times are UTC)</caption><thead><tr><th scope=col>Token<th scope=col>Role<th scope=col>During: accepted<th scope=col>Its own end<th scope=col>After: refused<th scope=col>Last answer</thead><tbody>{rows}</tbody></table></div>"
        )
    };
    format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width, initial-scale=1\"><meta name=color-scheme content=\"light dark\"><title>{name} · a resource server of the demo</title><link rel=stylesheet href=/page.css></head>\
         <body><main><p class=over>A resource server of the demo</p><h1>{name}</h1><p>{how}</p><p>{difference}</p>\
         <h2>Try it</h2><p>Ask for <code>{role}</code> in <a href=\"{hallpass}/request?role={role}\">Hallpass</a> and have it approved. Then, where <code>hallpass</code> is signed in:</p>\
         <p class=label>Once</p><pre tabindex=0><code>{once}</code></pre>\
         <p class=label>Every second, to see it end</p><pre tabindex=0><code>{often}</code></pre>\
         <p class=label>Without a token</p><pre tabindex=0><code>curl -sS {url}/api</code></pre>\
         <h2>What became of the tokens</h2>{table}<p class=note>{reload}</p></main></body></html>",
        reload = if still {
            "This page stands still. <a href=\"/\">Load it anew every two seconds</a>".to_owned()
        } else {
            format!("This page loads itself anew every two seconds. <a href=\"/?{STILL}\">Stop that</a>")
        },
        name = escape(&setup.name),
        hallpass = escape(&setup.hallpass),
        role = escape(role),
        once = escape(&once),
        often = escape(&often),
    )
}

fn row(story: &Story) -> String {
    let (class, now) = match (&story.accepted, &story.refused) {
        (_, None) => ("good", "✓ accepted"),
        (Some(_), Some(_)) => ("bad", "✗ over"),
        (None, Some(_)) => ("bad", "✗ never good"),
    };
    format!(
        "<tr><th scope=row><code>…{}</code><td>{}<td>{}<td>{}<td>{}<td class={class}>{now}",
        escape(&story.mark),
        escape(&story.role),
        story.accepted.map(span).unwrap_or_default(),
        story.ends_at.map(|t| t.format("%H:%M:%S").to_string()).unwrap_or_default(),
        story
            .refused
            .as_ref()
            .map(|(s, why)| format!("{}<br><span>{}</span>", span(*s), escape(why)))
            .unwrap_or_default(),
    )
}

fn span(span: Span) -> String {
    let at = |t: Timestamp| t.format("%H:%M:%S%.3f").to_string();
    if span.times == 1 {
        at(span.first)
    } else {
        format!("{} – {}, {} times", at(span.first), at(span.last), span.times)
    }
}

/// Text in HTML, also between double quotes.
fn escape(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .map(|c| match c {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '"' => "&quot;".to_owned(),
            c => c.to_string(),
        })
        .collect()
}
