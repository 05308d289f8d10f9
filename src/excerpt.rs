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

/// Returns the excerpt with `***` in place of a credential, also where the excerpt ends within the credential.
pub(crate) fn without(text: &str, credential: Option<&Secret>) -> String {
    let Some(credential) = credential.map(Secret::reveal).filter(|credential| credential.len() >= CREDENTIAL_MIN)
    else {
        return text.to_owned();
    };
    let text = text.replace(credential, "***");
    // A text that was cut at its limit, and a character may not have fitted, can end with the start of the credential.
    if text.len() + 4 > EXCERPT_MAX {
        let starts = credential.char_indices().filter_map(|(at, _)| credential.get(..at)).skip(1);
        if let Some(rest) = starts.filter_map(|start| text.strip_suffix(start)).last() {
            return rest.to_owned();
        }
    }
    text
}
