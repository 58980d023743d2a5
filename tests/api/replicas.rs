//! Two servers as processes of their own on one PostgreSQL database: one is stopped by a signal, or cut off from the
//! database's notices, while people and programs go on. No promise breaks.
use std::time::{Duration, Instant};

use hallpass_domain::grant::GrantState;
use hallpass_domain::request::RequestState;
use hallpass_tests::browserless::Browser;
use hallpass_tests::caller::Caller;
use hallpass_tests::served::{Served, Serving};
use hallpass_tests::wait::eventually;
use serde_json::json;

use crate::steps;

/// The one that requests go to, and the one that something happens to.
const A: usize = 0;
const B: usize = 1;

async fn two() -> Served {
    Served::start(Serving {
        program: std::path::Path::new(env!("CARGO_BIN_EXE_hallpassd-faults")),
        count: 2,
        targets: Vec::new(),
        variables: Vec::new(),
    })
    .await
}

/// Whether one of the servers says that a token is active.
async fn is_active(served: &Served, number: usize, token: &str) -> bool {
    let answer = served.introspect_at(number, "billing-api", token).await;
    answer["active"] == json!(true) || {
        assert_eq!(answer, json!({ "active": false }));
        false
    }
}

/// A grant of dana's with a token that both servers have in memory; and what the grant ends by.
async fn warm(served: &Served, dana: &Browser, approver: &Browser) -> (String, String) {
    let reference = steps::ask(dana, "billing-read", "1h").await;
    steps::approve(approver, &reference).await;
    let grant = steps::grant(&served.server, &reference).await;
    let token = steps::token(&served.server, dana, &grant).await;
    for number in [A, B, A, B] {
        assert!(is_active(served, number, &token).await);
    }
    (format!("/grants/{}/end", grant.id), token)
}

/// Ends a grant at the first server, and waits for its answer.
async fn end(served: &Served, api: &Caller, path: &str) {
    served.caller_at(A, api).post(path, json!({})).await.ok(200);
}

/// While the other server does not hear the database, and while it does not run at all, a token is revoked: once that is
/// answered, the other server calls it inactive, from its first answer on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_revokes_is_dead_on_the_other() {
    let served = two().await;
    let (dana, ana) = (served.server.sign_in("dana").await, served.server.sign_in("ana").await);
    let api = served.server.api_with(&dana).await;

    let (path, token) = warm(&served, &dana, &ana).await;
    end(&served, &api, &path).await;
    assert!(!is_active(&served, B, &token).await && !is_active(&served, A, &token).await);

    let (path, token) = warm(&served, &dana, &ana).await;
    served.cut_listener(B);
    end(&served, &api, &path).await;
    assert!(!is_active(&served, B, &token).await, "it does not hear, and knows that it does not");
    // It goes on like that: what it cannot hear about is read, and what is revoked meanwhile is dead.
    let (path, token) = warm(&served, &dana, &ana).await;
    end(&served, &api, &path).await;
    assert!(!is_active(&served, B, &token).await);
    served.mend_listener(B);

    let (path, token) = warm(&served, &dana, &ana).await;
    served.replicas[B].process.signal("STOP");
    served.replicas[B].process.stopped().await;
    end(&served, &api, &path).await;
    assert!(!is_active(&served, A, &token).await);
    let asked = tokio::spawn({
        let (nobody, secret) = (
            served.server.nobody().at(&served.replicas[B].address),
            served.server.secret("billing-api").to_owned(),
        );
        let token = token.clone();
        async move {
            nobody.oauth("introspect", Some(("billing-api", &secret)), &[("token", &token)]).await.ok(200)
        }
    });
    served.replicas[B].process.signal("CONT");
    let went_on = Instant::now();
    let first = asked.await.unwrap();
    if first != json!({ "active": false }) {
        // What it had in memory when it was stopped; it must know better within a second.
        eventually("it to know better", || async { (!is_active(&served, B, &token).await).then_some(()) })
            .await;
        assert!(went_on.elapsed() < Duration::from_secs(1), "after {:?}", went_on.elapsed());
    }
    for _ in 0..20 {
        assert!(!is_active(&served, B, &token).await);
    }
    served.stop().await;
}

