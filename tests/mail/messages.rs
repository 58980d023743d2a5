//! What a message looks like to another implementation: Python's `email` package reads it.
use hallpass_domain::ports::notifier::{Notifier, RenderedMail};
use hallpass_tests::mail_server::{MailServer, MailServerOptions};
use serde_json::Value;

use super::{mail, plain};

fn header<'a>(message: &'a Value, name: &str) -> Vec<&'a str> {
    let all = message["headers"].as_array().unwrap().iter();
    all.filter(|header| header[0] == name).map(|header| header[1].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_mail_program_reads_what_was_written() {
    let mut server = MailServer::start(MailServerOptions::default()).await;
    let smtp = plain(server.port);
    assert_eq!(smtp.deliver(&mail("1")).await.unwrap(), "250 2.0.0 kept as 1");
    let message = server.message().await;
    assert_eq!(message["mail_from"], "bounces@hallpass.test");
    assert_eq!(message["rcpt_to"], serde_json::json!(["ana@example.org"]));
    assert_eq!(message["hello"], "hallpass.test");
    for (name, value) in [
        ("Message-ID", "<1@hallpass.test>"),
        ("In-Reply-To", "<request.1@hallpass.test>"),
        ("References", "<request.1@hallpass.test>"),
        ("Date", "Fri, 15 Jan 2027 08:00:00 +0000"),
        ("From", "Hallpass <access@hallpass.test>"),
        ("Reply-To", "help@hallpass.test"),
        ("To", "Ana Ruiz <ana@example.org>"),
        ("Subject", "[Access] Approve? Dana Kim → db-admin@prod, 2 h (R-4821)"),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "OOF, AutoReply"),
    ] {
        assert_eq!(header(&message, name), [value], "{name}");
    }
    assert_eq!(message["type"], "multipart/alternative");
    assert_eq!(message["defects"], serde_json::json!([]));
    let parts = message["parts"].as_array().unwrap();
    assert_eq!(
        (parts[0]["type"].as_str(), parts[1]["type"].as_str()),
        (Some("text/plain"), Some("text/html"))
    );
    assert_eq!(parts[0]["text"].as_str().unwrap().trim_end(), mail("1").text.trim_end());
    assert_eq!(parts[1]["text"].as_str().unwrap().trim_end(), mail("1").html);
}

#[tokio::test]
async fn awkward_text_arrives_unchanged() {
    let mut server = MailServer::start(MailServerOptions::default()).await;
    let smtp = plain(server.port);
    let text = format!(
        "line\n.\n..\n.hidden\nFrom here\n--hallpass-\ntrailing \n{}\n日本語 ü €\nend",
        "long ".repeat(400)
    );
    let odd = RenderedMail {
        text: text.clone(),
        html: format!("<p>{}</p>", "ü".repeat(5_000)),
        subject: "日本語 ".repeat(30),
        to_name: "Ana \"the admin\" <Ruiz>, Jr.".to_owned(),
        ..mail("2")
    };
    smtp.deliver(&odd).await.unwrap();
    let message = server.message().await;
    assert_eq!(message["parts"][0]["text"].as_str().unwrap().trim_end(), text);
    assert_eq!(message["parts"][1]["text"].as_str().unwrap().trim_end(), odd.html);
    assert_eq!(header(&message, "Subject")[0].replace(' ', ""), "日本語".repeat(30));
    assert!(header(&message, "To")[0].ends_with("<ana@example.org>"));
    assert_eq!(message["rcpt_to"], serde_json::json!(["ana@example.org"]));
    assert!(message["raw"].as_str().unwrap().lines().all(|line| line.len() <= 998));
}

#[tokio::test]
async fn nothing_is_smuggled_into_header_or_envelope() {
    let mut server = MailServer::start(MailServerOptions::default()).await;
    let smtp = plain(server.port);
    for trick in
        ["x\r\nBcc: eve@example.org", "x\r\n\r\nbody", "x\r\n.\r\nMAIL FROM:<eve@example.org>", "x\n\tBcc: e"]
    {
        let odd = RenderedMail { subject: trick.to_owned(), to_name: trick.to_owned(), ..mail("3") };
        smtp.deliver(&odd).await.unwrap();
        let message = server.message().await;
        assert_eq!(message["headers"].as_array().unwrap().len(), 12, "{message}");
        assert_eq!(header(&message, "Bcc"), Vec::<&str>::new());
        assert_eq!(message["rcpt_to"], serde_json::json!(["ana@example.org"]));
        let odd = RenderedMail { to_email: format!("ana@example.org{trick}"), ..mail("3") };
        assert!(smtp.deliver(&odd).await.is_err());
    }
    let body = RenderedMail {
        text: "a\r\n.\r\nMAIL FROM:<eve@example.org>\r\nRCPT TO:<x@y>".to_owned(),
        ..mail("4")
    };
    smtp.deliver(&body).await.unwrap();
    let message = server.message().await;
    assert_eq!(message["mail_from"], "bounces@hallpass.test");
    assert!(message["parts"][0]["text"].as_str().unwrap().contains("MAIL FROM:<eve@example.org>"));
    assert_eq!(server.unseen().await, 0);
}
