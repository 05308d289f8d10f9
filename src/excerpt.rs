//! Excerpts of texts from outside: bounded, on one line, and without the query of a URL.

use alloc::borrow::ToOwned;
use alloc::string::String;

use crate::secret::Secret;

/// Longest excerpt, in bytes.
pub(crate) const EXCERPT_MAX: usize = 256;

/// Returns at most 256 bytes of a text, cut at a character, with a space for every control character.
pub(crate) fn excerpt(text: &str) -> String {
    let mut short = String::new();
    for character in text.chars() {
        let shown = if character.is_control() { ' ' } else { character };
        if short.len() + shown.len_utf8() > EXCERPT_MAX {
            break;
        }
        short.push(shown);
    }
    short
}

/// Returns an excerpt in which `***` replaces the query and the user of every URL, where credentials travel.
pub(crate) fn masked(text: &str) -> String {
    let mut whole = String::new();
    for word in text.split_inclusive(|character: char| character.is_whitespace() || character.is_control()) {
        mask(word, &mut whole);
        if whole.len() > EXCERPT_MAX {
            break;
        }
    }
    excerpt(&whole)
}

/// Appends one word, with the space after it.
fn mask(word: &str, to: &mut String) {
    let bare = word.trim_end_matches(|character: char| character.is_whitespace() || character.is_control());
    let space = word.strip_prefix(bare).unwrap_or_default();
    let (target, query) = bare.split_once('?').unwrap_or((bare, ""));
    match target.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
            to.extend([scheme, "://"]);
            match authority.rsplit_once('@') {
                Some((_, host)) => to.extend(["***@", host, path]),
                None => to.extend([authority, path]),
            }
        }
        None => to.push_str(target),
    }
    if !query.is_empty() {
        to.push_str("?***");
    } else if bare.len() > target.len() {
        to.push('?');
    }
    to.push_str(space);
}

/// Shortest credential that is looked for: a shorter one stands in ordinary words.
const CREDENTIAL_MIN: usize = 4;

/// Returns the excerpt with `***` in place of a credential, also where the excerpt ends within the credential, and
/// where it spells the credential with the escapes of a URL or of JSON.
pub(crate) fn without(text: &str, credential: Option<&Secret>) -> String {
    let Some(credential) = credential.map(Secret::reveal).filter(|credential| credential.len() >= CREDENTIAL_MIN)
    else {
        return text.to_owned();
    };
    let (mut left, mut rest) = (String::new(), text);
    // A text that was cut at its limit, and a character may not have fitted, can end with the start of the credential.
    let was_cut = text.len() + 4 > EXCERPT_MAX;
    while let Some(first) = rest.chars().next().filter(|_| left.len() <= EXCERPT_MAX) {
        let spellings = [as_it_is, escaped].map(|byte| spelling(rest.as_bytes(), credential.as_bytes(), byte));
        let whole = spellings.iter().filter_map(|spelling| spelling.ok()).max();
        if let Some(behind) = whole.and_then(|length| rest.get(length..)) {
            left.push_str("***");
            rest = behind;
        } else if was_cut && spellings.contains(&Err(Unlike::Cut)) {
            break;
        } else {
            left.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    left
}

/// Why a text does not begin with a credential.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unlike {
    /// The text ends within it.
    Cut,
    /// The text begins with something else.
    Other,
}

/// Length of a credential at the beginning of a text, where `byte` gives the length of a byte of it.
fn spelling(text: &[u8], credential: &[u8], byte: fn(&[u8], u8) -> Option<usize>) -> Result<usize, Unlike> {
    let mut length = 0;
    for wanted in credential {
        let rest = text.get(length..).unwrap_or_default();
        length += match byte(rest, *wanted) {
            Some(length) => length,
            None if matches!(rest, [] | [b'%' | b'\\'] | [b'%', _]) => return Err(Unlike::Cut),
            None => return Err(Unlike::Other),
        };
    }
    Ok(length)
}

fn as_it_is(text: &[u8], byte: u8) -> Option<usize> {
    (text.first() == Some(&byte)).then_some(1)
}

/// The escapes are those of a URL's query (RFC 3986 §2.1) and of JSON (RFC 8259 §7) for what needs none.
fn escaped(text: &[u8], byte: u8) -> Option<usize> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    match text {
        [b'%', high, low, ..]
            if digit(*high).zip(digit(*low)) == Some((u32::from(byte >> 4), u32::from(byte & 15))) =>
        {
            Some(3)
        }
        [b'\\', next, ..] if *next == byte => Some(2),
        [b'+', ..] if byte == b' ' => Some(1),
        _ => as_it_is(text, byte),
    }
}
