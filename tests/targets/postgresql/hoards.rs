//! Holders who make very many things, or are granted very many: they are out at once, delay nobody else, and are removed in
//! portions.
use hallpass_domain::ports::target::Step;
use tokio_postgres::Client;

use super::hostile::SMALL;
use super::rig::{Admin, DATABASE, GROUP, Postgres, QUARANTINE, SECOND, connector, ident};
use crate::rig::{Rig, revoke, step};

/// Thousands of large objects, made by a login that was given nothing but CONNECT. They are handed over in portions; who
/// has one object of his own in the same database does not wait for them.
async fn hoards(admin: Admin) {
    let rig = Postgres::start(admin).await;
    let (hoarder, password) = rig.issue().await;
    let (other, other_password) = rig.issue().await;
    let session = rig.session(&hoarder, &password, SECOND).await;
    session
        .batch_execute("SELECT count(lo_create(0)) FROM generate_series(1, 30000)")
        .await
        .expect("a hoard");
    let theirs = rig.session(&other, &other_password, SECOND).await;
    theirs.batch_execute("CREATE TABLE public.mine (id int)").await.expect("one table");
    let batch = [hoarder.clone(), other.clone()];
    for one in [Step::Deny, Step::EndSessions] {
        for answer in rig.connector().step(one, &batch).await {
            answer.expect("a step");
        }
    }
    // Neither is dropped out of turn.
    for answer in rig.connector().step(Step::Drop, &batch).await {
        let answer = answer.expect("an answer");
        assert!(answer.denied && answer.sessions_ended && !answer.removed);
    }
    let slow = async {
        let mut passes = 0;
        while !step(&rig, Step::Remove, &hoarder).await.expect("progress, and no error").removed {
            passes += 1;
        }
        passes
    };
    let quick = async { step(&rig, Step::Remove, &other).await.expect("removed").removed };
    tokio::pin!(slow);
    tokio::select! {
        passes = &mut slow => panic!("the hoard of {passes} passes was done first"),
        removed = quick => assert!(removed),
    }
    slow.await;
    let superuser = rig.cluster.superuser(SECOND).await;
    let theirs: i64 = superuser
        .query_one(
            "SELECT count(*) FROM pg_largeobject_metadata WHERE lomowner = (SELECT oid FROM pg_roles WHERE rolname = $1)",
            &[&QUARANTINE],
        )
        .await
        .expect("owners")
        .get(0);
    assert_eq!(theirs, 30_000, "nothing was deleted");
    revoke(rig.connector(), &batch).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hoards_for_a_superuser() {
    hoards(Admin::Superuser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hoards_for_createrole() {
    hoards(Admin::CreateRole).await;
}

/// Many objects of every kind that a login can make with CREATE on a schema, on a server that has few locks.
#[tokio::test(flavor = "multi_thread")]
async fn hoards_of_every_kind() {
    let rig = Postgres::start_with(Admin::CreateRole, &SMALL).await;
    let (hoarder, password) = rig.issue().await;
    let session = rig.session(&hoarder, &password, DATABASE).await;
    for place in 0..90 {
        let make = format!(
            "CREATE TABLE public.\"t '{place}\" (id serial PRIMARY KEY, what text);
             CREATE VIEW public.v{place} AS SELECT 1 AS one; CREATE TYPE public.c{place} AS (a int);
             CREATE FUNCTION public.f{place}(a int, b text) RETURNS int LANGUAGE sql AS 'SELECT 1';
             CREATE DOMAIN public.d{place} AS int; CREATE STATISTICS public.s{place} ON id, what FROM public.\"t '{place}\";
             CREATE COLLATION public.l{place} FROM \"C\"; SELECT lo_create(0)"
        );
        session.batch_execute(&make).await.expect("things");
    }
    revoke(rig.connector(), &[hoarder]).await;
    let superuser = rig.cluster.superuser(DATABASE).await;
    let kinds: i64 = superuser
        .query_one(
            "SELECT count(DISTINCT classid) FROM pg_shdepend WHERE refobjid = (SELECT oid FROM pg_roles WHERE rolname = $1)",
            &[&QUARANTINE],
        )
        .await
        .expect("owners")
        .get(0);
    assert!(kinds >= 6, "{kinds} kinds of objects are in quarantine");
}

/// What of a hand-over was moved thing by thing, and not by the server's own statement for all of it.
fn moved_in_portions(left: &[String]) -> i64 {
    left.iter().filter_map(|what| what.split_once(" objects in ")?.0.parse::<i64>().ok()).sum()
}

async fn owned_by(superuser: &Client, name: &str) -> i64 {
    superuser
        .query_one(
            "SELECT count(*) FROM pg_shdepend WHERE deptype = 'o' AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = $1)",
            &[&name],
        )
        .await
        .expect("what it owns")
        .get(0)
}

/// More than a portion of sequences that go only with the column that they belong to.
async fn sequences_of_columns(admin: Admin) {
    let rig = Postgres::start(admin).await;
    let (hoarder, password) = rig.issue().await;
    let session = rig.session(&hoarder, &password, DATABASE).await;
    let columns: Vec<String> = (0..600).map(|n| format!("c{n} serial")).collect();
    session
        .batch_execute(&format!("CREATE TABLE public.wide ({})", columns.join(", ")))
        .await
        .expect("a table");
    let identities: Vec<String> =
        (0..600).map(|n| format!("c{n} int GENERATED ALWAYS AS IDENTITY")).collect();
    session
        .batch_execute(&format!("CREATE TABLE public.wider ({})", identities.join(", ")))
        .await
        .expect("another one");
    revoke(rig.connector(), &[hoarder]).await;
    assert_eq!(owned_by(&rig.cluster.superuser(DATABASE).await, QUARANTINE).await, 1_202);
}

#[tokio::test(flavor = "multi_thread")]
async fn sequences_of_columns_for_a_superuser() {
    sequences_of_columns(Admin::Superuser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sequences_of_columns_for_createrole() {
    sequences_of_columns(Admin::CreateRole).await;
}

/// So many of one kind that it could not be passed over: each kind is moved in the words of its own ALTER.
#[tokio::test(flavor = "multi_thread")]
async fn every_kind_is_moved_in_its_own_words() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let (hoarder, password) = rig.issue().await;
    let superuser = rig.cluster.superuser(DATABASE).await;
    // The last two kinds need it: no group should give it.
    superuser
        .batch_execute(&format!(
            "GRANT CREATE ON DATABASE {} TO {group}; CREATE FOREIGN DATA WRAPPER wrapper; GRANT USAGE ON FOREIGN DATA WRAPPER wrapper TO {group}",
            ident(DATABASE),
            group = ident(GROUP)
        ))
        .await
        .expect("rights");
    let session = rig.session(&hoarder, &password, DATABASE).await;
    session
        .batch_execute("CREATE TABLE public.\"base '\" (a int, b int, c text)")
        .await
        .expect("a table for the others");
    for place in 0..210 {
        let make = format!(
            "CREATE STATISTICS public.\"s '{place}\" ON a, b FROM public.\"base '\";
             CREATE AGGREGATE public.any{place}(*) (sfunc = int8inc, stype = int8, initcond = '0');
             CREATE PROCEDURE public.p{place}(a int, OUT b int, VARIADIC c int[]) LANGUAGE sql AS 'SELECT 1';
             CREATE OPERATOR public.{operator} (leftarg = int, rightarg = int, function = int4pl);
             CREATE MATERIALIZED VIEW public.m{place} AS SELECT 1 AS one;
             CREATE TEXT SEARCH CONFIGURATION public.c{place} (COPY = simple);
             CREATE TEXT SEARCH DICTIONARY public.d{place} (TEMPLATE = simple);
             CREATE CONVERSION public.v{place} FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
             CREATE SEQUENCE public.q{place}; CREATE SCHEMA \"n {place}\";
             CREATE SERVER \"r {place}\" FOREIGN DATA WRAPPER wrapper; CREATE PUBLICATION u{place}",
            operator = (0..8).map(|bit| if place >> bit & 1 == 0 { '&' } else { '|' }).collect::<String>()
        );
        session.batch_execute(&make).await.expect("things");
    }
    let all = owned_by(&superuser, &hoarder.external_name).await;
    let removal = revoke(rig.connector(), std::slice::from_ref(&hoarder)).await.remove(0);
    assert_eq!(owned_by(&superuser, QUARANTINE).await, all, "nothing was deleted");
    let moved = moved_in_portions(&removal.left);
    assert!(moved >= all - 200, "{moved} of {all}: {:?}", removal.left);
}

/// So many grants to a login that withdrawing them all at once takes longer than a statement may.
#[tokio::test(flavor = "multi_thread")]
async fn hoards_of_grants() {
    let rig = Postgres::start(Admin::Superuser).await;
    let (credential, _) = rig.issue().await;
    let superuser = rig.cluster.superuser(SECOND).await;
    superuser
        .batch_execute(&format!(
            "DO $$ BEGIN FOR i IN 1..60000 LOOP EXECUTE format('GRANT SELECT ON LARGE OBJECT %s TO {}', lo_create(0)); END LOOP; END $$;
             CREATE TABLE public.told (a int, b int); GRANT SELECT (a), UPDATE (b) ON public.told TO {0};
             CREATE FUNCTION public.told() RETURNS int LANGUAGE sql AS 'SELECT 1'; GRANT EXECUTE ON FUNCTION public.told() TO {0};
             CREATE SEQUENCE public.counts; GRANT USAGE ON SEQUENCE public.counts TO {0}; CREATE VIEW public.sight AS SELECT 1 AS one;
             GRANT SELECT ON public.sight TO {0}; CREATE TYPE public.mood AS ENUM (); GRANT USAGE ON TYPE public.mood TO {0};
             GRANT CREATE ON SCHEMA public TO {0}; CREATE FOREIGN DATA WRAPPER wrapper; GRANT USAGE ON FOREIGN DATA WRAPPER wrapper TO {0};
             CREATE SERVER afar FOREIGN DATA WRAPPER wrapper; GRANT USAGE ON FOREIGN SERVER afar TO {0}",
            ident(&credential.external_name)
        ))
        .await
        .expect("grants");
    let mut hasty = rig.settings.clone();
    hasty.statement_timeout_ms = 1_000;
    revoke(&connector(&hasty), std::slice::from_ref(&credential)).await;
}

/// A schema of his own, from which its owner took the right to create: what is in it is moved all the same, a few things or
/// many.
#[tokio::test(flavor = "multi_thread")]
async fn schemas_in_which_nobody_may_create() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let superuser = rig.cluster.superuser(DATABASE).await;
    superuser
        .batch_execute(&format!("GRANT CREATE ON DATABASE {} TO {}", ident(DATABASE), ident(GROUP)))
        .await
        .expect("a right that a group may have");
    for things in [1, 210] {
        let (hoarder, password) = rig.issue().await;
        let session = rig.session(&hoarder, &password, DATABASE).await;
        let mut make = format!("CREATE SCHEMA shut{things};");
        for place in 0..things {
            make +=
                &format!("CREATE FUNCTION shut{things}.f{place}() RETURNS int LANGUAGE sql AS 'SELECT 1';");
        }
        make += &format!("REVOKE CREATE ON SCHEMA shut{things} FROM CURRENT_USER");
        session.batch_execute(&make).await.expect("things");
        revoke(rig.connector(), &[hoarder]).await;
    }
    assert_eq!(owned_by(&superuser, QUARANTINE).await, 1 + 1 + 210 + 1);
}
