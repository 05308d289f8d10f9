//! Names: of connections, which the session hands out, and of messages, which either side chooses.

use core::cmp::Ordering;
use core::fmt;

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digits;

/// The name of one connection; the session hands it out with `Connect` and never uses it again.
///
/// Every event of a socket carries the id of the connection it belongs to. That is what makes the late callbacks of an
/// old socket harmless.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// The id with this number, as the host got it from an action.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number, for a host that keeps its own tables.
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

/// The name of a message: a text, or an integer where the service counts. `1` and `"1"` are two different ids.
///
/// An id of the session's own making reads `nonce-counter`. Ids are opaque: never trimmed, never folded, compared byte
/// for byte. Integers go up to 2^53 - 1, the largest that every JSON reader agrees on (RFC 8259 §6). Their order puts
/// integers first and short texts before long ones, so that ids which count up rise. A text of up to 24 bytes takes nothing
/// from the heap.
///
/// ```
/// use redial::MessageId;
/// assert_ne!(MessageId::from(1), MessageId::from("1"));
/// assert_eq!(MessageId::from("m1").to_string(), "m1");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(Repr);

/// The bytes a text may have to stand in the id itself.
const SHORT: usize = 24;

// A tag of a whole word: ids are moved a lot, and a tag of one byte would have the rest of them moved at odd places, for which a
// processor waits.
#[derive(Clone, PartialEq, Eq, Hash)]
#[repr(u64)]
enum Repr {
    Number(u64),
    /// A text of at most `SHORT` bytes, zeros behind it.
    Short(Words),
    /// A longer one, or one that ends in a zero.
    Long(Arc<str>),
}

/// Bytes that are moved as words.
#[derive(Clone, PartialEq, Eq, Hash)]
#[repr(align(8))]
struct Words([u8; SHORT]);

impl Words {
    /// Their length without the zeros at the end.
    fn len(&self) -> usize {
        let (high, low) = self.halves();
        SHORT - (if low == 0 { 8 + high.trailing_zeros() / 8 } else { low.trailing_zeros() / 8 }) as usize
    }

    /// As two numbers in the order of the bytes, the last eight apart.
    fn halves(&self) -> (u128, u64) {
        let high = self.0.first_chunk().map_or(0, |half| u128::from_be_bytes(*half));
        (high, self.0.last_chunk().map_or(0, |half| u64::from_be_bytes(*half)))
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

    /// The bytes of a text.
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
                one.len().cmp(&other.len()).then_with(|| one.halves().cmp(&other.halves()))
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
    /// The largest integer id: 2^53 - 1.
    pub const MAX_NUMBER: u64 = (1 << 53) - 1;

    /// The id's text, or `None` where it is an integer.
    pub fn as_text(&self) -> Option<&str> {
        match &self.0 {
            Repr::Number(_) => None,
            Repr::Short(_) => core::str::from_utf8(self.0.bytes()).ok(),
            Repr::Long(text) => Some(text),
        }
    }

    /// The bytes of the id's text; none where it is an integer.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// The integer, or `None` where the id is a text.
    pub(crate) fn number(&self) -> Option<u64> {
        match self.0 {
            Repr::Number(number) => Some(number),
            _ => None,
        }
    }

    /// Whether it can stand on a wire: a text of 1 to `limit` bytes, or an integer up to [`MessageId::MAX_NUMBER`].
    pub(crate) fn is_writable(&self, limit: u64) -> bool {
        match &self.0 {
            Repr::Number(number) => *number <= Self::MAX_NUMBER,
            text => !text.bytes().is_empty() && text.bytes().len() as u64 <= limit,
        }
    }

    /// Bytes the id takes on the wire, quotes not counted; an integer counts as 16.
    pub fn wire_len(&self) -> usize {
        match &self.0 {
            Repr::Number(_) => 16,
            text => text.bytes().len(),
        }
    }

    /// An id of a session's own making: the nonce in 16 hexadecimal digits, a hyphen, the counter.
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

    /// The number an id ends in, as far as it has eighteen digits: what counts up in ids that do.
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
                    // Not `invalid_value`: that error would repeat what the peer sent.
                    Err(E::custom("an integer id is at most 9007199254740991"))
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
