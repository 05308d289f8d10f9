//! Reading a peer's JSON with care, and writing our own without waste.
//!
//! Depth is bounded before anything is parsed, only objects are taken, ids never pass through a float, and no error repeats
//! what the peer wrote.

mod number;
mod plain;
mod scan;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::config::{Bounded, Limits};
use crate::dialect::{Payload, plain_string};
use crate::digits;
use crate::error::{JsonProblem, Malformed};
use crate::frame::Frame;
use crate::id::MessageId;
pub(crate) use number::{number, parsed, small};
use plain::plain_len;

/// The text of a frame, where the dialect has text only.
pub(crate) fn text(frame: &Frame) -> Result<&str, Malformed> {
    frame.as_text().ok_or(Malformed::UnexpectedBinary)
}

/// A JSON value as it was written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Raw<'a> {
    /// A string without escapes, quotes included.
    Plain(&'a str),
    /// Any other value.
    Other(&'a str),
}

impl<'a> Raw<'a> {
    /// The value's text.
    pub(crate) fn get(self) -> &'a str {
        match self {
            Self::Plain(written) | Self::Other(written) => written,
        }
    }

    /// The text of a string, where that stands there as it is.
    fn plain(self) -> Option<&'a str> {
        match self {
            Self::Plain(written) => written.strip_prefix('"')?.strip_suffix('"'),
            Self::Other(_) => None,
        }
    }

    /// The value as a content.
    pub(crate) fn payload(self) -> Payload<'a> {
        self.plain().map_or(Payload::Json(self.get()), Payload::Text)
    }

    fn is_null(self) -> bool {
        matches!(self, Self::Other("null"))
    }
}

/// The values of the named fields of an object, as they were written; `null` counts as absent.
///
/// Other fields are skipped. A named field that stands twice is refused: readers disagree on which one counts.
#[inline]
pub(crate) fn fields<'a, const N: usize>(
    text: &'a str,
    names: [&str; N],
    limits: &Limits,
) -> Result<[Option<Raw<'a>>; N], Malformed> {
    let mut found = [None; N];
    if scan::fields(text, &names, limits.depth.get(), &mut found).is_none() {
        found = unusual_fields(text, names, limits)?;
    }
    for slot in &mut found {
        if slot.is_some_and(Raw::is_null) {
            *slot = None;
        }
    }
    Ok(found)
}

/// The same by `serde_json`, which also knows what is wrong.
fn unusual_fields<'a, const N: usize>(
    text: &'a str,
    names: [&str; N],
    limits: &Limits,
) -> Result<[Option<Raw<'a>>; N], Malformed> {
    check_depth(text, limits.depth.get())?;
    if !text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{') {
        return Err(match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => Malformed::NotAnObject,
            Err(error) => malformed(&error),
        });
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let found = reader.deserialize_map(Fields(names)).map_err(|error| malformed(&error))?;
    reader.end().map_err(|error| malformed(&error))?;
    let raw = |value: &'a RawValue| match plain_string(value.get()) {
        Some(_) => Raw::Plain(value.get()),
        None => Raw::Other(value.get()),
    };
    Ok(found.map(|value| value.map(raw)))
}

struct Fields<'n, const N: usize>([&'n str; N]);

impl<'a, const N: usize> Visitor<'a> for Fields<'_, N> {
    type Value = [Option<&'a RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(at) = map.next_key_seed(Position(&self.0))? {
            match at.and_then(|at| found.get_mut(at)) {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some(Some(_)) => return Err(A::Error::custom("a field stands twice")),
                Some(slot) => *slot = Some(map.next_value::<&RawValue>()?),
            }
        }
        Ok(found)
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
pub(crate) fn widest_limits() -> Limits {
    Limits { depth: Bounded::clamped(u64::MAX), id_bytes: Bounded::clamped(u64::MAX), ..Limits::default() }
}

