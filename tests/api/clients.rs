//! A client's new secret, over the API: the one before is dead at once, on every server.
use hallpass_tests::caller::Caller;
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;
use serde_json::{Value, json};

on_all!(the_one_before_is_dead_at_once, it_leaves_once, whose_business_it_is);

fn path(client: &str) -> String {
    format!("/admin/clients/{client}/secret")
}

/// The new secret of an answer.
fn secret(server: &TestServer, made: &Value) -> String {
    let secret = made["client_secret"].as_str().unwrap();
    server.secrets.plant("a new client secret", secret);
    secret.to_owned()
}

/// Statuses of asking for an API token, or of introspecting: more often than there are servers.
async fn proved(server: &TestServer, endpoint: &str, client: &str, secret: &str) -> Vec<u16> {
    let mut out = Vec::new();
    for _ in 0..4 {
        let fields: &[(&str, &str)] = match endpoint {
            "token" => &[("grant_type", "client_credentials"), ("scope", "hallpass.api")],
            _ => &[("token", "unknown")],
        };
        let answer = server.nobody().oauth(endpoint, Some((client, secret)), fields).await;
        if let Some(token) = answer.json["access_token"].as_str() {
            server.secrets.plant("an API token", token);
        }
        out.push(answer.status);
    }
    out
}

async fn the_one_before_is_dead_at_once(backend: Backend) {
    let server = TestServer::start(backend).await;
    let ada = server.api("ada").await;
    // A workload, and a resource server that has just proved itself on every server.
    for (endpoint, client) in [("token", "nightly-report"), ("introspect", "billing-api")] {
        let before = server.secret(client).to_owned();
        assert_eq!(proved(&server, endpoint, client, &before).await, [200; 4]);
        let made = ada.post(&path(client), json!({})).await.ok(200);
        assert_eq!(made["client_id"], client);
        let after = secret(&server, &made);
        assert_ne!(before, after);
        assert_eq!(proved(&server, endpoint, client, &before).await, [401; 4], "{client}");
        assert_eq!(proved(&server, endpoint, client, &after).await, [200; 4], "{client}");
    }
    // Recorded, and told to the people who answer for the two.
    assert_eq!(hallpass_tests::facts::events(&server, "client.secret_rotated", None).await, 2);
    server.settle().await;
    assert_eq!(server.mailbox.recipients("New secret for client"), ["cleo", "sam"]);
    server.stop().await;
}

async fn it_leaves_once(backend: Backend) {
    let server = TestServer::start(backend).await;
    let ada = server.api("ada").await;
    let once = async |api: &Caller, key: &str| api.post_once(&path("indexer"), key, json!({})).await;
    let after = secret(&server, &once(&ada, "k1").await.ok(200));
    let again = once(&ada, "k1").await.refused(409, "issued_not_retrievable");
    assert_eq!(again["id"], "indexer");
    // The repeat made nothing: the secret of the first answer is the one that counts.
    assert_eq!(proved(&server, "token", "indexer", &after).await, [200; 4]);
    // Sent twice at the same moment, it is done once.
    let both = tokio::join!(once(&ada, "k2"), once(&ada, "k2"));
    let (done, refused): (Vec<_>, Vec<_>) = [both.0, both.1].into_iter().partition(|a| a.status == 200);
    assert_eq!((done.len(), refused.len()), (1, 1));
    assert!(matches!(refused[0].code(), "in_flight" | "issued_not_retrievable"), "{}", refused[0].text);
    let after = secret(&server, &done[0].json);
    assert_eq!(proved(&server, "token", "indexer", &after).await, [200; 4]);
    assert_eq!(hallpass_tests::facts::events(&server, "client.secret_rotated", None).await, 2);
    server.stop().await;
}

async fn whose_business_it_is(backend: Backend) {
    let server = TestServer::start(backend).await;
    let ada = server.api("ada").await;
    server.api("otto").await.post(&path("indexer"), json!({})).await.refused(403, "duty_needed");
    // Its own owner neither: an administrator answers for what is in the catalogue.
    server.api("dana").await.post(&path("indexer"), json!({})).await.refused(404, "not_found");
    let program = server.workload("indexer").await;
    program.post(&path("indexer"), json!({})).await.refused(404, "not_found");
    ada.post(&path("no-such-client"), json!({})).await.refused(404, "not_found");
    ada.post(&path("hallpass-cli"), json!({})).await.refused(409, "public_client");
    ada.post(&path("indexer"), json!({ "secret": "mine" })).await.refused(422, "unknown_member");
    // One that has left the catalogue stays dead.
    let more = "[[workloads]]\nname = \"exporter\"\ntitle = \"Exporter\"\nowners = [\"sam@hall.test\"]\n";
    for toml in [format!("{}\n{more}", server.catalogue_text()), server.catalogue_text()] {
        let applied = ada.post("/admin/catalogue", json!({ "toml": toml, "apply": true })).await.ok(200);
        for made in applied["new_clients"].as_array().into_iter().flatten() {
            let _ = secret(&server, made);
        }
    }
    ada.post(&path("exporter"), json!({})).await.refused(409, "client_retired");
    assert_eq!(hallpass_tests::facts::events(&server, "client.secret_rotated", None).await, 0);
    assert_eq!(proved(&server, "token", "indexer", server.secret("indexer")).await, [200; 4]);
    server.stop().await;
}
