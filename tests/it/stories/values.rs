//! The plain values: randomness, time, frames, names. What is written down here was computed by another program.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use redial::config::{Deliver, Limit};
use redial::dialect::{Content, Side, Signal};
use redial::error::MarkReadError;
use redial::{Action, Body, ConnectionId, Duration, Event, Frame, Instant, MessageId, Outgoing, Preset, Seed, Session};

use crate::oracle::drain;
use crate::support::Story;

/// The waits after as many failed attempts.
fn waits(session: &mut Session, count: u64) -> Vec<u64> {
    session.open(Instant::ORIGIN);
    let wait = |number| {
        let connection = ConnectionId::new(number);
        let now = session.now();
        session.handle(now, Event::Closed { connection, code: None, reason: String::new() });
        let at = session.next_deadline().expect("it connects again").at;
        session.handle(at, Event::Tick);
        at.since(now).as_millis()
    };
    (1..=count).map(wait).collect()
}

#[test]
fn a_seed_gives_the_same_ids_and_waits_in_every_version_and_on_every_machine() {
    for (seed, nonce, expected) in [
        (0, "01070196e695f8f1", [360, 948, 1_586, 2_981]),
        (1, "e175e32ed3507bfa", [438, 539, 1_773, 2_608]),
        (7, "201dd1797e353e32", [471, 756, 1_962, 3_889]),
        (u128::from(u64::MAX), "3b17d015242767f3", [314, 917, 1_302, 3_573]),
        (1 << 64, "8d911d2bed3778cb", [291, 618, 1_145, 3_733]),
        ((1 << 127) + 5, "666f5061b2078b39", [392, 572, 1_106, 3_265]),
        (u128::MAX, "e871dc267b3faa96", [276, 657, 1_898, 3_608]),
    ] {
        let mut session = Session::new(Preset::plain(), Seed::from(seed));
        let id = session.send(Instant::ORIGIN, "x").expect("it is taken");
        assert_eq!(id.to_string(), format!("{nonce}-0"));
        assert_eq!(waits(&mut session, 4), expected, "{seed}");
        let written = serde_json::to_string(&Seed::from(seed)).expect("a seed can be written");
        assert_eq!(written, format!("\"{seed:032x}\""));
        assert_eq!(serde_json::from_str::<Seed>(&written).ok(), Some(Seed::from(seed)));
        assert_eq!(Seed::from_bytes(seed.to_le_bytes()), Seed::from(seed));
        assert_eq!(format!("{:?}", Seed::from(seed)), format!("Seed({seed:032x})"));
    }
    assert_eq!(serde_json::from_str::<Seed>("7").ok(), Some(Seed::from(7_u64)));
    for no_seed in ["-1", "\"x\"", "\"\"", "null", "1.5", "\"100000000000000000000000000000000\""] {
        assert!(serde_json::from_str::<Seed>(no_seed).is_err(), "{no_seed}");
    }
}

#[test]
fn spans_are_rounded_up_from_finer_clocks_and_never_leave_their_range() {
    type Std = std::time::Duration;
    for (fine, millis) in [
        (Std::ZERO, 0),
        (Std::from_nanos(1), 1),
        (Std::from_millis(1), 1),
        (Std::from_nanos(1_000_001), 2),
        (Std::from_millis(1_500), 1_500),
        (Std::MAX, u64::MAX),
    ] {
        assert_eq!(Duration::from(fine), Duration::from_millis(millis), "{fine:?}");
    }
    assert_eq!(Std::from(Duration::from_millis(1_500)), Std::from_millis(1_500));
    let (short, long) = (Duration::from_millis(3), Duration::from_secs(2));
    assert_eq!((long - short, short - long), (Duration::from_millis(1_997), Duration::ZERO));
    assert_eq!((short + long, Duration::MAX + short), (Duration::from_millis(2_003), Duration::MAX));
    assert_eq!([short, long, Duration::from_millis(1_001)].map(|span| span.to_string()), ["3 ms", "2 s", "1001 ms"]);
    assert_eq!(Duration::from_secs(u64::MAX), Duration::MAX);
    let moment = Instant::from_millis(5);
    assert_eq!(
        (moment.since(Instant::ORIGIN), Instant::ORIGIN.since(moment)),
        (Duration::from_millis(5), Duration::ZERO)
    );
}

