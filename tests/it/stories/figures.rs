//! What `stats()` counts.

use std::hash::{DefaultHasher, Hash, Hasher};

use redial::config::PeerPolicy;
use redial::{
    Action, Cause, ConnectionId, Duration, Event, Frame, Instant, Peer, Preset, Seed, Session, State, TransportError,
};

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
    let mut story = Story::unsuspicious();
    story.ready().closed(1006).wait_for_connect();
    story.errored(TransportError::Refused).wait_for_connect();
    story.errored(TransportError::Dns).wait_for_connect();
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
    let none = story.session.stats().round_trip;
    assert_eq!((none.samples(), none.latest(), none.smoothed(), none.variation()), (0, None, None, None));
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

#[test]
fn figures_differ_where_the_sessions_that_counted_them_are_equal() {
    let hash = |session: &Session| {
        let mut hasher = DefaultHasher::new();
        session.hash(&mut hasher);
        hasher.finish()
    };
    let one = Session::new(Preset::plain(), Seed::from(7_u64));
    let mut other = one.clone();
    let stale = Event::Closed { connection: ConnectionId::new(9), code: None, reason: String::new() };
    other.handle(Instant::ORIGIN, stale);
    assert_eq!((one.stats().stale_events, other.stats().stale_events), (0, 1));
    assert_ne!(one.stats(), other.stats());
    assert_eq!((&one, hash(&one)), (&other, hash(&other)));
    let server = || Peer::new(Preset::plain(), PeerPolicy::default(), Seed::from(7_u64));
    let (one, mut other) = (server(), server());
    other
        .handle(Instant::ORIGIN, Event::Closed { connection: ConnectionId::new(9), code: None, reason: String::new() });
    assert_ne!(one.stats(), other.stats());
    assert_eq!(one, other);
}

/// How many frames a session or a peer has handed over, and their bytes.
fn handed_over(actions: &[Action]) -> (u64, u64) {
    let lengths = actions.iter().filter_map(|action| match action {
        Action::Send { frame, .. } => Some(frame.len() as u64),
        _ => None,
    });
    (lengths.clone().count() as u64, lengths.sum())
}

#[test]
fn frames_and_bytes_are_counted_both_ways_and_what_belongs_to_no_connection_apart() {
    let mut story = Story::uni_app();
    story.ready();
    let sent = story.send("hello");
    let push = |id: &str| format!(r#"{{"type":"MESSAGE","messageId":"{id}","content":"x"}}"#);
    let receipt = |id: &str| format!(r#"{{"type":"MESSAGE","clientMessageId":"{id}"}}"#);
    let frames = [push("m1"), push("m1"), push("m22"), receipt(&sent.to_string()), receipt("nobody's"), "{".to_owned()];
    for frame in &frames {
        story.text(frame);
    }
    story.wait(25_000);
    let late = ConnectionId::new(7);
    story.event(Event::FrameIn { connection: late, frame: Frame::text("late") });
    story.event(Event::Opened { connection: late });
    assert!(story.call(redial::journal::Call::Cancel { id: sent }).is_err(), "it has arrived");
    let close = |code, reason: &str| redial::journal::Call::Close { code, reason: reason.to_owned() };
    assert!(story.call(close(Some(1001), "")).is_err() && story.call(close(None, &"x".repeat(124))).is_err());
    let stats = story.session.stats().clone();
    let heard = frames.iter().map(|frame| frame.len() as u64).sum();
    assert_eq!((stats.ready, stats.frames_in, stats.bytes_in), (1, 6, heard));
    assert_eq!((stats.frames_out, stats.bytes_out), handed_over(story.seen().all()));
    assert_eq!((stats.heartbeats, stats.delivered, stats.duplicates, stats.malformed), (1, 2, 1, 1));
    assert_eq!((stats.stale_events, stats.unknown_receipts, stats.refused), (2, 1, 3));
}

#[test]
fn a_peer_counts_as_its_client_does() {
    let mut peer = Peer::new(Preset::uni_app(), PeerPolicy::default(), Seed::from(1_u64));
    let at = Instant::from_millis;
    let connection = peer.accept(at(0));
    let message = r#"{"key":"message","data":{"clientMessageId":"c1","content":"hello"}}"#;
    let unknown = r#"{"key":"message_ack","data":{"messageId":"nobody's"}}"#;
    for text in [message, message, unknown, "{"] {
        peer.handle(at(1), Event::FrameIn { connection, frame: Frame::text(text) });
    }
    peer.push(at(2), "news").expect("there is room");
    peer.handle(at(20_000), Event::Tick);
    peer.handle(at(20_000), Event::FrameIn { connection: ConnectionId::new(7), frame: Frame::text(message) });
    let stats = peer.stats().clone();
    let heard = (2 * message.len() + unknown.len() + 1) as u64;
    assert_eq!((stats.frames_in, stats.bytes_in, stats.malformed), (4, heard, 1));
    assert_eq!((stats.delivered, stats.duplicates, stats.resent), (1, 1, 1));
    assert_eq!((stats.stale_events, stats.unknown_receipts), (1, 1));
    let actions: Vec<Action> = std::iter::from_fn(|| peer.poll_action()).collect();
    assert_eq!((stats.frames_out, stats.bytes_out), handed_over(&actions));
}
