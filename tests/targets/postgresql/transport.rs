//! How connections are secured.
use hallpass_adapters::targets::postgresql::PostgresqlConnector;
use hallpass_domain::ports::target::{TargetConnector, TargetError};
use hallpass_domain::target::{PgTls, PostgresqlTarget};
use hallpass_tests::wait::eventually;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::rig::{Admin, INSTANCE, Postgres, connector};
use crate::rig::{Rig, revoke, settled};

#[tokio::test]
async fn by_socket() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let settings = PostgresqlTarget {
        host: rig.cluster.socket_dir().display().to_string(),
        public_host: Some("db.example.org".into()),
        ..rig.settings.clone()
    };
    let local = connector(&settings);
    let canary = rig.intend().await;
    assert_eq!(local.canary(&canary).await.expect("the canary runs").problems, Vec::<String>::new());
    assert_eq!(local.connection_info(&canary).host, "db.example.org");
    revoke(&local, &[settled(canary, None)]).await;
}

#[tokio::test]
async fn plain_text_is_for_loopback() {
    let rig = Postgres::start(Admin::CreateRole).await;
    for host in ["db.example.org", "10.0.0.7"] {
        let far = PostgresqlTarget { host: host.into(), ..rig.settings.clone() };
        assert!(
            matches!(PostgresqlConnector::new(&far, INSTANCE, None), Err(TargetError::Refused(_))),
            "{host}"
        );
    }
}

/// Wrong credentials of ours are a refusal that says whose, and no more; a host that does not answer is down.
#[tokio::test]
async fn refused_and_down() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let wrong = PostgresqlConnector::new(&rig.settings, INSTANCE, Some("NotThePassword".to_owned().into()))
        .expect("sound settings");
    match wrong.list_marked().await {
        Err(TargetError::Refused(why)) => {
            assert!(why.contains("administrator") && !why.contains("NotThePassword"), "{why}")
        }
        other => panic!("{other:?}"),
    }
    // It accepts connections and never says a word.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = silent.local_addr().expect("the port").port();
    let mute = connector(&PostgresqlTarget { port, ..rig.settings.clone() });
    assert!(matches!(mute.list_marked().await, Err(TargetError::Down(_))));
    // A connection that died while idle is replaced without an error.
    rig.connector().list_marked().await.expect("listed");
    let superuser = rig.cluster.superuser("postgres").await;
    superuser
        .batch_execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'hallpass %'",
        )
        .await
        .expect("cut");
    rig.connector().list_marked().await.expect("listed again");
}

/// The certificate must be signed by the authority that we know, for the name that we dial.
#[tokio::test]
async fn tls_is_verified() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let authority = || {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
    };
    let (right, wrong) = (authority(), authority());
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, pem: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).expect("a file");
        path.display().to_string()
    };
    let (right_file, wrong_file) = (file("right.pem", &right.pem()), file("wrong.pem", &wrong.pem()));
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec!["localhost".into()])
        .expect("parameters")
        .signed_by(&key, &right)
        .expect("signed");
    rig.cluster.write("server.crt", &certificate.pem());
    rig.cluster.write("server.key", &key.serialize_pem());
    let superuser = rig.cluster.superuser("postgres").await;
    superuser.batch_execute("ALTER SYSTEM SET ssl = on").await.expect("set");
    rig.cluster.reload();

    let verified = |host: &str, ca: &str| {
        connector(&PostgresqlTarget {
            host: host.into(),
            tls: PgTls::VerifyFull,
            ca_file: Some(ca.into()),
            ..rig.settings.clone()
        })
    };
    eventually("the server to speak TLS", || async {
        verified("localhost", &right_file).list_marked().await.ok()
    })
    .await;
    let info = verified("localhost", &right_file).connection_info(&rig.intend().await);
    assert_eq!(info.sslmode, "verify-full");
    for (host, ca) in [("localhost", &wrong_file), ("127.0.0.1", &right_file)] {
        let result = verified(host, ca).list_marked().await;
        assert!(
            matches!(&result, Err(TargetError::Down(why)) if why.contains("certificate")),
            "{host}: {result:?}"
        );
    }
    let canary = rig.intend().await;
    let local = verified("localhost", &right_file);
    assert_eq!(local.canary(&canary).await.expect("the canary runs").problems, Vec::<String>::new());
    let missing = PostgresqlTarget {
        tls: PgTls::VerifyFull,
        ca_file: Some("/nowhere.pem".into()),
        ..rig.settings.clone()
    };
    assert!(matches!(PostgresqlConnector::new(&missing, INSTANCE, None), Err(TargetError::Refused(_))));
}

