//! A form that comes while the database is away, is too large, or is about what is gone: what was typed is shown again, and
//! the way back to the form leads to it filled in.
use hallpass_tests::browserless::Page;
use hallpass_tests::database::{Backend, Database, cluster};
use hallpass_tests::outsider::Outsider;
use hallpass_tests::server::TestServer;
use hallpass_tests::wait::eventually;
use reqwest::Method;

use crate::steps;

on_all!(what_was_typed_outlives_a_database_that_is_away, what_is_gone_or_too_large_says_so);

const REASON: &str = "Restore <invoice> 4711, which took an hour to write down";

/// A database to which nobody gets any more.
struct Away<'a>(&'a Database);

impl<'a> Away<'a> {
    async fn begin(server: &'a TestServer) -> Self {
        let away = Self(&server.database);
        away.move_it(true).await;
        eventually("the database to be missed", || async {
            (server.nobody().send(Method::GET, "/readyz", &[], None).await.status == 503).then_some(())
        })
        .await;
        away
    }

    async fn end(self, server: &TestServer) {
        self.move_it(false).await;
        eventually("the database to be back", || async {
            // Nothing runs by itself here.
            for node in &server.nodes {
                node.composed.broker.step_probe_store().await;
            }
            let ready = server.nobody().send(Method::GET, "/readyz", &[], None).await;
            (ready.status == 200).then_some(())
        })
        .await;
    }

    async fn move_it(&self, away: bool) {
        match self.0 {
            Database::File(path) => {
                let (there, aside) = (path.clone(), path.with_extension("aside"));
                let (from, to) = if away { (there, aside) } else { (aside, there) };
                std::fs::rename(from, to).expect("moved");
            }
            Database::Server(name) => {
                let mut outsider = Outsider::connect(&cluster().await.url("postgres")).await;
                outsider.sql(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {}", !away)).await;
                let all = format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
                );
                outsider.sql(&all).await;
            }
        }
    }
}

/// What stands on the page of an error, and where its way back leads.
#[track_caller]
fn assert_shown_again(page: &Page, typed: &str) -> String {
    assert!(page.words().contains(typed), "{typed} is lost: {}", page.words());
    assert!(page.words().contains("Back to the form, filled in"), "{}", page.words());
    let link = page.links().into_iter().find(|href| href.contains('?')).expect("a way back");
    link.replace("&amp;", "&").replace("&#38;", "&")
}

async fn what_was_typed_outlives_a_database_that_is_away(backend: Backend) {
    let server = TestServer::start(backend).await;
    let (dana, ana) = (server.sign_in("dana").await, server.sign_in("ana").await);
    let reference = steps::ask(&dana, "billing-read", "1h").await;
    let asking = dana.get("/request?role=billing-read").await.expect(200).form("/request");
    let asking = asking.with("for_text", "90m").with("reason", REASON).with("ticket", "INC-77");
    let deciding = ana.get(&format!("/r/{reference}")).await.expect(200).form(&format!("/r/{reference}"));
    let deciding = deciding.with("decision", "deny").with("comment", "Not before the audit of Tuesday");
    let other = steps::ask_because(&dana, "billing-read", "1h", "another").await;
    steps::approve(&ana, &other).await;
    let held = format!("/grants/{}", steps::grant(&server, &other).await.id);
    let revoking = ana.get(&held).await.expect(200).form(&format!("{held}/revoke"));

    let away = Away::begin(&server).await;
    let page = dana.send(&asking.clone().with("action", "send")).await.expect(503);
    assert!(!page.header("retry-after").is_empty());
    let back = assert_shown_again(&page, "INC-77");
    assert!(page.words().contains("which took an hour") && !page.body.contains("<invoice>"), "{}", page.body);
    let page = ana.send(&deciding).await.expect(503);
    let back_to_decision = assert_shown_again(&page, "Not before the audit of Tuesday");
    // The page of a grant reads nothing from its address, and nobody is told that it does.
    let page = ana.send(&revoking.with("reason", "It was seen in a chat")).await.expect(503);
    assert!(page.words().contains("It was seen in a chat"), "{}", page.words());
    assert!(page.links().contains(&held) && !page.words().contains("filled in"), "{}", page.words());
    // Whoever sends it from elsewhere gets none of it shown as if it were theirs.
    let stranger = server.nobody();
    let foreign =
        [("origin", "https://elsewhere.test"), ("content-type", "application/x-www-form-urlencoded")];
    let answer = stranger.send(Method::POST, "/request", &foreign, Some("reason=planted".into())).await;
    assert!(!answer.text.contains("planted"), "{}", answer.text);
    away.end(&server).await;

    let form = dana.get(&back).await.expect(200).form("/request");
    assert_eq!(
        (form.value("reason"), form.value("ticket"), form.value("for_text")),
        (REASON, "INC-77", "90m")
    );
    let form = ana.get(&back_to_decision).await.expect(200).form(&format!("/r/{reference}"));
    assert_eq!(form.value("comment"), "Not before the audit of Tuesday");
    server.stop().await;
}

async fn what_is_gone_or_too_large_says_so(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let form = dana.get("/request?role=billing-read").await.expect(200).form("/request");
    let form = form.with("for_text", "90m").with("reason", REASON).with("action", "send");
    let gone = dana.send(&form.clone().with("role", "no-such-role")).await.expect(404);
    assert!(gone.words().contains("which took an hour"), "{}", gone.words());
    let large = dana.send(&form.with("reason", "x".repeat(80_000))).await.expect(413);
    assert!(large.words().contains("64 KiB") && large.words().contains("Shorten it"), "{}", large.words());
    server.stop().await;
}
