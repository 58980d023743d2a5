//! The outbox of a server and a real mail server, on either store: refused, cut off, late, and killed between the mail
//! server's reply and its own commit. Each mail arrives at least once, and where more than once, as the same mail.
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;

use hallpass_tests::fault_server::{Said, Tell};
use hallpass_tests::mail_server::{MailServer, MailServerOptions};
use hallpass_tests::outsider::Outsider;
use hallpass_tests::process::Process;
use hallpass_tests::wait::eventually_within;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::bed::{Bed, Store, server};
use crate::parts::{ready, said};

/// Longest wait for a mail whose first try failed.
const TRIED_AGAIN: std::time::Duration = std::time::Duration::from_secs(60);

struct Post {
    mail: MailServer,
    bed: Bed,
    outsider: Mutex<Outsider>,
}

impl Post {
    /// A mail server, and a place that mails to it; what its database is the outsider sees once it was made.
    async fn open(store: Store, variables: &[(&str, &str)]) -> (Self, Process) {
        let mail = MailServer::start(MailServerOptions::default()).await;
        let mut bed = Bed::new(store, &[]).await;
        bed.place.mail_port = Some(mail.port);
        let mut server = server(&bed.place, variables);
        if variables.is_empty() {
            ready(&mut server).await;
        }
        let outsider = Mutex::new(Outsider::connect(&bed.place.database).await);
        (Self { mail, bed, outsider }, server)
    }

    /// Waits until every mail is sent or given up; how many there are.
    async fn all_over(&self) -> i64 {
        self.until("SELECT count(*) FROM mails WHERE state = 'queued'", 0).await;
        self.outsider.lock().await.number("SELECT count(*) FROM mails").await
    }

    async fn until(&self, sql: &str, wanted: i64) {
        eventually_within(TRIED_AGAIN, &format!("{sql} to be {wanted}"), || async {
            (self.outsider.lock().await.number(sql).await == wanted).then_some(())
        })
        .await;
    }

    /// What has arrived and nobody looked at yet, by the mail's own name.
    async fn arrived(&mut self) -> BTreeMap<String, Vec<Value>> {
        let mut all = BTreeMap::<String, Vec<Value>>::new();
        while self.mail.unseen().await > 0 {
            let message = self.mail.message().await;
            all.entry(id(&message)).or_default().push(message);
        }
        for same in all.values() {
            assert!(same.iter().all(|m| m["raw"] == same[0]["raw"]), "{same:?}");
        }
        all
    }
}

fn id(message: &Value) -> String {
    let headers = message["headers"].as_array().expect("headers");
    let id = headers.iter().find(|h| h[0] == "Message-ID").and_then(|h| h[1].as_str());
    id.expect("a name").to_owned()
}

/// A request, its approval, and their mails.
async fn ask(server: &mut Process) {
    server.tell(&Tell::Token { role: "api-read".to_owned(), time: "10m".to_owned() }).await;
    said(server, "a token", |s| match s {
        Said::Token { .. } => Some(()),
        Said::Refused { message, .. } => panic!("{message}"),
        _ => None,
    })
    .await;
}

