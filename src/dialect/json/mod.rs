//! Reading a peer's JSON with care, and writing our own without waste.
//!
//! Depth is bounded before anything is parsed, only objects are taken, ids never pass through a float, and no error repeats
//! what the peer wrote.

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

/// The text of a frame, where the dialect has text only.
pub fn text(frame: &Frame) -> Result<&str, Malformed> {
    frame.as_text().ok_or(Malformed::UnexpectedBinary)
}

/// A JSON value as it was written, and where it stands in its frame.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    written: &'a str,
    /// Where the value begins in the text of the frame.
    at: usize,
    /// Whether it is a string without escapes.
    plain: bool,
}

impl<'a> Field<'a> {
    /// The value's text, quotes included.
    pub fn written(self) -> &'a str {
        self.written
    }

    /// The text of a string, where that stands there as it is.
    fn plain(self) -> Option<&'a str> {
        if self.plain { self.written.strip_prefix('"')?.strip_suffix('"') } else { None }
    }

    /// The value as a content; a string stands for its text.
    pub fn span(self) -> Span {
        let end = self.at + self.written.len();
        if self.plain { Span::new(self.at + 1..end - 1) } else { Span::json(self.at..end) }
    }

    /// The value as a content that is handed back as it was written.
    pub fn span_as_written(self) -> Span {
        Span::json(self.at..self.at + self.written.len())
    }

    /// The values of the named fields, where the value is an object.
    pub fn fields<const N: usize>(
        self,
        names: [&str; N],
        limits: &Limits,
    ) -> Result<[Option<Field<'a>>; N], Malformed> {
        fields_at(self.written, self.at, names, limits)
    }

    /// The text of a JSON string, or `None` where the value is no string.
    pub fn string(self) -> Option<String> {
        serde_json::from_str(self.written).ok()
    }

    /// Whether the value is this very string, however it is escaped.
    pub fn is(self, wanted: &str) -> bool {
        match self.plain() {
            Some(text) => text == wanted,
            None => self.string().is_some_and(|text| text == wanted),
        }
    }

    /// The value as an id: a text of at most `limits.id_bytes`, or an integer up to 2^53 - 1.
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

    /// The value as an integer from 0 to 2^53 - 1.
    pub fn number(self, name: &str) -> Result<u64, Malformed> {
        let number: u64 = self.parsed()?;
        if number <= MessageId::MAX_NUMBER { Ok(number) } else { Err(Malformed::BadNumber { field: name.to_string() }) }
    }

    /// The value as one to be handed back as it was written: a text or a number of an id's length.
    pub fn reference(self, name: &str, limits: &Limits) -> Result<Span, Malformed> {
        let limit = limits.id_bytes.get();
        let scalar = self.written.starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit());
        if scalar && !self.is_long(limit) {
            Ok(self.span_as_written())
        } else {
            Err(Malformed::BadId { field: name.to_string(), limit })
        }
    }

    /// Whether JavaScript takes the value for true.
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

    /// The value in a known shape.
    pub(crate) fn parsed<T: DeserializeOwned>(self) -> Result<T, Malformed> {
        serde_json::from_str(self.written).map_err(|error| malformed(&error))
    }

    /// Whether the value is longer than any spelling of a text within the limit: an escape takes at most six bytes for one.
    fn is_long(self, limit: u64) -> bool {
        self.written.len() as u64 > limit.saturating_mul(6).saturating_add(2)
    }

    fn is_null(self) -> bool {
        self.written == "null"
    }
}

/// The values of the named fields of an object, as they were written; `null` counts as absent.
///
/// Other fields are skipped. A named field that stands twice is refused: readers disagree on which one counts.
#[inline]
pub fn fields<'a, const N: usize>(
    text: &'a str,
    names: [&str; N],
    limits: &Limits,
) -> Result<[Option<Field<'a>>; N], Malformed> {
    fields_at(text, 0, names, limits)
}

