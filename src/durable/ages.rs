//! Clock of ages: the session's clock, moved on by what that clock missed.
//!
//! 1. The clock counts the time for which the machine slept, and the time between two processes.
//! 2. It goes on over a restart, so a moment that a record holds keeps its meaning there.
//! 3. It may be ahead of the session's clock by at most 2^62 ms. Beyond that, what is on it moves back instead.

use crate::time::{Duration, Instant};

/// How far the clock may be ahead. Beyond it moments would run into [`Instant::NEVER`], and no age would grow.
const AHEAD_MAX: Duration = Duration::from_millis(1 << 62);

/// Clock of ages, as the difference to the session's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct AgeClock {
    ahead: Duration,
    /// How far the clock is behind, where the session's clock began later than the one before; else zero.
    behind: Duration,
}

impl AgeClock {
    /// Clock of a process that goes on `away` after `then`, at `now` on the session's clock. Also returns how far
    /// moments move back, because the clock would be too far ahead otherwise.
    pub(crate) fn resumed(now: Instant, then: Instant, away: Duration) -> (Self, Duration) {
        let due = u128::from(then.as_millis()) + u128::from(away.as_millis());
        let ahead = due.saturating_sub(u128::from(now.as_millis()));
        let kept = ahead.min(u128::from(AHEAD_MAX.as_millis()));
        let saturated = |millis: u128| Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
        let behind = saturated(u128::from(now.as_millis()).saturating_sub(due));
        (Self { ahead: saturated(kept), behind }, saturated(ahead - kept))
    }

    /// Time on this clock.
    pub(crate) fn at(self, now: Instant) -> Instant {
        now + self.ahead - self.behind
    }

    /// Time on the session's clock of a moment on this clock.
    pub(crate) fn to_session(self, at: Instant) -> Instant {
        at + self.behind - self.ahead
    }

    /// Moves the clock on. Returns how far moments move back instead, because the clock is as far ahead as it may be.
    pub(crate) fn advance(&mut self, span: Duration) -> Duration {
        let ahead = span.min(AHEAD_MAX - self.ahead);
        self.ahead = self.ahead + ahead;
        span - ahead
    }
}
