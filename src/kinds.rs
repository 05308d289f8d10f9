//! Lists of an enum's variants that cannot be left incomplete: a variant that is not listed does not compile.

/// Gives an enum of plain names the list of all its values.
macro_rules! all {
    ($of:ident: $($variant:ident),+ $(,)?) => {
        impl $of {
            /// Every value, in the order of the declaration.
            pub const ALL: [Self; [$(stringify!($variant)),+].len()] = [$(Self::$variant),+];
        }

        const _: fn($of) = |value| match value {
            $($of::$variant => (),)+
        };
    };
}

/// Gives an enum the names of its variants, as the journal writes them.
macro_rules! kinds {
    ($of:ident: $($variant:ident => $kind:literal),+ $(,)?) => {
        impl $of {
            /// Every kind, by the `type` it has in the journal, in the order of the declaration.
            pub const KINDS: &'static [&'static str] = &[$($kind),+];

            /// The kind, by the `type` it has in the journal: one of [`KINDS`](Self::KINDS).
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $kind,)+
                }
            }
        }
    };
}

pub(crate) use {all, kinds};
