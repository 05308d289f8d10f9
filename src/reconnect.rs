//! When to connect again: one outage, its count of attempts, and the safety floor above every policy.
//!
//! 1. The count goes back on proof, not on hope, and is judged at the loss, never by a timer.
//! 2. Jitter is applied after the cap and keeps at least half of the delay, so attempts in a window have a hard bound.
//! 3. The connect after the n-th unstable connection in a row comes at least `min(250 * 2^(n-1), 5000)` ms after the previous one.
//! 4. One connection is lost once, however many events say so; no later trigger moves a wait that has begun.
//! 5. What the server asks for with `Retry-After` is added to, never shortened.

use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::rng::Rng;
use crate::time::{Duration, Instant};

/// When to connect again, and when to stop.
///
/// Above every setting stands the safety floor: the connect after the n-th unstable connection in a row comes at least
/// `min(250 * 2^(n-1), 5000)` ms after the previous connect. Only the user's own `open` is exempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReconnectPolicy {
    /// The delay after the first loss of an outage, by cause. Default 500 ms each: most losses are over by then, and nobody notices.
    pub first: FirstDelay,
    /// The delays after that. Default 1 s, doubled each time, up to 60 s: a server that comes back after an hour is found within a
    /// minute. Lower the cap where a person waits.
    pub again: Backoff,
    /// What those later delays are measured from. Default [`MeasuredFrom::Failure`].
    pub from: MeasuredFrom,
    /// How delays are spread. Default [`Jitter::Equal`]: a crowd that lost one server does not come back as one.
    pub jitter: Jitter,
    /// How long an attempt may take to open. Default 10 s, for TCP, TLS and upgrade over a bad mobile link; `None` waits for the
    /// host's word.
    #[serde(rename = "attempt_timeout_ms")]
    pub attempt_timeout: Option<Duration>,
    /// Reconnects in a row before giving up. Default `None`: never, since the wait costs nothing. Set it where giving up has a
    /// meaning of its own.
    pub max: Option<u32>,
    /// What sets the count back. Default [`Reset::OnStable`].
    pub reset: Reset,
    /// How long a connection must be ready, having heard something, to count as stable. Default 30 s: longer than a default heartbeat,
    /// so that one was answered.
    #[serde(rename = "stable_ms")]
    pub stable: Duration,
}

impl Default for ReconnectPolicy {
    fn default() -> Self {
        Self {
            first: FirstDelay::all(Duration::from_millis(500)),
            again: Backoff {
                base: Duration::from_secs(1),
                percent: Bounded::clamped(200),
                cap: Duration::from_secs(60),
            },
            from: MeasuredFrom::Failure,
            jitter: Jitter::Equal,
            attempt_timeout: Some(Duration::from_secs(10)),
            max: None,
            reset: Reset::OnStable,
            stable: Duration::from_secs(30),
        }
    }
}

/// The delay after the first loss of an outage. `None` means that this cause triggers no reconnect of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstDelay {
    /// After an error, a time-out or an overdue receipt. `None`: the heartbeat's own verdict decides, as if the link had gone
    /// silent; where none ever comes, as for an attempt that never opened, the session gives up.
    #[serde(rename = "errored_ms")]
    pub errored: Option<Duration>,
    /// After a close from outside. `None` as above.
    #[serde(rename = "closed_ms")]
    pub closed: Option<Duration>,
    /// After the link was found dead.
    #[serde(rename = "dead_ms")]
    pub dead: Duration,
    /// After a heartbeat could not be written. `None`: only told, the link goes on.
    #[serde(rename = "heartbeat_failed_ms")]
    pub heartbeat_failed: Option<Duration>,
}

impl FirstDelay {
    /// The same delay for every cause.
    pub const fn all(delay: Duration) -> Self {
        Self { errored: Some(delay), closed: Some(delay), dead: delay, heartbeat_failed: Some(delay) }
    }
}

