//! How the connection is secured, and what is refused before anything is said.
use std::time::Duration;

use hallpass_adapters::notifiers::{SmtpNotifier, SmtpTls};
use hallpass_domain::ports::notifier::{Notifier, NotifyError};
use hallpass_tests::mail_server::{Certificates, MailServer, MailServerOptions};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::{config, mail, plain, sender};

const LOGIN: (&str, &str) = ("hallpass", "corréct horse:battery");

fn transient(answer: Result<String, NotifyError>) -> String {
    match answer {
        Err(NotifyError::Transient(text)) => text,
        other => panic!("{other:?}"),
    }
}

/// A notifier that trusts the given authority, with a login.
fn secured(port: u16, tls: SmtpTls, authority: &Certificates, login: (&str, &str)) -> SmtpNotifier {
    let mut config = config(port, tls);
    config.ca_file = Some(authority.authority());
    config.login = Some((login.0.to_owned(), login.1.to_owned().into()));
    SmtpNotifier::new(config, sender()).unwrap()
}

async fn start(tls: &str, certificates: &Certificates) -> MailServer {
    let options = MailServerOptions { tls, certificates: Some(certificates), login: Some(LOGIN) };
    MailServer::start(options).await
}

#[tokio::test]
async fn starttls_and_implicit_tls_with_login() {
    let certificates = Certificates::for_loopback();
    for (word, tls) in [("starttls", SmtpTls::Starttls), ("implicit", SmtpTls::Implicit)] {
        let mut server = start(word, &certificates).await;
        let smtp = secured(server.port, tls, &certificates, LOGIN);
        for id in ["1", "2", "3"] {
            smtp.deliver(&mail(id)).await.unwrap();
            let message = server.message().await;
            assert_eq!(message["tls"], true);
            assert_eq!(message["user"], LOGIN.0);
            assert_eq!(message["connection"], 1, "one connection for all");
        }
        smtp.check().await.unwrap();
        assert!(smtp.describe().ends_with(&format!("({word})")) && !format!("{smtp:?}").contains(LOGIN.1));
    }
}

#[tokio::test]
async fn an_address_instead_of_a_name_is_checked_too() {
    let certificates = Certificates::for_loopback();
    let mut server = start("implicit", &certificates).await;
    let mut config = config(server.port, SmtpTls::Implicit);
    config.host = "127.0.0.1".to_owned();
    config.ca_file = Some(certificates.authority());
    config.login = Some((LOGIN.0.to_owned(), LOGIN.1.to_owned().into()));
    SmtpNotifier::new(config, sender()).unwrap().deliver(&mail("1")).await.unwrap();
    server.message().await;
}

#[tokio::test]
async fn a_wrong_certificate_is_refused_and_nothing_is_said() {
    let (other, elsewhere) = (Certificates::for_loopback(), Certificates::for_names(&["mail.example.org"]));
    let right = Certificates::for_loopback();
    for (word, tls) in [("starttls", SmtpTls::Starttls), ("implicit", SmtpTls::Implicit)] {
        // Signed by an authority that is not ours; then by ours, for another host.
        for (served, trusted) in [(&right, &other), (&elsewhere, &elsewhere)] {
            let mut server = start(word, served).await;
            let text = transient(secured(server.port, tls, trusted, LOGIN).deliver(&mail("1")).await);
            assert!(text.contains("certificate"), "{text}");
            assert_eq!(server.unseen().await, 0);
        }
        // Signed by an authority that the system does not know.
        let mut server = start(word, &right).await;
        let smtp = SmtpNotifier::new(config(server.port, tls), sender()).unwrap();
        transient(smtp.deliver(&mail("1")).await);
        assert_eq!(server.unseen().await, 0);
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_no_mail_and_no_password() {
    let certificates = Certificates::for_loopback();
    let mut server = MailServer::start(MailServerOptions::default()).await;
    let text =
        transient(secured(server.port, SmtpTls::Starttls, &certificates, LOGIN).deliver(&mail("1")).await);
    assert!(text.contains("does not offer STARTTLS"), "{text}");
    assert_eq!(server.unseen().await, 0);
}

#[tokio::test]
async fn a_wrong_password_waits_for_the_operator_and_is_not_repeated_in_the_answer() {
    let certificates = Certificates::for_loopback();
    let mut server = start("implicit", &certificates).await;
    let smtp = secured(server.port, SmtpTls::Implicit, &certificates, ("hallpass", "wrong-secret"));
    let text = transient(smtp.deliver(&mail("1")).await);
    assert!(text.starts_with("login: 535"), "{text}");
    // A server that repeats the command, password and all.
    server.reply("AUTH", "535 AUTH PLAIN AGhhbGxwYXNzAHdyb25nLXNlY3JldA== wrong-secret").await;
    let text = transient(smtp.deliver(&mail("1")).await);
    assert!(!text.contains("wrong-secret") && !text.contains("AGhhbG"), "{text}");
    // Without a login, where one is needed.
    let mut config = config(server.port, SmtpTls::Implicit);
    config.ca_file = Some(certificates.authority());
    let text = transient(SmtpNotifier::new(config, sender()).unwrap().deliver(&mail("1")).await);
    assert!(text.contains("530"), "{text}");
    assert_eq!(server.unseen().await, 0);
}

/// A fake, since a real server does not do this: somebody on the wire who answers STARTTLS with two lines at once.
#[tokio::test]
async fn what_is_said_in_clear_is_not_heard_after_the_handshake() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let attacker = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.write_all(b"220 mail.test\r\n").await.unwrap();
        stream.read_line(&mut line).await.unwrap();
        stream.write_all(b"250-mail.test\r\n250 STARTTLS\r\n").await.unwrap();
        stream.read_line(&mut line).await.unwrap();
        stream.write_all(b"220 go ahead\r\n250-mail.test\r\n250 AUTH PLAIN\r\n").await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        rest
    });
    let mut config = config(port, SmtpTls::Starttls);
    config.command_timeout = Duration::from_secs(20);
    let text = transient(SmtpNotifier::new(config, sender()).unwrap().deliver(&mail("1")).await);
    assert!(!text.contains("no answer within"), "the line was kept for later: {text}");
    let heard = attacker.await.unwrap();
    assert!(!heard.windows(4).any(|word| word == b"MAIL" || word == b"AUTH"));
}

#[tokio::test]
async fn plain_is_used_on_loopback() {
    let mut server = MailServer::start(MailServerOptions::default()).await;
    plain(server.port).deliver(&mail("1")).await.unwrap();
    let message = server.message().await;
    assert_eq!((&message["tls"], &message["user"]), (&false.into(), &serde_json::Value::Null));
}
