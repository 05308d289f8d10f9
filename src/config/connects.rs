//! The most connects that fit into a window, as `bounds()` tells them.
//!
//! 1. A gap between two connects is never shorter than the safety floor, nor than the delay after its loss.
//! 2. Against the floor a server can do one thing: hold a connection for the stable time. Against the delays it can
//!    also reset the attempt counter, where the policy counts an open socket, or a message, as proof.
//! 3. What is computed is the least time for a number of connects, over every way to lose them. Only losses without a
//!    stable connection between them can be long, and the floor lets few of those into a window; so the work has a
//!    bound that holds for every configuration.
//! 4. A budget bounds what the gaps allow.

use alloc::vec;
use alloc::vec::Vec;

use crate::config::{Config, HeartbeatPolicy, HeartbeatSchedule, MeasuredFrom, ReconnectPolicy, Reset, floor_after};
use crate::time::Duration;

/// Whatever can cause connects.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Provoked {
    /// A server on which no connection proves to be of use.
    ByOutage,
    /// Any server.
    ByServer,
}

/// The window in milliseconds, and the number of gaps between unstable connections that the floor lets into it.
const WINDOW: u64 = 120_000;
const LONGEST_RUN: usize = 28;

/// The end of what cannot be.
const NEVER: u64 = u64::MAX;

/// The number of unstable connections in a row from which the floor stays the same.
const HIGHEST: u64 = 6;

/// The state of an outage at a connect.
#[derive(Clone, Copy)]
struct Start {
    unstable: u64,
    losses: u32,
    lasted: u64,
}

/// What the gaps of a policy are made of, in milliseconds.
struct Gaps<'a> {
    policy: &'a ReconnectPolicy,
    /// The least time from a connect over a first loss to the next connect.
    first: u64,
    /// The same where the connection is held until it is stable.
    first_held: u64,
}

/// Counts the connects in 120 s.
pub(super) fn in_window(config: &Config, provoked: Provoked) -> u32 {
    let policy = &config.reconnect;
    let (first, first_held) = (first_gap(config, Duration::ZERO), first_gap(config, policy.stable));
    let gaps = Gaps { policy, first, first_held };
    let further = match (provoked, policy.reset) {
        (Provoked::ByOutage, _) => gaps.in_outage(),
        (Provoked::ByServer, Reset::Never) => gaps.without_reset(0).max(gaps.without_reset(1)),
        (Provoked::ByServer, Reset::OnOpen | Reset::OnStable) => gaps.with_resets(),
    };
    count(further).min(budgeted(policy, Duration::from_millis(WINDOW)))
}

/// Counts the connects in any window that the safety floor and the budget allow, whatever asks for them.
pub(super) fn by_floor(policy: &ReconnectPolicy, window: Duration) -> u32 {
    let (span, hold) = (window.as_millis(), policy.stable.max(floor_after(0)).as_millis());
    let run = |gaps: u64| (1..=gaps).fold(0, |sum, gap| sum + floor_of(gap));
    let (rising, highest) = (HIGHEST - 1, floor_of(HIGHEST));
    let further = if hold >= highest * (rising + 1) - run(rising) {
        // A connection held until it is stable takes longer than the steps of the floor that this saves.
        match (1..=rising).rev().find(|gaps| run(*gaps) <= span) {
            Some(gaps) if gaps == rising => rising + (span - run(rising)) / highest,
            few => few.unwrap_or_default(),
        }
    } else {
        let most = |gaps: u64| u128::from(span + hold) * u128::from(gaps + 1) / u128::from(hold + run(gaps));
        let most = (0..=rising).map(most).max().unwrap_or_default().saturating_sub(1);
        u64::try_from(most).unwrap_or(u64::MAX)
    };
    count(further).min(budgeted(policy, window))
}

fn count(further: u64) -> u32 {
    u32::try_from(further).unwrap_or(u32::MAX).saturating_add(1)
}

