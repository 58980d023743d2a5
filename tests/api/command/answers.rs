//! Exit codes, formats and settings, by the server's real answers.
use hallpass_tests::command::Shell;
use hallpass_tests::database::Backend;

use super::{reference, server, shell, stop};

on_all!(exit_codes, where_the_token_comes_from,);

/// Every exit code of `hallpass help exit-codes` that a server can lead to, and what the person is told to do.
async fn exit_codes(backend: Backend) {
    let server = server(backend).await;
    let (dana, ana, olga) =
        (shell(&server, "dana").await, shell(&server, "ana").await, shell(&server, "olga").await);
    let ask =
        |role: &'static str, time: &'static str| ["request", role, "--for", time, "--reason", "slow query"];

    // 2: what was written is wrong, here and there.
    assert!(dana.run(&["request"]).await.fails(2).err.contains("Usage: hallpass request"));
    for (arguments, part) in [
        (&ask("orders-db-read", "9d")[..], "4 h"),
        (&ask("orders-db-read", "0")[..], "longer than zero"),
        (&["request", "orders-db-read", "--for", "1h", "--no-input"][..], "reason"),
        (
            &["request", "billing-read", "--for", "1h", "--reason", "x y", "--scope", "region=mars"][..],
            "region",
        ),
    ] {
        let ran = dana.run(arguments).await.fails(2);
        assert!(ran.said().contains(part), "{part}: {}", ran.said());
    }
    // 3: cancelled at a question.
    let mut asking = dana.start(&[&ask("orders-db-read", "10m")[..], &["--wait"]].concat());
    let first = reference(&mut asking).await;
    let (code, seen) = ana.at_terminal(&format!("approve {first}"), "[y/N]", "n\n").await;
    assert_eq!(code, 3, "{seen}");
    assert!(seen.contains("slow query") && seen.contains("Dana Kim"), "shown before it is asked: {seen}");
    assert_eq!(
        ana.run(&["show", &first, "--exit-status", "--field", "state"]).await.expect(8).out,
        "pending\n"
    );
    // 6: over without a decision.
    let _ = dana.run(&["withdraw", &first]).await.expect(0);
    let ran = asking.end().await;
    assert_eq!(ran.code, 6, "{}", ran.said());
    // 1: it cannot be done any more, and why.
    let late = ana.run(&["approve", &first, "--yes"]).await.fails(1);
    assert!(late.said().contains("withdrawn"), "{}", late.said());
    // 5: nobody decides what he asked for himself.
    let mut own = olga.start(&[&ask("orders-db-read", "10m")[..], &["--wait"]].concat());
    let own_reference = reference(&mut own).await;
    let refused = olga.run(&["approve", &own_reference, "--yes"]).await.fails(5);
    assert!(refused.said().contains("somebody else must decide it"), "{}", refused.said());
    let _ = ana.run(&["deny", &own_reference, "--yes", "--comment", "no"]).await.expect(0);
    assert_eq!(own.end().await.code, 5);
    // 4: not strong enough: a fresh second factor is given in a browser.
    let mut high = dana.start(&[&ask("billing-refund", "10m")[..], &["--wait"]].concat());
    let high_reference = reference(&mut high).await;
    let digest = ana.run(&["show", &high_reference, "--field", "digest"]).await.expect(0);
    assert!(ana.run(&["approve", &high_reference, "--yes"]).await.fails(2).said().contains("high tier"));
    let weak = ana.run(&["approve", &high_reference, "--digest", digest.value()]).await.fails(4);
    assert!(weak.said().contains(&format!("Next: open {}/", server.base_url)), "{}", weak.said());
    let page = ana.run(&["approve", &high_reference]).await.fails(4);
    assert!(page.said().contains("in a browser"), "it asks nothing first: {}", page.said());
    let (browser, code) = (server.sign_in("ana").await, server.totp("ana").await);
    let _ = crate::steps::decide(&browser, &high_reference, "approve", &[("totp", &code)]).await.expect(200);
    let _ = high.end().await.expect(0);
    let _ = dana.run(&["end", "billing-refund"]).await.expect(0);
    // 7: not found, or not eligible: the two look alike.
    for arguments in
        [&["show", "R-0000000000"][..], &ask("no-such-role", "1h")[..], &["token", "billing-read"][..]]
    {
        let _ = dana.run(arguments).await.fails(7);
    }
    let eve = shell(&server, "eve").await;
    let (none, hidden) = (
        eve.run(&ask("no-such-role", "1h")).await.fails(7),
        eve.run(&ask("orders-db-read", "1h")).await.fails(7),
    );
    let alike = |ran: &hallpass_tests::command::Ran, role: &str| {
        ran.said()
            .lines()
            .filter(|l| !l.contains("Request id"))
            .collect::<Vec<_>>()
            .join("\n")
            .replace(role, "ROLE")
    };
    assert_eq!(alike(&none, "no-such-role"), alike(&hidden, "orders-db-read"));
    // 10: nobody is there.
    let gone =
        Shell::new("http://127.0.0.1:9").with("HALLPASS_TOKEN", "hpa_nobody").with("HALLPASS_TIMEOUT", "2s");
    assert!(gone.run(&["whoami"]).await.fails(10).said().contains("try again"));

    // With --json the last line of standard error is for programs.
    let ran = dana.run(&["show", "R-0000000000", "--json"]).await.fails(7);
    let last: serde_json::Value = serde_json::from_str(ran.said().lines().last().unwrap()).unwrap();
    assert_eq!((last["exit"].as_i64(), last["retryable"].as_bool()), (Some(7), Some(false)), "{last}");
    assert!(
        last["request_id"].as_str().is_some_and(|id| ran.err.contains(&format!("request id {id}"))),
        "{}",
        ran.err
    );
    for shell in [&dana, &ana, &olga, &eve] {
        shell.assert_discreet(&server.secrets);
    }
    stop(server).await;
}

