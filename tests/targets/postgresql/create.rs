//! Creating: late ones leave nothing, and no login gets powers.
use std::sync::Arc;

use chrono::Duration;
use hallpass_domain::credential::{Credential, Plan};
use hallpass_domain::ports::target::{Step, TargetConnector, TargetError};
use hallpass_domain::target::PostgresqlTarget;
use hallpass_tests::proxy::{Proxy, Upstream};
use hallpass_tests::wait::eventually;
use secrecy::ExposeSecret;

use super::rig::{ADMIN, ADMIN_PASSWORD, Admin, DATABASE, GROUP, Postgres, SECOND, connector, ident};
use crate::rig::{Rig, password, revoke, settled};

/// Held back at each part of what we send, and sent on after the deadline: nothing is created, whatever the point.
#[tokio::test]
async fn delayed_past_the_deadline() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let marks: [(&[u8], bool); 5] = [
        (b"set_config('hallpass.args'", false),
        (b"DO $hallpass$", true),
        (b"CREATE ROLE", true),
        (b"COMMENT ON ROLE", true),
        (b"jsonb_build_object('oid'", true),
    ];
    for (mark, runs) in marks {
        let proxy = Proxy::start(rig.cluster.address()).await;
        let late = connector(&PostgresqlTarget { port: proxy.port(), ..rig.settings.clone() });
        let now = rig.now().await;
        let credential = Credential { create_deadline: now + Duration::seconds(2), ..rig.intend().await };
        proxy.upstream(Upstream::HoldFrom(mark.to_vec()));
        let seen = rig.cluster.log().len();
        let result = late.create(&credential, &password()).await;
        assert!(matches!(result, Err(TargetError::Down(_))), "{result:?}");
        assert!(proxy.holds());
        // Absent now, but not proven: the create may still be on its way.
        let early =
            rig.connector().step(Step::VerifyAbsent, std::slice::from_ref(&credential)).await.remove(0);
        assert!(
            early.is_ok_and(|r| !r.verified_absent)
                || rig.now().await > credential.create_deadline + Duration::seconds(2)
        );
        eventually("the deadline", || async { (rig.now().await > credential.create_deadline).then_some(()) })
            .await;
        proxy.release();
        if runs {
            eventually("the late create to be refused", || async {
                rig.cluster.log()[seen..].contains("ERROR:  late").then_some(())
            })
            .await;
        }
        eventually("proof", || async {
            let verified =
                rig.connector().step(Step::VerifyAbsent, std::slice::from_ref(&credential)).await.remove(0);
            verified.expect("an answer").verified_absent.then_some(())
        })
        .await;
        assert!(!rig.exists(&credential.external_name).await);
    }
}

/// Held back, but in time: it is created.
#[tokio::test]
async fn delayed_in_time() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let proxy = Arc::new(Proxy::start(rig.cluster.address()).await);
    let slow = Arc::new(connector(&PostgresqlTarget { port: proxy.port(), ..rig.settings.clone() }));
    let (credential, secret) = (rig.intend().await, password());
    proxy.upstream(Upstream::HoldAfter(b"CREATE ROLE".to_vec()));
    let (task, row, clear) = (Arc::clone(&slow), credential.clone(), secret.clone());
    let creating = tokio::spawn(async move { task.create(&row, &clear).await });
    eventually("the create to be held", || async { proxy.holds().then_some(()) }).await;
    assert!(!rig.exists(&credential.external_name).await);
    proxy.release();
    let created = creating.await.expect("the task").expect("created");
    assert!(rig.works(&credential, &secret).await);
    revoke(rig.connector(), &[settled(credential, created.external_oid)]).await;
}

/// The create landed and its answer was lost: the caller is told that nothing is known, and the account is found and removed.
#[tokio::test]
async fn lost_answers() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let proxy = Arc::new(Proxy::start(rig.cluster.address()).await);
    let slow = Arc::new(connector(&PostgresqlTarget { port: proxy.port(), ..rig.settings.clone() }));
    let (credential, secret) = (rig.intend().await, password());
    proxy.upstream(Upstream::HoldFrom(b"DO $hallpass$".to_vec()));
    let (task, row, clear) = (Arc::clone(&slow), credential.clone(), secret.clone());
    let creating = tokio::spawn(async move { task.create(&row, &clear).await });
    eventually("the create to be held", || async { proxy.holds().then_some(()) }).await;
    proxy.deafen();
    proxy.release();
    assert!(matches!(creating.await.expect("the task"), Err(TargetError::Down(_))));
    assert!(rig.exists(&credential.external_name).await);
    revoke(rig.connector(), &[settled(credential.clone(), None)]).await;
    assert!(!rig.exists(&credential.external_name).await);
}

