//! A server that means harm, and a guest of a server that does: every limit is met from outside, and every flood is sat
//! out.

use redial::config::{Acknowledge, Limit, PeerPolicy};
use redial::error::{JsonProblem, Malformed};
use redial::{Action, Cause, ConnectionId, Event, Frame, Instant, MessageId, Peer, Preset, Seed, Session, State};

use crate::oracle::drain;
use crate::support::Story;

fn push(id: &str, content: &str) -> String {
    format!(r#"{{"type":"MESSAGE","messageId":{id},"content":"{content}"}}"#)
}

/// A session that is ready, without an oracle: floods are long.
fn ready(change: impl FnOnce(&mut redial::Config)) -> Session {
    let mut config = redial::Config::default();
    change(&mut config);
    let mut session = Session::new(Preset::uni_app().with_config(config).expect("it is sound"), Seed::from(7_u64));
    session.credential(Instant::ORIGIN, "token");
    session.open(Instant::ORIGIN);
    session.handle(Instant::ORIGIN, Event::Opened { connection: ConnectionId::new(1) });
    drain(&mut session);
    assert_eq!(session.state(), State::Ready);
    session
}

/// One frame, at the same moment as all the others.
fn hear(session: &mut Session, text: String) -> Vec<Action> {
    session.handle(Instant::ORIGIN, Event::FrameIn { connection: ConnectionId::new(1), frame: Frame::text(text) });
    drain(session)
}

fn malformed(story: &mut Story) -> Vec<Malformed> {
    let error = |action: &Action| match action {
        Action::Malformed { error, .. } => Some(error.clone()),
        _ => None,
    };
    story.seen().all().iter().filter_map(error).collect()
}

#[test]
fn a_frame_as_long_as_the_limit_is_heard_and_one_byte_more_is_not() {
    let mut story = Story::uni_app_with(|config| config.limits.frame_bytes = Limit::new(200));
    story.ready().seen();
    let room = 200 - push("1", "").len();
    story.text(&push("1", &"x".repeat(room)));
    assert_eq!(story.seen().delivered(), ["x".repeat(room)]);
    story.text(&push("2", &"x".repeat(room + 1)));
    assert_eq!(malformed(&mut story), [Malformed::TooLarge { bytes: 201, limit: 200 }]);
    story.frame(Frame::Binary(vec![0; 201]));
    assert_eq!(malformed(&mut story), [Malformed::TooLarge { bytes: 201, limit: 200 }]);
}

#[test]
fn an_id_as_long_as_the_limit_is_acknowledged_and_one_byte_more_is_not() {
    let mut story = Story::uni_app();
    story.ready().seen();
    let id = "i".repeat(128);
    story.text(&push(&format!("{id:?}"), "a"));
    assert_eq!(story.seen().acks(), [MessageId::from(&*id)]);
    story.text(&push(&format!("{:?}", id + "i"), "b"));
    let seen = story.seen();
    assert_eq!((seen.delivered().len(), seen.acks().len()), (0, 0), "{seen:?}");
}

#[test]
fn an_id_of_a_wrong_type_is_refused_wherever_it_stands() {
    let wrong = ["1.5", "-1", "1e3", "true", "{}", "[]", "[1]", "{\"id\":1}", "9007199254740992", "\"\"", "1e400"];
    for id in wrong {
        let mut story = Story::uni_app();
        story.ready().seen();
        story.text(&push(id, "x")).text(&format!(r#"{{"type":"RECEIPT","clientMessageId":{id}}}"#));
        let seen = story.seen();
        let refused = seen.count(|action| matches!(action, Action::Malformed { .. }));
        assert_eq!((refused, seen.delivered().len(), seen.acks().len()), (2, 0, 0), "{id}: {seen:?}");
    }
}

#[test]
fn nesting_to_the_limit_is_read_and_one_level_more_is_not_wherever_it_hides() {
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    for (field, delivered) in [("content", 1), ("extra", 0)] {
        let frame = |levels| format!(r#"{{"type":"MESSAGE","messageId":1,"{field}":{}}}"#, nested(levels));
        let mut story = Story::uni_app();
        story.ready().seen();
        story.text(&frame(32));
        assert_eq!(malformed(&mut story), [Malformed::TooDeep { limit: 32 }], "the object is a level, too");
        story.text(&frame(31));
        let seen = story.seen();
        assert!(seen.delivered().len() >= delivered, "{seen:?}");
    }
    let mut story = Story::uni_app();
    story.ready().seen();
    story.text(&"[".repeat(1 << 20));
    assert_eq!(malformed(&mut story), [Malformed::TooDeep { limit: 32 }]);
}

#[test]
fn a_frame_is_refused_for_what_is_wrong_with_it_and_not_for_what_its_texts_hold() {
    let brackets = "[".repeat(99);
    let cut_short = format!(r#"{{"type":"MESSAGE","messageId":1,"content":"{brackets}""#);
    let other_names_twice = r#"{"type":"MESSAGE","news":1,"news":2,"#.to_owned();
    for text in [cut_short, other_names_twice] {
        let mut story = Story::uni_app();
        story.ready().seen();
        story.text(&text);
        let found = malformed(&mut story);
        let truncated = |error: &Malformed| matches!(error, Malformed::Json { problem: JsonProblem::Truncated, .. });
        assert!(found.len() == 1 && found.iter().all(truncated), "{text}: {found:?}");
    }
}

#[test]
fn a_flood_of_receipts_for_unknown_messages_leaves_no_trace_but_a_number() {
    let mut session = ready(|_| {});
    // The first frame tells that the server lives; the others tell nothing.
    hear(&mut session, r#"{"type":"NOISE"}"#.to_owned());
    let before = session.clone();
    for number in 0..100_000 {
        let kind = ["RECEIPT", "MESSAGE"][number % 2];
        let actions = hear(&mut session, format!(r#"{{"type":"{kind}","clientMessageId":"u{number}"}}"#));
        assert_eq!(actions, []);
    }
    assert!(session == before, "the flood left a trace");
    assert_eq!(session.stats().unknown_receipts, 100_000);
}

#[test]
fn a_flood_of_one_message_is_shown_once_and_acknowledged_every_time() {
    let mut session = ready(|_| {});
    let first = hear(&mut session, push("\"m\"", "x"));
    assert!(matches!(&first[..], [Action::Deliver(_), Action::Send { .. }]), "{first:?}");
    let before = session.clone();
    for _ in 0..100_000 {
        let again = hear(&mut session, push("\"m\"", "y"));
        assert!(matches!(&again[..], [Action::Send { .. }]), "{again:?}");
    }
    assert!(session == before, "the flood left a trace");
    assert_eq!((session.stats().delivered, session.stats().duplicates), (1, 100_000));
}

#[test]
fn ids_that_look_or_hash_alike_are_still_different_messages() {
    let mut ids: Vec<String> =
        ["1", "\"1\"", "\"01\"", "\"1 \"", "\" 1\"", "\"a\"", "\"A\"", "\"a\\u0000\"", "\"\u{e9}\"", "\"e\\u0301\""]
            .map(str::to_owned)
            .to_vec();
    // All 1,024 of these have one hash in Java; here ids are compared, not hashed.
    for number in 0..1_024 {
        let alike: String = (0..10).map(|bit| if number >> bit & 1 == 0 { "Aa" } else { "BB" }).collect();
        ids.push(format!("{alike:?}"));
    }
    // These differ in their last byte only, or in their first, or in their length where the short form of an id ends.
    ids.extend((0..64).map(|number| format!("\"{}{number:02}\"", "x".repeat(126))));
    ids.extend((b'a'..=b'z').map(|first| format!("\"{}{}\"", char::from(first), "9".repeat(25))));
    ids.extend((25..35).map(|length| format!("\"{}\"", "0".repeat(length))));
    ids.extend((1..10).map(|first| format!("\"{first}000000000000000001\"")));
    let mut session = ready(|_| {});
    for _ in 0..2 {
        for id in &ids {
            hear(&mut session, push(id, "x"));
        }
    }
    let count = ids.len() as u64;
    assert_eq!((session.stats().delivered, session.stats().duplicates), (count, count));
}

/// Ways to write ids, by a number below 100,000: counting up, counting down, all ending alike, long, and in no order.
fn spellings() -> [fn(u64) -> String; 5] {
    [
        |number| number.to_string(),
        |number| format!("\"m{:06}\"", 999_999 - number),
        |number| format!("\"{number:06}-000000000000000007\""),
        |number| format!("\"{}{number:06}\"", "x".repeat(100)),
        |number| format!("\"{:06}\"", number * 37_567 % 1_000_003),
    ]
}

#[test]
fn a_server_that_never_lets_the_window_rest_gets_repeats_past_it_and_none_within() {
    for id in spellings() {
        let mut session = ready(|config| config.inbox.window = Limit::new(100));
        for number in 0..10_000_u64 {
            hear(&mut session, push(&id(number), "new"));
            // The oldest that the window still holds.
            let repeat = hear(&mut session, push(&id(number.saturating_sub(99)), "again"));
            assert!(matches!(&repeat[..], [Action::Send { .. }]), "within the window {} is shown twice", id(number));
        }
        assert_eq!((session.stats().delivered, session.stats().forgotten), (10_000, 9_900), "{}", id(0));
        hear(&mut session, push(&id(9_899), "forgotten"));
        assert_eq!(session.stats().delivered, 10_001, "what is forgotten is new again, as `bounds()` says");
    }
}

#[test]
fn receipts_find_their_messages_among_ids_of_any_spelling_and_in_any_order() {
    for id in spellings() {
        let mut session = ready(|config| config.outbox.in_flight = Limit::new(1_000));
        let ids = || (0..1_000).map(|number| serde_json::from_str::<MessageId>(&id(number)).expect("it is an id"));
        for id in ids() {
            session.send(Instant::ORIGIN, redial::Outgoing::from("x").id(id)).expect("there is room");
        }
        drain(&mut session);
        // Every other one, from the end; then those in between, from the beginning.
        let order = (0..500).rev().map(|half| half * 2).chain((0..500).map(|half| half * 2 + 1));
        for number in order {
            let told = hear(&mut session, format!(r#"{{"type":"RECEIPT","clientMessageId":{}}}"#, id(number)));
            let accepted = |action: &Action| matches!(action, Action::Status { status: redial::Status::Accepted, .. });
            assert_eq!(told.iter().filter(|action| accepted(action)).count(), 1, "{}: {told:?}", id(number));
        }
        assert_eq!((session.unsettled(), session.stats().unknown_receipts), (0, 0));
        assert!(ids().all(|id| session.status(&id) == Some(redial::Status::Delivered)), "{}", id(0));
    }
}

#[test]
fn a_server_that_echoes_one_message_under_ever_new_ids_gets_as_many_acks_and_leaves_a_full_window() {
    let mut session = ready(|config| config.inbox.window = Limit::new(100));
    let mine = session.send(Instant::ORIGIN, "mine").expect("it is taken");
    drain(&mut session);
    for number in 0..10_000 {
        let echo =
            format!(r#"{{"type":"MESSAGE","messageId":"e{number}","clientMessageId":"{mine}","content":"mine"}}"#);
        let actions = hear(&mut session, echo);
        let acks = actions.iter().filter(|action| matches!(action, Action::Send { .. })).count();
        let shown = actions.iter().filter(|action| matches!(action, Action::Deliver(_))).count();
        assert_eq!((acks, shown), (1, 0), "{actions:?}");
    }
    assert_eq!(session.stats().forgotten, 9_900);
}

#[test]
fn a_flood_that_the_host_does_not_get_stored_owes_no_more_answers_than_may_wait() {
    let mut session = ready(|config| {
        config.durability = redial::config::Durability::WriteAhead;
        config.inbox.pending = Limit::new(5);
        config.inbox.window = Limit::new(7);
    });
    let mut version = 0;
    for number in 0..10_000 {
        for action in hear(&mut session, push(&number.to_string(), "x")) {
            match action {
                Action::Persist { version: named, .. } => version = named,
                Action::Deliver(_) if number < 10 => {}
                Action::Deferred { .. } if number >= 10 => {}
                other => panic!("nothing may leave before it is stored: {other:?}"),
            }
        }
    }
    session.persisted(Instant::ORIGIN, version);
    let actions = drain(&mut session);
    let acks = actions.iter().filter(|action| matches!(action, Action::Send { .. })).count();
    assert_eq!(acks, 10, "{actions:?}");
    // The others were not taken: a new connection asks for them again.
    let replaced = |action: &Action| matches!(action, Action::State { cause: Some(Cause::Deferred), .. });
    assert!(actions.iter().any(replaced), "{actions:?}");
}

#[test]
fn what_waits_for_the_application_outlives_any_flood() {
    let mut session = ready(|config| {
        config.inbox.acknowledge = Acknowledge::OnCall;
        config.inbox.pending = Limit::new(2);
        config.inbox.window = Limit::new(3);
    });
    hear(&mut session, push("\"a\"", "x"));
    hear(&mut session, push("\"b\"", "x"));
    // The first one that is deferred leaves a mark: the connection is replaced once there is room.
    hear(&mut session, push("\"c\"", "x"));
    let before = session.clone();
    for number in 0..10_000 {
        let actions = hear(&mut session, push(&number.to_string(), "x"));
        assert_eq!(actions, [Action::Deferred { id: MessageId::from(u64::try_from(number).unwrap_or(0)) }]);
        assert_eq!(hear(&mut session, push("\"a\"", "x")), [], "it is known, and still nobody has it");
    }
    assert!(session == before, "the flood left a trace");
    session.acknowledge(Instant::ORIGIN, &"a".into()).expect("it still waits");
}

#[test]
fn a_server_that_gives_the_id_of_a_waiting_message_to_our_own_gets_no_acknowledgement_for_it() {
    let mut story = Story::uni_app_with(|config| config.inbox.acknowledge = Acknowledge::OnCall);
    story.ready();
    let mine = story.send("mine");
    story.text(&push("\"m1\"", "theirs"));
    story.text(&format!(r#"{{"type":"MESSAGE","messageId":"m1","clientMessageId":"{mine}","content":"mine"}}"#));
    assert_eq!(story.seen().acks(), [], "nobody has stored it yet");
    story.call(redial::journal::Call::Acknowledge { id: "m1".into() }).expect("it waits");
    assert_eq!(story.seen().acks(), ["m1".into()]);
}

#[test]
fn a_server_that_talks_all_the_time_and_confirms_nothing_stops_no_timer() {
    let mut story = Story::uni_app();
    story.ready();
    story.send("never confirmed");
    for _ in 0..199 {
        story.wait(100).text(r#"{"type":"NOISE"}"#);
        assert_eq!(story.state(), State::Ready);
    }
    story.seen();
    story.sleep(100).text(r#"{"type":"NOISE"}"#);
    assert_eq!(story.seen().losses().first().map(|loss| loss.0), Some(Cause::ReceiptOverdue));
}

#[test]
fn a_guest_that_means_harm_gets_nothing_past_the_accepting_side_either() {
    let preset = Preset::uni_app().with_config(redial::Config::default()).expect("it is sound");
    let mut peer = Peer::new(preset, PeerPolicy::default(), Seed::from(1_u64));
    let connection = peer.accept(Instant::ORIGIN);
    let mut say = |text: String| {
        peer.handle(Instant::ORIGIN, Event::FrameIn { connection, frame: Frame::text(text) });
        std::iter::from_fn(|| peer.poll_action()).filter(|action| matches!(action, Action::Deliver(_))).count()
    };
    let message = |id: &str| format!(r#"{{"key":"message","data":{{"clientMessageId":{id},"content":"x"}}}}"#);
    let long = format!("{:?}", "i".repeat(129));
    for id in [&*long, "1.5", "{}", "true", "\"\"", "-1"] {
        assert_eq!(say(message(id)), 0, "{id}");
    }
    assert_eq!(say("[".repeat(1 << 20)), 0);
    assert_eq!(say(" ".repeat((1 << 20) + 1)), 0);
    let shown: usize = (0..1_000).map(|_| say(message("\"c\""))).sum();
    assert_eq!(shown, 1);
}