#[test]
fn a_limit_is_a_plain_number_wherever_it_comes_from() {
    let same =
        [Limit::new(7), Limit::from(7_u64), Limit::from(7_u32), serde_json::from_str("7").expect("it is a number")];
    assert_eq!(same.map(Limit::get), [7; 4]);
    assert_eq!(format!("{} {:?} {}", same[0], same[1], serde_json::to_string(&same[2]).expect("it is plain")), "7 7 7");
    assert!(Limit::new(7) < Limit::new(8));
}

#[test]
fn frames_and_bodies_know_their_length_and_do_not_show_what_they_hold() {
    let bytes = || vec![1, 2, 3];
    let frames = [Frame::text("abc"), Frame::Binary(bytes()), Frame::Ping(bytes()), Frame::Pong(bytes())];
    assert!(frames.iter().all(|frame| frame.len() == 3 && !frame.is_empty()));
    let shown = frames.map(|frame| format!("{frame:?}"));
    assert_eq!(shown, ["Text(3 bytes)", "Binary(3 bytes)", "Ping(3 bytes)", "Pong(3 bytes)"]);
    assert!(Frame::text("").is_empty() && Frame::Binary(Vec::new()).is_empty());
    let (text, binary) = (Body::from("abc"), Body::from(&bytes()[..]));
    assert_eq!((text.len(), text.is_empty(), text.as_text()), (3, false, Some("abc")));
    assert_eq!((binary.len(), binary.is_empty(), binary.as_text()), (3, false, None));
    assert!(Body::from("").is_empty());
    assert_eq!(format!("{text:?} {binary:?}"), "Text(3 bytes) Binary(3 bytes)");
}

#[test]
fn bytes_arrive_as_bytes_whether_their_content_or_their_frame_is_wanted() {
    for deliver in [Deliver::Content, Deliver::Frame] {
        let mut story = Story::plain_with(|config| config.inbox.deliver = deliver);
        story.ready().seen();
        for bytes in [vec![0, 159, 146, 150], Vec::new(), Vec::with_capacity(1 << 10)] {
            story.frame(Frame::Binary(bytes.clone()));
            let seen = story.seen();
            let arrived =
                |action: &Action| matches!(action, Action::Deliver(message) if message.body == Body::from(&bytes[..]));
            assert_eq!(seen.count(arrived), 1, "{seen:?}");
        }
        let sent = vec![9, 0, 255];
        let outgoing = Outgoing::from(Body::from(&sent[..]));
        story.session.send(story.instant(), outgoing).expect("it is taken");
        let frames = drain(&mut story.session);
        let goes =
            |action: &Action| matches!(action, Action::Send { frame: Frame::Binary(bytes), .. } if *bytes == sent);
        assert_eq!(frames.iter().filter(|action| goes(action)).count(), 1, "{frames:?}");
    }
}

#[test]
fn ids_stand_in_order_numbers_first_and_short_texts_before_long_ones() {
    let texts = ["", "\0", "a", "b", "z", "a\0", "aa", "ab", "\0\0\0", "m10", "m11", "m9999", "0123456789abcdef"];
    let long = [
        "x".repeat(16) + "a",
        "x".repeat(17),
        "x".repeat(23) + "\0",
        "x".repeat(24),
        "x".repeat(23) + "y",
        "a".repeat(25),
        "x".repeat(25),
        "a".repeat(32),
    ];
    let numbers = [0, 1, 10, MessageId::MAX_NUMBER].map(MessageId::from);
    let ids: Vec<MessageId> = numbers
        .into_iter()
        .chain(texts.into_iter().map(MessageId::from))
        .chain(long.into_iter().map(MessageId::from))
        .collect();
    for (one, earlier) in ids.iter().enumerate() {
        for (other, later) in ids.iter().enumerate() {
            assert_eq!(earlier.cmp(later), one.cmp(&other), "{earlier:?} and {later:?}");
            assert_eq!(earlier == later, one == other, "{earlier:?} and {later:?}");
        }
        let written = serde_json::to_string(earlier).expect("an id can be written");
        assert_eq!(serde_json::from_str::<MessageId>(&written).ok().as_ref(), Some(earlier), "{written}");
    }
    assert_eq!(serde_json::to_string(&MessageId::from(5)).ok().as_deref(), Some("5"));
    let refused = serde_json::from_str::<MessageId>("true").map_err(|error| error.to_string());
    assert!(refused.is_err_and(|error| error.contains("a message id: a text or an integer up to 9007199254740991")));
    assert_eq!((MessageId::from(5).wire_len(), MessageId::from("m1").wire_len()), (16, 2));
}

