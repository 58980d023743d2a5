//! From a page that needs a sign-in and back: looking writes nothing, and what was typed is not lost.
use hallpass_domain::request::RequestState;
use hallpass_tests::browserless::Browser;
use hallpass_tests::database::{Backend, Database, cluster};
use hallpass_tests::facts;
use hallpass_tests::outsider::Outsider;
use hallpass_tests::server::TestServer;
use reqwest::Method;

use crate::steps;

on_all!(
    looking_opens_no_session,
    a_request_that_was_typed_comes_back_after_the_sign_in,
    a_decision_that_was_typed_comes_back_undecided,
    a_form_of_an_earlier_session_comes_back,
);

/// Rows of sessions, whoever they are of.
async fn sessions(server: &TestServer) -> String {
    let mut outsider = match &server.database {
        Database::File(path) => Outsider::connect(&format!("sqlite:{}", path.display())).await,
        Database::Server(name) => Outsider::connect(&cluster().await.url(name)).await,
    };
    let rows = outsider.try_sql("SELECT count(*) FROM sessions").await.expect("a count");
    rows[0][0].clone().expect("a number")
}

async fn looking_opens_no_session(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let reference = steps::ask(&dana, "billing-read", "1h").await;
    let ana = server.account("ana").await;
    let before = sessions(&server).await;
    let bot = server.browser();
    let mailed = format!("/r/{reference}");
    for path in [mailed.as_str(), "/", "/inbox", "/sign-in", "/sign-in/second-factor", "/first-run", "/demo"]
    {
        for method in [Method::GET, Method::HEAD] {
            // With the cookies that it was given, and with none.
            let _ = bot.request(method.clone(), path, &[], None).await;
            let _ = server.browser().request(method, path, &[], None).await;
        }
    }
    assert_eq!(sessions(&server).await, before, "looking wrote");
    // A form that is no form of ours opens none either.
    let stranger = server.browser();
    let answer = stranger.send(&stranger.made_up(&format!("/r/{reference}"), &[("comment", "x")])).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/sign-in"));
    assert_eq!(sessions(&server).await, before);

    // The way back is kept all the same, for an hour, and only as this server made it.
    let goes_to = async |browser: &Browser| {
        let form = browser.get("/sign-in").await.expect(200).form("/sign-in");
        let form = form.with("email", ana.email.as_str()).with("password", ana.password.as_str());
        let _ = browser.send(&form).await.expect(303);
        let form = browser.get("/sign-in/second-factor").await.expect(200).form("/sign-in/second-factor");
        let page = browser.send(&form.with("totp", server.totp("ana").await)).await.expect(303);
        page.header("location").to_owned()
    };
    let path = format!("/r/{reference}");
    let browser = server.browser();
    let _ = browser.get(&path).await.expect(303);
    let sealed = browser.cookie("hallpass-next").expect("a way back");
    assert!(!sealed.contains(&reference), "{sealed}");
    assert_eq!(goes_to(&browser).await, path);
    assert_eq!(browser.cookie("hallpass-next"), None, "taken once");
    let forged = server.browser();
    for value in ["/inbox", "//evil.test/", &format!("{}A", sealed)] {
        forged.set_cookie("hallpass-next", value);
        assert_eq!(goes_to(&forged).await, "/", "{value}");
        forged.forget();
    }
    let late = server.browser();
    let _ = late.get(&path).await.expect(303);
    server.advance(3_601);
    assert_eq!(goes_to(&late).await, "/");
    server.stop().await;
}

