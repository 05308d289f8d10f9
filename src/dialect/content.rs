//! Contents: where they stand in a frame that came, and what they are in a frame that is written.

use core::fmt;
use core::ops::Range;

use alloc::string::ToString;

use crate::frame::{Body, Frame};

/// The content of a signal that is to be written.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Content<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
    /// A JSON value as it is written; a JSON string stands for its text.
    Json(&'a str),
}

impl<'a> Content<'a> {
    /// The content of a body.
    pub fn of(body: &'a Body) -> Self {
        match body {
            Body::Text(text) => Self::Text(text),
            Body::Binary { binary } => Self::Binary(binary),
        }
    }

    /// The content as a body of its own.
    ///
    /// A JSON string that is no valid Unicode (a lone surrogate) stays as it was written, quotes included, so that no message
    /// is lost to its spelling.
    pub fn to_body(self) -> Body {
        match self {
            Self::Text(text) => Body::from(text),
            Self::Binary(bytes) => Body::from(bytes),
            Self::Json(json) => match stands_as_it_is(json) {
                Some(text) => Body::from(text),
                None => Body::Text(serde_json::from_str(json).unwrap_or_else(|_| json.to_string())),
            },
        }
    }
}

/// Where a content stands in the frame it came in: all that `decode` says of it.
///
/// Nothing is copied by that: a message that is a repeat, or waits, costs no body. A range that is not within the frame is an
/// empty content.
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

/// How a content is written in its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    /// As it is.
    Plain,
    /// As a JSON value.
    Json,
}

impl Span {
    /// The frame itself.
    pub const WHOLE: Self = Self { start: 0, end: usize::MAX, form: Form::Plain };

    /// The JSON value `null`, which stands for a content that is left out.
    pub const NULL: Self = Self { start: 0, end: 0, form: Form::Json };

    /// A content that stands at this range of bytes as it is.
    pub const fn new(range: Range<usize>) -> Self {
        Self { start: range.start, end: range.end, form: Form::Plain }
    }

    /// A JSON value at this range of bytes; a JSON string stands for its text.
    pub const fn json(range: Range<usize>) -> Self {
        Self { start: range.start, end: range.end, form: Form::Json }
    }

    /// The rest of a frame's text, as `split_once` leaves it at the end.
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

    /// The content, borrowed from its frame.
    pub fn content(self, frame: &Frame) -> Content<'_> {
        let range = self.range(frame);
        match (frame, self.form) {
            (_, Form::Json) if self == Self::NULL => Content::Json("null"),
            (Frame::Text(text), Form::Plain) => Content::Text(text.get(range).unwrap_or_default()),
            (Frame::Text(text), Form::Json) => Content::Json(text.get(range).unwrap_or_default()),
            (frame, _) => Content::Binary(frame.as_bytes().get(range).unwrap_or_default()),
        }
    }

    /// The content as a body, made of the frame where that can be.
    #[inline]
    pub(crate) fn into_body(self, frame: &mut Frame) -> Body {
        if self == Self::WHOLE {
            return Body::from(frame.take());
        }
        let plain = match self.form {
            Form::Plain => Some(self.range(frame)),
            Form::Json => self.plain_range(frame),
        };
        match plain {
            Some(range) => frame.cut(range),
            None => self.content(frame).to_body(),
        }
    }

    fn range(self, frame: &Frame) -> Range<usize> {
        self.start..self.end.min(frame.len())
    }

    /// Where the text of a JSON value stands as it is; nothing for a string with escapes.
    fn plain_range(self, frame: &Frame) -> Option<Range<usize>> {
        let range = self.range(frame);
        let json = frame.as_text()?.get(range.clone()).filter(|json| !json.is_empty())?;
        let text = stands_as_it_is(json)?;
        let quotes = (json.len() - text.len()) / 2;
        Some(range.start + quotes..range.end - quotes)
    }
}

/// What a JSON value is as a text, where that stands there as it is: all but a string with escapes.
fn stands_as_it_is(json: &str) -> Option<&str> {
    if json.starts_with('"') { plain_string(json) } else { Some(json) }
}

/// The text of a JSON string that has no escapes, so that it stands there as it is; `json` is one sound value.
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
