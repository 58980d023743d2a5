//! What `/api/v1` says and reads, as `docs/api.md` has it, one file per noun: the same members as in `client/src/wire`,
//! written here again so that neither crate needs the other. `/api/openapi.json` is made from these.

/// An enumeration of words on the wire, made from the domain's own.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident => $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+
        }
        impl $name {
            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
            /// Every word.
            pub const WORDS: &'static [&'static str] = &[$($word),+];
            /// Reads a word.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

pub mod admin;
pub mod audit;
pub mod common;
pub mod credentials;
pub mod grants;
pub mod me;
pub mod receipt;
pub mod requests;
pub mod roles;
