//! Whoever administers one target stops nothing at another.
use hallpass_domain::credential::external_name;
use hallpass_domain::finding::{Finding, FindingKind};
use hallpass_domain::ids::{CredentialId, FindingId};
use hallpass_domain::transition::{Change, Transition};
use hallpass_tests::database::{self, Backend};
use hallpass_tests::pg::Cluster;
use hallpass_tests::server::{Setup, TestServer};
use hallpass_tests::wait::eventually;
use reqwest::Method;
use serde_json::json;

use crate::findings::{compare, end, exists, login, over};

on_all!(a_forged_mark_is_a_finding_and_nothing_more, findings_of_one_target_hide_none_of_another);

/// Two targets: whoever administers the second is not to be trusted.
async fn two_targets(backend: Backend) -> (TestServer, &'static Cluster, &'static Cluster) {
    let (good, bad) = (database::target().await, database::spare_target().await);
    let targets = vec![("orders-db".to_owned(), good), ("spare-db".to_owned(), bad)];
    (TestServer::with(Setup { real_time: true, targets, ..Setup::on(backend) }).await, good, bad)
}

async fn comment_of(cluster: &Cluster, name: &str) -> String {
    let superuser = cluster.superuser("postgres").await;
    let row = superuser
        .query_one("SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = $1", &[&name])
        .await
        .unwrap();
    row.get(0)
}

