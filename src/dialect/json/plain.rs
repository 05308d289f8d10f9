//! Length of the text before the first special byte: a quote, a backslash or a control character (RFC 8259 §7).
//!
//! Names and ids are short and are searched in words of 8 bytes; contents are long and are searched in blocks of 32.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Bytes that are searched in words before the search goes on in blocks.
const SHORT: usize = 16;
const BLOCK: usize = 32;

/// Returns the number of bytes before the first special byte.
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

/// Slow path of `plain_len` for less than a word.
#[inline]
fn short_plain_len(bytes: &[u8]) -> usize {
    let overlapping = bytes.first_chunk().zip(bytes.last_chunk());
    if let Some(([a, b, c, d], [e, f, g, h])) = overlapping {
        // The two halves overlap, so the index of a special byte would be wrong; its absence is certain.
        if special_in([*a, *b, *c, *d, *e, *f, *g, *h]).is_none() {
            return bytes.len();
        }
    }
    bytes.iter().position(|byte| is_special(*byte)).unwrap_or(bytes.len())
}

/// Slow path of `plain_len` for a text whose first word has no special byte.
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
    // Less than a word is left: the last eight bytes contain it, after bytes that are known to be plain.
    let last = bytes.last_chunk().and_then(|word| special_in(*word));
    last.map_or(bytes.len(), |at| bytes.len() - size_of::<u64>() + at)
}

/// Returns the number of bytes in the leading blocks without a special byte.
fn plain_blocks(bytes: &[u8]) -> usize {
    // The distance is zero for a special byte and has no branch, so the compiler vectorizes it: 16 bytes at a time.
    let distance = |byte: u8| (byte ^ b'"').min(byte ^ b'\\').min(byte.saturating_sub(0x1f));
    let plain = |block: &&[u8]| !block.iter().fold(false, |found, byte| found | (distance(*byte) == 0));
    bytes.chunks_exact(BLOCK).take_while(plain).count() * BLOCK
}

/// Whether a byte must be escaped in a JSON string, or ends the string.
fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Returns the index of the first special byte in a word, by A. Mycroft's test for a zero byte.
#[inline]
fn special_in(word: [u8; 8]) -> Option<usize> {
    let word = u64::from_le_bytes(word);
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    // Only the lowest set bit is exact: borrows may set bits above it.
    let found = (controls | zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c))) & HIGH;
    (found != 0).then(|| (found.trailing_zeros() / 8) as usize)
}
