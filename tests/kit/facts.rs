//! What stands in the store, read past every rule: for comparing before and after, and for what must not be left.
use hallpass_domain::grant::{Grant, GrantState};
use hallpass_domain::ports::audit_log::AuditFilter;
use hallpass_domain::ports::grants::GrantFilter;
use hallpass_domain::ports::requests::RequestFilter;
use hallpass_domain::ports::store::{Page, Store};
use hallpass_domain::request::{Request, RequestState};
use serde_json::{Value, json};

use crate::server::TestServer;

/// Every request, newest first.
///
/// # Panics
/// Where the store cannot be read; so for all here.
pub async fn requests(store: &dyn Store) -> Vec<Request> {
    let mut out: Vec<Request> = Vec::new();
    loop {
        let page = Page { after: out.last().map(|r| r.id.0), limit: 200 };
        let rows = store.requests(&RequestFilter::default(), page).await.expect("requests");
        if rows.is_empty() {
            return out;
        }
        out.extend(rows);
    }
}

/// Every grant, newest first.
pub async fn grants(store: &dyn Store) -> Vec<Grant> {
    let mut out: Vec<Grant> = Vec::new();
    loop {
        let page = Page { after: out.last().map(|g| g.id.0), limit: 200 };
        let rows = store.grants(&GrantFilter::default(), page).await.expect("grants");
        if rows.is_empty() {
            return out;
        }
        out.extend(rows);
    }
}

/// Every request with its decisions, and every grant with its credentials and tokens, as JSON.
pub async fn decided(server: &TestServer) -> Value {
    let store = server.broker().store.as_ref();
    let mut out = Vec::new();
    for request in requests(store).await {
        let decisions = store.decisions(request.id).await.expect("decisions");
        out.push(json!({ "request": request, "decisions": decisions }));
    }
    for grant in grants(store).await {
        let credentials = store.credentials_of(grant.id).await.expect("credentials");
        let tokens = store.tokens_of(grant.id, 200).await.expect("tokens");
        out.push(json!({ "grant": grant, "credentials": credentials, "tokens": tokens }));
    }
    Value::Array(out)
}

/// How many events of a kind (or family, with a trailing dot) are about a subject; `(noun, id)`.
pub async fn events(server: &TestServer, kind: &str, subject: Option<(&str, String)>) -> usize {
    let filter = AuditFilter {
        kind: Some(kind.to_owned()),
        subject: subject.map(|(noun, id)| (noun.to_owned(), id)),
        ..AuditFilter::default()
    };
    server.broker().store.events(&filter, None, 10_000).await.expect("events").len()
}

/// End of the line about mails in [`leftovers`].
pub const UNSENT: &str = " mails are not sent";

/// What is not over.
pub async fn leftovers(server: &TestServer) -> Vec<String> {
    let store = server.broker().store.as_ref();
    let mut out = Vec::new();
    for request in requests(store).await.iter().filter(|r| r.state == RequestState::Pending) {
        out.push(format!("request {} is pending", request.reference));
    }
    for grant in grants(store).await {
        if grant.state != GrantState::Ended {
            out.push(format!("grant {} is {:?} until {}", grant.id, grant.state, grant.ends_at));
        }
        if store.count_unrevoked(grant.id).await.expect("credentials") > 0 {
            out.push(format!("grant {} has credentials that are not revoked", grant.id));
        }
    }
    let (_, unsent) = store.outbox_age().await.expect("the outbox");
    if unsent > 0 {
        out.push(format!("{unsent}{UNSENT}"));
    }
    out.extend(at_targets(server).await);
    out
}

/// Accounts of this server at its targets, seen by a superuser.
async fn at_targets(server: &TestServer) -> Vec<String> {
    let pattern = format!("hp\\_{}\\_%", server.broker().settings.instance);
    let mut out = Vec::new();
    for cluster in &server.clusters {
        let client = cluster.superuser("postgres").await;
        let rows =
            client.query("SELECT rolname::text FROM pg_roles WHERE rolname LIKE $1", &[&pattern]).await;
        out.extend(
            rows.expect("roles")
                .iter()
                .map(|row| format!("role {} is at the target", row.get::<_, String>(0))),
        );
    }
    out
}

/// The whole log, as an auditor exports it, verifies offline against the newest checkpoint that is held outside.
pub async fn assert_log_verifies(server: &TestServer) {
    let path = server.folder.path().join("checkpoints.txt");
    let sink = hallpass_adapters::checkpoints::CheckpointFile::new(path);
    let held = hallpass_domain::ports::checkpoint_sink::CheckpointSink::newest(&sink).await;
    let held = held.expect("readable").expect("a checkpoint was published");
    let key = server.broker().log_signer.verifier().clone();
    let export = export(server).await;
    let verified = hallpass_domain::audit::verify_export(export.as_slice(), &[key], &[&held]);
    verified.unwrap_or_else(|error| panic!("the audit log does not verify: {error}"));
}

/// The log as an export, sealed to its last event.
pub async fn export(server: &TestServer) -> Vec<u8> {
    let broker = server.broker();
    let _ = broker.step_seal_audit().await;
    let export = broker.begin_export().await.expect("an export");
    let mut out = export.header.clone();
    for block in 0..export.blocks() {
        out += &broker.export_block(&export, block).await.expect("a block");
    }
    out.into_bytes()
}