/// The token from a file, a helper or the variable; none of them with a home, an input or a terminal.
async fn where_the_token_comes_from(backend: Backend) {
    let server = server(backend).await;
    let token = server.api("dana").await.token().to_owned();
    let bare = || Shell::new(&server.base_url).with("HALLPASS_CONFIG_DIR", "");
    assert!(bare().run(&["whoami"]).await.fails(4).said().contains("Not signed in"));

    let dana = bare().with("HALLPASS_TOKEN", &token);
    assert_eq!(dana.run(&["whoami", "--field", "name"]).await.expect(0).out, "Dana Kim\n");
    assert_eq!(dana.start_closed("whoami --field name").end().await.expect(0).out, "Dana Kim\n");
    // A file is read at each use, so that it can be changed.
    let file = dana.file("token", "hpa_of_yesterday_and_of_nobody\n");
    let dana = dana.with("HALLPASS_TOKEN", "").with("HALLPASS_TOKEN_FILE", &file);
    assert!(dana.run(&["whoami"]).await.fails(4).said().contains("hallpass login"));
    let _ = dana.file("token", &format!("{token}\n"));
    let _ = dana.run(&["whoami"]).await.expect(0);
    // A helper keeps what a login gives, by Vault's protocol.
    let helper = dana.file(
        "helper",
        "#!/bin/sh\ncase $1 in get) cat kept 2>/dev/null || :;; store) cat > kept;; erase) rm kept;; esac\n",
    );
    std::fs::set_permissions(&helper, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let dana = dana.with("HALLPASS_TOKEN_FILE", "").with("HALLPASS_TOKEN_HELPER", &helper);
    assert!(dana.run(&["whoami"]).await.fails(4).said().contains("Not signed in"));
    let mut login = dana.start(&["login"]);
    login.answer_code(&server.sign_in("dana").await, "allow").await;
    let _ = login.end().await.expect(0);
    server
        .secrets
        .plant("what the helper keeps", &std::fs::read_to_string(dana.folder().join("kept")).unwrap());
    assert_eq!(dana.run(&["whoami", "--field", "name"]).await.expect(0).out, "Dana Kim\n");
    let _ = dana.run(&["logout"]).await.expect(0);
    assert!(!dana.folder().join("kept").exists());

    // Formats: a table is whole in a pipe, plain has tabs and no heading.
    let dana = dana.with("HALLPASS_TOKEN_HELPER", "").with("HALLPASS_TOKEN", &token);
    let table = dana.run(&["roles"]).await.expect(0).out;
    assert!(table.starts_with("ROLE") && table.contains("Read orders to answer a customer."), "{table}");
    let plain = dana.with("HALLPASS_FORMAT", "plain").run(&["roles", "orders-db-read"]).await.expect(0).out;
    assert!(plain.starts_with("orders-db-read\t") && plain.lines().count() == 1, "{plain}");
    stop(server).await;
}
