//! The counters of a session, always on.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, TransportError};
use crate::state::{Cause, State};
use crate::time::Duration;

/// The counters of a session since it was made.
///
/// Counters are not part of the state: two sessions that differ only in their counters compare equal.
///
/// ```
/// use redial::{Cause, ConnectionId, Duration, Event, Instant, Preset, Seed, Session, State, TransportError};
///
/// let mut session = Session::new(Preset::plain(), Seed::from(7_u64));
/// session.open(Instant::ORIGIN);
/// session.handle(Instant::from_millis(30), Event::errored(ConnectionId::new(1), TransportError::Refused));
/// assert_eq!(session.stats().losses[&Cause::Errored], 1);
/// assert_eq!(session.stats().failures[&TransportError::Refused], 1);
/// assert_eq!(session.stats().time_in.get(State::Connecting), Duration::from_millis(30));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stats {
    /// Attempts to connect.
    pub connects: u64,
    /// Connections and attempts that were lost and meant to be replaced, by cause.
    pub losses: BTreeMap<Cause, u64>,
    /// Failures that the host reported of the connection that was then the present one, by kind.
    #[serde(default)]
    pub failures: BTreeMap<TransportError, u64>,
    /// The last failure in `failures`; `None` before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Box<Failure>>,
    /// The time spent in each state since the first `open`.
    #[serde(rename = "time_in_ms")]
    pub time_in: TimeIn,
    /// Round trips, from heartbeats to their answers.
    pub round_trip: RoundTrip,
    /// Connections that became ready.
    pub ready: u64,
    /// Connections lost after they were ready.
    pub lost: u64,
    /// Frames that arrived on the connection that was then the present one.
    pub frames_in: u64,
    /// Bytes of the frames in `frames_in`.
    pub bytes_in: u64,
    /// Frames handed to the host.
    pub frames_out: u64,
    /// Bytes of the frames in `frames_out`.
    pub bytes_out: u64,
    /// Heartbeats sent.
    pub heartbeats: u64,
    /// Repeated sends of a message, each counted.
    pub resent: u64,
    /// Messages delivered.
    pub delivered: u64,
    /// Messages that arrived again and were not delivered again.
    pub duplicates: u64,
    /// Times the other end had forgotten messages that may be missing here.
    pub gaps: u64,
    /// Ids that the dedup window had to forget.
    pub forgotten: u64,
    /// Frames that could not be understood.
    pub malformed: u64,
    /// Events of connections that were no longer, or not yet, the present one.
    pub stale_events: u64,
    /// Receipts and marks for unknown messages.
    pub unknown_receipts: u64,
    /// Calls that were refused.
    pub refused: u64,
}

impl Stats {
    /// Counts a failure of the present connection, and keeps it as the last one.
    pub(crate) fn count_failure(&mut self, failure: &Failure) {
        *self.failures.entry(failure.cause).or_default() += 1;
        self.last_failure = Some(Box::new(failure.clone()));
    }
}

/// The time spent in each state, up to the latest input; `Idle` is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeIn {
    connecting: Duration,
    authenticating: Duration,
    ready: Duration,
    closing: Duration,
    waiting: Duration,
    stopped: Duration,
}

impl TimeIn {
    /// The time spent in one state.
    pub fn get(&self, state: State) -> Duration {
        let mut copy = *self;
        copy.field(state).map_or(Duration::ZERO, |span| *span)
    }

    /// Adds the time spent in a state.
    #[inline]
    pub(crate) fn add(&mut self, state: State, span: Duration) {
        // Fast path: most inputs come in the same millisecond as another input.
        if span == Duration::ZERO {
            return;
        }
        if let Some(field) = self.field(state) {
            *field = *field + span;
        }
    }

    fn field(&mut self, state: State) -> Option<&mut Duration> {
        Some(match state {
            // Before the first `open` the origin of the clock is arbitrary.
            State::Idle => return None,
            State::Connecting => &mut self.connecting,
            State::Authenticating => &mut self.authenticating,
            State::Ready => &mut self.ready,
            State::Closing => &mut self.closing,
            State::Waiting => &mut self.waiting,
            State::Stopped => &mut self.stopped,
        })
    }
}

/// Round-trip times, smoothed as in TCP (RFC 6298 §2), over all connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundTrip {
    samples: u64,
    #[serde(rename = "latest_ms")]
    latest: Duration,
    /// In microseconds: eighths of a millisecond would be lost otherwise.
    smoothed_us: u64,
    variation_us: u64,
}

impl RoundTrip {
    /// The number of round trips measured.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// The last round-trip time; `None` before the first.
    pub fn latest(&self) -> Option<Duration> {
        (self.samples > 0).then_some(self.latest)
    }

    /// The smoothed round-trip time, rounded to the millisecond; `None` before the first.
    pub fn smoothed(&self) -> Option<Duration> {
        (self.samples > 0).then(|| rounded(self.smoothed_us))
    }

    /// The mean deviation from the smoothed time, rounded to the millisecond; `None` before the first.
    pub fn variation(&self) -> Option<Duration> {
        (self.samples > 0).then(|| rounded(self.variation_us))
    }

    pub(crate) fn add(&mut self, latest: Duration) {
        let sample = latest.as_millis().saturating_mul(1_000);
        if self.samples == 0 {
            self.smoothed_us = sample;
            self.variation_us = sample / 2;
        } else {
            let distance = self.smoothed_us.abs_diff(sample);
            self.variation_us = self.variation_us - self.variation_us / 4 + distance / 4;
            self.smoothed_us = self.smoothed_us - self.smoothed_us / 8 + sample / 8;
        }
        self.latest = latest;
        self.samples += 1;
    }
}

fn rounded(micros: u64) -> Duration {
    Duration::from_millis(micros.saturating_add(500) / 1_000)
}
