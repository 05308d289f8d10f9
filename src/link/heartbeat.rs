//! The heartbeat of one connection: when to beat, what counts as life, when silence is death.
//!
//! 1. Silence is never death without an unanswered heartbeat.
//! 2. A wake-up that comes late finds out first: one probe, one verdict; the beats that were missed are skipped.
//! 3. What has arrived counts before silence is judged: the caller reports frames first and ticks after.
//! 4. A link can be suspected before it is dead: asked again out of turn, with a verdict of its own.
//! 5. Every deadline here dies with the connection.

use core::num::NonZeroU32;

use crate::config::{HeartbeatPolicy, HeartbeatSchedule, Liveness};
use crate::deadline::{Deadline, Timer};
use crate::time::{Duration, Instant};

/// The bounds of what a server may ask for.
const ASKED: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

/// What the machine wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeartbeatDecision {
    /// Send a heartbeat.
    Send,
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
    /// The next heartbeat; never where the chain has ended.
    next_at: Instant,
    dead_at: Instant,
    /// The verdict on a probe that is out, in the place of the regular one; never where none is.
    probe_ends_at: Instant,
    suspicion_state: SuspicionState,
    unanswered: u32,
    question: RttProbe,
}

/// Whether silence has become suspicious.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum SuspicionState {
    Full,
    Until(Instant),
    Lost,
}

/// The last heartbeat, for the round-trip time and for lock-step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum RttProbe {
    None,
    Open(Instant),
    /// Several are open, so an answer cannot be matched to one (Karn's rule, RFC 6298 §3).
    Ambiguous,
}

impl Heartbeat {
    /// Starts with the connection, in the policy's period or in the one the server asked for; says whether a heartbeat goes
    /// out at once.
    pub(crate) fn start(now: Instant, policy: &HeartbeatPolicy, asked: Option<Duration>) -> (Self, bool) {
        let every = asked.map_or(policy.period(), |asked| asked.max(ASKED.0).min(ASKED.1));
        let mut heartbeat = Self {
            every,
            next_at: now + every,
            dead_at: Instant::NEVER,
            probe_ends_at: Instant::NEVER,
            suspicion_state: SuspicionState::Full,
            unanswered: 0,
            question: RttProbe::None,
        };
        if policy.at_ready {
            heartbeat.ask(now);
            // The greeting counts as a round only where the chain hangs on its answer.
            if policy.schedule == HeartbeatSchedule::LockStep {
                heartbeat.count(now, policy);
            }
        }
        (heartbeat, policy.at_ready)
    }

    /// Any frame has arrived; says whether the link was suspected until now.
    pub(crate) fn on_frame(&mut self, now: Instant, policy: &HeartbeatPolicy) -> bool {
        let suspected = self.suspicion_state == SuspicionState::Lost;
        self.probe_ends_at = Instant::NEVER;
        if suspected {
            self.suspicion_state = SuspicionState::Full;
        }
        if policy.liveness == Liveness::AnyFrame {
            self.on_life(now, policy);
        }
        suspected
    }

    /// Whether a heartbeat out of turn is unanswered: after a wake-up, a hint, or on suspicion.
    pub(crate) fn is_probing(&self) -> bool {
        !self.probe_ends_at.is_never()
    }

    /// The answer to a heartbeat has arrived; gives the round-trip time where it is known.
    pub(crate) fn on_reply(&mut self, now: Instant, policy: &HeartbeatPolicy) -> Option<Duration> {
        let rtt = match self.question {
            RttProbe::Open(asked) => Some(now.since(asked)),
            RttProbe::None | RttProbe::Ambiguous => None,
        };
        self.question = RttProbe::None;
        // Otherwise the frame itself was one.
        if policy.liveness == Liveness::Reply {
            self.on_life(now, policy);
        }
        rtt
    }

    fn on_life(&mut self, now: Instant, policy: &HeartbeatPolicy) {
        self.unanswered = 0;
        self.dead_at = Instant::NEVER;
        self.probe_ends_at = Instant::NEVER;
        self.suspicion_state = SuspicionState::Full;
        // A chain that had ended goes on where somebody wants to hear of a dead link.
        let ended = self.next_at.is_never() && policy.dead_after.is_some();
        if policy.schedule == HeartbeatSchedule::SinceLife || ended {
            self.next_at = now + self.every;
        }
    }

    /// The machine slept or the network changed: says whether a probe goes out, which it does unless one is under way.
    pub(crate) fn on_wake(&mut self, now: Instant, policy: &HeartbeatPolicy) -> bool {
        let Some(probe) = policy.probe.filter(|_| !self.is_probing()) else { return false };
        self.probe(now, policy, probe.wait);
        true
    }

    /// One of the timers of this heartbeat is due; it has stopped or moved when this returns.
    #[inline]
    pub(crate) fn on_timer(
        &mut self,
        now: Instant,
        due: Deadline,
        policy: &HeartbeatPolicy,
    ) -> Option<HeartbeatDecision> {
        match due.timer {
            Timer::Probe => return Some(HeartbeatDecision::Dead),
            _ => {
                if let Some(probe) = policy.probe.filter(|probe| now.since(due.at) > probe.late) {
                    self.probe(now, policy, probe.wait);
                    return Some(HeartbeatDecision::Send);
                }
            }
        }
        match (due.timer, policy.suspicion) {
            (Timer::Death, _) => return Some(HeartbeatDecision::Dead),
            (Timer::Suspicion, Some(suspicion)) => {
                let at_latest = self.death_by_heartbeats(policy);
                self.probe(now, policy, suspicion.wait);
                // To ask once more does not put off the verdict that silence has coming.
                self.probe_ends_at = at_latest.map_or(self.probe_ends_at, |at| self.probe_ends_at.min(at));
                self.suspicion_state = SuspicionState::Lost;
                return Some(HeartbeatDecision::Suspect);
            }
            _ => {}
        }
        if policy.schedule == HeartbeatSchedule::LockStep && self.question != RttProbe::None && self.unanswered > 0 {
            self.fall_silent(now, policy);
            return None;
        }
        self.next_at = self.next_heartbeat(now, due.at, policy);
        self.ask(now);
        self.count(now, policy);
        Some(HeartbeatDecision::Send)
    }

