//! Random policies, with every extreme value that a policy can have.

use redial::config::{
    Backoff, Budget, DeadAfter, EarlyCap, FirstDelay, HeartbeatPolicy, HeartbeatSchedule, Jitter, Liveness,
    MeasuredFrom, Probe, ReconnectPolicy, Reset, Suspicion,
};
use redial::{Config, Duration};

use crate::sim::Dice;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A random policy for reconnecting and for heartbeats.
pub(crate) fn policy(dice: &mut Dice) -> Config {
    let mut config = Config::default();
    reconnect(dice, &mut config.reconnect);
    heartbeat(dice, &mut config.heartbeat);
    assert_eq!(config.check(), Ok(()));
    config
}

fn reconnect(dice: &mut Dice, policy: &mut ReconnectPolicy) {
    let firsts = [Duration::ZERO, ms(1), ms(250), ms(500), ms(1_000), ms(5_000), ms(30_000)];
    policy.first = FirstDelay::all(dice.one_of(&firsts));
    if dice.percent(20) {
        policy.first.dead = dice.one_of(&firsts);
        policy.first.closed = dice.percent(70).then(|| dice.one_of(&firsts));
        policy.first.errored = dice.percent(70).then(|| dice.one_of(&firsts));
        policy.first.heartbeat_failed = dice.percent(70).then(|| dice.one_of(&firsts));
    }
    let base = dice.one_of(&[Duration::ZERO, ms(100), ms(1_000), ms(1_000), ms(10_000), Duration::MAX]);
    let percent = dice.one_of(&[100, 101, 150, 200, 200, 1_000]);
    let cap = dice.one_of(&[Duration::ZERO, ms(5_000), ms(20_000), ms(60_000), Duration::MAX]);
    policy.again = Backoff::new(base, percent, cap);
    let early = EarlyCap::new(
        dice.one_of(&[Duration::ZERO, ms(1_000), ms(5_000)]),
        dice.one_of(&[Duration::ZERO, ms(30_000), Duration::MAX]),
    );
    policy.early = dice.percent(60).then_some(early);
    policy.from = dice.one_of(&[MeasuredFrom::Failure, MeasuredFrom::Failure, MeasuredFrom::Attempt]);
    policy.jitter = dice.one_of(&[Jitter::None, Jitter::Equal]);
    policy.attempt_timeout =
        dice.one_of(&[None, Some(Duration::ZERO), Some(ms(1_000)), Some(ms(10_000)), Some(Duration::MAX)]);
    policy.max = dice.one_of(&[None, None, None, None, Some(0), Some(1), Some(3), Some(12)]);
    policy.reset = dice.one_of(&[Reset::OnStable, Reset::OnStable, Reset::OnOpen, Reset::Never]);
    policy.stable =
        dice.one_of(&[Duration::ZERO, ms(1), ms(2_100), ms(10_000), ms(30_000), ms(120_000), Duration::MAX]);
    let budget = dice.one_of(&[(1, 120_000), (2, 1), (10, 120_000), (7, 10_000), (200, 86_400_000), (3, u64::MAX)]);
    policy.budget = dice.percent(25).then(|| Budget::new(budget.0, ms(budget.1)));
    policy.repeated = dice.percent(15).then(|| dice.one_of(&[Duration::ZERO, ms(10_000), ms(600_000)]));
}

/// Suspicion is on in a third.
pub(crate) fn heartbeat(dice: &mut Dice, policy: &mut HeartbeatPolicy) {
    policy.every = dice.one_of(&[Duration::ZERO, ms(500), ms(3_000), ms(10_000), ms(25_000), Duration::MAX]);
    policy.at_ready = dice.percent(30);
    policy.schedule =
        dice.one_of(&[HeartbeatSchedule::SinceLife, HeartbeatSchedule::Grid, HeartbeatSchedule::LockStep]);
    policy.liveness = dice.one_of(&[Liveness::AnyFrame, Liveness::AnyFrame, Liveness::Reply]);
    let waits = [Duration::ZERO, ms(1), ms(1_000), ms(5_000), Duration::MAX];
    policy.dead_after = DeadAfter::after(dice.count(0, 4), dice.one_of(&waits));
    policy.unanswered = dice.percent(70).then(|| dice.one_of(&[Duration::ZERO, ms(2_000), ms(10_000), Duration::MAX]));
    policy.probe = dice.percent(70).then(|| Probe::new(dice.one_of(&waits), dice.one_of(&waits)));
    policy.suspicion = dice.percent(33).then(|| {
        let mut rule = Suspicion::default();
        if dice.percent(60) {
            rule.heartbeats = rule.heartbeats.saturating_add(dice.count(0, 3));
            (rule.after, rule.wait) = (dice.one_of(&waits), dice.one_of(&waits));
        }
        rule
    });
}
