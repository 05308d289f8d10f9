//! Messages on their way in.

use redial::config::{Acknowledge, Limit};
use redial::dialect::Login;
use redial::error::{AcknowledgeError, JsonProblem, Malformed};
use redial::journal::Call;
use redial::{Action, Body, Cause, Frame, MessageId, State};

use crate::sim::Terse;
use crate::support::Story;

fn push(id: &str, content: &str) -> String {
    format!(r#"{{"type":"MESSAGE","messageId":"{id}","content":"{content}"}}"#)
}

fn on_call(pending: u64) -> Story {
    Story::uni_app_with(|config| {
        config.inbox.acknowledge = Acknowledge::OnCall;
        config.inbox.pending = Limit::new(pending);
    })
}

#[test]
fn a_repeat_is_acknowledged_again_and_shown_once() {
    let mut story = Story::uni_app();
    story.ready().seen();
    for _ in 0..3 {
        story.text(&push("m1", "hello"));
    }
    story.closed(None).wait_for_connect();
    story.opened().text(&push("m1", "hello"));
    let seen = story.seen();
    assert_eq!(seen.delivered(), ["hello"]);
    assert_eq!(seen.acks(), ["m1"; 4].map(MessageId::from));
    assert_eq!(story.session.stats().duplicates, 3);
}

#[test]
fn a_message_is_shown_before_it_is_acknowledged() {
    let mut story = Story::uni_app();
    story.ready().seen();
    story.text(&push("m1", "hello"));
    let seen = story.seen();
    assert!(matches!(seen.all(), [Action::Deliver(_), Action::Send { .. }]), "{seen:?}");
}

#[test]
fn the_window_forgets_its_oldest_id_first() {
    let mut story = Story::uni_app_with(|config| config.inbox.window = Limit::new(2));
    story.ready();
    for id in ["m1", "m2", "m1", "m3", "m2", "m1"] {
        story.text(&push(id, id));
    }
    assert_eq!(story.seen().delivered(), ["m1", "m2", "m3", "m1"]);
    assert_eq!(story.session.stats().forgotten, 2);
}

#[test]
fn what_is_forgotten_for_an_answer_of_the_application_is_counted_too() {
    let mut story = Story::uni_app_with(|config| {
        config.inbox.window = Limit::new(1);
        config.inbox.acknowledge = Acknowledge::OnCall;
    });
    story.ready();
    for id in ["m1", "m2", "m3"] {
        story.text(&push(id, id));
    }
    story.reject(&"m1".into()).acknowledge(&"m2".into()).acknowledge(&"m3".into());
    assert_eq!(story.session.stats().forgotten, 2);
}

#[test]
fn a_message_is_acknowledged_when_the_application_says_so() {
    let mut story = on_call(10);
    story.ready().seen();
    story.text(&push("m1", "hello")).text(&push("m1", "hello"));
    let seen = story.seen();
    assert_eq!((seen.delivered().len(), seen.acks().len()), (1, 0));
    let call = Call::Acknowledge { id: "m1".into() };
    story.call(call.clone()).expect("it waits");
    assert_eq!(story.seen().acks(), [MessageId::from("m1")]);
    assert_eq!(story.call(call), Err(AcknowledgeError::Unknown.into()));
    story.text(&push("m1", "hello"));
    let seen = story.seen();
    assert_eq!((seen.delivered().len(), seen.acks().len()), (0, 1));
}

#[test]
fn an_answer_without_a_connection_waits_for_the_next_push() {
    let mut story = on_call(10);
    story.ready().text(&push("m1", "hello")).closed(None).seen();
    story.call(Call::Reject { id: "m1".into() }).expect("it waits");
    assert!(story.seen().is_empty());
    story.wait_for_connect();
    story.opened().text(&push("m1", "hello"));
    let seen = story.seen();
    assert_eq!((seen.delivered().len(), seen.acks().len()), (0, 1), "this dialect has no word for a refusal");
}

#[test]
fn what_the_application_cannot_take_yet_is_deferred_and_not_acknowledged() {
    let mut story = on_call(1);
    story.ready().seen();
    story.text(&push("m1", "one")).text(&push("m2", "two"));
    let seen = story.seen();
    assert_eq!(seen.delivered(), ["one"]);
    assert!(seen.all().contains(&Action::Deferred { id: "m2".into() }));
    story.call(Call::Acknowledge { id: "m1".into() }).expect("it waits");
    let seen = story.seen();
    assert_eq!((seen.losses().len(), seen.losses()[0].0), (1, Cause::Deferred), "the server is asked again");
    story.wait_for_connect();
    story.opened().text(&push("m2", "two"));
    assert_eq!(story.seen().delivered(), ["two"]);
}

#[test]
fn asking_again_for_what_was_deferred_costs_no_attempt_and_no_step() {
    let changes: [fn(&mut redial::Config); 3] =
        [|_| {}, |config| config.reconnect.max = Some(0), |config| config.reconnect.first.errored = None];
    for (which, change) in changes.into_iter().enumerate() {
        let mut story = Story::uni_app_with(|config| {
            config.inbox.acknowledge = Acknowledge::OnCall;
            config.inbox.pending = Limit::new(2);
            change(config);
        });
        story.ready();
        let mut waits = Vec::new();
        for round in 0..4 {
            story.wait(1_000).seen();
            let [one, two, three] = [0, 1, 2].map(|number| format!("m{}", round * 2 + number));
            for id in [&one, &two, &three] {
                story.text(&push(id, "x"));
            }
            story.acknowledge(&MessageId::from(&*one)).acknowledge(&MessageId::from(&*two));
            let seen = story.seen();
            assert_eq!(seen.losses().iter().map(|(cause, _)| *cause).collect::<Vec<_>>(), [Cause::Deferred], "{which}");
            let attempts = |action: &Action| matches!(action, Action::ScheduleReconnect { attempt: 1.., .. });
            assert_eq!((seen.count(attempts), story.session.explain().failures), (0, 0), "{which}");
            if story.state() == State::Waiting {
                waits.push(story.wait_for_connect());
            }
            story.opened();
        }
        assert_eq!(waits, [1_000], "{which}: the floor alone stands above it, once it is above a second");
        // A real loss is the first one.
        story.text(&push("m0", "x")).closed(1001);
        assert_eq!(story.session.explain().failures, 1, "{which}");
    }
}

#[test]
fn nothing_overtakes_a_message_that_was_deferred() {
    let mut story = on_call(4);
    story.ready().seen();
    for number in 1..=6 {
        story.text(&push(&format!("m{number}"), "x"));
    }
    story.call(Call::Acknowledge { id: "m1".into() }).expect("it waits");
    // There is room for one, and two were deferred.
    story.text(&push("m7", "x")).text(&push("m2", "x"));
    let seen = story.seen();
    let deferred = |id: &str| seen.all().contains(&Action::Deferred { id: id.into() });
    assert!(["m5", "m6", "m7"].into_iter().all(deferred) && !deferred("m2"));
    assert_eq!((seen.delivered().len(), story.state()), (4, State::Ready));
    story.call(Call::Acknowledge { id: "m2".into() }).expect("it waits");
    assert_eq!(story.seen().losses().len(), 1, "half of the room is free");
    story.wait_for_connect();
    story.opened();
    for number in 3..=7 {
        story.text(&push(&format!("m{number}"), "x"));
    }
    let seen = story.seen();
    assert_eq!(seen.delivered().len(), 2);
    assert!(seen.all().contains(&Action::Deferred { id: "m7".into() }));
}

#[test]
fn an_own_message_that_comes_back_behind_a_deferred_one_is_acknowledged() {
    let mut story = on_call(1);
    story.ready();
    let id = story.send("mine");
    story.text(&push("m1", "one")).text(&push("m2", "two")).seen();
    story.text(&format!(r#"{{"type":"MESSAGE","messageId":"m3","clientMessageId":"{id}","content":"mine"}}"#));
    let seen = story.seen();
    assert_eq!((seen.acks(), seen.delivered().len()), (vec![MessageId::from("m3")], 0), "it overtakes nothing");
}

#[test]
fn a_host_that_reports_what_is_taken_stops_reading_before_anything_is_deferred() {
    let mut story = on_call(2);
    story.ready().taken(0).text(&push("m1", "one"));
    assert!(story.session.wants_read());
    story.text(&push("m2", "two")).taken(2);
    assert!(!story.session.wants_read(), "two wait for the application");
    story.call(Call::Acknowledge { id: "m1".into() }).expect("it waits");
    assert!(story.session.wants_read());
    story.text(&push("m3", "three"));
    assert_eq!((story.seen().delivered().len(), story.state()), (3, State::Ready));
}

#[test]
fn an_own_message_that_comes_back_is_acknowledged_and_not_shown() {
    let mut story = Story::uni_app();
    story.ready();
    let id = story.send("mine");
    story.seen();
    let echo = format!(r#"{{"type":"MESSAGE","messageId":"m7","clientMessageId":"{id}","content":"mine"}}"#);
    story.text(&echo).text(&push("m7", "mine"));
    let seen = story.seen();
    assert_eq!((seen.delivered().len(), seen.acks().len()), (0, 2));
}

#[test]
fn what_cannot_be_understood_is_told_by_kind_and_changes_nothing() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(33), "}".repeat(33));
    let id = |field: &str| Malformed::BadId { field: field.to_owned(), limit: 128 };
    let json = |problem, column| Malformed::Json { problem, line: 1, column };
    let missing = |field: &str| Malformed::Missing { field: field.to_owned() };
    let cases = [
        (Frame::text("{nonsense"), json(JsonProblem::Syntax, 2)),
        (Frame::text(r#"{"type":"#), json(JsonProblem::Truncated, 8)),
        (Frame::text(r#"{"type":"a","type":"b"}"#), json(JsonProblem::Shape, 18)),
        (Frame::text("[1]"), Malformed::NotAnObject),
        (Frame::text("null"), Malformed::NotAnObject),
        (Frame::text(deep), Malformed::TooDeep { limit: 32 }),
        (Frame::Binary(vec![1]), Malformed::UnexpectedBinary),
        (Frame::text("x".repeat((1 << 20) + 1)), Malformed::TooLarge { bytes: (1 << 20) + 1, limit: 1 << 20 }),
        (Frame::text(r#"{"type":"MESSAGE"}"#), missing("messageId")),
        (Frame::text(r#"{"type":"RECEIPT"}"#), missing("clientMessageId")),
        (Frame::text(r#"{"type":"MESSAGE","messageId":1.5}"#), id("messageId")),
        (Frame::text(r#"{"type":"MESSAGE","messageId":9007199254740992}"#), id("messageId")),
        (Frame::text(r#"{"type":"MESSAGE","messageId":""}"#), id("messageId")),
        (
            Frame::text(format!(r#"{{"type":"RECEIPT","clientMessageId":"{}"}}"#, "x".repeat(129))),
            id("clientMessageId"),
        ),
    ];
    for (frame, error) in cases {
        let mut story = Story::uni_app();
        story.ready().seen();
        story.frame(frame);
        let connection = story.connection();
        let seen = story.seen();
        let [Action::Malformed { connection: from, error: told }] = seen.all() else { panic!("{error}: {seen:?}") };
        assert_eq!((*from, story.state()), (connection, State::Ready));
        match (&error, told) {
            (Malformed::Json { problem, .. }, Malformed::Json { problem: found, .. }) => assert_eq!(problem, found),
            _ => assert_eq!(told, &error),
        }
    }
}

#[test]
fn a_flood_of_malformed_frames_closes_with_4400_and_backs_off() {
    let mut story = Story::uni_app();
    story.ready().seen();
    for _ in 0..10 {
        story.text("{");
    }
    assert_eq!(story.state(), State::Ready, "ten are borne");
    story.seen();
    story.text("{");
    let seen = story.seen();
    assert_eq!(seen.losses()[0].0, Cause::MalformedFlood);
    assert_eq!(seen.count(|action| matches!(action, Action::Close { code: Some(4400), .. })), 1);
}

#[test]
fn malformed_frames_that_come_slowly_are_borne_for_ever() {
    let mut story = Story::uni_app();
    story.ready();
    for _ in 0..100 {
        story.wait(1_000).text("{");
    }
    assert_eq!((story.state(), story.connects.len()), (State::Ready, 1));
}

#[test]
fn the_flood_limit_is_the_same_at_any_hour() {
    for origin in [0, 5_000, 86_400_000] {
        let mut story = Story::uni_app();
        story.clock(origin).ready();
        for _ in 0..8 {
            story.text("{");
        }
        story.wait(6_000);
        for _ in 0..3 {
            story.text("{");
        }
        assert_eq!(story.state(), State::Waiting, "eleven within 10 s, opened at {origin} ms");
    }
}

#[test]
fn plain_delivers_every_text_and_every_binary_frame() {
    let mut story = Story::plain();
    story.ready().seen();
    story.text("same").text("same").frame(Frame::Binary(vec![0, 255]));
    let bodies: Vec<Body> = story
        .seen()
        .all()
        .iter()
        .filter_map(|action| if let Action::Deliver(message) = action { Some(message.body.clone()) } else { None })
        .collect();
    assert_eq!(bodies, [Body::from("same"), Body::from("same"), Body::from(vec![0, 255])]);
}

#[test]
fn a_new_connection_is_not_blamed_for_the_malformed_frames_of_the_last() {
    let mut story = Story::uni_app();
    story.ready();
    for _ in 0..2 {
        for _ in 0..8 {
            story.text("{");
        }
        assert_eq!(story.state(), State::Ready);
        story.closed(None).wait_for_connect();
        story.opened();
    }
}

#[test]
fn malformed_frames_of_one_connection_do_not_count_against_the_next() {
    let mut story = Story::new(Terse::preset(Login::ConfirmedChallenge, redial::Config::default()));
    story.open().opened();
    for _ in 0..2 {
        for _ in 0..6 {
            story.text("nonsense");
        }
        assert_eq!(story.state(), State::Authenticating);
        story.closed(None).wait_for_connect();
        story.opened();
    }
}
