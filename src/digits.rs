//! Numbers as their digits, without the machinery of formatting: ids and positions are written once a message.

/// The decimal digits of a number, in the end of `room`.
pub(crate) fn decimal(number: u64, room: &mut [u8; 20]) -> &[u8] {
    let (mut rest, mut start) = (number, room.len());
    for digit in room.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        (rest, start) = (rest / 10, start - 1);
        if rest == 0 {
            break;
        }
    }
    room.get(start..).unwrap_or_default()
}

/// A hyphen and the decimal digits of a number, zeros behind them; nothing for a number of more than seven digits.
pub(crate) fn hyphenated(number: u64) -> Option<[u8; 8]> {
    if number >= 10_000_000 {
        return None;
    }
    // Put together in one word, since whoever reads as a word what was written as bytes waits for it.
    let (mut rest, mut word) = (number, 0);
    loop {
        word = (u64::from(b'0') + rest % 10) << 48 | word >> 8;
        rest /= 10;
        if rest == 0 {
            return Some((u64::from(b'-') << 56 | word).to_be_bytes());
        }
    }
}

/// The sixteen hexadecimal digits of a number, the highest first.
pub(crate) fn hexadecimal(number: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    let halves = [number >> 32, number & 0xffff_ffff];
    for (eight, half) in digits.chunks_exact_mut(8).zip(halves) {
        eight.copy_from_slice(&hexadecimal_half(half).to_be_bytes());
    }
    digits
}

/// The digits of 32 bits, one a byte: each half of what is there moves apart until every four bits have a byte of their own.
fn hexadecimal_half(bits: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let apart = (bits | bits << 16) & 0x0000_ffff_0000_ffff;
    let apart = (apart | apart << 8) & 0x00ff_00ff_00ff_00ff;
    let apart = (apart | apart << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // Ten and more reach sixteen when six is added.
    let letters = ((apart + 6 * EACH) >> 4) & EACH;
    apart + u64::from(b'0') * EACH + letters * u64::from(b'a' - b'0' - 10)
}