async fn a_request_that_was_typed_comes_back_after_the_sign_in(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let form = dana.get("/request?role=billing-read").await.expect(200).form("/request");
    // As long as a reason may be, in letters of two bytes.
    let reason = "Rückfrage & Prüfung einer Zahlung, ".repeat(57);
    let reason = reason.trim().trim_end_matches(',');
    let form = form
        .with("reason", reason)
        .with("for_text", "90m")
        .with("ticket", "INC-1")
        .with("scope.region", "us");
    server.advance(2 * 3_600);
    let answer = dana.send(&form.clone().with("action", "send")).await.expect(303);
    assert_eq!(answer.header("location"), "/sign-in");
    let words = dana.follow(answer).await.expect(200).words();
    assert!(
        words.contains("nothing was sent") && words.contains("comes back as you filled it in"),
        "{words}"
    );

    let page = server.sign_in_with(&dana, "dana").await;
    let again = page.form("/request");
    for field in ["role", "for_text", "reason", "ticket", "scope.region"] {
        assert_eq!(again.value(field), form.value(field), "{field}");
    }
    assert!(facts::requests(server.broker().store.as_ref()).await.is_empty(), "nothing is sent by itself");
    let _ = dana.send(&again.with("action", "send")).await.expect(303);
    let all = facts::requests(server.broker().store.as_ref()).await;
    assert_eq!((all.len(), all[0].reason.as_str()), (1, reason));

    // What no address can hold is not kept, and that is said before anything is lost.
    let form = dana.get("/request?role=billing-read").await.expect(200).form("/request");
    server.advance(2 * 3_600);
    let answer =
        dana.send(&form.with("reason", "\u{1F510}".repeat(1_900)).with("action", "send")).await.expect(303);
    let words = dana.follow(answer).await.expect(200).words();
    assert!(words.contains("too long to be kept"), "{words}");
    assert!(server.sign_in_with(&dana, "dana").await.path.starts_with("/request"));
    server.stop().await;
}

async fn a_decision_that_was_typed_comes_back_undecided(backend: Backend) {
    let server = TestServer::start(backend).await;
    let (dana, ana) = (server.sign_in("dana").await, server.sign_in("ana").await);
    let reference = steps::ask(&dana, "billing-read", "2h").await;
    let action = format!("/r/{reference}");
    let form = ana.get(&action).await.expect(200).form(&action);
    server.advance(2 * 3_600);
    let form =
        form.with("comment", "half an hour will do").with("shorten_to", "1800").with("decision", "approve");
    let answer = ana.send(&form).await.expect(303);
    assert_eq!(answer.header("location"), "/sign-in");
    let page = server.sign_in_with(&ana, "ana").await;
    let again = page.form(&action);
    assert_eq!((again.value("comment"), again.value("shorten_to")), ("half an hour will do", "1800"));
    let request = steps::request(&server, &reference).await;
    assert_eq!(request.state, RequestState::Pending);
    assert!(server.broker().store.decisions(request.id).await.unwrap().is_empty());
    let _ = ana.send(&again.with("decision", "approve")).await.expect(200);
    let grant = steps::grant(&server, &reference).await;
    assert_eq!((grant.ends_at - grant.starts_at).num_minutes(), 30);
    server.stop().await;
}

async fn a_form_of_an_earlier_session_comes_back(backend: Backend) {
    let server = TestServer::start(backend).await;
    let (dana, ana) = (server.sign_in("dana").await, server.sign_in("ana").await);
    let form = dana.get("/request?role=billing-read").await.expect(200).form("/request");
    let form = form.with("reason", "typed before").with("for_text", "1h").with("action", "send");
    dana.forget();
    let _ = server.sign_in_with(&dana, "dana").await;
    let page = dana.send(&form).await.expect(403);
    assert!(page.words().contains("nothing was sent"), "{}", page.words());
    let again = page.form("/request");
    assert_eq!(again.value("reason"), "typed before");
    assert!(facts::requests(server.broker().store.as_ref()).await.is_empty());
    let _ = dana.send(&again.with("action", "send")).await.expect(303);

    let reference = facts::requests(server.broker().store.as_ref()).await[0].reference.clone();
    let action = format!("/r/{reference}");
    let form = ana
        .get(&action)
        .await
        .expect(200)
        .form(&action)
        .with("comment", "typed before")
        .with("decision", "approve");
    ana.forget();
    let _ = server.sign_in_with(&ana, "ana").await;
    let page = ana.send(&form).await.expect(403);
    let again = page.form(&action);
    assert_eq!(again.value("comment"), "typed before");
    assert_eq!(steps::request(&server, &reference).await.state, RequestState::Pending);
    let _ = ana.send(&again.with("decision", "approve")).await.expect(200);
    server.stop().await;
}
