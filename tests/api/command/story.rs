//! A person's day: sign in, ask, wait, be approved, work in the database, end it.
use hallpass_tests::command::Shell;
use hallpass_tests::database::Backend;

use super::{reference, server, stop};

mod one_server {
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_day_with_the_command() {
        Box::pin(super::a_day_with_the_command(super::Backend::Sqlite)).await;
    }
}
mod two_servers {
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_day_with_the_command() {
        Box::pin(super::a_day_with_the_command(super::Backend::PostgresTwo)).await;
    }
}

/// Signs somebody in with the device flow; their token is a secret from now on.
async fn login(server: &hallpass_tests::server::TestServer, key: &str) -> Shell {
    let (shell, browser) = (Shell::new(&server.base_url), server.sign_in(key).await);
    let mut login = shell.start(&["login"]);
    login.answer_code(&browser, "allow").await;
    let ran = login.end().await.expect(0);
    assert!(
        ran.said().contains("Signed in to ") && ran.said().contains("readable only by you"),
        "{}",
        ran.said()
    );
    let kept = std::fs::read_dir(shell.folder().join("config/default")).unwrap().flatten();
    let text: String = kept.map(|e| std::fs::read_to_string(e.path()).unwrap()).collect();
    let token = text.split("\"token\":\"").nth(1).and_then(|t| t.split('"').next()).expect("a kept token");
    server.secrets.plant("the token that login kept", token);
    shell
}

async fn a_day_with_the_command(backend: Backend) {
    let server = server(backend).await;
    let (dana, ana) = (login(&server, "dana").await, login(&server, "ana").await);

    let me = dana.run(&["whoami", "--json"]).await.expect(0).json();
    assert_eq!((me["version"].as_i64(), me["handle"].as_str()), (Some(1), Some("dana@hall.test")));
    let roles = dana.run(&["roles", "orders"]).await.expect(0);
    assert!(roles.out.starts_with("ROLE") && roles.out.contains("1 of Database on-call"), "{}", roles.out);
    assert!(!roles.out.contains("billing"), "what was not looked for: {}", roles.out);
    assert_eq!(
        dana.run(&["roles", "orders", "--field", "role.name"]).await.expect(0).out,
        "orders-db-read\n"
    );

    let ask = [
        "request",
        "orders-db-read",
        "--for",
        "5m",
        "--reason",
        "slow query",
        "--ticket",
        "INC-1234",
        "--wait",
        "--field",
        "grant.id",
    ];
    let mut asking = dana.start(&ask);
    let reference = reference(&mut asking).await;
    assert_eq!(ana.run(&["list", "--to-approve", "--field", "reference"]).await.expect(0).value(), reference);
    let shown = ana.run(&["show", &reference]).await.expect(0).out;
    for part in
        ["Dana Kim", "orders-db-read", "slow query", "INC-1234", "Database on-call", "if approved now"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // The digest of what was shown is what is approved.
    let digest = ana.run(&["show", &reference, "--field", "digest"]).await.expect(0);
    let approve = ["approve", &reference, "--digest", digest.value(), "--for", "4m", "--comment", "go on"];
    let approved = ana.run(&approve).await.expect(0);
    assert!(
        approved.said().contains(&format!("Approved {reference}: approved by Ana Ruiz")),
        "{}",
        approved.said()
    );
    assert_eq!(approved.out, "", "what was done is talk");

    let asked = asking.end().await.expect(0);
    let grant = asked.value();
    assert_eq!(grant.len(), 36, "the id alone: {grant:?}");
    assert!(asked.said().contains("Next: hallpass run orders-db-read -- psql"), "{}", asked.said());

    let count = [
        "run",
        "orders-db-read",
        "--",
        "psql",
        "-XAtc",
        "SELECT count(*), current_user LIKE 'hp\\_%' FROM orders",
    ];
    assert_eq!(dana.run(&count).await.expect(0).out, "40|t\n", "psql just works");
    let active = dana.run(&["active"]).await.expect(0);
    assert!(active.out.contains("orders-db-read") && active.out.contains("UNTIL"), "{}", active.out);
    let held = dana.run(&["active", grant, "--json"]).await.expect(0).json();
    assert_eq!((held["id"].as_str(), held["state"].as_str()), (Some(grant), Some("active")));

    let ended = dana.run(&["end", "orders-db-read"]).await.expect(0);
    assert!(ended.said().contains("orders-db-read: ended"), "{}", ended.said());
    let ran = dana.run(&count).await.fails(125);
    assert!(ran.said().contains("There is no active grant of orders-db-read"), "{}", ran.said());
    hallpass_tests::wait::eventually("nothing is held", || async {
        dana.run(&["active", "--format", "plain"]).await.expect(0).out.is_empty().then_some(())
    })
    .await;
    dana.assert_no_files();

    let logged_out = dana.run(&["logout"]).await.expect(0);
    assert!(!logged_out.said().is_empty());
    assert!(dana.run(&["whoami"]).await.fails(4).said().contains("Not signed in"));
    for shell in [&dana, &ana] {
        shell.assert_discreet(&server.secrets);
    }
    stop(server).await;
}

/// Refused in the browser: exit code 5, and nothing is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_that_is_refused() {
    let server = server(Backend::Sqlite).await;
    let (shell, dana) = (Shell::new(&server.base_url), server.sign_in("dana").await);
    let mut login = shell.start(&["login"]);
    login.answer_code(&dana, "refuse").await;
    assert!(login.end().await.fails(5).said().contains("refused in the browser"));
    assert!(shell.run(&["whoami"]).await.fails(4).said().contains("hallpass login"));
    stop(server).await;
}
