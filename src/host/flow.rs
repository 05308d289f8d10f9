//! Progress of the bytes of one connection, from which a host tells its session of frames that are under way.
//!
//! 1. A frame counts as written once its last byte has left the host's buffer, and not before.
//! 2. Bytes of an unfinished frame are told at most once a second, both ways: as `Written` with the number unchanged,
//!    and as `Arriving`.

use alloc::collections::VecDeque;

use crate::time::{Duration, Instant};

/// Progress of the bytes of one connection; each connection begins with a new value.
///
/// The host counts bytes where they pass, in a layer below its WebSocket library that has the only buffer: bytes that
/// went into it, bytes that left it for the kernel, bytes that came. All counts are totals since the connection opened,
/// so that bytes which the library writes by itself, such as pongs, are in them.
///
/// ```
/// use redial::Instant;
/// use redial::host::Flow;
///
/// let (mut flow, at) = (Flow::new(), Instant::from_millis);
/// // Two frames of 100 bytes each go into the buffer.
/// flow.on_queued(100);
/// flow.on_queued(200);
/// assert_eq!(flow.on_written(at(0), 150), Some(1));
/// // The second frame is on its way, which is told once a second.
/// assert_eq!(flow.on_written(at(500), 160), None);
/// assert_eq!(flow.on_written(at(1_000), 170), Some(1));
/// assert_eq!(flow.on_written(at(1_100), 200), Some(2));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Where each frame that is not written yet ends.
    ends: VecDeque<u64>,
    frames: u64,
    written: Moved,
    arrived: Moved,
}

/// Bytes that moved one way, and the time of the last report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Moved {
    bytes: u64,
    told: Option<Instant>,
}

impl Flow {
    /// Least time between two reports of an unfinished frame: 1 s.
    pub const INTERVAL: Duration = Duration::from_secs(1);

    /// Creates the progress of a connection. Before `Opened` a host says `Written` with zero frames.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that a frame of the session went into the buffer; `bytes_in` is the total of bytes that went in, this
    /// frame included. The session bounds how many frames are noted.
    ///
    /// A frame that is reported as `SendFailed` is noted as well, with the total unchanged.
    pub fn on_queued(&mut self, bytes_in: u64) {
        self.ends.push_back(bytes_in);
    }

    /// Notes the total of bytes that left the buffer. Returns the number of frames written since the connection
    /// opened, where the session should hear it: the number rose, or a second has passed while bytes moved.
    pub fn on_written(&mut self, now: Instant, bytes_out: u64) -> Option<u64> {
        let before = self.frames;
        while self.ends.front().is_some_and(|end| *end <= bytes_out) {
            self.ends.pop_front();
            self.frames += 1;
        }
        if self.frames > before {
            self.written.tell(now, bytes_out);
            return Some(self.frames);
        }
        let moves = self.written.may_tell(now, bytes_out);
        (moves && !self.ends.is_empty()).then_some(self.frames)
    }

    /// Notes the total of bytes that arrived, after a turn of reading that gave this many `frames`. Returns whether
    /// the session should hear that an unfinished frame is arriving.
    ///
    /// A whole frame is a sign of life by itself, so that nothing is told in the second after it.
    pub fn on_read(&mut self, now: Instant, bytes: u64, frames: usize) -> bool {
        if frames > 0 {
            self.arrived.tell(now, bytes);
            return false;
        }
        self.arrived.may_tell(now, bytes)
    }

    /// Returns the number of frames that are in the buffer, in whole or in part.
    pub fn unwritten(&self) -> usize {
        self.ends.len()
    }
}

impl Moved {
    fn tell(&mut self, now: Instant, bytes: u64) {
        *self = Self { bytes, told: Some(now) };
    }

    /// Whether bytes moved since the last call, and the last report is a second old; then it is renewed.
    fn may_tell(&mut self, now: Instant, bytes: u64) -> bool {
        let is_moving = bytes > self.bytes;
        self.bytes = self.bytes.max(bytes);
        let is_due = is_moving && self.told.is_none_or(|told| now.since(told) >= Flow::INTERVAL);
        if is_due {
            self.told = Some(now);
        }
        is_due
    }
}
