//! When to connect again, and when to stop.

use serde::{Deserialize, Serialize};

use super::limit::Limit;
use crate::rng::Rng;
use crate::state::Cause;
use crate::time::Duration;

/// When to connect again, and when to stop.
///
/// Above every setting stands the safety floor: the connect after the n-th unstable connection in a row comes at least
/// `min(250 * 2^(n-1), 5000)` ms after the previous connect. Only the user's own `open` is exempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
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
            again: Backoff::new(Duration::from_secs(1), 200, Duration::from_secs(60)),
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
#[non_exhaustive]
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
#[non_exhaustive]
pub struct Backoff {
    /// The first of these delays.
    #[serde(rename = "base_ms")]
    pub base: Duration,
    /// Growth in per cent: 200 doubles, 100 stays; from 100 to 1,000.
    pub percent: Limit,
    /// The longest delay; one below `base` counts as `base`.
    #[serde(rename = "cap_ms")]
    pub cap: Duration,
}

/// What a later delay is measured from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MeasuredFrom {
    /// From the failure of the attempt.
    Failure,
    /// From the start of the attempt, so attempts come at fixed slots; giving up also waits for its slot.
    Attempt,
}

/// How delays are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Jitter {
    /// Not at all.
    None,
    /// Evenly over `[d/2, d]`, after the cap: half of the delay is certain, so attempts in a window have a hard bound.
    Equal,
}

/// What sets the count of attempts back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reset {
    /// An open socket. The safety floor does not trust it.
    OnOpen,
    /// A connection that was ready and stable and heard something useful; judged at its loss.
    OnStable,
    /// Nothing but the user's own `open`.
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
            Cause::Renewed => Some(Duration::ZERO),
            _ => self.errored,
        }
    }
}

impl Backoff {
    /// A delay of `base`, then `percent` of the one before, up to `cap`.
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

    /// The same delay each time.
    pub const fn constant(delay: Duration) -> Self {
        Self::new(delay, 100, delay)
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
    pub(crate) fn spread(self, delay: Duration, rng: &mut Rng) -> Duration {
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
