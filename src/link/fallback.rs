//! Fallback polling: decides when the host is asked to poll because the connection brings no messages.
//!
//! 1. Silence is measured from the call `open`, the last push or the last poll, whatever the socket does.
//! 2. A poll and a push both arm the silence timer again, so that polling never ends after one poll.
//! 3. Polls for a connection that is down end once a connection is ready.
//! 4. The loss of a connection that was good is no failed attempt, and a renewal is none; each of several connections
//!    that open and drop in a row is one.

use crate::config::FallbackPolicy;
use crate::deadline::{Deadline, Timer};
use crate::state::Cause;
use crate::time::Instant;

/// Reason why a poll is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PollDecision {
    Silence,
    Down,
}

/// Timers of both kinds of poll.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Fallback {
    silence_at: Instant,
    down_at: Instant,
    /// Failed attempts in a row.
    failed: u32,
}

impl Fallback {
    pub(crate) fn new() -> Self {
        Self { silence_at: Instant::NEVER, down_at: Instant::NEVER, failed: 0 }
    }

    /// Starts the silence timer when the session is opened.
    pub(crate) fn on_open(&mut self, now: Instant, policy: &FallbackPolicy) {
        *self = Self { silence_at: policy.next_poll(now), ..Self::new() };
    }

    /// Stops both timers when the session ends.
    pub(crate) fn on_stop(&mut self) {
        *self = Self::new();
    }

    /// Counts a failed attempt, or resets the counter when the lost connection was good; polls begin at the limit.
    pub(crate) fn on_lost(&mut self, now: Instant, policy: &FallbackPolicy, cause: Cause, was_good: bool) {
        self.failed = if was_good { 0 } else { self.failed.saturating_add(u32::from(!cause.is_renewal())) };
        let limit_reached = policy.after_failures.is_some_and(|limit| self.failed >= limit.get());
        if limit_reached && self.down_at.is_never() {
            self.down_at = now;
        }
    }

    /// Stops the polls for a connection that is down, as the connection is ready.
    pub(crate) fn on_ready(&mut self) {
        self.down_at = Instant::NEVER;
    }

    /// Arms the silence timer again after a push; returns whether the host shall poll.
    pub(crate) fn on_push(&mut self, now: Instant, policy: &FallbackPolicy) -> bool {
        if !self.silence_at.is_never() {
            self.silence_at = policy.next_poll(now);
        }
        policy.is_on()
    }

    /// Returns a poll that is due and arms its timer again; call it until it returns `None`.
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

    /// Deadline of the next poll.
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline { at: self.silence_at.min(self.down_at), timer: Timer::Poll }
    }
}
