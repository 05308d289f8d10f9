//! Scanner: reads the named fields of a JSON object in one pass, each with its place in the frame.
//!
//! 1. The scanner accepts the texts that `serde_json` accepts, with equal results; a fuzzer and a property compare the
//!    two.
//! 2. The scanner refuses a named field that appears twice, nesting over the limit, and any text that is not JSON;
//!    `serde_json` then classifies the error.

use core::ops::Range;

use alloc::string::String;

use super::Field;
use super::plain::plain_len;

/// Writes the value of each named field into `found`, at the index of its name.
///
/// `start` is the offset of the text in its frame.
///
/// Returns `None` where the text cannot be read; `found` is then meaningless.
pub(super) fn fields<'a, const N: usize>(
    text: &'a str,
    start: usize,
    names: &[&str; N],
    depth: u64,
    found: &mut [Option<Field<'a>>; N],
) -> Option<()> {
    let mut reader = Reader { text, at: 0 };
    reader.space();
    reader.object(depth, |name, written, plain| {
        let Some(at) = names.iter().position(|known| known.as_bytes() == name) else { return Some(()) };
        let raw = Field { at: start + written.start, written: text.get(written)?, plain };
        found.get_mut(at)?.replace(raw).is_none().then_some(())
    })?;
    reader.space();
    (reader.at == text.len()).then_some(())
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// Each method moves past the token that it is named for, or returns `None`, which ends the scan.
impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.peek()? == wanted).then(|| self.at += 1)
    }

    /// Moves past the byte `wanted` if it comes next, and returns whether it did.
    fn comes(&mut self, wanted: u8) -> bool {
        self.take(wanted).is_some()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Calls `field` with each name, the range of its value, and whether the value is a string without escapes.
    fn object(&mut self, depth: u64, mut field: impl FnMut(&[u8], Range<usize>, bool) -> Option<()>) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        self.take(b'{')?;
        self.space();
        if self.comes(b'}') {
            return Some(());
        }
        loop {
            let begin = self.at;
            let escaped;
            let name = if let Some(name) = self.name() {
                name
            } else {
                self.at = begin;
                escaped = self.escaped_name()?;
                escaped.as_bytes()
            };
            self.space();
            self.take(b':')?;
            self.space();
            let start = self.at;
            let plain = self.value(depth)?;
            field(name, start..self.at, plain)?;
            self.space();
            if !self.comes(b',') {
                return self.take(b'}');
            }
            self.space();
        }
    }

    fn array(&mut self, depth: u64) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        self.take(b'[')?;
        self.space();
        if self.comes(b']') {
            return Some(());
        }
        loop {
            self.value(depth)?;
            self.space();
            if !self.comes(b',') {
                return self.take(b']');
            }
            self.space();
        }
    }

    /// Returns whether the value is a string without escapes.
    fn value(&mut self, depth: u64) -> Option<bool> {
        match self.peek()? {
            b'"' => return self.string(),
            b'{' => self.object(depth, |_, _, _| Some(())),
            b'[' => self.array(depth),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }?;
        Some(false)
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.rest().starts_with(word).then(|| self.at += word.len())
    }

    /// Returns a field's name without escapes; `None` for a name with escapes.
    fn name(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let rest = self.rest();
        let (name, _) = rest.split_at_checked(plain_len(rest))?;
        self.at += name.len();
        self.take(b'"')?;
        Some(name)
    }

    /// Returns a field's name with its escapes resolved.
    #[cold]
    fn escaped_name(&mut self) -> Option<String> {
        let start = self.at;
        self.peek().filter(|first| *first == b'"')?;
        self.value(0)?;
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }

    /// Returns whether the string has no escapes.
    fn string(&mut self) -> Option<bool> {
        self.take(b'"')?;
        let mut plain = true;
        loop {
            self.at += plain_len(self.rest());
            if self.comes(b'"') {
                return Some(plain);
            }
            plain = false;
            self.take(b'\\')?;
            match self.peek()? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
                b'u' if self.rest().get(1..5)?.iter().all(u8::is_ascii_hexdigit) => self.at += 5,
                _ => return None,
            }
        }
    }

    fn number(&mut self) -> Option<()> {
        self.comes(b'-');
        if !self.comes(b'0') {
            self.digits()?;
        }
        if self.comes(b'.') {
            self.digits()?;
        }
        if self.comes(b'e') || self.comes(b'E') {
            let _ = self.comes(b'+') || self.comes(b'-');
            self.digits()?;
        }
        Some(())
    }

    /// Moves past one digit or more.
    fn digits(&mut self) -> Option<()> {
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        (digits > 0).then_some(())
    }
}
