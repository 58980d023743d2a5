//! What a person does with the browser's window: reads headings, fills in fields by their label, presses what it says.
use std::future::Future;

use hallpass_tests::wait::{PATIENCE, eventually, within};
use hallpass_tests::webdriver::{By, Driver, Element, Fault};
use serde_json::{Value, json};

/// A window on one server.
pub(crate) struct Window {
    /// The browser.
    pub(crate) driver: Driver,
    /// Base URL of the server.
    pub(crate) base: String,
    /// Whether pages run their script.
    pub(crate) script: bool,
}

/// Text as an XPath literal.
fn literal(text: &str) -> String {
    let parts: Vec<String> = text.split('\'').map(|p| format!("'{p}'")).collect();
    if parts.len() == 1 { parts.concat() } else { format!("concat({})", parts.join(", \"'\", ")) }
}

/// XPath of what a person presses by its words: a button, a link, a summary.
fn pressable(words: &str) -> String {
    let words = literal(words);
    format!(
        "//*[self::button or self::a or self::summary][not(@disabled)][normalize-space()={words} or starts-with(normalize-space(), {words})]"
    )
}

impl Window {
    /// Opens a browser for a server.
    pub(crate) async fn new(base: &str, script: bool) -> Self {
        Self { driver: Driver::start(script).await, base: base.to_owned(), script }
    }

    /// Opens a page of this server.
    pub(crate) async fn open(&self, path: &str) {
        self.driver.open(&format!("{}{path}", self.base)).await;
    }

    /// Path and query of the page.
    pub(crate) async fn path(&self) -> String {
        let url = self.driver.url().await;
        url.strip_prefix(&self.base).unwrap_or(&url).to_owned()
    }

    /// Runs a function body of a test in the page; the page's own Content-Security-Policy does not hold for it.
    pub(crate) async fn run(&self, body: &str) -> Value {
        self.driver.run(body, Vec::new()).await.unwrap_or_else(|e| panic!("{body}: {e:?}"))
    }

