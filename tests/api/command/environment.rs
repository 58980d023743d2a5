//! The environment that `hallpass help environment` names: each variable does what it says, flags come before it, and an
//! empty one counts as not set. Tokens and client secrets have their own test; HALLPASS_CA_FILE is with the servers that
//! have an authority of their own.
use std::time::{Duration, Instant};

use hallpass_tests::command::{Ran, Shell};
use hallpass_tests::database::Backend;

use super::{reference, server, shell, stop};

on_all!(each_variable_does_what_it_says, where_sign_ins_are_kept, at_a_terminal,);

/// What is on the screen between its control sequences.
fn is_coloured(text: &str) -> bool {
    text.contains("\u{1b}[")
}

/// A case of the table: what is set, what is run, the exit code, and whether the answer is as it should be.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], i32, &'a dyn Fn(&Ran) -> bool);

async fn each_variable_does_what_it_says(backend: Backend) {
    let server = server(backend).await;
    let (dana, otto) = (server.api("dana").await, server.api("otto").await);
    let base = server.base_url.as_str();
    let (dana, otto) = (dana.token(), otto.token());
    let is = |text: &'static str| move |ran: &Ran| ran.value() == text;
    let says = |text: &'static str| move |ran: &Ran| ran.said().contains(text);
    let name = &["whoami", "--field", "name"][..];
    let roles = &["roles", "ledger-read"][..];
    let cases: &[Case<'_>] = &[
        // Where to, and who: a flag before the variable, an empty one as none.
        (
            &[("HALLPASS_SERVER", "http://127.0.0.1:9")],
            &["--server", base, "whoami", "--field", "name"],
            0,
            &is("Dana Kim"),
        ),
        (&[("HALLPASS_SERVER", "")], name, 2, &says("No server is named")),
        (&[("HALLPASS_SERVER", "http://access.example.org")], name, 2, &says("https")),
        (
            &[("HALLPASS_TOKEN", otto), ("HALLPASS_TOKEN_FILE", "/nonexistent")],
            name,
            0,
            &is("Otto Lindqvist"),
        ),
        (&[("HALLPASS_TOKEN", "")], name, 4, &says("hallpass login")),
        (&[("HALLPASS_PROFILE", "../other")], name, 2, &says("name of a profile")),
        // How the answer looks.
        (&[("HALLPASS_FORMAT", "json")], roles, 0, &|ran| {
            ran.json()["items"][0]["role"]["name"] == "ledger-read"
        }),
        (&[("HALLPASS_FORMAT", "json")], &["roles", "ledger-read", "--format", "plain"], 0, &|ran| {
            ran.out.starts_with("ledger-read\t")
        }),
        (&[("HALLPASS_FORMAT", "")], roles, 0, &|ran| ran.out.starts_with("ROLE")),
        (&[("HALLPASS_FORMAT", "xml")], roles, 2, &says("HALLPASS_FORMAT")),
        (&[], roles, 0, &|ran| !is_coloured(&ran.out)),
        (&[("CLICOLOR_FORCE", "1")], roles, 0, &|ran| is_coloured(&ran.out)),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], roles, 0, &|ran| !is_coloured(&ran.out)),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")], roles, 0, &|ran| is_coloured(&ran.out)),
        (&[("TZ", "Asia/Tokyo")], &["whoami"], 0, &|ran| ran.out.contains("+09:00")),
        (&[("TZ", "UTC")], &["whoami"], 0, &|ran| ran.out.contains(" UTC ")),
        // What is shown of the calls; never a secret.
        (&[("HALLPASS_DEBUG", "")], name, 0, &|ran| !ran.err.contains("http: ")),
        (&[("HALLPASS_DEBUG", "0")], name, 0, &|ran| !ran.err.contains("http: ")),
        (&[("HALLPASS_DEBUG", "1")], name, 0, &|ran| {
            ran.err.contains("GET") && !ran.err.contains("Dana Kim")
        }),
        (&[("HALLPASS_DEBUG", "http")], name, 0, &|ran| {
            ran.err.contains("GET") && ran.err.contains("Dana Kim")
        }),
        (&[("HALLPASS_TIMEOUT", "soon")], name, 2, &says("HALLPASS_TIMEOUT")),
    ];
    for (set, arguments, code, right) in cases {
        let shell = Shell::new(base).with("HALLPASS_TOKEN", dana);
        let shell = set.iter().fold(shell, |shell, (variable, value)| shell.with(variable, value));
        let ran = shell.run(arguments).await;
        assert_eq!(ran.code, *code, "{set:?} {arguments:?}: {ran:?}");
        assert!(right(&ran), "{set:?} {arguments:?}: {ran:?}");
        let heard = shell.heard();
        assert_eq!(server.secrets.found_in(heard.as_bytes()), Vec::<String>::new(), "{set:?}: {heard}");
    }
    // A server that takes the call and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_shell = Shell::new(&format!("http://{}", silent.local_addr().unwrap()));
    let silent_shell = silent_shell.with("HALLPASS_TOKEN", dana).with("HALLPASS_TIMEOUT", "1s");
    let begun = Instant::now();
    let ran = silent_shell.run(&["whoami"]).await.fails(10);
    assert!(ran.said().contains("try again") && begun.elapsed() < Duration::from_secs(25), "{}", ran.said());
    stop(server).await;
}

