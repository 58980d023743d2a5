//! No secret in the log, in a mail, or in clear in the database. Every test checks this at its end for what it has seen;
//! here everything that a person or program can send or get is planted on purpose.
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;
use serde_json::json;

use crate::steps;

on_all!(planted_secrets_stay_where_they_belong);

async fn planted_secrets_stay_where_they_belong(backend: Backend) {
    let server = TestServer::start(backend).await;
    let (ana, dana) = (server.sign_in("ana").await, server.sign_in("dana").await);
    let typed = |what: &str| {
        let secret = format!("canary-{what}-{}", hallpass_domain::secret::random_alphanumeric(16).unwrap());
        server.secrets.plant(what, &secret);
        secret
    };
    // What people type where secrets belong, right or wrong.
    let stranger = server.browser();
    let form = stranger.get("/sign-in").await.form("/sign-in").with("email", "ana@hall.test");
    assert_eq!(stranger.send(&form.with("password", typed("a wrong password"))).await.status, 401);
    let form = ana.get("/account").await.form("/account/password");
    let new = typed("a refused new password");
    let form = form
        .with("current_password", typed("a wrong current password"))
        .with("new_password", new.as_str())
        .with("new_password_again", new);
    assert!(ana.send(&form).await.status >= 400);
    let token = typed("a made-up token");
    server.nobody().with(&token).get("/me").await.refused(401, "invalid_token");
    server
        .nobody()
        .get(&format!("/me?access_token={}", typed("a token in a query")))
        .await
        .refused(401, "not_signed_in");
    let _ = server.browser().get(&format!("/catalogue?password={}", typed("a password in a query"))).await;
    let secret = typed("a wrong client secret");
    let fields = [("grant_type", "client_credentials"), ("scope", "hallpass.api")];
    server
        .nobody()
        .oauth("token", Some(("nightly-report", &secret)), &fields)
        .await
        .refused(401, "invalid_client");
    assert_eq!(
        server.introspect("billing-api", &typed("an unknown token")).await,
        json!({ "active": false })
    );
    let code = typed("a wrong device code");
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", code.as_str()),
        ("client_id", "hallpass-cli"),
    ];
    server.nobody().oauth("token", None, &fields).await.refused(400, "invalid_grant");
    let stray = [("cookie", format!("hallpass=hps_{}", typed("a made-up cookie")))];
    let _ =
        server.browser().request(reqwest::Method::GET, "/account", &[(stray[0].0, &stray[0].1)], None).await;

    // What Hallpass makes: recovery codes, tokens, client secrets.
    let form = ana
        .get("/account")
        .await
        .form("/account/recovery-codes")
        .with("codes_totp", server.totp("ana").await);
    let codes = ana.send(&form).await.expect(200).words();
    let codes: Vec<&str> = codes
        .split_whitespace()
        .filter(|w| {
            w.len() >= 12 && w.contains('-') && w.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        })
        .collect();
    assert!(codes.len() >= 8, "{codes:?}");
    for code in &codes {
        server.secrets.plant("a recovery code", code);
        server.secrets.plant("a recovery code, as it is compared", &code.replace('-', ""));
    }
    // One of them lets ana in, once; she is told by a mail that does not hold it.
    for (status, browser) in [(303, server.browser()), (401, server.browser())] {
        let person = server.account("ana").await;
        let form = browser
            .get("/sign-in")
            .await
            .form("/sign-in")
            .with("email", person.email)
            .with("password", person.password);
        let _ = browser.send(&form).await.expect(303);
        let form = browser.get("/sign-in/second-factor").await.form("/sign-in/second-factor").without("totp");
        assert_eq!(browser.send(&form.with("recovery_code", codes[0])).await.status, status);
    }
    let grant = steps::granted(&server, &dana, "billing-read", "1h").await;
    let issued = steps::token(&server, &dana, &grant).await;
    assert!(steps::is_active(&server, "billing-api", &issued).await);
    server.settle().await;
    assert!(server.mailbox.subjects("ana").iter().any(|s| s.contains("recovery code")));

    // The codes of the app are short: they are looked for as whole numbers.
    let used = server.totp("ana").await;
    let second = steps::ask(&dana, "billing-refund", "15m").await;
    let _ = steps::decide(&ana, &second, "approve", &[("totp", &used)]).await.expect(200);
    server.settle().await;
    let numbers =
        |text: &str| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').any(|word| word == used);
    assert!(!numbers(&server.log()), "a code is in the log");
    assert!(!numbers(&String::from_utf8_lossy(&server.database.bytes().await)), "a code is in the database");

    // The log that was searched is a real one, and names requests without their queries.
    let log = server.log();
    assert!(log.contains("/oauth/token") && log.contains("hallpass::access"), "requests are logged");
    assert!(!log.contains("access_token="), "queries are not");
    assert!(server.secrets.count() >= 20);
    server.stop().await;
}
