//! Many at once.
use std::time::Instant;

use futures_util::future::join_all;
use hallpass_domain::credential::Credential;
use hallpass_domain::ports::target::{Removal, Step};

use super::rig::{Admin, DATABASE, INSTANCE, Postgres};
use crate::rig::{Rig, password, revoke, settled};

/// A thousand logins with one end, fifty of them connected: the steps end and prove all of them. Times are
/// printed, not judged.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let row = rig.intend().await;
    let far = row.create_deadline + chrono::Duration::hours(1);
    let mut batch = Vec::new();
    let mut sessions = Vec::new();
    let started = Instant::now();
    for place in 0..1_000 {
        let id = hallpass_domain::ids::CredentialId(uuid::Uuid::now_v7());
        let credential = Credential {
            id,
            external_name: hallpass_domain::credential::external_name(INSTANCE, id),
            create_deadline: far,
            ..row.clone()
        };
        let secret = password();
        let created = rig.connector().create(&credential, &secret).await.expect("created");
        let credential = settled(credential, created.external_oid);
        if place % 20 == 0 {
            sessions.push(rig.session(&credential, &secret, DATABASE).await);
        }
        batch.push(credential);
    }
    eprintln!("created: {:?}", started.elapsed());
    let started = Instant::now();
    for step in [Step::Deny, Step::EndSessions, Step::Remove, Step::VerifyAbsent] {
        rig.connector().step(step, &batch).await;
        eprintln!("{step:?} done after {:?}", started.elapsed());
    }
    // A machine with much else to do may need another pass.
    let gone = Removal {
        denied: true,
        sessions_ended: true,
        removed: true,
        verified_absent: true,
        ..Removal::default()
    };
    assert!(revoke(rig.connector(), &batch).await.iter().all(|removal| *removal == gone));
    let alive = join_all(sessions.iter().map(|s| s.simple_query("SELECT 1"))).await;
    assert!(alive.iter().all(Result::is_err));
    assert_eq!(rig.connector().list_marked().await.expect("listed"), vec![]);
}