/// A mark with the id of this very moment, one with a made-up proof, one with a proof of somebody else's account, and the
/// copy of a live one: told at that target, left alone, and no sign of a restored backup anywhere.
async fn a_forged_mark_is_a_finding_and_nothing_more(backend: Backend) {
    let (server, _, bad) = two_targets(backend).await;
    let dana = server.sign_in("dana").await;
    let (login_there, grant_there) = login(&server, &dana, "spare-db-read", "1h").await;
    let instance = server.broker().settings.instance.clone();
    let superuser = bad.superuser("postgres").await;
    let live = comment_of(bad, &login_there).await;
    let proof = live
        .split("\"proof\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a proof")
        .to_owned();
    assert_eq!(proof.len(), 64, "{live}");
    let made = |proof: &str| {
        format!(r#"{{{proof}"not_after":"2099-01-01T00:00:00Z","limit":5,"groups":["orders_read"]}}"#)
    };
    let mut forged = Vec::new();
    for proof in
        [String::new(), format!(r#""proof":"{}","#, "0".repeat(64)), format!(r#""proof":"{proof}","#)]
    {
        let id = CredentialId::new(server.now());
        let name = external_name(&instance, id);
        superuser
            .batch_execute(&format!(
                "CREATE ROLE {name} LOGIN; COMMENT ON ROLE {name} IS 'hallpass:v1:{instance}:{id}:{}'",
                made(&proof)
            ))
            .await
            .unwrap();
        forged.push(name);
    }
    superuser
        .batch_execute(&format!("CREATE ROLE copied LOGIN; COMMENT ON ROLE copied IS '{live}'"))
        .await
        .unwrap();
    forged.push("copied".to_owned());

    hallpassd::compose::restored::look_at_targets(&server.nodes[0].composed).await.expect("a look");
    assert!(server.broker().restored.get().is_none() && !server.broker().restored.is_on());
    for _ in 0..2 {
        compare(&server).await;
    }
    let ada = server.sign_in("ada").await;
    let found = server.api_with(&ada).await.get("/admin/findings").await.ok(200);
    let items = found["items"].as_array().unwrap();
    assert_eq!(items.len(), 4, "{found}");
    for item in items {
        assert_eq!((&item["kind"], &item["target"]), (&json!("unknown"), &json!("spare-db")), "{item}");
        assert!(forged.contains(&item["account"].as_str().unwrap().to_owned()), "{item}");
        assert!(item.to_string().contains("without the proof"), "{item}");
    }
    // People are signed in, and at both targets logins are given and end as ever.
    let (_, grant) = login(&server, &dana, "orders-db-read", "4s").await;
    over(&server, &dana, &grant).await;
    let api = server.api_with(&dana).await;
    api.post(&format!("/grants/{grant_there}/end"), json!({})).await.ok(200);
    eventually("it is removed there", || async { (!exists(bad, &login_there).await).then_some(()) }).await;
    for name in &forged {
        assert!(exists(bad, name).await, "{name} is left alone");
    }
    // A mark of ours on somebody else's role keeps what it names from being called gone: an administrator of the target looks.
    for name in &forged {
        superuser.batch_execute(&format!("DROP ROLE {name}")).await.unwrap();
    }
    over(&server, &dana, &grant_there).await;
    server.stop_without_mail().await;
}

/// More findings at one target than are read at a time: one that reappeared at another is removed all the same.
async fn findings_of_one_target_hide_none_of_another(backend: Backend) {
    let (server, good, _) = two_targets(backend).await;
    let broker = server.broker();
    let catalogue = broker.store.catalogue().await.unwrap();
    let target = |name: &str| catalogue.targets.values().find(|t| t.name.as_str() == name).unwrap().clone();
    let (orders, spare) = (target("orders-db"), target("spare-db"));
    let now = server.now();
    let noise = |place: usize| Finding {
        id: FindingId::new(now),
        target_id: spare.id,
        external_name: format!("noise_{place:05}"),
        external_oid: Some(1),
        credential_id: Some(CredentialId::new(now)),
        groups: Vec::new(),
        kind: FindingKind::Unknown,
        differences: vec!["carries our mark".to_owned()],
        first_seen_at: now,
        changed_at: now,
        removing_since: Some(now),
        confirmed_by: None,
        trouble: None,
        attempts: 1,
        next_attempt_at: now + chrono::Duration::hours(9),
        closed_at: None,
        version: 1,
    };
    let all: Vec<Finding> = (0..5_001).map(noise).collect();
    for some in all.chunks(500) {
        let mut transition = Transition::new(now);
        transition.changes = some.iter().map(|f| Change::Finding(Box::new(f.clone()))).collect();
        broker.store.commit(transition).await.unwrap();
    }

    // Every one is listed and counted, newest first, however many there are.
    let ada = server.sign_in("ada").await;
    let api = server.api_with(&ada).await;
    let mut listed: Vec<String> = Vec::new();
    let mut next = "/admin/findings?target=spare-db&limit=200".to_owned();
    loop {
        let page = api.get(&next).await.ok(200);
        listed.extend(page["items"].as_array().unwrap().iter().map(|f| f["id"].as_str().unwrap().to_owned()));
        let Some(after) = page["next"].as_str() else { break };
        next = format!("/admin/findings?target=spare-db&limit=200&after={after}");
    }
    let mut newest_first: Vec<String> = all.iter().map(|f| f.id.to_string()).collect();
    newest_first.sort_unstable_by(|one, other| other.cmp(one));
    assert!(listed == newest_first, "{} are listed", listed.len());
    let elsewhere = api.get("/admin/findings?target=orders-db").await.ok(200);
    assert_eq!(elsewhere["items"], serde_json::json!([]));
    api.get("/admin/findings?target=nowhere").await.refused(404, "not_found");
    let page = ada.get("/reports?target=spare-db").await.expect(200);
    let words = page.words();
    assert!(words.contains("5001 accounts differ") && words.contains("At spare-db only"), "{words}");
    let metrics = server.nobody().send(Method::GET, "/metrics", &[], None).await.text;
    let counted = |target: &str, kind: &str| {
        metrics
            .lines()
            .find(|l| l.starts_with("hallpass_target_findings") && l.contains(target) && l.contains(kind))
            .unwrap()
    };
    assert!(counted("spare-db", "unknown").ends_with(" 5001"));
    assert!(counted("orders-db", "unknown").ends_with(" 0"));

    let dana = server.sign_in("dana").await;
    let (login, grant) = login(&server, &dana, "orders-db-read", "1h").await;
    let mark = comment_of(good, &login).await;
    end(&server, &dana, &grant).await;
    let superuser = good.superuser("postgres").await;
    superuser
        .batch_execute(&format!("CREATE ROLE {login} LOGIN; COMMENT ON ROLE {login} IS '{mark}'"))
        .await
        .unwrap();
    assert_eq!(broker.compare_target(&orders).await, Ok(1));
    eventually("it is removed again", || async { (!exists(good, &login).await).then_some(()) }).await;
    eventually("its finding is closed", || async {
        broker.store.open_findings_at(orders.id, None, 10).await.unwrap().is_empty().then_some(())
    })
    .await;
    assert_eq!(broker.compare_target(&orders).await, Ok(0));
    let mut known = 0;
    let mut after: Option<String> = None;
    loop {
        let page = broker.store.open_findings_at(spare.id, after.as_deref(), 999).await.unwrap();
        known += page.len();
        let Some(last) = page.last() else { break };
        after = Some(last.external_name.clone());
    }
    assert_eq!(known, 5_001);
    server.stop_without_mail().await;
}
