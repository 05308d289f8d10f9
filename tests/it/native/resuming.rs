//! Connections break; the session goes on where it was.

use redial::config::{Durability, OnFailure, PeerPolicy};
use redial::dialect::Bye;
use redial::error::ResendError;
use redial::journal::Call;
use redial::{Action, Cause, Duration, Event, Frame, Purpose, State, Status};

use super::{Pair, says};

/// The hello of a client without a session.
const HELLO: &str = r#"{"type":"hello","v":1,"win_msgs":9,"win_bytes":9000,"frame_max":9000}"#;

#[test]
fn the_first_connection_begins_a_session_and_everything_arrives_both_ways() {
    let mut pair = Pair::new();
    let early = {
        pair.story.open();
        pair.story.send("typed early")
    };
    pair.connect();
    assert_eq!(pair.story.state(), State::Authenticating);
    assert_eq!(pair.client().messages().len(), 0, "nothing leaves before the welcome");
    pair.flow();
    assert_eq!(pair.story.state(), State::Ready);
    let pushed = pair.push("from the server");
    pair.flow();
    assert_eq!(pair.status(&early), Some(Status::Accepted));
    assert_eq!(pair.client().delivered(), ["from the server"]);
    let server = pair.server();
    assert_eq!(server.delivered(), ["typed early"]);
    assert_eq!(server.statuses(&pushed), [Status::Queued, Status::Sent, Status::Accepted]);
}

#[test]
fn two_resumes_in_a_row_lose_nothing_and_show_nothing_twice() {
    let mut pair = Pair::connected();
    let (first, second) = (pair.story.send("one"), pair.story.send("two"));
    pair.push("three");
    // The server gets the first, and its acknowledgement is lost.
    assert!(pair.one_up());
    pair.cut().connect();
    // The second connection breaks when the server has welcomed and nothing else has arrived.
    assert!(pair.one_up() && pair.one_down());
    pair.reconnect();
    let (client, server) = (pair.client(), pair.server());
    assert_eq!(server.delivered(), ["one", "two"]);
    assert_eq!(client.delivered(), ["three"]);
    for id in [first, second] {
        assert_eq!(client.statuses(&id).iter().filter(|status| **status == Status::Accepted).count(), 1, "{id}");
    }
    assert_eq!(pair.peer.unacknowledged(), 0);
}

