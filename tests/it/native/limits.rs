//! Windows, sizes, and what an end does that finds the other at fault.

use core::num::NonZeroU32;

use redial::config::{Acknowledge, Limit, PeerPolicy};
use redial::journal::Call;
use redial::{Action, Cause, ConnectionId, Event, Frame, Purpose, SendError, State, Status};

use super::{Pair, says};
use crate::support::with;

fn closed_with(code: u16) -> impl Fn(&Action) -> bool {
    move |action| matches!(action, Action::Close { code: Some(with), .. } if *with == code)
}

#[test]
fn no_more_is_out_than_the_server_takes_and_each_answer_makes_room() {
    let small = |config: &mut redial::Config| {
        config.inbox.acknowledge = Acknowledge::OnCall;
        config.inbox.pending = Limit::new(2);
    };
    let mut pair = Pair::with(small, PeerPolicy::default());
    pair.story.open();
    pair.connect().flow();
    let ids: Vec<_> = (0..5).map(|number| pair.story.send(&format!("message {number}"))).collect();
    pair.flow();
    assert_eq!(pair.client().messages().len(), 2);
    assert_eq!(pair.status(&ids[0]), Some(Status::Sent), "the server's application has said nothing");
    for (done, id) in ids.iter().enumerate() {
        let now = pair.now();
        pair.peer.acknowledge(now, id).expect("it waits for that");
        pair.flow();
        assert_eq!(pair.status(id), Some(Status::Accepted));
        let next = usize::from(done + 2 < ids.len());
        assert_eq!(pair.client().messages().len(), next);
    }
}

#[test]
fn bytes_are_credit_too_and_one_alone_always_goes() {
    let small = |config: &mut redial::Config| config.limits.frame_bytes = Limit::new(1_000);
    let mut pair = Pair::with(small, PeerPolicy::default());
    pair.story.open();
    pair.connect().flow();
    let ids: Vec<_> = (0..3).map(|_| pair.story.send(&"x".repeat(600))).collect();
    assert_eq!(pair.client().messages().len(), 1, "two would be over the thousand bytes");
    pair.flow();
    assert!(ids.iter().all(|id| pair.status(id) == Some(Status::Accepted)));
}

#[test]
fn what_the_server_does_not_take_is_refused_where_it_is_handed_in_or_given_up_unsent() {
    let small = |config: &mut redial::Config| config.limits.frame_bytes = Limit::new(1_000);
    let mut pair = Pair::with(small, PeerPolicy::default());
    let early = pair.story.send(&"x".repeat(2_000));
    let behind = pair.story.send("small");
    pair.story.open();
    pair.connect().flow();
    assert_eq!((pair.status(&early), pair.status(&behind)), (Some(Status::NotSent), Some(Status::Accepted)));
    let refused = pair.story.try_send(&"x".repeat(2_000));
    assert!(matches!(refused, Err(SendError::TooLarge { limit: 1_000, .. })), "{refused:?}");
}

