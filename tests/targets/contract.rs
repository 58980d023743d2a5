//! What every kind of target with accounts must hold. A new kind writes a [`Rig`] and one line with [`contract!`].
use chrono::Duration;
use hallpass_domain::credential::Credential;
use hallpass_domain::ports::target::{Removal, Step, TargetError};
use hallpass_tests::wait::eventually;
use secrecy::ExposeSecret;

use crate::rig::{Rig, password, revoke, settled, step};

const STEPS: [Step; 4] = [Step::Deny, Step::EndSessions, Step::Remove, Step::VerifyAbsent];

async fn issue(rig: &impl Rig) -> (Credential, secrecy::SecretString) {
    let (credential, password) = (rig.intend().await, password());
    let created = rig.connector().create(&credential, &password).await.expect("created");
    (settled(credential, created.external_oid), password)
}

/// It works, is listed without drift, shows its sessions; then each step does its part and says so.
pub(crate) async fn lives_and_ends(rig: &impl Rig) {
    let (credential, password) = issue(rig).await;
    let session = rig.open(&credential, &password).await;
    let listed = rig.connector().list_marked().await.expect("listed");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].external_name, credential.external_name);
    assert_eq!(listed[0].credential, Some(credential.id.0));
    assert!(listed[0].can_login);
    assert_eq!(listed[0].drift, Vec::<String>::new());
    assert_eq!(rig.connector().sessions(&credential).await.expect("sessions").len(), 1);
    // Not denied and in use: nothing is removed out of turn.
    let early = step(rig, Step::Remove, &credential).await.expect("an answer");
    assert!(!early.denied && !early.sessions_ended && !early.removed);
    assert!(session.works().await);

    assert!(step(rig, Step::Deny, &credential).await.expect("denied").denied);
    assert!(!rig.works(&credential, &password).await);
    let listed = rig.connector().list_marked().await.expect("listed");
    assert!(!listed[0].can_login);
    let ended = step(rig, Step::EndSessions, &credential).await.expect("ended");
    assert!(ended.denied && ended.sessions_ended && !ended.removed);
    assert_eq!(ended.sessions_cut, 1);
    assert!(!session.works().await);
    let removed = step(rig, Step::Remove, &credential).await.expect("removed");
    assert!(removed.removed && !removed.verified_absent);
    assert!(!rig.exists(&credential.external_name).await);
    let verified = step(rig, Step::VerifyAbsent, &credential).await.expect("verified");
    let expected = Removal {
        denied: true,
        sessions_ended: true,
        removed: true,
        verified_absent: true,
        ..Removal::default()
    };
    assert_eq!(verified, expected);
    assert_eq!(rig.connector().list_marked().await.expect("listed"), vec![]);
    assert_eq!(rig.connector().sessions(&credential).await.expect("sessions"), vec![]);
}

/// Past its deadline a create is refused; before deadline and time-out are over, absence is not proven.
pub(crate) async fn late_creates(rig: &impl Rig) {
    let (credential, password) = (rig.intend().await, password());
    let late = Credential {
        create_deadline: credential.intended_at - Duration::milliseconds(1),
        ..credential.clone()
    };
    assert_eq!(rig.connector().create(&late, &password).await, Err(TargetError::TooLate));
    assert!(!rig.exists(&late.external_name).await);
    for one in STEPS {
        let seen = step(rig, one, &credential).await.expect("an answer");
        assert!(!seen.verified_absent, "a create could still land");
    }
    let soon = Credential { create_deadline: credential.intended_at + Duration::seconds(1), ..credential };
    eventually("proof once the deadline is over", || async {
        step(rig, Step::VerifyAbsent, &soon).await.expect("an answer").verified_absent.then_some(())
    })
    .await;
}

/// An account of our name without our mark is never touched.
pub(crate) async fn foreign_accounts(rig: &impl Rig) {
    let (credential, secret) = (rig.intend().await, password());
    let credential = settled(credential, None);
    rig.make_foreign(&credential.external_name, &secret).await;
    for one in STEPS {
        assert_eq!(step(rig, one, &credential).await, Err(TargetError::NotOurs), "{one:?}");
    }
    let again = Credential { create_deadline: credential.not_after, ..credential.clone() };
    assert_eq!(rig.connector().create(&again, &password()).await, Err(TargetError::NotOurs));
    assert_eq!(rig.connector().list_marked().await.expect("listed"), vec![]);
    assert!(rig.works(&credential, &secret).await);
}