#[test]
fn a_client_that_received_nothing_resumes_from_zero() {
    let mut pair = Pair::connected();
    pair.push("lost on the way");
    pair.cut().connect().flow();
    let (hello, welcome) = pair.greetings();
    assert!(says(&hello, r#""rx":0,"seen":0,"lo":1,"hi":0"#), "{hello}");
    assert!(says(&welcome, r#""resumed":true,"rx":0"#), "{welcome}");
    assert_eq!(pair.story.session.stats().delivered, 1);
    assert_eq!(pair.peer.unacknowledged(), 0);
}

#[test]
fn a_welcome_that_is_lost_loses_no_session() {
    let mut pair = Pair::connected();
    let id = pair.story.send("on its way");
    for _ in 0..3 {
        // The hello arrives, the welcome with the next token does not.
        pair.cut().connect();
        assert!(pair.one_up());
    }
    let (_, lost) = pair.greetings();
    pair.reconnect();
    let (_, welcome) = pair.greetings();
    assert!(says(&lost, r#""resumed":true"#) && says(&welcome, r#""resumed":true"#), "{lost} {welcome}");
    assert_eq!(pair.status(&id), Some(Status::Accepted));
    assert_eq!(pair.peer.stats().delivered, 1);
}

#[test]
fn a_token_that_was_followed_by_another_is_worthless() {
    let mut pair = Pair::connected();
    pair.cut();
    let (old, _) = pair.greetings();
    pair.connect().flow();
    let (used, _) = pair.greetings();
    pair.story.send("proves the new one");
    pair.flow();
    // Somebody says the same hello again, beside the open connection and once it is gone.
    let now = pair.now();
    let connection = pair.peer.accept(now);
    assert!(says(&used, "resume") && !says(&old, "resume"));
    pair.peer.handle(now, Event::FrameIn { connection, frame: Frame::text(used.clone()) });
    assert_eq!(pair.greetings().1, r#"{"type":"refused","code":409}"#);
    pair.cut();
    let connection = pair.peer.accept(now);
    pair.peer.handle(now, Event::FrameIn { connection, frame: Frame::text(used) });
    let (_, welcome) = pair.greetings();
    assert!(says(&welcome, r#""resumed":false,"why":"unknown""#), "{welcome}");
    assert!(!says(&welcome, r#""rx""#), "and learns nothing of the session");
}

#[test]
fn what_expired_in_flight_leaves_no_hole() {
    let mut pair = Pair::connected();
    let (short, long) = (pair.story.send_for("short", 100), pair.story.send("long"));
    pair.cut();
    pair.story.wait(200);
    pair.connect().flow();
    let client = pair.client();
    assert_eq!(client.count(|action| matches!(action, Action::Send { purpose: Purpose::Skip { seq: 1 }, .. })), 1);
    let late = client.count(|action| matches!(action, Action::LateReceipt { .. }));
    assert_eq!(late, 0, "an acknowledgement of what was skipped says nothing of the message");
    assert_eq!(pair.server().delivered(), ["long"]);
    assert_eq!((pair.status(&short), pair.status(&long)), (Some(Status::Unconfirmed), Some(Status::Accepted)));
    let after = pair.story.send("after");
    pair.flow();
    assert_eq!(pair.status(&after), Some(Status::Accepted));
}

#[test]
fn what_expired_while_the_machine_slept_is_not_sent_again_first() {
    let mut pair = Pair::connected();
    let short = pair.story.send_for("short", 60_000);
    pair.cut().connect();
    // The welcome arrives late, and nobody has looked at the clock in between.
    assert!(pair.one_up());
    pair.client();
    pair.story.sleep(100_000);
    assert!(pair.one_down());
    let client = pair.client();
    assert_eq!((client.messages().len(), client.statuses(&short)), (0, vec![Status::Unconfirmed]));
}

#[test]
fn acknowledgements_ride_on_heartbeats_both_ways() {
    let mut pair = Pair::connected();
    pair.push("one");
    pair.story.send("two");
    pair.flow();
    pair.client();
    pair.story.wait(25_000);
    pair.flow();
    assert_eq!(pair.client().sends(|purpose| *purpose == Purpose::Heartbeat), [r#"{"type":"ping","a":1}"#]);
    assert_eq!(pair.server().sends(|purpose| *purpose == Purpose::HeartbeatReply), [r#"{"type":"pong","a":1}"#]);
}

#[test]
fn a_position_on_a_heartbeat_settles_what_the_lost_acknowledgement_would_have() {
    let mut pair = Pair::connected();
    let id = pair.story.send("hello");
    assert!(pair.one_up());
    pair.story.text(r#"{"type":"ping","a":1}"#);
    assert_eq!(pair.status(&id), Some(Status::Accepted));
    assert_eq!(pair.client().sends(|purpose| *purpose == Purpose::HeartbeatReply), [r#"{"type":"pong","a":0}"#]);
}

#[test]
fn a_newer_connection_fences_the_one_before_and_a_copy_of_the_client_stops() {
    let mut pair = Pair::connected();
    let id = pair.story.send("in the air");
    let now = pair.now();
    pair.server();
    // Another copy of the client is accepted; this one hears it once the copy has said hello.
    let copy = pair.peer.accept(now);
    assert_eq!(pair.server().all(), []);
    pair.peer.handle(now, Event::FrameIn { connection: copy, frame: Frame::text(HELLO) });
    let fenced: Vec<Frame> = pair
        .server()
        .all()
        .iter()
        .filter_map(|action| match action {
            Action::Send { frame, purpose: Purpose::Bye, .. } => Some(frame.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(fenced, [Frame::text(r#"{"type":"bye","code":4408,"reconnect":false,"resume":true,"after_ms":0}"#)]);
    pair.story.frame(fenced[0].clone());
    assert_eq!(pair.story.state(), State::Stopped);
    assert_eq!(pair.status(&id), Some(Status::Unconfirmed));
    assert_eq!(pair.story.session.explain().cause, Some(Cause::Terminal));
}

#[test]
fn a_bye_says_when_to_come_back_and_what_to_do_then() {
    let mut pair = Pair::connected();
    let now = pair.now();
    pair.peer.bye(now, Bye::new(4000).after(Duration::from_secs(60))).expect("it is a code of an application");
    pair.flow();
    assert_eq!(pair.story.state(), State::Waiting);
    let due = pair.story.deadline().expect("it waits").at.since(now).as_millis();
    assert!(due >= 60_000, "{due}");
    pair.connect().flow();
    assert!(says(&pair.greetings().1, r#""resumed":true"#));
    let now = pair.now();
    pair.peer.bye(now, Bye::new(4000).resume(false)).expect("it is a code of an application");
    pair.flow();
    pair.connect().flow();
    let (hello, welcome) = pair.greetings();
    assert!(!says(&hello, "resume"), "{hello}");
    assert!(says(&welcome, r#""resumed":false"#) && !says(&welcome, "why"), "{welcome}");
}

#[test]
fn a_client_that_gives_up_its_session_ends_the_connection_with_it() {
    for mut pair in [Pair::new(), Pair::storing()] {
        pair.story.open();
        pair.settle();
        pair.connect().settle();
        pair.push("before the bye");
        pair.settle();
        pair.push("on its way");
        pair.take();
        pair.hear(r#"{"type":"bye","code":1000,"reconnect":true,"resume":false,"after_ms":0}"#);
        assert_eq!(pair.peer.connection(), None, "a connection has no session of its own");
        let server = pair.server();
        assert_eq!(server.count(|action| matches!(action, Action::Close { code: Some(1000), .. })), 1);
        // What stands under a number of the old session would be given the same number in the next one.
        pair.push("after the bye");
        pair.restart_server(0);
        assert_eq!(pair.peer.unacknowledged(), 2, "its own state is sound");
        pair.story.closed(None);
        pair.connect().settle();
        assert!(says(&pair.greetings().1, r#""resumed":false"#));
        // The session was given up by a frame that this client did not send, so it takes what comes for a gap.
        pair.story.fetched(2, None, &[]);
        pair.settle();
        assert_eq!(pair.peer.unacknowledged(), 0);
        assert_eq!(pair.client_delivered, ["before the bye", "on its way", "after the bye"]);
    }
}

#[test]
fn closing_says_bye_once_before_the_close() {
    let mut pair = Pair::connected();
    pair.client();
    pair.story.close();
    let client = pair.client();
    let byes = client.sends(|purpose| *purpose == Purpose::Bye);
    assert_eq!(byes, [r#"{"type":"bye","code":1000,"reconnect":false,"resume":true,"after_ms":0}"#]);
    let bye = client.all().iter().position(|action| matches!(action, Action::Send { purpose: Purpose::Bye, .. }));
    let close = client.all().iter().position(|action| matches!(action, Action::Close { .. }));
    assert!(bye < close);
    // Opened again it goes on with the same session, and what was given up meanwhile is skipped.
    pair.cut();
    pair.story.open();
    pair.connect().flow();
    assert!(says(&pair.greetings().1, r#""resumed":true"#));
}

#[test]
fn a_token_of_the_same_characters_in_another_order_is_worthless() {
    let mut pair = Pair::connected();
    pair.cut().connect();
    let (hello, _) = pair.greetings();
    let token = hello.split(r#""token":""#).nth(1).and_then(|rest| rest.split('"').next()).expect("it has a token");
    let at = token.as_bytes().windows(2).position(|pair| pair[0] != pair[1]).expect("not all are the same");
    let (one, other) = (&token[at..=at], &token[at + 1..at + 2]);
    let swapped = format!("{}{other}{one}{}", &token[..at], &token[at + 2..]);
    let (peer, now) = (pair.peer.clone(), pair.now());
    for (forged, resumed) in [(&swapped[..], false), (&token[1..], false), (token, true)] {
        pair.peer = peer.clone();
        let connection = pair.peer.accept(now);
        let frame = Frame::text(hello.replace(token, forged));
        pair.peer.handle(now, Event::FrameIn { connection, frame });
        let (_, welcome) = pair.greetings();
        assert!(says(&welcome, &format!(r#""resumed":{resumed}"#)), "{forged}: {welcome}");
    }
}

#[test]
fn a_new_round_by_hand_is_not_answered_by_the_acknowledgement_of_the_one_before() {
    let mut pair = Pair::connected();
    let id = pair.story.send_for("hello", 100);
    assert!(pair.one_up(), "it arrives, and word of that is lost");
    pair.cut();
    pair.story.wait(200);
    pair.story.call(Call::Resend { id: id.clone() }).expect("it is unconfirmed");
    pair.connect().flow();
    let round = [Status::Queued, Status::Sent];
    let expected = [&round[..], &[Status::Unconfirmed], &round, &[Status::Accepted]].concat();
    assert_eq!(pair.client().statuses(&id), expected);
    assert_eq!(pair.server().delivered(), ["hello"]);
}

#[test]
fn a_message_in_flight_is_not_sent_again_by_hand_on_the_same_connection() {
    let mut pair = Pair::connected();
    let id = pair.story.send("hello");
    pair.client();
    let resend = Call::Resend { id: id.clone() };
    assert_eq!(pair.story.call(resend.clone()), Err(ResendError::NoRepeats.into()));
    assert!(pair.client().is_empty(), "no copy goes out");
    pair.cut();
    assert_eq!(pair.story.call(resend), Ok(None), "it keeps its place");
    pair.connect().flow();
    assert_eq!((pair.server().delivered(), pair.status(&id)), (vec!["hello".to_owned()], Some(Status::Accepted)));
}

/// Four messages of which the first and the third fail while there is no connection, and a failure holds the line.
fn two_of_four_fail(durability: Durability) -> Pair {
    let mut pair = Pair::with(
        |config| {
            config.outbox.on_failure = OnFailure::Hold;
            config.durability = durability;
        },
        PeerPolicy::default(),
    );
    pair.story.open();
    pair.connect().flow();
    pair.story.persist();
    for (id, body, expires) in [("m1", "one", true), ("m2", "two", false), ("m3", "three", true), ("m4", "four", false)]
    {
        let time_to_live = expires.then_some(Duration::from_millis(500));
        pair.story.must(Call::Send { body: body.into(), id: Some(id.into()), time_to_live, once: false });
    }
    pair.story.persist();
    pair.cut();
    pair.story.wait(500).tick();
    pair
}

/// All that both have to say and to store.
fn go_on(pair: &mut Pair) {
    for _ in 0..5 {
        pair.flow();
        pair.story.persist();
    }
}

#[test]
fn what_is_sent_again_by_hand_goes_out_in_its_old_place_in_a_sequence_too() {
    for durability in [Durability::Off, Durability::WriteAhead] {
        for connected in [true, false] {
            let mut pair = two_of_four_fail(durability);
            if connected {
                pair.connect();
                go_on(&mut pair);
                assert_eq!(pair.server().delivered(), Vec::<String>::new(), "the line is held");
            }
            pair.story.must(Call::Resend { id: "m1".into() });
            if !connected {
                pair.connect();
            }
            go_on(&mut pair);
            assert_eq!(pair.server().delivered(), ["one", "two"], "the fourth is behind the third");
            pair.reconnect();
            go_on(&mut pair);
            pair.story.must(Call::Resend { id: "m3".into() });
            go_on(&mut pair);
            assert_eq!(pair.server().delivered(), ["three", "four"]);
            assert_eq!(pair.story.session.unsettled(), 0);
        }
    }
}

#[test]
fn what_is_let_go_frees_the_line_in_a_sequence_too() {
    for durability in [Durability::Off, Durability::WriteAhead] {
        let mut pair = two_of_four_fail(durability);
        pair.connect();
        go_on(&mut pair);
        for (id, shown) in [("m1", "two"), ("m3", "four")] {
            pair.story.must(Call::Abandon { id: id.into() });
            go_on(&mut pair);
            assert_eq!(pair.server().delivered(), [shown]);
        }
    }
}

#[test]
fn a_goodbye_for_good_ends_the_session_on_both_sides_and_any_other_does_not() {
    for resume in [true, false] {
        let mut pair = Pair::connected();
        let text = if resume {
            r#"{"type":"bye","code":1000,"reconnect":true,"resume":true,"after_ms":0}"#
        } else {
            r#"{"type":"bye","code":1000,"reconnect":true,"resume":false,"after_ms":0}"#
        };
        pair.hear(text);
        pair.reconnect();
        let (_, welcome) = pair.greetings();
        assert!(says(&welcome, &format!(r#""resumed":{resume}"#)), "{welcome}");
    }
}
