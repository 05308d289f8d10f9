//! JSON of dialects: reads the named fields of a peer's object, and writes objects into one buffer.
//!
//! 1. The nesting depth is bounded before anything is parsed.
//! 2. The frame must be one JSON object.
//! 3. An id never passes through a float.
//! 4. No error repeats the peer's text.

mod plain;
mod scan;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use serde::Deserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;

use crate::config::{DEEPEST, LONGEST_ID, Limit, Limits};
use crate::dialect::Span;
use crate::digits;
use crate::error::{JsonProblem, Malformed};
use crate::frame::Frame;
use crate::id::MessageId;
use plain::plain_len;

/// Returns the text of a frame, for dialects with text frames only.
///
/// Fails with [`Malformed::UnexpectedBinary`] for any other frame.
pub fn text(frame: &Frame) -> Result<&str, Malformed> {
    frame.as_text().ok_or(Malformed::UnexpectedBinary)
}

/// JSON value of a field: its source text, and its place in the frame.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    written: &'a str,
    /// Offset of the value in the frame's text, in bytes.
    at: usize,
    /// Whether the value is a string without escapes.
    plain: bool,
}

impl<'a> Field<'a> {
    /// Returns the source text of the value, quotes included.
    pub fn written(self) -> &'a str {
        self.written
    }

    /// Returns the text of a string without escapes.
    fn plain(self) -> Option<&'a str> {
        if self.plain { self.written.strip_prefix('"')?.strip_suffix('"') } else { None }
    }

    /// Returns the span of the value as a content; a JSON string stands for the text that it spells.
    pub fn span(self) -> Span {
        let end = self.at + self.written.len();
        if self.plain { Span::new(self.at + 1..end - 1) } else { Span::json(self.at..end) }
    }

    /// Returns the span of the value as a content that keeps its JSON type, quotes included.
    pub fn span_as_written(self) -> Span {
        Span::json(self.at..self.at + self.written.len())
    }

    /// Reads the named fields of the value, which must be an object, as [`fields`] does.
    pub fn fields<const N: usize>(
        self,
        names: [&str; N],
        limits: &Limits,
    ) -> Result<[Option<Field<'a>>; N], Malformed> {
        fields_at(self.written, self.at, names, limits)
    }

    /// Returns the text of a JSON string; `None` where the value is no string or no valid Unicode.
    pub fn string(self) -> Option<String> {
        serde_json::from_str(self.written).ok()
    }

    /// Whether the value is the string `wanted`, with or without escapes.
    pub fn is(self, wanted: &str) -> bool {
        match self.plain() {
            Some(text) => text == wanted,
            None => self.string().is_some_and(|text| text == wanted),
        }
    }

    /// Reads the value as an id: a text of 1 to `limits.id_bytes` bytes, or an integer up to 2^53 - 1.
    ///
    /// Fails with [`Malformed::BadId`], which holds `name`.
    pub fn id(self, name: &str, limits: &Limits) -> Result<MessageId, Malformed> {
        let limit = limits.id_bytes.get();
        let id = match self.plain() {
            Some(text) => Some(text).filter(|text| text.len() as u64 <= limit).map(MessageId::from),
            None if self.is_long(limit) => None,
            None => serde_json::from_str(self.written).ok(),
        };
        let id = id.filter(|id: &MessageId| id.is_writable(limit));
        id.ok_or_else(|| Malformed::BadId { field: name.to_string(), limit })
    }

    /// Reads the value as an integer from 0 to 2^53 - 1.
    ///
    /// Fails with [`Malformed::BadNumber`], which holds `name`, for a greater integer up to 2^64 - 1, and with
    /// [`Malformed::Json`] for any other value.
    pub fn number(self, name: &str) -> Result<u64, Malformed> {
        let number: u64 = self.parsed()?;
        if number <= MessageId::MAX_NUMBER { Ok(number) } else { Err(Malformed::BadNumber { field: name.to_string() }) }
    }

    /// Returns the span of a value that is carried back unchanged: a text or a number, no longer than an id.
    ///
    /// Fails with [`Malformed::BadId`], which holds `name`.
    pub fn reference(self, name: &str, limits: &Limits) -> Result<Span, Malformed> {
        let limit = limits.id_bytes.get();
        let scalar = self.written.starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit());
        if scalar && !self.is_long(limit) {
            Ok(self.span_as_written())
        } else {
            Err(Malformed::BadId { field: name.to_string(), limit })
        }
    }

    /// Whether the value is truthy in JavaScript.
    pub fn is_truthy(self) -> bool {
        match self.written {
            "null" | "false" | r#""""# => false,
            number if number.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
                let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
                mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'))
            }
            _ => true,
        }
    }

    /// Parses the value with serde.
    pub(crate) fn parsed<T: DeserializeOwned>(self) -> Result<T, Malformed> {
        serde_json::from_str(self.written).map_err(|error| malformed(&error))
    }

    /// Whether the value is longer than any spelling of a text within the limit.
    ///
    /// An escape takes at most six bytes for one, and the quotes take two.
    fn is_long(self, limit: u64) -> bool {
        self.written.len() as u64 > limit.saturating_mul(6).saturating_add(2)
    }

    fn is_null(self) -> bool {
        self.written == "null"
    }
}

