//! What a service wants of heartbeats, and when silence is death.

use core::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::time::Duration;

/// Heartbeats, and when a silent link is dead.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HeartbeatPolicy {
    /// The time between heartbeats. Default 25 s: under the 30 s after which strict middleboxes drop idle links. Lower it to notice
    /// dead links sooner, raise it for batteries. Zero counts as 1 ms. A server may ask for another, between 5 s and 5 min, where the
    /// dialect lets it.
    #[serde(rename = "every_ms")]
    pub every: Duration,
    /// Whether one is sent as soon as the connection is ready. Default no: the handshake was life enough. Change it for servers that
    /// wait for one.
    pub at_ready: bool,
    /// What the time is counted from. Default [`HeartbeatSchedule::SinceLife`]: a busy link needs no heartbeats.
    pub schedule: HeartbeatSchedule,
    /// What counts as life. Default [`Liveness::AnyFrame`]: bytes that arrive prove the link. Change it where a proxy in between could be
    /// the one that sends them.
    pub liveness: Liveness,
    /// When silence is death. Default after 2 unanswered heartbeats and 5 s: one may be lost to a bad moment, two are not. `None`
    /// never, for services that answer no heartbeat.
    pub dead_after: Option<DeadAfter>,
    /// When a silent link is suspected and asked again out of turn. Default `None`: silence is told when it is death. Set it where a
    /// person looks at the link's state, or where dead links must be noticed sooner than heartbeats come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspicion: Option<Suspicion>,
    /// What a wake-up that comes late does. Default: over 5 s late is a suspend; one probe goes out and has 5 s. `None` does nothing special.
    pub probe: Option<Probe>,
}

impl Default for HeartbeatPolicy {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(25),
            at_ready: false,
            schedule: HeartbeatSchedule::SinceLife,
            liveness: Liveness::AnyFrame,
            dead_after: Some(DeadAfter {
                heartbeats: NonZeroU32::MIN.saturating_add(1),
                grace: Duration::from_secs(5),
            }),
            suspicion: None,
            probe: Some(Probe::default()),
        }
    }
}

/// What the time between heartbeats is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HeartbeatSchedule {
    /// From the moment the connection was ready, whatever else happens.
    Grid,
    /// From the last sign of life, or the last heartbeat if that is later.
    SinceLife,
    /// From the last heartbeat, and only if that was answered by then; if not, the chain ends.
    LockStep,
}

/// What counts as a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Liveness {
    /// Any frame of the peer.
    AnyFrame,
    /// Only the answer to a heartbeat.
    Reply,
}

/// When silence is death: so many heartbeats in a row unanswered, and a grace after the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DeadAfter {
    /// Unanswered heartbeats in a row.
    pub heartbeats: NonZeroU32,
    /// The time after the last of them.
    #[serde(rename = "grace_ms")]
    pub grace: Duration,
}

impl DeadAfter {
    /// After so many heartbeats in a row unanswered and a grace; `None`, never, for zero.
    ///
    /// ```
    /// use redial::Duration;
    /// use redial::config::DeadAfter;
    /// assert_eq!(DeadAfter::after(5, Duration::ZERO).map(|after| after.heartbeats.get()), Some(5));
    /// assert_eq!(DeadAfter::after(0, Duration::ZERO), None);
    /// ```
    pub const fn after(heartbeats: u32, grace: Duration) -> Option<Self> {
        match NonZeroU32::new(heartbeats) {
            Some(heartbeats) => Some(Self { heartbeats, grace }),
            None => None,
        }
    }
}

/// When a silent link is suspected: so many heartbeats in a row unanswered, and a while after the last of them. It is told as
/// `Suspected`, a heartbeat goes out at once, and a link that says nothing to that either is dead.
///
/// ```
/// use redial::{Config, Duration};
/// use redial::config::Suspicion;
/// let mut config = Config::default();
/// config.heartbeat.suspicion = Some(Suspicion::default());
/// assert_eq!(config.bounds().notice_dead_link, Some(Duration::from_secs(25 + 3 + 5)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Suspicion {
    /// Unanswered heartbeats in a row. Default 1.
    pub heartbeats: NonZeroU32,
    /// The time after the last of them. Default 3 s, longer than any round trip that is of use.
    #[serde(rename = "after_ms")]
    pub after: Duration,
    /// How long the answer to the second heartbeat may take. Default 5 s.
    #[serde(rename = "wait_ms")]
    pub wait: Duration,
}

impl Default for Suspicion {
    fn default() -> Self {
        Self { heartbeats: NonZeroU32::MIN, after: Duration::from_secs(3), wait: Duration::from_secs(5) }
    }
}

/// What happens when the clock jumped: the machine slept, or the host was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Probe {
    /// How far past its deadline a wake-up counts as late. Default 5 s.
    #[serde(rename = "late_ms")]
    pub late: Duration,
    /// How long the probe's answer may take. Default 5 s.
    #[serde(rename = "wait_ms")]
    pub wait: Duration,
}

impl Probe {
    /// A probe of these two times.
    pub const fn new(late: Duration, wait: Duration) -> Self {
        Self { late, wait }
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self { late: Duration::from_secs(5), wait: Duration::from_secs(5) }
    }
}

impl HeartbeatPolicy {
    /// The period, never zero.
    pub(crate) fn period(&self) -> Duration {
        self.every.max(Duration::from_millis(1))
    }

    /// The longest silence before a link counts as dead, where the clock is looked at in time; `None` for never.
    pub(crate) fn notice(&self) -> Option<Duration> {
        let after = |heartbeats: NonZeroU32, rest: Duration| self.period().times(u64::from(heartbeats.get())) + rest;
        let dead_after = self.dead_after.map(|dead_after| after(dead_after.heartbeats, dead_after.grace));
        let suspicion = self.suspicion.map(|one| after(one.heartbeats, one.after + one.wait));
        [dead_after, suspicion].into_iter().flatten().min()
    }
}
