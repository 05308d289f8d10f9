//! Record: one word of a service within a frame, or over several.

/// Where the first record of some bytes ends.
///
/// The bytes here are lines, of which the last one may go on in the next frame:
///
/// ```
/// use redial::dialect::Record;
///
/// fn line(bytes: &[u8], searched: usize) -> Record {
///     let unseen = bytes.get(searched..).unwrap_or_default();
///     match unseen.iter().position(|byte| *byte == b'\n') {
///         Some(at) => Record::First(searched + at + 1),
///         None => Record::Unfinished,
///     }
/// }
/// assert_eq!(line(b"one\ntwo", 0), Record::First(4));
/// assert_eq!(line(b"two", 0), Record::Unfinished);
/// assert_eq!(line(b"two\n", 3), Record::First(4));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Record {
    /// The bytes are one record.
    Whole,
    /// So many of the bytes are the first record, and the others follow it. The number is at least 1, and in a text it
    /// cuts no character in two.
    First(usize),
    /// The record goes on in the next frame. The session keeps the bytes, at most `limits.frame_bytes`, until the
    /// connection ends.
    Unfinished,
}
