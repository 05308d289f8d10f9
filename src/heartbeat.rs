//! The heartbeat of one connection: when to beat, what counts as life, when silence is death.
//!
//! 1. Silence is never death without an unanswered heartbeat.
//! 2. A wake-up that comes late finds out first: one probe, one verdict; the beats that were missed are skipped.
//! 3. What has arrived counts before silence is judged: the caller reports frames first and ticks after.
//! 4. A link can be suspected before it is dead: asked again out of turn, with a verdict of its own.
//! 5. Every deadline here dies with the connection.

use core::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::time::{Duration, Instant};
use crate::timer::{Deadline, Timer};

/// Heartbeats, and when a silent link is dead.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatPolicy {
    /// The time between heartbeats. Default 25 s: under the 30 s after which strict middleboxes drop idle links. Lower it to notice
    /// dead links sooner, raise it for batteries. Zero counts as 1 ms. A server may ask for another, between 5 s and 5 min, where the
    /// dialect lets it.
    #[serde(rename = "every_ms")]
    pub every: Duration,
    /// Whether one is sent as soon as the connection is ready. Default no: the handshake was life enough. Change it for servers that
    /// wait for one.
    pub at_ready: bool,
    /// What the time is counted from. Default [`Clock::SinceLife`]: a busy link needs no heartbeats.
    pub clock: Clock,
    /// What counts as life. Default [`Life::AnyFrame`]: bytes that arrive prove the link. Change it where a proxy in between could be
    /// the one that sends them.
    pub life: Life,
    /// When silence is death. Default after 2 unanswered heartbeats and 5 s: one may be lost to a bad moment, two are not. `None`
    /// never, for services that answer no heartbeat.
    pub death: Option<Death>,
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
            clock: Clock::SinceLife,
            life: Life::AnyFrame,
            death: Some(Death { beats: NonZeroU32::MIN.saturating_add(1), grace: Duration::from_secs(5) }),
            suspicion: None,
            probe: Some(Probe::default()),
        }
    }
}

/// What the time between heartbeats is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
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
pub enum Life {
    /// Any frame of the peer.
    AnyFrame,
    /// Only the answer to a heartbeat.
    Reply,
}

/// When silence is death: so many heartbeats in a row unanswered, and a grace after the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Death {
    /// Unanswered heartbeats in a row.
    pub beats: NonZeroU32,
    /// The time after the last of them.
    #[serde(rename = "grace_ms")]
    pub grace: Duration,
}

impl Death {
    /// After so many heartbeats in a row unanswered and a grace; `None`, never, for zero.
    ///
    /// ```
    /// use redial::{Death, Duration};
    /// assert_eq!(Death::after(5, Duration::ZERO).map(|death| death.beats.get()), Some(5));
    /// assert_eq!(Death::after(0, Duration::ZERO), None);
    /// ```
    pub const fn after(beats: u32, grace: Duration) -> Option<Self> {
        match NonZeroU32::new(beats) {
            Some(beats) => Some(Self { beats, grace }),
            None => None,
        }
    }
}

/// When a silent link is suspected: so many heartbeats in a row unanswered, and a while after the last of them. It is told as
/// `Suspected`, a heartbeat goes out at once, and a link that says nothing to that either is dead.
///
/// ```
/// use redial::{Config, Duration, Suspicion};
/// let mut config = Config::default();
/// config.heartbeat.suspicion = Some(Suspicion::default());
/// assert_eq!(config.bounds().notice_dead_link, Some(Duration::from_secs(25 + 3 + 5)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspicion {
    /// Unanswered heartbeats in a row. Default 1.
    pub beats: NonZeroU32,
    /// The time after the last of them. Default 3 s, longer than any round trip that is of use.
    #[serde(rename = "after_ms")]
    pub after: Duration,
    /// How long the answer to the second heartbeat may take. Default 5 s.
    #[serde(rename = "wait_ms")]
    pub wait: Duration,
}

impl Default for Suspicion {
    fn default() -> Self {
        Self { beats: NonZeroU32::MIN, after: Duration::from_secs(3), wait: Duration::from_secs(5) }
    }
}

/// What happens when the clock jumped: the machine slept, or the host was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// How far past its deadline a wake-up counts as late. Default 5 s.
    #[serde(rename = "late_ms")]
    pub late: Duration,
    /// How long the probe's answer may take. Default 5 s.
    #[serde(rename = "wait_ms")]
    pub wait: Duration,
}

impl Default for Probe {
    fn default() -> Self {
        Self { late: Duration::from_secs(5), wait: Duration::from_secs(5) }
    }
}

/// The bounds of what a server may ask for.
const ASKED: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

/// What the machine wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Send a heartbeat.
    Beat,
    /// Send a heartbeat out of turn, and tell why.
    Suspect,
    /// The link is dead.
    Dead,
}

