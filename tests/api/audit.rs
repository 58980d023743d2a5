//! The evidence: what an auditor exports verifies offline, and what somebody changed in the database is named.
use hallpass_client::api::audit::EventFilter;
use hallpass_client::wire::receipt::GrantReceipt;
use hallpass_domain::audit::{Receipt, VerifierKey, VerifyError, leaf_hash, verify_export};
use hallpass_domain::grant::GrantState;
use hallpass_domain::ports::audit_log::AuditFilter;
use hallpass_tests::database::{Backend, Database, cluster};
use hallpass_tests::server::{Setup, TestServer, config};
use hallpass_tests::wait::eventually;
use hallpassd::compose::{Given, Making, compose};

use crate::steps;

on_all!(
    an_export_verifies_offline_and_a_changed_row_is_named,
    a_receipt_proves_its_events,
    a_receipt_names_tokens_whose_rows_are_gone,
    auditors_filter_and_page
);

/// What stands in the row that is changed.
const REASON: &str = "because of ticket 4711";
const FORGED: &str = "because of ticket 0815";

async fn lived(server: &TestServer) -> hallpass_domain::grant::Grant {
    let dana = server.sign_in("dana").await;
    let reference = steps::ask_because(&dana, "billing-read", "10m", REASON).await;
    server.advance(1);
    steps::approve(&server.sign_in("ana").await, &reference).await;
    server.advance(1);
    let grant = steps::grant(server, &reference).await;
    steps::token(server, &dana, &grant).await;
    server.advance(600);
    server.settle().await;
    grant
}

async fn an_export_verifies_offline_and_a_changed_row_is_named(backend: Backend) {
    let server = TestServer::start(backend).await;
    lived(&server).await;
    // Everything that an auditor needs comes over the API: key, checkpoint, export.
    let otto = server.client_as(&server.api("otto").await);
    let key: VerifierKey = otto.audit_vkey().await.unwrap().trim().parse().unwrap();
    let held = otto.audit_checkpoint().await.unwrap();
    let mut export = Vec::new();
    otto.audit_export(&mut |piece| {
        export.extend_from_slice(piece);
        Ok(())
    })
    .await
    .unwrap();
    let verified = verify_export(export.as_slice(), std::slice::from_ref(&key), &[&held]).unwrap();
    assert!(verified.size > 15 && verified.held_to == verified.size, "{verified:?}");
    // What is held outside is what the API says.
    let published = std::fs::read_to_string(server.folder.path().join("checkpoints.txt")).unwrap();
    assert!(published.contains(&held), "{held}");

    // Somebody with write access to the database changes one row behind Hallpass's back.
    let index = index_of(&export, REASON);
    let tampered = tampered_export(&server, &otto).await;
    assert_ne!(tampered, export);
    match verify_export(tampered.as_slice(), std::slice::from_ref(&key), &[&held]) {
        Err(VerifyError::Broken(breach)) => assert_eq!(breach.index(), Some(index), "{breach}"),
        other => panic!("the change was not found: {other:?}"),
    }
    // Whoever changes the export alone is found, too: edited, left out, swapped, doubled, cut off.
    let lines: Vec<&str> = std::str::from_utf8(&export).unwrap().split_inclusive('\n').collect();
    let at = lines.iter().position(|l| l.contains(REASON)).unwrap();
    let changed = |change: &dyn Fn(&mut Vec<String>)| {
        let mut all: Vec<String> = lines.iter().map(|l| (*l).to_owned()).collect();
        change(&mut all);
        verify_export(all.concat().as_bytes(), std::slice::from_ref(&key), &[&held])
    };
    type Bend<'a> = &'a dyn Fn(&mut Vec<String>);
    let cases: [(&str, Bend, u64); 4] = [
        ("edited", &|all| all[at] = all[at].replace("request.submitted", "request.withdrawn"), index),
        ("left out", &|all| drop(all.remove(at)), index),
        ("swapped", &|all| all.swap(at, at + 1), index),
        ("doubled", &|all| all.insert(at, all[at].clone()), index + 1),
    ];
    for (what, change, wanted) in cases {
        match changed(change) {
            Err(VerifyError::Broken(breach)) => {
                assert!(breach.first <= wanted && wanted <= breach.last + 1, "{what}: {breach}")
            }
            other => panic!("{what}: {other:?}"),
        }
    }
    assert!(changed(&|all| all.truncate(at)).is_err(), "cut off");
    // An auditor reads; nobody else does.
    server.api("dana").await.get("/audit/export").await.refused(404, "not_found");
    if matches!(server.database, Database::File(_)) {
        server.stop().await;
    } else {
        let mut server = server;
        server.close().await; // its log no longer verifies
    }
}

