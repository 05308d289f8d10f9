//! Settings for heartbeats, and for when a silent link counts as dead.

use core::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::time::Duration;

/// Settings for heartbeats, and for when a silent link counts as dead.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HeartbeatPolicy {
    /// The time between heartbeats. Default 25 s: below the 30 s after which strict middleboxes drop idle links.
    /// Lower it to notice dead links sooner, raise it to save battery. Zero counts as 1 ms. A server may ask for
    /// another period, between 5 s and 5 min, where the dialect has a field for that.
    #[serde(rename = "every_ms")]
    pub every: Duration,
    /// Whether a heartbeat is sent as soon as the connection is ready. Default `false`: the handshake has just shown
    /// that the link works. Use `true` for servers that wait for a heartbeat.
    pub at_ready: bool,
    /// Selects the moment from which the time between heartbeats runs. Default [`HeartbeatSchedule::SinceLife`]: a
    /// busy link needs no heartbeats.
    pub schedule: HeartbeatSchedule,
    /// Selects which frames count as a sign of life. Default [`Liveness::AnyFrame`]: any frame that arrives shows
    /// that the link works. Use [`Liveness::Reply`] where a proxy in between could be the sender of those frames.
    pub liveness: Liveness,
    /// When a silent link counts as dead. Default 2 unanswered heartbeats and 5 s: one heartbeat may be lost to a bad
    /// moment, two are not. `None` leaves that to `suspicion`; with neither, silence never ends a link, for
    /// services that answer no heartbeat.
    pub dead_after: Option<DeadAfter>,
    /// When a silent link is suspected and a heartbeat is sent out of turn. Default [`Suspicion::default`]: a dead link
    /// is noticed 8 s after the first unanswered heartbeat, and reported as suspected before. Suspicion never makes the
    /// notice of a dead link slower. `None` reports silence only once the link is dead, which saves one heartbeat on
    /// lines whose answers take longer than 3 s.
    #[serde(default)]
    pub suspicion: Option<Suspicion>,
    /// The time after which messages that left and brought no byte back raise suspicion. Default 10 s: with the answer
    /// to the probe, a link that is half open under traffic is found dead within 15 s. `None` leaves silence to the
    /// schedule, for services that answer no heartbeat. It has no effect where silence never ends a link.
    #[serde(default, rename = "unanswered_ms")]
    pub unanswered: Option<Duration>,
    /// The reaction to a wake-up that comes late. Default: a wake-up more than 5 s late counts as a suspend; one
    /// probe is sent, and its answer may take 5 s. `None` handles a late wake-up like any other. It has no effect where
    /// silence never ends a link, and neither has a hint of the host then: nobody has to answer there.
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
            suspicion: Some(Suspicion::default()),
            unanswered: Some(Duration::from_secs(10)),
            probe: Some(Probe::default()),
        }
    }
}

/// The moment from which the time between heartbeats runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HeartbeatSchedule {
    /// Heartbeats run on a fixed grid from the moment the connection was ready, whatever else happens.
    Grid,
    /// The time runs from the last sign of life, or from the last heartbeat if that is later.
    SinceLife,
    /// The time runs from the last heartbeat. If that heartbeat is unanswered when the next is due, the chain of
    /// heartbeats ends.
    LockStep,
}

/// The frames that count as a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Liveness {
    /// Any frame of the peer counts.
    AnyFrame,
    /// Only a heartbeat reply counts. A reply that comes late behind long messages on a slow line ends the connection,
    /// however much arrives before it. Where the client sends no heartbeats, any frame counts.
    Reply,
}

/// When a silent link counts as dead: a number of unanswered heartbeats in a row, and a grace after the last of them.
///
/// Where only the server sends heartbeats ([`Heartbeats::Answers`](crate::dialect::Heartbeats)), a link counts as dead
/// once nothing was heard for as many periods and the grace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DeadAfter {
    /// The number of unanswered heartbeats in a row.
    pub heartbeats: NonZeroU32,
    /// The time after the last of these heartbeats.
    #[serde(rename = "grace_ms")]
    pub grace: Duration,
}

impl DeadAfter {
    /// Makes the rule from a number of unanswered heartbeats in a row and a grace. Returns `None`, which means never,
    /// for zero heartbeats.
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

    /// The grace, in which the answer to a heartbeat must be able to come where the first one decides.
    pub(crate) fn patience(self) -> Duration {
        if self.heartbeats == NonZeroU32::MIN { self.grace.max(TICK) } else { self.grace }
    }