/// The same for an object that begins at `at` in its frame.
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

/// The levels that are read. A dialect can be asked under limits that nobody has checked, and reading recurses.
fn depth(limits: &Limits) -> u64 {
    limits.depth.get().min(DEEPEST)
}

/// What is wrong with a text that could not be read, in the words of `serde_json`.
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

/// Reads an object only to find out what is wrong with it.
struct Fields<'n, const N: usize>([&'n str; N]);

impl<'a, const N: usize> Visitor<'a> for Fields<'_, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let mut found = [false; N];
        while let Some(at) = map.next_key_seed(Position(&self.0))? {
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

/// A key's position among the wanted names, read without a copy.
struct Position<'n>(&'n [&'n str]);

impl<'a> DeserializeSeed<'a> for Position<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Position<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|name| *name == key))
    }
}

/// An error of `serde_json` without its words, which repeat the peer's.
fn malformed(error: &serde_json::Error) -> Malformed {
    let problem = match error.classify() {
        Category::Eof => JsonProblem::Truncated,
        Category::Data => JsonProblem::Shape,
        Category::Syntax | Category::Io => JsonProblem::Syntax,
    };
    Malformed::Json { problem, line: error.line() as u64, column: error.column() as u64 }
}

/// Refuses nesting over the limit before anything is parsed: skipped fields and raw values have no limit in `serde_json`.
fn check_depth(text: &str, limit: u64) -> Result<(), Malformed> {
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

/// Limits that no reader's exceed, for asking what any reader could take a text for.
pub fn widest_limits() -> Limits {
    Limits { depth: Limit::new(DEEPEST), id_bytes: Limit::new(LONGEST_ID), ..Limits::default() }
}

/// A field that must be there.
pub fn required<'a>(field: Option<Field<'a>>, name: &str) -> Result<Field<'a>, Malformed> {
    field.ok_or_else(|| missing(name))
}

/// The error for a field that is not there.
pub fn missing(name: &str) -> Malformed {
    Malformed::Missing { field: name.to_string() }
}

/// An object in the making, in one buffer.
#[derive(Debug)]
pub struct Object {
    out: Vec<u8>,
    /// What goes before the next name: the brace that opens the object, or a comma.
    lead: u8,
}

impl Object {
    /// An empty object with room for so many bytes.
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

    /// A field that holds a string.
    pub fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        self.string(value.as_bytes());
        self
    }

    /// A field that holds an id, in the id's own JSON type.
    pub fn id(&mut self, name: &str, value: &MessageId) -> &mut Self {
        if let Some(number) = value.number() {
            return self.number(name, number);
        }
        self.name(name);
        self.string(value.bytes());
        self
    }

    /// A field that holds an integer.
    pub fn number(&mut self, name: &str, value: u64) -> &mut Self {
        self.name(name);
        self.out.extend_from_slice(digits::decimal(value, &mut [0; 20]));
        self
    }

    /// A field that holds JSON as it is.
    pub fn json(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        self.out.extend_from_slice(value.as_bytes());
        self
    }

    /// A field that holds an object.
    pub fn object(&mut self, name: &str, fill: impl FnOnce(&mut Self) -> &mut Self) -> &mut Self {
        self.open(name);
        fill(self).close();
        self
    }

    /// A field that holds an object which may turn out not to be writable; then this one is not either.
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

    /// The object's text.
    pub fn finish(&mut self) -> String {
        self.close();
        // Only texts were put together, so nothing is ever replaced here.
        let text = String::from_utf8(core::mem::take(&mut self.out));
        text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

/// Bytes to set aside for a text within quotes: one that is JSON itself has quotes to be escaped.
pub fn room(text: &str) -> usize {
    let escapes = if text.starts_with(['{', '[']) { text.len() / 4 + 8 } else { 0 };
    text.len() + escapes
}

/// Appends a text as it stands within the quotes of a JSON string (RFC 8259 §7).
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
