//! Who decides, in which order, how many, for how long, and with what proof.
use chrono::TimeDelta;
use hallpass_domain::request::{RequestState, Verdict};
use hallpass_domain::workflow::Proof;
use hallpass_tests::browserless::Browser;
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;
use serde_json::json;

use crate::steps;

on_all!(
    two_distinct_people,
    stages_in_order,
    the_least_of_all_caps,
    a_fixed_end_stands,
    a_fixed_end_is_shortened,
    a_high_tier_needs_a_fresh_second_factor_used_once,
    nobody_decides_what_he_asked,
    deny_ends_it,
    a_command_line_decides_at_session_strength,
);

async fn two_distinct_people(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let reference = steps::ask(&dana, "billing-audit", "1h").await;
    server.settle().await;
    assert_eq!(server.mailbox.recipients("Approve?"), ["ana", "bo", "cleo", "kim", "olga"]);
    let ana = server.sign_in("ana").await;
    let page = steps::approve(&ana, &reference).await.words();
    assert!(page.contains("1 more approval is needed"), "{page}");
    assert_eq!(steps::request(&server, &reference).await.state, RequestState::Pending);

    // The same person in another browser counts no second time.
    let again = server.sign_in("ana").await;
    let opened = again.get(&format!("/r/{reference}")).await;
    steps::assert_outcome(&opened, "Already decided");
    let words = opened.words();
    assert!(words.contains("Your decision is recorded") && !words.contains("faster"), "{words}");
    let digest = steps::request(&server, &reference).await.digest;
    let fields = [("digest", digest.as_str()), ("decision", "approve")];
    let twice = again.send(&again.made_up(&format!("/r/{reference}"), &fields)).await;
    assert_eq!(twice.status, 409);
    assert_eq!(steps::request(&server, &reference).await.state, RequestState::Pending);

    let kim = server.sign_in("kim").await;
    steps::approve(&kim, &reference).await;
    let request = steps::request(&server, &reference).await;
    assert_eq!(request.state, RequestState::Approved);
    let decisions = server.broker().store.decisions(request.id).await.unwrap();
    assert_eq!(decisions.len(), 2);
    assert!(decisions.iter().all(|d| d.digest == request.digest && d.verdict == Verdict::Approve));
    // Who was asked and has not decided is told that there is nothing left to do; who approved knows it.
    server.settle().await;
    assert_eq!(server.mailbox.recipients("No action needed"), ["bo", "cleo", "olga"]);

    // Nor is the first of two told so when the request is taken back, or lapses.
    for (nth, over) in ["withdrawn", "lapsed"].into_iter().enumerate() {
        let reference = steps::ask_because(&dana, "billing-audit", "1h", over).await;
        steps::approve(&ana, &reference).await;
        if over == "withdrawn" {
            let path = format!("/requests/{reference}");
            let form = dana.get(&path).await.expect(200).form(&format!("{path}/withdraw"));
            let _ = dana.send(&form).await.expect(303);
        } else {
            server.advance(8 * 3_600 + 1);
        }
        server.settle().await;
        let told = server.mailbox.recipients("No action needed");
        let of = |key: &str| told.iter().filter(|to| *to == key).count();
        let (first, others) = (of("ana"), ["bo", "cleo", "olga"].map(of));
        assert_eq!((first, others), (0, [nth + 2; 3]), "{over}: {told:?}");
        assert_eq!(of("kim"), nth + 1, "{over}: {told:?}");
    }
    server.stop().await;
}

async fn stages_in_order(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let reference = steps::ask(&dana, "billing-admin", "1h").await;
    server.settle().await;
    assert_eq!(server.mailbox.recipients("Approve?"), ["ana", "bo", "olga"], "the first stage only");
    let cleo = server.sign_in("cleo").await;
    let early = cleo.get(&format!("/r/{reference}")).await;
    assert!(
        early.forms().iter().all(|f| f.action != format!("/r/{reference}")),
        "no form before its stage: {}",
        early.words()
    );
    assert!(
        !early.words().contains("a customer asks"),
        "a stage that is not open reads nothing: {}",
        early.words()
    );

    let bo = server.sign_in("bo").await;
    steps::approve(&bo, &reference).await;
    let request = steps::request(&server, &reference).await;
    assert_eq!((request.state, request.stage), (RequestState::Pending, 1));
    assert_eq!(request.decide_by, server.now() + TimeDelta::hours(4), "each stage has its own time");
    server.settle().await;
    assert_eq!(server.mailbox.recipients("Approve?"), ["ana", "bo", "cleo", "kim", "olga"]);
    assert_eq!(server.mailbox.recipients("No action needed"), ["ana", "olga"]);
    // The first stage is settled for those who did not decide in it.
    let ana = server.sign_in("ana").await;
    steps::assert_outcome(&ana.get(&format!("/r/{reference}")).await, "This stage is settled");

    steps::approve(&cleo, &reference).await;
    assert_eq!(steps::request(&server, &reference).await.state, RequestState::Approved);
    assert_eq!(steps::grant(&server, &reference).await.starts_at, server.now(), "from the final approval");
    server.stop().await;
}