/// The connects in a window that the budget allows.
fn budgeted(policy: &ReconnectPolicy, window: Duration) -> u32 {
    let Some(budget) = &policy.budget else { return u32::MAX };
    let earned = window.as_millis() / budget.interval().as_millis().max(1);
    u32::try_from(budget.burst().saturating_add(earned)).unwrap_or(u32::MAX)
}

/// The safety floor after this many unstable connections in a row, in milliseconds.
fn floor_of(unstable: u64) -> u64 {
    floor_after(u32::try_from(unstable).unwrap_or(u32::MAX)).as_millis()
}

/// The ways to lose the first connection of an outage, each as the time that the connection must have been ready and
/// the least delay that follows, in milliseconds.
fn first_losses(config: &Config) -> [Option<(u64, u64)>; 5] {
    let first = &config.reconnect.first;
    let silence = least_silence(&config.heartbeat).map(Duration::as_millis);
    let least = |delay: Duration| config.reconnect.jitter.least(delay).as_millis();
    let quick = |delay: Option<Duration>| delay.map(|delay| (0, least(delay)));
    // A cause without a delay waits for the end of a silence, and that end may have come.
    let waits = first.errored.is_none() || first.closed.is_none();
    [
        quick(first.errored),
        quick(first.closed),
        first.heartbeat_failed.map(|delay| (least_question(&config.heartbeat).as_millis(), least(delay))),
        silence.map(|silence| (silence, least(first.dead))),
        silence.filter(|_| waits).map(|silence| (silence, 0)),
    ]
}

/// The least time from a connect over a first loss of a connection that was ready for so long to the next connect.
fn first_gap(config: &Config, ready: Duration) -> u64 {
    let gaps = first_losses(config).into_iter().flatten();
    gaps.map(|(needed, delay)| ready.as_millis().max(needed).saturating_add(delay)).min().unwrap_or(NEVER)
}

/// The least time from a ready connection to a heartbeat. A server may ask for one every 5 s.
fn least_question(policy: &HeartbeatPolicy) -> Duration {
    let regular = if policy.at_ready { Duration::ZERO } else { policy.period().min(Duration::from_secs(5)) };
    policy.unanswered().map_or(regular, |span| regular.min(span))
}

/// The least time from a ready connection to its death by silence; `None` where silence never ends a link.
fn least_silence(policy: &HeartbeatPolicy) -> Option<Duration> {
    // A server may ask for heartbeats every 5 s.
    let every = policy.period().min(Duration::from_secs(5));
    let after = |heartbeats: u32, wait: Duration| every.times(u64::from(heartbeats) - 1) + wait;
    let dead_after = policy.dead_after.map(|dead| after(dead.heartbeats.get(), dead.grace));
    let suspected = policy.suspicion.map(|rule| after(rule.heartbeats.get(), rule.after + rule.wait));
    let unanswered = policy.unanswered().map(|span| span + policy.suspicion_wait());
    // A tick is late only past a deadline, and a chain in lock step has one as soon as the connection is ready.
    let at_once = policy.at_ready && policy.schedule == HeartbeatSchedule::LockStep;
    let due = if at_once { Duration::ZERO } else { policy.unanswered().map_or(every, |span| every.min(span)) };
    let late = policy.probe().map(|probe| due + probe.late + probe.wait);
    [dead_after, suspected, unanswered, late].into_iter().flatten().min()
}

