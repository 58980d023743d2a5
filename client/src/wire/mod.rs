//! The wire types of `/api/v1` and `/oauth`, as `docs/api.md` describes them: one file per noun.
//!
//! Every type serialises and deserialises: the command, the tests and the server share them (`docs/decisions/0010`), and
//! `/api/openapi.json` is made from them. Readers ignore members they do not know; enumerations read a word they do not
//! know as `Unknown`.

/// An enumeration of words on the wire. A word that this version does not know is read as `Unknown`, so that an
/// older command keeps working with a newer server; the server never sends it, and refuses it.
macro_rules! words {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[$vdoc:meta])* $variant:ident => $word:literal),+ $(,)? }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
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
            /// Reads one of them.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }
        /// Only the words that may be sent.
        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some(concat!($($doc),*).trim()))
                    .enum_values(Some(Self::WORDS.iter().copied()))
                    .into()
            }
        }
        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}
    };
}

pub mod admin;
pub mod audit;
pub mod common;
pub mod credentials;
pub mod grants;
pub mod me;
pub mod oauth;
pub mod objects;
pub mod problem;
pub mod receipt;
pub mod requests;
pub mod roles;

pub use common::{Page, PrincipalLine, RoleLine, Scope, Span, Timestamp};
pub use problem::Problem;
