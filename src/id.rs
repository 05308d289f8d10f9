//! Ids of connections, which the session hands out, and of messages, which either end chooses.

use core::cmp::Ordering;
use core::fmt;

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::LONGEST_ID;
use crate::digits;

/// A connection id names one connection; the session hands it out with `Connect` and never uses it again.
///
/// Every event of a socket carries the id of the connection that the socket belongs to, which makes the late callbacks
/// of an old socket harmless.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// Creates the connection id with this number, which the host got from an action.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the number of the connection id, for a host that keeps its own tables.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}", self.0)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Last number that a count of this crate reaches: of sequence numbers, of ids made, of connections. It is far below
/// 2^53, so that no reader of these numbers loses precision before it.
pub(crate) const LAST: u64 = (1 << 53) - (1 << 32);

/// A message id names a message: it is a text, or an integer in services that count messages. `1` and `"1"` are two
/// different ids.
///
/// An id that the session makes itself reads `nonce-counter`. Ids are opaque: never trimmed, never folded, compared
/// byte for byte. Integer ids go up to 2^53 - 1, the largest integer that every JSON reader agrees on (RFC 8259 §6).
/// The order of ids puts integers first and short texts before long texts, so that ids with a counter rise. A text of
/// up to 24 bytes is stored without allocation.
///
/// ```
/// use redial::MessageId;
/// assert_ne!(MessageId::from(1), MessageId::from("1"));
/// assert_eq!(MessageId::from("m1").to_string(), "m1");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(Repr);

/// Length in bytes of the longest text that is stored in the id itself.
const SHORT: usize = 24;

// The tag takes a whole word: ids are moved often, and behind a tag of one byte the rest of an id would be moved at
// unaligned addresses, for which a processor waits.
#[derive(Clone, PartialEq, Eq, Hash)]
#[repr(u64)]
enum Repr {
    Number(u64),
    /// A text of at most `SHORT` bytes, padded with zeros.
    Short(Words),
    /// A longer text, or a text that ends in a zero.
    Long(Arc<str>),
}

/// Bytes that are moved as words.
#[derive(Clone, PartialEq, Eq, Hash)]
#[repr(align(8))]
struct Words([u8; SHORT]);

impl Words {
    /// Length without the zeros at the end.
    fn len(&self) -> usize {
        let (high, low) = self.as_numbers();
        SHORT - (if low == 0 { 8 + high.trailing_zeros() / 8 } else { low.trailing_zeros() / 8 }) as usize
    }

    /// Converts the bytes to two numbers that compare like the bytes: the first sixteen bytes, and the last eight.
    fn as_numbers(&self) -> (u128, u64) {
        let high = self.0.first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes));
        (high, self.0.last_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)))
    }
}

impl Repr {
    fn text(text: &str) -> Self {
        let mut bytes = [0; SHORT];
        match bytes.get_mut(..text.len()) {
            Some(start) if !text.ends_with('\0') => {
                start.copy_from_slice(text.as_bytes());
                Self::Short(Words(bytes))
            }
            _ => Self::Long(Arc::from(text)),
        }
    }

    /// Bytes of a text; empty for an integer.
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Number(_) => &[],
            Self::Short(words) => words.0.get(..words.len()).unwrap_or_default(),
            Self::Long(text) => text.as_bytes(),
        }
    }
}

impl Ord for Repr {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one.cmp(other),
            (Self::Number(_), _) => Ordering::Less,
            (_, Self::Number(_)) => Ordering::Greater,
            (Self::Short(one), Self::Short(other)) => {
                one.len().cmp(&other.len()).then_with(|| one.as_numbers().cmp(&other.as_numbers()))
            }
            _ => {
                let (one, other) = (self.bytes(), other.bytes());
                one.len().cmp(&other.len()).then_with(|| one.cmp(other))
            }
        }
    }
}

impl PartialOrd for Repr {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl MessageId {
    /// Largest integer id, 2^53 - 1, which every JSON reader agrees on (RFC 8259 §6).
    pub const MAX_NUMBER: u64 = (1 << 53) - 1;