/// Reads the named fields of a JSON object, in the order of `names`; `null` counts as absent.
///
/// Other fields are skipped. Fails with [`Malformed::TooDeep`] above `limits.depth` levels (never more than 100), with
/// [`Malformed::NotAnObject`] for another JSON value, and with [`Malformed::Json`] for a text that is no JSON or has a
/// named field twice: readers disagree on which of the two counts.
#[inline]
pub fn fields<'a, const N: usize>(
    text: &'a str,
    names: [&str; N],
    limits: &Limits,
) -> Result<[Option<Field<'a>>; N], Malformed> {
    fields_at(text, 0, names, limits)
}

/// Reads the named fields of an object that begins at offset `at` in its frame.
#[inline]
fn fields_at<'a, const N: usize>(
    text: &'a str,
    at: usize,
    names: [&str; N],
    limits: &Limits,
) -> Result<[Option<Field<'a>>; N], Malformed> {
    let mut found = [None; N];
    if scan::fields(text, at, &names, depth(limits), &mut found).is_none() {
        return Err(problem(text, names, limits));
    }
    for slot in &mut found {
        if slot.is_some_and(Field::is_null) {
            *slot = None;
        }
    }
    Ok(found)
}

/// Returns the levels of nesting that are read. `DEEPEST` applies because reading recurses, and the limits given to a
/// dialect may be unchecked.
fn depth(limits: &Limits) -> u64 {
    limits.depth.get().min(DEEPEST)
}

/// Finds the error of a text that [`scan::fields`] could not read; `serde_json` classifies the error.
#[cold]
fn problem<const N: usize>(text: &str, names: [&str; N], limits: &Limits) -> Malformed {
    if let Err(deep) = check_depth(text, depth(limits)) {
        return deep;
    }
    if !text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{') {
        return match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => Malformed::NotAnObject,
            Err(error) => malformed(&error),
        };
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    match reader.deserialize_map(Fields(names)).and_then(|()| reader.end()) {
        Err(error) => malformed(&error),
        Ok(()) => Malformed::Json { problem: JsonProblem::Shape, line: 0, column: 0 },
    }
}

/// Visitor that reads an object only for its errors.
struct Fields<'n, const N: usize>([&'n str; N]);

impl<'a, const N: usize> Visitor<'a> for Fields<'_, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let mut found = [false; N];
        while let Some(at) = map.next_key_seed(NameIndex(&self.0))? {
            if let Some(slot) = at.and_then(|at| found.get_mut(at)) {
                if core::mem::replace(slot, true) {
                    return Err(A::Error::custom("a field stands twice"));
                }
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// Seed that reads a key as its index among the wanted names, without a copy.
struct NameIndex<'n>(&'n [&'n str]);

impl<'a> DeserializeSeed<'a> for NameIndex<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameIndex<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|name| *name == key))
    }
}

/// Converts an error of `serde_json` without its text, which repeats the peer's data.
fn malformed(error: &serde_json::Error) -> Malformed {
    let problem = match error.classify() {
        Category::Eof => JsonProblem::Truncated,
        Category::Data => JsonProblem::Shape,
        Category::Syntax | Category::Io => JsonProblem::Syntax,
    };
    Malformed::Json { problem, line: error.line() as u64, column: error.column() as u64 }
}

/// Refuses nesting over the limit before anything is parsed.
///
/// `serde_json` has no limit for skipped fields and raw values.
pub(crate) fn check_depth(text: &str, limit: u64) -> Result<(), Malformed> {
    let mut depth = 0_u64;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return Err(Malformed::TooDeep { limit });
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

fn skip_string(bytes: &mut impl Iterator<Item = u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'"' => return,
            _ => {}
        }
    }
}

