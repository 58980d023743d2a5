//! The mail viewer: every message that is kept can be reached, page by page.
use chrono::{DateTime, TimeDelta, Utc};
use hallpass_adapters::notifiers::{DemoMailbox, Sender};
use hallpass_domain::ports::notifier::{Notifier as _, RenderedMail};
use hallpass_domain::text::Email;
use hallpass_tests::browserless::Page;

use super::{Demo, command, folder};

fn sender() -> Sender {
    let from = Email::parse("hallpass@demo.test").expect("an address");
    Sender { name: "Hallpass".to_owned(), from, reply_to: None, bounces: None }
}

/// The ids of the messages of a page, as they are listed.
fn listed(page: &Page) -> Vec<String> {
    let ids = page.links().into_iter().filter_map(|l| l.strip_prefix("/demo/mail/").map(str::to_owned));
    ids.collect()
}

/// Those of them that the test made; the demo sends some of its own.
fn made(pages: &[Vec<String>]) -> Vec<String> {
    pages.concat().into_iter().filter(|id| id.starts_with("long-day-")).collect()
}

/// Follows “Older mail” to the end; the messages of each page.
async fn walked(demo: &Demo, first: &str) -> Vec<Vec<String>> {
    let browser = demo.act_as("dana@demo.test").await;
    let (mut pages, mut path) = (Vec::new(), Some(first.to_owned()));
    while let Some(at) = path {
        let page = browser.get(&at).await.expect(200);
        path = page.links().into_iter().find(|l| l.starts_with("/demo/mail?") && l.contains("after="));
        assert_eq!(path.is_some(), page.words().contains("Older mail"));
        pages.push(listed(&page));
        assert!(pages.len() < 10, "it does not end: {path:?}");
    }
    pages
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_mail_is_a_page_away() {
    let folder = folder();
    let data = folder.path().join("data");
    let without_postgresql = || {
        let mut command = command(&["--listen", "127.0.0.1:0"], &data);
        command.env("HALLPASS_DEMO_PG_BIN", "/nonexistent");
        command
    };
    Demo::start_with(without_postgresql(), &data).await.stop("TERM").await;
    // As after a long day: mails to two people in turn, the newest last.
    let mailbox = DemoMailbox::open(data.join("mail"), 500, sender()).expect("the folder of the demo");
    let begun: DateTime<Utc> = "2026-03-02T08:00:00Z".parse().expect("a time");
    for number in 0..230 {
        let to = if number % 2 == 0 { "ana@demo.test" } else { "dana@demo.test" };
        let mail = RenderedMail {
            message_id: format!("long-day-{number:03}@demo.test"),
            thread_id: None,
            to_email: to.to_owned(),
            to_name: "Somebody".to_owned(),
            subject: format!("Message {number}"),
            text: "text".to_owned(),
            html: "<p>text</p>".to_owned(),
            date: begun + TimeDelta::minutes(number),
        };
        mailbox.deliver(&mail).await.expect("kept");
    }

    let demo = Demo::start_with(without_postgresql(), &data).await;
    let pages = walked(&demo, "/demo/mail").await;
    let full: Vec<usize> = pages.iter().map(Vec::len).collect();
    assert!(matches!(full[..], [100, 100, 30..=60]), "{full:?}");
    let newest_first: Vec<String> = (0..230).rev().map(|n| format!("long-day-{n:03}")).collect();
    assert_eq!(made(&pages), newest_first, "each once");

    // The choice of an address stays, and a page that is exactly full promises nothing.
    let pages = walked(&demo, "/demo/mail?to=ana@demo.test").await;
    assert_eq!(pages.len(), 2);
    let even: Vec<String> = (0..230).rev().step_by(2).map(|n| format!("long-day-{:03}", n - 1)).collect();
    assert_eq!(made(&pages), even);
    let last = walked(&demo, "/demo/mail?to=dana@demo.test&after=long-day-201").await;
    assert_eq!(last.iter().map(Vec::len).collect::<Vec<_>>(), [100], "from 199 down to 1");
    demo.stop("TERM").await;
}
