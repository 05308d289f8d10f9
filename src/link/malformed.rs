//! Malformed frames of one connection, counted in a time window.

use crate::config::Limits;
use crate::time::{Duration, Instant};

/// Time window in which malformed frames are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// Malformed frames in the present window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct MalformedFrames {
    /// Beginning of the window, of which the first frame is the reason.
    since: Instant,
    frames: u32,
}

impl MalformedFrames {
    /// Counts a malformed frame; returns whether more came than `limits.malformed` allows.
    pub(crate) fn on_frame(&mut self, now: Instant, limits: &Limits) -> bool {
        if self.frames == 0 || now.since(self.since) >= WINDOW {
            *self = Self { since: now, frames: 0 };
        }
        self.frames = self.frames.saturating_add(1);
        limits.malformed.is_some_and(|limit| self.frames > limit.get())
    }
}
