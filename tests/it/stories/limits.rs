//! The safety floor, attempts with slots, and the last attempt.

use redial::config::{Backoff, FirstDelay, Jitter, Limit, MeasuredFrom};
use redial::{Action, Cause, Duration, State, Timer, TransportError};

use crate::support::Story;

fn impatient(story: &mut redial::Config) {
    let zero = Duration::ZERO;
    story.reconnect.first = FirstDelay::all(zero);
    story.reconnect.again = Backoff::constant(zero);
    story.reconnect.jitter = Jitter::None;
}

#[test]
fn a_configuration_without_any_delay_still_keeps_to_the_safety_floor() {
    let mut story = Story::plain_with(impatient);
    story.open();
    for floor in [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000] {
        assert_eq!(story.opened().closed(None).wait_for_connect(), floor);
    }
    for _ in 0..5 {
        story.opened();
        story.call(redial::journal::Call::ReconnectNow).expect("it is open");
        assert_eq!(story.wait_for_connect(), 5_000, "asking for another one does not get around it");
    }
    story.closed(None);
    let connects = story.connects.len();
    story.open();
    assert_eq!(story.connects.len(), connects + 1, "the user's own `open` is exempt");
}

#[test]
fn after_its_last_attempt_the_session_gives_up() {
    let mut story = Story::plain_with(|config| config.reconnect.max = Some(2));
    story.open();
    story.send("unsent");
    for _ in 0..2 {
        story.errored(TransportError::Refused).wait_for_connect();
    }
    story.seen();
    story.errored(TransportError::Refused);
    let seen = story.seen();
    assert!(seen.all().contains(&Action::GaveUp { attempts: 3 }), "{seen:?}");
    assert_eq!((story.state(), story.connects.len()), (State::Stopped, 3));
    assert_eq!(story.session.explain().cause, Some(Cause::GaveUp));
    story.open();
    assert_eq!(story.state(), State::Connecting, "`open` begins anew");
}

#[test]
fn where_attempts_have_slots_giving_up_waits_for_its_slot() {
    let mut story = Story::plain_with(|config| {
        impatient(config);
        config.reconnect.again.base = Duration::from_secs(6);
        config.reconnect.from = MeasuredFrom::Attempt;
        config.reconnect.max = Some(1);
    });
    story.open().errored(TransportError::Refused);
    assert_eq!(story.wait_for_connect(), 250);
    story.wait(1_000).errored(TransportError::Refused).seen();
    assert_eq!(story.state(), State::Waiting);
    assert_eq!(
        story.deadline().map(|deadline| (deadline.at.as_millis(), deadline.timer)),
        Some((6_250, Timer::GiveUp))
    );
    story.wait(4_999);
    assert!(story.seen().is_empty());
    story.wait(1);
    assert_eq!(story.seen().all()[0], Action::GaveUp { attempts: 2 });
}

#[test]
fn attempts_with_slots_are_measured_from_the_attempt() {
    let mut story = Story::plain_with(|config| {
        impatient(config);
        config.reconnect.again.base = Duration::from_secs(6);
        config.reconnect.from = MeasuredFrom::Attempt;
    });
    story.open().errored(TransportError::Refused).wait_for_connect();
    story.wait(1_500).errored(TransportError::Refused);
    assert_eq!(story.wait_for_connect(), 4_500);
    story.wait(9_000).errored(TransportError::Refused);
    assert_eq!(story.state(), State::Connecting, "a slot that has passed is now");
}

#[test]
fn a_stable_connection_sets_the_safety_floor_back() {
    let mut story = Story::plain_with(impatient);
    story.open();
    for _ in 0..7 {
        story.opened().closed(None).wait_for_connect();
    }
    story.opened().text("hello").wait(30_000).closed(None);
    assert_eq!(story.state(), State::Connecting, "its floor has long passed");
    assert_eq!(story.opened().closed(None).wait_for_connect(), 250);
}

#[test]
fn what_is_settled_makes_room() {
    let mut story = Story::plain_with(|config| {
        config.outbox.messages = Limit::new(1);
        config.outbox.bytes = Limit::new(10);
    });
    story.ready();
    for _ in 0..5 {
        story.send("0123456789");
    }
    assert_eq!(story.seen().messages().len(), 5);
}
