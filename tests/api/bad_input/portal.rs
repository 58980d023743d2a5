//! Mistakes in the portal's forms: the page comes back with what was typed and says what to do.
use hallpass_tests::browserless::Page;
use hallpass_tests::database::Backend;
use hallpass_tests::facts;
use hallpass_tests::server::TestServer;

use crate::steps;

on_all!(
    mistakes_in_asking_come_back_to_the_form,
    a_double_submit_asks_once,
    a_wrong_password_tells_nothing,
    a_shortening_that_is_no_time_is_never_the_whole_time,
);

#[track_caller]
fn assert_says(page: &Page, words: &str) {
    assert!(page.words().contains(words), "wanted “{words}” in {}", page.words());
    assert!(page.body.contains("<title>Error: "), "the title says that it is an error");
}

async fn mistakes_in_asking_come_back_to_the_form(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let form = dana.get("/request?role=billing-read").await.expect(200).form("/request");
    let form = form.with("reason", "why I need it").with("ticket", "INC-1").with("for_text", "90m");
    for (field, value, words) in [
        ("for_text", "9h", "8 h; ask for less"),
        ("for_text", "0m", "must be longer than zero"),
        ("for_text", "-5m", "must be longer than zero"),
        ("for_text", "until 2020-01-01 10:00", "has already passed"),
        ("for_text", "soon", "is not a time; write a duration such as 90m"),
        ("for_text", "99999999999999999999h", "is not a time"),
        ("reason", "", "reason"),
        ("reason", " \u{200b}\u{202e} ", "reason"),
        ("scope.region", "mars", "eu, us"),
        ("scope.planet", "mars", "planet"),
    ] {
        for action in ["check", "send"] {
            if action == "check" && field == "reason" {
                continue; // asked for at the end
            }
            let page = dana.send(&form.clone().with(field, value).with("action", action)).await;
            assert_eq!(page.status, 422, "{field} {value:?} {action}: {}", page.words());
            assert_says(&page, words);
            let again = page.form("/request");
            for (kept, typed) in [("reason", "why I need it"), ("ticket", "INC-1"), ("for_text", "90m")] {
                assert!(
                    kept == field || again.value(kept) == typed,
                    "{kept} was lost with {field} {value:?}"
                );
            }
        }
    }
    let unknown = dana.send(&form.clone().with("role", "no-such-role").with("action", "send")).await;
    assert!(matches!(unknown.status, 404 | 422), "{}", unknown.words());
    let unknown = dana.get("/request?role=no-such-role").await;
    assert_eq!(unknown.status, 404, "{}", unknown.words());
    // A role of others is as unknown as one that is not there.
    let eve = server.sign_in("eve").await;
    let foreign = eve.get("/request?role=billing-refund").await;
    assert_eq!(foreign.status, 404, "{}", foreign.words());
    assert_eq!(facts::requests(server.broker().store.as_ref()).await.len(), 0, "nothing was asked");
    server.stop().await;
}

async fn a_double_submit_asks_once(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let form = dana.get("/request?role=billing-read").await.expect(200).form("/request");
    let form = form.with("for_text", "1h").with("reason", "two clicks").with("action", "send");
    let first = dana.send(&form).await.expect(303);
    let second = dana.submit(&form).await.expect(200);
    assert!(second.words().contains("already asked exactly this"), "{}", second.words());
    let all = facts::requests(server.broker().store.as_ref()).await;
    assert_eq!(all.len(), 1);
    assert_eq!(first.header("location"), format!("/requests/{}", all[0].reference));

    // Two clicks at the same moment, too.
    for n in 1..=4 {
        let form = form.clone().with("reason", format!("two clicks at once, {n}"));
        let both = tokio::join!(dana.send(&form), dana.send(&form), dana.send(&form));
        assert_eq!((both.0.status, both.1.status, both.2.status), (303, 303, 303));
        assert_eq!(facts::requests(server.broker().store.as_ref()).await.len(), 1 + n);
    }

    // The same form once more, when its request is over: it is not asked again by that.
    let path = first.header("location").to_owned();
    let _ = dana.submit(&dana.get(&path).await.form(&format!("{path}/withdraw"))).await.expect(200);
    let late = dana.send(&form).await.expect(303);
    assert_eq!(late.header("location"), path);
    // The form opened anew asks anew.
    steps::ask_because(&dana, "billing-read", "1h", "two clicks").await;
    assert_eq!(facts::requests(server.broker().store.as_ref()).await.len(), 6);
    server.stop().await;
}