/// Returns limits that are at least as wide as those of any reader: depth 100 and ids of 256 bytes.
///
/// An encoder decodes a text under these limits to learn whether some reader takes the text for another signal.
pub fn widest_limits() -> Limits {
    Limits { depth: Limit::new(DEEPEST), id_bytes: Limit::new(LONGEST_ID), ..Limits::default() }
}

/// Returns a field that must be present.
///
/// Fails with [`Malformed::Missing`], which holds `name`.
pub fn required<'a>(field: Option<Field<'a>>, name: &str) -> Result<Field<'a>, Malformed> {
    field.ok_or_else(|| missing(name))
}

/// Makes the error for a field that is absent: [`Malformed::Missing`] with this name.
pub fn missing(name: &str) -> Malformed {
    Malformed::Missing { field: name.to_string() }
}

/// JSON object under construction, in one buffer. Fields are written in the order of the calls.
///
/// ```
/// use redial::dialect::json::Object;
/// let mut object = Object::with_capacity(64);
/// object.text("type", "msg").number("s", 1).object("data", |data| data.json("b", "[1,2]"));
/// assert_eq!(object.finish(), r#"{"type":"msg","s":1,"data":{"b":[1,2]}}"#);
/// ```
#[derive(Debug)]
pub struct Object {
    out: Vec<u8>,
    /// Byte before the next name: the opening brace or a comma.
    lead: u8,
}

impl Object {
    /// Makes an empty object with a buffer of `bytes` bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { out: Vec::with_capacity(bytes), lead: b'{' }
    }

    fn name(&mut self, name: &str) {
        self.out.extend_from_slice(&[self.lead, b'"']);
        self.lead = b',';
        push_escaped(&mut self.out, name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn string(&mut self, text: &[u8]) {
        self.out.push(b'"');
        push_escaped(&mut self.out, text);
        self.out.push(b'"');
    }

    /// Appends a field with a string, which is escaped (RFC 8259 §7).
    pub fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        self.string(value.as_bytes());
        self
    }

    /// Appends a field with an id, in the JSON type of the id.
    pub fn id(&mut self, name: &str, value: &MessageId) -> &mut Self {
        if let Some(number) = value.number() {
            return self.number(name, number);
        }
        self.name(name);
        self.string(value.bytes());
        self
    }

    /// Appends a field with an integer.
    pub fn number(&mut self, name: &str, value: u64) -> &mut Self {
        self.name(name);
        self.out.extend_from_slice(digits::decimal(value, &mut [0; 20]));
        self
    }

    /// Appends a field with a JSON value, whose source text is copied unchecked.
    pub fn json(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        self.out.extend_from_slice(value.as_bytes());
        self
    }

    /// Appends a field with an object, which `fill` writes.
    pub fn object(&mut self, name: &str, fill: impl FnOnce(&mut Self) -> &mut Self) -> &mut Self {
        self.open(name);
        fill(self).close();
        self
    }

    /// Appends a field with an object, which `fill` writes.
    ///
    /// Fails with the error of `fill`; the outer object is then incomplete.
    pub fn try_object<E>(
        &mut self,
        name: &str,
        fill: impl FnOnce(&mut Self) -> Result<&mut Self, E>,
    ) -> Result<&mut Self, E> {
        self.open(name);
        fill(self)?.close();
        Ok(self)
    }

    fn open(&mut self, name: &str) {
        self.name(name);
        self.lead = b'{';
    }

    fn close(&mut self) {
        if self.lead == b'{' {
            self.out.push(b'{');
        }
        self.out.push(b'}');
        self.lead = b',';
    }

    /// Closes the object and returns its text; the buffer is empty afterwards.
    pub fn finish(&mut self) -> String {
        self.close();
        // The buffer holds valid UTF-8 only, so the lossy branch is never taken.
        let text = String::from_utf8(core::mem::take(&mut self.out));
        text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

/// Estimates the bytes of a text within the quotes of a JSON string. A text that is JSON itself has quotes to escape.
pub fn room(text: &str) -> usize {
    let escapes = if text.starts_with(['{', '[']) { text.len() / 4 + 8 } else { 0 };
    text.len() + escapes
}

/// Appends a text with the escapes of a JSON string (RFC 8259 §7).
fn push_escaped(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    loop {
        let (plain, special) = rest.split_at_checked(plain_len(rest)).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        let Some((first, after)) = special.split_first() else { return };
        match first {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => out.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
        }
        rest = after;
    }
}
