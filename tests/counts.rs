//! What a session costs in memory, as numbers that may fall and must not rise.
//!
//! A program of its own, because counting allocations brings an allocator.

#[path = "../examples/swarm/agenda.rs"]
mod agenda;
#[path = "../examples/swarm/fleet.rs"]
mod fleet;
mod laden;

use std::borrow::Cow;
use std::sync::Arc;

use fleet::Hour;
use laden::Laden;
use redial::config::{Durability, PeerPolicy};
use redial::dialect::{Content, Side, Signal};
use redial::durable::Changes;
use redial::{
    Action, Config, ConnectionId, Event, Frame, Instant, Message, MessageId, Peer, Preset, Secret, Seed, Session,
    Snapshot,
};

/// Rounds before those that count: by then the dedup window (4,096) and the memory of settled messages (1,024) are
/// full.
const WARM: u32 = 6_000;
const COUNTED: u32 = 10_000;

/// Ids, receipts and acknowledgements, under the default timings and limits.
fn with_receipts() -> Preset {
    Preset::uni_app().with_config(Config::default()).expect("it is sound")
}

fn ready(preset: impl Into<Arc<Preset>>) -> (Session, ConnectionId) {
    let mut session = Session::new(preset, Seed::from(7_u64));
    session.credential(Instant::ORIGIN, Secret::new(""));
    session.open(Instant::ORIGIN);
    let connects = std::iter::from_fn(|| session.poll_action()).find_map(|action| match action {
        Action::Connect { connection, .. } => Some(connection),
        _ => None,
    });
    let connection = connects.expect("open connects");
    session.handle(Instant::ORIGIN, Event::Opened { connection });
    drain(&mut session);
    (session, connection)
}

/// Takes every action; says how many there were.
fn drain(session: &mut Session) -> usize {
    std::iter::from_fn(|| session.poll_action()).count()
}

fn beat(session: &mut Session, connection: ConnectionId) {
    let due = session.next_deadline().expect("a heartbeat is due").at;
    session.handle(due, Event::Tick);
    assert_eq!(drain(session), 1, "the heartbeat");
    session.handle(due, Event::FrameIn { connection, frame: Frame::Pong(Vec::new()) });
    assert_eq!(drain(session), 1, "its answer is told");
}

/// Allocations of so many rounds, whose inputs were made before.
fn allocations<T>(inputs: impl IntoIterator<Item = T>, mut round: impl FnMut(T)) -> u64 {
    let mut inputs: Vec<T> = inputs.into_iter().collect();
    let counted = inputs.split_off(WARM as usize);
    inputs.into_iter().for_each(&mut round);
    allocation_counter::measure(|| counted.into_iter().for_each(round)).count_total
}

#[test]
fn a_heartbeat_round_allocates_nothing() {
    let (mut session, connection) = ready(Preset::plain());
    let count = allocations(0..WARM + COUNTED, |_| beat(&mut session, connection));
    assert_eq!(count, 0);
}

#[test]
fn a_tick_with_nothing_due_allocates_nothing() {
    let (mut session, _) = ready(with_receipts());
    let count = allocations(0..WARM + COUNTED, |_| session.handle(Instant::ORIGIN, Event::Tick));
    assert_eq!(count, 0);
    assert_eq!(drain(&mut session), 0);
}