#[test]
fn an_acknowledgement_of_what_was_not_sent_ends_the_session_but_no_message() {
    let mut pair = Pair::connected();
    let id = pair.story.send("one");
    pair.story.text(r#"{"type":"ack","a":2}"#);
    assert_eq!(pair.client().count(closed_with(4410)), 1);
    assert_eq!(pair.story.session.explain().cause, Some(Cause::AckAboveSent));
    pair.connect().flow();
    let (hello, _) = pair.greetings();
    assert!(!says(&hello, "resume"), "its numbers mean nothing any more: {hello}");
    assert_eq!(pair.status(&id), Some(Status::Accepted));
    assert_eq!(pair.peer.stats().delivered, 1);
}

#[test]
fn a_missing_message_closes_the_connection_and_the_next_one_repeats_it() {
    let mut pair = Pair::connected();
    pair.push("one");
    pair.push("two");
    pair.take();
    // A proxy swallows the first.
    pair.drop_down();
    assert!(pair.one_down());
    assert_eq!(pair.client().count(closed_with(4409)), 1);
    assert_eq!(pair.story.state(), State::Waiting);
    pair.cut_at_server().connect().flow();
    assert!(says(&pair.greetings().1, r#""resumed":true"#));
    assert_eq!(pair.story.session.stats().delivered, 2);
}

#[test]
fn the_server_closes_for_the_same_faults() {
    for (frame, code) in [
        (r#"{"type":"msg","s":2,"id":"m","b":1}"#, 4409),
        (r#"{"type":"ack","a":1}"#, 4410),
        (r#"{"type":"what","must":true}"#, 4406),
    ] {
        let mut pair = Pair::connected();
        pair.hear(frame);
        assert_eq!(pair.server().count(closed_with(code)), 1, "{frame}");
    }
    let mut pair = Pair::connected();
    pair.hear(r#"{"type":"what"}"#);
    assert_eq!(pair.server().count(|action| matches!(action, Action::Close { .. } | Action::Malformed { .. })), 0);
}

#[test]
fn a_frame_that_must_be_understood_and_is_not_ends_the_connection() {
    let mut pair = Pair::connected();
    pair.story.text(r#"{"type":"what"}"#);
    assert_eq!(pair.story.state(), State::Ready);
    pair.story.text(r#"{"type":"what","must":true}"#);
    assert_eq!(pair.client().count(closed_with(4406)), 1);
}

#[test]
fn poison_is_refused_both_ways_and_the_rest_goes_on() {
    let on_call = |config: &mut redial::Config| config.inbox.acknowledge = Acknowledge::OnCall;
    let mut pair = Pair::with(on_call, PeerPolicy::default());
    pair.story.open();
    pair.connect().flow();
    let (bad, good) = (pair.story.send("poison"), pair.story.send("good"));
    let (worse, better) = (pair.push("poison"), pair.push("good"));
    pair.flow();
    let now = pair.now();
    // The answer to the second comes first; nothing is told before the first has one too.
    pair.peer.acknowledge(now, &good).expect("it waits");
    pair.flow();
    assert_eq!(pair.status(&good), Some(Status::Sent));
    pair.peer.reject(now, &bad, 7).expect("it waits");
    // The acknowledgement that names the refusal is lost.
    pair.cut();
    pair.story.acknowledge(&better);
    pair.story.reject(&worse);
    pair.connect().flow();
    assert_eq!((pair.status(&bad), pair.status(&good)), (Some(Status::Rejected { code: 7 }), Some(Status::Accepted)));
    let server = pair.server();
    assert_eq!(server.statuses(&worse).last(), Some(&Status::Rejected { code: 0 }));
    assert_eq!(server.statuses(&better).last(), Some(&Status::Accepted));
    assert_eq!(pair.peer.unacknowledged(), 0);
}

#[test]
fn a_heartbeat_that_overtakes_the_acknowledgement_accepts_no_refused_message() {
    let on_call = |config: &mut redial::Config| config.inbox.acknowledge = Acknowledge::OnCall;
    let mut pair = Pair::with(on_call, PeerPolicy::default());
    // Both sockets report what they take, and are slow from now on.
    pair.peer.handle(pair.story.instant(), Event::Written { connection: ConnectionId::new(1), frames: 0 });
    pair.story.open().written(0);
    pair.connect().flow();
    let sent = ["good", "poison", "better"].map(|body| pair.story.send(body));
    let pushed = ["good", "poison", "better"].map(|body| pair.push(body));
    pair.flow();
    let now = pair.now();
    pair.peer.acknowledge(now, &sent[0]).expect("it waits");
    pair.peer.reject(now, &sent[1], 7).expect("it waits");
    pair.peer.acknowledge(now, &sent[2]).expect("it waits");
    pair.story.acknowledge(&pushed[0]).reject(&pushed[1]).acknowledge(&pushed[2]);
    pair.client();
    pair.server();
    // The first acknowledgements are unwritten, so those that name the refusals wait; heartbeats do not.
    pair.story.text(r#"{"type":"ping"}"#);
    pair.hear(r#"{"type":"ping"}"#);
    assert_eq!(pair.client().sends(|purpose| *purpose == Purpose::HeartbeatReply), [r#"{"type":"pong","a":1}"#]);
    assert_eq!(pair.server().sends(|purpose| *purpose == Purpose::HeartbeatReply), [r#"{"type":"pong","a":1}"#]);
    pair.flow();
    assert_eq!(pair.status(&sent[1]), Some(Status::Sent));
    pair.story.prompt();
    let connection = pair.peer.connection().expect("it is there");
    pair.peer.handle(now, Event::Written { connection, frames: u64::MAX });
    pair.flow();
    let server = pair.server();
    let outcomes = |code| [Status::Accepted, Status::Rejected { code }, Status::Accepted].map(Some);
    assert_eq!(sent.map(|id| pair.status(&id)), outcomes(7));
    assert_eq!(pushed.map(|id| server.statuses(&id).last().copied()), outcomes(0));
    // What an acknowledgement has named, a heartbeat may cover.
    pair.story.text(r#"{"type":"ping"}"#);
    assert_eq!(pair.client().sends(|purpose| *purpose == Purpose::HeartbeatReply), [r#"{"type":"pong","a":3}"#]);
}

#[test]
fn a_heartbeat_that_is_due_when_a_refusal_is_stored_does_not_accept_the_message() {
    let mut pair = Pair::storing_with(|config| config.inbox.acknowledge = Acknowledge::OnCall);
    pair.story.open();
    pair.connect().settle();
    let poison = pair.push("poison");
    pair.settle();
    pair.client();
    pair.story.reject(&poison);
    let version = pair.client().all().iter().find_map(|action| match action {
        Action::Persist { version, .. } => Some(*version),
        _ => None,
    });
    let version = version.expect("a refusal is stored");
    let due = pair.story.deadline().expect("a heartbeat is due").at;
    // The host says that it has stored in the input with which the heartbeat is due.
    pair.story.clock(due.as_millis()).must(Call::Persisted { version });
    let client = pair.client();
    assert_eq!(client.sends(|purpose| *purpose == Purpose::Heartbeat), [r#"{"type":"ping","a":0}"#]);
    let acks = client.sends(|purpose| matches!(purpose, Purpose::CumulativeAck { .. }));
    assert_eq!(acks, [r#"{"type":"ack","a":1,"n":[{"s":1,"code":0}]}"#]);
    pair.settle();
    assert_eq!(pair.server().statuses(&poison).last(), Some(&Status::Rejected { code: 0 }));
}

#[test]
fn a_message_that_ends_the_link_three_times_is_given_up_and_leaves_no_hole() {
    let mut pair = Pair::connected();
    let (poison, rest) = (pair.story.send("poison"), pair.story.send("rest"));
    for _ in 0..3 {
        pair.cut();
        pair.connect();
        assert!(pair.one_up() && pair.one_down());
    }
    pair.flow();
    assert_eq!((pair.status(&poison), pair.status(&rest)), (Some(Status::Unconfirmed), Some(Status::Accepted)));
    assert_eq!(pair.server().delivered(), ["rest"]);
}

#[test]
fn a_push_is_given_up_as_poison_only_by_a_peer_that_was_told_to() {
    for (quarantine, shown) in [(None, vec!["poison", "rest"]), (NonZeroU32::new(3), vec!["rest"])] {
        let mut pair = Pair::with(|_| {}, with(|policy: &mut PeerPolicy| policy.quarantine = quarantine));
        pair.story.open();
        pair.connect().flow();
        let (poison, rest) = (pair.push("poison"), pair.push("rest"));
        for _ in 0..4 {
            pair.cut();
            pair.connect();
            // The client is admitted, and dies before it has read any further.
            assert!(pair.one_up() && pair.one_down());
        }
        pair.flow();
        assert_eq!(pair.client().delivered(), shown);
        let server = pair.server();
        let outcome = if quarantine.is_some() { Status::Unconfirmed } else { Status::Accepted };
        assert_eq!(server.statuses(&poison).last(), Some(&outcome));
        assert_eq!(server.statuses(&rest).last(), Some(&Status::Accepted));
    }
}

#[test]
fn a_new_credential_is_told_on_a_live_link_and_may_be_refused_there() {
    let mut pair = Pair::connected();
    pair.client();
    pair.story.credential("fresh");
    let told = pair.client().sends(|purpose| *purpose == Purpose::Auth);
    assert_eq!(told, [r#"{"type":"auth","auth":"fresh"}"#]);
    pair.flow();
    assert_eq!(pair.story.state(), State::Ready, "the server has nothing to say to it");
    pair.story.text(r#"{"type":"refused","code":401}"#);
    assert_eq!(pair.story.state(), State::Stopped);
}

#[test]
fn the_heartbeat_that_the_server_asks_for_is_kept_within_bounds() {
    for (asked, every) in [(20_000, 20_000), (1, 5_000), (86_400_000, 300_000)] {
        let heartbeat = Some(redial::Duration::from_millis(asked));
        let policy = with(|policy: &mut PeerPolicy| {
            policy.heartbeat = heartbeat;
            policy.silence = None;
        });
        let mut pair = Pair::with(|_| {}, policy);
        pair.story.open();
        pair.connect().flow();
        let due = pair.story.deadline().expect("a heartbeat").at.as_millis();
        assert_eq!(due - pair.story.now(), every);
    }
}

#[test]
fn a_server_that_refuses_is_not_asked_again_and_the_messages_stay() {
    let mut pair = Pair::new();
    let id = pair.story.send("waits");
    pair.story.open();
    pair.connect();
    let now = pair.now();
    let connection = pair.peer.connection().expect("it is there");
    pair.peer.refuse(now, connection, 401);
    while pair.one_down() {}
    assert_eq!(pair.story.state(), State::Stopped);
    assert_eq!(pair.status(&id), Some(Status::Queued));
    pair.story.credential("another");
    pair.story.open();
    pair.connect().flow();
    assert!(says(&pair.greetings().0, r#""auth":"another""#));
    assert_eq!(pair.status(&id), Some(Status::Accepted));
}

#[test]
fn one_acknowledgement_answers_all_that_an_input_accepted() {
    let mut pair = Pair::connected();
    pair.cut().forget();
    for number in 0..20 {
        pair.push(&format!("push {number}"));
    }
    pair.connect().flow();
    pair.client();
    pair.story.fetched(1, None, &[]);
    let client = pair.client();
    assert_eq!(client.delivered().len(), 20);
    assert_eq!(client.sends(|purpose| matches!(purpose, Purpose::CumulativeAck { .. })), [r#"{"type":"ack","a":20}"#]);
}

#[test]
fn a_client_without_a_first_word_is_dropped_in_time() {
    let mut pair = Pair::new();
    let now = pair.now();
    pair.peer.accept(now);
    let due = pair.peer.next_deadline().expect("it is waited for").at;
    assert_eq!(due.since(now).as_millis(), 10_000);
    pair.peer.handle(due, Event::Tick);
    assert_eq!(pair.server().aborts(), 1);
}

#[test]
fn binary_content_is_refused_and_nothing_secret_shows() {
    let mut pair = Pair::new();
    pair.story.credential("hunter2");
    pair.story.open();
    pair.connect().flow();
    let binary = pair.story.session.send(pair.now(), vec![1, 2, 3]);
    assert!(matches!(binary, Err(SendError::Unencodable(_))), "{binary:?}");
    let (hello, welcome) = pair.greetings();
    let token = welcome.split(r#""token":""#).nth(1).and_then(|rest| rest.split('"').next()).expect("a token");
    let shown = format!("{:?} {:?} {:?}", pair.story.session, pair.peer, Frame::text(hello));
    assert!(!shown.contains(token) && !shown.contains("hunter2"), "a secret shows");
}
