//! Without a mouse: a request is made and decided by Tab, Space and Enter, and the focus is always seen.
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;

use crate::steps;
use crate::window::Window;

/// Keys as WebDriver names them (§17.4.2).
const TAB: char = '\u{E004}';
const ENTER: char = '\u{E007}';
const SPACE: char = ' ';
const RIGHT: char = '\u{E014}';

with_and_without_script!(a_request_is_made_and_decided);

impl Window {
    /// Goes on by Tab until the focus is on what is called so; it must be seen wherever it comes.
    async fn tab_to(&self, name: &str) {
        let mut passed = Vec::new();
        for _ in 0..80 {
            self.driver.keys(&[TAB]).await;
            let at = self.run(
                "const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect();
                const name = e.labels?.[0]?.innerText ?? e.innerText ?? e.getAttribute('aria-label') ?? '';
                return [name.replace(/\\s+/g, ' ').trim(), s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2,
                    b.bottom > 0 && b.right > 0 && b.top < innerHeight && b.left < innerWidth, e.tagName]",
            );
            let at = at.await;
            let here = at[0].as_str().unwrap_or_default().to_owned();
            if at[3] != "BODY" {
                assert_eq!(at[1], true, "no focus is seen on “{here}” at {}", self.path().await);
                assert_eq!(at[2], true, "“{here}” has the focus outside the window at {}", self.path().await);
            }
            if here.starts_with(name) {
                return;
            }
            passed.push(here);
        }
        panic!("Tab does not come to “{name}” at {}: {passed:?}", self.path().await);
    }

    /// Types where the focus is.
    async fn type_here(&self, text: &str) {
        let here = self.driver.active().await.expect("a focus");
        self.driver.send_keys(&here, text).await.expect("it takes text");
    }

    /// Presses a key and waits for the page to which it leads.
    async fn press_key(&self, key: char) {
        self.leave(|| async { self.driver.keys(&[key]).await }).await;
    }
}

async fn a_request_is_made_and_decided(script: bool) {
    let server = TestServer::start(Backend::Sqlite).await;
    let window = Window::new(&server.base_url, script).await;
    steps::sign_in(&server, &window, "sam").await;
    window.expect_heading("Catalogue").await;
    // The first stop leads past the navigation.
    window.driver.keys(&[TAB]).await;
    assert_eq!(window.run("return document.activeElement.innerText").await, "Skip to content");
    window.driver.keys(&[ENTER]).await;
    window.tab_to("Request billing-read").await;
    window.press_key(ENTER).await;
    window.expect_heading("Request billing-read").await;

    window.tab_to("1 h (usual)").await;
    window.driver.keys(&[RIGHT]).await;
    window.tab_to("us").await;
    window.driver.keys(&[SPACE]).await;
    window.tab_to("Reason").await;
    window.type_here("an invoice of the other region").await;
    window.tab_to("Send request").await;
    window.press_key(ENTER).await;
    window.expect_heading("Sam Okafor asks for billing-read").await;
    window.expect_words("4 h from approval").await;
    window.expect_words("eu, us").await;
    let reference = window.path().await.rsplit('/').next().unwrap_or_default().to_owned();

    steps::leave(&window).await;
    steps::sign_in(&server, &window, "bo").await;
    window.expect_heading("Inbox").await;
    window.tab_to(&format!("Review {reference}")).await;
    window.press_key(ENTER).await;
    window.expect_heading("Sam Okafor asks for billing-read for 4 h").await;
    // Enter in a field decides nothing.
    window.tab_to("Comment").await;
    window.tab_to("Approve").await;
    window.press_key(SPACE).await;
    window.expect_heading("Approved").await;
    window.expect_quiet().await;
    drop(window);
    server.stop().await;
}