/// The index of the event whose line holds `text`.
fn index_of(export: &[u8], text: &str) -> u64 {
    let line = std::str::from_utf8(export).unwrap().lines().find(|l| l.contains(text)).expect("the event");
    serde_json::from_str::<serde_json::Value>(line).unwrap()["index"].as_u64().unwrap()
}

/// The export of a database in which the reason beside one event was changed: with PostgreSQL in place, by a superuser
/// who switches the triggers off; with SQLite in a copy of the file.
async fn tampered_export(server: &TestServer, otto: &hallpass_client::Client) -> Vec<u8> {
    let Database::Server(name) = &server.database else {
        let copy = server.folder.path().join("copy.db");
        server.nodes[0].composed.store.backup(&copy).await.unwrap();
        let mut bytes = std::fs::read(&copy).unwrap();
        let pattern = format!(r#""reason":"{REASON}""#).into_bytes();
        let places: Vec<usize> = bytes
            .windows(pattern.len())
            .enumerate()
            .filter(|(_, w)| *w == pattern.as_slice())
            .map(|(at, _)| at)
            .collect();
        assert!(!places.is_empty(), "the row is in the file");
        for at in places {
            let forged = format!(r#""reason":"{FORGED}""#).into_bytes();
            bytes[at..at + forged.len()].copy_from_slice(&forged);
        }
        std::fs::write(&copy, bytes).unwrap();
        let mut config = config(server.folder.path(), &format!("sqlite:{}", copy.display()), false);
        config.audit.checkpoint_file = None;
        let given = Given { notifier: Some(std::sync::Arc::new(server.mailbox.clone())), ..Given::default() };
        let composed = compose(&config, &server.base_url, Making::Refused, given).await.unwrap();
        let export = composed.broker.begin_export().await.unwrap();
        let mut out = export.header.clone();
        for block in 0..export.blocks() {
            out += &composed.broker.export_block(&export, block).await.unwrap();
        }
        return out.into_bytes();
    };
    let superuser = cluster().await.superuser(name).await;
    // Not even a superuser does it by accident.
    let change = format!(
        "UPDATE audit_events SET private = jsonb_set(private, '{{reason}}', '\"{FORGED}\"') WHERE private->>'reason' = '{REASON}'"
    );
    assert!(superuser.execute(&change, &[]).await.is_err(), "the database refuses it");
    superuser.batch_execute("SET session_replication_role = replica").await.unwrap();
    assert_eq!(superuser.execute(&change, &[]).await.unwrap(), 1);
    let mut export = Vec::new();
    otto.audit_export(&mut |piece| {
        export.extend_from_slice(piece);
        Ok(())
    })
    .await
    .unwrap();
    export
}

/// Rows of tokens are deleted a day after their end; a receipt says for ever what was issued.
async fn a_receipt_names_tokens_whose_rows_are_gone(backend: Backend) {
    let server = TestServer::start(backend).await;
    let grant = lived(&server).await;
    let tokens = async || server.broker().store.tokens_of(grant.id, 10).await.unwrap();
    let token = tokens().await[0].id.to_string();
    server.advance(25 * 3_600);
    assert_eq!(server.broker().step_sweep().await.error, None);
    assert!(tokens().await.is_empty(), "the row is gone");
    let dana = server.sign_in("dana").await;
    let page = dana.get(&format!("/grants/{}/receipt", grant.id)).await.expect(200).words();
    assert!(page.contains(&token) && page.contains("Accepted by nobody since"), "{page}");
    assert!(!page.contains("Nothing was issued"), "{page}");
    server.stop().await;
}

async fn a_receipt_proves_its_events(backend: Backend) {
    let server = TestServer::start(backend).await;
    let grant = lived(&server).await;
    let dana = server.api("dana").await;
    let client = server.client_as(&dana);
    let browser = server.sign_in("dana").await;
    server.settle().await;
    let receipt = client.receipt(&grant.id.to_string()).await.unwrap();
    assert_eq!((receipt.unsealed, receipt.grant.id.as_str()), (0, grant.id.to_string().as_str()));
    let key: VerifierKey = client.audit_vkey().await.unwrap().trim().parse().unwrap();
    let mut kinds = Vec::new();
    let mut last = None;
    for event in &receipt.events {
        let proof = Receipt::parse(&event.tlog_proof).unwrap();
        let (leaf, checkpoint) = proof.verify_own_leaf(std::slice::from_ref(&key)).unwrap();
        assert!(last.is_none_or(|l| l < proof.index) && proof.index < checkpoint.size, "in order of the log");
        last = Some(proof.index);
        let leaf: serde_json::Value = serde_json::from_slice(leaf).unwrap();
        kinds.push(leaf["kind"].as_str().unwrap().to_owned());
        // One flipped bit, and it proves nothing.
        let mut forged = proof.clone();
        forged.index += 1;
        assert!(forged.verify_own_leaf(std::slice::from_ref(&key)).is_err());
    }
    for kind in ["request.submitted", "request.approved", "token.issued", "grant.ending", "grant.ended"] {
        assert!(kinds.iter().any(|k| k == kind), "{kind} in {kinds:?}");
    }
    let decision = &receipt.request.as_ref().unwrap().stages[0].decisions[0];
    assert_eq!(
        (decision.by.handle.as_str(), decision.digest.as_str()),
        ("ana@hall.test", receipt.request.as_ref().unwrap().digest.as_str())
    );
    assert!(receipt.grant.verified_at.is_some());

    // The printed one and its proof file, too; and nobody else's.
    let page = browser.get(&format!("/grants/{}/receipt", grant.id)).await.expect(200).words();
    assert!(
        page.contains(REASON) && page.contains("Ana Ruiz") && page.contains("Ended and checked"),
        "{page}"
    );
    assert!(page.contains(&format!("hallpass audit verify --receipt receipt-{}.json", grant.id)), "{page}");
    let file = browser.get(&format!("/grants/{}/receipt.json", grant.id)).await.expect(200);
    let printed: GrantReceipt = serde_json::from_str(&file.body).unwrap();
    assert_eq!((&printed.events, &printed.request), (&receipt.events, &receipt.request));
    for event in &printed.events {
        let proof = Receipt::parse(&event.tlog_proof).unwrap();
        let (leaf, checkpoint) = proof.verify_own_leaf(std::slice::from_ref(&key)).unwrap();
        if String::from_utf8_lossy(leaf).contains(r#""kind":"mail."#) {
            continue;
        }
        // What is printed proves the same without the file: leaf, path, size, root.
        assert!(
            page.contains(&format!("size {}, root {}", checkpoint.size, checkpoint.root.to_base64())),
            "{page}"
        );
        for hash in proof.proof.iter().copied().chain([leaf_hash(leaf)]) {
            assert!(
                page.contains(&hash.to_base64()),
                "{} of event {} in {page}",
                hash.to_base64(),
                proof.index
            );
        }
    }
    server.api("eve").await.get(&format!("/grants/{}/receipt", grant.id)).await.refused(404, "not_found");
    server.stop().await;
}

/// In real time: whoever opens the proof right after the approval is not sent away because the sealer has not come round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_is_there_right_after_the_approval() {
    let server = TestServer::with(Setup { real_time: true, ..Setup::on(Backend::Sqlite) }).await;
    let dana = server.sign_in("dana").await;
    let grant = steps::granted(&server, &dana, "billing-read", "2s").await;
    let file = dana.get(&format!("/grants/{}/receipt.json", grant.id)).await.expect(200);
    let key = server.broker().log_signer.verifier().clone();
    let receipt: GrantReceipt = serde_json::from_str(&file.body).unwrap();
    assert!(!receipt.events.is_empty() && receipt.unsealed == 0, "{}", file.body);
    for event in &receipt.events {
        let proof = Receipt::parse(&event.tlog_proof).unwrap();
        assert!(proof.verify_own_leaf(std::slice::from_ref(&key)).is_ok());
    }
    eventually("its end, told by mail", || async {
        let ended = server.broker().store.grant(grant.id).await.unwrap().unwrap().state == GrantState::Ended;
        (ended && server.broker().store.outbox_age().await.unwrap().1 == 0).then_some(())
    })
    .await;
    server.stop().await;
}

async fn auditors_filter_and_page(backend: Backend) {
    let server = TestServer::start(backend).await;
    let grant = lived(&server).await;
    let otto = server.api("otto").await;
    let client = server.client_as(&otto);
    server.settle().await;
    // Paging by three gives everything once, newest first.
    let mut filter = EventFilter {
        paging: hallpass_client::api::Paging { limit: Some(3), after: None },
        ..EventFilter::default()
    };
    let mut ids = Vec::new();
    loop {
        let page = client.audit_events(&filter).await.unwrap();
        assert!(page.items.len() <= 3);
        ids.extend(page.items.into_iter().map(|e| e.id));
        match page.next {
            Some(next) => filter.paging.after = Some(next),
            None => break,
        }
    }
    // All that there were when the first page was asked for; reading is an event, too.
    let newest = ids.first().expect("an event").clone();
    let stored = server.broker().store.events(&AuditFilter::default(), None, 10_000).await.expect("events");
    let stored = stored.iter().filter(|e| e.event.parts().id.to_string() <= newest).count();
    assert_eq!(ids.len(), stored);
    let mut sorted = ids.clone();
    sorted.sort();
    sorted.dedup();
    sorted.reverse();
    assert_eq!(ids, sorted, "each once, newest first");
    assert!(ids.len() > 15);

    let count = async |filter: EventFilter| client.audit_events(&filter).await.unwrap().items;
    let family = count(EventFilter { kind: Some("request.".to_owned()), ..EventFilter::default() }).await;
    assert_eq!(
        family.iter().map(|e| e.kind.as_str()).collect::<Vec<_>>(),
        ["request.approved", "request.submitted"]
    );
    let by_ana = count(EventFilter {
        actor: Some("ana@hall.test".to_owned()),
        kind: Some("request.".to_owned()),
        ..EventFilter::default()
    })
    .await;
    assert_eq!((by_ana.len(), by_ana[0].actor_name.as_deref()), (1, Some("Ana Ruiz")));
    let reference =
        server.broker().store.request(grant.request_id.unwrap()).await.unwrap().unwrap().reference;
    for subject in [reference.to_lowercase(), format!("grant:{}", grant.id)] {
        let about = count(EventFilter { subject: Some(subject), ..EventFilter::default() }).await;
        assert!(about.iter().any(|e| e.kind == "request.approved"), "{about:?}");
    }
    let later = count(EventFilter {
        from: Some(server.now().to_rfc3339()),
        kind: Some("request.".to_owned()),
        ..EventFilter::default()
    })
    .await;
    assert!(later.is_empty());
    let sealed = count(EventFilter { kind: Some("grant.ended".to_owned()), ..EventFilter::default() }).await;
    assert!(sealed[0].index.is_some() && sealed[0].leaf_hash.is_some());

    // The same in the portal.
    let browser = server.sign_in("otto").await;
    let page = browser.get("/audit?action=request.&actor=ana@hall.test").await.expect(200).words();
    assert!(page.contains("request.approved") && !page.contains("request.submitted"), "{page}");
    let page = browser.get("/audit?actor=nobody").await.words();
    assert!(page.contains("Nobody has that name"), "{page}");
    server.stop().await;
}