#[test]
fn a_push_and_its_acknowledgement_take_one_allocation_the_frame_of_the_latter() {
    // A content with escapes has to be copied where it is delivered, and need not even be read where the frame is.
    pushes(with_receipts(), &format!(r#""{}""#, "x".repeat(128)));
    pushes(with_receipts(), &format!(r#"{{"text":"{}"}}"#, "x".repeat(128)));
    pushes(Preset::uni_app(), &format!(r#""{}""#, r#"\"x\" "#.repeat(20)));
}

fn pushes(preset: Preset, content: &str) {
    let (mut session, connection) = ready(preset);
    // In buffers of their own length, as sockets hand them over.
    let text = |number| format!(r#"{{"type":"MESSAGE","messageId":"m{number}","content":{content}}}"#).into_boxed_str();
    let frames = (0..WARM + COUNTED).map(|number| Frame::text(text(number).into_string()));
    let count = allocations(frames, |frame| {
        session.handle(Instant::ORIGIN, Event::FrameIn { connection, frame });
        assert_eq!(drain(&mut session), 2, "Deliver and the acknowledgement");
    });
    assert!(count <= u64::from(COUNTED), "{count} for {content}");
}

#[test]
fn a_message_and_its_receipt_take_one_allocation_the_frame() {
    let json = |quotes: usize| format!(r#"[{}"{}"]"#, r#""","#.repeat(quotes), "x".repeat(120 - 4 * quotes));
    for body in ["x".repeat(128), json(0), json(5), "{}".to_owned(), r#"{"a":"b"}"#.to_owned()] {
        messages_and_their_receipts(&body);
    }
}

fn messages_and_their_receipts(body: &str) {
    let (mut session, connection) = ready(with_receipts());
    let mut nonce = session.clone().send(Instant::ORIGIN, "x").expect("there is room").to_string();
    nonce.truncate(16);
    let exchanges = (0..WARM + COUNTED).map(|number| {
        let receipt = Frame::text(format!(r#"{{"type":"MESSAGE","clientMessageId":"{nonce}-{number}"}}"#));
        (body.to_owned(), receipt)
    });
    let count = allocations(exchanges, |(body, frame)| {
        session.send(Instant::ORIGIN, body).expect("there is room");
        session.handle(Instant::ORIGIN, Event::FrameIn { connection, frame });
        assert_eq!(drain(&mut session), 4, "Queued, Send, Sent, Accepted");
    });
    assert!(count <= u64::from(COUNTED), "{count} for {body}");
    assert_eq!(session.unsettled(), 0);
}

#[test]
fn a_frame_fills_its_buffer_where_nothing_has_to_be_escaped() {
    let (id, body) = (MessageId::from("an-id"), Content::Text("and what it names"));
    let message = Signal::message(Some(id.clone()), body);
    let ack = Signal::accepted(id.clone());
    let mut signals = vec![
        (Preset::uni_app(), Side::Client, message.clone()),
        (Preset::uni_app(), Side::Client, ack),
        (Preset::uni_app(), Side::Server, message),
    ];
    for seq in [1, 9, 10, 12_345] {
        signals.push((Preset::native(), Side::Client, Signal::sequenced(seq, id.clone(), Some(body))));
    }
    for (preset, side, signal) in signals {
        let Ok(Frame::Text(Cow::Owned(text))) = preset.dialect().encode(side, &signal) else { panic!("{signal:?}") };
        assert_eq!(text.capacity(), text.len(), "{text}");
    }
}

#[test]
fn a_body_that_is_json_leaves_a_quarter_of_its_room_empty_at_most() {
    let json = format!("[{}]", "1,".repeat(100) + "1");
    for body in [Content::Text(&json), Content::Json(&json)] {
        let id = MessageId::from("an-id");
        let message = Signal::message(Some(id.clone()), body);
        let numbered = Signal::sequenced(1, id, Some(body));
        for (preset, signal) in [(Preset::uni_app(), message), (Preset::native(), numbered)] {
            let frame = preset.dialect().encode(Side::Client, &signal);
            let Ok(Frame::Text(Cow::Owned(text))) = frame else { panic!("{signal:?}") };
            assert!(text.capacity() <= text.len() + json.len() / 4 + 10, "{} for {text}", text.capacity());
        }
    }
}

#[test]
fn a_body_is_the_buffer_of_the_frame_it_came_in_where_that_is_not_much_larger() {
    let (mut session, connection) = ready(with_receipts());
    let mut deliver = |content: &str, padding: usize| {
        let padding = " ".repeat(padding);
        let text = format!(r#"{{"type":"MESSAGE","messageId":"m{}","content":"{content}"{padding}}}"#, padding.len());
        session.handle(Instant::ORIGIN, Event::FrameIn { connection, frame: Frame::text(text) });
        let body = std::iter::from_fn(|| session.poll_action()).find_map(|action| match action {
            Action::Deliver(Message { body: redial::Body::Text(text), .. }) => Some(text),
            _ => None,
        });
        body.expect("it is delivered")
    };
    let content = "gr\u{fc}\u{df}e ".repeat(40);
    let (close, loose) = (deliver(&content, 0), deliver(&content, 10_000));
    assert_eq!((close.as_str(), loose.as_str()), (content.as_str(), content.as_str()));
    assert!(loose.capacity() < 2 * content.len(), "a small body holds no large buffer: {}", loose.capacity());
}

#[test]
fn receipts_between_two_versions_leave_no_more_behind_than_are_kept() {
    let held = |receipts: u32| {
        let mut policy = PeerPolicy::default();
        policy.durability = Durability::WriteAhead;
        let mut peer = Peer::new(with_receipts(), policy, Seed::from(7_u64));
        let (now, id) = (Instant::ORIGIN, MessageId::from("c1"));
        let connection = peer.accept(now);
        let frame = Frame::text(r#"{"key":"message","data":{"clientMessageId":"c1","content":"hello"}}"#);
        peer.handle(now, Event::FrameIn { connection, frame });
        // A receipt for what is not stored waits for a version of its own.
        peer.persisted(now, u64::MAX);
        let heap = allocation_counter::measure(|| {
            for _ in 0..receipts {
                peer.delivered(now, id.clone()).expect("the message was delivered");
                while peer.poll_action().is_some() {}
            }
        });
        // What is left is right all the same.
        let mut stored = Snapshot::default();
        stored.apply(&peer.changes());
        assert_eq!(stored.iter().filter(|(key, _)| key.starts_with("t/")).count(), 1_024);
        heap.bytes_current
    };
    let (some, many) = (held(3_000), held(30_000));
    assert!(many <= some + some / 10, "{some} bytes, and {many} after ten times as many");
}

#[test]
fn an_idle_session_is_small() {
    let preset = Arc::new(Preset::plain());
    let mut kept = None;
    let heap = allocation_counter::measure(|| {
        let (mut session, connection) = ready(Arc::clone(&preset));
        (0..10).for_each(|_| beat(&mut session, connection));
        kept = Some(session);
    });
    assert_eq!(kept.map(|session| session.unsettled()), Some(0));
    let bytes = size_of::<Session>() as u64 + u64::try_from(heap.bytes_current).expect("it holds something");
    // 200 of them are the outbox (`rustc -Zprint-type-sizes`), which is not the idle session's.
    assert!(bytes - 200 <= 1_024, "{bytes} bytes");
}

#[test]
fn events_and_actions_are_cheap_to_move() {
    assert!(size_of::<Event>() <= 48, "{}", size_of::<Event>());
    assert!(size_of::<Action>() <= 80, "{}", size_of::<Action>());
}

#[test]
fn a_swarm_through_an_hour_and_a_mass_disconnect_takes_the_same_steps_and_bytes_a_session_whatever_its_size() {
    let (few, many) = (Hour::of(50), Hour::of(500));
    assert_eq!((few.ready, many.ready), (50, 500), "all are ready again");
    assert_eq!(many.figures.connects, 2 * 500);
    assert!(many.figures.beats > 100 * 500, "{} heartbeats", many.figures.beats);
    assert!(many.steps_each() < few.steps_each() * 1.05, "{} and {}", many.steps_each(), few.steps_each());
    // 127 MiB for a hundred thousand of them, the preset that they share left out.
    assert!(many.bytes - few.bytes < 450 * 1_331, "{} and {} bytes", many.bytes, few.bytes);
    assert!(many.nanoseconds() > 0.0 && many.mebibytes() > 0.1);
}

/// Bytes of the changes of so many messages, and the allocations that the messages take: sent and settled, then
/// arrived.
fn stored(laden: &Laden, messages: usize) -> [(usize, u64); 2] {
    let mut laden = laden.clone();
    let (exchanges, arrivals) = (laden.exchanges(messages), laden.arrivals(messages));
    // A message that is sent has one version, and one more when it is settled.
    let (mut out, mut arrived) = (Vec::with_capacity(2 * messages), Vec::with_capacity(messages));
    let sending = allocation_counter::measure(|| {
        for (body, ack) in exchanges {
            laden.exchange(body, ack, &mut |changes| out.push(changes));
        }
    });
    let arriving = allocation_counter::measure(|| {
        for frame in arrivals {
            laden.arrive(frame, &mut |changes| arrived.push(changes));
        }
    });
    assert_eq!((out.len(), arrived.len()), (2 * messages, messages));
    let bytes = |changes: &[Changes]| changes.iter().map(Changes::bytes).sum();
    [(bytes(&out), sending.count_total), (bytes(&arrived), arriving.count_total)]
}

#[test]
fn what_is_stored_of_a_message_takes_the_same_bytes_and_allocations_whatever_is_held() {
    const MESSAGES: usize = 1_000;
    for side in [Side::Client, Side::Server] {
        let [few, many] = [10, 100_000].map(|held| stored(&Laden::new(side, held), MESSAGES));
        for ((few_bytes, few_allocations), (bytes, allocations)) in few.into_iter().zip(many) {
            // A number of a key or of a record has up to four digits more.
            assert!(bytes <= few_bytes + 30 * MESSAGES, "{side:?}: {few_bytes} bytes, {bytes} with 100,000 held");
            assert!(bytes <= (2 * laden::BODY + 300) * MESSAGES, "{side:?}: {bytes} bytes of {MESSAGES} messages");
            let limit = few_allocations + few_allocations / 50;
            assert!(allocations <= limit, "{side:?}: {few_allocations} allocations, {allocations} with 100,000 held");
        }
        let [(_, out), (_, arrived)] = few.map(|(bytes, allocations)| (bytes, allocations / MESSAGES as u64));
        assert!(
            out <= 33 && arrived <= 11,
            "{side:?}: {out} allocations for a message out, {arrived} for one that came"
        );
    }
}

#[test]
fn merging_many_versions_takes_in_proportion_to_what_they_hold() {
    let merged = |versions: usize| {
        let (mut laden, mut all) = (Laden::new(Side::Client, 10), Vec::new());
        for (body, ack) in laden.exchanges(versions) {
            laden.exchange(body, ack, &mut |changes| all.push(changes));
        }
        let mut merged = Changes::default();
        let count = allocation_counter::measure(|| all.into_iter().for_each(|changes| merged.merge(changes)));
        (count.count_total, merged.len())
    };
    let ((few, few_records), (many, many_records)) = (merged(300), merged(3_000));
    assert!(many <= 12 * few, "{few} allocations, {many} for ten times as many versions");
    assert!(many_records <= 12 * few_records, "{few_records} records, {many_records} of ten times as many versions");
}
