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
    // Refusing the login is how removal begins: no drift, and memberships in both directions go beside the end of sessions.
    // From 16 on only those that we may withdraw; what a superuser granted goes when the role is dropped.
    superuser.batch_execute(&format!("ALTER ROLE {login} NOCREATEDB")).await.expect("changed back");
    step(&rig, Step::Deny, &credential).await.expect("denied");
    step(&rig, Step::EndSessions, &credential).await.expect("none is left");
    let listed = connector(&rig.settings).list_marked().await.expect("listed");
    assert!(!listed[0].can_login);
    if version(&superuser).await < 160_000 {
        assert_eq!(listed[0].drift, Vec::<String>::new());
    }
    revoke(rig.connector(), &[credential]).await;
}

/// Roles as an administrator of the target could make them, with our mark and very long comments.
async fn noise(rig: &Postgres, roles: u32, comment: u32) {
    rig.cluster
        .superuser("postgres")
        .await
        .batch_execute(&format!(
            "INSERT INTO pg_authid (oid, rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit)
             SELECT 1000000 + i, 'noise_' || i, false, true, false, false, false, false, false, -1 FROM generate_series(1, {roles}) AS i;
             INSERT INTO pg_shdescription (objoid, classoid, description)
             SELECT 1000000 + i, 'pg_authid'::regclass, 'hallpass:v1:test1:' || gen_random_uuid() || ':' || repeat('x', {comment}) FROM generate_series(1, {roles}) AS i"
        ))
        .await
        .expect("noise");
}

/// What others write there is cut short, and our own accounts are found among it.
#[tokio::test]
async fn a_list_that_others_made_long() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let (credential, _) = rig.issue().await;
    noise(&rig, 2_000, 100_000).await;
    let superuser = rig.cluster.superuser("postgres").await;
    superuser
        .batch_execute("DO $$ BEGIN FOR i IN 1..300 LOOP EXECUTE format('CREATE ROLE %I; GRANT %1$I TO noise_1', repeat('g', 50) || i); END LOOP; END $$")
        .await
        .expect("groups");
    let (later, _) = rig.issue().await;
    let listed = rig.connector().list_marked().await.expect("listed");
    assert_eq!(listed.len(), 2_002);
    for one in [&credential, &later] {
        let found: Vec<_> = listed.iter().filter(|l| l.credential == Some(one.id.0)).collect();
        assert!(
            matches!(&found[..], [l] if l.external_name == one.external_name && l.drift.is_empty()),
            "{found:?}"
        );
    }
    let text = listed.iter().flat_map(|l| l.groups.iter().chain(&l.drift)).map(String::len).max();
    assert!(text.is_some_and(|longest| longest < 16_000));
    assert!(listed.iter().all(|l| l.groups.len() <= 200));
    revoke(rig.connector(), &[credential, later]).await;
}

/// Beyond all measure there is no list at all: one that is cut short would let accounts look gone. Removing goes on.
#[tokio::test]
async fn a_list_without_end() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let (credential, _) = rig.issue().await;
    noise(&rig, 20_001, 10).await;
    let refused = rig.connector().list_marked().await.expect_err("too many");
    assert!(refused.to_string().contains("20000 roles"), "{refused}");
    revoke(rig.connector(), &[credential]).await;
}
