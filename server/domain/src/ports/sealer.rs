//! Encryption at rest.
use secrecy::SecretString;

/// Where a sealed value stands; bound into the authentication tag, so that a value moved to another row does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedAt<'a> {
    /// Table.
    pub table: &'a str,
    /// Row id, as text.
    pub row: &'a str,
    /// Column.
    pub column: &'a str,
}

/// A value could not be sealed or opened: wrong key, moved or changed value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SealError(pub String);

/// Envelope encryption under the master key: `v1.<key id>.<nonce>.<ciphertext>`, AES-256-GCM, additional data = key id, table, row, column.
pub trait Sealer: Send + Sync {
    /// Encrypts.
    fn seal(&self, at: SealedAt<'_>, clear: &SecretString) -> Result<String, SealError>;
    /// Decrypts.
    fn open(&self, at: SealedAt<'_>, sealed: &str) -> Result<SecretString, SealError>;
}
