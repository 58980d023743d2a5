use chrono::DateTime;
use hallpass_domain::ids::{GrantId, MailId, RequestId};
use hallpass_domain::mail::MailState;

use super::*;

fn fact(label: &str, value: &str) -> Fact {
    Fact { label: label.to_owned(), value: value.to_owned() }
}

fn approval() -> MailModel {
    MailModel {
        subject: "Approve? Dana Kim → db-admin@prod-orders, 2 h (R-4821)".to_owned(),
        headline: "Dana Kim asks for db-admin on prod-orders for 2 h.".to_owned(),
        facts: vec![
            fact("When", "from the last approval; if that is now, until 16:40 CET (15:40 UTC)"),
            fact("Scope", "database orders; read, write, DDL"),
            fact("Tier", "high; first time for Dana"),
            fact("Ticket", "INC-1234"),
            fact("Decide by", "15:10 CET (14:10 UTC); any 1 of: you, Ana Ruiz, DB on-call"),
        ],
        quote: Some("slow query, replica lag".to_owned()),
        paragraphs: vec!["Opening the link decides nothing; you decide on the page, signed in.".to_owned()],
        link: Some(("Review and decide".to_owned(), "/r/R-4821".to_owned())),
        footer: "You get this because you may decide at stage “Owners”.".to_owned(),
    }
}

fn mail(kind: MailKind, model: MailModel) -> Mail {
    let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let id = |text: &str| text.parse().unwrap();
    Mail {
        id: MailId(id("0192f0c1-2345-7890-abcd-0123456789ab")),
        kind,
        to_email: "ana@example.org".to_owned(),
        to_name: "Ana Ruiz".to_owned(),
        request_id: Some(RequestId(id("0192f0c1-2345-7890-abcd-000000000001"))),
        grant_id: None,
        model,
        state: MailState::Queued,
        queued_at: now,
        sent_at: None,
        attempts: 0,
        next_attempt_at: now,
        last_error: None,
        claimed_by: None,
        claimed_until: None,
        fence: 0,
        version: 0,
    }
}

fn renderer() -> Renderer {
    Renderer::new("https://access.example.org/", "mail.example.org", "[Access]").unwrap()
}

fn render(model: MailModel) -> RenderedMail {
    renderer().render(&mail(MailKind::ApprovalAsked, model)).unwrap()
}

#[test]
fn the_plain_text_is_complete_and_readable() {
    let rendered = render(approval());
    assert_eq!(rendered.subject, "[Access] Approve? Dana Kim → db-admin@prod-orders, 2 h (R-4821)");
    assert_eq!(
        rendered.text,
        "\
Dana Kim asks for db-admin on prod-orders for 2 h.

  When       from the last approval; if that is now, until 16:40 CET
             (15:40 UTC)
  Scope      database orders; read, write, DDL
  Tier       high; first time for Dana
  Ticket     INC-1234
  Decide by  15:10 CET (14:10 UTC); any 1 of: you, Ana Ruiz, DB on-call
  Why        \"slow query, replica lag\"

Opening the link decides nothing; you decide on the page, signed in.

Review and decide:
  https://access.example.org/r/R-4821

You get this because you may decide at stage “Owners”.
"
    );
}

#[test]
fn the_html_says_the_same_and_loads_nothing() {
    let rendered = render(approval());
    for text in ["db-admin on prod-orders", "INC-1234", "slow query, replica lag", "stage “Owners”"] {
        assert!(rendered.html.contains(text), "{text}");
    }
    let url = "https://access.example.org/r/R-4821";
    assert_eq!(rendered.html.matches(&format!("href=\"{url}\"")).count(), 2);
    assert!(rendered.html.contains(&format!(">{url}</a>")), "the address is visible");
    for remote in ["<img", "src=", "url(", "@import", "<link", "<script", "@font-face"] {
        assert!(!rendered.html.contains(remote), "{remote}");
    }
    assert_eq!(rendered.html.matches("http").count(), 3, "no other address");
    assert!(rendered.html.len() < 12_000, "{}", rendered.html.len());
}

#[test]
fn ids_are_stable_and_thread_by_request_or_grant() {
    let first = render(approval());
    assert_eq!(first, render(approval()));
    assert_eq!(first.message_id, "0192f0c1-2345-7890-abcd-0123456789ab@mail.example.org");
    assert_eq!(first.thread_id.unwrap(), "request.0192f0c1-2345-7890-abcd-000000000001@mail.example.org");
    let mut mail = mail(MailKind::GrantEnded, approval());
    let grant = GrantId(mail.id.0);
    (mail.request_id, mail.grant_id) = (None, Some(grant));
    assert_eq!(
        renderer().render(&mail).unwrap().thread_id.unwrap(),
        format!("grant.{grant}@mail.example.org")
    );
    mail.grant_id = None;
    assert_eq!(renderer().render(&mail).unwrap().thread_id, None);
}

