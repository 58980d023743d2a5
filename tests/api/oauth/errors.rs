//! Client authentication and errors (RFC 6749 §2.3, §5.2).
use hallpass_tests::caller::{Answer, Caller};
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;

on_all!(clients_prove_themselves_in_one_way, errors_are_those_of_the_rfcs);

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

async fn raw(nobody: &Caller, path: &str, authorization: Option<&str>, body: &str) -> Answer {
    let mut headers = vec![FORM];
    headers.extend(authorization.map(|a| ("authorization", a)));
    nobody.send(reqwest::Method::POST, path, &headers, Some(body.as_bytes().to_vec())).await
}

fn basic(text: &str) -> String {
    format!("Basic {}", data_encoding::BASE64.encode(text.as_bytes()))
}

async fn clients_prove_themselves_in_one_way(backend: Backend) {
    let server = TestServer::start(backend).await;
    let (nobody, secret) = (server.nobody(), server.secret("nightly-report").to_owned());
    let ask = "grant_type=client_credentials&scope=hallpass.api";
    let token = "/oauth/token";

    // Both ways work, and Basic is split at the first colon and then decoded (RFC 6749 §2.3.1).
    let header = basic(&format!("nightly-report:{secret}"));
    let encoded = basic(&format!("nightly%2Dreport:{}", secret.replace('_', "%5F")));
    for authorization in [&header, &encoded] {
        let answer = raw(&nobody, token, Some(authorization), ask).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        let body = answer.ok(200);
        server.secrets.plant("an API token", body["access_token"].as_str().unwrap());
        assert_eq!(
            (body["token_type"].as_str(), body["scope"].as_str(), body["expires_in"].as_i64()),
            (Some("Bearer"), Some("hallpass.api"), Some(3_600))
        );
    }
    let in_body = format!("{ask}&client_id=nightly-report&client_secret={secret}");
    raw(&nobody, token, None, &in_body).await.ok(200);

    // Two ways at once, a header twice, another client_id in the body.
    raw(&nobody, token, Some(&header), &in_body).await.refused(400, "invalid_request");
    raw(&nobody, token, Some(&header), &format!("{ask}&client_id=indexer"))
        .await
        .refused(400, "invalid_request");
    let twice = [FORM, ("authorization", header.as_str()), ("authorization", header.as_str())];
    nobody.send(reqwest::Method::POST, token, &twice, Some(ask.into())).await.refused(400, "invalid_request");

    // Wrong, unknown, of another client, missing: one answer. With a challenge exactly where the header was used.
    for bad in [
        "nightly-report:wrong",
        "nobody:x",
        "nightly-report:",
        &format!("indexer:{secret}"),
        "hallpass-cli:",
        "no-colon",
        "a\0b:c",
    ] {
        let answer = raw(&nobody, token, Some(&basic(bad)), ask).await;
        assert!(answer.header("www-authenticate").starts_with("Basic "), "{bad}");
        answer.refused(401, "invalid_client");
    }
    for bad in ["", "client_id=nightly-report", "client_id=nightly-report&client_secret=wrong"] {
        let answer = raw(&nobody, token, None, &format!("{ask}&{bad}")).await;
        assert_eq!(answer.header("www-authenticate"), "", "{bad}");
        answer.refused(401, "invalid_client");
    }
    raw(&nobody, token, Some("Bearer abc"), ask).await.refused(401, "invalid_client");
    server.stop().await;
}