    /// The longest silence, for heartbeats with this time between them.
    pub(crate) fn silence(self, every: Duration) -> Duration {
        every.times(u64::from(self.heartbeats.get())) + self.patience()
    }
}

/// The shortest time that a clock can tell.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// The role of heartbeats on a connection: whether this end sends any, and what proves a silent link dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Role {
    pub(crate) sends: bool,
    pub(crate) proof: DeathProof,
}

/// The proof that a silent link is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum DeathProof {
    /// Heartbeats that stay unanswered.
    Unanswered,
    /// Silence alone, because the other end sends heartbeats of its own.
    Silence,
    /// There is none: silence means nothing.
    None,
}

/// When a silent link is suspected: a number of unanswered heartbeats in a row, and a time after the last of them.
///
/// A suspected link is reported as `Suspected`, and a heartbeat is sent at once. If that heartbeat stays unanswered
/// too, the link is dead.
///
/// ```
/// use redial::{Config, Duration};
/// use redial::config::Suspicion;
/// let mut config = Config::default();
/// assert_eq!(config.heartbeat.suspicion, Some(Suspicion::default()));
/// assert_eq!(config.bounds().notice_dead_link, Some(Duration::from_secs(25 + 3 + 5)));
/// config.heartbeat.suspicion = None;
/// assert_eq!(config.bounds().notice_dead_link, Some(Duration::from_secs(2 * 25 + 5)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Suspicion {
    /// The number of unanswered heartbeats in a row. Default 1.
    pub heartbeats: NonZeroU32,
    /// The time after the last of these heartbeats. Default 3 s, longer than any round trip that is of use.
    #[serde(rename = "after_ms")]
    pub after: Duration,
    /// The time that the answer to the heartbeat out of turn may take. Default 5 s.
    #[serde(rename = "wait_ms")]
    pub wait: Duration,
}

impl Default for Suspicion {
    fn default() -> Self {
        Self { heartbeats: NonZeroU32::MIN, after: Duration::from_secs(3), wait: Duration::from_secs(5) }
    }
}

/// The reaction to a jump of the clock, after the machine slept or the host was stopped: one heartbeat out of turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Probe {
    /// The delay past its deadline from which a wake-up counts as late. Default 5 s.
    #[serde(rename = "late_ms")]
    pub late: Duration,
    /// The time that the answer to the probe may take. Default 5 s.
    #[serde(rename = "wait_ms")]
    pub wait: Duration,
}

impl Probe {
    /// Makes a probe from these two times.
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
    /// The time between heartbeats, at least 1 ms.
    pub(crate) fn period(&self) -> Duration {
        self.every.max(TICK)
    }

    /// The time that the answer to a probe on suspicion may take.
    pub(crate) fn suspicion_wait(&self) -> Duration {
        let probe = self.probe.map_or(Probe::default().wait, |probe| probe.wait);
        self.suspicion.map_or(probe, |suspicion| suspicion.wait).max(TICK)
    }

    /// Whether silence ever ends a link.
    pub(crate) fn silence_ends_links(&self) -> bool {
        self.dead_after.is_some() || self.suspicion.is_some()
    }

    /// The reaction to a late wake-up, where silence ends a link at all.
    pub(crate) fn probe(&self) -> Option<Probe> {
        self.probe.filter(|_| self.silence_ends_links())
    }

    /// The time after which unanswered messages raise suspicion, where silence ends a link at all.
    pub(crate) fn unanswered(&self) -> Option<Duration> {
        self.unanswered.filter(|_| self.silence_ends_links()).map(|span| span.max(TICK))
    }

    /// The longest time in which a dead link is noticed while messages leave, counted from when the first of them left.
    pub(crate) fn notice_under_traffic(&self, every: Duration, proof: DeathProof) -> Option<Duration> {
        let asks =
            self.unanswered().filter(|_| proof == DeathProof::Unanswered).map(|span| span + self.suspicion_wait());
        [asks, self.notice(every, proof)].into_iter().flatten().min()
    }

    /// The longest silence before a link counts as dead, provided that the host ticks in time; `None` for never.
    /// `every` is the time between heartbeats.
    pub(crate) fn notice(&self, every: Duration, proof: DeathProof) -> Option<Duration> {
        let dead_after = self.dead_after.filter(|_| proof != DeathProof::None).map(|after| after.silence(every));
        let suspicion = self.suspicion.filter(|_| proof == DeathProof::Unanswered).map(|suspicion| {
            every.times(u64::from(suspicion.heartbeats.get())) + suspicion.after + self.suspicion_wait()
        });
        [dead_after, suspicion].into_iter().flatten().min()
    }
}