async fn a_wrong_password_tells_nothing(backend: Backend) {
    let server = TestServer::start(backend).await;
    let person = server.account("ana").await;
    let browser = server.browser();
    let mut answers = Vec::new();
    for (email, password) in [
        (person.email.as_str(), "wrong"),
        ("nobody@hall.test", person.password.as_str()),
        ("eve@hall.test", "has no password yet"),
        ("not an address", "x"),
        (person.email.as_str(), ""),
    ] {
        let form = browser.get("/sign-in").await.expect(200).form("/sign-in");
        let page = browser.send(&form.with("email", email).with("password", password)).await;
        assert_eq!(page.status, 401, "{email}");
        assert_says(&page, "The email or the password is not right");
        assert_eq!(page.form("/sign-in").value("email"), email, "what was typed is not lost");
        assert_eq!(page.form("/sign-in").value("password"), "");
        answers.push(page.words());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "one answer for every reason");

    // Second factor: wrong, then the same code twice.
    let form = browser.get("/sign-in").await.form("/sign-in").with("email", person.email.as_str());
    let _ = browser.send(&form.with("password", person.password.as_str())).await.expect(303);
    let form = browser.get("/sign-in/second-factor").await.expect(200).form("/sign-in/second-factor");
    let page = browser.send(&form.clone().with("totp", "000000")).await;
    assert_eq!(page.status, 401);
    assert_says(&page, "That code is not right, or it was used already");
    let code = server.totp("ana").await;
    let _ = browser.send(&form.with("totp", code.as_str())).await.expect(303);
    let other = server.browser();
    let form = other.get("/sign-in").await.form("/sign-in").with("email", person.email.as_str());
    let _ = other.send(&form.with("password", person.password.as_str())).await.expect(303);
    let form = other.get("/sign-in/second-factor").await.form("/sign-in/second-factor").with("totp", code);
    assert_eq!(other.send(&form).await.status, 401, "a code works once");

    // Ten wrong ones from one place: a pause, and it says how long. Others are not locked out by it.
    let bot = server.browser();
    let mut last = None;
    for _ in 0..11 {
        let form = bot.get("/sign-in").await.form("/sign-in");
        last = Some(bot.send(&form.with("email", "bo@hall.test").with("password", "guess")).await);
    }
    let last = last.unwrap();
    assert_eq!(last.status, 429, "{}", last.words());
    assert_says(&last, "Wait 60 seconds");
    let dana = server.sign_in("dana").await;
    steps::ask(&dana, "billing-read", "1h").await;
    server.stop().await;
}

async fn a_shortening_that_is_no_time_is_never_the_whole_time(backend: Backend) {
    let server = TestServer::start(backend).await;
    let (dana, ana) = (server.sign_in("dana").await, server.sign_in("ana").await);
    let reference = steps::ask(&dana, "billing-read", "1h").await;
    let action = format!("/r/{reference}");
    for (typed, words) in [
        ("abc", "“abc” is not a time"),
        ("30x", "is not a time"),
        ("1.5h", "is not a time"),
        ("99999999999999999999", "is not a time"),
        ("0", "must be longer than zero"),
        ("-5m", "must be longer than zero"),
    ] {
        let fields = [("shorten_to", typed), ("comment", "half an hour will do")];
        let page = steps::decide(&ana, &reference, "approve", &fields).await;
        assert_eq!(page.status, 422, "{typed:?}: {}", page.words());
        assert_says(&page, words);
        let again = page.form(&action);
        assert_eq!(again.value("comment"), "half an hour will do");
        assert_eq!(again.value("shorten_to"), typed, "the page does not stand at the whole time instead");
        let request = steps::request(&server, &reference).await;
        assert!(server.broker().store.decisions(request.id).await.unwrap().is_empty(), "{typed:?}");
    }
    // The words of every other time, too.
    let _ = steps::decide(&ana, &reference, "approve", &[("shorten_to", "30m")]).await.expect(200);
    let grant = steps::grant(&server, &reference).await;
    assert_eq!((grant.ends_at - grant.starts_at).num_minutes(), 30);
    server.stop().await;
}
