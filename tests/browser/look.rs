//! What every page must be: readable on a small screen and in both schemes, without a finding of axe, of this origin alone.
use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::window::Window;

/// The accessibility rules, as vendored.
const AXE: &str = include_str!("../../web/vendor/axe/axe.min.js");

/// Rules of WCAG 2.2, levels A and AA, and what axe calls best practice.
const RULES: &str =
    "{ type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }";

/// Those of them that look at colours. The second scheme changes nothing else, and no width shows another colour.
const COLOURS: &str = "{ type: 'rule', values: ['color-contrast', 'link-in-text-block'] }";

/// Runs the rules in place of `RULES`.
const RUN: &str = "return await axe.run(document, { iframes: false, resultTypes: ['violations'], runOnly: RULES,
}).then((r) => r.violations.map((v) => `${v.id} (${v.impact}): ` + v.nodes.map((n) => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).join('; ')))";

/// All but those: what a narrow window can break, such as the size of what is pressed and what can be reached by scrolling.
/// Rules about colours take most of the time.
const LAYOUT: &str =
    "RULES, rules: { 'color-contrast': { enabled: false }, 'link-in-text-block': { enabled: false } }";

/// Widths at which pages are looked at, and the rules for each: in the light scheme, and in the dark one.
const WIDTHS: [(u32, [Option<&str>; 2]); 3] =
    [(320, [Some(LAYOUT), None]), (768, [None, None]), (1280, [Some(RULES), Some(COLOURS)])];

impl Window {
    /// Looks at the page as it stands, in both schemes and at three widths; where `HALLPASS_SCREENSHOTS` is set, writes
    /// screenshots named after it to `target/screenshots`.
    ///
    /// # Panics
    /// Where something is wider than the window, or axe finds anything.
    pub(crate) async fn look(&self, name: &str) {
        let mut findings = Vec::new();
        let shoot = std::env::var_os("HALLPASS_SCREENSHOTS").is_some();
        for (nth, scheme) in ["light", "dark"].into_iter().enumerate() {
            self.scheme(scheme).await;
            for (width, rules) in WIDTHS {
                self.resize(width).await;
                let size = "return [document.documentElement.scrollWidth, innerWidth, document.documentElement.scrollHeight]";
                let size = self.run(size).await;
                if size[0].as_u64() > size[1].as_u64() {
                    findings.push(format!(
                        "{scheme}, {width} px: {} px wide: {}",
                        size[0],
                        self.widest().await
                    ));
                }
                if shoot {
                    let height = size[2].as_u64().unwrap_or(900);
                    self.shoot(&format!("{name}-{width}-{scheme}"), width, height).await;
                }
                if let Some(rules) = rules[nth] {
                    let found = self.axe(rules).await;
                    findings.extend(found.into_iter().map(|f| format!("{scheme}, {width} px: {f}")));
                }
            }
        }
        self.driver.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
        self.scheme("light").await;
        assert!(findings.is_empty(), "{name}, {}:\n{}", self.path().await, findings.join("\n"));
    }

    /// [`Self::look`] where pages run their script; without, they are the same pages.
    pub(crate) async fn look_with_script(&self, name: &str) {
        if self.script {
            self.look(name).await;
        }
    }

    /// Shows the same document without the sandbox in which it was sent: axe needs timers, and those stand still in there.
    pub(crate) async fn leave_sandbox(&self) {
        let html = self.run("return '<!doctype html>' + document.documentElement.outerHTML").await;
        self.driver.open("about:blank").await;
        let tree = self.driver.devtools("Page.getFrameTree", json!({})).await;
        let content = json!({ "frameId": tree["frameTree"]["frame"]["id"], "html": html });
        self.driver.devtools("Page.setDocumentContent", content).await;
    }

    /// The scheme that the person prefers.
    pub(crate) async fn scheme(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }, { "name": "prefers-reduced-motion", "value": "reduce" }]);
        self.driver.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// The width of the window in CSS pixels.
    pub(crate) async fn resize(&self, width: u32) {
        let size = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.driver.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Findings of axe by these rules.
    async fn axe(&self, rules: &str) -> Vec<String> {
        if self.run("return typeof axe").await != json!("object") {
            self.run(AXE).await;
        }
        // The rules of a narrow window name those of every window.
        let found = self.run(&RUN.replace("RULES", rules).replace("RULES", RULES)).await;
        found.as_array().into_iter().flatten().filter_map(|f| f.as_str().map(str::to_owned)).collect()
    }

    /// What reaches furthest to the right.
    async fn widest(&self) -> Value {
        self.run("return [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
            .slice(0, 5).map((e) => `${e.tagName}.${e.className} ${Math.round(e.getBoundingClientRect().right)}`)").await
    }

    async fn shoot(&self, name: &str, width: u32, height: u64) {
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height.clamp(400, 4_000), "scale": 1 });
        let shot = self
            .driver
            .devtools(
                "Page.captureScreenshot",
                json!({ "format": "png", "captureBeyondViewport": true, "clip": clip }),
            )
            .await;
        let bytes =
            BASE64.decode(shot["data"].as_str().unwrap_or_default().as_bytes()).expect("a screenshot");
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
        std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(folder.join(format!("{name}.png")), bytes))
            .expect("a file");
    }

    /// Nothing was asked of another origin, no policy was hurt, no script failed, and the server broke nowhere, since the last look.
    ///
    /// # Panics
    /// Where something of it happened.
    pub(crate) async fn expect_quiet(&self) {
        let mut findings = Vec::new();
        for entry in self.driver.log("browser").await {
            let message = entry["message"].as_str().unwrap_or_default();
            // An answer such as 422 is told as an error of the network.
            if !message.contains("Failed to load resource") {
                findings.push(format!("{}: {message}", entry["source"]));
            }
        }
        for entry in self.driver.log("performance").await {
            let event: Value =
                serde_json::from_str(entry["message"].as_str().unwrap_or_default()).unwrap_or_default();
            let (method, params) = (&event["message"]["method"], &event["message"]["params"]);
            let url = if method == "Network.requestWillBeSent" {
                &params["request"]["url"]
            } else {
                &params["response"]["url"]
            };
            let url = url.as_str().unwrap_or_default();
            // The browser's own first page is none of ours.
            let local =
                [self.base.as_str(), "data:", "about:", "chrome:"].iter().any(|start| url.starts_with(start));
            if method == "Network.requestWillBeSent" && !local {
                findings.push(format!("a request to {url}"));
            }
            if method == "Network.responseReceived" && params["response"]["status"].as_u64() >= Some(500) {
                findings.push(format!("{} from {url}", params["response"]["status"]));
            }
        }
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }
}