/// Sign-ins are kept where the variables say, each profile's apart.
async fn where_sign_ins_are_kept(backend: Backend) {
    let server = server(backend).await;
    let shell = Shell::new(&server.base_url).with("HALLPASS_PROFILE", "work");
    let opened = shell.folder().join("opened");
    // No terminal: no browser is opened, whatever is set.
    let shell = shell.with("BROWSER", &format!("touch {}", opened.display()));
    let mut login = shell.start(&["login"]);
    login.answer_code(&server.sign_in("dana").await, "allow").await;
    let _ = login.end().await.expect(0);
    assert!(!opened.exists());
    let name = ["whoami", "--field", "name"];
    assert_eq!(shell.run(&name).await.expect(0).out, "Dana Kim\n");
    let shell = shell.with("HALLPASS_SERVER", "");
    assert_eq!(shell.run(&name).await.expect(0).out, "Dana Kim\n", "the server of the last login");
    assert_eq!(
        shell.run(&["--profile", "home", "whoami"]).await.fails(2).code,
        2,
        "another profile knows none"
    );
    let shell = shell.with("HALLPASS_SERVER", &server.base_url).with("HALLPASS_PROFILE", "");
    let _ = shell.run(&name).await.fails(4);
    assert_eq!(
        shell.run(&["--profile", "work", "whoami", "--field", "name"]).await.expect(0).out,
        "Dana Kim\n"
    );

    // The folder: named, else below XDG_CONFIG_HOME, else below HOME.
    let home = shell.folder().display().to_string();
    std::fs::create_dir_all(shell.folder().join("xdg")).unwrap();
    std::fs::rename(shell.folder().join("config"), shell.folder().join("xdg/hallpass")).unwrap();
    let shell = shell.with("HALLPASS_PROFILE", "work");
    let _ = shell.run(&name).await.fails(4);
    let shell = shell.with("HALLPASS_CONFIG_DIR", "").with("XDG_CONFIG_HOME", &format!("{home}/xdg"));
    assert_eq!(shell.run(&name).await.expect(0).out, "Dana Kim\n");
    std::fs::rename(shell.folder().join("xdg"), shell.folder().join(".config")).unwrap();
    let shell = shell.with("XDG_CONFIG_HOME", "").with("HOME", &home);
    assert_eq!(shell.run(&name).await.expect(0).out, "Dana Kim\n");
    let _ = shell.run(&["logout"]).await.expect(0);
    let _ = shell.run(&name).await.fails(4);
    shell.assert_discreet(&server.secrets);
    stop(server).await;
}

