//! Rate of outgoing messages: a bucket of messages that fills with time (the generic cell rate algorithm).
//!
//! 1. `burst` messages may leave at once after a pause, and `messages` in each interval after that.
//! 2. A message that leaves again counts again; heartbeats, answers and logins do not count.
//! 3. A deadline exists only while a message waits for the rate.
//! 4. What has left counts over a restart; messages that may have left after the last storing count as well.

use crate::config::{LONGEST_SPAN, Rate};
use crate::deadline::{Deadline, Timer};
use crate::time::{Duration, Instant};

/// State of the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RateLimit {
    /// When the bucket is full again, and the fraction of a millisecond beyond that, in parts of `messages`.
    full_at: (Instant, u64),
    /// When the next message may leave, if one waits for that.
    blocked_until: Instant,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { full_at: (Instant::ORIGIN, 0), blocked_until: Instant::NEVER }
    }
}

impl RateLimit {
    /// Goes on with a bucket that is full again after `spent`, or later by what `copies` messages take; a bucket that
    /// is full stays out. No bucket is more than empty.
    pub(super) fn restored(now: Instant, spent: Duration, copies: u64, rate: Rate) -> Option<Self> {
        let time = |count| cost(rate, count).0 + Duration::from_millis(u64::from(cost(rate, count).1 > 0));
        let spent = (spent + time(copies)).min(time(rate.burst.get()));
        (!spent.is_zero()).then(|| Self { full_at: (now + spent, 0), ..Self::default() })
    }

    /// When the bucket is full again; `None` where it is.
    pub(super) fn full_at(&self, now: Instant) -> Option<Instant> {
        let (full_at, part) = self.full_at;
        Some(full_at + Duration::from_millis(u64::from(part > 0))).filter(|at| *at > now)
    }

    /// Whether a message may leave now; if not, the deadline is set.
    pub(super) fn allows(&mut self, now: Instant, rate: Rate) -> bool {
        // The bucket holds `burst` messages, and one more must fit into it.
        let before = cost(rate, rate.burst.get().saturating_sub(1)).0;
        let (full_at, part) = self.full_at;
        let allowed_at = full_at + Duration::from_millis(u64::from(part > 0)) - before;
        if allowed_at <= now {
            return true;
        }
        self.blocked_until = allowed_at;
        false
    }

    /// Counts a message that leaves.
    pub(super) fn on_sent(&mut self, now: Instant, rate: Rate) {
        let messages = rate.messages.get().max(1);
        let (full_at, part) = if self.full_at.0 < now { (now, 0) } else { self.full_at };
        let (whole, rest) = cost(rate, 1);
        let part = part.saturating_add(rest);
        self.full_at = (full_at + whole + Duration::from_millis(part / messages), part % messages);
    }

    /// When the next message may leave; never while none waits for that.
    pub(super) fn deadline(&self) -> Deadline {
        Deadline { at: self.blocked_until, timer: Timer::Rate }
    }

    /// Stops the timer.
    pub(super) fn stop(&mut self) {
        self.blocked_until = Instant::NEVER;
    }
}

/// Time that so many messages take at this rate: whole milliseconds, and parts of `messages` beyond.
fn cost(rate: Rate, count: u64) -> (Duration, u64) {
    let messages = u128::from(rate.messages.get().max(1));
    let total = u128::from(rate.interval.min(LONGEST_SPAN).as_millis().max(1)) * u128::from(count);
    let whole = u64::try_from(total / messages).unwrap_or(u64::MAX);
    (Duration::from_millis(whole), u64::try_from(total % messages).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times at which messages leave that all want to leave at 0.
    fn times(rate: Rate, count: usize) -> alloc::vec::Vec<u64> {
        let (mut limit, mut now, mut left) = (RateLimit::default(), Instant::ORIGIN, alloc::vec::Vec::new());
        while left.len() < count {
            if limit.allows(now, rate) {
                limit.on_sent(now, rate);
                left.push(now.as_millis());
            } else {
                assert!(limit.deadline().at > now, "a deadline lies ahead");
                now = limit.deadline().at;
                limit.stop();
            }
        }
        left
    }

    #[test]
    fn a_burst_leaves_at_once_and_the_rest_at_the_rate() {
        let rate = Rate::new(5, Duration::from_secs(1)).burst(3);
        assert_eq!(times(rate, 6), [0, 0, 0, 200, 400, 600]);
    }

    #[test]
    fn a_rate_that_does_not_divide_its_interval_is_never_exceeded_and_slower_by_less_than_a_millisecond_a_message() {
        let left = times(Rate::new(3, Duration::from_secs(1)), 301);
        assert_eq!(left.get(..4), Some(&[0, 334, 668, 1_002][..]));
        assert_eq!(left.last(), Some(&100_200));
    }

    #[test]
    fn more_messages_than_milliseconds_leave_several_a_millisecond() {
        let left = times(Rate::new(10, Duration::from_millis(1)).burst(1), 21);
        assert!(left.last().is_some_and(|last| *last <= 20), "{left:?}");
    }
}