#[test]
fn what_people_wrote_stays_text() {
    let evil = "</td><script>alert(1)</script>\" onmouseover=\"x' & <b>";
    let mut model = approval();
    model.headline = evil.to_owned();
    model.quote = Some(evil.to_owned());
    model.facts.push(fact(evil, evil));
    model.paragraphs.push(evil.to_owned());
    model.footer = evil.to_owned();
    model.subject = format!("{evil}\r\nBcc: eve@example.org");
    model.link = Some((evil.to_owned(), "/r/R-1?a=1&b=2".to_owned()));
    let rendered = render(model);
    assert!(
        !rendered.html.contains("<script")
            && !rendered.html.contains("<b>")
            && !rendered.html.contains("onmouseover=\"")
    );
    assert!(rendered.html.contains("&#60;script&#62;"));
    assert!(rendered.text.contains(evil), "plain text is not escaped");
    assert!(!rendered.subject.contains(['\r', '\n']));
    assert!(rendered.html.contains("R-1?a=1&#38;b=2"));
}

#[test]
fn a_quote_cannot_pretend_to_be_ours() {
    let mut model = approval();
    model.quote = Some(
        "urgent\n\nReview and decide:\n  https://evil.example/r/R-4821\u{202e}\n\nYou get this".to_owned(),
    );
    let text = render(model).text;
    let ours: Vec<&str> = text.lines().filter(|line| line.starts_with("Review and decide:")).collect();
    assert_eq!(ours.len(), 1, "{text}");
    for line in text.lines().filter(|line| line.contains("evil") || line.contains("You get this ")) {
        assert!(line.contains("> ") || line.starts_with("You get this because"), "{line}");
    }
    assert!(!text.contains('\u{202e}'));
}

#[test]
fn links_stay_below_the_base_url() {
    for bad in
        ["r/R-1", "//evil.example/", "https://evil.example/", "/a b", "/a\"b", "/a\nb", "/a\\b", "/ü", ""]
    {
        let mut model = approval();
        model.link = Some(("x".to_owned(), bad.to_owned()));
        assert!(renderer().render(&mail(MailKind::AccountNotice, model)).is_err(), "{bad:?}");
    }
    for bad in ["access.example.org", "ftp://x", "https://", "https://a b", "javascript:x"] {
        assert!(Renderer::new(bad, "h", "").is_err(), "{bad}");
    }
    for bad in ["", "a b", "a@b", "a>\r\nBcc: x"] {
        assert!(Renderer::new("https://x", bad, "").is_err(), "{bad}");
    }
}

#[test]
fn a_huge_mail_keeps_its_plain_text_and_has_short_html() {
    let mut model = approval();
    model.paragraphs = (0..300).map(|n| format!("line {n}: {}", "\"&<>".repeat(40))).collect();
    model.facts = (0..200).map(|n| fact(&format!("Fact {n}"), &"<".repeat(100))).collect();
    model.quote = Some("\"".repeat(10_000));
    let rendered = render(model);
    assert!(rendered.html.len() <= MAX_HTML);
    assert!(rendered.html.contains("This is shortened") && rendered.html.contains("href=\""));
    assert!(rendered.text.contains("line 299:") && rendered.text.contains("Fact 199"));
    let mut model = approval();
    model.subject = "ü".repeat(500);
    assert_eq!(render(model).subject.chars().count(), MAX_SUBJECT + 1);
}

#[test]
fn a_mail_may_have_next_to_nothing() {
    let model =
        MailModel { facts: Vec::new(), quote: None, paragraphs: Vec::new(), link: None, ..approval() };
    let rendered = renderer().render(&mail(MailKind::RequestLapsed, model)).unwrap();
    assert_eq!(
        rendered.text,
        "Dana Kim asks for db-admin on prod-orders for 2 h.\n\nYou get this because you may decide at stage “Owners”.\n"
    );
    assert!(!rendered.html.contains("<blockquote") && !rendered.html.contains("href"));
}

#[test]
fn every_kind_has_its_label() {
    let mut labels: Vec<&str> = MailKind::ALL.into_iter().map(|kind| label(kind).0).collect();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels.len(), MailKind::ALL.len());
    for kind in MailKind::ALL {
        let html = renderer().render(&mail(kind, approval())).unwrap().html;
        assert!(html.contains(label(kind).0));
    }
}
