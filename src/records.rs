//! Records: the words of a service that share a frame, or that are cut over several.
//!
//! 1. A record is read when it is complete, in the order of its bytes; the one before may have ended the connection.
//! 2. An unfinished record waits for the next frame of its kind, within `limits.frame_bytes`, and ends with its
//!    connection.
//! 3. No byte is searched twice for the end of a record: the dialect is told how far it has searched.

use alloc::boxed::Box;

use crate::config::Limits;
use crate::dialect::{Dialect, Record, Side};
use crate::error::Malformed;
use crate::frame::Frame;

/// Unfinished record of the present connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Unfinished(Option<Box<Frame>>);

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

impl Unfinished {
    /// Whether a record is unfinished.
    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }

    /// Begins to read a frame, whose first record ends there where no record is unfinished. Fails where one is that a
    /// frame of this kind cannot go on with: that record is lost.
    pub(crate) fn continued(&mut self, frame: &mut Frame, ends: Option<Record>) -> (Records, Result<(), Malformed>) {
        let next = core::mem::replace(frame, Frame::text(""));
        let Some(mut begun) = self.0.take() else { return (Records { frame: next, at: 0, ends, searched: 0 }, Ok(())) };
        let searched = begun.len();
        match begun.append(next) {
            Ok(()) => (Records { frame: *begun, at: 0, ends: None, searched }, Ok(())),
            Err(next) => (Records { frame: next, at: 0, ends: None, searched: 0 }, Err(Malformed::Unfinished)),
        }
    }

    /// Keeps what is left of the records, an unfinished one. Fails with a record above the limit, which is lost.
    pub(crate) fn keep(&mut self, records: Records, limits: &Limits) -> Result<(), Malformed> {
        let Records { frame, at, .. } = records;
        let (bytes, limit) = ((frame.len() - at.min(frame.len())) as u64, limits.frame_bytes.get());
        if bytes > limit {
            return Err(Malformed::TooLarge { bytes, limit });
        }
        self.0 = frame.slice(at..frame.len()).map(Box::new);
        Ok(())
    }
}

impl Records {
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
