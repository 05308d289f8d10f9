//! Polling while the connection brings nothing: when to ask the host to fetch.
//!
//! 1. Silence is measured from the call `open`, the last push or the last poll, whatever the socket does.
//! 2. A poll and a push both arm the timer again; there is never one poll and then none.
//! 3. Polls for a connection that is down end when it is ready.
//! 4. The loss of a connection that had shown itself good is no failed attempt; one that opens and drops again and again is.

use crate::config::FallbackPolicy;
use crate::deadline::{Deadline, Timer};
use crate::time::Instant;

/// Which poll is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PollDecision {
    Silence,
    Down,
}

/// The two poll timers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Fallback {
    silence_at: Instant,
    down_at: Instant,
    /// Attempts that failed in a row.
    failed: u32,
}

impl Fallback {
    pub(crate) fn new() -> Self {
        Self { silence_at: Instant::NEVER, down_at: Instant::NEVER, failed: 0 }
    }

    /// The session was opened.
    pub(crate) fn on_open(&mut self, now: Instant, policy: &FallbackPolicy) {
        *self = Self { silence_at: policy.next_poll(now), ..Self::new() };
    }

    /// The session has ended.
    pub(crate) fn on_stop(&mut self) {
        *self = Self::new();
    }

    /// An attempt failed, or a connection that was good until now is lost.
    pub(crate) fn on_lost(&mut self, now: Instant, policy: &FallbackPolicy, was_good: bool) {
        self.failed = if was_good { 0 } else { self.failed.saturating_add(1) };
        let many = policy.after_failures.is_some_and(|limit| self.failed >= limit.get());
        if many && self.down_at.is_never() {
            self.down_at = now;
        }
    }

    /// The connection is ready.
    pub(crate) fn on_ready(&mut self) {
        self.down_at = Instant::NEVER;
    }

    /// A push has arrived; says whether it asks for a pull.
    pub(crate) fn on_push(&mut self, now: Instant, policy: &FallbackPolicy) -> bool {
        if !self.silence_at.is_never() {
            self.silence_at = policy.next_poll(now);
        }
        policy.is_on()
    }

    /// Time has passed; to be called until it has nothing more to say.
    pub(crate) fn on_tick(&mut self, now: Instant, policy: &FallbackPolicy) -> Option<PollDecision> {
        if self.down_at.is_due(now) {
            self.down_at = now + policy.down_period();
            return Some(PollDecision::Down);
        }
        if self.silence_at.is_due(now) {
            self.silence_at = policy.next_poll(now);
            return Some(PollDecision::Silence);
        }
        None
    }

    /// The next poll.
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline { at: self.silence_at.min(self.down_at), timer: Timer::Poll }
    }
}
