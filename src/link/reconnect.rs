//! When to connect again: one outage, its count of attempts, and the safety floor above every policy.
//!
//! 1. The count goes back on proof, not on hope, and is judged at the loss, never by a timer.
//! 2. Jitter is applied after the cap and keeps at least half of the delay, so attempts in a window have a hard bound.
//! 3. The connect after the n-th unstable connection in a row comes at least `min(250 * 2^(n-1), 5000)` ms after the previous one.
//! 4. One connection is lost once, however many events say so; no later trigger moves a wait that has begun.
//! 5. What the server asks for with `Retry-After` is added to, never shortened.

use serde::{Deserialize, Serialize};

use crate::config::{MeasuredFrom, ReconnectPolicy, Reset, floor_after};
use crate::rng::Rng;
use crate::state::Cause;
use crate::time::{Duration, Instant};

/// What the connection that was lost had shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionHistory {
    /// It was ready for the stable time and heard something useful.
    pub(crate) stable: bool,
    /// When its silence would have been judged death, for causes that trigger nothing of their own.
    pub(crate) death_if_silent: Option<Instant>,
    /// What the server asked for.
    pub(crate) retry_after: Option<Duration>,
}

/// What the machine wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReconnectDecision {
    /// Connect then, under this number.
    ConnectAt(Instant, u32),
    /// The attempts are used up, and that is told then.
    GiveUpAt(Instant, u32),
}

const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// The count of one outage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Reconnect {
    failures: u32,
    unstable: u32,
    last_attempt: Option<Instant>,
    last_hint: Option<Instant>,
    /// Until when the server asked not to be bothered.
    asked_until: Option<Instant>,
}

impl Reconnect {
    /// Losses in a row since the count was last set back; the number of the next attempt.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// An attempt begins.
    pub(crate) fn on_attempt(&mut self, now: Instant) {
        self.last_attempt = Some(now);
        self.asked_until = None;
    }

    /// A socket is open.
    pub(crate) fn on_opened(&mut self, policy: &ReconnectPolicy) {
        if policy.reset == Reset::OnOpen {
            self.failures = 0;
        }
    }

    /// The connection, or the attempt, has ended.
    pub(crate) fn on_lost(
        &mut self,
        now: Instant,
        policy: &ReconnectPolicy,
        cause: Cause,
        history: ConnectionHistory,
        rng: &mut Rng,
    ) -> ReconnectDecision {
        if history.stable {
            self.unstable = 0;
            if policy.reset == Reset::OnStable {
                self.failures = 0;
            }
        } else {
            self.unstable = self.unstable.saturating_add(1);
        }
        self.failures = self.failures.saturating_add(1);
        let at = self.next_attempt(now, policy, cause, history, rng);
        match at {
            None => ReconnectDecision::GiveUpAt(now, self.failures),
            Some(at) if policy.max.is_some_and(|max| self.failures > max) => match policy.from {
                MeasuredFrom::Failure => ReconnectDecision::GiveUpAt(now, self.failures),
                MeasuredFrom::Attempt => ReconnectDecision::GiveUpAt(at, self.failures),
            },
            Some(at) => ReconnectDecision::ConnectAt(at, self.failures),
        }
    }

    fn next_attempt(
        &mut self,
        now: Instant,
        policy: &ReconnectPolicy,
        cause: Cause,
        history: ConnectionHistory,
        rng: &mut Rng,
    ) -> Option<Instant> {
        let planned = if cause == Cause::Renewed {
            now
        } else if self.failures <= 1 {
            match policy.first.after(cause) {
                Some(delay) => now + policy.jitter.spread(delay, rng),
                None => history.death_if_silent?,
            }
        } else {
            let delay = policy.jitter.spread(policy.again.delay(self.failures - 2), rng);
            match policy.from {
                MeasuredFrom::Failure => now + delay,
                MeasuredFrom::Attempt => self.last_attempt.unwrap_or(now) + delay,
            }
        };
        self.asked_until = history.retry_after.map(|wait| now + wait.min(RETRY_AFTER_MAX));
        let asked = match history.retry_after {
            Some(wait) => planned.max(now) + wait.min(RETRY_AFTER_MAX),
            None => planned,
        };
        Some(asked.max(self.floor()).max(now))
    }

    /// A restart carried an outage over: how long its next attempt has to wait. One attempt that was cut short by the restart
    /// itself is no outage yet, but it counts.
    pub(crate) fn on_restarted(&mut self, failures: u32, policy: &ReconnectPolicy, rng: &mut Rng) -> Duration {
        self.failures = failures;
        self.unstable = failures;
        if failures <= 1 {
            return Duration::ZERO;
        }
        policy.jitter.spread(policy.again.delay(failures.saturating_sub(2)), rng).max(floor_after(failures))
    }

    /// The earliest moment for the next connect, whatever anybody wants.
    pub(crate) fn floor(&self) -> Instant {
        match self.last_attempt {
            Some(last) => last + floor_after(self.unstable),
            None => Instant::ORIGIN,
        }
    }

    /// A hint says that trying now is worth it; believed once in the stable time, never below the floor, and never before
    /// the server asked for it.
    pub(crate) fn on_hint(&mut self, now: Instant, policy: &ReconnectPolicy) -> Option<Instant> {
        if self.last_hint.is_some_and(|last| now.since(last) < policy.stable) {
            return None;
        }
        self.last_hint = Some(now);
        Some(self.floor().max(self.asked_until.unwrap_or_default()).max(now))
    }
}