/// The deadline is looked at again after every wait: here for an administrator's lock on the roles.
#[tokio::test]
async fn late_behind_a_lock() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let superuser = rig.cluster.superuser("postgres").await;
    superuser.batch_execute("BEGIN; LOCK TABLE pg_catalog.pg_authid IN SHARE MODE").await.expect("locked");
    let credential = rig.intend().await;
    let deadline = rig.now().await + Duration::milliseconds(400);
    let credential = Credential { create_deadline: deadline, ..credential };
    let secret = password();
    let free = async {
        eventually("the deadline", || async { (rig.now().await > deadline).then_some(()) }).await;
        superuser.batch_execute("ROLLBACK").await.expect("free");
    };
    let (result, ()) = tokio::join!(rig.connector().create(&credential, &secret), free);
    assert_eq!(result, Err(TargetError::TooLate));
    assert!(!rig.exists(&credential.external_name).await);
}

/// A create whose commit waits (for a standby that is gone) lands long after its deadline and every time-out: while it is
/// under way nobody says that the account is absent, and nobody but an administrator can feign such a create.
#[tokio::test]
async fn a_create_under_way() {
    let rig = Arc::new(Postgres::start(Admin::CreateRole).await);
    let (holder, secret) = rig.issue().await;
    let superuser = rig.cluster.superuser("postgres").await;
    superuser.batch_execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'").await.expect("set");
    rig.cluster.reload();
    eventually("the setting", || async {
        let now: String =
            superuser.query_one("SHOW synchronous_standby_names", &[]).await.expect("it").get(0);
        (now == "nobody").then_some(())
    })
    .await;
    let deadline = rig.now().await + Duration::milliseconds(600);
    let credential = Credential { create_deadline: deadline, ..rig.intend().await };
    let (task, row) = (Arc::clone(&rig), credential.clone());
    let creating = tokio::spawn(async move { task.connector().create(&row, &password()).await });
    let over = deadline + Duration::milliseconds(2_100);
    eventually("deadline and time-out to be over", || async { (rig.now().await > over).then_some(()) }).await;
    assert!(!rig.exists(&credential.external_name).await, "its commit is not seen yet");
    // Another process, which knows nothing of it.
    let other = connector(&rig.settings);
    let seen = other.step(Step::VerifyAbsent, std::slice::from_ref(&credential)).await.remove(0);
    assert!(seen.as_ref().is_ok_and(|r| r.removed && !r.verified_absent), "{seen:?}");
    superuser.batch_execute("ALTER SYSTEM RESET synchronous_standby_names").await.expect("reset");
    rig.cluster.reload();
    eventually("it to land", || async { rig.exists(&credential.external_name).await.then_some(()) }).await;
    let _ = creating.await.expect("the task");
    let session = rig.session(&holder, &secret, DATABASE).await;
    session
        .batch_execute(&format!("SET application_name = {}", ident(&credential.external_name)))
        .await
        .expect("everybody may");
    revoke(rig.connector(), &[settled(credential, None)]).await;
    assert!(session.simple_query("SELECT 1").await.is_ok(), "his grant goes on");
}

/// The server itself ends a login whose end nobody else enforces.
#[tokio::test]
async fn the_server_knows_the_end() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let credential =
        Credential { not_after: rig.now().await + Duration::milliseconds(1_500), ..rig.intend().await };
    let secret = password();
    rig.connector().create(&credential, &secret).await.expect("created");
    assert!(rig.works(&credential, &secret).await || rig.now().await > credential.not_after);
    eventually("its end", || async { (!rig.works(&credential, &secret).await).then_some(()) }).await;
    assert!(rig.now().await >= credential.not_after);
}

