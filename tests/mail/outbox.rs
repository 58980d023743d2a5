//! Mail through the outbox of a running server to a real mail server: secured, late, refused, cut off, and with the server
//! killed between the mail server's reply and its own commit. Each mail arrives at least once, as the same mail, and people
//! see what became of it.
use hallpass_client::wire::requests::Request;
use hallpass_tests::browserless::Browser;
use hallpass_tests::mail_server::{Certificates, MailServer, MailServerOptions};
use hallpass_tests::served::{Served, Serving};
use hallpass_tests::wait::eventually;
use serde_json::Value;

const LOGIN: (&str, &str) = ("hallpass", "outbox-password-1");

/// Settings of a server that mails to this mail server.
fn settings(mail: &MailServer, tls: &str, certificates: Option<&Certificates>) -> Vec<(String, String)> {
    let mut all = vec![
        ("HALLPASSD_MAIL_TRANSPORT", "smtp".to_owned()),
        ("HALLPASSD_MAIL_HOST", "localhost".to_owned()),
        ("HALLPASSD_MAIL_PORT", mail.port.to_string()),
        ("HALLPASSD_MAIL_TLS", tls.to_owned()),
        ("HALLPASSD_MAIL_FROM", "Hallpass <access@hall.test>".to_owned()),
    ];
    if let Some(certificates) = certificates {
        all.push(("HALLPASSD_MAIL_CA_FILE", certificates.authority().display().to_string()));
        all.push(("HALLPASSD_MAIL_USER", LOGIN.0.to_owned()));
        all.push(("HALLPASS_SMTP_PASSWORD", LOGIN.1.to_owned()));
    }
    all.into_iter().map(|(n, v)| (n.to_owned(), v)).collect()
}

async fn serving(variables: Vec<(String, String)>) -> Served {
    Served::start(Serving {
        program: std::path::Path::new(env!("CARGO_BIN_EXE_hallpassd-faults")),
        count: 1,
        targets: Vec::new(),
        variables,
    })
    .await
}

/// Mails about one request of dana's: to her, and to the three people on call.
const MAILS: usize = 4;

/// dana asks.
async fn ask(dana: &Browser, role: &str) -> String {
    let form = dana.get(&format!("/request?role={role}")).await.expect(200).form("/request");
    let form = form.with("for_text", "1h").with("reason", "a customer waits").with("action", "send");
    let answer = dana.send(&form).await.expect(303);
    answer.header("location").strip_prefix("/requests/").expect("a request").to_owned()
}

/// Takes the request back, so that nothing is left.
async fn take_back(served: &Served, dana: &Browser, reference: &str) {
    let path = format!("/requests/{reference}");
    let form = dana.get(&path).await.expect(200).form(&format!("{path}/withdraw"));
    let _ = dana.send(&form).await.expect(303);
    sent(served).await;
}

/// Waits until every mail has its end.
async fn sent(served: &Served) {
    eventually("the outbox to be empty", || async {
        (served.server.broker().store.outbox_age().await.unwrap().1 == 0).then_some(())
    })
    .await;
}

fn header<'m>(message: &'m Value, name: &str) -> &'m str {
    let all = message["headers"].as_array().unwrap();
    all.iter().find(|h| h[0] == name).and_then(|h| h[1].as_str()).unwrap_or_default()
}