async fn the_least_of_all_caps(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let reference = steps::ask(&dana, "billing-admin", "2h").await;
    let (ana, cleo) = (server.sign_in("ana").await, server.sign_in("cleo").await);
    let action = format!("/r/{reference}");
    assert!(ana.get(&action).await.words().contains("for 2 h"));
    let _ = steps::decide(&ana, &reference, "approve", &[("shorten_to", "1800")]).await.expect(200);

    // The later approver sees it, and can shorten further but not lengthen.
    let page = cleo.get(&action).await.expect(200).words();
    assert!(page.contains("30 min") && page.contains("shortened by Ana Ruiz"), "{page}");
    let later = steps::decide(&cleo, &reference, "approve", &[("shorten_to", "7200")]).await.expect(200);
    steps::assert_outcome(&later, "Approved");
    let grant = steps::grant(&server, &reference).await;
    assert_eq!(grant.ends_at - grant.starts_at, TimeDelta::minutes(30), "the least of all caps");
    server.settle().await;
    let mail = server.mailbox.newest("dana", "Approved until");
    assert!(mail.text.contains("30 min (you asked 2 h)"), "{}", mail.text);
    server.stop().await;
}

async fn a_fixed_end_stands(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    // It is 10:00 in Berlin.
    let reference = steps::ask(&dana, "billing-read", "until 12:00").await;
    let end = "2026-11-23T11:00:00Z".parse::<hallpass_domain::Timestamp>().unwrap();
    server.advance(3_600);
    let ana = server.sign_in("ana").await;
    let page = steps::approve(&ana, &reference).await.words();
    let grant = steps::grant(&server, &reference).await;
    assert_eq!((grant.starts_at, grant.ends_at), (server.now(), end), "a late approval shortens it");
    // Times are the reader's, and UTC: on the page of the outcome and in mail.
    assert!(page.contains("until 12:00 CET (11:00 UTC)"), "{page}");
    assert!(page.contains("ends at 12:00 CET (11:00 UTC)"), "{page}");
    server.settle().await;
    let mail = server.mailbox.newest("dana", "Approved until 12:00 CET");
    let words = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("23 Nov 2026 12:00:00 CET (11:00:00 UTC)"), "{words}");

    // Too late lapses it: nobody gets a grant whose end has passed.
    let dana = server.sign_in("dana").await;
    let late = steps::ask(&dana, "reports-read", "until 12:30").await;
    server.set_clock("2026-11-23T11:30:00Z".parse().unwrap());
    let bo = server.sign_in("bo").await;
    let page = bo.get(&format!("/r/{late}")).await.expect(200);
    if page.forms().iter().any(|f| f.action == format!("/r/{late}")) {
        steps::assert_outcome(&steps::decide(&bo, &late, "approve", &[]).await, "Lapsed");
    } else {
        steps::assert_outcome(&page, "Lapsed");
    }
    server.settle().await;
    assert_eq!(steps::request(&server, &late).await.state, RequestState::Lapsed);
    assert_eq!(server.mailbox.recipients("Lapsed"), ["dana"]);
    server.stop().await;
}