    /// Everything that a person reads on the page, with one space between words.
    pub(crate) async fn words(&self) -> String {
        let read = || async { self.driver.run("return document.body.innerText", Vec::new()).await.ok() };
        let text = eventually("a page to read", read).await;
        text.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Whether the page says this now; capitals, which the style sheet may make, do not count.
    pub(crate) async fn says(&self, words: &str) -> bool {
        self.words().await.to_lowercase().contains(&words.to_lowercase())
    }

    /// The page's first heading.
    pub(crate) async fn heading(&self) -> String {
        let read = "return document.querySelector('h1')?.innerText.replace(/\\s+/g, ' ').trim() ?? ''";
        self.run(read).await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits for a page with this first heading.
    pub(crate) async fn expect_heading(&self, heading: &str) {
        let right = || async { (self.heading().await == heading).then_some(()) };
        if within(PATIENCE, right).await.is_none() {
            let last = self.heading().await;
            panic!(
                "wanted the page “{heading}”, not “{last}” at {}: {}",
                self.path().await,
                self.words().await
            );
        }
    }

    /// Waits until the page says this by itself.
    pub(crate) async fn expect_words(&self, words: &str) {
        if within(PATIENCE, || async { self.says(words).await.then_some(()) }).await.is_none() {
            panic!("wanted “{words}” at {}: {}", self.path().await, self.words().await);
        }
    }

    /// Waits until the page says this: by itself with script, by loading it again without.
    pub(crate) async fn expect_words_sooner_or_later(&self, words: &str) {
        if self.script {
            return self.expect_words(words).await;
        }
        let look = || async {
            let fits = self.says(words).await;
            if !fits {
                self.reload().await;
            }
            fits.then_some(())
        };
        eventually(words, look).await;
    }

    /// Loads the page again.
    pub(crate) async fn reload(&self) {
        let url = self.driver.url().await;
        self.driver.open(&url).await;
    }

    /// How many sheets the page takes, on each of these papers: width and height in centimetres.
    pub(crate) async fn sheets<const N: usize>(&self, papers: [(f64, f64); N]) -> [usize; N] {
        let mut sheets = [0; N];
        for (sheets, (width, height)) in sheets.iter_mut().zip(papers) {
            let paper = json!({ "page": { "width": width, "height": height } });
            let pdf = self.driver.command(reqwest::Method::POST, "/print", Some(paper)).await.unwrap();
            let pdf = data_encoding::BASE64.decode(pdf.as_str().unwrap().as_bytes()).unwrap();
            let pdf = String::from_utf8_lossy(&pdf);
            *sheets = pdf.matches("/Type /Page\n").count();
        }
        sheets
    }

    /// The first that a person sees, once there is one.
    pub(crate) async fn see(&self, by: By<'_>) -> Element {
        let find = || async {
            for element in self.driver.all(by).await.ok()? {
                if self.driver.is_displayed(&element).await == Ok(true) {
                    return Some(element);
                }
            }
            None
        };
        match within(PATIENCE, find).await {
            Some(found) => found,
            None => panic!("no {by:?} at {}: {}", self.path().await, self.words().await),
        }
    }

    /// Whether a person sees such an element now.
    pub(crate) async fn sees(&self, by: By<'_>) -> bool {
        for element in self.driver.all(by).await.unwrap_or_default() {
            if self.driver.is_displayed(&element).await == Ok(true) {
                return true;
            }
        }
        false
    }

    /// Whether something to press says this.
    pub(crate) async fn offers(&self, words: &str) -> bool {
        self.sees(By::XPath(&pressable(words))).await
    }

    /// Presses the button, link or menu with these words (the whole of them, or their beginning), and stays on the page.
    pub(crate) async fn click(&self, words: &str) {
        self.again(words, || async {
            let element = self.see(By::XPath(&pressable(words))).await;
            self.driver.click(&element).await
        })
        .await;
    }

    /// Presses an element by selector, and stays on the page.
    pub(crate) async fn click_css(&self, css: &str) {
        self.again(css, || async { self.driver.click(&self.see(By::Css(css)).await).await }).await;
    }

    /// Presses what has these words, and waits for the page to which it leads.
    pub(crate) async fn press(&self, words: &str) {
        self.leave(|| self.click(words)).await;
    }

    /// Presses an element by selector, and waits for the page to which it leads.
    pub(crate) async fn press_css(&self, css: &str) {
        self.leave(|| self.click_css(css)).await;
    }

    /// Does something that leads to another page, and waits until that has come.
    pub(crate) async fn leave<F: Future<Output = ()>>(&self, act: impl FnOnce() -> F) {
        // The root element is another one in another document, with script and without.
        let root = || async { self.driver.all(By::Css("html")).await.ok()?.into_iter().next() };
        let before = eventually("a document", root).await;
        act().await;
        let loaded = || async {
            let state = self.driver.run("return document.readyState", Vec::new()).await.ok()?;
            let now = root().await?;
            (now != before && state == json!("complete")).then_some(())
        };
        eventually("the next page", loaded).await;
    }

    /// Tries again while the page changes under our hands.
    async fn again<T, F: Future<Output = Result<T, Fault>>>(&self, what: &str, act: impl Fn() -> F) -> T {
        let attempt = || async {
            match act().await {
                Ok(value) => Some(value),
                Err(fault) if fault.is_passing() => None,
                Err(fault) => panic!("{what}: {fault:?}"),
            }
        };
        eventually(what, attempt).await
    }

    /// The field of a label: the whole of it, or its beginning.
    pub(crate) async fn field(&self, label: &str) -> Element {
        let label = literal(label);
        let xpath = format!(
            "//*[@id=//label[starts-with(normalize-space(), {label})]/@for] | //label[starts-with(normalize-space(), {label})]//input"
        );
        self.see(By::XPath(&xpath)).await
    }

    /// Types into a field in place of what is there.
    pub(crate) async fn fill(&self, label: &str, text: &str) {
        self.again(label, || async {
            let field = self.field(label).await;
            self.driver.clear(&field).await?;
            self.driver.send_keys(&field, text).await
        })
        .await;
    }

    /// What a field holds.
    pub(crate) async fn value(&self, label: &str) -> String {
        self.again(label, || async { self.driver.property(&self.field(label).await, "value").await }).await
    }

    /// Chooses from a select by the words of the option.
    pub(crate) async fn choose(&self, label: &str, option: &str) {
        self.again(label, || async { self.driver.send_keys(&self.field(label).await, option).await }).await;
    }

    /// Ticks or unticks a checkbox or radio button by the words of its label; the input itself may be drawn by its label.
    pub(crate) async fn tick(&self, label: &str) {
        let xpath = format!("//label[input][normalize-space()={}]", literal(label));
        self.again(label, || async { self.driver.click(&self.see(By::XPath(&xpath)).await).await }).await;
    }

    /// The messages of the error summary; each leads to its field.
    pub(crate) async fn mistakes(&self) -> Vec<String> {
        let read = "return [...document.querySelectorAll('#errors li')].map((li) => {
            const link = li.querySelector('a');
            if (link && !document.getElementById(decodeURIComponent(link.hash.slice(1)))) return 'no field: ' + link.hash;
            return li.innerText.trim();
        })";
        let found = self.run(read).await;
        found.as_array().into_iter().flatten().filter_map(|m| m.as_str().map(str::to_owned)).collect()
    }

    /// There is one mistake and it says this.
    pub(crate) async fn expect_mistake(&self, words: &str) {
        let mistakes = self.mistakes().await;
        assert!(
            mistakes.len() == 1 && mistakes[0].contains(words),
            "wanted “{words}”, got {mistakes:?} at {}: {}",
            self.path().await,
            self.words().await
        );
        assert!(
            self.run("return document.title").await.as_str().is_some_and(|t| t.starts_with("Error: ")),
            "the title says nothing of it"
        );
    }
}
