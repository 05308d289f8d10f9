//! Heartbeat of one connection: decides when heartbeats go out, what counts as life, and when a silent link is dead.
//!
//! 1. No link counts as dead without an unanswered heartbeat, or without a silence that the other end's own heartbeats
//!    would have broken, as the dialect says. Where a heartbeat can neither be sent nor heard, silence proves nothing.
//! 2. A tick that comes late sends one probe and waits for one answer; heartbeats that were missed are skipped.
//! 3. A frame that has arrived counts before silence is judged: the caller reports frames first and ticks after.
//! 4. A silent link can be suspected before it counts as dead: a probe goes out, and it has a deadline of its own. The
//!    deadlines that hold without suspicion stay as they are.
//! 5. Every deadline of a heartbeat ends with its connection.
//! 6. Messages that left and brought no byte back raise suspicion before the schedule would.
//! 7. A heartbeat that the socket has not taken is not unanswered: its deadlines start when its last byte is written.
//! 8. While the session does not read, silence proves nothing: heartbeats go out and none counts, and a probe goes
//!    first when reading resumes after a pause as long as a late wake-up.
//! 9. A heartbeat that was not sent is not unanswered.
//! 10. Where nothing can be asked, a doubt ends after a time of its own, and proves nothing.

use core::num::NonZeroU32;

use crate::config::{DeathProof, HeartbeatPolicy, HeartbeatSchedule, Liveness, Probe, Role, TICK};
use crate::deadline::{Deadline, Timer};
use crate::time::{Duration, Instant};

/// Shortest and longest heartbeat period that a server may ask for.
const SERVER_PERIOD: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

/// Decision of a heartbeat timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeartbeatDecision {
    /// Send a heartbeat.
    Send,
    /// Send a probe, and report that the link is suspected.
    Suspect,
    /// The link is dead.
    Dead,
    /// The session did not read for too long.
    Unread,
}

/// Heartbeat of one connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Heartbeat {
    /// Time between heartbeats on this connection: the policy's, or the server's where it asked for one.
    every: Duration,
    /// Whether heartbeats are sent on this connection, and what proves it dead.
    role: Role,
    /// Time of the next heartbeat; [`Instant::NEVER`] when the lock-step chain has ended, and where none
    /// is sent.
    next_at: Instant,
    /// Time at which the silent link counts as dead; [`Instant::NEVER`] until as many heartbeats are unanswered as
    /// `dead_after` says, or a lock-step chain has ended. Where silence itself is judged, it runs from the last byte.
    dead_at: Instant,
    /// End of the wait for a probe; [`Instant::NEVER`] without a probe.
    probe_ends_at: Instant,
    suspicion_state: SuspicionState,
    unanswered: u32,
    round_trip: RoundTrip,
    /// What the heartbeat that went out last stands for.
    last: Turn,
    /// When the heartbeat was handed over that the socket has not taken; [`Instant::NEVER`] while there is none.
    unwritten_since: Instant,
    /// When messages that left and brought no byte back raise suspicion; [`Instant::NEVER`] while there are none.
    unanswered_at: Instant,
    /// End of the time for which the session may not read; [`Instant::NEVER`] while it reads.
    pause_ends_at: Instant,
    /// End of a doubt in which nothing can be asked; [`Instant::NEVER`] without one.
    doubt_ends_at: Instant,
    /// Whether the heartbeat is unwritten or the session does not read, so that silence is not judged.
    held: bool,
}

/// Suspicion of a silent link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum SuspicionState {
    /// Silence is not suspicious yet.
    Clear,
    /// Silence that lasts until then makes the link suspected.
    DueAt(Instant),
    /// The link is suspected.
    Suspected,
}

/// What a heartbeat stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Turn {
    /// A place in the schedule.
    Regular,
    /// A probe, or a heartbeat of which none is counted.
    OutOfTurn,
}

/// Heartbeat whose reply measures the round-trip time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum RoundTrip {
    None,
    Open(Instant),
    /// Several heartbeats are unanswered, so a reply cannot be matched to one of them (Karn's algorithm, RFC 6298 §3).
    Ambiguous,
}