    /// When silence from here on would be judged death; `None` where it never is.
    pub(crate) fn death_if_silent(&self, policy: &HeartbeatPolicy) -> Option<Instant> {
        if policy.dead_after.is_none() && policy.suspicion.is_none() {
            return None;
        }
        if self.is_probing() {
            return Some(self.probe_ends_at);
        }
        let by_suspicion = policy.suspicion.and_then(|suspicion| match self.suspicion_state {
            SuspicionState::Until(at) => Some(at + suspicion.wait),
            _ => Some(self.nth_heartbeat(suspicion.heartbeats)? + suspicion.after + suspicion.wait),
        });
        [self.death_by_heartbeats(policy), by_suspicion].into_iter().flatten().min()
    }

    /// When the regular verdict comes if no frame does; `None` where there is none.
    fn death_by_heartbeats(&self, policy: &HeartbeatPolicy) -> Option<Instant> {
        let death = policy.dead_after?;
        match self.dead_at {
            Instant::NEVER => Some(self.nth_heartbeat(death.heartbeats)? + death.grace),
            at => Some(at),
        }
    }

    /// When the n-th unanswered heartbeat in a row would go out, or the next one where so many have.
    fn nth_heartbeat(&self, n: NonZeroU32) -> Option<Instant> {
        let remaining = u64::from(n.get().saturating_sub(self.unanswered).max(1)) - 1;
        (!self.next_at.is_never()).then(|| self.next_at + self.every.times(remaining))
    }

    /// The next moment at which this machine wants a tick.
    pub(crate) fn deadline(&self) -> Deadline {
        let verdict = if self.is_probing() {
            Deadline { at: self.probe_ends_at, timer: Timer::Probe }
        } else {
            Deadline { at: self.dead_at, timer: Timer::Death }.earlier(self.suspicion())
        };
        verdict.earlier(Deadline { at: self.next_at, timer: Timer::Heartbeat })
    }

    fn suspicion(&self) -> Deadline {
        match self.suspicion_state {
            SuspicionState::Until(at) => Deadline { at, timer: Timer::Suspicion },
            SuspicionState::Full | SuspicionState::Lost => Deadline::NEVER,
        }
    }

    fn probe(&mut self, now: Instant, policy: &HeartbeatPolicy, wait: Duration) {
        self.next_at = match (self.next_at, policy.schedule) {
            // A chain that had ended goes on where somebody wants to hear of a dead link.
            (Instant::NEVER, _) => policy.dead_after.map_or(Instant::NEVER, |_| now + self.every),
            // A hint comes before the beat is due, which then stays where the grid has it.
            (due, HeartbeatSchedule::Grid) if due > now => due,
            (due, HeartbeatSchedule::Grid) => self.next_heartbeat(now, due, policy),
            (_, HeartbeatSchedule::SinceLife | HeartbeatSchedule::LockStep) => now + self.every,
        };
        self.unanswered = 0;
        self.dead_at = Instant::NEVER;
        self.probe_ends_at = now + wait;
        self.suspicion_state = SuspicionState::Full;
        self.ask(now);
    }

    /// The last beat of a chain was not echoed: it ends here, and the link is dead when the beats that are left out would have
    /// been unanswered too.
    fn fall_silent(&mut self, now: Instant, policy: &HeartbeatPolicy) {
        self.next_at = Instant::NEVER;
        if let (Some(death), Instant::NEVER) = (policy.dead_after, self.dead_at) {
            let left_out = u64::from(death.heartbeats.get().saturating_sub(self.unanswered.saturating_add(1)));
            self.dead_at = now + self.every.times(left_out) + death.grace;
        }
    }

    fn ask(&mut self, now: Instant) {
        self.question = match self.question {
            RttProbe::None => RttProbe::Open(now),
            RttProbe::Open(_) | RttProbe::Ambiguous => RttProbe::Ambiguous,
        };
    }

    #[inline]
    fn count(&mut self, now: Instant, policy: &HeartbeatPolicy) {
        self.unanswered = self.unanswered.saturating_add(1);
        if self.is_probing() {
            return;
        }
        if let Some(death) = policy.dead_after.filter(|death| self.unanswered == death.heartbeats.get()) {
            self.dead_at = now + death.grace;
        }
        if let Some(suspicion) = policy.suspicion.filter(|suspicion| self.unanswered == suspicion.heartbeats.get()) {
            self.suspicion_state = SuspicionState::Until(now + suspicion.after);
        }
    }

    fn next_heartbeat(&self, now: Instant, due: Instant, policy: &HeartbeatPolicy) -> Instant {
        match policy.schedule {
            HeartbeatSchedule::Grid => {
                let missed = now.since(due).as_millis() / self.every.as_millis();
                due + self.every.times(missed.saturating_add(1))
            }
            HeartbeatSchedule::SinceLife | HeartbeatSchedule::LockStep => now + self.every,
        }
    }
}
