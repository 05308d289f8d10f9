//! Settings for polling while the connection brings nothing.

use core::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::time::{Duration, Instant};

/// Settings for polling while the connection brings nothing. Polling is off by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FallbackPolicy {
    /// Polls when no push came for this time, and again after each further such time. Default `None`, off.
    #[serde(rename = "loop_time_ms")]
    pub loop_time: Option<Duration>,
    /// Polls while the connection is down and this many attempts in a row have failed. Default `None`, off.
    pub after_failures: Option<NonZeroU32>,
    /// The time between polls while the connection is down. Default 0, which stands for the loop time, or for 10 s
    /// where there is no loop time.
    #[serde(rename = "down_every_ms")]
    pub down_every: Duration,
}

impl FallbackPolicy {
    /// Whether the session polls at all.
    pub fn is_on(&self) -> bool {
        self.loop_time.is_some() || self.after_failures.is_some()
    }
}

impl FallbackPolicy {
    /// The time of the next poll if no push comes from `now` on.
    pub(crate) fn next_poll(&self, now: Instant) -> Instant {
        self.loop_time.map_or(Instant::NEVER, |every| now + at_least_one(every))
    }

    pub(crate) fn down_period(&self) -> Duration {
        let chosen = if self.down_every == Duration::ZERO { self.loop_time } else { Some(self.down_every) };
        at_least_one(chosen.unwrap_or(Duration::from_secs(10)))
    }
}

fn at_least_one(every: Duration) -> Duration {
    every.max(Duration::from_millis(1))
}