impl Heartbeat {
    /// Starts the heartbeat of a ready connection; returns whether a heartbeat goes out at once.
    ///
    /// `asked` is the period that the server asked for; it replaces the policy's, within 5 s to 5 min.
    pub(crate) fn start(now: Instant, policy: &HeartbeatPolicy, asked: Option<Duration>, role: Role) -> (Self, bool) {
        let mut heartbeat = Self {
            every: asked.map_or(policy.period(), |asked| asked.max(SERVER_PERIOD.0).min(SERVER_PERIOD.1)),
            role,
            next_at: Instant::NEVER,
            dead_at: Instant::NEVER,
            probe_ends_at: Instant::NEVER,
            suspicion_state: SuspicionState::Clear,
            unanswered: 0,
            round_trip: RoundTrip::None,
            last: Turn::OutOfTurn,
            unwritten_since: Instant::NEVER,
            unanswered_at: Instant::NEVER,
            pause_ends_at: Instant::NEVER,
            doubt_ends_at: Instant::NEVER,
            held: false,
        };
        heartbeat.begin(now, policy);
        let send_now = policy.at_ready && role.sends;
        if send_now {
            heartbeat.on_heartbeat_sent(now, Turn::Regular);
            // Only a lock-step chain depends on the answer to the first heartbeat.
            if policy.schedule == HeartbeatSchedule::LockStep {
                heartbeat.count_unanswered(now, policy);
            }
        }
        (heartbeat, send_now)
    }

    /// Begins anew in another role, because the host can send other frames than before.
    pub(crate) fn set_role(&mut self, now: Instant, policy: &HeartbeatPolicy, role: Role) {
        if role == self.role {
            return;
        }
        self.role = role;
        self.forget_questions();
        self.probe_ends_at = Instant::NEVER;
        self.begin(now, policy);
    }

    fn begin(&mut self, now: Instant, policy: &HeartbeatPolicy) {
        self.next_at = if self.role.sends { now + self.every } else { Instant::NEVER };
        self.restart_silence(now, policy);
    }

    /// Starts the time of silence anew, where silence itself is judged.
    fn restart_silence(&mut self, now: Instant, policy: &HeartbeatPolicy) {
        self.dead_at = match policy.dead_after.filter(|_| self.role.proof == DeathProof::Silence) {
            Some(after) => now + after.silence(self.every),
            None => Instant::NEVER,
        };
    }

    /// Time between heartbeats on this connection.
    pub(crate) fn every(&self) -> Duration {
        self.every
    }

    /// Whether heartbeats that stay unanswered prove this connection dead.
    fn asks(&self) -> bool {
        self.role.proof == DeathProof::Unanswered
    }

    /// Ends a probe and a suspicion on any frame, which also counts as life under [`Liveness::AnyFrame`] and where no
    /// reply can come; returns whether the link was suspected.
    pub(crate) fn on_frame(&mut self, now: Instant, policy: &HeartbeatPolicy) -> bool {
        let suspected = self.suspicion_state == SuspicionState::Suspected;
        self.probe_ends_at = Instant::NEVER;
        self.unanswered_at = Instant::NEVER;
        self.doubt_ends_at = Instant::NEVER;
        if suspected {
            self.suspicion_state = SuspicionState::Clear;
        }
        if policy.liveness == Liveness::AnyFrame || !self.asks() {
            self.on_life(now, policy);
        } else if suspected && self.has_ended(policy) {
            // Silence that goes on is suspected anew.
            self.next_at = now + self.every;
        }
        suspected
    }

    /// Whether a probe is unanswered. Probes go out after a late tick, after a hint, and on suspicion.
    pub(crate) fn is_probing(&self) -> bool {
        !self.probe_ends_at.is_never()
    }