/// Groups that are or inherit powers are refused, with their names; so are logins, missing ones, and nonsense.
#[tokio::test]
async fn powers_are_refused() {
    let rig = Postgres::start(Admin::Superuser).await;
    let superuser = rig.cluster.superuser("postgres").await;
    superuser
        .batch_execute(
            "CREATE ROLE \"su'per\" SUPERUSER NOLOGIN; CREATE ROLE maker CREATEROLE; CREATE ROLE builder CREATEDB;
             CREATE ROLE copier REPLICATION; CREATE ROLE blind BYPASSRLS; CREATE ROLE person LOGIN;
             CREATE ROLE top; CREATE ROLE middle; CREATE ROLE bottom NOINHERIT;
             GRANT pg_monitor TO top; GRANT top TO middle; GRANT middle TO bottom;
             CREATE ROLE low; GRANT \"su'per\" TO low",
        )
        .await
        .expect("roles");
    let before = rig.cluster.dump();
    let cases = [
        ("su'per", "SUPERUSER"),
        ("maker", "CREATEROLE"),
        ("builder", "CREATEDB"),
        ("copier", "REPLICATION"),
        ("blind", "BYPASSRLS"),
        ("person", "can log in"),
        ("pg_read_all_data", "predefined"),
        ("bottom", "pg_monitor"),
        ("low", "SUPERUSER"),
        ("nobody\"; --", "no group role"),
    ];
    for (group, why) in cases {
        let mut credential = rig.intend().await;
        credential.plan = Plan::PostgresqlLogin {
            database: "postgres".into(),
            groups: vec![GROUP.into(), group.into()],
            connection_limit: 1,
        };
        match rig.connector().create(&credential, &password()).await {
            Err(TargetError::Refused(text)) => assert!(text.contains(why), "{group}: {text}"),
            other => panic!("{group}: {other:?}"),
        }
    }
    let odd = Credential { external_name: "postgres".into(), ..rig.intend().await };
    assert!(matches!(rig.connector().create(&odd, &password()).await, Err(TargetError::Refused(_))));
    assert!(matches!(
        rig.connector().create(&rig.intend().await, &"short".to_owned().into()).await,
        Err(TargetError::Refused(_))
    ));
    assert_eq!(rig.cluster.dump(), before);
}

/// Whatever the role or the database of our administrator has set, our sessions go by our own settings.
#[tokio::test]
async fn hostile_settings() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let admin = ident(ADMIN);
    for database in ["postgres", DATABASE, SECOND] {
        let superuser = rig.cluster.superuser(database).await;
        superuser
            .batch_execute(&format!(
                "CREATE SCHEMA evil; GRANT USAGE ON SCHEMA evil TO PUBLIC;
                 CREATE FUNCTION evil.starts_with(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil was called'; END $$;
                 CREATE FUNCTION evil.eq(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil was called'; END $$;
                 CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.eq);
                 CREATE TABLE evil.pg_roles AS SELECT * FROM pg_catalog.pg_roles LIMIT 0;
                 ALTER ROLE {admin} SET search_path = evil, pg_catalog; ALTER ROLE {admin} SET synchronous_commit = off;
                 ALTER ROLE {admin} SET default_transaction_read_only = on; ALTER ROLE {admin} SET standard_conforming_strings = off;
                 ALTER ROLE {admin} SET DateStyle = 'German, DMY'; ALTER ROLE {admin} SET statement_timeout = 1"
            ))
            .await
            .expect("a trap");
    }
    let fresh = connector(&rig.settings);
    let (credential, secret) = (rig.intend().await, password());
    let created = fresh.create(&credential, &secret).await.expect("created");
    let session = rig.session(&credential, &secret, DATABASE).await;
    session.batch_execute("CREATE TABLE public.hoard (id int)").await.expect("a table");
    revoke(&fresh, &[settled(credential, created.external_oid)]).await;
    assert!(!rig.cluster.log().contains("evil was called"));
}

/// The target never sees a password, even where it logs every statement.
#[tokio::test]
async fn passwords_are_not_logged() {
    let rig = Postgres::start_with(
        Admin::CreateRole,
        &[("log_statement", "all"), ("log_min_duration_statement", "0")],
    )
    .await;
    // What the test itself said when it made our administrator stands before.
    let before = rig.cluster.log().len();
    let (credential, secret) = rig.issue().await;
    assert!(rig.works(&credential, &secret).await);
    let name = credential.external_name.clone();
    revoke(rig.connector(), &[credential]).await;
    let log = rig.cluster.log().split_off(before);
    assert!(log.contains(&name), "statements are logged");
    assert!(!log.contains(secret.expose_secret()) && !log.contains(ADMIN_PASSWORD));
}
