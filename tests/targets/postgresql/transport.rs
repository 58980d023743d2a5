//! How connections are secured.
use hallpass_adapters::targets::postgresql::PostgresqlConnector;
use hallpass_domain::ports::target::{TargetConnector, TargetError};
use hallpass_domain::target::{PgTls, PostgresqlTarget};
use hallpass_tests::wait::eventually;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::rig::{Admin, INSTANCE, Postgres, Rig, connector, revoke, settled};

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
        assert!(matches!(PostgresqlConnector::new(&far, INSTANCE, None), Err(TargetError::Refused(_))), "{host}");
    }
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
    let certificate = CertificateParams::new(vec!["localhost".into()]).expect("parameters").signed_by(&key, &right).expect("signed");
    rig.cluster.write("server.crt", &certificate.pem());
    rig.cluster.write("server.key", &key.serialize_pem());
    let superuser = rig.cluster.superuser("postgres").await;
    superuser.batch_execute("ALTER SYSTEM SET ssl = on").await.expect("set");
    rig.cluster.reload();

    let verified = |host: &str, ca: &str| {
        connector(&PostgresqlTarget { host: host.into(), tls: PgTls::VerifyFull, ca_file: Some(ca.into()), ..rig.settings.clone() })
    };
    eventually("the server to speak TLS", || async { verified("localhost", &right_file).list_marked().await.ok() }).await;
    let info = verified("localhost", &right_file).connection_info(&rig.intend().await);
    assert_eq!(info.sslmode, "verify-full");
    for (host, ca) in [("localhost", &wrong_file), ("127.0.0.1", &right_file)] {
        let result = verified(host, ca).list_marked().await;
        assert!(matches!(&result, Err(TargetError::Down(why)) if why.contains("certificate")), "{host}: {result:?}");
    }
    let canary = rig.intend().await;
    let local = verified("localhost", &right_file);
    assert_eq!(local.canary(&canary).await.expect("the canary runs").problems, Vec::<String>::new());
    let missing = PostgresqlTarget { tls: PgTls::VerifyFull, ca_file: Some("/nowhere.pem".into()), ..rig.settings.clone() };
    assert!(matches!(PostgresqlConnector::new(&missing, INSTANCE, None), Err(TargetError::Refused(_))));
}
