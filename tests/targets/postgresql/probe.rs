//! A new login is tried as its holder would use it; what the target answers is told.
use std::time::Duration;

use hallpass_domain::credential::{Credential, Trouble};
use hallpass_domain::ports::target::TargetConnector;
use secrecy::SecretString;

use super::rig::{ADMIN, Admin, DATABASE, Postgres, connector, ident};
use crate::rig::{Rig, password, revoke};

const PATIENCE: Duration = Duration::from_secs(4);

async fn tried(rig: &Postgres, credential: &Credential, password: &SecretString) -> Option<Trouble> {
    connector(&rig.settings).probe(credential, password, PATIENCE).await.trouble
}

/// It works, and leaves no session that would count against the holder's.
#[tokio::test]
async fn a_login_that_works() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let (credential, password) = rig.issue().await;
    let superuser = rig.cluster.superuser("postgres").await;
    let login = ident(&credential.external_name);
    superuser.batch_execute(&format!("ALTER ROLE {login} CONNECTION LIMIT 1")).await.expect("limited");
    for _ in 0..5 {
        assert_eq!(tried(&rig, &credential, &password).await, None);
        assert_eq!(rig.connector().sessions(&credential).await.expect("sessions"), vec![]);
    }
    rig.session(&credential, &password, DATABASE).await;
    revoke(rig.connector(), &[credential]).await;
}

/// The target's answer is told, with what to do about it, and nothing of the password.
#[tokio::test]
async fn a_login_that_does_not() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let (credential, right) = rig.issue().await;
    let superuser = rig.cluster.superuser("postgres").await;
    let database = ident(DATABASE);

    let wrong = password();
    let trouble = tried(&rig, &credential, &wrong).await.expect("a wrong password");
    assert!(trouble.what.contains("password authentication failed"), "{trouble:?}");
    assert!(trouble.what_to_do.contains("pg_hba.conf"), "{trouble:?}");

    let change = |statement: String| {
        let superuser = &superuser;
        async move { superuser.batch_execute(&statement).await.expect("changed") }
    };
    change(format!("REVOKE CONNECT ON DATABASE {database} FROM PUBLIC")).await;
    let trouble = tried(&rig, &credential, &right).await.expect("no CONNECT");
    assert!(trouble.what.contains("permission denied for database"), "{trouble:?}");
    assert!(trouble.what_to_do.contains("GRANT CONNECT"), "{trouble:?}");

    change(format!(
        "GRANT CONNECT ON DATABASE {database} TO PUBLIC; ALTER DATABASE {database} CONNECTION LIMIT 0"
    ))
    .await;
    let trouble = tried(&rig, &credential, &right).await.expect("no connection left");
    assert!(trouble.what.contains("too many connections"), "{trouble:?}");
    assert!(trouble.what_to_do.contains("raise the limit"), "{trouble:?}");

    change(format!("ALTER DATABASE {database} CONNECTION LIMIT -1")).await;
    rig.cluster.write(
        "pg_hba.conf",
        &format!(
            "host all \"{}\" 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 scram-sha-256\n",
            ADMIN.replace('"', "\"\"")
        ),
    );
    rig.cluster.reload();
    let trouble = hallpass_tests::wait::eventually("the new rules", || async {
        tried(&rig, &credential, &right).await
    })
    .await;
    assert!(trouble.what.contains("no pg_hba.conf entry"), "{trouble:?}");
    assert!(!format!("{trouble:?}").contains(secrecy::ExposeSecret::expose_secret(&right)));

    let gone = Credential { plan: other_database(&credential), ..credential.clone() };
    rig.cluster.write("pg_hba.conf", "host all all 127.0.0.1/32 scram-sha-256\n");
    rig.cluster.reload();
    let trouble = hallpass_tests::wait::eventually("the old rules", || async {
        tried(&rig, &gone, &right).await.filter(|t| !t.what.contains("pg_hba.conf"))
    })
    .await;
    assert!(trouble.what.contains("does not exist"), "{trouble:?}");
    revoke(rig.connector(), &[credential]).await;
}

/// A target that says nothing is left alone after our patience.
#[tokio::test]
async fn a_target_that_is_silent() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = silent.local_addr().expect("the port").port();
    let mute = connector(&hallpass_domain::target::PostgresqlTarget { port, ..rig.settings.clone() });
    let probed = mute.probe(&rig.intend().await, &password(), Duration::from_millis(300)).await;
    assert!(probed.trouble.is_some_and(|t| t.what.contains("too slow")));
    assert!(probed.took < Duration::from_secs(2));
}

fn other_database(credential: &Credential) -> hallpass_domain::credential::Plan {
    let hallpass_domain::credential::Plan::PostgresqlLogin { groups, connection_limit, .. } =
        credential.plan.clone();
    hallpass_domain::credential::Plan::PostgresqlLogin {
        database: "nowhere".into(),
        groups,
        connection_limit,
    }
}
