//! The start: guide, facts, mails, and what is refused.
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use hallpass_tests::mail_server::Certificates;
use hallpass_tests::pg::{Cluster, PASSWORD};
use hallpass_tests::wait::eventually;
use serde_json::Value;

use super::{Demo, answers, command, folder, run};

fn members(value: &Value) -> Vec<&str> {
    let mut all: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    all.sort_unstable();
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_finds_everything() {
    let folder = folder();
    let data = folder.path().join("data");
    let demo = Demo::start(&data).await;
    // Promised within three seconds, of a release build on a machine that does nothing else.
    assert!(demo.took < Duration::from_secs(15), "{:?}", demo.took);
    eprintln!("the guide came after {:?}", demo.took);
    for part in [
        "/demo/mail",
        "dana@demo.test",
        "pass-dana-",
        "hallpass request db-quick",
        "the target orders-db",
        "demo crash",
        "demo tamper",
    ] {
        assert!(demo.guide.contains(part), "{part}: {}", demo.guide);
    }
    assert!(answers(demo.cluster()), "the private cluster runs");

    // The guide as data: exactly these members, for nobody else to read.
    let file = data.with_extension("facts.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let facts = &demo.facts;
    assert_eq!(members(facts), ["base_url", "people", "resource_server", "roles", "workload"]);
    assert_eq!(members(&facts["people"][0]), ["duties", "email", "groups", "password", "totp_uri"]);
    assert_eq!(members(&facts["workload"]), ["client_id", "client_secret"]);
    assert_eq!(members(&facts["resource_server"]), ["client_id", "client_secret", "url"]);
    assert_eq!(members(&facts["roles"][0]), ["name", "target", "tier"]);
    let count = |duty: &str| {
        facts["people"].as_array().unwrap().iter().filter(|p| p["duties"].to_string().contains(duty)).count()
    };
    assert_eq!(
        (facts["people"].as_array().unwrap().len(), count("administrator"), count("auditor")),
        (7, 1, 1)
    );
    let roles = facts["roles"].as_array().unwrap();
    let different = |member: &str| {
        roles.iter().map(|r| r[member].to_string()).collect::<std::collections::BTreeSet<_>>().len()
    };
    assert!(roles.len() >= 5 && different("tier") == 3 && different("target") >= 2, "{roles:?}");

    // Whoever changes to another person stays at the page, with its query; what answered a form cannot be opened again.
    let dana = demo.act_as("dana@demo.test").await;
    let page = "/request?role=db-quick";
    let form = dana.get(page).await.expect(200).form("/demo/act-as").with("email", "dana@demo.test");
    assert_eq!(dana.send(&form).await.expect(303).header("location"), page);
    let empty = dana.get(page).await.form("/request").with("reason", "").with("action", "send");
    let mistaken = dana.send(&empty).await.expect(422);
    let form = mistaken.form("/demo/act-as").with("email", "dana@demo.test");
    assert_eq!(dana.send(&form).await.expect(303).header("location"), "/");

    // The real messages, as data too: Ana's has a link to the request.
    let reference = demo.granted("db-quick", "2m").await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mails = hallpass_tests::wait::eventually("Ana has her mail", || async {
        let asked = http.get(format!("{}/demo/mail?to=ana@demo.test", demo.base()));
        let answer = asked.header("accept", "application/json").send().await.unwrap();
        let all: Vec<Value> = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        (!all.is_empty()).then_some(all)
    })
    .await;
    let mail =
        mails.iter().find(|m| m["text"].as_str().unwrap().contains("db-quick")).expect("about the role");
    for member in ["to", "subject", "text", "html"] {
        assert!(mail[member].as_str().is_some_and(|t| !t.is_empty()), "{member}: {mail}");
    }
    assert_eq!(mail["to"], "ana@demo.test");
    let links = mail["links"].as_array().unwrap();
    assert!(links.iter().any(|l| l == &Value::from(format!("{}/r/{reference}", demo.base()))), "{links:?}");
    let nobody = http
        .get(format!("{}/demo/mail?to=nobody@demo.test", demo.base()))
        .header("accept", "application/json");
    assert_eq!(nobody.send().await.unwrap().text().await.unwrap(), "[]");
    demo.stop("TERM").await;
}

/// The line that shows the target past Hallpass shows a login that is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_sees_the_target_with_own_eyes() {
    let folder = folder();
    let demo = Demo::start(&folder.path().join("data")).await;
    let line = demo.guide.lines().map(str::trim).find(|l| l.contains("pg_stat_activity")).expect("a line");
    let look = || async {
        let mut shell = tokio::process::Command::new("sh");
        let (good, text) = run(shell.args(["-c", line]).current_dir("/")).await;
        assert!(good, "{line}: {text}");
        text.split_whitespace().find(|word| word.starts_with("hp_")).map(str::to_owned)
    };
    assert_eq!(look().await, None);
    let page = demo.issued("db-quick", "20s").await;
    let name = look().await.expect("the login is there");
    assert!(page.contains(&name), "{name}: {page}");
    eventually("it is gone", || async { look().await.is_none().then_some(()) }).await;
    demo.stop("TERM").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_says_what_to_do() {
    let folder = folder();
    let data = folder.path().join("data");
    for (listen, part) in [
        ("0.0.0.0:0", "listens on loopback only"),
        ("192.0.2.1:8420", "anybody who reaches it may act as anybody"),
        ("8420", "such as 127.0.0.1:8420"),
    ] {
        let (good, text) = run(&mut command(&["--listen", listen], &data)).await;
        assert!(!good && text.contains(part), "{listen}: {text}");
    }
    // A flag before the subcommand would be somebody else's.
    let (good, text) = run(&mut command(&["--listen", "127.0.0.1:0", "crash"], &data)).await;
    assert!(!good && text.contains("cannot be used with"), "{text}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (good, text) = run(&mut command(&["--listen", &address], &data)).await;
    assert!(!good && text.contains("take a free port: --listen 127.0.0.1:0"), "{text}");
    assert!(!data.join("pg").exists(), "nothing was started for nothing");

    // A second one with the same data names the first, and does nothing to it.
    let demo = Demo::start(&data).await;
    for arguments in [&["--listen", "127.0.0.1:0"][..], &["crash"][..], &["tamper"][..]] {
        let (good, text) = run(&mut command(arguments, &data)).await;
        let named = text.contains(&format!("at {}", demo.base())) && text.contains("Stop it first");
        assert!(!good && named, "{arguments:?}: {text}");
    }
    assert!(answers(demo.cluster()));
    demo.stop("INT").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_postgresql_there_are_tokens_and_the_line_that_installs_it() {
    let folder = folder();
    let data = folder.path().join("data");
    let without = |arguments: &[&str]| {
        let mut command = command(arguments, &data);
        command.env("HALLPASS_DEMO_PG_BIN", "/nonexistent");
        command
    };
    let (good, text) = run(&mut without(&["crash"])).await;
    assert!(!good && text.contains("apt-get install -y postgresql"), "{text}");
    assert!(!text.contains("1. Starting"), "before it begins anything: {text}");

    let demo = Demo::start_with(without(&["--listen", "127.0.0.1:0"]), &data).await;
    assert!(demo.guide.contains("apt-get install -y postgresql"), "{}", demo.guide);
    assert!(demo.guide.contains("hallpass request billing-quick"), "{}", demo.guide);
    assert!(demo.facts["roles"].as_array().unwrap().iter().all(|r| r["target"] != "orders-db"));
    let _ = demo.granted("billing-quick", "2m").await;
    demo.stop("TERM").await;

    // Installed later: the same data, with the database target.
    let demo = Demo::start(&data).await;
    assert!(demo.facts["roles"].as_array().unwrap().iter().any(|r| r["target"] == "orders-db"));
    demo.stop("TERM").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_named_is_used_instead() {
    let folder = folder();
    let data = folder.path().join("data");
    let cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap();
    let url = cluster.url("postgres").replace("superuser-of", "superuser%2Dof");
    let demo =
        Demo::start_with(command(&["--listen", "127.0.0.1:0", "--postgres", &url], &data), &data).await;
    assert!(
        demo.guide.contains(&format!("127.0.0.1:{}, the target orders-db", cluster.port())),
        "{}",
        demo.guide
    );
    assert!(!data.join("pg").exists());
    demo.stop("TERM").await;
    assert!(answers(cluster.port()), "it is not ours to end");
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}

/// A login at one server, and the demo is started with another: removed there, it would be called gone and work on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_is_not_taken_while_a_login_is_at_the_one_before() {
    let folder = folder();
    let data = folder.path().join("data");
    let start = || tokio::task::spawn_blocking(Cluster::start);
    let (one, other) = (start().await.unwrap(), start().await.unwrap());
    let named = |cluster: &Cluster| {
        let url = cluster.url("postgres").replace("superuser-of", "superuser%2Dof");
        command(&["--listen", "127.0.0.1:0", "--postgres", &url], &data)
    };
    let demo = Demo::start_with(named(&one), &data).await;
    let _ = demo.issued("db-quick", "2m").await;
    demo.stop("TERM").await;
    let (good, text) = run(&mut named(&other)).await;
    assert!(!good && text.contains("address would change while 1 of its logins"), "{text}");
    let demo = Demo::start_with(named(&one), &data).await;
    demo.stop("TERM").await;
    tokio::task::spawn_blocking(move || drop((one, other))).await.unwrap();
}

/// A server that is named with TLS is a target with TLS, and one that Hallpass would not take as a target is not touched.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_named_with_tls() {
    let folder = folder();
    let data = folder.path().join("data");
    let cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap();
    let (known, unknown) = (Certificates::for_loopback(), Certificates::for_loopback());
    cluster.speak_tls(&known).await;
    let url = |more: &str| format!("{}?{more}", cluster.url("postgres"));
    let root =
        |of: &Certificates| url(&format!("sslmode=verify-full&sslrootcert={}", of.authority().display()));
    let elsewhere = url("sslmode=disable").replace("127.0.0.1", "db.example.org");
    for (url, why) in [(root(&unknown), "failed: SSL error"), (elsewhere, "sslmode=disable")] {
        let (good, text) = run(&mut command(&["--listen", "127.0.0.1:0", "--postgres", &url], &data)).await;
        assert!(!good && text.contains(why) && !text.contains(PASSWORD), "{text}");
    }
    let superuser = cluster.superuser("postgres").await;
    let made = "SELECT count(*) FROM pg_roles WHERE rolname IN ('hallpass_admin', 'orders_read')";
    assert_eq!(superuser.query_one(made, &[]).await.unwrap().get::<_, i64>(0), 0, "nothing was made there");

    let arguments = ["--listen", "127.0.0.1:0", "--postgres", &root(&known)];
    let demo = Demo::start_with(command(&arguments, &data), &data).await;
    // It is shown only once a login with it worked.
    let page = demo.issued("db-quick", "2m").await;
    assert!(page.contains("sslmode=verify-full sslrootcert=orders-db-ca.pem"), "{page}");
    demo.stop("TERM").await;
    drop(superuser);
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}