/// A server that has issued under a grant remembers it; one that was ended at the other server gives nothing any more, whether
/// the notice of it arrives or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_issued_under_what_the_other_ended() {
    let served = two().await;
    let server = &served.server;
    let api = server.api_with(&server.sign_in("ada").await).await;
    let fields = [("grant_type", "client_credentials"), ("scope", "status-read")];
    let fetch = async |number: usize| {
        let nobody = server.nobody().at(&served.replicas[number].address);
        nobody.oauth("token", Some(("nightly-report", server.secret("nightly-report"))), &fields).await
    };
    for hears in [true, false] {
        for number in [A, B, A, B] {
            let issued = fetch(number).await.ok(200);
            server.secrets.plant("a workload's token", issued["access_token"].as_str().unwrap());
        }
        if !hears {
            served.cut_listener(B);
        }
        let active = served.caller_at(A, &api).get("/grants?view=all&state=active").await.ok(200);
        let grant = active["items"][0]["id"].as_str().expect("the standing grant").to_owned();
        served
            .caller_at(A, &api)
            .post(&format!("/grants/{grant}/revoke"), json!({ "reason": "it was broken into" }))
            .await
            .ok(200);
        for number in [B, A, B] {
            fetch(number).await.refused(400, "unauthorized_client");
        }
        served.mend_listener(B);
        served.caller_at(A, &api).post(&format!("/grants/{grant}/lift"), json!({})).await.ok(200);
    }
    served.stop().await;
}

/// What is decided, withdrawn, signed out and used up at one server is so at the other, from its next answer on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_decides_the_other_knows() {
    let served = two().await;
    let server = &served.server;
    let (dana, ana, bo) =
        (server.sign_in("dana").await, server.sign_in("ana").await, server.sign_in("bo").await);
    // Not even the one that hears nothing answers from what it knew before.
    served.cut_listener(B);

    let reference = steps::ask(&served.browser_at(B, &dana), "billing-read", "1h").await;
    let (ana_at_a, bo_at_b) = (served.browser_at(A, &ana), served.browser_at(B, &bo));
    let shown = bo_at_b.get(&format!("/r/{reference}")).await.expect(200);
    steps::approve(&ana_at_a, &reference).await;
    let page = served.browser_at(B, &dana).get(&format!("/requests/{reference}")).await.expect(200).words();
    assert!(page.contains("Approved"), "{page}");
    // bo presses the button of the page that he still has.
    let form = shown.form(&format!("/r/{reference}")).with("decision", "approve");
    let late = bo_at_b.send(&form).await;
    assert!(late.words().contains("Ana Ruiz") && late.status != 500, "{}: {}", late.status, late.words());
    assert_eq!(steps::request(server, &reference).await.state, RequestState::Approved);
    assert_eq!(
        server.broker().store.decisions(steps::request(server, &reference).await.id).await.unwrap().len(),
        1
    );

    let reference = steps::ask(&served.browser_at(A, &dana), "ledger-read", "1h").await;
    let form = served.browser_at(A, &dana).get(&format!("/requests/{reference}")).await.expect(200);
    let form = form.form(&format!("/requests/{reference}/withdraw"));
    let shown = bo_at_b.get(&format!("/r/{reference}")).await.expect(200);
    let _ = served.browser_at(A, &dana).send(&form).await.expect(303);
    let _ = bo_at_b.send(&shown.form(&format!("/r/{reference}")).with("decision", "approve")).await;
    assert_eq!(steps::request(server, &reference).await.state, RequestState::Withdrawn);

    // The grant ends at one server; the other neither issues nor shows it as active.
    let grant = steps::granted(server, &dana, "reports-read", "1h").await;
    let api = server.api_with(&dana).await;
    end(&served, &api, &format!("/grants/{}/end", grant.id)).await;
    let refused =
        served.caller_at(B, &api).post(&format!("/grants/{}/credentials", grant.id), json!({})).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    for item in server
        .broker()
        .store
        .grants(&Default::default(), hallpass_domain::ports::store::Page::first(50))
        .await
        .unwrap()
    {
        if item.state == GrantState::Active {
            end(&served, &api, &format!("/grants/{}/end", item.id)).await;
        }
    }

    // A session that is ended at one server, with the tokens that belong to it.
    let form =
        served.browser_at(A, &dana).get("/account").await.expect(200).form("/account/sessions/end-all");
    let _ = served.browser_at(B, &dana).get("/account").await.expect(200);
    served.caller_at(B, &api).get("/me").await.ok(200);
    let _ = served.browser_at(A, &dana).send(&form).await.expect(303);
    assert_eq!(served.browser_at(B, &dana).get("/account").await.header("location"), "/sign-in");
    served.caller_at(B, &api).get("/me").await.refused(401, "invalid_token");
    served.stop().await;
}

