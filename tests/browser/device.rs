//! The person's side of `hallpass login`.
use hallpass_client::api::oauth::Poll;
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;

use crate::steps;
use crate::window::Window;

with_and_without_script!(a_code_typed_by_hand);

async fn a_code_typed_by_hand(script: bool) {
    let server = TestServer::start(Backend::Sqlite).await;
    let client = server.client();
    let window = Window::new(&server.base_url, script).await;
    window.open("/device").await;
    steps::go_in(&server, &window, "dana").await;
    window.expect_heading("Connect a device").await;
    window.fill("Code", "BCDF-GHJK").await;
    window.press("Go on").await;
    window.expect_mistake("").await;
    assert_eq!(window.value("Code").await, "BCDF-GHJK");
    window.look_with_script("device-wrong").await;

    for (answer, heading) in [("Refuse", "build-7 was refused"), ("Allow", "build-7 is connected")] {
        let device = client.device_authorization("build-7").await.expect("a device code");
        server.secrets.plant("a device code", &device.device_code);
        window.open("/device").await;
        // As people type: without the dash, in small letters.
        window.fill("Code", &device.user_code.replace('-', "").to_lowercase()).await;
        window.press("Go on").await;
        window.expect_words(&device.user_code).await;
        window.expect_words("127.0.0").await;
        window.look_with_script("device-confirm").await;
        window.press(answer).await;
        window.expect_heading(heading).await;
        window.look_with_script(&format!("device-done-{}", answer.to_lowercase())).await;
        let polled = client.device_token(&device.device_code).await;
        match (answer, polled) {
            ("Allow", Ok(Poll::Token(token))) => server.secrets.plant("an API token", &token.access_token),
            ("Refuse", Ok(Poll::Token(_))) => panic!("a token although it was refused"),
            ("Allow", other) => panic!("{other:?}"),
            _ => {}
        }
    }
    window.press("See all sessions").await;
    window.expect_words("build-7").await;
    window.expect_quiet().await;
    drop(window);
    server.stop().await;
}
