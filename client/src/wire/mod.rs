//! The wire types of `/api/v1` and `/oauth`, as `docs/api.md` describes them: one file per noun.
//!
//! Every type serialises and deserialises, so that the command, the tests and the server can share them. Readers
//! ignore members they do not know; enumerations read a word they do not know as `Unknown`.

/// An enumeration of words on the wire. A word that this version does not know is read as `Unknown`, so that an
/// older command keeps working with a newer server.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident => $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+
            /// A word that this version does not know; never sent.
            #[serde(other, rename = "unknown")]
            Unknown,
        }
        impl $name {
            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ Self::Unknown => "unknown" }
            }
            /// Every word that may be sent.
            pub const WORDS: &'static [&'static str] = &[$($word),+];
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }
    };
}

pub mod admin;
pub mod audit;
pub mod common;
pub mod credentials;
pub mod grants;
pub mod me;
pub mod oauth;
pub mod problem;
pub mod receipt;
pub mod requests;
pub mod roles;

pub use common::{Page, PrincipalLine, RoleLine, Scope, Span, Timestamp};
pub use problem::Problem;
