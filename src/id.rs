//! Names: of connections, which the session hands out, and of messages, which either side chooses.

use core::fmt;

use alloc::string::String;
use alloc::sync::Arc;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
/// for byte. Integers go up to 2^53 - 1, the largest that every JSON reader agrees on (RFC 8259 §6).
///
/// ```
/// use redial::MessageId;
/// assert_ne!(MessageId::from(1), MessageId::from("1"));
/// assert_eq!(MessageId::from("m1").to_string(), "m1");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(Written);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Written {
    Number(u64),
    Text(Arc<str>),
}

impl MessageId {
    /// The largest integer id: 2^53 - 1.
    pub const MAX_NUMBER: u64 = (1 << 53) - 1;

    /// The id's text, or `None` where it is an integer.
    pub fn as_text(&self) -> Option<&str> {
        match &self.0 {
            Written::Text(text) => Some(text),
            Written::Number(_) => None,
        }
    }

    /// Whether it can stand on a wire: a text of 1 to `limit` bytes, or an integer up to [`MessageId::MAX_NUMBER`].
    pub(crate) fn is_writable(&self, limit: u64) -> bool {
        match &self.0 {
            Written::Text(text) => !text.is_empty() && text.len() as u64 <= limit,
            Written::Number(number) => *number <= Self::MAX_NUMBER,
        }
    }

    /// Bytes the id takes on the wire, quotes not counted; an integer counts as 16.
    pub fn wire_len(&self) -> usize {
        match &self.0 {
            Written::Text(text) => text.len(),
            Written::Number(_) => 16,
        }
    }
}

impl From<&str> for MessageId {
    fn from(text: &str) -> Self {
        Self(Written::Text(Arc::from(text)))
    }
}

impl From<String> for MessageId {
    fn from(text: String) -> Self {
        Self(Written::Text(Arc::from(text)))
    }
}

impl From<u64> for MessageId {
    fn from(number: u64) -> Self {
        Self(Written::Number(number))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Written::Number(number) => write!(f, "{number}"),
            Written::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Written::Number(number) => write!(f, "{number}"),
            Written::Text(text) => write!(f, "{text:?}"),
        }
    }
}

impl Serialize for MessageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Written::Number(number) => serializer.serialize_u64(*number),
            Written::Text(text) => serializer.serialize_str(text),
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
