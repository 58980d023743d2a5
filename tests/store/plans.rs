//! Every query is bounded by an index, as either planner says.
//!
//! PostgreSQL's plans are taken from its log while every port is called. The same statements are then explained by
//! SQLite: both back ends compile them from one source, and differ in little more than the spelling of a list.
use hallpass_store::{Schema, migrate, open};
use hallpass_tests::pg::Cluster;

use super::bed::sqlite3;
use super::ports::call_every_port;

/// Tables that grow. The catalogue is read as a whole, on purpose.
const GROWING: [&str; 15] = [
    "requests",
    "decisions",
    "grants",
    "credentials",
    "tokens",
    "mails",
    "audit_events",
    "audit_subjects",
    "audit_nodes",
    "sessions",
    "devices",
    "api_tokens",
    "commands",
    "idempotency_keys",
    "findings",
];

/// A statement with its plan, as logged.
struct Logged {
    sql: String,
    plan: Vec<String>,
}

/// What `auto_explain` wrote.
fn logged(log: &str) -> Vec<Logged> {
    let mut all: Vec<Logged> = Vec::new();
    for line in log.lines() {
        if let Some((_, sql)) = line.split_once("Query Text: ") {
            all.push(Logged { sql: sql.to_owned(), plan: Vec::new() });
        } else if let (true, Some(last)) = (line.starts_with('\t'), all.last_mut()) {
            last.plan.push(line.trim().to_owned());
        }
    }
    all
}

/// Every statement behind every port, run by a planner that avoids what has no index: sequential scans and sorts are
/// made dear, and plans are the generic ones, as for statements that run often.
async fn every_statement() -> Vec<Logged> {
    let cluster = tokio::task::spawn_blocking(|| {
        Cluster::start_with(&[
            ("session_preload_libraries", "auto_explain"),
            ("auto_explain.log_min_duration", "0"),
            ("enable_seqscan", "off"),
            ("enable_sort", "off"),
            ("enable_bitmapscan", "off"),
            ("plan_cache_mode", "force_generic_plan"),
        ])
    })
    .await
    .unwrap();
    cluster.databases(&["hallpass"]).await;
    let store = open(&format!("{}?sslmode=disable", cluster.url("hallpass")), Schema::Migrate).await.unwrap();
    call_every_port(&store).await;
    let all = logged(&cluster.log());
    assert!(all.len() > 150, "plans were logged: {}", all.len());
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_port_scans_a_table_that_grows() {
    let all = every_statement().await;
    let mut bad = Vec::new();
    for Logged { sql, plan } in &all {
        let scans = |line: &str| {
            let table = line.split_once("Seq Scan on ").map(|(_, rest)| rest.split(' ').next().unwrap_or(""));
            table.is_some_and(|table| GROWING.contains(&table))
        };
        let sorts = sql.contains("LIMIT") && plan.iter().any(|line| line.contains("Sort Key"));
        if sorts || plan.iter().any(|line| scans(line)) {
            bad.push(format!("{sql}\n    {}", plan.join("\n    ")));
        }
    }
    assert!(bad.is_empty(), "PostgreSQL finds no index for:\n{}", bad.join("\n"));

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("h.db");
    migrate(&format!("sqlite:{}", file.display())).await.unwrap();
    let mut statements: Vec<String> = all.into_iter().filter_map(|logged| for_sqlite(&logged.sql)).collect();
    statements.sort();
    statements.dedup();
    assert!(statements.len() > 60, "statements that SQLite has too: {}", statements.len());
    let mut bad = Vec::new();
    for sql in statements {
        let plan =
            sqlite3(&file, &format!("EXPLAIN QUERY PLAN {sql}")).unwrap_or_else(|e| panic!("{sql}: {e}"));
        let limited = sql.contains(" LIMIT ");
        for line in plan.lines() {
            let line = line.trim_start_matches(['|', '`', '-', ' ']);
            let table = line.strip_prefix("SCAN ").map(|rest| rest.split(' ').next().unwrap_or(""));
            // In index order up to a limit, or through an index that holds only what waits.
            let bounded =
                line.contains(" INDEX ") && (limited || PARTIAL.iter().any(|index| line.ends_with(index)));
            let scans = table.is_some_and(|table| GROWING.contains(&table)) && !bounded;
            let sorts = limited && line.contains("USE TEMP B-TREE FOR ORDER BY");
            if scans || sorts {
                bad.push(format!("{sql}\n    {line}"));
            }
        }
    }
    assert!(bad.is_empty(), "SQLite finds no index for:\n{}", bad.join("\n"));
}

/// Partial indexes: as small as what is open.
const PARTIAL: [&str; 4] = ["audit_events_unsealed", "mails_queued", "credentials_due", "findings_counted"];

/// The statement as SQLite has it; none for what only PostgreSQL does.
fn for_sqlite(sql: &str) -> Option<String> {
    let only_postgres =
        ["pg_notify", "unnest(", "clock_timestamp", "pg_advisory", "information_schema", "pg_"];
    let ours = GROWING.iter().any(|table| sql.contains(&format!("\"{table}\"")));
    let reads = ["SELECT", "UPDATE", "DELETE"].iter().any(|verb| sql.starts_with(verb));
    if !ours || !reads || only_postgres.iter().any(|word| sql.contains(word)) {
        return None;
    }
    let mut sql = sql.replace("= ANY(SELECT", "IN (SELECT");
    for lock in [" SKIP LOCKED", " FOR UPDATE", " FOR SHARE"] {
        sql = sql.replace(lock, "");
    }
    for (theirs, ours) in [("!= ALL($", "NOT IN"), ("= ANY($", "IN")] {
        while let Some((before, rest)) = sql.split_once(theirs) {
            let (number, after) = rest.split_once(')')?;
            sql = format!("{before}{ours} (${number}){after}");
        }
    }
    Some(sql)
}
