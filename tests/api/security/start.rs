//! What refuses to start: a second server on one file, a wrong or missing key. A database that is older than what was
//! published of it starts in another way: `faults/restored.rs`.
use std::sync::Arc;

use hallpass_tests::database::Backend;
use hallpass_tests::mailbox::Mailbox;
use hallpass_tests::server::{TestServer, config};
use hallpassd::compose::{Given, Making, compose};
use hallpassd::config::Config;

on_both!(a_wrong_or_missing_key_refuses_and_makes_none,);

async fn refusal(config: &Config, making: Making) -> String {
    let given = Given { notifier: Some(Arc::new(Mailbox::default())), ..Given::default() };
    match compose(config, "http://127.0.0.1:1", making, given).await {
        Ok(_) => panic!("it started"),
        Err(error) => error.to_string(),
    }
}

/// On PostgreSQL several may share one database, where they are told so: replicas.rs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_on_one_file_is_refused() {
    let server = TestServer::start(Backend::Sqlite).await;
    let config = config(server.folder.path(), &server.database.url().await, false);
    let said = refusal(&config, Making::Allowed).await;
    assert!(said.contains("in use by another hallpassd") && said.contains("PostgreSQL"), "{said}");
    let dana = server.sign_in("dana").await;
    let _ = dana.get("/catalogue").await.expect(200);
    server.stop().await;
}

async fn a_wrong_or_missing_key_refuses_and_makes_none(backend: Backend) {
    let mut server = TestServer::start(backend).await;
    server.settle().await;
    server.close().await;
    let config = config(server.folder.path(), &server.database.url().await, false);
    let key = config.keys.master_key_file.clone();
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    for making in [Making::Refused, Making::Allowed] {
        let said = refusal(&config, making).await;
        assert!(said.contains("master"), "{said}");
        assert!(!key.exists(), "no new key was made over sealed data");
    }
    // The key of another installation.
    let other = TestServer::start(backend).await;
    std::fs::copy(other.folder.path().join("master.key"), &key).unwrap();
    let said = refusal(&config, Making::Refused).await;
    assert!(said.contains("key"), "{said}");
    other.stop().await;
    // With its own it starts again.
    std::fs::write(&key, kept).unwrap();
    let given = Given { notifier: Some(Arc::new(Mailbox::default())), ..Given::default() };
    compose(&config, "http://127.0.0.1:1", Making::Refused, given).await.unwrap();
}
