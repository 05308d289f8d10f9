//! Settings for reconnecting and for giving up.

use serde::{Deserialize, Serialize};

use super::limit::Limit;
use super::limits::LONGEST_SPAN;
use crate::rng::Rng;
use crate::state::Cause;
use crate::time::Duration;

/// Settings for reconnecting and for giving up.
///
/// A safety floor applies above every setting: the connect after the n-th unstable connection in a row comes at least
/// `min(250 * 2^(n-1), 5000)` ms after the previous connect. Only the user's own `open` is exempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ReconnectPolicy {
    /// The delay after the first loss of an outage, by cause. Default 500 ms each: most losses are over by then, and
    /// nobody notices.
    pub first: FirstDelay,
    /// The delays after the first. Default 1 s, doubled each time, up to 20 s: a server that comes back after an hour
    /// is found within 20 s, and an attempt costs next to nothing.
    pub again: Backoff,
    /// A lower cap at the beginning of an outage. Default 5 s for 30 s: most outages are short, and a person waits for
    /// the end of those. `None` caps delays by `again.cap` from the beginning.
    #[serde(default)]
    pub early: Option<EarlyCap>,
    /// Selects the moment from which later delays are measured. Default [`MeasuredFrom::Failure`].
    pub from: MeasuredFrom,
    /// Selects how delays are spread. Default [`Jitter::Equal`]: the clients that lost one server do not all come
    /// back at the same moment.
    pub jitter: Jitter,
    /// Limits the time that an attempt takes to open. Default 10 s, for TCP, TLS and upgrade over a bad mobile link;
    /// `None` waits until the host reports a result, zero counts as 1 ms.
    #[serde(rename = "attempt_timeout_ms")]
    pub attempt_timeout: Option<Duration>,
    /// Limits the reconnects in a row before the session gives up. Default `None`, never, since waiting costs
    /// nothing. Set it where giving up has a meaning of its own.
    pub max: Option<u32>,
    /// Selects the event that resets the attempt counter. Default [`Reset::OnStable`].
    pub reset: Reset,
    /// The time for which a connection must be ready, and have heard something, to count as stable. Default 30 s:
    /// longer than a default heartbeat, so that one was answered.
    #[serde(rename = "stable_ms")]
    pub stable: Duration,
    /// Limits how many connects there are in a time. Default `None`: the delays and the safety floor are the limit.
    /// Set it where a server, a radio or a bill counts connects.
    #[serde(default)]
    pub budget: Option<Budget>,
    /// Caps a wait that grows while ready connections are lost in one pattern: three or more in a row, for the same
    /// cause, after times that differ by a tenth or a second at most. The wait begins at `again.base` and grows as
    /// `again` does. Default `None`: no such wait. Set it against a server that closes each connection after a time
    /// above `stable`.
    #[serde(default, rename = "repeated_ms")]
    pub repeated: Option<Duration>,
}

impl Default for ReconnectPolicy {
    fn default() -> Self {
        Self {
            first: FirstDelay::all(Duration::from_millis(500)),
            again: Backoff::new(Duration::from_secs(1), 200, Duration::from_secs(20)),
            early: Some(EarlyCap::new(Duration::from_secs(5), Duration::from_secs(30))),
            from: MeasuredFrom::Failure,
            jitter: Jitter::Equal,
            attempt_timeout: Some(Duration::from_secs(10)),
            max: None,
            reset: Reset::OnStable,
            stable: Duration::from_secs(30),
            budget: None,
            repeated: None,
        }
    }
}

/// The delay after the first loss of an outage, by cause. `None` means that this cause triggers no reconnect by
/// itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FirstDelay {
    /// The delay after an error, a time-out or an overdue receipt. With `None` the reconnect comes when the heartbeat
    /// would have found the link dead by silence; where that never comes, as for an attempt that never opened, the
    /// session gives up.
    #[serde(rename = "errored_ms")]
    pub errored: Option<Duration>,
    /// The delay after a close from outside. `None` has the meaning it has in `errored`.
    #[serde(rename = "closed_ms")]
    pub closed: Option<Duration>,
    /// The delay after the link was found dead.
    #[serde(rename = "dead_ms")]
    pub dead: Duration,
    /// The delay after a heartbeat could not be written. With `None` the failure is only reported, and the link goes
    /// on: the heartbeat counts as unanswered, so that a socket which takes nothing any more is noticed.
    #[serde(rename = "heartbeat_failed_ms")]
    pub heartbeat_failed: Option<Duration>,
}

