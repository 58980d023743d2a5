//! The two resource servers: before, during and after a grant, by the lines that their pages give to copy.
use std::sync::Arc;

use hallpass_client::api::oauth::ClientSecret;
use hallpass_domain::target::Verification;
use hallpass_tests::command::{Shell, program};
use hallpass_tests::html;
use hallpass_tests::wait::eventually;
use hallpassd::demo::resource_server::{Check, Setup, listen, start};
use serde_json::Value;

use super::{Demo, command, folder};

/// The page's words, and the lines to copy.
async fn page(url: &str) -> (String, Vec<String>) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let text = http.get(url).send().await.unwrap().text().await.unwrap();
    let lines = text.split("<pre tabindex=0><code>").skip(1);
    let unescaped =
        |t: &str| t.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let lines = lines.map(|l| unescaped(l.split("</code>").next().unwrap())).collect();
    (html::words(&text), lines)
}

async fn json(shell: &Shell, line: &str) -> Value {
    let ran = shell.bash(line).await.expect(0);
    serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {line}: {} {}", ran.out, ran.said()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_during_and_after() {
    let _ = tokio::task::spawn_blocking(program).await.unwrap();
    let folder = folder();
    let data = folder.path().join("data");
    let mut without = command(&["--listen", "127.0.0.1:0"], &data);
    without.env("HALLPASS_DEMO_PG_BIN", "/nonexistent");
    let demo = Demo::start_with(without, &data).await;
    let shell = Shell::new(demo.base());
    let mut login = shell.start(&["login"]);
    login.answer_code(&demo.act_as("dana@demo.test").await, "allow").await;
    let _ = login.end().await.expect(0);
    let url = |name: &str| {
        let line = demo.guide.lines().find(|l| l.trim_start().starts_with(name)).expect("in the guide");
        line.split_whitespace().nth(1).unwrap().to_owned()
    };

    for (name, role, offline) in
        [("billing-api", "billing-quick", false), ("reports-api", "reports-read", true)]
    {
        let url = url(name);
        // Before.
        let (words, lines) = page(&url).await;
        assert!(words.contains("No token has come yet") && words.contains(role), "{words}");
        let [once, often, none] = lines.as_slice() else { panic!("{lines:?}") };
        assert!(!words.contains('{') || often.contains("while"), "{words}");
        assert_eq!(json(&shell, none).await["error"], "no token: send Authorization: Bearer …");
        assert!(shell.bash(once).await.out.contains("no token"), "there is no grant, so there is no token");
        let forged = format!("printf 'Authorization: Bearer forged' | curl -sS -H @- {url}/api");
        assert!(json(&shell, &forged).await["error"].is_string());

        // During.
        let _ = demo.granted(role, "2m").await;
        let answer = json(&shell, once).await;
        assert_eq!(
            (answer["server"].as_str(), answer["role"].as_str()),
            (Some(name), Some(role)),
            "{answer}"
        );
        // As the longer line does, for two rounds and then for one after the end.
        let get = often.split("; while").next().expect("it fetches the token once");
        let _ = shell.bash(&format!("{get}; printf '%s\\n' \"$H\" > kept")).await.expect(0);
        let again = format!("curl -sS -H @kept {url}/api");
        assert_eq!(json(&shell, &again).await["role"], role);
        assert!(page(&url).await.0.contains("accepted"));

        // After: ended early, which the one notices at once and the other cannot.
        let _ = shell.run(&["end", role]).await.expect(0);
        let answer = json(&shell, &again).await;
        let words = page(&url).await.0;
        if offline {
            assert_eq!(answer["role"], role, "until its own end: {answer}");
            assert!(words.contains("accepted") && !words.contains("over"), "{words}");
        } else {
            assert_eq!(answer["error"], "Hallpass says: not active", "{answer}");
            assert!(words.contains("✗ over") && words.contains("not active"), "{words}");
        }
    }
    demo.stop("TERM").await;
}

/// Each fails closed where Hallpass cannot be reached, and says so to nobody as “invalid”.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_accepted_unchecked() {
    hallpassd::compose::tls::install_provider();
    for verification in [Verification::Introspect, Verification::Offline] {
        let (port, listener) = listen(0).unwrap();
        let (url, hallpass) = (format!("http://127.0.0.1:{port}"), "http://127.0.0.1:9");
        let secret = ClientSecret { id: "x".to_owned(), secret: "unused".to_owned().into() };
        let check = Check::new(hallpass, &url, verification, secret).unwrap();
        let now = Arc::new(|| "2026-11-23T09:00:00Z".parse().unwrap());
        let setup = Setup {
            name: "x".to_owned(),
            url: url.clone(),
            hallpass: hallpass.to_owned(),
            role: "y".to_owned(),
            check,
            now,
        };
        let server = start(setup, listener).unwrap();
        let handle = server.handle();
        let running = tokio::spawn(server);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = eventually("it answers", || async {
            http.get(format!("{url}/api")).bearer_auth("a.b.c").send().await.ok()
        })
        .await;
        assert_eq!(answer.status(), 503, "{verification:?}");
        handle.stop(false).await;
        let _ = running.await;
    }
}
