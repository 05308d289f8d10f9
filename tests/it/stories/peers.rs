//! The accepting side by itself: what it repeats, what it remembers, and when it wants to be woken.

use std::num::NonZeroU32;

use redial::config::{CloseCodes, Durability, Guarantee, Limit, OnFailure, PeerPolicy, Rate, Resend};
use redial::dialect::Login;
use redial::error::ReceiptError;
use redial::{
    Action, Config, ConnectionId, Duration, Event, Frame, Instant, MessageId, Outgoing, Peer, Preset, Purpose, Seed,
    SendError, Timer,
};

use crate::sim::Terse;

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

/// The client sends a message of `uni_app` under this id.
fn hear(peer: &mut Peer, connection: ConnectionId, id: &MessageId) {
    let text = format!(r#"{{"key":"message","data":{{"clientMessageId":"{id}","content":"hello"}}}}"#);
    peer.handle(at(0), Event::FrameIn { connection, frame: Frame::text(text) });
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
fn a_peer_that_is_restored_from_before_its_last_push_makes_no_id_twice() {
    let (mut peer, _) = peer(|_| {});
    let before = peer.snapshot();
    let lost = peer.push(at(0), "after the snapshot").expect("there is room");
    let preset = || Preset::uni_app().with_config(Config::default()).expect("it is sound");
    let restored = Peer::restore(preset(), PeerPolicy::default(), at(0), before, Duration::ZERO, Seed::from(1_u64));
    let mut peer = restored.expect("it is sound");
    let new = peer.push(at(0), "another").expect("there is room");
    assert_ne!(new, lost, "the client would take it for a repeat");
    let chosen = Outgoing::from("under an own id").id(lost.as_text().expect("it is text"));
    assert_eq!(peer.push(at(0), chosen), Err(SendError::DuplicateId), "it is known as an own one");
}

#[test]
fn the_versions_of_a_peer_go_on_over_a_restart() {
    let mut policy = PeerPolicy::default();
    policy.durability = Durability::WriteAhead;
    let preset = || Preset::uni_app().with_config(Config::default()).expect("it is sound");
    let mut peer = Peer::new(preset(), policy.clone(), Seed::from(1_u64));
    let mut last = 0;
    for round in 0..5_u64 {
        peer.accept(at(0));
        peer.push(at(0), "hello").expect("there is room");
        for action in std::iter::from_fn(|| peer.poll_action()) {
            if let Action::Persist { version, .. } = action {
                assert!(version > last, "round {round}: {version} came after {last}");
                last = version;
            }
        }
        peer.persisted(at(0), last);
        while peer.poll_action().is_some() {}
        let snapshot = peer.snapshot();
        let restored = Peer::restore(preset(), policy.clone(), at(0), snapshot, Duration::ZERO, Seed::from(round));
        peer = restored.expect("it is sound");
    }
    assert!(last >= 10, "{last}");
}

#[test]
fn a_host_may_say_before_the_first_connection_that_it_reports_what_its_socket_takes() {
    let mut config = Config::default();
    config.outbox.in_flight = Limit::new(1_000);
    let preset = Preset::uni_app().with_config(config).expect("it is sound");
    let mut peer = Peer::new(preset, PeerPolicy::default(), Seed::from(1_u64));
    for _ in 0..200 {
        peer.push(at(0), "x".repeat(1_000)).expect("there is room");
    }
    peer.handle(at(0), Event::Written { connection: ConnectionId::new(1), frames: 0 });
    assert_eq!((peer.stats().stale_events, named(&mut peer).0.len()), (0, 0));
    let connection = peer.accept(at(0));
    assert_eq!(connection, ConnectionId::new(1));
    let sent = named(&mut peer).0.len();
    assert!((50..70).contains(&sent), "{sent} of 200 fit into the room for unwritten bytes");
    peer.handle(at(0), Event::Written { connection, frames: sent as u64 });
    assert!(!named(&mut peer).0.is_empty());
}

#[test]
fn a_newer_connection_stops_the_older_where_the_dialect_has_no_bye() {
    let (mut peer, old) = peer(|_| {});
    while peer.poll_action().is_some() {}
    let new = peer.accept(at(1));
    let actions: Vec<Action> = std::iter::from_fn(|| peer.poll_action()).collect();
    let closed =
        |action: &Action| matches!(action, Action::Close { connection, code: Some(4508), .. } if *connection == old);
    assert!(actions.iter().any(closed), "{actions:?}");
    assert_eq!(peer.connection(), Some(new));
    // That code stops a client.
    let mut story = crate::support::Story::uni_app();
    story.ready();
    story.closed(Some(4508));
    assert_eq!(story.state(), redial::State::Stopped);
}

#[test]
fn a_client_that_is_refused_stops_unless_its_document_retries_every_close() {
    for preset in [Preset::plain(), Preset::uni_app(), Preset::react_im(), Preset::wechat(), Preset::vue_polling()] {
        let mut peer = Peer::new(preset.clone(), PeerPolicy::default(), Seed::from(1_u64));
        let connection = peer.accept(at(0));
        peer.refuse(at(0), connection, 401);
        let closes = std::iter::from_fn(|| peer.poll_action()).filter_map(|action| match action {
            Action::Close { code, .. } => code,
            _ => None,
        });
        let codes: Vec<u16> = closes.collect();
        assert_eq!(codes, [4503], "{}", preset.name());
        let stops = preset.config().close.codes != CloseCodes::RetryAll;
        let mut story = crate::support::Story::new(preset);
        story.credential("held").open().opened().closed(Some(4503));
        assert_eq!(story.state() == redial::State::Stopped, stops);
    }
}

#[test]
fn ten_thousand_malformed_frames_end_a_client_after_ten() {
    let (mut peer, connection) = peer(|_| {});
    for _ in 0..10_000 {
        peer.handle(at(0), Event::FrameIn { connection, frame: Frame::text("{") });
    }
    let actions: Vec<Action> = std::iter::from_fn(|| peer.poll_action()).collect();
    let count = |wanted: fn(&Action) -> bool| actions.iter().filter(|action| wanted(action)).count();
    assert_eq!(count(|action| matches!(action, Action::Malformed { .. })), 11);
    assert_eq!(count(|action| matches!(action, Action::Close { code: Some(4400), .. })), 1);
    assert_eq!((peer.connection(), peer.stats().malformed), (None, 11));
    // The window is one of time: ten in ten seconds are no flood.
    let connection = peer.accept(at(0));
    for second in 0..60 {
        peer.handle(at(second * 1_000), Event::FrameIn { connection, frame: Frame::text("{") });
    }
    assert_eq!(peer.connection(), Some(connection));
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
fn an_id_that_no_message_can_have_is_not_remembered() {
    let (mut peer, _) = peer(|_| {});
    let [fits, long] = [128, 129].map(|bytes| MessageId::from("i".repeat(bytes)));
    peer.remember(at(0), &fits);
    peer.remember(at(0), &long);
    assert_eq!(peer.stats().refused, 1);
    assert_eq!(peer.delivered(at(0), fits), Ok(()));
    assert_eq!(peer.delivered(at(0), long), Err(ReceiptError::Unknown));
}

#[test]
fn a_client_that_speaks_first_is_answered_once_and_its_credential_told_once() {
    let preset = Terse::preset(Login::First, Config::default());
    let mut peer = Peer::new(preset, PeerPolicy::default(), Seed::from(1_u64));
    let connection = peer.accept(at(0));
    peer.push(at(0), "early").expect("there is room");
    let hear = |peer: &mut Peer| {
        peer.handle(at(0), Event::FrameIn { connection, frame: Frame::text("hi token") });
        let said = std::iter::from_fn(|| peer.poll_action()).filter_map(|action| match action {
            Action::Send { frame, .. } => frame.as_text()?.split(' ').next().map(str::to_owned),
            Action::Credential { credential, .. } => Some(credential.reveal().to_owned()),
            _ => None,
        });
        said.collect::<Vec<_>>()
    };
    assert_eq!(hear(&mut peer), ["token", "welcome", "msg"], "nothing goes before the answer");
    assert_eq!((hear(&mut peer), peer.stats().stale_events), (Vec::new(), 1));
}

#[test]
fn a_peer_whose_host_was_blocked_hears_what_is_in_the_queue_before_it_judges_silence() {
    let (mut peer, connection) = peer(|_| {});
    let beat = || Event::FrameIn { connection, frame: Frame::text(r#"{"key":"heartbeat"}"#) };
    peer.handle(at(300_000), Event::Tick);
    assert_eq!(peer.next_deadline().map(|due| (due.at, due.timer)), Some((at(301_000), Timer::Death)));
    peer.handle(at(300_000), beat());
    assert_eq!(peer.next_deadline().map(|due| due.at), Some(at(390_000)));
    peer.handle(at(600_000), Event::Tick);
    peer.handle(at(700_000), Event::Tick);
    assert_eq!(peer.connection(), None);
}

#[test]
fn the_last_receipts_are_told_again_on_the_next_connection_and_no_more_than_are_remembered() {
    let (mut peer, connection) = peer(|config| config.outbox.remembered = Limit::new(3));
    let ids = ["c1", "c2", "c3", "c4", "c5"].map(MessageId::from);
    for id in &ids {
        assert_eq!(peer.delivered(at(0), id.clone()), Err(ReceiptError::Unknown), "nothing came under {id}");
        hear(&mut peer, connection, id);
        assert_eq!(peer.delivered(at(0), id.clone()), Ok(()));
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

#[test]
fn a_peer_notices_a_silent_client_when_its_bounds_say() {
    for silence in [Some(Duration::from_secs(90)), Some(Duration::from_millis(1)), Some(Duration::MAX), None] {
        let policy = crate::support::with(|policy: &mut PeerPolicy| policy.silence = silence);
        let mut peer = Peer::new(Preset::plain(), policy, Seed::from(1_u64));
        peer.accept(Instant::from_millis(1_000));
        let bounds = peer.bounds();
        assert_eq!(bounds.notice_dead_link, silence.filter(|span| *span < Duration::MAX));
        assert_eq!(bounds.notice_dead_link_under_traffic, bounds.notice_dead_link);
        assert!(bounds.memory_bytes > Preset::plain().bounds().memory_bytes);
        let Some(notice) = bounds.notice_dead_link else { continue };
        let end = Instant::from_millis(1_000) + notice;
        peer.handle(Instant::from_millis(end.as_millis() - 1), Event::Tick);
        assert!(peer.connection().is_some(), "it is not yet silent for long enough");
        peer.handle(end, Event::Tick);
        assert_eq!(peer.connection(), None);
    }
}

#[test]
fn the_guarantees_of_a_peer_are_those_of_the_accepting_side() {
    let preset = Preset::uni_app().with_config(Config::default()).and_then(|preset| {
        preset.configure(|config| {
            config.inbox.server_keeps = Some(60);
            config.outbox.resend = Resend::Never;
        })
    });
    let preset = preset.expect("it is sound");
    let (session, peer) = (preset.bounds(), Peer::new(preset, PeerPolicy::default(), Seed::from(1_u64)).bounds());
    assert_eq!((session.outbound, session.inbound), (Guarantee::AtMostOnce, Guarantee::OnceInOrder(60)));
    assert_eq!(peer.outbound, Guarantee::OnceWhileServerRemembers, "a peer always pushes again");
    assert_eq!(peer.inbound, Guarantee::OnceAmong(4_096), "a client may repeat more than a server keeps");
}

#[test]
fn a_peer_promises_no_connects_and_the_memory_of_its_receipts() {
    let (mut few, mut many) = (Config::default(), Config::default());
    (few.outbox.remembered, many.outbox.remembered) = (Limit::new(0), Limit::new(1_000));
    let receipts = |config: &Config| {
        let (peer, _) = peer(|own| *own = config.clone());
        let bounds = peer.bounds();
        let connects = (bounds.connects_in_120_s, bounds.connects_in_120_s_if_stable, bounds.connects_in_120_s_at_most);
        assert_eq!((connects, bounds.connects_in_a_day), ((0, 0, 0), 0));
        bounds.memory_bytes - config.bounds().memory_bytes
    };
    assert_eq!(receipts(&few), 0);
    assert!(receipts(&many) >= 1_000 * many.limits.id_bytes.get());
}

#[test]
fn what_a_preset_says_of_a_clients_messages_neither_holds_pushes_back_nor_fails_them() {
    let preset = Preset::uni_app().configure(|config| {
        config.outbox.in_flight = Limit::new(2);
        config.outbox.on_failure = OnFailure::Hold;
        config.outbox.rate = Some(Rate::new(1, Duration::from_secs(3_600)));
        config.outbox.dedup_window = Some(Duration::from_secs(1));
        config.outbox.time_to_live = Some(Duration::from_secs(1));
    });
    let mut policy = PeerPolicy::default();
    policy.copies = NonZeroU32::new(2);
    let mut peer = Peer::new(preset.expect("it is sound"), policy, Seed::from(1_u64));
    let connection = peer.accept(at(0));
    let [poison, one, two] = ["poison", "one", "two"].map(|body| peer.push(at(0), body).expect("there is room"));
    assert_eq!(named(&mut peer).0, [poison.clone(), one.clone()], "no rate of a client holds the second back");
    peer.handle(at(5_000), Event::Closed { connection, code: None, reason: String::new() });
    peer.accept(at(60_000));
    assert_eq!(named(&mut peer).0, [poison, one], "no memory of a server and no time to live is over");
    peer.handle(at(70_000), Event::Tick);
    assert_eq!(named(&mut peer).0, [two], "what failed holds nothing back");
}