impl FirstDelay {
    /// Makes the same delay for every cause.
    pub const fn all(delay: Duration) -> Self {
        Self { errored: Some(delay), closed: Some(delay), dead: delay, heartbeat_failed: Some(delay) }
    }
}

/// A delay that grows: first `base`, then `percent` of the delay before, up to `cap`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Backoff {
    /// The first delay.
    #[serde(rename = "base_ms")]
    pub base: Duration,
    /// The growth in per cent: 200 doubles the delay, 100 leaves it; from 100 to 1,000.
    pub percent: Limit,
    /// The longest delay; a cap below `base` counts as `base`.
    #[serde(rename = "cap_ms")]
    pub cap: Duration,
}

/// A lower cap for the delays at the beginning of an outage. The delays that follow grow on from this cap.
///
/// ```
/// use redial::Duration;
/// use redial::config::{Config, EarlyCap};
/// let mut config = Config::default();
/// config.reconnect.early = Some(EarlyCap::new(Duration::from_secs(3), Duration::from_secs(60)));
/// assert_eq!(config.check(), Ok(()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct EarlyCap {
    /// The longest delay meanwhile; a cap below `again.base` counts as `again.base`.
    #[serde(rename = "cap_ms")]
    pub cap: Duration,
    /// The time from the first loss of an outage for which this cap holds.
    #[serde(rename = "span_ms")]
    pub span: Duration,
}

impl EarlyCap {
    /// Makes a cap that holds for `span` from the first loss of an outage.
    pub const fn new(cap: Duration, span: Duration) -> Self {
        Self { cap, span }
    }
}

/// A limit on the connects in any span of a given length, whatever the server, the hints and the calls do.
///
/// Half of the connects, rounded up, may come at once; the others are earned evenly over `per`. So a server that drops
/// every connection never uses up a day's connects in its first hour. The user's `open` out of `Idle` or `Stopped` is
/// never held back.
///
/// ```
/// use redial::Duration;
/// use redial::config::{Budget, Config};
/// let mut config = Config::default();
/// config.reconnect.budget = Some(Budget::new(200, Duration::from_secs(86_400)));
/// assert_eq!(config.bounds().connects_in_a_day, 200);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Budget {
    /// The most connects in any span of `per`; from 1 to 1,000,000.
    pub connects: Limit,
    /// The length of the span. More than 139 years count as 139 years.
    #[serde(rename = "per_ms")]
    pub per: Duration,
}

impl Budget {
    /// Makes a budget of this many connects in any span of `per`.
    pub const fn new(connects: u64, per: Duration) -> Self {
        Self { connects: Limit::new(connects), per }
    }

    /// The connects that may come at once.
    pub(crate) fn burst(&self) -> u64 {
        self.connects.get().div_ceil(2).max(1)
    }

    /// The time in which one connect is earned: in a span of `per` those that the burst leaves, and not one more.
    pub(crate) fn interval(&self) -> Duration {
        let earned = self.connects.get().saturating_sub(self.burst()).saturating_add(1);
        Duration::from_millis(self.per.min(LONGEST_SPAN).as_millis() / earned + 1)
    }
}

/// The moment from which a later delay is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MeasuredFrom {
    /// The delay runs from the failure of the attempt.
    Failure,
    /// The delay runs from the start of the attempt, so attempts come at fixed slots; giving up also waits for its
    /// slot.
    Attempt,
}

/// How delays are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Jitter {
    /// Delays are not spread.
    None,
    /// A delay `d` is spread evenly over `[d/2, d]`, after the cap. Half of the delay is certain, so the number of
    /// attempts in a window has a hard bound.
    Equal,
}

