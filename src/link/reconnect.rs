//! Reconnect delays: the attempt counter of one outage, its backoff, and the safety floor above every policy.
//!
//! 1. By default the attempt counter is reset by a connection that was ready for `stable` (30 s) and brought a frame
//!    that could be understood; a loss decides that, never a timer.
//! 2. Jitter is applied after the cap and keeps at least half of the delay, so attempts in a window have a hard bound.
//! 3. The connect after the n-th unstable connection in a row comes at least `min(250 * 2^(n-1), 5000)` ms after the
//!    previous connect.
//! 4. A connection is lost once, however many events report the loss; no later trigger postpones a wait that has begun.
//! 5. A `Retry-After` of the server (RFC 9110 §10.2.3) is added to the planned delay; neither jitter nor a hint
//!    shortens that wait.

use serde::{Deserialize, Serialize};

use crate::config::{MeasuredFrom, ReconnectPolicy, Reset, floor_after};
use crate::rng::Rng;
use crate::state::Cause;
use crate::time::{Duration, Instant};

/// History of the connection that was lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionHistory {
    /// Whether the connection was ready for the stable time and brought a frame that could be understood.
    pub(crate) stable: bool,
    /// When its silence would have counted as death; used for causes that trigger no reconnect of their own.
    pub(crate) death_if_silent: Option<Instant>,
    /// Wait that the server asked for.
    pub(crate) retry_after: Option<Duration>,
}

/// Decision after a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReconnectDecision {
    /// Connect at this moment, with this attempt number.
    ConnectAt(Instant, u32),
    /// Give up at this moment, after so many attempts.
    GiveUpAt(Instant, u32),
}

/// Longest `Retry-After` that is honoured.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// Counters of one outage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Reconnect {
    failures: u32,
    unstable: u32,
    /// First loss of this outage.
    began: Option<Instant>,
    /// Last delay after the first one, before jitter.
    delay: Option<Duration>,
    last_attempt: Option<Instant>,
    last_hint: Option<Instant>,
    /// End of the wait that the server asked for.
    retry_after_until: Option<Instant>,
}

impl Reconnect {
    /// Losses in a row since the attempt counter was last reset; the number of the next attempt.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Notes the start of an attempt.
    pub(crate) fn on_attempt(&mut self, now: Instant) {
        self.last_attempt = Some(now);
        self.retry_after_until = None;
    }

    /// Resets the attempt counter on an open socket, under [`Reset::OnOpen`].
    pub(crate) fn on_opened(&mut self, policy: &ReconnectPolicy) {
        if policy.reset == Reset::OnOpen {
            self.end_outage();
        }
    }

    fn end_outage(&mut self) {
        (self.failures, self.began, self.delay) = (0, None, None);
    }

    /// Decides when to connect again after a connection or an attempt was lost.
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
                self.end_outage();
            }
        } else {
            self.unstable = self.unstable.saturating_add(1);
        }
        self.failures = self.failures.saturating_add(1);
        self.began = self.began.or(Some(now));
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
            let lasted = self.began.map_or(Duration::MAX, |began| now.since(began));
            let delay = policy.later_delay(self.delay, lasted);
            self.delay = Some(delay);
            let delay = policy.jitter.spread(delay, rng);
            match policy.from {
                MeasuredFrom::Failure => now + delay,
                MeasuredFrom::Attempt => self.last_attempt.unwrap_or(now) + delay,
            }
        };
        self.retry_after_until = history.retry_after.map(|wait| now + wait.min(RETRY_AFTER_MAX));
        let earliest = match history.retry_after {
            Some(wait) => planned.max(now) + wait.min(RETRY_AFTER_MAX),
            None => planned,
        };
        Some(earliest.max(self.floor()).max(now))
    }

    /// Takes over the attempt counter of an outage after a restart; returns how long the next attempt has to wait.
    ///
    /// A single attempt that the restart itself cut short is no outage yet, but it counts. Of an outage that is carried
    /// over nobody knows the age, so the lower cap of its beginning is over.
    pub(crate) fn on_restarted(&mut self, failures: u32, policy: &ReconnectPolicy, rng: &mut Rng) -> Duration {
        self.failures = failures;
        self.unstable = failures;
        if failures <= 1 {
            return Duration::ZERO;
        }
        let delay = policy.again.delay(failures.saturating_sub(2));
        (self.began, self.delay) = (Some(Instant::ORIGIN), Some(delay));
        policy.jitter.spread(delay, rng).max(floor_after(failures))
    }

    /// Safety floor: the earliest moment for the next connect, whatever policy, hint or call asks for it.
    pub(crate) fn floor(&self) -> Instant {
        match self.last_attempt {
            Some(last) => last + floor_after(self.unstable),
            None => Instant::ORIGIN,
        }
    }

    /// Returns how early a hint may move the next attempt; `None` when the hint is ignored.
    ///
    /// One hint in each stable time is believed. It moves the attempt neither below the safety floor nor before the end
    /// of the wait that the server asked for.
    pub(crate) fn on_hint(&mut self, now: Instant, policy: &ReconnectPolicy) -> Option<Instant> {
        if self.last_hint.is_some_and(|last| now.since(last) < policy.stable) {
            return None;
        }
        self.last_hint = Some(now);
        Some(self.floor().max(self.retry_after_until.unwrap_or_default()).max(now))
    }
}
