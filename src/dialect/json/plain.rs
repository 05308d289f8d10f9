//! How far a text stands in a JSON string as it is (RFC 8259 §7): up to a quote, a backslash or a control character.
//!
//! Names and ids are short, contents are long: eight bytes at a time are looked at for the former, thirty-two for the latter.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Bytes that are looked at word by word before it is worth while to look at blocks.
const SHORT: usize = 16;
const BLOCK: usize = 32;

/// The number of bytes before the first that cannot stand in a JSON string as it is.
#[inline]
pub(super) fn plain_len(bytes: &[u8]) -> usize {
    let Some((first, rest)) = bytes.split_first_chunk() else { return short_plain_len(bytes) };
    if let Some(at) = special_in(*first) {
        return at;
    }
    // Names and ids mostly end here.
    let second = rest.first_chunk().and_then(|word| special_in(*word));
    second.map_or_else(|| long_plain_len(bytes), |at| size_of::<u64>() + at)
}

/// The same for less than a word.
#[inline]
fn short_plain_len(bytes: &[u8]) -> usize {
    let halves = bytes.first_chunk().zip(bytes.last_chunk());
    if let Some(([a, b, c, d], [e, f, g, h])) = halves {
        // The two overlap, which does not matter where nothing is found.
        if special_in([*a, *b, *c, *d, *e, *f, *g, *h]).is_none() {
            return bytes.len();
        }
    }
    bytes.iter().position(|byte| is_special(*byte)).unwrap_or(bytes.len())
}

/// The same where the first word has nothing special.
fn long_plain_len(bytes: &[u8]) -> usize {
    let mut len = size_of::<u64>();
    while let Some(word) = bytes.get(len..).and_then(<[u8]>::first_chunk) {
        if let Some(at) = special_in(*word) {
            return len + at;
        }
        len += size_of::<u64>();
        if len == SHORT {
            len += plain_blocks(bytes.get(SHORT..).unwrap_or_default());
        }
    }
    // Less than a word is left: the last one holds it, behind what is known to be plain.
    let last = bytes.last_chunk().and_then(|word| special_in(*word));
    last.map_or(bytes.len(), |at| bytes.len() - size_of::<u64>() + at)
}

/// The bytes of the leading blocks in which nothing is special.
fn plain_blocks(bytes: &[u8]) -> usize {
    // One number that is zero for a special byte, and no branch: a compiler does sixteen of them at a time.
    let distance = |byte: u8| (byte ^ b'"').min(byte ^ b'\\').min(byte.saturating_sub(0x1f));
    let plain = |block: &&[u8]| !block.iter().fold(false, |found, byte| found | (distance(*byte) == 0));
    bytes.chunks_exact(BLOCK).take_while(plain).count() * BLOCK
}

/// Whether a byte cannot stand in a JSON string as it is.
fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The first byte of a word that cannot stand in a JSON string as it is (A. Mycroft's test for a zero byte).
#[inline]
fn special_in(word: [u8; 8]) -> Option<usize> {
    let word = u64::from_le_bytes(word);
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    // Above the lowest bit that is set there may be more than there are bytes.
    let found = (controls | zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c))) & HIGH;
    (found != 0).then(|| (found.trailing_zeros() / 8) as usize)
}
