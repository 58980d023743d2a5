//! The longest texts are the same everywhere: in the rules, over the API, in the forms, and in what the API says of itself.
use hallpass_domain::text::{LONGEST_REASON, LONGEST_TICKET};
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;
use serde_json::{Value, json};

on_all!(the_longest_texts_are_taken_everywhere,);

/// A number as the descriptions write it.
fn written(number: usize) -> String {
    let (thousands, rest) = (number / 1_000, number % 1_000);
    if thousands == 0 { rest.to_string() } else { format!("{thousands},{rest:03}") }
}

async fn the_longest_texts_are_taken_everywhere(backend: Backend) {
    let server = TestServer::start(backend).await;
    let (dana, ana) = (server.api("dana").await, server.api("ana").await);
    let (long, ticket) = ("x".repeat(LONGEST_REASON), "T".repeat(LONGEST_TICKET));
    let body = json!({ "role": "ledger-read", "for": "1h", "reason": long, "ticket": ticket });
    let asked = dana.post("/requests", body).await.ok(201)["request"].clone();
    let path = format!("/requests/{}", asked["reference"].as_str().unwrap());
    let decision = json!({ "verdict": "approve", "digest": asked["digest"], "comment": long });
    let done = ana.post(&format!("{path}/decisions"), decision).await.ok(201);
    assert_eq!(done["reason"], json!(long));
    let grant = done["grant"]["id"].as_str().unwrap();
    ana.post(&format!("/grants/{grant}/revoke"), json!({ "reason": long })).await.ok(200);

    // In the portal: what may be typed, and what is taken.
    let browser = server.sign_in("dana").await;
    let page = browser.get("/request?role=billing-read").await.expect(200);
    for longest in [LONGEST_REASON, LONGEST_TICKET] {
        assert!(page.body.contains(&format!("maxlength=\"{longest}\"")), "{longest}");
    }
    let form = page.form("/request").with("for_text", "1h").with("action", "send");
    let form = form.with("reason", long.as_str()).with("ticket", ticket.as_str());
    let reference = browser.send(&form).await.expect(303).header("location").to_owned();
    let reference = reference.strip_prefix("/requests/").unwrap();
    let approver = server.sign_in("ana").await;
    let page = approver.get(&format!("/r/{reference}")).await.expect(200);
    assert!(page.body.contains(&format!("maxlength=\"{LONGEST_REASON}\"")), "the comment");
    let _ = crate::steps::decide(&approver, reference, "deny", &[("comment", &long)]).await;

    // In words, for those who write programs.
    let doc = server.nobody().send(reqwest::Method::GET, "/api/openapi.json", &[], None).await.ok(200);
    let said = |schema: &str, member: &str| -> Value {
        doc["components"]["schemas"][schema]["properties"][member]["description"].clone()
    };
    for (schema, member, longest) in [
        ("NewRequest", "reason", LONGEST_REASON),
        ("NewRequest", "ticket", LONGEST_TICKET),
        ("NewDecision", "comment", LONGEST_REASON),
        ("Revoke", "reason", LONGEST_REASON),
    ] {
        let words = said(schema, member);
        let number = format!("{} characters", written(longest));
        assert!(words.as_str().is_some_and(|w| w.contains(&number)), "{schema}.{member}: {words}");
    }
    // A word that older clients read is none that may be sent.
    assert!(!doc.to_string().contains("\"unknown\""), "in the document");
    assert_eq!(doc["components"]["schemas"]["Verdict"]["enum"], json!(["approve", "deny"]));
    server.stop().await;
}
