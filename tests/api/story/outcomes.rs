//! What the link in the mail shows to whom: each end of a visit has its own page, and none tells what is not the
//! visitor's to know.
use hallpass_tests::browserless::{Browser, Page};
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;

use crate::steps;

on_all!(each_outcome_has_its_page, a_forwarded_link_tells_nothing);

/// What of a request must not be read by strangers.
const SECRETIVE: &str = "Operation Moonlight";

async fn each_outcome_has_its_page(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let ana = server.sign_in("ana").await;
    let bo = server.sign_in("bo").await;
    let open = |reference: &str| format!("/r/{reference}");

    let approved = steps::ask(&dana, "billing-read", "1h").await;
    steps::approve(&ana, &approved).await;
    let page = bo.get(&open(&approved)).await.expect(200);
    steps::assert_outcome(&page, "Already decided");
    assert!(page.words().contains("by Ana Ruiz"), "{}", page.words());

    let denied = steps::ask(&dana, "billing-audit", "1h").await;
    let _ = steps::decide(&ana, &denied, "deny", &[("comment", "ask again tomorrow")]).await.expect(200);
    let page = bo.get(&open(&denied)).await.expect(200);
    steps::assert_outcome(&page, "Already decided");
    assert!(page.words().contains("ask again tomorrow"), "{}", page.words());

    let withdrawn = steps::ask(&dana, "reports-read", "1h").await;
    let path = format!("/requests/{withdrawn}");
    let _ = dana.submit(&dana.get(&path).await.form(&format!("{path}/withdraw"))).await.expect(200);
    steps::assert_outcome(&bo.get(&open(&withdrawn)).await.expect(200), "Withdrawn");

    let own = steps::ask(&server.sign_in("olga").await, "ledger-read", "1h").await;
    let olga = server.sign_in("olga").await;
    steps::assert_outcome(&olga.get(&open(&own)).await.expect(200), "This is your own request");
    steps::assert_outcome(&dana.get(&open(&withdrawn)).await.expect(200), "This is your own request");

    let eve = server.sign_in("eve").await;
    steps::assert_outcome(&eve.get(&open(&approved)).await, "Not yours to decide");
    for unknown in ["R-2222222222", "R-", "x", "R-7KQ2M9XW4T%00", "..%2f..%2faccount"] {
        let page = ana.get(&open(unknown)).await;
        steps::assert_outcome(&page, "This link leads nowhere");
    }
    // A reference is what people say: it is read without case.
    let pending = steps::ask(&dana, "ledger-read", "1h").await;
    let page = ana.get(&open(&pending.to_lowercase())).await.expect(200);
    assert!(page.words().contains("Dana Kim asks for ledger-read"), "{}", page.words());
    server.stop().await;
}

async fn a_forwarded_link_tells_nothing(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let reference = steps::ask_because(&dana, "billing-admin", "3h", SECRETIVE).await;
    let ana = server.sign_in("ana").await;
    assert!(ana.get(&format!("/r/{reference}")).await.words().contains(SECRETIVE), "its approver reads it");

    // Signed out: sign-in, and nothing else.
    let nobody = server.browser();
    for path in [format!("/r/{reference}"), format!("/requests/{reference}")] {
        let first = nobody.get(&path).await.expect(303);
        assert_eq!(first.header("location"), "/sign-in");
        assert_tells_nothing(&first, &reference);
        assert_tells_nothing(&nobody.open(&path).await, &reference);
    }
    // Half signed in: the second factor first.
    let halfway = halfway(&server, "ana").await;
    let page = halfway.get(&format!("/r/{reference}")).await;
    assert_eq!((page.status, page.header("location")), (303, "/sign-in/second-factor"));

    // Signed in as somebody who has no part in it, or whose stage is not open yet.
    for (who, paths) in [("eve", ["r", "requests"]), ("sam", ["r", "requests"]), ("kim", ["r", "requests"])] {
        let browser = server.sign_in(who).await;
        for path in paths {
            let page = browser.get(&format!("/{path}/{reference}")).await;
            assert_tells_nothing(&page, &reference);
            assert_eq!(page.status, if path == "r" { 200 } else { 404 }, "{who} {path}");
        }
        // A decision is refused without more words than that.
        let digest = steps::request(&server, &reference).await.digest;
        let fields = [("digest", digest.as_str()), ("decision", "approve")];
        let page = browser.send(&browser.made_up(&format!("/r/{reference}"), &fields)).await;
        assert!(matches!(page.status, 403 | 404), "{who}: {}", page.status);
        assert_tells_nothing(&page, &reference);
    }
    assert_eq!(steps::request(&server, &reference).await.version, 1, "nothing has moved");
    server.stop().await;
}

#[track_caller]
fn assert_tells_nothing(page: &Page, reference: &str) {
    let main = page.body.split("<main").nth(1).unwrap_or(&page.body);
    for word in ["Dana", "billing-admin", SECRETIVE, "3 h", reference] {
        assert!(!main.contains(word), "{} tells {word}: {}", page.path, page.words());
    }
}

/// Somebody who gave the password, and not yet the second factor.
async fn halfway(server: &TestServer, key: &str) -> Browser {
    let browser = server.browser();
    let person = server.account(key).await;
    let form = browser.get("/sign-in").await.form("/sign-in");
    let page = browser.send(&form.with("email", person.email).with("password", person.password)).await;
    assert_eq!(page.header("location"), "/sign-in/second-factor");
    browser
}
