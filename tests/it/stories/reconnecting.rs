//! Losing connections, and getting others.

use redial::{
    Action, Cause, ConnectionId, Duration, Event, Failure, Frame, Preset, Seed, Session, State, Timer, TransportError,
};

use crate::support::Story;

#[test]
fn a_server_that_accepts_and_drops_is_not_hammered() {
    let mut story = Story::plain();
    story.open();
    while story.now() < 200_000 {
        story.opened().closed(None).wait_for_connect();
    }
    let first_minute = story.connects.iter().filter(|at| **at < 60_000).count();
    assert!(first_minute <= 8, "{:?}", story.connects);
    let delays: Vec<u64> = story.connects.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let caps = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000];
    for (delay, cap) in delays.iter().zip(caps) {
        let floor = (cap / 2).max(250);
        assert!((floor..=cap).contains(delay), "{delay} ms of {cap} ms in {delays:?}");
    }
}

#[test]
fn no_seed_hammers_a_server_that_accepts_and_drops() {
    let promised = redial::Config::default().bounds().connects_in_120_s;
    for seed in 0..200 {
        let mut story = Story::seeded(Preset::plain(), seed);
        story.open();
        while story.now() < 240_000 {
            story.opened().closed(None).wait_for_connect();
        }
        let within = |span: u64| {
            let from = |at: &u64| story.connects.iter().filter(|other| (*at..*at + span).contains(other)).count();
            story.connects.iter().map(from).max().unwrap_or_default()
        };
        assert!(within(60_000) <= 8, "seed {seed}: {:?}", story.connects);
        assert!(within(120_000) <= promised as usize, "seed {seed}: {:?}", story.connects);
    }
}

#[test]
fn a_server_that_accepts_tcp_and_never_answers_is_given_up_and_tried_again() {
    let mut story = Story::plain();
    story.open();
    let first = story.connection();
    assert_eq!(
        story.deadline().map(|deadline| (deadline.at.as_millis(), deadline.timer)),
        Some((10_000, Timer::Attempt))
    );
    story.wait(9_999);
    assert_eq!(story.state(), State::Connecting);
    story.seen();
    story.wait(1);
    let seen = story.seen();
    assert_eq!(seen.losses()[0].0, Cause::AttemptTimeout);
    assert!(seen.all().contains(&Action::Abort { connection: first }), "the socket that dials is dropped");
    let wait = story.wait_for_connect();
    assert!((250..=500).contains(&wait), "{wait}");
    assert_ne!(story.connection(), first);
}

#[test]
fn close_during_the_wait_for_a_reconnect_stays_closed() {
    let mut story = Story::plain();
    story.ready().closed(1006);
    assert_eq!(story.state(), State::Waiting);
    story.close().seen();
    assert_eq!((story.state(), story.deadline()), (State::Stopped, None));
    story.wait(1_000_000).event(Event::Online).event(Event::Woke { asleep: Duration::from_secs(9) });
    assert!(story.seen().is_empty());
    assert_eq!(story.connects.len(), 1);
}

#[test]
fn error_and_close_of_one_connection_count_once() {
    let mut story = Story::plain();
    story.ready().seen();
    story.errored(TransportError::Io).closed(1006).errored(TransportError::Other);
    let seen = story.seen();
    assert_eq!(seen.losses().len(), 1);
    assert_eq!(seen.states(), [State::Waiting]);
    assert_eq!(story.session.explain().failures, 1);
    assert_eq!(story.session.stats().stale_events, 2);
    story.wait(500).opened().wait(20_000);
    assert_eq!(story.connects.len(), 2, "{:?}", story.connects);
}

#[test]
fn late_events_of_an_old_connection_change_nothing() {
    let mut story = Story::plain();
    story.ready();
    let old = story.connection();
    story.closed(1006).wait_for_connect();
    story.opened().seen();
    let before = story.session.clone();
    story.event(Event::FrameIn { connection: old, frame: Frame::text("late") });
    story.event(Event::SendFailed { connection: old, purpose: None });
    story.event(Event::errored(old, TransportError::Unauthorized));
    story.event(Event::Closed { connection: old, code: Some(1008), reason: String::new() });
    assert!(story.seen().is_empty());
    assert_eq!(story.session, before);
    assert_eq!(story.session.stats().stale_events, 4);
}

#[test]
fn the_late_socket_of_an_old_connection_is_aborted_once_and_changes_nothing() {
    let mut story = Story::plain();
    story.open();
    let old = story.connection();
    story.wait(10_000).wait_for_connect();
    story.opened().seen();
    let before = story.session.clone();
    story.event(Event::Opened { connection: old });
    assert_eq!(story.seen().all(), [Action::Abort { connection: old }]);
    assert_eq!(story.session, before);
    for stranger in [0, 77] {
        story.event(Event::Opened { connection: ConnectionId::new(stranger) });
    }
    story.opened();
    assert!(story.seen().is_empty(), "a socket nobody asked for, and the present one again, are no news");
}