    /// Whether messages that can wait do so: a probe is unanswered, or nothing could be asked in a doubt.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.is_probing() || !self.doubt_ends_at.is_never()
    }

    /// Puts the link in doubt for as long as a probe would, where none is unanswered.
    pub(crate) fn doubt(&mut self, now: Instant) {
        if !self.is_in_doubt() {
            self.doubt_ends_at = now + Probe::default().wait;
        }
    }

    /// Takes a heartbeat reply as life; returns the round-trip time when it is known.
    pub(crate) fn on_reply(&mut self, now: Instant, policy: &HeartbeatPolicy) -> Option<Duration> {
        let rtt = match self.round_trip {
            RoundTrip::Open(asked) => Some(now.since(asked)),
            RoundTrip::None | RoundTrip::Ambiguous => None,
        };
        self.round_trip = RoundTrip::None;
        // Under `Liveness::AnyFrame` the frame that carried the reply was taken as life already.
        if policy.liveness == Liveness::Reply {
            self.on_life(now, policy);
        }
        rtt
    }

    /// Notes that a message left.
    #[inline]
    pub(crate) fn on_asked(&mut self, now: Instant, policy: &HeartbeatPolicy) {
        if self.unanswered_at.is_never() && self.asks() && !self.is_paused() && !self.is_probing() {
            self.unanswered_at = policy.unanswered().map_or(Instant::NEVER, |span| now + span);
        }
    }

    /// Holds every deadline of a heartbeat that the socket has not taken yet.
    pub(crate) fn on_unwritten(&mut self, now: Instant) {
        // At the end of the clock `now` is never, which stands for no heartbeat here.
        self.unwritten_since = now.min(Instant::NEVER - Duration::from_millis(1));
        self.held = true;
    }

    /// Starts the deadlines of a heartbeat that the socket has taken completely.
    pub(crate) fn on_written(&mut self, now: Instant, policy: &HeartbeatPolicy) {
        let since = core::mem::replace(&mut self.unwritten_since, Instant::NEVER);
        if since.is_never() {
            return;
        }
        self.held = self.is_paused();
        let late = now.since(since);
        self.dead_at = self.dead_at + late;
        self.probe_ends_at = self.probe_ends_at + late;
        // The wait behind other bytes is no late tick.
        self.unanswered_at = self.unanswered_at.max(now);
        if let SuspicionState::DueAt(at) = &mut self.suspicion_state {
            *at = *at + late;
        }
        if let RoundTrip::Open(asked) = &mut self.round_trip {
            *asked = now;
        }
        if !self.next_at.is_never() && late > Duration::ZERO {
            self.next_at = match policy.schedule {
                HeartbeatSchedule::Grid if self.next_at > now => self.next_at,
                HeartbeatSchedule::Grid => {
                    if self.last == Turn::OutOfTurn && !self.is_paused() {
                        // No heartbeat follows for the place in the grid that passed meanwhile, so this one counts.
                        self.count_unanswered(now, policy);
                    }
                    self.next_heartbeat(now, self.next_at, policy)
                }
                // A probe on suspicion leaves the next heartbeat where it was, so that it may come sooner.
                HeartbeatSchedule::SinceLife | HeartbeatSchedule::LockStep => {
                    (self.next_at + late).min(now + self.every)
                }
            };
        }
    }

    /// Forgets what was asked, a probe included, because a heartbeat was not sent.
    pub(crate) fn on_unsent(&mut self, now: Instant, policy: &HeartbeatPolicy) {
        self.unwritten_since = Instant::NEVER;
        self.held = self.is_paused();
        self.forget_questions();
        self.probe_ends_at = Instant::NEVER;
        self.restart_silence(now, policy);
        if self.has_ended(policy) {
            self.next_at = now + self.every;
        }
    }

    /// Whether the session does not read.
    pub(crate) fn is_paused(&self) -> bool {
        !self.pause_ends_at.is_never()
    }

    /// Gives a pause of reading until then, because what it waits for moves.
    pub(crate) fn extend_pause(&mut self, until: Instant) {
        if self.is_paused() {
            self.pause_ends_at = until;
        }
    }

    /// Stops judging silence, because the session does not read, for `longest` at most.
    pub(crate) fn pause(&mut self, now: Instant, policy: &HeartbeatPolicy, longest: Duration) {
        self.pause_ends_at = now + longest;
        self.held = true;
        self.forget_questions();
        if self.has_ended(policy) {
            self.next_at = now + self.every;
        }
    }

    /// Judges silence again, because the session reads; returns whether a probe goes out. `longest` is the longest
    /// pause that is allowed.
    pub(crate) fn resume(&mut self, now: Instant, policy: &HeartbeatPolicy, longest: Duration) -> bool {
        let since = core::mem::replace(&mut self.pause_ends_at, Instant::NEVER) - longest;
        self.held = !self.unwritten_since.is_never();
        self.restart_silence(now, policy);
        if self.is_probing() {
            // The answer to a probe may be among the bytes that were not read.
            let wait = policy.probe.map_or(policy.suspicion_wait(), |probe| probe.wait);
            self.probe_ends_at = self.probe_ends_at.max(now + wait);
        }
        // After a pause of a moment the schedule tells early enough.
        self.late_probe(now, since, policy).is_some() && self.on_wake(now, policy)
    }

    /// Forgets what was asked on schedule. A probe stays unanswered: the doubt that it was sent for does not end by not
    /// reading.
    fn forget_questions(&mut self) {
        self.unanswered = 0;
        self.dead_at = Instant::NEVER;
        if matches!(self.suspicion_state, SuspicionState::DueAt(_)) {
            self.suspicion_state = SuspicionState::Clear;
        }
        self.round_trip = RoundTrip::None;
        self.unanswered_at = Instant::NEVER;
    }

    fn on_life(&mut self, now: Instant, policy: &HeartbeatPolicy) {
        self.unanswered = 0;
        self.restart_silence(now, policy);
        self.probe_ends_at = Instant::NEVER;
        self.suspicion_state = SuspicionState::Clear;
        if self.asks() && policy.schedule == HeartbeatSchedule::SinceLife || self.has_ended(policy) {
            self.next_at = now + self.every;
        }
    }

    /// Whether a lock-step chain has ended that starts again, because detecting a dead link needs heartbeats.
    fn has_ended(&self, policy: &HeartbeatPolicy) -> bool {
        self.next_at.is_never() && self.role.sends && policy.silence_ends_links()
    }

    /// The reaction to what comes that long after its time, where it is so late. A probe that is under way stays the
    /// only one: a host that is late again and again would never hear its verdict.
    pub(crate) fn late_probe(&self, now: Instant, due: Instant, policy: &HeartbeatPolicy) -> Option<Probe> {
        policy.probe().filter(|probe| !self.is_probing() && now.since(due) > probe.late)
    }

    /// Starts a probe after sleep or a network change; returns whether a heartbeat goes out for it. None does when a
    /// probe is under way, the policy has none or nobody would answer, nor while the socket has not taken the heartbeat
    /// before, which is the probe then.
    pub(crate) fn on_wake(&mut self, now: Instant, policy: &HeartbeatPolicy) -> bool {
        let Some(probe) = policy.probe().filter(|_| self.asks() && !self.is_probing()) else { return false };
        let round_trip = self.round_trip;
        self.probe(now, policy, probe.wait);
        if !self.unwritten_since.is_never() {
            // The end of the clock is no moment of writing: it would say that there is nothing to write.
            (self.unwritten_since, self.round_trip) = (now.min(Instant::NEVER - Duration::from_millis(1)), round_trip);
            return false;
        }
        true
    }

    /// Fires a timer of this heartbeat, which is stopped or moved on return.
    #[inline]
    pub(crate) fn on_timer(
        &mut self,
        now: Instant,
        due: Deadline,
        policy: &HeartbeatPolicy,
    ) -> Option<HeartbeatDecision> {
        match due.timer {
            Timer::Probe if self.doubt_ends_at.is_due(now) => {
                self.doubt_ends_at = Instant::NEVER;
                return None;
            }
            Timer::Probe => return Some(HeartbeatDecision::Dead),
            Timer::Pause => return Some(HeartbeatDecision::Unread),
            _ if self.is_paused() => {
                self.last = Turn::OutOfTurn;
                self.next_at = self.next_heartbeat(now, due.at, policy);
                return Some(HeartbeatDecision::Send);
            }
            _ => {
                if let Some(probe) = self.late_probe(now, due.at, policy) {
                    if self.asks() {
                        self.probe(now, policy, probe.wait);
                        return Some(HeartbeatDecision::Send);
                    }
                    self.restart_silence(now, policy);
                }
            }
        }
        if due.timer == Timer::Death && self.dead_at.is_due(now) {
            return Some(HeartbeatDecision::Dead);
        }
        self.send_due(now, policy)
    }

    /// Sends one heartbeat for all that is due: on schedule, on suspicion, or for both.
    fn send_due(&mut self, now: Instant, policy: &HeartbeatPolicy) -> Option<HeartbeatDecision> {
        let suspects = self.suspicion().is_due(now);
        if suspects {
            self.suspicion_state = SuspicionState::Suspected;
            self.unanswered_at = Instant::NEVER;
            self.probe_ends_at = self.probe_ends_at.min(now + policy.suspicion_wait());
        }
        let (mut sends, mut turn) = (suspects, Turn::OutOfTurn);
        if self.next_at.is_due(now) {
            let lock_step = policy.schedule == HeartbeatSchedule::LockStep;
            if lock_step && self.round_trip != RoundTrip::None && self.unanswered > 0 {
                self.end_chain(now, policy);
            } else {
                self.next_at = self.next_heartbeat(now, self.next_at, policy);
                self.count_unanswered(now, policy);
                (sends, turn) = (true, Turn::Regular);
            }
        }
        if !sends {
            return None;
        }
        self.on_heartbeat_sent(now, turn);
        Some(if suspects { HeartbeatDecision::Suspect } else { HeartbeatDecision::Send })
    }

    /// Returns when uninterrupted silence would count as death; `None` when the policy never declares a link dead.
    pub(crate) fn death_if_silent(&self, policy: &HeartbeatPolicy) -> Option<Instant> {
        let by_suspicion = policy.suspicion.filter(|_| self.asks()).and_then(|suspicion| match self.suspicion_state {
            SuspicionState::DueAt(at) => Some(at + policy.suspicion_wait()),
            _ => Some(self.nth_heartbeat(suspicion.heartbeats)? + suspicion.after + policy.suspicion_wait()),
        });
        let by_probe = self.is_probing().then_some(self.probe_ends_at);
        [by_probe, self.death_by_heartbeats(policy), by_suspicion].into_iter().flatten().min()
    }

    /// Returns the regular deadline if no frame arrives; `None` when there is none.
    fn death_by_heartbeats(&self, policy: &HeartbeatPolicy) -> Option<Instant> {
        let death = policy.dead_after?;
        match self.dead_at {
            Instant::NEVER if !self.asks() => None,
            Instant::NEVER => Some(self.nth_heartbeat(death.heartbeats)? + death.patience()),
            at => Some(at),
        }
    }

    /// Returns when the n-th unanswered heartbeat in a row would go out, or the next heartbeat when n are unanswered.
    fn nth_heartbeat(&self, n: NonZeroU32) -> Option<Instant> {
        let remaining = u64::from(n.get().saturating_sub(self.unanswered).max(1)) - 1;
        (!self.next_at.is_never()).then(|| self.next_at + self.every.times(remaining))
    }

    /// Earliest deadline of this heartbeat.
    #[inline]
    pub(crate) fn deadline(&self) -> Deadline {
        if self.held {
            return self.deadline_slow();
        }
        Deadline { at: self.probe_ends_at.min(self.doubt_ends_at), timer: Timer::Probe }
            .earlier(Deadline { at: self.dead_at, timer: Timer::Death })
            .earlier(self.suspicion())
            .earlier(Deadline { at: self.next_at, timer: Timer::Heartbeat })
    }

    /// Slow path of `deadline`, for a heartbeat that is unwritten and a session that does not read.
    #[inline(never)]
    fn deadline_slow(&self) -> Deadline {
        let doubt = Deadline { at: self.doubt_ends_at, timer: Timer::Probe };
        let pause = Deadline { at: self.pause_ends_at, timer: Timer::Pause }.earlier(doubt);
        if !self.unwritten_since.is_never() {
            return pause;
        }
        pause.earlier(Deadline { at: self.next_at, timer: Timer::Heartbeat })
    }

    #[inline]
    fn suspicion(&self) -> Deadline {
        let at = match self.suspicion_state {
            SuspicionState::DueAt(at) => at.min(self.unanswered_at),
            SuspicionState::Clear | SuspicionState::Suspected => self.unanswered_at,
        };
        Deadline { at, timer: Timer::Suspicion }
    }

    fn probe(&mut self, now: Instant, policy: &HeartbeatPolicy, wait: Duration) {
        self.next_at = match (self.next_at, policy.schedule) {
            // A hint can come before the next heartbeat is due, which then keeps its place in the grid.
            (due, HeartbeatSchedule::Grid) if due > now => due,
            (due, HeartbeatSchedule::Grid) => self.next_heartbeat(now, due, policy),
            // A lock-step chain that had ended starts again.
            (_, HeartbeatSchedule::SinceLife | HeartbeatSchedule::LockStep) => now + self.every,
        };
        self.unanswered = 0;
        self.dead_at = Instant::NEVER;
        self.probe_ends_at = now + wait.max(TICK);
        if matches!(self.suspicion_state, SuspicionState::DueAt(_)) {
            self.suspicion_state = SuspicionState::Clear;
        }
        self.unanswered_at = Instant::NEVER;
        self.on_heartbeat_sent(now, Turn::OutOfTurn);
    }

    /// Ends a lock-step chain whose last heartbeat got no reply. The link is suspected, and dead, once the heartbeats
    /// that no longer go out would have been unanswered too.
    fn end_chain(&mut self, now: Instant, policy: &HeartbeatPolicy) {
        self.next_at = Instant::NEVER;
        let (every, sent) = (self.every, self.unanswered.saturating_add(1));
        let nth = |heartbeats: NonZeroU32| now + every.times(u64::from(heartbeats.get().saturating_sub(sent)));
        if let (Some(death), Instant::NEVER) = (policy.dead_after, self.dead_at) {
            self.dead_at = nth(death.heartbeats) + death.patience();
        }
        if let (Some(suspicion), SuspicionState::Clear) = (policy.suspicion, self.suspicion_state) {
            self.suspicion_state = SuspicionState::DueAt(nth(suspicion.heartbeats) + suspicion.after);
        }
    }

    fn on_heartbeat_sent(&mut self, now: Instant, turn: Turn) {
        self.last = turn;
        self.round_trip = match self.round_trip {
            RoundTrip::None => RoundTrip::Open(now),
            RoundTrip::Open(_) | RoundTrip::Ambiguous => RoundTrip::Ambiguous,
        };
    }

    #[inline]
    fn count_unanswered(&mut self, now: Instant, policy: &HeartbeatPolicy) {
        if !self.asks() {
            return;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        if let Some(death) = policy.dead_after.filter(|death| self.unanswered >= death.heartbeats.get()) {
            self.dead_at = self.dead_at.min(now + death.patience());
        }
        let Some(suspicion) = policy.suspicion.filter(|suspicion| self.unanswered >= suspicion.heartbeats.get()) else {
            return;
        };
        match self.suspicion_state {
            SuspicionState::Clear => self.suspicion_state = SuspicionState::DueAt(now + suspicion.after),
            // The probe on suspicion was not sent, so the next heartbeat is the probe.
            SuspicionState::Suspected if !self.is_probing() => self.probe_ends_at = now + policy.suspicion_wait(),
            SuspicionState::DueAt(_) | SuspicionState::Suspected => {}
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
