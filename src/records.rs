//! Records: the words of a service that share a frame, or that are cut over several.
//!
//! 1. A record is read when it is complete, in the order of its bytes; the one before may have ended the connection.
//! 2. An unfinished record waits for the next frame of its kind, within `limits.frame_bytes`, and ends with its
//!    connection.
//! 3. No byte is searched twice for the end of a record: the dialect is told how far it has searched.

use crate::config::Limits;
use crate::dialect::{Dialect, Record, Side};
use crate::error::Malformed;
use crate::frame::Frame;

/// Records of one frame, in order.
pub(crate) struct Records {
    /// The frame, behind what of a record came before.
    frame: Frame,
    /// Where the next record begins.
    at: usize,
    /// Where that record ends, if the dialect was asked.
    ends: Option<Record>,
    /// Number of bytes of that record in which its end was searched before.
    searched: usize,
}

impl Records {
    /// Begins to read a frame, whose first record ends there where none was unfinished. Fails where one was that a
    /// frame of this kind cannot go on with: that record is lost.
    pub(crate) fn of(unfinished: Option<Frame>, next: Frame, ends: Option<Record>) -> (Self, Result<(), Malformed>) {
        let Some(mut frame) = unfinished else { return (Self { frame: next, at: 0, ends, searched: 0 }, Ok(())) };
        let searched = frame.len();
        match frame.append(next) {
            Ok(()) => (Self { frame, at: 0, ends: None, searched }, Ok(())),
            Err(next) => (Self { frame: next, at: 0, ends: None, searched: 0 }, Err(Malformed::Unfinished)),
        }
    }

    /// Returns what is left of the records, an unfinished one. Fails with a record above the limit, which is lost.
    pub(crate) fn rest(self, limits: &Limits) -> Result<Option<Frame>, Malformed> {
        let (bytes, limit) = (self.frame.len().saturating_sub(self.at) as u64, limits.frame_bytes.get());
        if bytes > limit {
            return Err(Malformed::TooLarge { bytes, limit });
        }
        Ok(self.frame.slice(self.at..self.frame.len()))
    }

    /// Takes the next record that is complete.
    pub(crate) fn next(&mut self, dialect: &dyn Dialect, reader: Side) -> Option<Frame> {
        let rest = self.frame.as_bytes().get(self.at..).filter(|rest| !rest.is_empty())?;
        let searched = core::mem::take(&mut self.searched);
        let length = match self.ends.take().unwrap_or_else(|| dialect.record(reader, rest, searched)) {
            Record::Whole => rest.len(),
            Record::First(length) => length.clamp(1, rest.len()),
            Record::Unfinished => return None,
        };
        // A dialect that cuts a character in two gets the rest whole.
        let cut = self.frame.slice(self.at..self.at + length);
        let record = cut.or_else(|| self.frame.slice(self.at..self.frame.len()))?;
        self.at += record.len();
        Some(record)
    }

    /// Whether bytes are left that are no complete record.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.at < self.frame.len()
    }
}
