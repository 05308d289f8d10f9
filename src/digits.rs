//! Digits of numbers without the machinery of formatting: ids and sequence numbers are written once a message.

/// Writes the decimal digits of a number to the end of `buffer`, and returns them.
pub(crate) fn decimal(number: u64, buffer: &mut [u8; 20]) -> &[u8] {
    let (mut rest, mut start) = (number, buffer.len());
    for digit in buffer.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        (rest, start) = (rest / 10, start - 1);
        if rest == 0 {
            break;
        }
    }
    buffer.get(start..).unwrap_or_default()
}

/// Returns a hyphen and the decimal digits of a number, padded with zero bytes; `None` for more than seven digits.
pub(crate) fn hyphenated(number: u64) -> Option<[u8; 8]> {
    if number >= 10_000_000 {
        return None;
    }
    // The digits are built in one word, because a processor waits where bytes just written are read as a word.
    let (mut rest, mut word) = (number, 0);
    loop {
        word = (u64::from(b'0') + rest % 10) << 48 | word >> 8;
        rest /= 10;
        if rest == 0 {
            return Some((u64::from(b'-') << 56 | word).to_be_bytes());
        }
    }
}

/// Returns the sixteen hexadecimal digits of a number, the highest first.
pub(crate) fn hexadecimal(number: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    let halves = [number >> 32, number & 0xffff_ffff];
    for (eight, half) in digits.chunks_exact_mut(8).zip(halves) {
        eight.copy_from_slice(&hexadecimal_half(half).to_be_bytes());
    }
    digits
}

/// Returns the hexadecimal digits of 32 bits, one digit a byte: halves move apart until every four bits have a byte of
/// their own.
fn hexadecimal_half(bits: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let spread = (bits | bits << 16) & 0x0000_ffff_0000_ffff;
    let spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff;
    let spread = (spread | spread << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // A value of ten or more reaches sixteen when six is added, which marks the digits that are letters.
    let letters = ((spread + 6 * EACH) >> 4) & EACH;
    spread + u64::from(b'0') * EACH + letters * u64::from(b'a' - b'0' - 10)
}
