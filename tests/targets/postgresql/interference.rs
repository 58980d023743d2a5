//! What the target's own administrators may do to an account of ours meanwhile.
use std::time::Duration;

use hallpass_domain::credential::Credential;
use hallpass_domain::ports::target::{Step, TargetError};
use hallpass_tests::wait::eventually;

use super::rig::{Admin, DATABASE, Postgres, SECOND, ident};
use crate::rig::{Rig, revoke, step};

/// Privileges granted to the login itself, by whomever, go too.
#[tokio::test]
async fn direct_grants_go() {
    let rig = Postgres::start(Admin::Superuser).await;
    let before = rig.cluster.dump();
    let (credential, _) = rig.issue().await;
    let login = ident(&credential.external_name);
    let superuser = rig.cluster.superuser(SECOND).await;
    superuser
        .batch_execute(&format!(
            "GRANT SELECT ON public.orders TO {login} WITH GRANT OPTION; GRANT CREATE ON DATABASE {db} TO {login};
             GRANT CREATE ON SCHEMA public TO {login}; ALTER ROLE {login} SET work_mem = '8MB';
             ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {login};
             CREATE POLICY only_one ON public.orders TO {login} USING (id = 1);
             GRANT {login} TO owner",
            db = ident(SECOND)
        ))
        .await
        .expect("grants");
    let removal = revoke(rig.connector(), &[credential]).await.remove(0);
    assert_eq!(removal.left, Vec::<String>::new());
    assert_eq!(rig.cluster.dump(), before);
}

/// a person, and the error names the object.
#[tokio::test]
async fn direct_grants_out_of_reach() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let before = rig.cluster.dump();
    let (credential, password) = rig.issue().await;
    let session = rig.open(&credential, &password).await;
    let superuser = rig.cluster.superuser(SECOND).await;
    let login = ident(&credential.external_name);
    superuser.batch_execute(&format!("GRANT SELECT ON public.orders TO {login}")).await.expect("granted");
    assert!(step(&rig, Step::Deny, &credential).await.expect("denied").denied);
    assert!(step(&rig, Step::EndSessions, &credential).await.expect("ended").sessions_ended);
    assert!(!session.works().await);
    let removed = step(&rig, Step::Remove, &credential).await;
    assert!(matches!(&removed, Err(TargetError::Refused(why)) if why.contains("orders")), "{removed:?}");
    superuser
        .batch_execute(&format!("REVOKE SELECT ON public.orders FROM {login}"))
        .await
        .expect("revoked by its owner");
    revoke(rig.connector(), &[credential]).await;
    assert_eq!(rig.cluster.dump(), before);
}

/// A login renamed by the target's administrators is still ours by its oid and marker; without its oid a person must look.
#[tokio::test]
async fn renamed_accounts() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let (credential, password) = rig.issue().await;
    let _session = rig.open(&credential, &password).await;
    let superuser = rig.cluster.superuser("postgres").await;
    superuser
        .batch_execute(&format!("ALTER ROLE {} RENAME TO renamed", ident(&credential.external_name)))
        .await
        .expect("renamed");
    let unknown = Credential { external_oid: None, ..credential.clone() };
    for one in [Step::Deny, Step::EndSessions, Step::Remove, Step::VerifyAbsent] {
        assert!(matches!(step(&rig, one, &unknown).await, Err(TargetError::Refused(_))), "{one:?}");
    }
    assert!(rig.exists("renamed").await);
    revoke(rig.connector(), &[credential]).await;
    assert!(!rig.exists("renamed").await);
}

/// Name and comment changed by the target's administrators: it is there by its oid, and nobody says that it is gone.
#[tokio::test]
async fn disowned_accounts() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let (credential, _) = rig.issue().await;
    let superuser = rig.cluster.superuser("postgres").await;
    let statement = format!(
        "COMMENT ON ROLE {login} IS NULL; ALTER ROLE {login} RENAME TO adopted",
        login = ident(&credential.external_name)
    );
    superuser.batch_execute(&statement).await.expect("adopted");
    for one in [Step::Deny, Step::EndSessions, Step::Remove, Step::VerifyAbsent] {
        assert_eq!(step(&rig, one, &credential).await, Err(TargetError::NotOurs), "{one:?}");
    }
    assert!(rig.exists("adopted").await);
}

