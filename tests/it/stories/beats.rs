//! Heartbeats one by one: which is sent when, where the chain hangs on echoes and where it is on a grid.

use redial::config::{DeadAfter, HeartbeatSchedule, Liveness};
use redial::{Cause, Duration, Event, State, Timer};

use crate::support::Story;

#[test]
fn in_lock_step_silence_after_an_echo_is_measured_from_the_beat_that_had_none() {
    // The beats at 25 and 50 s are echoed; that at 75 s is not, and those at 100 and 125 s would not have been.
    let mut story = Story::unsuspicious_with(|config| {
        config.heartbeat.schedule = HeartbeatSchedule::LockStep;
        config.heartbeat.liveness = Liveness::Reply;
        config.heartbeat.dead_after = DeadAfter::after(3, Duration::from_secs(5));
    });
    story.ready().wait(25_000).pong().wait(25_000).pong().seen();
    story.wait(79_999);
    assert_eq!((story.state(), story.seen().beats()), (State::Ready, 1));
    story.wait(1);
    assert_eq!(story.seen().losses()[0].0, Cause::Dead);
    assert_eq!(story.now(), 130_000);
}

#[test]
fn in_lock_step_life_without_an_echo_is_followed_by_the_next_beat() {
    let mut story = Story::unsuspicious_with(|config| config.heartbeat.schedule = HeartbeatSchedule::LockStep);
    story.ready().wait(25_000).text("life, and no echo").seen();
    story.wait(25_000);
    assert_eq!(story.seen().beats(), 1);
    // Nothing came after this one, so the next is left out.
    story.wait(25_000);
    assert_eq!(story.seen().beats(), 0);
}

#[test]
fn in_lock_step_a_probe_begins_a_chain_that_had_ended_anew() {
    let mut story = Story::unsuspicious_with(|config| {
        config.heartbeat.schedule = HeartbeatSchedule::LockStep;
        config.heartbeat.liveness = Liveness::Reply;
    });
    story.ready().wait(50_000).seen();
    story.event(Event::Online).text("chatter");
    assert_eq!(story.seen().beats(), 1, "the probe");
    let next = story.deadline().expect("the chain goes on");
    assert_eq!((next.at.as_millis(), next.timer), (75_000, Timer::Heartbeat));
}

#[test]
fn a_hint_at_the_very_moment_of_a_beat_on_the_grid_takes_its_place() {
    let mut story = Story::plain_with(|config| config.heartbeat.schedule = HeartbeatSchedule::Grid);
    story.ready().sleep(25_000).event(Event::Online);
    assert_eq!(story.seen().beats(), 1);
    story.pong();
    let next = story.deadline().expect("the grid goes on");
    assert_eq!((next.at.as_millis(), next.timer), (50_000, Timer::Heartbeat));
}
