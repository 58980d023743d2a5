//! Text that no keyboard types, in every field: an answer that is no failure of ours, and no control characters out.
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;
use serde_json::json;

use crate::steps;

on_all!(odd_text_breaks_nothing, text_loses_its_control_characters);

const ODD: [&str; 6] = [
    "\u{0}",
    "a\u{0}b",
    "\u{202e}evil\u{2066}",
    "\r\nBcc: x@y.z",
    "'; DROP TABLE requests; --",
    "{{7*7}}<script>alert(1)</script>",
];

async fn odd_text_breaks_nothing(backend: Backend) {
    let server = TestServer::start(backend).await;
    let ada = server.sign_in("ada").await;
    let api = server.api("ada").await;
    for odd in ODD {
        let q = hallpass_tests::browserless::encode(&[("", odd)]);
        let q = &q[1..];
        for path in [
            format!("/catalogue?q={q}&target={q}&tier={q}&after={q}"),
            format!("/requests?state={q}&after={q}"),
            format!("/request?role={q}&for={q}&for_text={q}&reason={q}&scope.{q}={q}"),
            format!("/audit?actor={q}&action={q}&object={q}&from={q}&to={q}&before={q}"),
            format!("/inbox?tab={q}&after={q}"),
            format!("/catalogue/people?q={q}&after={q}"),
            format!("/catalogue/{q}"),
            format!("/requests/{q}"),
            format!("/r/{q}"),
            format!("/grants/{q}"),
            format!("/credentials/{q}/watch"),
            format!("/assets/{q}"),
            format!("/api/v1/roles?q={q}"),
            format!("/api/v1/{q}"),
            format!("/{q}"),
        ] {
            let page = ada.get(&path).await;
            assert!(page.status < 500, "{path}: {} {}", page.status, page.words());
            assert!(!page.body.contains("<script>alert"), "{path}");
        }
        for path in [
            format!("/audit/events?kind={q}"),
            format!("/audit/events?actor=user:{q}"),
            format!("/audit/events?subject=request:{q}"),
            format!("/audit/events?subject={q}"),
            format!("/requests?role={q}"),
            format!("/grants?role={q}"),
            format!("/admin/catalogue/people?q={q}"),
            format!("/requests/{q}"),
            format!("/roles/{q}"),
        ] {
            let answer = api.get(&path).await;
            assert!(answer.status < 500, "{path}: {}", answer.text);
        }
        let catalogue = format!("[[people]]\nemail = {odd:?}\nname = \"x\"\n").replace("\\u{", "\\U{");
        for toml in [odd.to_owned(), catalogue] {
            let answer = api.post("/admin/catalogue", json!({ "toml": toml, "apply": false })).await;
            assert_eq!(answer.status, 422, "{odd:?}: {}", answer.text);
        }
        let device = [("client_id", "hallpass-cli"), ("machine", odd)];
        assert!(server.nobody().oauth("device_authorization", None, &device).await.status < 500, "{odd:?}");
        let nobody = server.browser();
        let form = nobody.get("/sign-in").await.form("/sign-in").with("email", odd).with("password", odd);
        assert!(nobody.send(&form).await.status < 500, "{odd:?}");
    }
    server.stop().await;
}

async fn text_loses_its_control_characters(backend: Backend) {
    let server = TestServer::start(backend).await;
    let (dana, ana) = (server.sign_in("dana").await, server.sign_in("ana").await);
    for odd in ODD {
        server.advance(1);
        let reason = format!("because {odd} of it");
        let form = dana.get("/request?role=billing-read").await.form("/request").with("for_text", "1h");
        let form =
            form.with("reason", reason.as_str()).with("ticket", format!("T{odd}")).with("action", "send");
        let sent = dana.send(&form).await;
        if sent.status == 422 {
            assert!(sent.words().contains("ticket"), "a ticket is one line: {}", sent.words());
            let _ = dana.send(&form.with("ticket", "T")).await.expect(303);
        } else {
            assert_eq!(sent.status, 303, "{odd:?}: {}", sent.words());
        }
        let reference =
            hallpass_tests::facts::requests(server.broker().store.as_ref()).await[0].reference.clone();
        let request = steps::request(&server, &reference).await;
        let hidden = |c: char| {
            (c.is_control() && c != '\n')
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}')
        };
        assert!(!request.reason.contains(hidden), "{:?}", request.reason);
        server.settle().await;
        for mail in server.mailbox.to("ana") {
            assert!(!mail.subject.contains(hidden) && !mail.subject.contains('\n'), "{:?}", mail.subject);
            assert!(!mail.text.contains(hidden) && !mail.html.contains(hidden));
            assert!(!mail.html.contains("<script>"), "text of people is text in the HTML part");
        }
        let page = ana.get(&format!("/r/{reference}")).await.expect(200);
        assert!(!page.body.contains("<script>alert"));
        let _ = steps::decide(&ana, &reference, "deny", &[("comment", reason.as_str())]).await.expect(200);
    }
    server.stop().await;
}