/// An account that was made a superuser is out of reach of an administrator who is none: said so, and the others end.
#[tokio::test]
async fn promoted_accounts() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let (promoted, first) = rig.issue().await;
    let (other, second) = rig.issue().await;
    let (mine, theirs) = (rig.open(&promoted, &first).await, rig.open(&other, &second).await);
    let superuser = rig.cluster.superuser("postgres").await;
    let login = ident(&promoted.external_name);
    superuser.batch_execute(&format!("ALTER ROLE {login} SUPERUSER")).await.expect("promoted");
    let batch = [promoted.clone(), other.clone()];
    let denied = rig.connector().step(Step::Deny, &batch).await;
    assert!(matches!(denied[0], Err(TargetError::Refused(_))), "{denied:?}");
    let mut last = denied;
    for one in [Step::EndSessions, Step::Remove, Step::VerifyAbsent] {
        last = rig.connector().step(one, &batch).await;
    }
    assert!(last[1].as_ref().is_ok_and(|r| r.verified_absent), "{last:?}");
    assert!(!last[0].as_ref().is_ok_and(|r| r.verified_absent || r.denied), "{last:?}");
    assert!(mine.works().await && !theirs.works().await);
    superuser.batch_execute(&format!("ALTER ROLE {login} NOSUPERUSER")).await.expect("demoted");
    revoke(rig.connector(), &batch).await;
    assert!(!mine.works().await);
}

/// Whoever changes the account at the same instant (another server of ours, or a person) is no reason to fail: PostgreSQL gives
/// up on the second change of a row that the first one makes, and it is tried again at once.
#[tokio::test]
async fn changed_at_the_same_instant() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let (credential, _) = rig.issue().await;
    let superuser = rig.cluster.superuser("postgres").await;
    let looking = rig.cluster.superuser("postgres").await;
    let login = ident(&credential.external_name);
    let waits =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename <> current_user";
    for one in [Step::Deny, Step::Remove] {
        superuser
            .batch_execute(&format!("BEGIN; ALTER ROLE {login} CONNECTION LIMIT 7"))
            .await
            .expect("changed");
        let meanwhile = async {
            eventually("the step to wait for it", || async {
                let waiting: i64 = looking.query_one(waits, &[]).await.expect("a look").get(0);
                (waiting > 0).then_some(())
            })
            .await;
            superuser.batch_execute("COMMIT").await.expect("committed");
        };
        let (done, ()) = tokio::join!(step(&rig, one, &credential), meanwhile);
        assert!(done.is_ok(), "{one:?}: {done:?}");
    }
    assert!(!rig.exists(&credential.external_name).await);
}

/// A lock that somebody else holds delays this account's removal, and only until it is free.
#[tokio::test]
async fn locks_of_others() {
    let rig = Postgres::start(Admin::Superuser).await;
    let (credential, password) = rig.issue().await;
    let (other, _) = rig.issue().await;
    let session = rig.session(&credential, &password, DATABASE).await;
    session.batch_execute("CREATE TABLE public.hoard (id int)").await.expect("a table");
    let superuser = rig.cluster.superuser(DATABASE).await;
    superuser.batch_execute("BEGIN; LOCK TABLE public.hoard").await.expect("a lock");
    let batch = [credential.clone(), other.clone()];
    let mut last = Vec::new();
    for one in [Step::Deny, Step::EndSessions, Step::Remove] {
        last = rig.connector().step(one, &batch).await;
    }
    assert!(matches!(&last[0], Err(TargetError::Refused(why)) if why.contains("lock timeout")), "{last:?}");
    assert!(last[1].as_ref().is_ok_and(|r| r.removed), "{last:?}");
    assert!(
        session.is_closed()
            || tokio::time::timeout(Duration::from_secs(5), session.simple_query("SELECT 1"))
                .await
                .is_ok_and(|r| r.is_err())
    );
    superuser.batch_execute("ROLLBACK").await.expect("free");
    revoke(rig.connector(), &batch).await;
}