async fn a_fixed_end_is_shortened(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    // It is 10:00 in Berlin: two hours, of which Ana gives one.
    let reference = steps::ask(&dana, "billing-admin", "until 12:00").await;
    let (ana, cleo) = (server.sign_in("ana").await, server.sign_in("cleo").await);
    let action = format!("/r/{reference}");
    let longer = steps::decide(&ana, &reference, "approve", &[("shorten_to", "10800")]).await.expect(422);
    assert!(longer.words().contains("may only shorten"), "{}", longer.words());
    let _ = steps::decide(&ana, &reference, "approve", &[("shorten_to", "3600")]).await.expect(200);

    // Whoever comes later sees it wherever he looks: in the mail, in the inbox, on the page.
    server.settle().await;
    let mail = server.mailbox.newest("cleo", "Approve?");
    assert!(mail.subject.contains("1 h, until 12:00 CET (11:00 UTC) at the latest"), "{}", mail.subject);
    let words = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("if approved now, until 11:00 CET"), "{words}");
    for page in [cleo.get("/inbox").await.words(), cleo.get(&action).await.words()] {
        assert!(page.contains("for 1 h, until 12:00 CET at the latest"), "{page}");
    }
    let page = cleo.get(&action).await.words();
    assert!(page.contains("as shortened (1 h)") && page.contains("shortened by Ana Ruiz"), "{page}");
    let seen = server.api_with(&dana).await.get(&format!("/requests/{reference}")).await.ok(200);
    assert_eq!(
        (&seen["shortened_to"]["seconds"], &seen["until"]),
        (&json!(3_600), &json!("2026-11-23T11:00:00Z"))
    );

    steps::assert_outcome(&steps::decide(&cleo, &reference, "approve", &[]).await, "Approved");
    let grant = steps::grant(&server, &reference).await;
    assert_eq!(grant.ends_at - grant.starts_at, TimeDelta::hours(1));
    server.settle().await;
    let mail = server.mailbox.newest("dana", "Approved until 11:00 CET");
    assert!(mail.text.contains("1 h (you asked until 12:00 CET"), "{}", mail.text);

    // Once the end is nearer than that, it is the end alone that counts.
    let late = steps::ask(&dana, "billing-admin", "until 11:30").await;
    let _ = steps::decide(&ana, &late, "approve", &[("shorten_to", "3600")]).await.expect(200);
    server.advance(2_700);
    let page = cleo.get(&format!("/r/{late}")).await.words();
    assert!(page.contains("until 11:30 CET") && !page.contains("at the latest"), "{page}");
    server.stop().await;
}

async fn a_high_tier_needs_a_fresh_second_factor_used_once(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let reference = steps::ask(&dana, "billing-refund", "15m").await;
    let ana = server.sign_in("ana").await;
    let digest = steps::request(&server, &reference).await.digest;

    // Without a code, and with a wrong one: the page comes back, with what was typed, and nothing is decided.
    for code in ["", "000000"] {
        let page =
            steps::decide(&ana, &reference, "approve", &[("comment", "looked at it"), ("totp", code)]).await;
        assert_eq!(page.status, 401, "{code:?}: {}", page.words());
        assert_eq!(page.form(&format!("/r/{reference}")).value("comment"), "looked at it");
    }
    assert_eq!(steps::request(&server, &reference).await.state, RequestState::Pending);

    // A code that came with a decision for another digest is not used up for it.
    let code = server.totp("ana").await;
    let moved =
        steps::decide(&ana, &reference, "approve", &[("digest", "0".repeat(64).as_str()), ("totp", &code)])
            .await;
    assert_eq!(moved.status, 409, "{}", moved.words());
    steps::assert_outcome(&moved, "It changed while you looked");
    let page = steps::decide(&ana, &reference, "approve", &[("totp", &code)]).await.expect(200);
    steps::assert_outcome(&page, "Your approval is recorded");
    let request = steps::request(&server, &reference).await;
    let decisions = server.broker().store.decisions(request.id).await.unwrap();
    assert_eq!((decisions[0].proof, decisions[0].digest.as_str()), (Proof::StepUp, digest.as_str()));

    // The same code for another request of the same minute is refused.
    let second = steps::ask(&dana, "billing-refund", "10m").await;
    let again = steps::decide(&ana, &second, "approve", &[("totp", &code)]).await;
    assert_eq!(again.status, 401, "{}", again.words());
    assert_eq!(steps::request(&server, &second).await.state, RequestState::Pending);

    // An approver without a second factor gets no form, and his POST is refused.
    let olga = server.sign_in("olga").await;
    let page = olga.get(&format!("/r/{second}")).await.expect(200);
    assert!(page.words().contains("you have none yet"), "{}", page.words());
    let digest = steps::request(&server, &second).await.digest;
    let fields = [("digest", digest.as_str()), ("decision", "approve"), ("totp", "123456")];
    let refused = olga.send(&olga.made_up(&format!("/r/{second}"), &fields)).await;
    assert_eq!(refused.status, 401, "{}", refused.words());
    let _ = dana
        .submit(&dana.get(&format!("/requests/{second}")).await.form(&format!("/requests/{second}/withdraw")))
        .await
        .expect(200);
    server.stop().await;
}

