//! What is acknowledged, refused and told again, number by number.

use redial::config::{Acknowledge, Limit, PeerPolicy};
use redial::dialect::{SequenceSignal, Signal};
use redial::journal::Call;
use redial::{Event, Frame, MessageId, Purpose, Status};

use super::{Pair, says};

fn on_call(config: &mut redial::Config) {
    config.inbox.acknowledge = Acknowledge::OnCall;
}

/// The acknowledgements of their own that a client sent.
fn acks(pair: &mut Pair) -> Vec<String> {
    pair.client().sends(|purpose| matches!(purpose, Purpose::CumulativeAck { .. }))
}

#[test]
fn a_refusal_is_named_once_in_the_acknowledgement_that_covers_it() {
    let mut pair = Pair::with(on_call, PeerPolicy::default());
    pair.story.open();
    pair.connect();
    let ids = ["one", "poison", "three", "poison", "five"].map(|body| pair.push(body));
    pair.flow();
    pair.client();
    pair.story.acknowledge(&ids[0]);
    assert_eq!(acks(&mut pair), [r#"{"type":"ack","a":1}"#]);
    // Nothing is told of the third before the second has an answer.
    pair.story.acknowledge(&ids[2]);
    assert_eq!(acks(&mut pair), [""; 0]);
    pair.story.reject(&ids[1]);
    assert_eq!(acks(&mut pair), [r#"{"type":"ack","a":3,"n":[{"s":2,"code":0}]}"#]);
    pair.story.reject(&ids[3]);
    assert_eq!(acks(&mut pair), [r#"{"type":"ack","a":4,"n":[{"s":4,"code":0}]}"#]);
    pair.story.acknowledge(&ids[4]);
    assert_eq!(acks(&mut pair), [r#"{"type":"ack","a":5}"#]);
    pair.flow();
    let server = pair.server();
    let outcomes = ids.map(|id| server.statuses(&id).last().copied());
    let (accepted, rejected) = (Some(Status::Accepted), Some(Status::Rejected { code: 0 }));
    assert_eq!(outcomes, [accepted, rejected, accepted, rejected, accepted]);
}

#[test]
fn a_message_that_comes_again_under_its_position_is_acknowledged_again_and_counted() {
    let mut pair = Pair::connected();
    pair.push("once");
    pair.flow();
    let again = pair.server().messages().pop().expect("it was pushed");
    pair.client();
    pair.story.text(&again);
    assert_eq!(acks(&mut pair), [r#"{"type":"ack","a":1}"#]);
    assert_eq!((pair.story.session.stats().delivered, pair.story.session.stats().duplicates), (1, 1));
}

#[test]
fn each_acknowledgement_leaves_with_the_version_that_covers_it_and_with_no_other() {
    let mut pair = Pair::storing();
    pair.story.open();
    pair.story.persist();
    pair.connect();
    pair.settle();
    let versions = ["one", "two", "three"].map(|body| {
        pair.push(body);
        pair.store_server();
        while pair.one_down() {}
        pair.story.version
    });
    pair.client();
    for (number, version) in versions.into_iter().enumerate() {
        pair.story.call(Call::Persisted { version }).expect("it was named");
        assert_eq!(acks(&mut pair), [format!(r#"{{"type":"ack","a":{}}}"#, number + 1)]);
    }
}

#[test]
fn a_position_that_was_stored_before_a_restart_is_said_in_the_hello() {
    let mut pair = Pair::storing();
    pair.story.open();
    pair.story.persist();
    pair.connect();
    pair.settle();
    pair.push("stored");
    pair.settle();
    pair.crash_client(1_000);
    pair.story.open();
    pair.connect();
    pair.settle();
    let (hello, welcome) = pair.greetings();
    assert!(says(&hello, r#""rx":1"#) && says(&welcome, r#""resumed":true"#), "{hello} {welcome}");
}

#[test]
fn a_welcome_waits_for_the_version_that_holds_its_token_on_every_connection() {
    let mut pair = Pair::storing();
    pair.story.open();
    pair.story.persist();
    pair.connect();
    pair.settle();
    pair.cut();
    pair.story.wait_for_connect();
    pair.story.persist();
    pair.connect();
    assert!(pair.one_up());
    assert!(!pair.one_down(), "its token is not stored yet");
    pair.store_server();
    assert!(pair.one_down());
}

#[test]
fn refusals_whose_telling_was_lost_are_told_by_the_next_process_too() {
    let mut pair = Pair::with(on_call, PeerPolicy::default());
    pair.story.open();
    pair.connect();
    let ids = ["poison", "good"].map(|body| pair.push(body));
    pair.flow();
    pair.story.reject(&ids[0]).acknowledge(&ids[1]);
    pair.restart_client(1_000);
    pair.story.open();
    pair.connect().flow();
    let server = pair.server();
    assert_eq!(server.statuses(&ids[0]).last(), Some(&Status::Rejected { code: 0 }));
    assert_eq!(server.statuses(&ids[1]).last(), Some(&Status::Accepted));
}

#[test]
fn refusals_that_the_other_end_must_know_by_now_are_not_kept() {
    let narrow = |config: &mut redial::Config| {
        on_call(config);
        config.inbox.pending = Limit::new(2);
    };
    let mut pair = Pair::with(narrow, PeerPolicy::default());
    pair.story.open();
    pair.connect().flow();
    for number in 0..10 {
        let id = pair.push(&format!("poison {number}"));
        pair.flow();
        pair.story.reject(&id);
        pair.flow();
    }
    pair.cut().connect();
    let (hello, _) = pair.greetings();
    let frame = Frame::text(hello);
    let preset = redial::Preset::native();
    let read = preset.dialect().decode(redial::dialect::Side::Server, &frame, &preset.config().limits);
    let Ok(Signal::Sequence(SequenceSignal::Hello(hello))) = read else { panic!("it is a hello") };
    let positions: Vec<u64> = hello.resume.expect("it goes on").refused.iter().map(|refusal| refusal.seq).collect();
    assert_eq!(positions, [9, 10], "as many as may be on their way");
}

#[test]
fn a_restart_of_the_server_adds_the_time_it_was_away_to_what_it_remembers() {
    let mut pair = Pair::connected();
    pair.story.wait(1_000);
    let now = pair.now();
    pair.peer.handle(now, Event::Tick);
    pair.restart_server(20_000);
    pair.restart_server(40_000);
    pair.story.closed(None);
    pair.connect().flow();
    let (_, welcome) = pair.greetings();
    let remembered = pair.now().as_millis() + 60_000;
    assert!(says(&welcome, &format!(r#""dedup_ms":{remembered}"#)), "{welcome}, not {remembered}");
}

#[test]
fn what_comes_before_the_hello_or_in_place_of_a_second_one_counts_as_stale() {
    let mut pair = Pair::new();
    pair.story.open();
    pair.connect();
    pair.hear(r#"{"type":"msg","s":1,"id":"m1","b":"too early"}"#);
    assert_eq!((pair.peer.stats().stale_events, pair.peer.stats().delivered), (1, 0));
    let (hello, _) = pair.greetings();
    pair.flow();
    let connection = pair.peer.connection().expect("it is open");
    let now = pair.now();
    pair.peer.handle(now, Event::FrameIn { connection, frame: Frame::text(hello) });
    assert_eq!(pair.peer.stats().stale_events, 2);
    assert_eq!(pair.status(&MessageId::from("m1")), None);
}

#[test]
fn that_a_gap_was_fetched_has_to_be_stored_and_is_known_to_the_next_process() {
    let mut pair = Pair::storing();
    pair.story.open();
    pair.story.persist();
    pair.connect();
    pair.settle();
    pair.cut().forget();
    pair.story.wait_for_connect();
    pair.story.persist();
    pair.connect();
    pair.settle();
    let version = pair.story.version;
    pair.story.fetched(1, None, &[]);
    assert!(pair.story.version > version);
    pair.settle();
    pair.crash_client(1_000);
    pair.story.open();
    pair.connect();
    pair.settle();
    assert_eq!(pair.client().count(|action| matches!(action, redial::Action::Gap { .. })), 1, "the first one");
}

#[test]
fn as_many_refusals_are_read_as_may_be_in_flight() {
    let preset = redial::Preset::native();
    let read = |refusals: usize| {
        let list = vec![r#"{"s":1,"code":0}"#; refusals].join(",");
        let frame = Frame::text(format!(r#"{{"type":"ack","a":1,"n":[{list}]}}"#));
        preset.dialect().decode(redial::dialect::Side::Client, &frame, &preset.config().limits).map(drop).is_ok()
    };
    assert_eq!([0, 1, 65_535, 65_536, 65_537, 70_000].map(read), [true, true, true, true, false, false]);
}