fn hash(session: &Session) -> u64 {
    let mut hasher = DefaultHasher::new();
    session.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn sessions_are_equal_and_hash_alike_exactly_where_what_they_hold_is_the_same() {
    let session = |steps: &[&str]| {
        let mut session = Session::new(
            Preset::uni_app().with_config(redial::Config::default()).expect("it is sound"),
            Seed::from(7_u64),
        );
        for step in steps {
            let id = MessageId::from(&step[1..]);
            match &step[..1] {
                "+" => drop(session.send(Instant::ORIGIN, Outgoing::from("x").id(id))),
                _ => session.cancel(Instant::ORIGIN, &id).expect("it waits"),
            }
            drain(&mut session);
        }
        session
    };
    let differing = [&["+a"][..], &["+b"], &["+a", "+b"], &["+b", "+a"], &["+a", "-a"], &["+a", "+b", "-a"], &[]];
    for (one, steps) in differing.iter().enumerate() {
        for (other, others) in differing.iter().enumerate() {
            let (left, right) = (session(steps), session(others));
            assert_eq!(left == right, one == other, "{steps:?} and {others:?}");
            assert_eq!(hash(&left) == hash(&right), one == other, "{steps:?} and {others:?}");
        }
    }
}

#[test]
fn where_nothing_is_remembered_a_settled_message_is_unknown_at_once() {
    let mut story = Story::uni_app_with(|config| config.outbox.remembered = Limit::new(0));
    story.ready();
    let id = story.send("x");
    story.text(&format!(r#"{{"type":"RECEIPT","clientMessageId":"{id}"}}"#));
    assert_eq!(story.session.status(&id), None);
    assert_eq!(story.session.unsettled(), 0);
    let none = story.session.resend(story.instant(), &id);
    assert_eq!(none, Err(redial::error::ResendError::Unknown));
    // With nothing remembered an id may be used again.
    story.send_id("y", "c");
    story.text(r#"{"type":"RECEIPT","clientMessageId":"c"}"#);
    story.send_id("z", "c");
}

#[test]
fn an_id_too_long_to_be_written_is_not_marked_as_read() {
    let mut story = Story::uni_app();
    story.ready();
    let too_long = MessageId::from("i".repeat(129));
    let answer = story.session.mark_read(story.instant(), &too_long);
    assert_eq!(answer, Err(MarkReadError::BadId { limit: 128 }));
    assert_eq!(drain(&mut story.session), []);
}

#[test]
fn a_frame_is_written_into_a_buffer_of_about_its_size() {
    let (id, push) = (MessageId::from("c".repeat(100)), MessageId::from("p".repeat(90)));
    let body = "x".repeat(5_000);
    let text = Content::Text(&body);
    let echo = Signal::echoed(id.clone(), push, text);
    let (acked, read) = (Signal::delivered(id.clone()), Signal::read(id.clone()));
    let numbered = Signal::sequenced(1, id.clone(), Some(text));
    let login = Signal::proof("t".repeat(3_000).into(), None);
    let message = Signal::message(Some(id.clone()), text);
    let mut written = 0;
    for preset in [Preset::uni_app(), Preset::native()] {
        for side in [Side::Client, Side::Server] {
            for signal in [&message, &numbered, &echo, &acked, &read, &login] {
                let Ok(Frame::Text(Cow::Owned(text))) = preset.dialect().encode(side, signal) else { continue };
                written += 1;
                let spare = text.capacity() - text.len();
                assert!(spare < 100, "{spare} bytes are left of {} by the {side:?}: {signal:?}", text.capacity());
            }
        }
    }
    assert_eq!(written, 12, "what these dialects have words for");
}