#[test]
fn ten_thousand_sessions_cut_at_one_instant_spread_their_attempts() {
    for (losses, cap) in [(1, 500), (9, 60_000)] {
        let mut delays: Vec<u64> = (0..10_000).map(|seed| delay_after(losses, seed)).collect();
        delays.sort_unstable();
        assert!(delays[0] >= cap / 2 && delays[9_999] <= cap);
        let buckets = 10;
        for bucket in 0..buckets {
            let from = cap / 2 + bucket * cap / 2 / buckets;
            let count = delays.iter().filter(|delay| (from..from + cap / 2 / buckets).contains(delay)).count();
            assert!((800..1_200).contains(&count), "{count} of 10,000 in tenth {bucket} after {losses} losses");
        }
    }
}

/// The delay after so many refused attempts in a row.
fn delay_after(losses: u32, seed: u64) -> u64 {
    let mut session = Session::new(Preset::plain(), Seed::from(seed));
    let mut now = redial::Instant::ORIGIN;
    session.open(now);
    let mut delay = 0;
    for connection in 1..=u64::from(losses) {
        let connection = ConnectionId::new(connection);
        session.handle(now, Event::errored(connection, TransportError::Refused));
        let at = session.next_deadline().expect("it waits").at;
        delay = at.since(now).as_millis();
        now = at;
        session.handle(now, Event::Tick);
    }
    delay
}

#[test]
fn a_connection_that_was_stable_and_useful_sets_the_count_back() {
    let mut story = Story::plain();
    story.ready();
    for _ in 0..3 {
        story.closed(None).wait_for_connect();
        story.opened();
    }
    assert_eq!(story.session.explain().failures, 3);
    story.wait(20_000).text("hello").wait(9_999).closed(None);
    assert_eq!(story.session.explain().failures, 4, "a millisecond short of stable");
    story.wait_for_connect();
    story.opened().text("hello").wait(30_000).closed(None);
    assert_eq!(story.session.explain().failures, 1, "stable, and heard");
}

#[test]
fn a_connection_that_never_said_anything_is_not_stable_however_long_it_lasted() {
    let mut story = Story::plain();
    story.ready().closed(None).wait_for_connect();
    story.opened().wait(40_000).closed(None);
    assert_eq!(story.session.explain().failures, 2);
}

#[test]
fn what_the_server_asks_for_with_retry_after_is_added_to() {
    let mut story = Story::plain();
    story.open();
    let connection = story.connection();
    let asks = |span| Failure::new(TransportError::Refused).with_retry_after(span);
    story.event(Event::errored(connection, asks(Duration::from_secs(30))));
    let wait = story.wait_for_connect();
    assert!((30_250..=30_500).contains(&wait), "{wait}");
    let connection = story.connection();
    story.event(Event::errored(connection, asks(Duration::MAX)));
    let wait = story.wait_for_connect();
    assert!((3_600_500..=3_601_000).contains(&wait), "an hour at most, not {wait}");
}

#[test]
fn a_hint_does_not_shorten_what_the_server_asked_for() {
    let mut story = Story::plain();
    story.open();
    let connection = story.connection();
    let failure = Failure::new(TransportError::Refused).with_retry_after(Duration::from_secs(30));
    story.event(Event::errored(connection, failure));
    story.wait(10_000).event(Event::Online);
    assert_eq!(story.wait_for_connect(), 20_000);
}

#[test]
fn a_hint_that_the_network_is_back_ends_the_wait_once_in_the_stable_time() {
    let mut story = Story::plain();
    story.open();
    for _ in 0..8 {
        story.errored(TransportError::Refused).wait_for_connect();
    }
    story.errored(TransportError::Refused).wait(6_000);
    story.event(Event::Offline);
    assert_eq!(story.state(), State::Waiting);
    story.event(Event::Online);
    assert_eq!(story.state(), State::Connecting, "the floor of 5 s has passed");
    story.errored(TransportError::Refused).wait(6_000).event(Event::Online);
    assert_eq!(story.state(), State::Waiting, "one hint was believed, the next comes too soon");
    story.wait(14_000).errored(TransportError::Refused);
    while story.now() < 800_000 {
        story.wait_for_connect();
        story.errored(TransportError::Refused);
    }
    story.wait(6_000).event(Event::Online);
    assert_eq!(story.state(), State::Connecting, "after the stable time a hint is believed again");
}

#[test]
fn opening_twice_dials_once() {
    let mut story = Story::plain();
    story.open().open().opened().open();
    assert_eq!(story.connects.len(), 1);
    assert_eq!(story.state(), State::Ready);
}
