//! Complete lists of the variants of an enum: an enum with a variant that is not listed does not compile; and how serde
//! reads a variant.

use serde::{Deserialize, Deserializer};

/// Gives an enum without fields the list of all its values.
macro_rules! all {
    ($of:ident: $($variant:ident),+ $(,)?) => {
        impl $of {
            /// All values, in the order of the declaration.
            pub const ALL: [Self; [$(stringify!($variant)),+].len()] = [$(Self::$variant),+];
        }

        const _: fn($of) = |value| match value {
            $($of::$variant => (),)+
        };
    };
}

/// Gives an enum the names of its variants as the journal writes them.
macro_rules! kinds {
    ($of:ident: $($variant:ident => $kind:literal),+ $(,)?) => {
        impl $of {
            /// All kinds, by the `type` that the journal writes, in the order of the declaration.
            pub const KINDS: &'static [&'static str] = &[$($kind),+];

            /// Returns the kind, by the `type` that the journal writes: one of [`KINDS`](Self::KINDS).
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $kind,)+
                }
            }
        }
    };
}

/// Gives an error enum a code for each variant; a variant named after the semicolon has the code of the error in it.
macro_rules! codes {
    ($of:ident: $($variant:ident => $code:literal),* $(,)? $(; $($outer:ident),+)?) => {
        impl $of {
            /// Returns the code of this error, in `snake_case`, for programs; the journal writes it too.
            pub fn code(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $code,)*
                    $($(Self::$outer(inner) => inner.code(),)+)?
                }
            }
        }
    };
}

/// Reads a variant without fields of an enum whose tag is a field; serde itself would ignore every field there.
pub(crate) fn no_fields<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Fields {}
    Fields::deserialize(deserializer).map(|Fields {}| ())
}

pub(crate) use {all, codes, kinds};
