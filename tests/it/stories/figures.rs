//! What `stats()` counts.

use redial::{Cause, Duration, Failure, State};

use crate::support::Story;

#[test]
fn the_time_in_each_state_adds_up_to_the_time_since_open() {
    let mut story = Story::plain();
    story.clock(1_000_000).open();
    story.sleep(40).opened().wait(10_000).closed(1006).wait_for_connect();
    story.sleep(30).opened().wait(500).close();
    story.sleep(20).closed(1000);
    let opened = 1_000_000;
    story.sleep(7_000).tick();
    let spent = story.session.stats().time_in;
    assert_eq!(spent.get(State::Idle), Duration::ZERO, "before `open` the clock means nothing");
    assert_eq!(spent.get(State::Connecting), Duration::from_millis(40 + 30));
    assert_eq!(spent.get(State::Ready), Duration::from_millis(10_000 + 500));
    assert_eq!(spent.get(State::Closing), Duration::from_millis(20));
    assert_eq!(spent.get(State::Stopped), Duration::from_millis(7_000));
    let all = [State::Connecting, State::Authenticating, State::Ready, State::Closing, State::Waiting, State::Stopped];
    let sum = all.into_iter().fold(Duration::ZERO, |sum, state| sum + spent.get(state));
    assert_eq!(sum, Duration::from_millis(story.now() - opened));
}

#[test]
fn losses_are_counted_by_what_they_were() {
    let mut story = Story::plain();
    story.ready().closed(1006).wait_for_connect();
    story.errored(Failure::Refused).wait_for_connect();
    story.errored(Failure::Dns).wait_for_connect();
    story.opened().wait(55_000).wait_for_connect();
    let losses = &story.session.stats().losses;
    let counted: Vec<(Cause, u64)> = losses.iter().map(|(cause, count)| (*cause, *count)).collect();
    assert_eq!(counted, [(Cause::Errored, 2), (Cause::Closed, 1), (Cause::Dead, 1)]);
    assert_eq!(story.session.stats().connects, 5, "the first attempt, and one for each loss");
}

#[test]
fn the_round_trip_time_is_smoothed_as_tcp_does_it() {
    let mut story = Story::plain();
    story.ready();
    assert_eq!(story.session.stats().round_trip.smoothed(), None);
    story.wait(25_000).sleep(80).pong();
    let first = story.session.stats().round_trip;
    assert_eq!(
        (first.smoothed(), first.variation()),
        (Some(Duration::from_millis(80)), Some(Duration::from_millis(40)))
    );
    story.wait(25_000).sleep(160).pong();
    let second = story.session.stats().round_trip;
    // 7/8 of 80 and 1/8 of 160; 3/4 of 40 and 1/4 of the distance, 80.
    assert_eq!(
        (second.smoothed(), second.variation()),
        (Some(Duration::from_millis(90)), Some(Duration::from_millis(50)))
    );
    assert_eq!((second.samples(), second.latest()), (2, Some(Duration::from_millis(160))));
}

#[test]
fn small_round_trips_are_not_lost_to_rounding() {
    let mut story = Story::plain();
    story.ready();
    for _ in 0..50 {
        story.wait(25_000).sleep(3).pong();
    }
    let figures = story.session.stats().round_trip;
    assert_eq!((figures.smoothed(), figures.variation()), (Some(Duration::from_millis(3)), Some(Duration::ZERO)));
}