/// A code of the authenticator app works once, wherever; and guesses are limited at each server (docs/operations.md).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_used_on_one_is_used_on_the_other() {
    let served = two().await;
    let server = &served.server;
    let ana = server.account("ana").await;
    let at_second_factor = async |number: usize| {
        let browser = served.browser_at(number, &server.browser());
        let form = browser.get("/sign-in").await.expect(200).form("/sign-in");
        let form = form.with("email", ana.email.as_str()).with("password", ana.password.as_str());
        assert_eq!(browser.send(&form).await.expect(303).header("location"), "/sign-in/second-factor");
        browser
    };
    let give = async |browser: &Browser, code: &str| {
        let form = browser.get("/sign-in/second-factor").await.expect(200).form("/sign-in/second-factor");
        browser.send(&form.with("totp", code)).await
    };
    let (one, two) = (at_second_factor(A).await, at_second_factor(B).await);
    let code = server.totp("ana").await;
    let _ = give(&one, &code).await.expect(303);
    let refused = give(&two, &code).await;
    assert_eq!(refused.status, 401, "{}", refused.words());
    let _ = give(&two, &server.totp("ana").await).await.expect(303);

    // Both at once: one of them.
    let (one, two) = (at_second_factor(A).await, at_second_factor(B).await);
    let code = server.totp("ana").await;
    let (first, second) = tokio::join!(give(&one, &code), give(&two, &code));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 401], "{} {}", first.words(), second.words());

    let guesser = at_second_factor(A).await;
    let mut refusals = Vec::new();
    for _ in 0..8 {
        refusals.push(give(&guesser, "000000").await.status);
    }
    assert!(refusals.ends_with(&[429, 429]), "{refusals:?}");
    let elsewhere = at_second_factor(B).await;
    let mut more = 0;
    while give(&elsewhere, "000000").await.status != 429 {
        more += 1;
        assert!(more <= 6, "each server limits by itself");
    }
    served.stop().await;
}

/// People and programs go on at both servers while one is stopped for a while, goes on, and is cut off from the notices:
/// whatever was answered is so, at both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_stops_for_a_while_again_and_again() {
    const ROUNDS: usize = 3;
    let served = two().await;
    let server = &served.server;
    let (dana, sam, ana, bo) = (
        server.sign_in("dana").await,
        server.sign_in("sam").await,
        server.sign_in("ana").await,
        server.sign_in("bo").await,
    );
    let (dana_api, sam_api) = (server.api_with(&dana).await, server.api_with(&sam).await);
    let lanes = [(&dana, &dana_api, &ana), (&sam, &sam_api, &bo)];
    let living = futures_util::future::join_all(lanes.map(|(holder, api, approver)| {
        let served = &served;
        async move {
            for round in 0..ROUNDS {
                // Each step at the other server than the step before.
                let (one, other) = if round % 2 == 0 { (A, B) } else { (B, A) };
                let reference = steps::ask(&served.browser_at(one, holder), "billing-read", "1h").await;
                steps::approve(&served.browser_at(other, approver), &reference).await;
                let grant = steps::grant(&served.server, &reference).await;
                let issued = served
                    .caller_at(one, api)
                    .post(&format!("/grants/{}/credentials", grant.id), json!({}))
                    .await
                    .ok(201);
                let token = issued["access_token"].as_str().expect("a token").to_owned();
                served.server.secrets.plant("a token", &token);
                assert!(is_active(served, other, &token).await && is_active(served, one, &token).await);
                served
                    .caller_at(one, api)
                    .post(&format!("/grants/{}/end", grant.id), json!({}))
                    .await
                    .ok(200);
                assert!(!is_active(served, one, &token).await && !is_active(served, other, &token).await);
            }
        }
    }));
    let mut living = Box::pin(living);
    let mut turn = 0;
    loop {
        let number = turn % 2;
        let replica = &served.replicas[number].process;
        if turn % 3 == 2 {
            served.cut_listener(number);
        } else {
            replica.signal("STOP");
        }
        let pause = tokio::time::sleep(Duration::from_millis(1_300));
        let done = tokio::select! { _ = &mut living => true, () = pause => false };
        replica.signal("CONT");
        served.mend_listener(number);
        if done {
            break;
        }
        let pause = tokio::time::sleep(Duration::from_millis(700));
        if tokio::select! { _ = &mut living => true, () = pause => false } {
            break;
        }
        turn += 1;
    }
    drop(living);
    assert!(turn >= 2, "they were stopped in the middle of it");
    served.stop().await;
}
