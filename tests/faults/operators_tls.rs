//! TLS from certificate files of an authority of one's own: browsers, and the `hallpass` command with HALLPASS_CA_FILE.
use hallpass_tests::command::{Shell, program};
use hallpass_tests::secrets::Secrets;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::operators::{Installed, PASSWORD};

/// An authority, and a certificate of it for the server at this machine.
fn authority() -> (CertifiedIssuer<'static, KeyPair>, String, String) {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority =
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])
        .expect("names")
        .signed_by(&key, &authority)
        .expect("a certificate");
    (authority, certificate.pem(), key.serialize_pem())
}

/// An installation with TLS; its authority is in `ca.pem`.
async fn with_tls() -> Installed {
    let mut new = Installed::new();
    let (authority, certificate, key) = authority();
    new.private("ca.pem", &authority.pem());
    let (certificate, key) = (new.private("cert.pem", &certificate), new.private("key.pem", &key));
    new.configure(&format!("tls_certificate_file = \"{certificate}\"\ntls_key_file = \"{key}\"\n"));
    new.https = true;
    new.init().await;
    new
}

/// TLS from certificate files: the cookies are bound to the host, and clients trust what they are told to trust.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_from_certificate_files() {
    let new = with_tls().await;
    let server = new.serve().await;
    let page = new.http().get(format!("{}/sign-in", new.address())).send().await.expect("an answer");
    let cookies: Vec<String> =
        page.headers().get_all("set-cookie").iter().map(|c| c.to_str().expect("text").to_owned()).collect();
    assert!(!cookies.is_empty());
    for cookie in &cookies {
        let wanted = ["__Host-", "; Secure", "; HttpOnly", "; Path=/", "; SameSite=Lax"];
        assert!(wanted.iter().all(|w| cookie.contains(w)) && cookie.starts_with("__Host-"), "{cookie}");
        assert!(!cookie.to_lowercase().contains("domain="), "{cookie}");
    }
    assert!(page.headers().contains_key("strict-transport-security"));
    assert!(new.signs_in(PASSWORD).await, "a browser keeps and sends them");
    // Who does not know the authority does not get in; plain http is not spoken.
    let strangers = reqwest::Client::builder().no_proxy().build();
    if let Ok(strangers) = strangers {
        assert!(strangers.get(format!("{}/livez", new.address())).send().await.is_err());
        assert!(strangers.get(format!("http://127.0.0.1:{}/livez", new.port)).send().await.is_err());
    }
    server.stop().await;
}

/// The command believes the authorities in the file that it is given and no others, says which file to give it where it does
/// not believe, and sends nothing to a server that it does not know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_with_its_own_authority() {
    let _ = tokio::task::spawn_blocking(program).await.expect("the command is built");
    let new = with_tls().await;
    let server = new.serve().await;
    let browser = new.browser();
    let form = browser.get("/sign-in").await.expect(200).form("/sign-in");
    let _ = browser.send(&form.with("email", "ada@ops.test").with("password", PASSWORD)).await.expect(303);
    let ca = new.path("ca.pem").display().to_string();
    let shell = Shell::new(&new.address()).with("HALLPASS_CA_FILE", &ca);

    // The whole way: sign in by the browser, ask who one is, sign out.
    let mut login = shell.start(&["login"]);
    login.answer_code(&browser, "allow").await;
    let _ = login.end().await.expect(0);
    let kept = std::fs::read_dir(shell.folder().join("config/default")).expect("a folder").flatten();
    let text: String = kept.map(|e| std::fs::read_to_string(e.path()).expect("text")).collect();
    let token = text.split("\"token\":\"").nth(1).and_then(|t| t.split('"').next()).expect("a kept token");
    let secrets = Secrets::default();
    secrets.plant("the token that login kept", token);
    assert_eq!(shell.run(&["whoami", "--field", "handle"]).await.expect(0).value(), "ada@ops.test");

    // Without the file, with another authority's, with one that is none.
    let file = shell.file("token", token);
    let stranger = Shell::new(&new.address()).with("HALLPASS_TOKEN_FILE", &file);
    let (other, ..) = authority();
    let other = stranger.file("other.pem", &other.pem());
    for trusted in [None, Some(&other)] {
        let shell = Shell::new(&new.address()).with("HALLPASS_TOKEN_FILE", &file);
        let shell = trusted.iter().fold(shell, |shell, path| shell.with("HALLPASS_CA_FILE", path));
        let ran = shell.run(&["whoami"]).await.fails(10);
        assert!(
            ran.said().contains("HALLPASS_CA_FILE") && ran.said().contains("certificate"),
            "{}",
            ran.said()
        );
        shell.assert_discreet(&secrets);
    }
    let empty = stranger.file("empty.pem", "no certificate\n");
    let ran = stranger.with("HALLPASS_CA_FILE", &empty).run(&["whoami"]).await.fails(2);
    assert!(ran.said().contains("empty.pem") && ran.said().contains("no certificate"), "{}", ran.said());

    let _ = shell.run(&["logout"]).await.expect(0);
    let _ = shell.run(&["whoami"]).await.fails(4);
    shell.assert_discreet(&secrets);
    server.stop().await;
}