/// One connection's heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Heartbeat {
    /// The time between heartbeats on this connection: the policy's, or what the server asked for.
    every: Duration,
    beat_at: Option<Instant>,
    dead_at: Option<Instant>,
    /// Set while a probe is out: it stands in for the regular verdict.
    verdict_at: Option<Instant>,
    trust: Trust,
    unanswered: u32,
    question: Question,
}

/// Whether silence has become suspicious.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Trust {
    Full,
    Until(Instant),
    Lost,
}

/// The last heartbeat, for the round-trip time and for lock-step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Question {
    None,
    Open(Instant),
    /// Several are open, so an answer cannot be matched to one (Karn's rule, RFC 6298 §3).
    Ambiguous,
}

impl Heartbeat {
    /// Starts with the connection, in the policy's time or in the one the server asked for; the verdict is `Beat` where one
    /// goes out at once.
    pub(crate) fn start(now: Instant, policy: &HeartbeatPolicy, asked: Option<Duration>) -> (Self, Option<Verdict>) {
        let every = asked.map_or(policy.period(), |asked| asked.max(ASKED.0).min(ASKED.1));
        let mut heartbeat = Self {
            every,
            beat_at: Some(now + every),
            dead_at: None,
            verdict_at: None,
            trust: Trust::Full,
            unanswered: 0,
            question: Question::None,
        };
        if policy.at_ready {
            heartbeat.ask(now);
            // The greeting counts as a round only where the chain hangs on its answer.
            if policy.clock == Clock::LockStep {
                heartbeat.count(now, policy);
            }
        }
        (heartbeat, policy.at_ready.then_some(Verdict::Beat))
    }

    /// Any frame has arrived; says whether the link was suspected until now.
    pub(crate) fn on_frame(&mut self, now: Instant, policy: &HeartbeatPolicy) -> bool {
        let suspected = self.trust == Trust::Lost;
        self.verdict_at = None;
        if suspected {
            self.trust = Trust::Full;
        }
        if policy.life == Life::AnyFrame {
            self.on_life(now, policy);
        }
        suspected
    }

