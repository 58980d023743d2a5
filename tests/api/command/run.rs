//! `hallpass run` with a login at a real database: what the child has, its code, signals, and the grant's end.
use hallpass_tests::command::Shell;
use hallpass_tests::database::{self, Backend};
use hallpass_tests::mail_server::Certificates;
use hallpass_tests::process::signal;
use hallpass_tests::server::TestServer;
use hallpass_tests::wait::eventually;

use super::{server, server_with, shell, stop};
use crate::steps;

on_all!(
    what_the_child_has_and_gives,
    at_the_end_of_the_grant_the_child_is_stopped,
    a_token_in_the_environment_or_in_its_file_alone,
    psql_checks_the_certificate_of_the_target,
);

/// A grant by the portal: the approver's part is not what is looked at here.
async fn granted(server: &TestServer, role: &str, time: &str) {
    let (dana, ana) = (server.sign_in("dana").await, server.sign_in("ana").await);
    let reference = steps::ask(&dana, role, time).await;
    let _ = steps::approve(&ana, &reference).await;
}

/// The child's first line, written to a file that it makes whole.
async fn told(shell: &Shell, name: &str) -> String {
    let path = shell.folder().join(name);
    eventually("the child has begun", || async {
        std::fs::read_to_string(&path).ok().filter(|t| t.ends_with('\n'))
    })
    .await
}

async fn what_the_child_has_and_gives(backend: Backend) {
    let server = server(backend).await;
    let dana = shell(&server, "dana").await.with("PGPASSWORD", "from-elsewhere");
    granted(&server, "orders-db-read", "5m").await;

    // Its files are private, its secret is in no environment and in nobody's arguments.
    let script = "stat -c '%a' \"$PGPASSFILE\" \"$(dirname \"$PGPASSFILE\")\"; echo ${PGPASSWORD-none} $HALLPASS_ACTIVE $PGDATABASE; \
        cut -d: -f5 \"$PGPASSFILE\" | tr -d '\\n' > pw; (env; tr '\\0' ' ' < /proc/$PPID/cmdline; tr '\\0' ' ' < /proc/$PPID/environ) | grep -cFf pw; exit 7";
    let ran = dana.run(&["run", "orders-db-read", "--", "sh", "-c", script]).await;
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (7, "600\n700\nnone orders-db-read orders\n0\n"),
        "{}",
        ran.said()
    );
    server.secrets.plant("the login's password", &std::fs::read_to_string(dana.folder().join("pw")).unwrap());
    dana.assert_no_files();

    // What runs in the child fails with its own code.
    let psql = ["run", "orders-db-read", "--", "psql", "-Xqc", "SELECT nothing FROM nowhere"];
    assert!(dana.run(&psql).await.expect(1).err.contains("nowhere"));
    let nothing = dana.run(&["run", "orders-db-read", "--", "no-such-command"]).await.fails(127);
    assert!(nothing.said().contains("There is no command no-such-command"), "{}", nothing.said());
    let text = dana.file("text", "no program");
    let _ = dana.run(&["run", "orders-db-read", "--", &text]).await.fails(126);

    // Signals reach it, and its end by one is told as a shell tells it.
    let script = "trap 'echo told; exit 9' TERM; echo begun > begun; while :; do sleep 0.05; done";
    let running = dana.start(&["run", "orders-db-read", "--", "sh", "-c", script]);
    let _ = told(&dana, "begun").await;
    signal(running.id(), "TERM");
    assert_eq!(running.end().await.expect(9).out, "told\n");
    let running =
        dana.start(&["run", "orders-db-read", "--", "sh", "-c", "echo begun > again; exec sleep 60"]);
    let _ = told(&dana, "again").await;
    signal(running.id(), "INT");
    let _ = running.end().await.expect(130);

    // `--end` leaves nothing at the target.
    let _ = dana.run(&["run", "orders-db-read", "--end", "--", "psql", "-XAtc", "SELECT 1"]).await.expect(0);
    eventually("nothing is left", || async {
        dana.run(&["active", "--format", "plain"]).await.expect(0).out.is_empty().then_some(())
    })
    .await;
    dana.assert_no_files();
    dana.assert_discreet(&server.secrets);
    stop(server).await;
}

async fn at_the_end_of_the_grant_the_child_is_stopped(backend: Backend) {
    let server = server(backend).await;
    let dana = shell(&server, "dana").await;
    granted(&server, "orders-db-read", "6s").await;
    // What it started would live on, in the background of a shell that ends at once.
    let script = "psql -XAtc 'SELECT pg_sleep(60)' & echo $! > begun; wait; echo ended";
    let running = dana.start(&["run", "orders-db-read", "--", "sh", "-c", script]);
    let psql: u32 = told(&dana, "begun").await.trim().parse().unwrap();
    let ran = running.end().await.expect(124);
    assert!(ran.said().contains("ended") && ran.said().contains("orders-db-read"), "{}", ran.said());
    assert!(!std::path::Path::new(&format!("/proc/{psql}")).exists(), "what it started is stopped, too");
    dana.assert_no_files();

    // Revoked by somebody else meanwhile: the same.
    granted(&server, "orders-db-read", "5m").await;
    let running =
        dana.start(&["run", "orders-db-read", "--", "sh", "-c", "echo begun > again; exec sleep 60"]);
    let _ = told(&dana, "again").await;
    let ada = shell(&server, "ada").await;
    let id = ada.run(&["active", "--all", "--field", "id"]).await.expect(0);
    let _ = ada.run(&["revoke", id.value(), "--reason", "the laptop was stolen"]).await.expect(0);
    let ran = running.end().await.expect(124);
    assert!(ran.said().contains("revoked"), "{}", ran.said());
    dana.assert_no_files();
    dana.assert_discreet(&server.secrets);
    stop(server).await;
}