/// A delay that grows: `base`, then `percent` of the one before, up to `cap`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backoff {
    /// The first of these delays.
    #[serde(rename = "base_ms")]
    pub base: Duration,
    /// Growth in per cent: 200 doubles, 100 stays.
    pub percent: Bounded<100, 1_000>,
    /// The longest delay; one below `base` counts as `base`.
    #[serde(rename = "cap_ms")]
    pub cap: Duration,
}

/// What a later delay is measured from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeasuredFrom {
    /// From the failure of the attempt.
    Failure,
    /// From the start of the attempt, so attempts come at fixed slots; giving up also waits for its slot.
    Attempt,
}

/// How delays are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Jitter {
    /// Not at all.
    None,
    /// Evenly over `[d/2, d]`, after the cap: half of the delay is certain, so attempts in a window have a hard bound.
    Equal,
}

/// What sets the count of attempts back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reset {
    /// An open socket. The safety floor does not trust it.
    OnOpen,
    /// A connection that was ready and stable and heard something useful; judged at its loss.
    OnStable,
    /// Nothing but the user's own `open`.
    Never,
}

/// What kind of loss it was, as far as the first delay is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LossKind {
    Errored,
    Closed,
    Dead,
    HeartbeatFailed,
    /// The application asked for it: no delay but the floor's.
    Renewed,
}

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
const FLOOR_BASE: u64 = 250;
const FLOOR_CAP: u64 = 5_000;

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
        loss: LossKind,
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
        let at = self.next_attempt(now, policy, loss, history, rng);
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
        loss: LossKind,
        history: ConnectionHistory,
        rng: &mut Rng,
    ) -> Option<Instant> {
        let planned = if loss == LossKind::Renewed {
            now
        } else if self.failures <= 1 {
            match policy.first.after(loss) {
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

/// The safety floor after `unstable` unstable connections in a row.
pub(crate) fn floor_after(unstable: u32) -> Duration {
    let doublings = unstable.saturating_sub(1).min(16);
    Duration::from_millis((FLOOR_BASE << doublings).min(FLOOR_CAP))
}

impl FirstDelay {
    pub(crate) fn after(&self, loss: LossKind) -> Option<Duration> {
        match loss {
            LossKind::Errored => self.errored,
            LossKind::Closed => self.closed,
            LossKind::Dead => Some(self.dead),
            LossKind::HeartbeatFailed => self.heartbeat_failed,
            LossKind::Renewed => Some(Duration::ZERO),
        }
    }
}

impl Backoff {
    /// The same delay each time.
    pub const fn constant(delay: Duration) -> Self {
        Self { base: delay, percent: Bounded::clamped(100), cap: delay }
    }

    /// The delay after `earlier` delays of this kind.
    pub(crate) fn delay(&self, earlier: u32) -> Duration {
        let cap = self.cap.max(self.base).as_millis();
        let mut delay = self.base.as_millis();
        for _ in 0..earlier {
            let next = u64::try_from(u128::from(delay) * u128::from(self.percent.get()) / 100).unwrap_or(u64::MAX);
            if next >= cap || next == delay {
                // Past the cap nothing changes any more, and neither does a delay that does not grow.
                return Duration::from_millis(next.min(cap));
            }
            delay = next;
        }
        Duration::from_millis(delay.min(cap))
    }
}

impl Jitter {
    fn spread(self, delay: Duration, rng: &mut Rng) -> Duration {
        match self {
            Self::None => delay,
            Self::Equal => {
                let full = delay.as_millis();
                Duration::from_millis(rng.within(full.div_ceil(2), full))
            }
        }
    }

    /// The least that `spread` can make of a delay.
    pub(crate) fn least(self, delay: Duration) -> Duration {
        match self {
            Self::None => delay,
            Self::Equal => Duration::from_millis(delay.as_millis().div_ceil(2)),
        }
    }
}
