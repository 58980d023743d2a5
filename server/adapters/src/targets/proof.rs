//! Proof in a mark that this installation made the account. A mark is a comment, and whoever may create roles at a target
//! can write one; with a proof it takes a secret that never leaves our database, where it is sealed.
use std::sync::Arc;

use data_encoding::HEXLOWER;
use hallpass_domain::credential::external_name;
use hallpass_domain::ids::CredentialId;
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};

/// First line of what is authenticated: this key proves nothing else.
const PURPOSE: &str = "hallpass account mark v1";

/// The key of an installation's marks (HMAC-SHA-256). It stays when the master key changes: what it proved must be
/// provable for as long as the account may be there, also to a backup from before.
#[derive(Clone)]
pub struct MarkKey(Arc<hmac::Key>);

impl std::fmt::Debug for MarkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MarkKey")
    }
}

impl MarkKey {
    /// From its text, of 256 random bits or more.
    pub fn new(secret: &SecretString) -> Self {
        Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes())))
    }

    /// The proof for one account.
    pub(crate) fn prove(&self, instance: &str, id: CredentialId, name: &str) -> String {
        HEXLOWER.encode(hmac::sign(&self.0, said(instance, id, name).as_bytes()).as_ref())
    }

    /// Whether `proof` is ours for this id on an account of this name, and the name is the one that the id gives. In
    /// constant time, as far as the proof goes.
    pub(crate) fn proves(&self, instance: &str, id: CredentialId, name: &str, proof: &str) -> bool {
        name == external_name(instance, id)
            && HEXLOWER
                .decode(proof.as_bytes())
                .is_ok_and(|proof| hmac::verify(&self.0, said(instance, id, name).as_bytes(), &proof).is_ok())
    }
}

/// An instance has no line break and an id none, so that no two accounts say the same.
fn said(instance: &str, id: CredentialId, name: &str) -> String {
    format!("{PURPOSE}\n{instance}\n{id}\n{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> MarkKey {
        MarkKey::new(&SecretString::from(text))
    }

    #[test]
    fn proves_this_account_of_this_installation_alone() {
        let (ours, id) = (key("one"), CredentialId(uuid::Uuid::from_u128(7)));
        let other = CredentialId(uuid::Uuid::from_u128(8));
        let name = external_name("prod", id);
        let proof = ours.prove("prod", id, &name);
        assert!(ours.proves("prod", id, &name, &proof));
        assert!(!key("two").proves("prod", id, &name, &proof));
        assert!(!ours.proves("prod", other, &external_name("prod", other), &proof));
        assert!(!ours.proves("prod", id, "somebody", &proof));
        assert!(!ours.proves("prod", id, "somebody", &ours.prove("prod", id, "somebody")), "a name of no id");
        for wrong in ["", "x", &proof[..62], &proof.to_uppercase(), &proof.replacen(&proof[..1], "g", 1)] {
            assert!(!ours.proves("prod", id, &name, wrong), "{wrong}");
        }
        assert_eq!(format!("{ours:?}"), "MarkKey");
    }
}