/// The event that resets the attempt counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reset {
    /// An open socket resets the counter. The safety floor is not reset by it.
    OnOpen,
    /// A connection that was ready for `stable` and heard something useful resets the counter, judged when it is
    /// lost.
    OnStable,
    /// Only the user's own `open` resets the counter.
    Never,
}

const FLOOR_BASE: u64 = 250;

const FLOOR_CAP: u64 = 5_000;

/// The safety floor after `unstable` unstable connections in a row.
pub(crate) fn floor_after(unstable: u32) -> Duration {
    let doublings = unstable.saturating_sub(1).min(16);
    Duration::from_millis((FLOOR_BASE << doublings).min(FLOOR_CAP))
}

impl FirstDelay {
    pub(crate) fn after(&self, cause: Cause) -> Option<Duration> {
        match cause {
            Cause::Closed => self.closed,
            Cause::Dead => Some(self.dead),
            Cause::HeartbeatFailed => self.heartbeat_failed,
            _ => self.errored,
        }
    }
}

impl Backoff {
    /// Makes a delay that starts at `base` and becomes `percent` of the delay before each time, up to `cap`.
    ///
    /// ```
    /// use redial::Duration;
    /// use redial::config::{Backoff, Config};
    /// let mut config = Config::default();
    /// config.reconnect.again = Backoff::new(Duration::from_secs(2), 150, Duration::from_secs(30));
    /// assert_eq!(config.check(), Ok(()));
    /// ```
    pub const fn new(base: Duration, percent: u64, cap: Duration) -> Self {
        Self { base, percent: Limit::new(percent), cap }
    }

    /// Makes a delay that stays the same each time.
    pub const fn constant(delay: Duration) -> Self {
        Self::new(delay, 100, delay)
    }

    /// The delay that follows `before`, which is `None` for the first one.
    pub(crate) fn following(&self, before: Option<Duration>, cap: Duration) -> Duration {
        let cap = cap.max(self.base);
        let Some(before) = before else { return self.base };
        // The sum of both parts, because the product could leave the range.
        let (before, percent) = (before.as_millis(), self.percent.get());
        let grown = (before / 100).saturating_mul(percent).saturating_add((before % 100).saturating_mul(percent) / 100);
        Duration::from_millis(grown).min(cap)
    }

    /// The delay after `earlier` delays of this kind.
    pub(crate) fn delay(&self, earlier: u32) -> Duration {
        let mut delay = self.base;
        for _ in 0..earlier {
            let next = self.following(Some(delay), self.cap);
            if next == delay {
                // A delay at the cap, or one that does not grow, stays the same for all further steps.
                break;
            }
            delay = next;
        }
        delay
    }
}

impl ReconnectPolicy {
    /// The time that an attempt may take, at least 1 ms: no deadline may be due in the input that sets it.
    pub(crate) fn attempt_timeout(&self) -> Option<Duration> {
        self.attempt_timeout.map(|span| span.max(Duration::from_millis(1)))
    }

    /// The delay, before jitter, that follows `before` when an outage has lasted for `lasted`.
    pub(crate) fn later_delay(&self, before: Option<Duration>, lasted: Duration) -> Duration {
        let delay = self.again.following(before, self.again.cap);
        match &self.early {
            Some(early) if lasted < early.span => delay.min(early.cap.max(self.again.base)),
            _ => delay,
        }
    }
}

impl Jitter {
    pub(crate) fn spread(self, delay: Duration, rng: &mut Rng) -> Duration {
        match self {
            Self::None => delay,
            Self::Equal => {
                let full = delay.as_millis();
                Duration::from_millis(rng.within(full.div_ceil(2), full))
            }
        }
    }

    /// The shortest delay that `spread` can return.
    pub(crate) fn least(self, delay: Duration) -> Duration {
        match self {
            Self::None => delay,
            Self::Equal => Duration::from_millis(delay.as_millis().div_ceil(2)),
        }
    }
}
