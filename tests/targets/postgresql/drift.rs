//! Changes to an account by others are named.
use hallpass_domain::ports::target::{Step, TargetConnector};

use super::rig::{ADMIN_PASSWORD, Admin, Postgres, connector, ident, version};
use crate::rig::{Rig, revoke, step};

#[tokio::test]
async fn changes_are_named() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let (credential, _) = rig.issue().await;
    let superuser = rig.cluster.superuser("postgres").await;
    let login = ident(&credential.external_name);
    superuser
        .batch_execute(&format!(
            "CREATE ROLE extra; GRANT extra TO {login}; CREATE ROLE deep; GRANT pg_read_all_data TO deep; GRANT deep TO {login};
             GRANT {login} TO owner; ALTER ROLE {login} CREATEDB VALID UNTIL 'infinity' CONNECTION LIMIT -1"
        ))
        .await
        .expect("changes");
    let listed = rig.connector().list_marked().await.expect("listed");
    assert_eq!(listed.len(), 1);
    assert_eq!(
        listed[0].drift,
        [
            "has CREATEDB",
            "may become pg_read_all_data",
            "was granted to owner",
            "joined deep, extra",
            "may log in for longer than it was created for",
            "may open any number of connections instead of 20",
        ]
    );
    // Another instance's accounts are not ours to list.
    let mut others = rig.settings.clone();
    others.quarantine_role = "elsewhere".into();
    let other = hallpass_adapters::targets::postgresql::PostgresqlConnector::new(
        &others,
        "test2",
        Some(ADMIN_PASSWORD.to_owned().into()),
    )
    .expect("a connector");
    assert_eq!(other.list_marked().await.expect("listed"), vec![]);
    // Refusing the login is how removal begins: no drift, and memberships in both directions go with it. From 16 on only
    // those that we may withdraw; what a superuser granted goes when the role is dropped.
    superuser.batch_execute(&format!("ALTER ROLE {login} NOCREATEDB")).await.expect("changed back");
    step(&rig, Step::Deny, &credential).await.expect("denied");
    let listed = connector(&rig.settings).list_marked().await.expect("listed");
    assert!(!listed[0].can_login);
    if version(&superuser).await < 160_000 {
        assert_eq!(listed[0].drift, Vec::<String>::new());
    }
    revoke(rig.connector(), &[credential]).await;
}