/// Whoever answers at the address with a certificate for its name still learns no password: over TLS it is proved, bound
/// to that certificate, and never told. Neither in clear, nor by MD5, nor by a proof that could be passed on.
#[tokio::test]
async fn a_rogue_server_learns_no_password() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority =
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).expect("a file");
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec!["localhost".into()])
        .expect("parameters")
        .signed_by(&key, &authority)
        .expect("signed");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
        )
        .expect("a certificate");
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(tls));

    // AuthenticationCleartextPassword, AuthenticationMD5Password, SASL with SCRAM-SHA-256 only, AuthenticationOk.
    let asks: [&[u8]; 4] = [
        b"R\0\0\0\x08\0\0\0\x03",
        b"R\0\0\0\x0c\0\0\0\x05salt",
        b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0",
        b"R\0\0\0\x08\0\0\0\0",
    ];
    for ask in asks {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("the port").port();
        let acceptor = acceptor.clone();
        let rogue = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = [0u8; 8];
            stream.read_exact(&mut request).await.expect("SSLRequest");
            stream.write_all(b"S").await.expect("written");
            let mut stream = acceptor.accept(stream).await.expect("TLS");
            let mut startup = vec![0u8; 4096];
            let _ = stream.read(&mut startup).await.expect("the start");
            stream.write_all(ask).await.expect("asked");
            let mut told = Vec::new();
            let _ = stream.read_to_end(&mut told).await;
            told
        });
        let settings = PostgresqlTarget {
            host: "localhost".into(),
            port,
            public_host: None,
            maintenance_database: "postgres".into(),
            admin_user: "hallpass".into(),
            tls: PgTls::VerifyFull,
            ca_file: Some(ca.display().to_string()),
            quarantine_role: "q".into(),
            statement_timeout_ms: 2_000,
        };
        let refused = connector(&settings).list_marked().await;
        assert!(
            matches!(&refused, Err(TargetError::Refused(why)) if why.contains("scram-sha-256")),
            "{ask:?}: {refused:?}"
        );
        let told = rogue.await.expect("it ends");
        assert!(
            !told.windows(6).any(|w| w == &super::rig::ADMIN_PASSWORD.as_bytes()[..6])
                && !told.contains(&b'p'),
            "{ask:?}: {told:?}"
        );
    }
}

/// What the catalogue may not name, a name must not lead to; and without TLS a name must lead to this machine.
#[tokio::test]
async fn addresses_are_checked_as_they_resolve() {
    let rig = Postgres::start(Admin::CreateRole).await;
    for host in ["169.254.169.254", "fe80::1", "0.0.0.0", "::ffff:169.254.169.254"] {
        let settings = PostgresqlTarget { host: host.into(), tls: PgTls::VerifyFull, ..rig.settings.clone() };
        let refused = connector(&settings).list_marked().await;
        assert!(
            matches!(&refused, Err(TargetError::Refused(why)) if why.contains("may connect to")),
            "{host}: {refused:?}"
        );
    }
    let local = connector(&PostgresqlTarget { host: "localhost".into(), ..rig.settings.clone() });
    local.list_marked().await.expect("listed");
}
