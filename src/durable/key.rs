//! Keys of records: a letter for the kind and, where there are several of a kind, a number.

use core::fmt;
use core::str::FromStr;

/// Key of a record. Keys sort by kind, then by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    /// Always 0 for a kind of which there is one record.
    pub(crate) number: u64,
}

/// Kind of a record; the page of the format says what each holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Meta,
    Format,
    Link,
    Mint,
    Session,
    Sequence,
    Client,
    Message,
    Copies,
    Number,
    Refusal,
    Settled,
    Seen,
    ReadMarker,
    Receipt,
    Failure,
}

impl Kind {
    const ALL: [Self; 16] = [
        Self::Meta,
        Self::Format,
        Self::Link,
        Self::Mint,
        Self::Session,
        Self::Sequence,
        Self::Client,
        Self::Message,
        Self::Copies,
        Self::Number,
        Self::Refusal,
        Self::Settled,
        Self::Seen,
        Self::ReadMarker,
        Self::Receipt,
        Self::Failure,
    ];

    /// The whole key of a kind of which there is one record; the letter before the number of another kind.
    fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Format => "s/format",
            Self::Link => "s/link",
            Self::Mint => "s/mint",
            Self::Session => "s/session",
            Self::Sequence => "s/sequence",
            Self::Client => "s/client",
            Self::Message => "m",
            Self::Copies => "c",
            Self::Number => "n",
            Self::Refusal => "f",
            Self::Settled => "o",
            Self::Seen => "d",
            Self::ReadMarker => "r",
            Self::Receipt => "t",
            Self::Failure => "h",
        }
    }

    fn is_single(self) -> bool {
        self.name().len() > 1
    }

    /// Key of the only record of this kind.
    pub(crate) fn key(self) -> Key {
        self.at(0)
    }

    /// Key of the record with this number.
    pub(crate) fn at(self, number: u64) -> Key {
        Key { kind: self, number }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.kind.name();
        if self.kind.is_single() { f.write_str(name) } else { write!(f, "{name}/{}", self.number) }
    }
}

/// A text that is no key of this format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoKey;

impl FromStr for Key {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.is_single() && kind.name() == text) {
            return Ok(kind.key());
        }
        let (letter, digits) = text.split_once('/').ok_or(NoKey)?;
        let kind = Kind::ALL.into_iter().find(|kind| !kind.is_single() && kind.name() == letter).ok_or(NoKey)?;
        // A key has one spelling: no sign, no zero in front.
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
        let number = digits.parse().ok().filter(|_| plain).ok_or(NoKey)?;
        Ok(kind.at(number))
    }
}