    /// Whether a heartbeat out of turn is unanswered: after a wake-up, a hint, or on suspicion.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.verdict_at.is_some()
    }

    /// The answer to a heartbeat has arrived; gives the round-trip time where it is known.
    pub(crate) fn on_reply(&mut self, now: Instant, policy: &HeartbeatPolicy) -> Option<Duration> {
        let rtt = match self.question {
            Question::Open(asked) => Some(now.since(asked)),
            Question::None | Question::Ambiguous => None,
        };
        self.question = Question::None;
        self.on_life(now, policy);
        rtt
    }

    fn on_life(&mut self, now: Instant, policy: &HeartbeatPolicy) {
        self.unanswered = 0;
        self.dead_at = None;
        self.verdict_at = None;
        self.trust = Trust::Full;
        // A chain that had ended goes on where somebody wants to hear of a dead link.
        let ended = self.beat_at.is_none() && policy.death.is_some();
        if policy.clock == Clock::SinceLife || ended {
            self.beat_at = Some(now + self.every);
        }
    }

    /// The machine slept or the network changed: find out, unless that is under way.
    pub(crate) fn on_wake(&mut self, now: Instant, policy: &HeartbeatPolicy) -> Option<Verdict> {
        let probe = policy.probe?;
        if self.verdict_at.is_some() {
            return None;
        }
        self.probe(now, policy, probe.wait);
        Some(Verdict::Beat)
    }

    /// Time has passed; to be called until it has nothing more to say.
    pub(crate) fn on_tick(&mut self, now: Instant, policy: &HeartbeatPolicy) -> Option<Verdict> {
        let due = self.deadline();
        if !due.is_due(now) {
            return None;
        }
        match due.timer {
            Timer::Probe => return Some(Verdict::Dead),
            _ => {
                if let Some(probe) = policy.probe.filter(|probe| now.since(due.at) > probe.late) {
                    self.probe(now, policy, probe.wait);
                    return Some(Verdict::Beat);
                }
            }
        }
        match (due.timer, policy.suspicion) {
            (Timer::Death, _) => return Some(Verdict::Dead),
            (Timer::Suspicion, Some(suspicion)) => {
                self.probe(now, policy, suspicion.wait);
                self.trust = Trust::Lost;
                return Some(Verdict::Suspect);
            }
            _ => {}
        }
        if policy.clock == Clock::LockStep && self.question != Question::None && self.unanswered > 0 {
            self.fall_silent(now, policy);
            return None;
        }
        self.beat_at = Some(self.next_beat(now, due.at, policy));
        self.ask(now);
        self.count(now, policy);
        Some(Verdict::Beat)
    }

    /// When silence from here on would be judged death; `None` where it never is.
    pub(crate) fn death_if_silent(&self, policy: &HeartbeatPolicy) -> Option<Instant> {
        if policy.death.is_none() && policy.suspicion.is_none() {
            return None;
        }
        if let Some(at) = self.verdict_at {
            return Some(at);
        }
        let by_death =
            policy.death.and_then(|death| self.dead_at.or_else(|| Some(self.nth_beat(death.beats)? + death.grace)));
        let by_suspicion = policy.suspicion.and_then(|suspicion| match self.trust {
            Trust::Until(at) => Some(at + suspicion.wait),
            _ => Some(self.nth_beat(suspicion.beats)? + suspicion.after + suspicion.wait),
        });
        [by_death, by_suspicion].into_iter().flatten().min()
    }

    /// When the n-th unanswered heartbeat in a row would go out, or the next one where so many have.
    fn nth_beat(&self, n: NonZeroU32) -> Option<Instant> {
        let remaining = u64::from(n.get().saturating_sub(self.unanswered).max(1)) - 1;
        Some(self.beat_at? + self.every.times(remaining))
    }

    /// The next moment at which this machine wants a tick.
    pub(crate) fn deadline(&self) -> Deadline {
        let verdict = match self.verdict_at {
            Some(at) => Deadline { at, timer: Timer::Probe },
            None => Deadline::perhaps(self.dead_at, Timer::Death).earlier(self.suspicion()),
        };
        verdict.earlier(Deadline::perhaps(self.beat_at, Timer::Heartbeat))
    }

    fn suspicion(&self) -> Deadline {
        match self.trust {
            Trust::Until(at) => Deadline { at, timer: Timer::Suspicion },
            Trust::Full | Trust::Lost => Deadline::NEVER,
        }
    }

    fn probe(&mut self, now: Instant, policy: &HeartbeatPolicy, wait: Duration) {
        self.beat_at = match (self.beat_at, policy.clock) {
            // A chain that had ended goes on where somebody wants to hear of a dead link.
            (None, _) => policy.death.map(|_| now + self.every),
            // A hint comes before the beat is due, which then stays where the grid has it.
            (Some(due), Clock::Grid) if due > now => Some(due),
            (Some(due), Clock::Grid) => Some(self.next_beat(now, due, policy)),
            (Some(_), Clock::SinceLife | Clock::LockStep) => Some(now + self.every),
        };
        self.unanswered = 0;
        self.dead_at = None;
        self.verdict_at = Some(now + wait);
        self.trust = Trust::Full;
        self.ask(now);
    }

    /// The last beat of a chain was not echoed: it ends here, and the link is dead when the beats that are left out would have
    /// been unanswered too.
    fn fall_silent(&mut self, now: Instant, policy: &HeartbeatPolicy) {
        self.beat_at = None;
        if let (Some(death), None) = (policy.death, self.dead_at) {
            let left_out = u64::from(death.beats.get().saturating_sub(self.unanswered.saturating_add(1)));
            self.dead_at = Some(now + self.every.times(left_out) + death.grace);
        }
    }

    fn ask(&mut self, now: Instant) {
        self.question = match self.question {
            Question::None => Question::Open(now),
            Question::Open(_) | Question::Ambiguous => Question::Ambiguous,
        };
    }

    fn count(&mut self, now: Instant, policy: &HeartbeatPolicy) {
        self.unanswered = self.unanswered.saturating_add(1);
        let last = policy.death.filter(|death| self.unanswered == death.beats.get());
        if let (Some(death), None) = (last, self.verdict_at) {
            self.dead_at = Some(now + death.grace);
        }
        let last = policy.suspicion.filter(|suspicion| self.unanswered == suspicion.beats.get());
        if let (Some(suspicion), None) = (last, self.verdict_at) {
            self.trust = Trust::Until(now + suspicion.after);
        }
    }

    fn next_beat(&self, now: Instant, due: Instant, policy: &HeartbeatPolicy) -> Instant {
        match policy.clock {
            Clock::Grid => {
                let missed = now.since(due).as_millis() / self.every.as_millis();
                due + self.every.times(missed.saturating_add(1))
            }
            Clock::SinceLife | Clock::LockStep => now + self.every,
        }
    }
}

impl HeartbeatPolicy {
    /// The period, never zero.
    pub(crate) fn period(&self) -> Duration {
        self.every.max(Duration::from_millis(1))
    }

    /// The longest silence before a link counts as dead, where the clock is looked at in time; `None` for never.
    pub(crate) fn notice(&self) -> Option<Duration> {
        let after = |beats: NonZeroU32, rest: Duration| self.period().times(u64::from(beats.get())) + rest;
        let death = self.death.map(|death| after(death.beats, death.grace));
        let suspicion = self.suspicion.map(|one| after(one.beats, one.after + one.wait));
        [death, suspicion].into_iter().flatten().min()
    }
}
