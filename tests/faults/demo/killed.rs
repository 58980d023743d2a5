//! Killed in the middle of its first start: the next one finishes what was begun, and nobody is left without a way in.
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use hallpass_tests::browserless::Browser;
use hallpass_tests::secrets::Secrets;
use hallpass_tests::wait::PATIENCE;
use serde_json::Value;

use super::{Demo, command, folder};

/// Around the commits of people's first passwords, each three times on one folder.
const POINTS: [&str; 6] = [
    "store.password.set.before",
    "store.password.set.before",
    "store.password.set.before",
    "store.password.set.after",
    "store.password.set.after",
    "store.password.set.after",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_people_are_made() {
    let folder = folder();
    let data = folder.path().join("data");
    for point in POINTS {
        // Into a file: the cluster that it leaves behind holds on to what it was given.
        let said = folder.path().join("said");
        let mut killed = command(&["--listen", "127.0.0.1:0"], &data);
        killed.env("HALLPASS_FAILPOINT", point).stdout(Stdio::null());
        killed.stderr(std::fs::File::create(&said).expect("a file"));
        let status =
            tokio::time::timeout(2 * PATIENCE, killed.status()).await.expect("it ends").expect("it starts");
        let said = std::fs::read_to_string(&said).unwrap_or_default();
        assert_eq!(status.signal(), Some(9), "{point}: {status}: {said}");
    }
    let demo = Demo::start(&data).await;
    let http = || reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build();
    let people = demo.facts["people"].as_array().expect("people");
    assert_eq!(people.len(), 7);
    for person in people {
        let text = |member: &str| person[member].as_str().expect("a text").to_owned();
        let browser = Browser::new(demo.base(), demo.base(), http().expect("a client"), Secrets::default());
        let form = browser.get("/sign-in").await.expect(200).form("/sign-in");
        let form = form.with("email", text("email")).with("password", text("password"));
        let page = browser.send(&form).await.expect(303);
        let second = page.header("location") == "/sign-in/second-factor";
        assert_eq!(second, person["totp_uri"].is_string(), "{}", text("email"));
    }
    // Clients were made before people, and their secrets are shown once.
    let post = async |path: &str, client: &Value, fields: &[(&str, &str)]| -> Value {
        let request = http().expect("a client").post(format!("{}{path}", demo.base()));
        let text = |member: &str| client[member].as_str().expect("a text").to_owned();
        let request = request.basic_auth(text("client_id"), Some(text("client_secret"))).form(fields);
        request.send().await.expect("an answer").json().await.expect("JSON")
    };
    let standing = [("grant_type", "client_credentials"), ("scope", "hallpass.api")];
    let token = post("/oauth/token", &demo.facts["workload"], &standing).await;
    assert!(token["access_token"].is_string(), "{token}");
    let looked =
        post("/oauth/introspect", &demo.facts["resource_server"], &[("token", "none of ours")]).await;
    assert_eq!(looked, serde_json::json!({ "active": false }));
    demo.stop("TERM").await;
}
