//! Progress of an attempt: when it last moved, and when a hint of the network restarts it.
//!
//! 1. A hint that comes while an attempt is under way is kept, and restarts the attempt once.
//! 2. An attempt that moves serves the hint: bytes came over the network that the hint was about.

use crate::deadline::{Deadline, Timer};
use crate::time::Instant;

/// Progress of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Progress {
    moved: Instant,
    /// When a hint restarts the attempt; [`Instant::NEVER`] without a hint.
    restart_at: Instant,
}

impl Progress {
    /// Begins with an attempt that moves now.
    pub(crate) fn begin(now: Instant) -> Self {
        Self { moved: now, restart_at: Instant::NEVER }
    }

    /// Keeps a hint; `restart_at` says when it restarts an attempt that last moved then.
    pub(crate) fn on_hint(&mut self, restart_at: impl FnOnce(Instant) -> Instant) {
        if !self.keeps_hint() {
            self.restart_at = restart_at(self.moved);
        }
    }

    /// Whether a hint waits to be served.
    pub(crate) fn keeps_hint(self) -> bool {
        !self.restart_at.is_never()
    }

    /// The deadline of the attempt, or its restart if that is earlier.
    pub(crate) fn earlier(self, until: Instant, timer: Timer) -> Deadline {
        Deadline { at: until, timer }.earlier(Deadline { at: self.restart_at, timer: Timer::Reconnect })
    }
}