/// The request by the API, once all of its mails are in a state that `fits` likes.
async fn shown(
    api: &hallpass_client::Client,
    reference: &str,
    what: &str,
    fits: impl Fn(&Request) -> bool,
) -> Request {
    eventually(what, || async { Some(api.request(reference, None).await.unwrap()).filter(|r| fits(r)) }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_starttls_and_implicit_tls() {
    let certificates = Certificates::for_loopback();
    for tls in ["starttls", "implicit"] {
        let options = MailServerOptions { tls, certificates: Some(&certificates), login: Some(LOGIN) };
        let mut mail = MailServer::start(options).await;
        let served = serving(settings(&mail, tls, Some(&certificates))).await;
        served.server.secrets.plant("the password of the mail server", LOGIN.1);
        let dana = served.server.sign_in("dana").await;
        let reference = ask(&dana, "billing-read").await;
        let mut told = Vec::new();
        for _ in 0..MAILS {
            let message = mail.message().await;
            assert_eq!((&message["tls"], &message["user"]), (&true.into(), &LOGIN.0.into()));
            assert_eq!(message["mail_from"], "access@hall.test");
            let text = message["parts"][0]["text"].as_str().unwrap();
            let to = message["rcpt_to"][0].as_str().unwrap().to_owned();
            let page = if to.starts_with("dana") { "requests" } else { "r" };
            let link = format!("{}/{page}/{reference}", served.server.base_url);
            assert!(text.contains(&link), "{to}: {text}");
            told.push(to);
        }
        told.sort();
        assert_eq!(told, ["ana@hall.test", "bo@hall.test", "dana@hall.test", "olga@hall.test"]);
        take_back(&served, &dana, &reference).await;
        served.stop().await;
    }
}

/// A mail server whose certificate nobody vouches for gets neither mail nor password, and the page says why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_to_a_server_that_cannot_prove_its_name() {
    let (real, other) = (Certificates::for_loopback(), Certificates::for_loopback());
    let options = MailServerOptions { tls: "implicit", certificates: Some(&other), login: Some(LOGIN) };
    let mut mail = MailServer::start(options).await;
    let mut served = serving(settings(&mail, "implicit", Some(&real))).await;
    let dana = served.server.sign_in("dana").await;
    let api = served.server.client_as(&served.server.api_with(&dana).await);
    let reference = ask(&dana, "billing-read").await;
    let request = shown(&api, &reference, "trouble to be shown", |r| {
        r.mail.len() == MAILS && r.mail.iter().all(|m| m.state == "retrying")
    })
    .await;
    assert!(request.mail.iter().all(|m| m.detail.as_deref().is_some_and(|d| d.contains("certificate"))));
    let page = dana.get(&format!("/requests/{reference}")).await.expect(200).words();
    assert!(page.contains("certificate"), "{page}");
    assert_eq!(mail.unseen().await, 0);
    // The operator names the right authority, and what waits goes out.
    served.replicas[0].process.signal("TERM");
    served.replicas[0].process.ended().await;
    served.start_again(0, &settings(&mail, "implicit", Some(&other))).await;
    for _ in 0..MAILS {
        mail.message().await;
    }
    take_back(&served, &dana, &reference).await;
    served.stop().await;
}

/// A refusal for now is tried again, one for good is shown; a late answer and a cut connection lose nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_cut_off_and_late() {
    let mut mail = MailServer::start(MailServerOptions::default()).await;
    let served = serving(settings(&mail, "none", None)).await;
    let dana = served.server.sign_in("dana").await;
    let api = served.server.client_as(&served.server.api_with(&dana).await);

    sent(&served).await;
    while mail.unseen().await > 0 {
        mail.message().await;
    }

    // One of them is refused for good, one for now, and one is cut off before it is taken.
    mail.reply("RCPT", "550 5.1.1 no such user here").await;
    mail.reply("RCPT", "451 4.3.0 come back later").await;
    mail.drop_at("CONTENT").await;
    let reference = ask(&dana, "billing-read").await;
    let request = shown(&api, &reference, "an end of every mail", |r| {
        r.mail.len() == MAILS && r.mail.iter().all(|m| ["sent", "failed"].contains(&m.state.as_str()))
    })
    .await;
    let failed: Vec<_> = request.mail.iter().filter(|m| m.state == "failed").collect();
    assert_eq!(failed.len(), 1, "{:?}", request.mail);
    assert!(failed[0].detail.as_deref().unwrap().contains("no such user here"), "{failed:?}");
    let again = request.mail.iter().filter(|m| m.state == "sent" && m.attempts >= 1).count();
    assert!(again >= 1, "what was refused for now took a second attempt: {:?}", request.mail);
    let page = dana.get(&format!("/requests/{reference}")).await.expect(200).words();
    assert!(page.contains("no such user here") && page.contains("Olga Marin"), "{page}");
    // The server heard the one that was cut off whole before it cut; it comes again as the same mail.
    let mut by_id = std::collections::BTreeMap::<String, Vec<Value>>::new();
    for _ in 0..MAILS {
        let message = mail.message().await;
        by_id.entry(header(&message, "Message-ID").to_owned()).or_default().push(message);
    }
    assert_eq!(by_id.len(), MAILS - 1, "{:?}", by_id.keys());
    for same in by_id.values() {
        assert!(same.iter().all(|m| m["raw"] == same[0]["raw"]));
    }
    take_back(&served, &dana, &reference).await;

    // A mail server that takes its time delays nobody: the request is there, and the mail is on its way.
    while mail.unseen().await > 0 {
        mail.message().await;
    }
    mail.hold("CONTENT").await;
    let reference = ask(&dana, "ledger-read").await;
    mail.event("step").await;
    let held = shown(&api, &reference, "the others to be sent", |r| {
        r.mail.iter().filter(|m| m.state == "sent").count() == MAILS - 1
    })
    .await;
    assert_eq!(held.mail.iter().filter(|m| m.state == "queued").count(), 1, "{:?}", held.mail);
    mail.release().await;
    shown(&api, &reference, "the last", |r| r.mail.iter().all(|m| m.state == "sent")).await;
    take_back(&served, &dana, &reference).await;
    served.stop().await;
}

/// Killed after the mail server's reply and before its own commit: the mail goes out again, as the same mail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_the_reply_and_the_commit() {
    let mut mail = MailServer::start(MailServerOptions::default()).await;
    let usual = settings(&mail, "none", None);
    let mut variables = usual.clone();
    variables.push(("HALLPASS_FAILPOINT".to_owned(), "mail.deliver.after:1".to_owned()));
    let mut served = serving(variables).await;
    let dana = served.server.sign_in("dana").await;
    let reference = ask(&dana, "billing-read").await;
    let first = mail.message().await;
    let status = served.replicas[0].process.ended().await;
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "{}", served.log(0));

    served.start_again(0, &usual).await;
    let api = served.server.client_as(&served.server.api_with(&dana).await);
    shown(&api, &reference, "every mail to be sent", |r| {
        r.mail.len() == MAILS && r.mail.iter().all(|m| m.state == "sent")
    })
    .await;
    let mut copies = Vec::new();
    let mut to = std::collections::BTreeSet::from([first["rcpt_to"][0].to_string()]);
    while mail.unseen().await > 0 {
        let message = mail.message().await;
        to.insert(message["rcpt_to"][0].to_string());
        if header(&message, "Message-ID") == header(&first, "Message-ID") {
            copies.push(message);
        }
    }
    assert_eq!(to.len(), MAILS, "nobody is left out: {to:?}");
    assert!(!copies.is_empty(), "what was not recorded is sent again");
    assert!(copies.iter().all(|copy| copy["raw"] == first["raw"]), "{copies:?}");
    take_back(&served, &dana, &reference).await;
    served.stop().await;
}
