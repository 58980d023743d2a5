//! The first page of all: the claim secret makes the first administrator, once.
use std::sync::Arc;

use hallpass_http::{AppState, HttpConfig};
use hallpass_tests::server::config;
use hallpassd::compose::{self, Given, Making};
use secrecy::ExposeSecret as _;

use crate::window::Window;

with_and_without_script!(the_claim_secret_makes_an_administrator);

async fn the_claim_secret_makes_an_administrator(script: bool) {
    compose::tls::install_provider();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("its address"));
    let config =
        config(folder.path(), &format!("sqlite:{}", folder.path().join("hallpass.db").display()), false);
    let composed =
        compose::compose(&config, &base, Making::Allowed, Given::default()).await.expect("it starts");
    let claim = composed.broker.open_first_run().await.expect("the store").expect("a claim secret");
    let http = HttpConfig { plain_http_on_loopback: true, workers: 1, ..HttpConfig::new(&base) };
    let state = AppState::new(Arc::clone(&composed.broker), http);
    let server = hallpass_http::serve(vec![listener], Arc::new(state).into()).expect("it listens");
    let handle = server.handle();
    let running = tokio::spawn(server);

    let window = Window::new(&base, script).await;
    window.open("/first-run").await;
    window.expect_heading("First run").await;
    window.look_with_script("first-run").await;
    let password = "the first of many passwords";
    let tries = [
        ("not the claim", password, ""),
        (claim.expose_secret(), "another one altogether", "differ"),
        (claim.expose_secret(), password, "done"),
    ];
    for (secret, again, says) in tries {
        window.fill("Claim secret", secret).await;
        window.fill("Your name", "Ines Vidal").await;
        window.fill("Email", "ines@hall.test").await;
        window.fill("Password", password).await;
        window.fill("Password again", again).await;
        window.press("Claim and make administrator").await;
        if says != "done" {
            window.expect_mistake(says).await;
            assert_eq!(
                [window.value("Your name").await, window.value("Email").await],
                ["Ines Vidal", "ines@hall.test"]
            );
        }
    }
    window.expect_heading("Sign in").await;
    window.expect_words("You are the first administrator.").await;
    window.fill("Email", "ines@hall.test").await;
    window.fill("Password", password).await;
    window.press("Sign in").await;
    window.expect_heading("Catalogue").await;
    window.look_with_script("catalogue-empty").await;
    window.open("/first-run").await;
    window.expect_words("404").await;
    window.look_with_script("not-found").await;
    window.expect_quiet().await;
    drop(window);
    handle.stop(false).await;
    let _ = running.await;
}
