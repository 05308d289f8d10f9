//! Reconnect delays: the attempt counter of one outage, its backoff, the budget, and the safety floor above every
//! policy.
//!
//! 1. The attempt counter is reset on proof, not on hope: by default once a connection that was ready for `stable`
//!    (30 s) and brought a frame that could be understood, or that confirmed or delivered a message, is lost. A loss
//!    decides that, never a timer.
//! 2. Jitter is applied after the cap and keeps at least half of the delay, so attempts in a window have a hard bound.
//! 3. The connect after the n-th unstable connection in a row comes at least `min(250 * 2^(n-1), 5000)` ms after the
//!    previous connect. Only stable connections end that row.
//! 4. A connection is lost once, however many events report the loss; no later trigger postpones a wait that has begun.
//! 5. A `Retry-After` of the server (RFC 9110 §10.2.3) is added to the planned delay; neither jitter nor a hint
//!    shortens that wait.
//! 6. A renewal, which the user asked for or the session itself, is no failure: it costs neither an attempt nor a step
//!    of the backoff.
//! 7. A hint is kept until it can be served, and the safety floor and the budget stand above it.

use alloc::boxed::Box;

use crate::config::{Budget, MeasuredFrom, ReconnectPolicy, Reset, floor_after};
use crate::rng::Rng;
use crate::state::Cause;
use crate::time::{Duration, Instant};

/// History of the connection that was lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionHistory {
    pub(crate) merit: Merit,
    /// How long the connection was ready; `None` for one that never was.
    pub(crate) lasted: Option<Duration>,
    /// When its silence would have counted as death; used for causes that trigger no reconnect of their own.
    pub(crate) death_if_silent: Option<Instant>,
    /// Wait that the server asked for.
    pub(crate) retry_after: Option<Duration>,
}

/// Merit that a lost connection was of use; each proof is also those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Merit {
    None,
    /// The connection was ready and brought a frame that could be understood.
    Heard,
    /// A message was confirmed or delivered on the connection.
    Useful,
    /// The connection was ready for the stable time and brought a frame that could be understood.
    Stable,
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

/// The time for which an attempt must have hung before a hint restarts it.
const HUNG: Duration = Duration::from_secs(1);

/// Losses in one pattern before the wait begins to grow.
const PATTERN: u32 = 3;

/// Counters of one outage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Reconnect {
    failures: u32,
    unstable: u32,
    /// Closes in a row with a code that speaks of a message, none of which could be named; the third stops the link.
    pub(super) refused_messages: u8,
    /// First loss of this outage; the origin before there was one, and [`Instant::NEVER`] where nobody knows when it
    /// was.
    began: Instant,
    /// Last delay after the first one, before jitter.
    delay: Option<Duration>,
    last_attempt: Option<Instant>,
    /// When the next hint may shorten a wait.
    next_hint: Instant,
    /// Restarts in a row of the attempt under way.
    restarts: u32,
    /// End of the wait that the server asked for.
    retry_after_until: Instant,
    /// When all that the budget has spent is earned again.
    earned_at: Instant,
    /// Boxed, since few policies set `repeated`.
    pattern: Option<Box<Pattern>>,
}

/// Ready connections that were lost in one way, in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Pattern {
    cause: Cause,
    lasted: Duration,
    losses: u32,
    /// Last wait for this pattern, before jitter.
    delay: Option<Duration>,
}

impl Pattern {
    /// Whether another connection was lost in the same way: for the same cause, after nearly the same time.
    fn fits(&self, cause: Cause, lasted: Duration) -> bool {
        let (short, long) = (self.lasted.min(lasted), self.lasted.max(lasted));
        let differ = Duration::from_millis(long.as_millis() / 10).max(Duration::from_secs(1));
        self.cause == cause && long - short <= differ
    }
}

impl Reconnect {
    /// Begins with a budget that is earned again after `spent`.
    pub(crate) fn restored(now: Instant, spent: Duration) -> Self {
        let earned_at = if spent.is_zero() { Instant::ORIGIN } else { now + spent };
        Self { earned_at, ..Self::default() }
    }

