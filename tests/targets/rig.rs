//! What the contract suite needs of a kind of target.
use chrono::Duration;
use hallpass_domain::credential::Credential;
use hallpass_domain::ports::target::{Removal, Step, TargetConnector, TargetError};
use hallpass_domain::secret::random_alphanumeric;
use hallpass_tests::wait::eventually;
use secrecy::SecretString;

/// A target with accounts, and a way to look at it that is not ours.
pub(crate) trait Rig {
    /// The connector under test.
    fn connector(&self) -> &dyn TargetConnector;
    /// A row for a new account, as written ahead.
    async fn intend(&self) -> Credential;
    /// Whether the account can be used now.
    async fn works(&self, credential: &Credential, password: &SecretString) -> bool;
    /// Opens a session of the account and does something with it.
    async fn open(&self, credential: &Credential, password: &SecretString) -> Box<dyn Session>;
    /// Whether an account of that name is there.
    async fn exists(&self, name: &str) -> bool;
    /// Makes an account of that name, by somebody else, without our marker, that can be used with `password`.
    async fn make_foreign(&self, name: &str, password: &SecretString);
    /// Lets the removal of this account fail, for a reason that only a person can mend.
    async fn spoil(&self, credential: &Credential);
    /// Mends what [`Self::spoil`] did.
    async fn mend(&self, credential: &Credential);
    /// Takes the target down.
    fn stop(&self);
    /// Brings it back.
    fn start_again(&self);
}

/// An open session of an account.
pub(crate) trait Session {
    /// It can still be used.
    fn works(&self) -> std::pin::Pin<Box<dyn Future<Output = bool> + '_>>;
}

/// A password as the broker makes them.
pub(crate) fn password() -> SecretString {
    SecretString::from(random_alphanumeric(24).expect("randomness"))
}

/// One step for one account.
pub(crate) async fn step(
    rig: &impl Rig,
    step: Step,
    credential: &Credential,
) -> Result<Removal, TargetError> {
    let mut answers = rig.connector().step(step, std::slice::from_ref(credential)).await;
    assert_eq!(answers.len(), 1, "one answer for one account");
    answers.remove(0)
}

/// All steps, again and again, until every account is verified absent.
pub(crate) async fn revoke(connector: &dyn TargetConnector, batch: &[Credential]) -> Vec<Removal> {
    eventually("verified absence", || async {
        let mut last = Vec::new();
        let mut left: Vec<Vec<String>> = vec![Vec::new(); batch.len()];
        for step in [Step::Deny, Step::EndSessions, Step::Drop, Step::Remove, Step::VerifyAbsent] {
            last = connector.step(step, batch).await;
            for (all, one) in left.iter_mut().zip(&last) {
                all.extend(one.iter().flat_map(|removal| removal.left.clone()));
            }
        }
        let last: Vec<Removal> = last.into_iter().map(|r| r.expect("no error")).collect();
        let done = last.iter().all(|r| r.verified_absent);
        done.then(|| last.into_iter().zip(left).map(|(r, left)| Removal { left, ..r }).collect())
    })
    .await
}

/// The row a while after the create.
pub(crate) fn settled(credential: Credential, external_oid: Option<i64>) -> Credential {
    Credential { external_oid, create_deadline: credential.intended_at - Duration::hours(1), ..credential }
}
