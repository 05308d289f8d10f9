//! WebSocket frames as whole messages, and the bodies that applications put into them.

use core::fmt;
use core::ops::Range;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// A frame is one whole WebSocket message or control frame; fragments are left to the socket (RFC 6455 §5.4).
///
/// The journal writes a frame as `{"text":".."}`, `{"binary":"<base64>"}`, `{"ping":"<base64>"}` or
/// `{"pong":"<base64>"}`. `Debug` shows the kind and the length, never the payload.
///
/// ```
/// use redial::Frame;
/// let frame = Frame::text("hello");
/// assert_eq!(frame.len(), 5);
/// assert_eq!(format!("{frame:?}"), "Text(5 bytes)");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frame {
    /// A text message (opcode 1). Constant texts of a dialect are borrowed, so a heartbeat allocates nothing.
    Text(Cow<'static, str>),
    /// A binary message (opcode 2).
    Binary(#[serde(with = "base64_bytes")] Vec<u8>),
    /// A ping (RFC 6455 §5.5.2), at most 125 bytes. The socket answers a ping that arrives; the session only counts
    /// the ping as a sign of life.
    Ping(#[serde(with = "base64_bytes")] Vec<u8>),
    /// A pong (RFC 6455 §5.5.3), at most 125 bytes.
    Pong(#[serde(with = "base64_bytes")] Vec<u8>),
}

impl Frame {
    /// Creates a text frame.
    pub fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text(text.into())
    }

    /// Returns the length of the payload in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes.len(),
        }
    }

    /// Returns whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the payload as bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes,
        }
    }

    /// Appends the payload of a data frame of the same kind. Fails with a frame of another kind.
    pub(crate) fn append(&mut self, next: Self) -> Result<(), Self> {
        match (self, next) {
            (Self::Text(text), Self::Text(next)) => text.to_mut().push_str(&next),
            (Self::Binary(bytes), Self::Binary(next)) => bytes.extend_from_slice(&next),
            (_, next) => return Err(next),
        }
        Ok(())
    }

    /// Copies a part of a data frame; `None` where the range is not within it, or cuts a character in two.
    pub(crate) fn slice(&self, range: Range<usize>) -> Option<Self> {
        match self {
            Self::Text(text) => text.get(range).map(|text| Self::text(String::from(text))),
            Self::Binary(bytes) => bytes.get(range).map(|bytes| Self::Binary(bytes.to_vec())),
            Self::Ping(_) | Self::Pong(_) => None,
        }
    }

    /// Takes the content at a range out of the frame. The content keeps the buffer of the frame, if the buffer is
    /// owned and at most twice as large as the content.
    pub(crate) fn cut(&mut self, range: Range<usize>) -> Body {
        let fits = |capacity: usize| capacity <= 2 * range.len();
        match self {
            Self::Text(Cow::Owned(text)) if fits(text.capacity()) && text.get(range.clone()).is_some() => {
                text.truncate(range.end);
                text.drain(..range.start);
                Body::Text(core::mem::take(text))
            }
            Self::Text(text) => Body::from(text.get(range).unwrap_or_default()),
            Self::Binary(bytes) if fits(bytes.capacity()) && bytes.get(range.clone()).is_some() => {
                bytes.truncate(range.end);
                bytes.drain(..range.start);
                Body::from(core::mem::take(bytes))
            }
            frame => Body::from(frame.as_bytes().get(range).unwrap_or_default()),
        }
    }

    /// Returns the text of a text frame; `None` for other frames.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Text(_) => "Text",
            Self::Binary(_) => "Binary",
            Self::Ping(_) => "Ping",
            Self::Pong(_) => "Pong",
        };
        write!(f, "{kind}({} bytes)", self.len())
    }
}

/// A body is the content of a message, as the application sends and receives it.
///
/// The journal writes a text body as a string and a binary body as `{"binary":"<base64>"}`. `Debug` shows the kind and
/// the length only.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Body {
    /// Text, sent in text frames.
    Text(String),
    /// Bytes, sent in binary frames where the dialect has binary frames.
    Binary {
        /// The bytes.
        #[serde(with = "base64_bytes")]
        binary: Vec<u8>,
    },
}

impl Body {
    /// Returns the length of the content in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary { binary } => binary.len(),
        }
    }

    /// Returns whether the content is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves the content out and leaves an empty text.
    pub(crate) fn take(&mut self) -> Self {
        core::mem::replace(self, Self::Text(String::new()))
    }

    /// Gives back the room that the content does not use, so that its length says what it takes.
    pub(crate) fn fit(mut self) -> Self {
        match &mut self {
            Self::Text(text) => text.shrink_to_fit(),
            Self::Binary { binary } => binary.shrink_to_fit(),
        }
        self
    }

    /// Returns the text of a text body; `None` for a binary body.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary { .. } => None,
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Binary { binary } => write!(f, "Binary({} bytes)", binary.len()),
        }
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for Body {
    fn from(binary: Vec<u8>) -> Self {
        Self::Binary { binary }
    }
}

impl From<&[u8]> for Body {
    fn from(binary: &[u8]) -> Self {
        Self::Binary { binary: binary.into() }
    }
}

impl From<Frame> for Body {
    /// Takes the whole payload of the frame; the payload of a text frame stays text.
    fn from(frame: Frame) -> Self {
        match frame {
            Frame::Text(text) => Self::Text(text.into_owned()),
            Frame::Binary(binary) | Frame::Ping(binary) | Frame::Pong(binary) => Self::Binary { binary },
        }
    }
}

mod base64_bytes {
    use alloc::string::String;
    use alloc::vec::Vec;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(|_| D::Error::custom("binary content is written in base64 (RFC 4648 §4)"))
    }
}