    /// When all that the budget has spent is earned again; `None` where nothing is spent.
    pub(crate) fn earned_at(&self, now: Instant) -> Option<Instant> {
        Some(self.earned_at).filter(|at| *at > now)
    }

    /// Losses in a row since the attempt counter was last reset; the number of the next attempt.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Notes the start of an attempt, which may have to wait for a credential before it connects.
    pub(crate) fn on_begun(&mut self, now: Instant) {
        self.last_attempt = Some(now);
    }

    /// Notes a connect.
    pub(crate) fn on_attempt(&mut self, now: Instant, policy: &ReconnectPolicy) {
        self.last_attempt = Some(now);
        self.retry_after_until = Instant::ORIGIN;
        if let Some(budget) = &policy.budget {
            let interval = budget.interval();
            // A connect that the budget does not hold back spends no more than there is.
            self.earned_at = (self.earned_at.max(now) + interval).min(now + interval.times(budget.burst()));
        }
    }

    /// Resets the attempt counter for the user's `open`. The safety floor and the budget go on.
    pub(crate) fn on_user_open(&mut self) {
        self.end_outage();
        self.pattern = None;
        (self.next_hint, self.restarts, self.retry_after_until) = (Instant::ORIGIN, 0, Instant::ORIGIN);
    }

    /// Resets the attempt counter on an open socket, under [`Reset::OnOpen`].
    pub(crate) fn on_opened(&mut self, policy: &ReconnectPolicy) {
        if policy.reset == Reset::OnOpen {
            self.end_outage();
        }
    }

    /// Forgets an outage that is long over.
    pub(crate) fn forget_outage(&mut self) {
        self.end_outage();
        (self.unstable, self.last_attempt) = (0, None);
    }

    fn end_outage(&mut self) {
        (self.failures, self.began, self.delay) = (0, Instant::ORIGIN, None);
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
        self.unstable = if history.merit == Merit::Stable { 0 } else { self.unstable.saturating_add(1) };
        if history.merit >= Merit::Useful && policy.reset == Reset::OnStable {
            self.end_outage();
        }
        if history.merit >= Merit::Heard {
            self.restarts = 0;
        }
        if cause.is_renewal() {
            return ReconnectDecision::ConnectAt(self.earliest(policy).max(now), self.failures);
        }
        self.restarts = 0;
        if self.failures == 0 {
            self.began = now;
        }
        self.failures = self.failures.saturating_add(1);
        let Some(slot) = self.next_slot(now, policy, cause, history, rng) else {
            return ReconnectDecision::GiveUpAt(now, self.failures);
        };
        if policy.max.is_some_and(|max| self.failures > max) {
            let at = if policy.from == MeasuredFrom::Attempt { slot.max(self.floor(self.unstable)) } else { now };
            return ReconnectDecision::GiveUpAt(at, self.failures);
        }
        let at = slot.max(self.pattern_end(now, policy, cause, history.lasted, rng));
        ReconnectDecision::ConnectAt(at.max(self.earliest(policy)), self.failures)
    }

    /// The next attempt as the backoff and the server want it; `None` where the cause triggers none.
    fn next_slot(
        &mut self,
        now: Instant,
        policy: &ReconnectPolicy,
        cause: Cause,
        history: ConnectionHistory,
        rng: &mut Rng,
    ) -> Option<Instant> {
        let planned = if self.failures <= 1 {
            match policy.first.after(cause) {
                Some(delay) => now + policy.jitter.spread(delay, rng),
                None => history.death_if_silent?,
            }
        } else {
            let delay = policy.later_delay(self.delay, self.lasted(now));
            self.delay = Some(delay);
            let delay = policy.jitter.spread(delay, rng);
            match policy.from {
                MeasuredFrom::Failure => now + delay,
                MeasuredFrom::Attempt => self.last_attempt.unwrap_or(now) + delay,
            }
        };
        let asked = history.retry_after.map(|wait| wait.min(RETRY_AFTER_MAX));
        self.retry_after_until = asked.map_or(Instant::ORIGIN, |wait| now + wait);
        Some(planned.max(now) + asked.unwrap_or_default())
    }

