//! Both ends store before they act, and one of them is killed between the two.

use redial::config::{Acknowledge, Limit, OnFailure};
use redial::dialect::Bye;
use redial::journal::Call;
use redial::{Action, Duration, Event, Purpose, State, Status};

use super::{Pair, says};

/// Two ends with a session that both have stored, on a new connection whose welcome has come and is not stored yet.
fn welcomed_with(change: impl FnOnce(&mut redial::Config)) -> Pair {
    let mut pair = Pair::storing_with(change);
    pair.story.open();
    pair.story.persist();
    pair.connect();
    pair.settle();
    pair.cut();
    pair.story.wait_for_connect();
    pair.story.persist();
    pair.connect();
    assert!(pair.one_up(), "the hello");
    pair.store_server();
    assert!(pair.one_down(), "the welcome");
    pair.client();
    pair
}

fn left(pair: &mut Pair) -> Vec<String> {
    pair.client().sends(|_| true)
}

#[test]
fn no_frame_leaves_a_client_before_it_has_stored_the_token_of_the_welcome() {
    let mut pair = welcomed_with(|config| config.heartbeat.at_ready = true);
    pair.story.event(Event::Online);
    pair.story.text(r#"{"type":"ping"}"#).text(r#"{"type":"ping"}"#);
    pair.story.credential("older").credential("newer");
    pair.story.wait(100_000);
    assert_eq!((left(&mut pair), pair.story.state()), (vec![], State::Ready), "nothing is judged that was not asked");
    pair.story.persist();
    let (ask, answer, auth) = (r#"{"type":"ping"}"#, r#"{"type":"pong","a":0}"#, r#"{"type":"auth","auth":"newer"}"#);
    assert_eq!(left(&mut pair), [ask, answer, auth], "each of them once");
    let heartbeats = pair.story.session.stats().heartbeats;
    pair.story.text(r#"{"type":"pong"}"#).wait(26_000);
    assert_eq!(pair.story.session.stats().heartbeats, heartbeats + 1, "the next one is due on schedule");
}

#[test]
fn a_heartbeat_that_waited_for_the_token_is_judged_from_the_moment_at_which_it_left() {
    let mut pair = welcomed_with(|_| {});
    pair.story.event(Event::Online);
    pair.story.wait(60_000).persist();
    pair.client();
    let deadline = pair.story.deadline().expect("the probe is asked");
    assert_eq!(deadline.at, pair.story.instant() + Duration::from_secs(5));
    pair.story.wait(5_000);
    assert!(pair.story.wait_for_connect() > 0, "nobody answered");
}

#[test]
fn a_client_that_is_killed_before_its_token_is_stored_resumes_with_the_one_before() {
    for heard in [true, false] {
        let mut pair = welcomed_with(|_| {});
        pair.story.event(Event::Online);
        pair.story.text(r#"{"type":"ping"}"#);
        pair.flow();
        if heard {
            pair.crash_client(1_000);
        } else {
            pair.story.crash(1_000);
        }
        pair.story.open();
        pair.connect();
        pair.settle();
        let (_, welcome) = pair.greetings();
        assert!(says(&welcome, r#""resumed":true"#), "{welcome}");
        assert_eq!(pair.story.state(), State::Ready);
    }
}

#[test]
fn the_next_hello_waits_for_the_token_too_and_a_close_says_no_bye_before() {
    for crashes in [true, false] {
        let mut pair = welcomed_with(|_| {});
        pair.cut().connect();
        assert!(!pair.one_up(), "its hello would prove a token that is not stored");
        if crashes {
            pair.crash_client(1_000);
            pair.story.open();
            pair.connect();
        } else {
            pair.story.persist();
        }
        pair.settle();
        let (_, welcome) = pair.greetings();
        assert!(says(&welcome, r#""resumed":true"#), "{welcome}");
    }
    let mut pair = welcomed_with(|_| {});
    pair.story.close();
    pair.story.persist();
    let seen = pair.client();
    assert_eq!((seen.sends(|_| true), seen.count(|action| matches!(action, Action::Close { .. }))), (vec![], 1));
}

#[test]
fn a_session_that_the_server_ended_is_forgotten_in_the_store_before_the_next_hello() {
    let mut pair = Pair::storing();
    pair.story.open();
    pair.story.persist();
    pair.connect();
    pair.settle();
    let now = pair.now();
    pair.peer.bye(now, Bye::new(1000).resume(false)).expect("it is a code of an endpoint");
    pair.flow();
    pair.story.closed(None);
    pair.connect();
    assert!(!pair.one_up(), "the next process would go on with the session that is over");
    pair.settle();
    assert!(says(&pair.greetings().1, r#""resumed":false"#));
    assert_eq!(pair.story.state(), State::Ready);
}

#[test]
fn a_receipt_waits_for_the_message_to_be_stored_and_follows_its_acknowledgement() {
    for crashes in [true, false] {
        let mut pair = Pair::storing();
        pair.story.open();
        pair.story.persist();
        pair.connect();
        pair.settle();
        let stored = serde_json::to_string(&pair.peer.snapshot()).expect("a snapshot can be written");
        let id = pair.story.send("pay 100");
        pair.story.persist();
        assert!(pair.one_up());
        let now = pair.now();
        for _ in 0..3 {
            pair.peer.delivered(now, id.clone()).expect("it was delivered");
        }
        assert!(!pair.one_down(), "to the client a receipt is as good as an acknowledgement");
        if crashes {
            pair.restore_server(&stored);
            pair.story.closed(None);
            pair.connect();
            pair.settle();
            assert_eq!(pair.server().delivered(), ["pay 100", "pay 100"], "it comes again");
            continue;
        }
        pair.store_server().flow();
        assert_eq!(pair.status(&id), Some(Status::Delivered));
        let told =
            pair.server().sends(|purpose| matches!(purpose, Purpose::Receipt { .. } | Purpose::CumulativeAck { .. }));
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(says(&told[1], "delivered"), "{told:?}");
        pair.peer.read(now, id.clone()).expect("it was delivered");
        pair.flow();
        assert_eq!(pair.status(&id), Some(Status::Read), "what is stored is told at once");
    }
}

/// A message that the server refuses holds the line; the one behind it is taken back.
fn cancelled_behind_a_failure() -> Pair {
    let mut pair = Pair::storing_with(|config| {
        config.outbox.on_failure = OnFailure::Hold;
        config.outbox.in_flight = Limit::new(1);
        config.inbox.acknowledge = Acknowledge::OnCall;
    });
    pair.story.open();
    pair.story.persist();
    pair.connect();
    pair.settle();
    for id in ["m1", "m2", "m3"] {
        pair.story.send_id(id, id);
    }
    pair.story.persist();
    pair.flow();
    let now = pair.now();
    pair.peer.reject(now, &"m1".into(), 7).expect("it waits");
    pair.settle();
    pair.story.must(Call::Cancel { id: "m2".into() });
    pair
}

fn skips(pair: &mut Pair) -> usize {
    pair.client().sends(|purpose| matches!(purpose, Purpose::Skip { .. })).len()
}

#[test]
fn a_number_is_stored_as_skipped_before_it_goes_out_as_that() {
    for acknowledged in [None, Some(false), Some(true)] {
        let mut pair = cancelled_behind_a_failure();
        // Whatever lets messages leave meets the number of the message that was taken back.
        pair.client();
        let left = (0..3).any(|_| {
            pair.story.persist();
            skips(&mut pair) > 0
        });
        assert!(left, "the number goes out without its message");
        if acknowledged.is_some() {
            pair.flow();
        }
        if acknowledged == Some(true) {
            pair.store_server().flow();
        }
        pair.crash_client(1_000);
        pair.story.open();
        pair.connect();
        pair.settle();
        let (hello, welcome) = pair.greetings();
        assert!(says(&welcome, r#""resumed":true"#), "{acknowledged:?}: {hello} {welcome}");
        pair.story.release();
        pair.settle();
        let now = pair.now();
        pair.peer.acknowledge(now, &"m3".into()).expect("it came");
        pair.settle();
        assert_eq!(pair.status(&"m3".into()), Some(Status::Accepted));
        assert_eq!(pair.status(&"m2".into()), Some(Status::Cancelled));
    }
}

#[test]
fn a_message_whose_end_was_not_stored_is_not_taken_for_accepted_by_the_ack_of_its_skip() {
    let mut pair = Pair::storing_with(|config| config.outbox.in_flight = Limit::new(1));
    pair.story.open();
    pair.story.persist();
    pair.connect();
    pair.settle();
    for id in ["m1", "m2", "m3"] {
        pair.story.send_id(id, id);
    }
    pair.story.persist();
    assert!(pair.one_up());
    pair.store_server();
    pair.story.must(Call::Cancel { id: "m2".into() });
    assert!(pair.one_down(), "the ack lets the next number leave");
    assert_eq!(skips(&mut pair), 0, "that it is skipped is not stored");
    pair.flow().store_server().flow();
    pair.crash_client(1_000);
    pair.story.open();
    pair.connect();
    pair.settle();
    assert_eq!(pair.status(&"m2".into()), Some(Status::Accepted));
    assert_eq!(pair.server().delivered(), ["m1", "m2", "m3"], "what was accepted has come");
}