/// The text of a JSON string, or `None` where the value is no string.
pub(crate) fn string(raw: Raw<'_>) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// Whether a JSON value is this very string, however it is escaped.
pub(crate) fn is_string(raw: Raw<'_>, wanted: &str) -> bool {
    match raw.plain() {
        Some(text) => text == wanted,
        None => string(raw).is_some_and(|text| text == wanted),
    }
}

/// An id as the wire has it: a text of allowed length or an integer up to 2^53 - 1.
pub(crate) fn id(raw: Raw<'_>, field: &str, limits: &Limits) -> Result<MessageId, Malformed> {
    let limit = limits.id_bytes.get();
    let bad = || Malformed::BadId { field: field.to_string(), limit };
    let id = match raw.plain() {
        Some(text) => Some(text).filter(|text| text.len() as u64 <= limit).map(MessageId::from),
        // An escape takes at most six bytes for one, so a longer text cannot be an id.
        None if raw.get().len() as u64 > limit.saturating_mul(6).saturating_add(2) => None,
        None => serde_json::from_str(raw.get()).ok(),
    };
    id.filter(|id: &MessageId| id.is_writable(limit)).ok_or_else(bad)
}

/// A value to be handed back as it was written: a text or a number of an id's length.
pub(crate) fn reference<'a>(raw: Option<Raw<'a>>, field: &str, limits: &Limits) -> Result<&'a str, Malformed> {
    let written = raw.ok_or_else(|| missing(field))?.get();
    let limit = limits.id_bytes.get();
    let short = written.len() as u64 <= limit.saturating_mul(6).saturating_add(2);
    let scalar = written.starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit());
    if short && scalar { Ok(written) } else { Err(Malformed::BadId { field: field.to_string(), limit }) }
}

/// Whether JavaScript takes a value for true.
pub(crate) fn is_truthy(raw: Raw<'_>) -> bool {
    match raw.get() {
        "null" | "false" | r#""""# => false,
        number if number.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
            let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
            mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'))
        }
        _ => true,
    }
}

/// An id that must be there.
pub(crate) fn required_id(raw: Option<Raw<'_>>, field: &str, limits: &Limits) -> Result<MessageId, Malformed> {
    id(raw.ok_or_else(|| missing(field))?, field, limits)
}

pub(crate) fn missing(field: &str) -> Malformed {
    Malformed::Missing { field: field.to_string() }
}

/// An object in the making, in one buffer.
#[derive(Debug)]
pub(crate) struct Object {
    out: Vec<u8>,
    /// What goes before the next name: the brace that opens the object, or a comma.
    lead: u8,
}

impl Object {
    /// An empty object with room for so many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
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
    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        self.string(value.as_bytes());
        self
    }

    /// A field that holds an id, in the id's own JSON type.
    pub(crate) fn id(&mut self, name: &str, value: &MessageId) -> &mut Self {
        if let Some(number) = value.number() {
            return self.number(name, number);
        }
        self.name(name);
        self.string(value.bytes());
        self
    }

    /// A field that holds an integer.
    pub(crate) fn number(&mut self, name: &str, value: u64) -> &mut Self {
        self.name(name);
        self.out.extend_from_slice(digits::decimal(value, &mut [0; 20]));
        self
    }

    /// A field that holds JSON as it is.
    pub(crate) fn json(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        self.out.extend_from_slice(value.as_bytes());
        self
    }

    /// A field that holds an object.
    pub(crate) fn object(&mut self, name: &str, fill: impl FnOnce(&mut Self) -> &mut Self) -> &mut Self {
        self.open(name);
        fill(self).close();
        self
    }

    /// A field that holds an object which may turn out not to be writable; then this one is not either.
    pub(crate) fn try_object<E>(
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
    pub(crate) fn finish(&mut self) -> String {
        self.close();
        // Only texts were put together, so nothing is ever replaced here.
        let text = String::from_utf8(core::mem::take(&mut self.out));
        text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

/// Bytes to set aside for a text within quotes: one that is JSON itself has quotes to be escaped.
pub(crate) fn room(text: &str) -> usize {
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