    /// The end of the wait that grows while ready connections are lost in one pattern, where that is set.
    fn pattern_end(
        &mut self,
        now: Instant,
        policy: &ReconnectPolicy,
        cause: Cause,
        lasted: Option<Duration>,
        rng: &mut Rng,
    ) -> Instant {
        let (Some(cap), Some(lasted)) = (policy.repeated, lasted) else { return now };
        let before = self.pattern.take().map(|pattern| *pattern).filter(|pattern| pattern.fits(cause, lasted));
        let mut pattern = before.unwrap_or(Pattern { cause, lasted, losses: 0, delay: None });
        pattern.losses = pattern.losses.saturating_add(1);
        if pattern.losses >= PATTERN {
            pattern.delay = Some(policy.again.following(pattern.delay, cap));
        }
        self.pattern = Some(Box::new(pattern));
        pattern.delay.map_or(now, |delay| now + policy.jitter.spread(delay, rng))
    }

    /// Takes over the attempt counter of an outage that a restart interrupted, `away` ago; returns when the next
    /// attempt may begin.
    ///
    /// A single attempt that the restart itself cut short is no outage yet, but it counts. Of an outage that is carried
    /// over nobody knows the age, so the lower cap of its beginning is over.
    pub(crate) fn on_restarted(
        &mut self,
        now: Instant,
        away: Duration,
        failures: u32,
        policy: &ReconnectPolicy,
        rng: &mut Rng,
    ) -> Instant {
        (self.failures, self.unstable) = (failures, failures);
        if failures <= 1 {
            self.began = now;
            return now;
        }
        let (delay, floor) = (policy.again.delay(failures.saturating_sub(2)), floor_after(failures));
        (self.began, self.delay) = (Instant::NEVER, Some(delay));
        // The floor holds for a second `open` too.
        self.last_attempt = Some(now + (floor - away) - floor);
        now + (policy.jitter.spread(delay, rng).max(floor) - away)
    }

    /// How long the outage has lasted; for ever where nobody knows.
    fn lasted(&self, now: Instant) -> Duration {
        if self.began.is_never() { Duration::MAX } else { now.since(self.began) }
    }

    /// Safety floor after so many unstable connections in a row: the earliest moment for the next connect, whatever
    /// policy, hint or call asks for it.
    fn floor(&self, unstable: u32) -> Instant {
        self.last_attempt.map_or(Instant::ORIGIN, |last| last + floor_after(unstable))
    }

    /// The earliest moment for the next connect, by the safety floor and the budget.
    pub(crate) fn earliest(&self, policy: &ReconnectPolicy) -> Instant {
        self.floor(self.unstable).max(self.earned(policy))
    }

    fn earned(&self, policy: &ReconnectPolicy) -> Instant {
        let ahead = |budget: &Budget| budget.interval().times(budget.burst() - 1);
        policy.budget.as_ref().map_or(Instant::ORIGIN, |budget| self.earned_at - ahead(budget))
    }

    /// Returns when a hint ends the present wait, where that is before `until`.
    ///
    /// A hint shortens a wait once in each stable time; another one is kept until that is over. It moves the attempt
    /// neither below the safety floor nor before the end of the wait that the server asked for.
    pub(crate) fn on_hint(&mut self, now: Instant, until: Instant, policy: &ReconnectPolicy) -> Option<Instant> {
        let at = self.earliest(policy).max(self.retry_after_until).max(self.next_hint).max(now);
        if at >= until {
            return None;
        }
        self.next_hint = at + policy.stable;
        Some(at)
    }

    /// Returns when a hint restarts the attempt under way, which last moved at `moved`.
    ///
    /// Each restart in a row waits twice as long as the one before, so that hints without end let an attempt open. A
    /// connection that was ready and heard something ends that row, as does every loss that is no renewal.
    pub(crate) fn restart_at(&self, now: Instant, moved: Instant, policy: &ReconnectPolicy) -> Instant {
        let hung = moved + HUNG.times(1 << self.restarts.min(16));
        hung.max(self.floor(self.unstable.saturating_add(1))).max(self.earned(policy)).max(now)
    }

    /// Notes that a hint restarts the attempt under way.
    pub(crate) fn on_restart(&mut self) {
        self.restarts = self.restarts.saturating_add(1);
    }
}