impl Gaps<'_> {
    /// The gaps that fit into the window while no connection proves to be of use. A window may begin with the first
    /// connect, or behind a first delay that is longer than those that follow.
    fn in_outage(&self) -> u64 {
        let opens = self.policy.reset == Reset::OnOpen;
        let begun = Start { unstable: 1, losses: 1, lasted: self.first.max(floor_of(1)) };
        let starts = [Start { unstable: 0, losses: 0, lasted: 0 }, begun];
        let fits = |start| self.run(start, opens).iter().filter(|end| **end <= WINDOW).count() as u64 - 1;
        starts.map(fits).into_iter().max().unwrap_or_default()
    }

    /// The gaps that fit into the window where a stable connection resets the attempt counter and the floor.
    fn with_resets(&self) -> u64 {
        let start = Start { unstable: 0, losses: 1, lasted: self.first };
        let run: Vec<u64> = self.run(start, true).into_iter().filter(|end| *end <= WINDOW).collect();
        let hold = self.first_held.max(floor_of(0));
        // The least time for so many gaps, of which the last one holds a connection until it is stable.
        let mut ends = vec![0_u64];
        let mut most = run.len() - 1;
        while self.policy.max != Some(0) {
            let before = ends.iter().rev().zip(&run).map(|(end, run)| end.saturating_add(*run)).min();
            let end = before.unwrap_or_default().saturating_add(hold);
            if end > WINDOW {
                break;
            }
            let fit = run.iter().filter(|run| end + **run <= WINDOW).count();
            most = most.max(ends.len() + fit - 1);
            ends.push(end);
        }
        most as u64
    }

    /// The gaps that fit into the window where only the user's `open` resets the attempt counter, and a stable
    /// connection resets the floor; `losses` came before.
    fn without_reset(&self, losses: u32) -> u64 {
        let mut ends = [0, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER];
        let (mut losses, mut gaps, mut delay) = (losses, 0, None);
        let before = if losses == 0 { 0 } else { self.first };
        let measured = self.policy.from == MeasuredFrom::Attempt;
        loop {
            losses += 1;
            let least = ends.iter().copied().min().unwrap_or_default();
            if least > WINDOW {
                return gaps - 1;
            }
            if self.policy.max.is_some_and(|max| losses > max) {
                return gaps;
            }
            gaps += 1;
            let (gap, hold) = if losses == 1 {
                (self.first, self.first_held)
            } else {
                let wait = self.later(before.saturating_add(least), &mut delay);
                let stable = self.policy.stable.as_millis();
                (wait, if measured { stable.max(wait) } else { stable.saturating_add(wait) })
            };
            let lost = |unstable: u64, end: u64| end.saturating_add(gap.max(floor_of(unstable)));
            let [none, one, two, three, four, five, more] = ends;
            let stable = least.saturating_add(hold.max(floor_of(0)));
            ends = [
                stable,
                lost(1, none),
                lost(2, one),
                lost(3, two),
                lost(4, three),
                lost(5, four),
                lost(HIGHEST, five.min(more)),
            ];
        }
    }

    /// The least times at which 0, 1, 2 .. gaps end, of connections none of which is stable. With `resets` the server
    /// may reset the attempt counter on every connection.
    fn run(&self, start: Start, resets: bool) -> Vec<u64> {
        let mut ends = vec![NEVER; LONGEST_RUN + 1];
        self.lose(&mut ends, 0, 0, start);
        for gap in 0..LONGEST_RUN {
            let end = ends.get(gap).copied().filter(|end| resets && *end <= WINDOW);
            if let Some(end) = end {
                self.lose(&mut ends, gap, end, Start { losses: 0, lasted: 0, ..start });
            }
        }
        ends
    }

    /// Loses one connection after the other as soon as it is open, from gap number `from` on.
    fn lose(&self, ends: &mut [u64], from: usize, begin: u64, start: Start) {
        let Start { unstable, mut losses, mut lasted } = start;
        let (mut end, mut delay) = (begin, None);
        if let Some(first) = ends.get_mut(from) {
            *first = (*first).min(begin);
        }
        for (gap, known) in ends.iter_mut().enumerate().skip(from + 1) {
            losses += 1;
            if end > WINDOW || self.policy.max.is_some_and(|max| losses > max) {
                return;
            }
            let wait = match losses {
                1 => self.first,
                _ => self.later(lasted, &mut delay),
            };
            let step = wait.max(floor_of(gap as u64 + unstable));
            (end, lasted) = (end.saturating_add(step), lasted.saturating_add(step));
            *known = (*known).min(end);
        }
    }

    /// The least delay after a later loss, in an outage that has lasted for `lasted`; `before` is the delay before.
    fn later(&self, lasted: u64, before: &mut Option<Duration>) -> u64 {
        let delay = self.policy.later_delay(*before, Duration::from_millis(lasted));
        *before = Some(delay);
        self.policy.jitter.least(delay).as_millis()
    }
}