/// A token is in the environment where programs look for it, and in the file alone where that is asked for.
async fn a_token_in_the_environment_or_in_its_file_alone(backend: Backend) {
    let mut server = server(backend).await;
    let dana = shell(&server, "dana").await.with("HALLPASS_ACCESS_TOKEN", "from-elsewhere");
    granted(&server, "reports-read", "5m").await;
    let script = "cat \"$HALLPASS_ACCESS_TOKEN_FILE\"; echo; echo \"${HALLPASS_ACCESS_TOKEN-none}\"";
    let both = dana.run(&["run", "reports-read", "--", "sh", "-c", script]).await.expect(0).out;
    let lines: Vec<&str> = both.lines().collect();
    assert!(lines.len() == 2 && lines[0] == lines[1] && lines[0].starts_with("ey"), "{both}");
    server.secrets.plant("a token", lines[0]);
    let alone =
        dana.run(&["run", "reports-read", "--file-secrets", "--", "sh", "-c", script]).await.expect(0).out;
    let lines: Vec<&str> = alone.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("ey") && lines[1] == "none", "{alone}");
    server.secrets.plant("another token", lines[0]);
    dana.assert_no_files();
    let _ = dana.run(&["end", "--all"]).await.expect(0);
    dana.assert_discreet(&server.secrets);
    // Checked offline, a token ended early may be accepted until its end, a minute later: until then it is not over.
    server.close().await;
}

/// A target's certificate is checked in full, by an authority that no system knows: the login brings it along.
async fn psql_checks_the_certificate_of_the_target(backend: Backend) {
    let spare = database::spare_target().await;
    let certificates = Certificates::for_loopback();
    spare.speak_tls(&certificates).await;
    let targets = vec![("orders-db".to_owned(), database::target().await), ("spare-db".to_owned(), spare)];
    let mut server = server_with(backend, targets).await;
    let text = server.catalogue_text();
    let (before, of_spare) = text.split_at(text.rfind("[[targets]]").unwrap());
    let authority = certificates.authority();
    let tls = format!("tls = \"verify-full\"\nca_file = \"{}\"", authority.display());
    server.apply(&format!("{before}{}", of_spare.replace("tls = \"disable\"", &tls))).await;
    let dana = shell(&server, "dana").await;
    granted(&server, "spare-db-read", "5m").await;

    let secured = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let psql = ["run", "spare-db-read", "--", "psql", "-XAtc", secured];
    assert_eq!(dana.run(&psql).await.expect(0).out, "t\n");
    // Whom the caller believes else does not come between; and nobody else is believed.
    let dana = dana.with("PGSSLROOTCERT", "/nowhere/root.crt");
    assert_eq!(dana.run(&psql).await.expect(0).out, "t\n");
    let another = Certificates::for_loopback();
    let script =
        format!("echo $PGSSLMODE; PGSSLROOTCERT={} psql -XAtc 'SELECT 1'", another.authority().display());
    let refused = dana.run(&["run", "spare-db-read", "--", "sh", "-c", &script]).await.expect(2);
    // The other authority has the same name and another key: what OpenSSL says of that differs between its versions.
    assert!(refused.out == "verify-full\n" && refused.err.contains("failed: SSL error"), "{refused:?}");

    // The portal gives the file, and the command that names it.
    let browser = server.sign_in("dana").await;
    let id = dana.run(&["active", "--field", "id"]).await.expect(0);
    let page = browser.get(&format!("/grants/{}", id.value())).await.expect(200);
    let page = browser.send(&page.form(&format!("/grants/{}/credentials", id.value()))).await.expect(200);
    assert!(page.words().contains("sslmode=verify-full sslrootcert=spare-db-ca.pem"), "{}", page.words());
    let (_, file) = page.body.split_once("data:application/x-pem-file;base64,").expect("the file");
    let file = data_encoding::BASE64.decode(file.split('"').next().unwrap().as_bytes()).unwrap();
    let of = |pem: &str| pem.split_whitespace().collect::<String>();
    assert_eq!(of(&String::from_utf8(file).unwrap()), of(&std::fs::read_to_string(&authority).unwrap()));

    // A target without an authority of its own leaves the caller's.
    granted(&server, "orders-db-read", "5m").await;
    let own = ["run", "orders-db-read", "--", "sh", "-c", "echo $PGSSLROOTCERT"];
    assert_eq!(dana.run(&own).await.expect(0).out, "/nowhere/root.crt\n");
    let _ = dana.run(&["end", "--all"]).await.expect(0);
    dana.assert_no_files();
    dana.assert_discreet(&server.secrets);
    stop(server).await;
}
