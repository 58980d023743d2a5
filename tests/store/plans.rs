//! Every query is bounded by an index, on PostgreSQL as its planner says (SQLite: unit tests of the store).
use hallpass_store::{Schema, open};
use hallpass_tests::pg::Cluster;

use super::ports::call_every_port;

/// Tables that grow. The catalogue is read as a whole, on purpose.
const GROWING: [&str; 14] = [
    "requests", "decisions", "grants", "credentials", "tokens", "mails", "audit_events", "audit_subjects",
    "audit_nodes", "sessions", "devices", "api_tokens", "commands", "idempotency_keys",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_port_scans_a_table_that_grows() {
    // With sequential scans made dear, one that is left has no index to use. Plans are the generic ones, as for
    // statements that run often.
    let cluster = tokio::task::spawn_blocking(|| {
        Cluster::start_with(&[
            ("session_preload_libraries", "auto_explain"),
            ("auto_explain.log_min_duration", "0"),
            ("auto_explain.log_nested_statements", "on"),
            ("enable_seqscan", "off"),
            ("enable_bitmapscan", "off"),
            ("plan_cache_mode", "force_generic_plan"),
        ])
    })
    .await
    .unwrap();
    cluster.databases(&["hallpass"]).await;
    let store = open(&format!("{}?sslmode=disable", cluster.url("hallpass")), Schema::Migrate).await.unwrap();
    call_every_port(&store).await;
    let log = cluster.log();
    assert!(log.matches("Query Text:").count() > 80, "plans were logged");
    let mut query = "";
    let mut bad = Vec::new();
    for line in log.lines() {
        if let Some(text) = line.split_once("Query Text: ") {
            query = text.1;
        }
        let scans = line.split_once("Seq Scan on ").map(|(_, rest)| rest.split(' ').next().unwrap_or(""));
        if scans.is_some_and(|table| GROWING.contains(&table)) {
            bad.push(format!("{query}\n    {line}"));
        }
    }
    assert!(bad.is_empty(), "without an index:\n{}", bad.join("\n"));
}
