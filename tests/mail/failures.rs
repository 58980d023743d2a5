//! What a failure means, and that none of them makes the next mail go wrong.
use std::sync::Arc;
use std::time::Duration;

use hallpass_adapters::notifiers::{SmtpNotifier, SmtpTls};
use hallpass_domain::ports::notifier::{Notifier, NotifyError};
use hallpass_tests::mail_server::{MailServer, MailServerOptions};

use super::{config, mail, plain, sender};

async fn server() -> MailServer {
    MailServer::start(MailServerOptions::default()).await
}

fn is_permanent(answer: Result<String, NotifyError>) -> bool {
    matches!(answer.unwrap_err(), NotifyError::Permanent(_))
}

/// The next mail arrives, and the server's answer is the one to it.
async fn next_is_right(server: &mut MailServer, smtp: &SmtpNotifier, id: &str) {
    assert_eq!(smtp.deliver(&mail(id)).await.unwrap(), "250 2.0.0 kept as 1");
    let message = server.message().await;
    assert!(message["raw"].as_str().unwrap().contains(&format!("Message-ID: <{id}@hallpass.test>")));
    assert_eq!(server.unseen().await, 0);
}

#[tokio::test]
async fn refusals_are_for_now_or_for_good() {
    let mut server = server().await;
    let smtp = plain(server.port);
    for (step, reply, permanent) in [
        ("RCPT", "550 5.1.1 no such user", true),
        ("RCPT", "450 4.2.1 mailbox busy", false),
        ("RCPT", "552 5.5.3 too many recipients", false),
        ("DATA", "554 5.7.1 refused", true),
        ("DATA", "451 4.3.0 later", false),
        ("CONTENT", "554 5.6.0 content refused", true),
        ("CONTENT", "452 4.3.1 disk full", false),
        ("MAIL", "550 5.7.1 sender refused", false),
        ("MAIL", "451 4.3.0 later", false),
        ("EHLO", "554 5.7.1 go away", false),
        ("CONNECT", "554 5.7.1 no mail here", false),
        ("CONNECT", "421 4.3.2 closing", false),
        ("MAIL", "421 4.3.2 closing", false),
        ("MAIL", "nonsense", false),
        ("CONTENT", "199 odd", false),
    ] {
        // The first two steps come with a new connection only.
        let fresh = plain(server.port);
        let smtp = if matches!(step, "EHLO" | "CONNECT") { &fresh } else { &smtp };
        server.reply(step, reply).await;
        let answer = smtp.deliver(&mail("x")).await;
        assert_eq!(server.event("step").await["step"], step);
        let code = reply.split(' ').next().unwrap();
        let text = answer.as_ref().unwrap_err().to_string();
        assert!(text.contains(code) || matches!(code, "nonsense" | "199"), "{text}");
        assert_eq!(is_permanent(answer), permanent, "{step} {reply}");
        if step == "CONTENT" {
            server.message().await;
        }
        next_is_right(&mut server, smtp, "y").await;
    }
}

#[tokio::test]
async fn a_refusal_keeps_the_connection() {
    let mut server = server().await;
    let smtp = plain(server.port);
    for _ in 0..3 {
        server.reply("RCPT", "550 no such user").await;
        assert!(smtp.deliver(&mail("x")).await.is_err());
        assert_eq!(server.event("step").await["connection"], 1);
    }
    smtp.deliver(&mail("y")).await.unwrap();
    assert_eq!(server.message().await["connection"], 1);
}

#[tokio::test]
async fn a_dropped_connection_is_tried_again_with_a_new_one() {
    let mut server = server().await;
    let smtp = plain(server.port);
    for step in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"] {
        server.drop_at(step).await;
        let fresh = plain(server.port);
        let smtp = if matches!(step, "EHLO" | "CONNECT") { &fresh } else { &smtp };
        assert!(!is_permanent(smtp.deliver(&mail("x")).await), "{step}");
        next_is_right(&mut server, smtp, step).await;
    }
    // Dropped while idle: no failed attempt at all.
    server.drop_at("NOOP").await;
    next_is_right(&mut server, &smtp, "idle").await;
    // The server is away.
    let port = server.port;
    drop(server);
    assert!(!is_permanent(smtp.deliver(&mail("x")).await));
    assert!(!is_permanent(plain(port).deliver(&mail("x")).await));
}

#[tokio::test]
async fn a_reply_lost_after_the_message_sends_the_same_message_again() {
    let mut server = server().await;
    let smtp = plain(server.port);
    server.drop_at("CONTENT").await;
    assert!(!is_permanent(smtp.deliver(&mail("1")).await), "it may have arrived: at least once");
    smtp.deliver(&mail("1")).await.unwrap();
    let (first, second) = (server.message().await, server.message().await);
    assert_eq!(first["raw"], second["raw"], "to the byte, Message-ID included");
}

#[tokio::test]
async fn a_slow_server_is_waited_for() {
    for step in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "CONTENT"] {
        let mut server = server().await;
        let smtp = Arc::new(plain(server.port));
        server.hold(step).await;
        let sending = tokio::spawn({
            let smtp = Arc::clone(&smtp);
            async move { smtp.deliver(&mail("1")).await }
        });
        assert_eq!(server.event("step").await["step"], step);
        assert!(!sending.is_finished());
        server.release().await;
        assert_eq!(sending.await.unwrap().unwrap(), "250 2.0.0 kept as 1");
        server.message().await;
    }
}

#[tokio::test]
async fn a_silent_server_is_given_up_and_its_late_answer_is_never_read() {
    let mut server = server().await;
    let mut impatient = config(server.port, SmtpTls::Plain);
    impatient.command_timeout = Duration::from_millis(300);
    impatient.content_timeout = Duration::from_millis(300);
    let smtp = SmtpNotifier::new(impatient, sender()).unwrap();
    for step in ["MAIL", "RCPT", "DATA", "CONTENT"] {
        server.hold(step).await;
        let error = smtp.deliver(&mail("x")).await.unwrap_err();
        assert!(
            matches!(&error, NotifyError::Transient(text) if text.contains("no answer within")),
            "{error}"
        );
        server.event("step").await;
        // The answer comes now, on a connection that nobody reads any more.
        server.release().await;
        if step == "CONTENT" {
            server.message().await;
        }
        // An answer out of step would make this refusal look like an acceptance.
        server.reply("CONTENT", "550 refused").await;
        assert!(is_permanent(smtp.deliver(&mail("refused")).await), "{step}");
        server.event("step").await;
        server.message().await;
    }
}

#[tokio::test]
async fn many_mails_at_once() {
    let mut server = server().await;
    let smtp = Arc::new(plain(server.port));
    let sending: Vec<_> = (0..20)
        .map(|id| {
            let smtp = Arc::clone(&smtp);
            tokio::spawn(async move { smtp.deliver(&mail(&id.to_string())).await })
        })
        .collect();
    for one in sending {
        one.await.unwrap().unwrap();
    }
    let mut ids = Vec::new();
    for _ in 0..20 {
        let message = server.message().await;
        ids.push(message["headers"][0][1].as_str().unwrap().to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
}