/// What concerns somebody at a terminal: questions, the pager, colours, the browser.
async fn at_a_terminal(backend: Backend) {
    let server = server(backend).await;
    let (dana, ana) = (shell(&server, "dana").await, shell(&server, "ana").await);
    let mut asking =
        dana.start(&["request", "orders-db-read", "--for", "10m", "--reason", "slow query", "--wait"]);
    let reference = reference(&mut asking).await;
    let approve = format!("approve {reference}");
    let (code, seen) = ana.at_terminal(&approve, "[y/N]", "n\n").await;
    assert!(code == 3 && seen.contains("[y/N]"), "{code} {seen}");
    let ana = ana.with("HALLPASS_NO_INPUT", "0");
    assert_eq!(ana.at_terminal(&approve, "[y/N]", "n\n").await.0, 3, "0 is no");
    let ana = ana.with("HALLPASS_NO_INPUT", "1");
    let (code, seen) = ana.at_terminal(&approve, "[y/N]", "y\n").await;
    assert!(code == 2 && !seen.contains("[y/N]") && seen.contains("--yes"), "{code} {seen}");
    let _ = dana.run(&["withdraw", &reference]).await.expect(0);
    assert_eq!(asking.end().await.code, 6);

    // Longer than the screen, through the pager: words, no shell.
    let roles = "stty rows 4 cols 200; exec hallpass roles";
    let (_, plain) = dana.command_at_terminal(roles, "", "").await;
    assert!(is_coloured(&plain) && plain.contains("ledger-read") && !plain.contains("paged:"), "{plain}");
    let dana = dana.with("PAGER", "sed s/^/paged:/");
    let (code, paged) = dana.command_at_terminal(roles, "", "").await;
    assert!(code == 0 && paged.lines().filter(|l| l.starts_with("paged:")).count() > 4, "{paged}");
    let (_, short) = dana.command_at_terminal(&roles.replace("rows 4", "rows 400"), "", "").await;
    assert!(short.contains("ledger-read") && !short.contains("paged:"), "it fits: {short}");
    assert!(!dana.run(&["roles"]).await.expect(0).out.contains("paged:"), "not in a pipe");
    let dana = dana.with("PAGER", "").with("TERM", "dumb");
    assert!(!is_coloured(&dana.command_at_terminal(roles, "", "").await.1));

    // The page for the code, in the browser that is named; here it ends the command, so that nobody need answer.
    let browser = dana.file("browser", "#!/bin/sh\nprintf '%s' \"$1\" > opened\nkill -INT $PPID\n");
    std::fs::set_permissions(&browser, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let nobody = dana.with("HALLPASS_TOKEN_FILE", "").with("BROWSER", &browser);
    let (code, seen) = nobody.at_terminal("login", "never asked", "").await;
    assert_eq!(code, 130, "{seen}");
    let opened = std::fs::read_to_string(nobody.folder().join("opened")).unwrap();
    assert_eq!(opened, format!("{}/device", server.base_url), "without the code: that is typed by hand");
    stop(server).await;
}

/// The first line that a proxy is sent, if it is sent any before the command ends.
async fn asked_of_a_proxy(server: &str, no_proxy: &str) -> Option<String> {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = proxy.local_addr().unwrap();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = proxy.accept().await {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            let _ = stream.read_line(&mut line).await;
            let _ = tell.send(line.trim().to_owned());
            let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let authority = rcgen::generate_simple_self_signed(vec!["authority.test".to_owned()]).unwrap();
    let shell = Shell::new(server).with("HALLPASS_TOKEN", "hpa_nobody").with("HALLPASS_TIMEOUT", "5s");
    let file = shell.file("ca.pem", &authority.cert.pem());
    let shell = shell.with("HALLPASS_CA_FILE", &file);
    let shell = shell.with("HTTPS_PROXY", &format!("http://{address}")).with("NO_PROXY", no_proxy);
    let _ = shell.run(&["whoami"]).await.fails(10);
    serving.abort();
    told.try_recv().ok()
}

/// Out through a proxy, but not to this machine, and never to servers that NO_PROXY names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_on_the_way_out() {
    let _ = tokio::task::spawn_blocking(hallpass_tests::command::program).await.unwrap();
    let asked = asked_of_a_proxy("https://access.example.org", "").await;
    assert_eq!(asked.as_deref(), Some("CONNECT access.example.org:443 HTTP/1.1"));
    assert_eq!(asked_of_a_proxy("https://127.0.0.1:9", "127.0.0.1").await, None);
    assert_eq!(asked_of_a_proxy("http://127.0.0.1:9", "").await, None, "plain http is for this machine");
}
