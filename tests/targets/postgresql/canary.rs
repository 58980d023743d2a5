//! The check of a target finds what would make revocation fail, and leaves nothing.
use hallpass_domain::credential::Credential;
use hallpass_domain::ports::target::TargetConnector;

use super::rig::{ADMIN, Admin, Postgres, QUARANTINE, connector, ident};
use crate::rig::{Rig, revoke, settled};

async fn problems(rig: &Postgres) -> Vec<String> {
    let canary = rig.intend().await;
    let found = connector(&rig.settings).canary(&canary).await.expect("the canary runs");
    assert!(!rig.exists(&canary.external_name).await, "the account of the trial is gone");
    found.problems
}

async fn change(rig: &Postgres, statement: &str) {
    rig.cluster.superuser("postgres").await.batch_execute(statement).await.expect("changed");
}

/// The trial of a sound target leaves the cluster as it was.
#[tokio::test]
async fn leaves_nothing() {
    for admin in [Admin::Superuser, Admin::CreateRole] {
        let rig = Postgres::start(admin).await;
        let before = rig.cluster.dump();
        let canary = rig.intend().await;
        let found = rig.connector().canary(&canary).await.expect("the canary runs");
        assert_eq!(found.problems, Vec::<String>::new());
        assert!(!found.version.is_empty());
        revoke(rig.connector(), &[settled(canary, None)]).await;
        assert_eq!(rig.cluster.dump(), before);
    }
}

#[tokio::test]
async fn missing_rights() {
    let rig = Postgres::unchecked(Admin::CreateRole, &[]).await;
    let admin = ident(ADMIN);
    change(&rig, &format!("REVOKE pg_signal_backend FROM {admin}")).await;
    let found = problems(&rig).await;
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("GRANT pg_signal_backend"), "{found:?}");
    change(&rig, &format!("ALTER ROLE {admin} NOCREATEROLE")).await;
    assert_eq!(problems(&rig).await.len(), 2);
}

/// A clock ahead of ours refuses every create; one far behind lets late ones land.
#[tokio::test]
async fn clocks() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let row = rig.intend().await;
    let hour = chrono::Duration::hours(1);
    for (shift, words) in [(-hour, "ahead"), (hour, "behind")] {
        let shifted = Credential {
            intended_at: row.intended_at + shift,
            create_deadline: row.create_deadline + shift,
            ..row.clone()
        };
        let found = rig.connector().canary(&shifted).await.expect("the canary runs");
        assert!(matches!(&found.problems[..], [one] if one.contains(words)), "{:?}", found.problems);
    }
}

#[tokio::test]
async fn quarantine_role() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let quarantine = ident(QUARANTINE);
    change(&rig, &format!("GRANT {quarantine} TO owner; ALTER ROLE {quarantine} LOGIN; CREATE ROLE extra; GRANT extra TO {quarantine}")).await;
    let found = problems(&rig).await;
    assert_eq!(found.len(), 3, "{found:?}");
}

/// `pg_hba.conf` that asks for nothing, or lets nobody in.
#[tokio::test]
async fn host_based_authentication() {
    let rig = Postgres::start(Admin::CreateRole).await;
    for (rule, words) in [("trust", "wrong password"), ("reject", "not let in")] {
        rig.cluster.write(
            "pg_hba.conf",
            &format!("host all \"{}\" 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 {rule}\n", ADMIN.replace('"', "\"\"")),
        );
        rig.cluster.reload();
        hallpass_tests::wait::eventually("the new rule", || async {
            let found = problems(&rig).await;
            found.iter().any(|p| p.contains(words)).then_some(())
        })
        .await;
    }
}
