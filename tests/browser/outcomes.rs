//! Each way in which a visit to a link can end, as its page.
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;

use crate::steps::{self, ask, decide};
use crate::window::Window;

with_and_without_script!(every_outcome_has_its_page);

async fn every_outcome_has_its_page(script: bool) {
    let server = TestServer::start(Backend::Sqlite).await;
    let dana = server.sign_in("dana").await;
    let bo = server.sign_in("bo").await;
    let window = Window::new(&server.base_url, script).await;
    let open = async |reference: &str, heading: &str| {
        window.open(&format!("/r/{reference}")).await;
        window.expect_heading(heading).await;
    };
    steps::sign_in(&server, &window, "ana").await;

    // Somebody is faster while the page is open.
    let raced = ask(&dana, "billing-read", "1h").await;
    open(&raced, "Dana Kim asks for billing-read for 1 h").await;
    decide(&bo, &raced, "approve", &[]).await;
    window.press("Approve").await;
    window.expect_heading("Already decided").await;
    window.expect_words("by Bo Lind").await;
    window.look_with_script("outcome-already-decided").await;

    // The page that is sent is of another request than the one that stands there.
    let changed = ask(&dana, "billing-audit", "2h").await;
    open(&changed, "Dana Kim asks for billing-audit for 2 h").await;
    window.run("document.querySelector('[name=digest]').value = 'another'").await;
    window.press("Approve").await;
    window.expect_heading("It changed while you looked").await;
    window.look_with_script("outcome-changed").await;
    decide(&bo, &changed, "approve", &[("shorten_to", "900")]).await;
    open(&changed, "Dana Kim asks for billing-audit for 15 min").await;
    window.expect_words("shortened by Bo Lind").await;
    window.press("Approve").await;
    window.expect_heading("Approved").await;

    // A stage is settled without this approver; it goes on with the next.
    let staged = ask(&dana, "billing-admin", "1h").await;
    decide(&bo, &staged, "approve", &[]).await;
    open(&staged, "This stage is settled").await;
    window.look_with_script("outcome-stage-closed").await;

    let withdrawn = ask(&dana, "reports-read", "30m").await;
    let path = format!("/requests/{withdrawn}");
    let _ = dana.submit(&dana.get(&path).await.form(&format!("{path}/withdraw"))).await.expect(200);
    open(&withdrawn, "Withdrawn").await;
    window.look_with_script("outcome-withdrawn").await;
    open("R-2222222222", "This link leads nowhere").await;
    window.look_with_script("outcome-unknown").await;

    // His own, and nobody's business.
    steps::leave(&window).await;
    let olga = server.sign_in("olga").await;
    let own = ask(&olga, "ledger-read", "30m").await;
    steps::sign_in(&server, &window, "olga").await;
    open(&own, "This is your own request").await;
    window.look_with_script("outcome-own").await;
    window.open("/inbox").await;
    window.expect_words("You asked for this, so others decide.").await;
    steps::leave(&window).await;
    steps::sign_in(&server, &window, "kim").await;
    open(&own, "Not yours to decide").await;
    assert!(!window.words().await.contains("Olga"), "{}", window.words().await);
    window.look_with_script("outcome-not-yours").await;

    // Nobody decides in time.
    server.advance(8 * 3600 + 1);
    server.settle().await;
    steps::leave(&window).await;
    steps::sign_in(&server, &window, "ana").await;
    open(&own, "Lapsed").await;
    window.look_with_script("outcome-lapsed").await;
    window.expect_quiet().await;
    drop(window);
    server.stop().await;
}