    /// Returns the text of the id; `None` for an integer id.
    pub fn as_text(&self) -> Option<&str> {
        match &self.0 {
            Repr::Number(_) => None,
            Repr::Short(_) => core::str::from_utf8(self.0.bytes()).ok(),
            Repr::Long(text) => Some(text),
        }
    }

    /// Returns the bytes of the id's text; empty for an integer id.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// Returns the integer of the id; `None` for a text id.
    pub(crate) fn number(&self) -> Option<u64> {
        match self.0 {
            Repr::Number(number) => Some(number),
            _ => None,
        }
    }

    /// Whether the id can be sent: a text of 1 to `limit` bytes, or an integer up to [`MessageId::MAX_NUMBER`].
    pub(crate) fn is_writable(&self, limit: u64) -> bool {
        match &self.0 {
            Repr::Number(number) => *number <= Self::MAX_NUMBER,
            text => !text.bytes().is_empty() && text.bytes().len() as u64 <= limit,
        }
    }

    /// Whether some configuration lets the id be sent, so that a snapshot may hold it.
    pub(crate) fn is_sound(&self) -> bool {
        self.is_writable(LONGEST_ID)
    }

    /// Returns the number of bytes that the id takes on the wire, without quotes; an integer counts as 16 bytes.
    pub fn wire_len(&self) -> usize {
        match &self.0 {
            Repr::Number(_) => 16,
            text => text.bytes().len(),
        }
    }

    /// Creates an id of the session's own: the nonce in 16 hexadecimal digits, a hyphen, the counter.
    pub(crate) fn minted(nonce: u64, counter: u64) -> Self {
        let Some(tail) = digits::hyphenated(counter) else {
            return Self::from(format!("{nonce:016x}-{counter}"));
        };
        let mut bytes = [0; SHORT];
        if let Some(start) = bytes.first_chunk_mut() {
            *start = digits::hexadecimal(nonce);
        }
        if let Some(end) = bytes.last_chunk_mut() {
            *end = tail;
        }
        Self(Repr::Short(Words(bytes)))
    }

    /// Number at the end of the id, which is the counter in ids that have one; at most eighteen digits are read.
    pub(crate) fn tail(&self) -> u64 {
        if let Repr::Number(number) = self.0 {
            return number;
        }
        let digits = self.0.bytes().iter().rev().take(18).take_while(|byte| byte.is_ascii_digit());
        digits.fold((0, 1), |(sum, unit), digit| (sum + u64::from(digit - b'0') * unit, unit * 10)).0
    }
}

impl From<&str> for MessageId {
    fn from(text: &str) -> Self {
        Self(Repr::text(text))
    }
}

impl From<String> for MessageId {
    fn from(text: String) -> Self {
        Self(Repr::text(&text))
    }
}

impl From<u64> for MessageId {
    fn from(number: u64) -> Self {
        Self(Repr::Number(number))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Number(number) => write!(f, "{number}"),
            _ => f.write_str(self.as_text().unwrap_or_default()),
        }
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Number(number) => write!(f, "{number}"),
            _ => write!(f, "{:?}", self.as_text().unwrap_or_default()),
        }
    }
}

impl Serialize for MessageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Repr::Number(number) => serializer.serialize_u64(*number),
            _ => serializer.serialize_str(self.as_text().unwrap_or_default()),
        }
    }
}

impl<'de> Deserialize<'de> for MessageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = MessageId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message id: a text or an integer up to 9007199254740991")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<MessageId, E> {
                Ok(MessageId::from(text))
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<MessageId, E> {
                if number <= MessageId::MAX_NUMBER {
                    Ok(MessageId::from(number))
                } else {
                    // The error `invalid_value` would repeat what the peer sent.
                    Err(E::custom("an integer id is at most 9007199254740991"))
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[test]
fn the_least_limit_for_ids_is_as_long_as_the_longest_id_of_the_mint() {
    assert_eq!(MessageId::minted(u64::MAX, LAST).wire_len() as u64, crate::config::LONGEST_OWN_ID);
}
