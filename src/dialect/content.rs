//! Contents of signals: a range of an incoming frame, or the text or bytes for an outgoing frame.

use core::fmt;
use core::ops::Range;

use alloc::string::ToString;

use super::json;
use crate::frame::{Body, Frame};

/// Content of a signal, borrowed: what `encode` writes, and what a [`Span`] reads from its frame.
///
/// `Debug` shows the kind and the length, never the content.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Content<'a> {
    /// A text, unescaped.
    Text(&'a str),
    /// A sequence of bytes.
    Binary(&'a [u8]),
    /// A JSON value, as its source text. A JSON string stands for the text that it spells.
    Json(&'a str),
}

impl<'a> Content<'a> {
    /// Borrows the content of a body.
    pub fn of(body: &'a Body) -> Self {
        match body {
            Body::Text(text) => Self::Text(text),
            Body::Binary { binary } => Self::Binary(binary),
        }
    }

    /// Copies the content into a body.
    ///
    /// A JSON string becomes the text that it spells; any other JSON value becomes its source text. A JSON string with
    /// a lone surrogate is no valid Unicode and keeps its source text, quotes included, so that no message is lost to
    /// its spelling.
    pub fn to_body(self) -> Body {
        match self {
            Self::Text(text) => Body::from(text),
            Self::Binary(bytes) => Body::from(bytes),
            Self::Json(json) => match unescaped_text(json) {
                Some(text) => Body::from(text),
                None => Body::Text(serde_json::from_str(json).unwrap_or_else(|_| json.to_string())),
            },
        }
    }
}

/// Range of an incoming frame that holds a content; `decode` returns contents in this form.
///
/// A span copies nothing, so a repeated message costs no body. A range that is not within the frame reads as an empty
/// content.
///
/// ```
/// use redial::Frame;
/// use redial::dialect::{Content, Span};
/// let frame = Frame::text(r#"{"n":7,"text":"hi"}"#);
/// assert_eq!(Span::new(15..17).content(&frame), Content::Text("hi"));
/// assert_eq!(Span::json(5..6).content(&frame).to_body().as_text(), Some("7"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    start: usize,
    end: usize,
    form: Form,
}

/// Encoding of a content in its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    /// The bytes of the range are the content.
    Plain,
    /// The bytes of the range are a JSON value.
    Json,
}

impl Span {
    /// The whole payload of the frame.
    pub const WHOLE: Self = Self { start: 0, end: usize::MAX, form: Form::Plain };

    /// The JSON value `null`, for a content that the frame leaves out.
    pub const NULL: Self = Self { start: 0, end: 0, form: Form::Json };

    /// Makes the span of a content that is not encoded, from its range in bytes.
    pub const fn new(range: Range<usize>) -> Self {
        Self { start: range.start, end: range.end, form: Form::Plain }
    }

    /// Makes the span of a JSON value, from its range in bytes. A JSON string stands for the text that it spells.
    pub const fn json(range: Range<usize>) -> Self {
        Self { start: range.start, end: range.end, form: Form::Json }
    }

    /// Makes the span of `rest`, a tail of the frame's `text`, such as `split_once` returns.
    ///
    /// ```
    /// use redial::Frame;
    /// use redial::dialect::{Content, Span};
    /// let text = "say hello";
    /// let (_, rest) = text.split_once(' ').unwrap();
    /// assert_eq!(Span::rest(text, rest).content(&Frame::text(text)), Content::Text("hello"));
    /// ```
    pub const fn rest(text: &str, rest: &str) -> Self {
        Self::new(text.len().saturating_sub(rest.len())..text.len())
    }

    /// Borrows the content from the frame that the span was made for.
    pub fn content(self, frame: &Frame) -> Content<'_> {
        let range = self.range(frame);
        match (frame, self.form) {
            (_, Form::Json) if self == Self::NULL => Content::Json("null"),
            (Frame::Text(text), Form::Plain) => Content::Text(text.get(range).unwrap_or_default()),
            (Frame::Text(text), Form::Json) => Content::Json(text.get(range).unwrap_or_default()),
            (frame, _) => Content::Binary(frame.as_bytes().get(range).unwrap_or_default()),
        }
    }

    /// Turns the content into a body, and reuses the frame's buffer where that is possible.
    #[inline]
    pub(crate) fn into_body(self, frame: &mut Frame) -> Body {
        if self == Self::WHOLE {
            return frame.cut(0..frame.len());
        }
        let unescaped = match self.form {
            Form::Plain => Some(self.range(frame)),
            Form::Json => self.unescaped_range(frame),
        };
        match unescaped {
            Some(range) => frame.cut(range),
            None => self.content(frame).to_body(),
        }
    }

    /// Whether the content is JSON that nests deeper than `limit`.
    pub(crate) fn is_deeper(self, frame: &Frame, limit: u64) -> bool {
        match self.content(frame) {
            // A text cannot nest, and a short value not deeper than it is long.
            Content::Json(json) => {
                !json.starts_with('"') && json.len() as u64 > limit && json::check_depth(json, limit).is_err()
            }
            _ => false,
        }
    }

    /// Number of bytes that the content takes in its frame.
    pub(crate) fn len(self, frame: &Frame) -> u64 {
        self.range(frame).len() as u64
    }

    fn range(self, frame: &Frame) -> Range<usize> {
        self.start..self.end.min(frame.len())
    }

    /// Returns the range of the text that a JSON value spells; `None` for a string with escapes.
    fn unescaped_range(self, frame: &Frame) -> Option<Range<usize>> {
        let range = self.range(frame);
        let json = frame.as_text()?.get(range.clone()).filter(|json| !json.is_empty())?;
        let text = unescaped_text(json)?;
        let quotes = (json.len() - text.len()) / 2;
        Some(range.start + quotes..range.end - quotes)
    }
}

/// Returns the text that a JSON value spells, as a part of its source text; `None` for a string with escapes.
fn unescaped_text(json: &str) -> Option<&str> {
    if json.starts_with('"') { plain_string(json) } else { Some(json) }
}

/// Returns the text of a JSON string without escapes; `json` must be one valid JSON value.
pub(crate) fn plain_string(json: &str) -> Option<&str> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.as_bytes().contains(&b'\\')).then_some(inner)
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
            Self::Json(json) => write!(f, "Json({} bytes)", json.len()),
        }
    }
}
