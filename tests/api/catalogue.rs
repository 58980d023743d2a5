//! The catalogue as code, over the API: difference, apply, again, and what is refused.
use hallpass_domain::grant::{EndReason, GrantState};
use hallpass_domain::request::RequestState;
use hallpass_tests::caller::{Answer, Caller};
use hallpass_tests::cast;
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;
use serde_json::{Value, json};

use crate::steps;

on_all!(
    shown_applied_and_applied_again,
    what_nobody_could_approve_is_refused,
    who_is_removed_loses_everything,
    two_at_once
);

async fn apply(api: &Caller, toml: &str, apply: bool) -> Answer {
    api.post("/admin/catalogue", json!({ "toml": toml, "apply": apply })).await
}

/// `noun name: action` of each change.
fn changes(diff: &Value) -> Vec<String> {
    let text = |c: &Value, m: &str| c[m].as_str().unwrap().to_owned();
    diff["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| format!("{} {}: {}", text(c, "noun"), text(c, "name"), text(c, "action")))
        .collect()
}

const ROLE: &str = r#"
[[roles]]
name = "billing-export"
target = "billing-api"
purpose = "Export invoices."
tier = "low"
eligible = ["developers"]
max = "1h"
usual = "10m"
workflow = "one-of-oncall"
token_seconds = 60
"#;

async fn shown_applied_and_applied_again(backend: Backend) {
    let server = TestServer::start(backend).await;
    let ada = server.api("ada").await;
    let same = apply(&ada, &server.catalogue_text(), true).await.ok(200);
    assert_eq!(changes(&same), Vec::<String>::new(), "idempotent");
    let revision = same["revision"].as_i64().unwrap();

    let wanted = format!("{}{ROLE}", server.catalogue_text().replace("max = \"2h\"", "max = \"90m\""));
    let wanted = format!(
        "{wanted}\n[[workloads]]\nname = \"exporter\"\ntitle = \"Exporter\"\nowners = [\"sam@hall.test\"]\n"
    );
    let shown = apply(&ada, &wanted, false).await.ok(200);
    assert_eq!(shown["applied"], false);
    let listed = changes(&shown);
    for change in ["role billing-export: add", "role billing-refund: change", "workload exporter: add"] {
        assert!(listed.contains(&change.to_owned()), "{change} in {listed:?}");
    }
    let field = shown["changes"].as_array().unwrap().iter().find(|c| c["name"] == "billing-refund").unwrap()
        ["fields"][0]
        .clone();
    assert!(
        field["before"].as_str().unwrap().contains("2 h") || field["before"].as_str().unwrap().contains("2h"),
        "{field}"
    );
    // Nothing has changed by looking.
    let dana = server.api("dana").await;
    dana.get("/roles/billing-export").await.refused(404, "not_found");
    assert!(shown.get("new_clients").is_none(), "no secret is made for a look");

    let applied = apply(&ada, &wanted, true).await;
    let applied = applied.ok(200);
    assert_eq!(
        (applied["applied"].as_bool(), applied["revision"].as_i64()),
        (Some(true), Some(revision + 1))
    );
    let made = applied["new_clients"][0].clone();
    assert_eq!(made["client_id"], "exporter");
    let secret = made["client_secret"].as_str().unwrap();
    server.secrets.plant("a new client's secret", secret);
    let fields = [("grant_type", "client_credentials"), ("scope", "hallpass.api")];
    let token = server.nobody().oauth("token", Some(("exporter", secret)), &fields).await.ok(200);
    server.secrets.plant("a workload's token", token["access_token"].as_str().unwrap());
    assert_eq!(dana.get("/roles/billing-export").await.ok(200)["longest"]["seconds"], 3_600);
    let again = apply(&ada, &wanted, true).await.ok(200);
    assert_eq!((changes(&again).len(), again["revision"].as_i64()), (0, Some(revision + 1)));

    // Recorded with its difference, and mailed to administrators and auditors.
    server.settle().await;
    let told = server.mailbox.recipients("atalogue");
    assert!(
        told.contains(&"ada".to_owned())
            && told.contains(&"otto".to_owned())
            && !told.contains(&"dana".to_owned()),
        "{told:?}"
    );
    assert!(hallpass_tests::facts::events(&server, "catalogue.changed", None).await >= 2);
    // Auditors read and do not write; nobody else does either.
    let otto = server.api("otto").await;
    apply(&otto, &wanted, true).await.refused(403, "duty_needed");
    apply(&dana, &wanted, false).await.refused(404, "not_found");
    for noun in ["targets", "workflows", "groups", "people", "workloads"] {
        let items = otto.get(&format!("/admin/catalogue/{noun}")).await.ok(200);
        assert!(!items["items"].as_array().unwrap().is_empty(), "{noun}");
        dana.get(&format!("/admin/catalogue/{noun}")).await.refused(404, "not_found");
    }
    // Put back: what the file does not name is retired, and its client is dead.
    let back = changes(&apply(&ada, &server.catalogue_text(), true).await.ok(200));
    assert!(back.contains(&"role billing-export: retire".to_owned()), "{back:?}");
    server.nobody().oauth("token", Some(("exporter", secret)), &fields).await.refused(401, "invalid_client");
    server.stop().await;
}

async fn what_nobody_could_approve_is_refused(backend: Backend) {
    let server = TestServer::start(backend).await;
    let ada = server.api("ada").await;
    let good = server.catalogue_text();
    let revision = apply(&ada, &good, false).await.ok(200)["revision"].clone();
    let change = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replace(from, to)
    };
    for (toml, words) in [
        // The only approver may ask for the role himself, or nobody is left.
        (
            change("[\"olga@hall.test\", \"ana@hall.test\", \"bo@hall.test\"]", "[\"olga@hall.test\"]"),
            "approve",
        ),
        (change("needed = 2", "needed = 9"), "9"),
        (change("approvers = [\"security\"]", "approvers = [\"no-such-group\"]"), "no-such-group"),
        (change("workflow = \"two-of-any\"", "workflow = \"nowhere\""), "nowhere"),
        (change("duties = [\"administrator\"]", "duties = []"), "administrator"),
        (change("tier = \"high\"", "tier = \"extreme\""), "low, medium, high"),
        (format!("{good}\nunknown = 1\n"), "unknown"),
        ("[[people]\n".to_owned(), "expected"),
        (format!("{good}{}", ROLE.replace("billing-export", "Billing Export")), "name"),
        (format!("{good}{}", ROLE.replace("\"1h\"", "\"31d\"")), "30"),
        (
            format!(
                "{good}{}",
                ROLE.replace("tier = \"low\"", "tier = \"high\"").replace("billing-api", "reports-api")
            ),
            "offline",
        ),
    ] {
        let refused = apply(&ada, &toml, true).await;
        assert_eq!((refused.status, refused.code()), (422, "catalogue_invalid"), "{words}: {}", refused.text);
        let errors = refused.json["errors"].as_array().unwrap();
        assert!(
            !errors.is_empty() && errors.iter().all(|e| e["line"].as_u64().is_some_and(|l| l > 0)),
            "{}",
            refused.text
        );
        assert!(
            errors.iter().any(|e| e["message"].as_str().unwrap().to_lowercase().contains(words)),
            "{words} in {}",
            refused.text
        );
    }
    ada.post("/admin/catalogue", json!({ "toml": "x".repeat(1_100_000), "apply": false }))
        .await
        .refused(413, "too_large");
    assert_eq!(apply(&ada, &good, false).await.ok(200)["revision"], revision, "nothing was changed");
    server.stop().await;
}