/// A refusal for now is tried again, one for good is not; a cut connection and a late answer lose nothing.
async fn refused_cut_off_and_late(store: Store) {
    let (mut post, mut server) = Post::open(store, &[]).await;
    let mut second = post.bed.process_beside();
    if let Some(second) = &mut second {
        ready(&mut second.server).await;
    }
    let before = post.all_over().await;
    assert_eq!(post.arrived().await.len() as i64, before);

    post.mail.reply("RCPT", "550 5.1.1 no such user here").await;
    post.mail.reply("RCPT", "451 4.3.0 come back later").await;
    post.mail.drop_at("CONTENT").await;
    ask(&mut server).await;
    let new = post.all_over().await - before;
    for _ in 0..3 {
        post.mail.event("step").await;
    }
    assert!(new >= 3, "{new} mails");
    let failed = "SELECT last_error FROM mails WHERE state = 'failed'";
    let failed = post.outsider.lock().await.sql(failed).await;
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0][0].as_deref().is_some_and(|why| why.contains("no such user here")), "{failed:?}");
    let again = "SELECT count(*) FROM mails WHERE state = 'sent' AND attempts > 0";
    assert!(post.outsider.lock().await.number(again).await >= 1, "what was refused for now is tried again");
    let arrived = post.arrived().await;
    assert_eq!(arrived.len() as i64, new - 1, "all but the one that was refused for good");
    // The mail server had heard the one that was cut off, and hears it again.
    assert!(arrived.values().any(|same| same.len() > 1), "{:?}", arrived.keys());

    // A mail server that takes its time delays nobody's answer.
    post.mail.hold("CONTENT").await;
    ask(&mut server).await;
    post.mail.event("step").await;
    // Nor does another server that stands still, whatever it is in the middle of, lose or send again what it has taken.
    let stands_still = |signal| second.iter().for_each(|second| second.server.signal(signal));
    stands_still("STOP");
    let queued = post.outsider.lock().await.number("SELECT count(*) FROM mails WHERE state = 'queued'").await;
    assert!(queued >= 1, "it is on its way");
    ask(&mut server).await;
    stands_still("CONT");
    // Nor another mail: those that were queued after the one that is held overtake it.
    post.until("SELECT count(*) FROM mails WHERE state = 'queued'", 1).await;
    post.mail.release().await;
    let all = post.all_over().await;
    let arrived = post.arrived().await;
    assert_eq!(arrived.len() as i64, all - before - new);
    assert!(arrived.values().all(|same| same.len() == 1), "none of them twice: {:?}", arrived.keys());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_cut_off_and_late_on_sqlite() {
    refused_cut_off_and_late(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_cut_off_and_late_on_postgres() {
    refused_cut_off_and_late(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_cut_off_and_late_beside_another_server() {
    refused_cut_off_and_late(Store::PostgresTwo).await;
}

/// The mail goes out again, as the same mail, and no other is lost or sent twice.
async fn killed_between_the_reply_and_the_commit(store: Store) {
    let (mut post, mut killed) = Post::open(store, &[("HALLPASS_FAILPOINT", "mail.deliver.after:1")]).await;
    while let Some(said) = killed.line().await {
        if matches!(said, Said::Ready { .. }) {
            killed.tell(&Tell::Token { role: "api-read".to_owned(), time: "10m".to_owned() }).await;
        }
    }
    assert_eq!(killed.ended().await.signal(), Some(9), "{}", killed.log());
    let first = post.mail.message().await;
    let sent = "SELECT count(*) FROM mails WHERE state = 'sent'";
    assert_eq!(post.outsider.lock().await.number(sent).await, 0, "it was not recorded");

    let mut second = post.bed.process_beside();
    if let Some(second) = &mut second {
        ready(&mut second.server).await;
    }
    let mut server = server(&post.bed.place, &[]);
    ready(&mut server).await;
    ask(&mut server).await;
    let all = post.all_over().await;
    let mut arrived = post.arrived().await;
    let again = arrived.get_mut(&id(&first)).expect("what was not recorded is sent again");
    assert!(again.iter().all(|copy| copy["raw"] == first["raw"]), "{again:?}");
    assert_eq!(arrived.len() as i64, all, "nobody is left out");
    assert_eq!(post.outsider.lock().await.number(sent).await, all);
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_the_reply_and_the_commit_on_sqlite() {
    killed_between_the_reply_and_the_commit(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_the_reply_and_the_commit_on_postgres() {
    killed_between_the_reply_and_the_commit(Store::Postgres).await;
}

/// Two servers start after it at once, and each takes up what the dead one had in hand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_the_reply_and_the_commit_before_two_servers() {
    killed_between_the_reply_and_the_commit(Store::PostgresTwo).await;
}