/// One account that cannot be removed, and one that is not ours, stop no other of the batch.
pub(crate) async fn one_bad_account(rig: &impl Rig) {
    let mut batch = Vec::new();
    for _ in 0..7 {
        batch.push(issue(rig).await.0);
    }
    let foreign = settled(rig.intend().await, None);
    rig.make_foreign(&foreign.external_name, &password()).await;
    rig.spoil(&batch[3]).await;
    batch.insert(5, foreign);
    let mut last = Vec::new();
    for one in STEPS {
        last = rig.connector().step(one, &batch).await;
        assert_eq!(last.len(), batch.len());
        if one == Step::Remove {
            assert!(matches!(last[3], Err(TargetError::Refused(_))), "{:?}", last[3]);
        }
    }
    for (place, (credential, answer)) in batch.iter().zip(&last).enumerate() {
        match place {
            3 => {
                let seen = answer.as_ref().expect("an answer");
                assert!(seen.denied && seen.sessions_ended && !seen.removed && !seen.verified_absent);
            }
            5 => assert_eq!(*answer, Err(TargetError::NotOurs)),
            _ => {
                assert!(answer.as_ref().is_ok_and(|r| r.verified_absent), "{place}: {answer:?}");
                assert!(!rig.exists(&credential.external_name).await);
            }
        }
    }
    rig.mend(&batch[3]).await;
    revoke(rig.connector(), &batch[3..4]).await;
    assert!(!rig.exists(&batch[3].external_name).await);
}

/// Twice, in parallel, and after any part of the steps: the same end.
pub(crate) async fn again_and_in_parallel(rig: &impl Rig) {
    for done in 0..=STEPS.len() {
        let (credential, password) = issue(rig).await;
        let _session = rig.open(&credential, &password).await;
        for one in &STEPS[..done] {
            step(rig, *one, &credential).await.expect("a step");
        }
        let batch = [credential.clone()];
        let (a, b, c) = tokio::join!(
            revoke(rig.connector(), &batch),
            revoke(rig.connector(), &batch),
            revoke(rig.connector(), &batch)
        );
        assert!(a[0].verified_absent && b[0].verified_absent && c[0].verified_absent);
        assert!(!rig.exists(&credential.external_name).await);
        // What never was, or is long gone, is proven absent at any later time.
        assert!(revoke(rig.connector(), &batch).await[0].verified_absent);
    }
}

/// A second create for the same row changes nothing: the first password goes on, the second never works.
pub(crate) async fn created_once(rig: &impl Rig) {
    let (credential, first) = issue(rig).await;
    let again = Credential { create_deadline: credential.not_after, ..credential.clone() };
    let second = password();
    assert!(matches!(rig.connector().create(&again, &second).await, Err(TargetError::Refused(_))));
    assert!(rig.works(&credential, &first).await);
    assert!(!rig.works(&credential, &second).await);
}

/// Down is said as down by every call, and the work goes on when the target is back.
pub(crate) async fn down_and_back(rig: &impl Rig) {
    let (credential, secret) = issue(rig).await;
    rig.stop();
    let connector = rig.connector();
    for one in STEPS {
        assert!(matches!(step(rig, one, &credential).await, Err(TargetError::Down(_))), "{one:?}");
    }
    let other = settled(credential.clone(), None);
    assert!(matches!(connector.create(&other, &secret).await, Err(TargetError::Down(_))));
    assert!(matches!(connector.sessions(&credential).await, Err(TargetError::Down(_))));
    assert!(matches!(connector.list_marked().await, Err(TargetError::Down(_))));
    assert!(matches!(connector.canary(&credential).await, Err(TargetError::Down(_))));
    rig.start_again();
    revoke(connector, std::slice::from_ref(&credential)).await;
    assert!(!rig.exists(&credential.external_name).await);
}

/// No error says a secret.
pub(crate) async fn errors_are_clean(rig: &impl Rig, secrets: &[&str]) {
    let (credential, secret) = issue(rig).await;
    let mut texts = Vec::new();
    let again = Credential { create_deadline: credential.not_after, ..credential.clone() };
    texts.push(format!("{:?}", rig.connector().create(&again, &secret).await));
    texts.push(format!("{:?}", rig.connector().create(&credential, &secret).await));
    rig.spoil(&credential).await;
    for one in STEPS {
        texts.push(format!("{:?}", step(rig, one, &credential).await));
    }
    rig.stop();
    texts.push(format!("{:?}", step(rig, Step::Deny, &credential).await));
    for text in texts {
        assert!(!text.contains(secret.expose_secret()) && !text.contains("SCRAM-SHA"), "{text}");
        assert!(!secrets.iter().any(|s| text.contains(s)), "{text}");
    }
}

/// One test per rule for a kind of target: `contract!(module, rig expression, secrets that no error may say)`.
macro_rules! contract {
    ($name:ident, $rig:expr, $secrets:expr) => {
        mod $name {
            use $crate::contract;

            #[tokio::test]
            async fn lives_and_ends() {
                contract::lives_and_ends(&$rig).await;
            }
            #[tokio::test]
            async fn late_creates() {
                contract::late_creates(&$rig).await;
            }
            #[tokio::test]
            async fn foreign_accounts() {
                contract::foreign_accounts(&$rig).await;
            }
            #[tokio::test]
            async fn one_bad_account() {
                contract::one_bad_account(&$rig).await;
            }
            #[tokio::test]
            async fn again_and_in_parallel() {
                contract::again_and_in_parallel(&$rig).await;
            }
            #[tokio::test]
            async fn created_once() {
                contract::created_once(&$rig).await;
            }
            #[tokio::test]
            async fn down_and_back() {
                contract::down_and_back(&$rig).await;
            }
            #[tokio::test]
            async fn errors_are_clean() {
                contract::errors_are_clean(&$rig, &$secrets).await;
            }
        }
    };
}
pub(crate) use contract;