async fn who_is_removed_loses_everything(backend: Backend) {
    let server = TestServer::start(backend).await;
    let (dana, sam) = (server.sign_in("dana").await, server.sign_in("sam").await);
    let grant = steps::granted(&server, &dana, "billing-read", "4h").await;
    let token = steps::token(&server, &dana, &grant).await;
    let pending = steps::ask(&dana, "ledger-read", "1h").await;
    let api = server.api_with(&dana).await;
    let kept = steps::granted(&server, &sam, "billing-read", "4h").await;
    let sam_waits = steps::ask(&sam, "billing-read", "2h").await;
    let sams = steps::token(&server, &sam, &kept).await;

    // dana leaves: the file no longer names her. sam stays, but is no developer any more.
    let without = cast::catalogue_of(cast::PEOPLE.iter().map(|p| p.key).filter(|k| *k != "dana"), &[]);
    let without = without.replace("owners = [\"dana@hall.test\"]", "owners = [\"sam@hall.test\"]");
    let ada = server.api("ada").await;
    let applied = apply(&ada, &without, true).await.ok(200);
    assert!(changes(&applied).iter().any(|c| c.contains("dana@hall.test")), "{applied}");
    for _ in 0..2 {
        assert!(!steps::is_active(&server, "billing-api", &token).await, "at once");
    }
    assert_eq!(dana.get("/catalogue").await.status, 303, "signed out");
    api.get("/me").await.refused(401, "invalid_token");
    let stored = server.broker().store.grant(grant.id).await.unwrap().unwrap();
    assert!(matches!(stored.state, GrantState::Ending | GrantState::Ended), "{stored:?}");
    assert_eq!(stored.end_reason, Some(EndReason::Revoked));
    assert_ne!(steps::request(&server, &pending).await.state, RequestState::Pending, "taken back");
    assert!(steps::is_active(&server, "billing-api", &sams).await, "others are not touched");

    let not_eligible = without.replace(
        "eligible = [\"developers\", \"contractors\", \"nightly-report\"]",
        "eligible = [\"contractors\", \"nightly-report\"]",
    );
    apply(&ada, &not_eligible, true).await.ok(200);
    assert!(!steps::is_active(&server, "billing-api", &sams).await, "no longer eligible");
    server.settle().await;
    let told = server.mailbox.subjects("sam");
    assert!(told.iter().any(|s| s.contains("Withdrawn") && s.contains(&sam_waits)), "{told:?}");
    assert_eq!(server.broker().store.grant(kept.id).await.unwrap().unwrap().state, GrantState::Ended);
    assert!(
        server
            .mailbox
            .subjects("sam")
            .iter()
            .any(|s| s.to_lowercase().contains("revoked") || s.contains("Ended")),
        "{:?}",
        server.mailbox.subjects("sam")
    );
    let _ = sam.get("/catalogue").await.expect(200);
    server.stop().await;
}

async fn two_at_once(backend: Backend) {
    let server = TestServer::start(backend).await;
    let ada = server.api("ada").await;
    for round in 0..8 {
        let good = server.catalogue_text();
        let revision = apply(&ada, &good, false).await.ok(200)["revision"].clone();
        let with = |name: &str| format!("{good}{}", ROLE.replace("billing-export", name));
        let (one, two) = (with(&format!("left-{round}")), with(&format!("right-{round}")));
        // Both looked at the same difference: one of them applies, the other is told to look again.
        let send = |toml: &str| {
            let (ada, body) = (ada.clone(), json!({ "toml": toml, "apply": true, "if_revision": revision }));
            async move { ada.post("/admin/catalogue", body).await }
        };
        let (first, second) = tokio::join!(send(&one), send(&two));
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{} {}", first.text, second.text);
        let lost = if first.status == 409 { first } else { second };
        lost.refused(409, "conflict");
        let roles = ada.get("/roles?q=-").await.ok(200).to_string();
        assert_ne!(
            roles.contains(&format!("left-{round}")),
            roles.contains(&format!("right-{round}")),
            "one of them"
        );
        apply(&ada, &good, true).await.ok(200);
    }
    server.stop().await;
}
