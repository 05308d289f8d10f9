//! The accepting side by itself: what it repeats, what it remembers, and when it wants to be woken.

use redial::config::{Limit, PeerPolicy};
use redial::{
    Action, Config, ConnectionId, Duration, Event, Frame, Instant, MessageId, Peer, Preset, Purpose, Seed, Timer,
};

/// A peer of `uni_app` whose client has just connected.
fn peer(change: impl FnOnce(&mut Config)) -> (Peer, ConnectionId) {
    let mut config = Config::default();
    change(&mut config);
    let preset = Preset::uni_app().with_config(config).expect("it is sound");
    let mut peer = Peer::new(preset, PeerPolicy::default(), Seed::from(1_u64));
    let connection = peer.accept(Instant::ORIGIN);
    (peer, connection)
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// The messages that a peer sends, and those that it says something about.
fn named(peer: &mut Peer) -> (Vec<MessageId>, Vec<MessageId>) {
    let (mut messages, mut receipts) = (Vec::new(), Vec::new());
    for action in std::iter::from_fn(|| peer.poll_action()) {
        match action {
            Action::Send { purpose: Purpose::Message { id }, .. } => messages.push(id),
            Action::Send { purpose: Purpose::Receipt { id }, .. } => receipts.push(id),
            _ => {}
        }
    }
    (messages, receipts)
}

#[test]
fn a_push_is_repeated_when_its_own_time_is_over_and_none_before() {
    let (mut peer, connection) = peer(|_| {});
    assert_eq!(peer.connection(), Some(connection));
    let first = peer.push(at(0), "one").expect("there is room");
    let second = peer.push(at(4_000), "two").expect("there is room");
    assert_eq!(named(&mut peer).0, [first.clone(), second.clone()]);
    let due = peer.next_deadline().expect("a push waits for its answer");
    assert_eq!((due.at, due.timer), (at(10_000), Timer::Push));
    peer.handle(due.at, Event::Tick);
    assert_eq!(named(&mut peer).0, std::slice::from_ref(&first));
    // The first in line says when to look again, and then all whose time is over are repeated.
    let due = peer.next_deadline().expect("it waits on").at;
    peer.handle(due, Event::Tick);
    assert_eq!((due, named(&mut peer).0), (at(20_000), vec![first, second]));
    assert_eq!(peer.stats().resent, 3);
}

#[test]
fn a_client_that_says_nothing_is_given_up_when_its_silence_is_over() {
    let (mut peer, connection) = peer(|_| {});
    let beat = Frame::text(r#"{"key":"heartbeat"}"#);
    peer.handle(at(7_000), Event::FrameIn { connection, frame: beat });
    let due = peer.next_deadline().expect("it listens");
    assert_eq!((due.at, due.timer), (at(97_000), Timer::Death));
    peer.handle(at(96_999), Event::Tick);
    assert_eq!(peer.connection(), Some(connection));
    peer.handle(due.at, Event::Tick);
    assert_eq!((peer.connection(), peer.next_deadline()), (None, None));
}

#[test]
fn the_last_receipts_are_told_again_on_the_next_connection_and_no_more_than_are_remembered() {
    let (mut peer, _) = peer(|config| config.outbox.remembered = Limit::new(3));
    let ids = ["c1", "c2", "c3", "c4", "c5"].map(MessageId::from);
    for id in &ids {
        peer.delivered(at(0), id.clone());
    }
    assert_eq!(named(&mut peer).1, ids);
    peer.accept(at(1));
    assert_eq!(named(&mut peer).1, ids[2..]);
}

#[test]
fn a_frame_as_large_as_allowed_is_read_and_a_larger_one_is_not() {
    let (mut peer, connection) = peer(|config| config.limits.frame_bytes = Limit::new(1_024));
    let message = |bytes: usize| {
        let frame = |content: &str| {
            format!(r#"{{"key":"message","data":{{"clientMessageId":"c{bytes}","content":"{content}"}}}}"#)
        };
        let around = frame("").len();
        Frame::text(frame(&"x".repeat(bytes - around)))
    };
    for (bytes, read) in [(1_023, 1), (1_024, 1), (1_025, 0), (2_048, 0)] {
        let frame = message(bytes);
        assert_eq!(frame.len(), bytes);
        peer.handle(at(1), Event::FrameIn { connection, frame });
        let actions: Vec<Action> = std::iter::from_fn(|| peer.poll_action()).collect();
        let count = |wanted: fn(&Action) -> bool| actions.iter().filter(|action| wanted(action)).count();
        assert_eq!(count(|action| matches!(action, Action::Deliver(_))), read, "{bytes} bytes");
        assert_eq!(count(|action| matches!(action, Action::Malformed { .. })), 1 - read, "{bytes} bytes");
    }
}

#[test]
fn a_push_that_is_repeated_without_a_pause_is_repeated_every_millisecond() {
    let mut policy = PeerPolicy::default();
    policy.push_again = Some(Duration::ZERO);
    let mut peer = Peer::new(Preset::uni_app(), policy, Seed::from(1_u64));
    peer.accept(Instant::ORIGIN);
    peer.push(Instant::ORIGIN, "x").expect("there is room");
    assert_eq!(drain_peer(&mut peer), 1);
    for millis in 1..=5 {
        peer.handle(Instant::from_millis(millis), Event::Tick);
        assert_eq!(drain_peer(&mut peer), 1, "at {millis} ms");
    }
}

/// Takes what the peer does; gives the number of frames that it sends.
fn drain_peer(peer: &mut Peer) -> usize {
    std::iter::from_fn(|| peer.poll_action()).filter(|action| matches!(action, Action::Send { .. })).count()
}