async fn errors_are_those_of_the_rfcs(backend: Backend) {
    let server = TestServer::start(backend).await;
    let nobody = server.nobody();
    let (nightly, indexer) = (
        basic(&format!("nightly-report:{}", server.secret("nightly-report"))),
        basic(&format!("indexer:{}", server.secret("indexer"))),
    );
    let resource_server = basic(&format!("billing-api:{}", server.secret("billing-api")));
    let cc = "grant_type=client_credentials";
    let long = format!("{cc}&scope={}", "x".repeat(70_000));
    let table: &[(&str, &str, &str, u16, &str)] = &[
        ("token", &nightly, "", 400, "invalid_request"),
        ("token", &nightly, "scope=billing-read", 400, "invalid_request"),
        ("token", &nightly, "grant_type=", 400, "invalid_request"),
        ("token", &nightly, "grant_type=password&username=a&password=b", 400, "unsupported_grant_type"),
        ("token", &nightly, "grant_type=authorization_code&code=x", 400, "unsupported_grant_type"),
        (
            "token",
            &nightly,
            "grant_type=client_credentials&grant_type=client_credentials&scope=status-read",
            400,
            "invalid_request",
        ),
        (
            "token",
            &nightly,
            "grant_type=client_credentials&scope=status-read&scope=billing-read",
            400,
            "invalid_request",
        ),
        ("token", &nightly, "grant_type=client_credentials&sc%6Fpe=a&scope=b", 400, "invalid_request"),
        ("token", &nightly, cc, 400, "invalid_scope"),
        ("token", &nightly, "grant_type=client_credentials&scope=", 400, "invalid_scope"),
        (
            "token",
            &nightly,
            "grant_type=client_credentials&scope=status-read+billing-read",
            400,
            "invalid_scope",
        ),
        ("token", &nightly, "grant_type=client_credentials&scope=no-such-role", 400, "invalid_scope"),
        ("token", &nightly, "grant_type=client_credentials&scope=%00", 400, "invalid_request"),
        (
            "token",
            "",
            "grant_type=client_credentials&scope=x&client_id=%00&client_secret=x",
            400,
            "invalid_request",
        ),
        (
            "token",
            &nightly,
            "grant_type=client_credentials&scope=status-read&resource=https%3A%2F%2Felsewhere.test",
            400,
            "invalid_target",
        ),
        (
            "token",
            &nightly,
            "grant_type=client_credentials&scope=hallpass.api&resource=https%3A%2F%2Fbilling.hall.test",
            400,
            "invalid_target",
        ),
        ("token", &indexer, "grant_type=client_credentials&scope=status-read", 400, "invalid_scope"),
        (
            "token",
            &resource_server,
            "grant_type=client_credentials&scope=status-read",
            400,
            "unauthorized_client",
        ),
        ("token", &nightly, &long, 413, "invalid_request"),
        ("token", &nightly, "grant_type=client_credentials&scope=%ff", 400, "invalid_request"),
        ("introspect", &resource_server, "", 400, "invalid_request"),
        ("introspect", &resource_server, "token=a&token=b", 400, "invalid_request"),
        ("introspect", &nightly, "token=a", 400, "unauthorized_client"),
        ("introspect", "", "token=a&client_id=hallpass-cli", 401, "invalid_client"),
        ("introspect", "", "token=a", 401, "invalid_client"),
        ("revoke", &nightly, "", 400, "invalid_request"),
        ("revoke", "", "token=a", 401, "invalid_client"),
        ("device_authorization", "", "", 401, "invalid_client"),
        ("device_authorization", "", "client_id=unknown", 401, "invalid_client"),
        ("device_authorization", "", "client_id=nightly-report", 401, "invalid_client"),
        ("device_authorization", "", "client_id=hallpass-cli&scope=billing-read", 400, "invalid_scope"),
        ("device_authorization", "", "client_id=hallpass-cli&client_id=hallpass-cli", 400, "invalid_request"),
        (
            "token",
            "",
            "grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id=hallpass-cli",
            400,
            "invalid_request",
        ),
        (
            "token",
            "",
            "grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id=hallpass-cli&device_code=wrong",
            400,
            "invalid_grant",
        ),
        (
            "token",
            "",
            "grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id=unknown&device_code=wrong",
            401,
            "invalid_client",
        ),
    ];
    for (path, authorization, body, status, error) in table {
        let authorization = Some(*authorization).filter(|a| !a.is_empty());
        let answer = raw(&nobody, &format!("/oauth/{path}"), authorization, body).await;
        assert_eq!(
            (answer.status, answer.code()),
            (*status, *error),
            "{path} {}: {}",
            &body[..body.len().min(100)],
            answer.text
        );
        assert!(answer.header("content-type").starts_with("application/json"));
        assert_eq!(answer.header("cache-control"), "no-store", "{path} {body}");
        let words = answer.json["error_description"].as_str().unwrap_or_default();
        assert!(
            !words.is_empty() && words.chars().all(|c| matches!(c, ' '..='!' | '#'..='[' | ']'..='~')),
            "RFC 6749 §5.2: {words}"
        );
        assert!(
            answer.json.get("request_uri").is_none(),
            "an unknown role has nowhere to ask: {}",
            answer.text
        );
    }
    // Another type of body; another method; an address that is none.
    let json = [("content-type", "application/json")];
    nobody
        .send(reqwest::Method::POST, "/oauth/token", &json, Some(b"{}".to_vec()))
        .await
        .refused(400, "invalid_request");
    let got =
        nobody.send(reqwest::Method::GET, "/oauth/token?grant_type=client_credentials", &[], None).await;
    assert_eq!((got.status, got.header("allow")), (405, "POST"));
    assert_eq!(nobody.send(reqwest::Method::GET, "/oauth/authorize", &[], None).await.status, 404);
    // A secret in the query is never read.
    let query =
        format!("/oauth/token?client_id=nightly-report&client_secret={}", server.secret("nightly-report"));
    raw(&nobody, &query, None, "grant_type=client_credentials&scope=hallpass.api")
        .await
        .refused(401, "invalid_client");
    server.stop().await;
}