async fn nobody_decides_what_he_asked(backend: Backend) {
    let server = TestServer::start(backend).await;
    let olga = server.sign_in("olga").await;
    let reference = steps::ask(&olga, "billing-read", "30m").await;
    server.settle().await;
    assert_eq!(server.mailbox.recipients("Approve?"), ["ana", "bo"], "not to herself");
    steps::assert_outcome(&olga.get(&format!("/r/{reference}")).await, "This is your own request");
    assert_refused(&server, &olga, &reference, 403).await;

    // An owner of a workload counts as requester of what it asks.
    let workload = server.workload("nightly-report").await;
    let body = serde_json::json!({ "role": "billing-read", "for": "30m", "reason": "the nightly report" });
    let asked = workload.post("/requests", body).await.ok(201);
    let by_workload = asked["request"]["reference"].as_str().unwrap().to_owned();
    let sam = server.sign_in("sam").await;
    steps::assert_outcome(&sam.get(&format!("/r/{by_workload}")).await, "This is your own request");
    assert_refused(&server, &sam, &by_workload, 403).await;
    for reference in [&reference, &by_workload] {
        assert_eq!(steps::request(&server, reference).await.state, RequestState::Pending);
    }
    server.stop().await;
}

async fn assert_refused(server: &TestServer, browser: &Browser, reference: &str, status: u16) {
    let digest = steps::request(server, reference).await.digest;
    for decision in ["approve", "deny"] {
        let fields = [("digest", digest.as_str()), ("decision", decision), ("comment", "because")];
        let page = browser.send(&browser.made_up(&format!("/r/{reference}"), &fields)).await;
        assert_eq!(page.status, status, "{}", page.words());
    }
}

async fn deny_ends_it(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let reference = steps::ask(&dana, "billing-audit", "1h").await;
    let bo = server.sign_in("bo").await;
    let bare = steps::decide(&bo, &reference, "deny", &[]).await;
    assert_eq!(bare.status, 422);
    assert!(bare.words().contains("Say why you deny it"), "{}", bare.words());
    let page =
        steps::decide(&bo, &reference, "deny", &[("comment", "not during the freeze")]).await.expect(200);
    steps::assert_outcome(&page, "Your denial is recorded");
    assert_eq!(steps::request(&server, &reference).await.state, RequestState::Denied, "one deny ends it");
    server.settle().await;
    let mail = server.mailbox.newest("dana", "Denied");
    assert!(mail.text.contains("not during the freeze") && mail.html.contains("not during the freeze"));
    assert_eq!(server.mailbox.recipients("No action needed"), ["ana", "cleo", "kim", "olga"]);
    let page = dana.get(&format!("/requests/{reference}")).await.expect(200).words();
    assert!(page.contains("not during the freeze"), "{page}");
    server.stop().await;
}

async fn a_command_line_decides_at_session_strength(backend: Backend) {
    let server = TestServer::start(backend).await;
    let (dana, ana) = (server.api("dana").await, server.api("ana").await);
    let ask = |role: &str| serde_json::json!({ "role": role, "for": "20m", "reason": "by script" });
    let low = dana.post("/requests", ask("billing-read")).await.ok(201)["request"].clone();
    let high = dana.post("/requests", ask("billing-refund")).await.ok(201)["request"].clone();
    let path = |r: &serde_json::Value| format!("/requests/{}/decisions", r["reference"].as_str().unwrap());
    let approve = |r: &serde_json::Value| serde_json::json!({ "verdict": "approve", "digest": r["digest"] });
    let done = ana.post(&path(&low), approve(&low)).await.ok(201);
    assert_eq!((done["state"].as_str(), done["grant"]["state"].as_str()), (Some("approved"), Some("active")));

    let refused = ana.post(&path(&high), approve(&high)).await;
    assert!(refused.header("www-authenticate").contains("insufficient_user_authentication"));
    let problem = refused.refused(401, "step_up_required");
    assert_eq!(problem["id"], format!("{}/r/{}", server.base_url, high["reference"].as_str().unwrap()));
    // Nor with a code: none is taken where a session is what it would have to be bound to, and none is used up.
    let code = server.totp("ana").await;
    let mut with_code = approve(&high);
    with_code["totp"] = code.clone().into();
    let refused = ana.post(&path(&high), with_code).await;
    assert_eq!(refused.refused(422, "unknown_member")["field"], "totp");
    let deny = serde_json::json!({ "verdict": "deny", "digest": high["digest"], "comment": "no" });
    ana.post(&path(&high), deny).await.refused(401, "step_up_required");
    // The holder reads the outcome; the workload of somebody else decides nothing.
    let workload = server.workload("nightly-report").await;
    workload.post(&path(&high), approve(&high)).await.refused(404, "not_found");
    let reference = high["reference"].as_str().unwrap();
    dana.post(&format!("/requests/{reference}/withdraw"), serde_json::json!({})).await.ok(200);
    server.stop().await;
}
