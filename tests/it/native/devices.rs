//! Two devices on one peer, and what a peer does with a client that is at fault.

use redial::config::{Limit, PeerPolicy, SendFailure};
use redial::dialect::Bye;
use redial::error::{CloseError, ReceiptError, Unencodable};
use redial::{
    Action, Cause, ConnectionId, Duration, Event, Frame, Outgoing, Purpose, Secret, SendError, State, Status, Timer,
};

use super::{Pair, says};
use crate::support::with;

const HELLO: &str = r#"{"type":"hello","v":1,"win_msgs":9,"win_bytes":9000,"frame_max":9000}"#;

/// A hello that wants to go on with this session.
fn resume(sid: &str, token: &str) -> String {
    format!(
        r#"{{"type":"hello","v":1,"resume":{{"sid":"{sid}","token":"{token}","rx":0,"seen":0,"lo":1,"hi":1}},"win_msgs":9,"win_bytes":9000,"frame_max":9000}}"#
    )
}

/// A part of a frame, by the name of its field.
fn field(frame: &str, name: &str) -> String {
    let rest = frame.split(&format!(r#""{name}":""#)).nth(1).expect("it has the field");
    rest.split('"').next().expect("it ends").to_owned()
}

/// Another socket of the client comes and says this.
fn another(pair: &mut Pair, hello: &str) -> ConnectionId {
    let now = pair.now();
    let connection = pair.peer.accept(now);
    pair.peer.handle(now, Event::FrameIn { connection, frame: Frame::text(hello.to_owned()) });
    connection
}

/// What the server sent on this connection, and the code with which it closed it.
fn told(pair: &mut Pair, of: ConnectionId) -> (Vec<String>, Option<u16>) {
    let (mut sent, mut closed) = (Vec::new(), None);
    for action in pair.server().all() {
        match action {
            Action::Send { connection, frame, .. } if *connection == of => {
                sent.push(frame.as_text().expect("it is text").to_owned());
            }
            Action::Close { connection, code, .. } if *connection == of => closed = *code,
            _ => {}
        }
    }
    (sent, closed)
}

/// A pair whose token the client has proven to have.
fn proven() -> (Pair, ConnectionId, [String; 2]) {
    let mut pair = Pair::connected();
    pair.reconnect();
    let (_, welcome) = pair.greetings();
    pair.story.send("proves the token");
    pair.flow();
    pair.server();
    let connection = pair.peer.connection().expect("it is open");
    (pair, connection, [field(&welcome, "sid"), field(&welcome, "token")])
}

#[test]
fn a_device_with_the_newest_token_or_without_a_session_ends_the_one_that_is_open() {
    for with_token in [true, false] {
        let (mut pair, open, [sid, token]) = proven();
        let hello = if with_token { resume(&sid, &token) } else { HELLO.to_owned() };
        let newcomer = another(&mut pair, &hello);
        assert_eq!(pair.peer.connection(), Some(newcomer));
        let (sent, closed) = told(&mut pair, open);
        assert_eq!(closed, Some(4408));
        assert!(says(&sent[0], r#""code":4408,"reconnect":false"#), "{sent:?}");
    }
}

#[test]
fn a_device_with_an_older_token_is_refused_and_the_one_that_is_open_stays() {
    let (mut pair, open, [sid, _]) = proven();
    for (sid, token) in [(sid.as_str(), "worthless"), ("another", "worthless")] {
        let newcomer = another(&mut pair, &resume(sid, token));
        assert_eq!(pair.peer.connection(), Some(open));
        assert_eq!(told(&mut pair, newcomer), (vec![r#"{"type":"refused","code":409}"#.to_owned()], Some(4403)));
    }
    // The open one goes on as if nothing had been.
    let id = pair.story.send("still here");
    pair.flow();
    assert_eq!(pair.status(&id), Some(Status::Accepted));
}

#[test]
fn a_device_with_an_older_token_is_refused_beside_one_that_has_said_nothing_since_its_welcome() {
    let (mut pair, _, [sid, old]) = proven();
    pair.reconnect();
    pair.reconnect();
    let open = pair.peer.connection().expect("it is open");
    pair.server();
    let newcomer = another(&mut pair, &resume(&sid, &old));
    assert_eq!(pair.peer.connection(), Some(open));
    assert_eq!(told(&mut pair, newcomer).1, Some(4403));
}

#[test]
fn two_devices_fence_each_other_once_and_the_loser_stops() {
    let mut pair = Pair::connected();
    let now = pair.now();
    pair.story.send("from the first device");
    pair.flow();
    another(&mut pair, HELLO);
    pair.flow();
    // The first device hears that it was replaced.
    for action in pair.server().all() {
        if let (Action::Send { frame, purpose: Purpose::Bye, .. }, true) = (action, pair.now() == now) {
            pair.story.frame(frame.clone());
        }
    }
    assert_eq!(pair.story.state(), State::Stopped);
    assert_eq!(pair.story.deadline(), None, "and does not come back by itself");
}

#[test]
fn a_client_whose_welcome_was_lost_gets_in_beside_its_own_dead_connection() {
    for known in [true, false] {
        let mut pair = Pair::connected();
        if known {
            // The session goes on under a new token, of which the client does not hear.
            pair.cut().connect();
            assert!(pair.one_up());
        } else {
            // Another session begins, of which the client does not hear.
            pair.cut().forget().connect();
            assert!(pair.one_up());
        }
        let open = pair.peer.connection().expect("the server takes it for open");
        pair.story.closed(None);
        pair.connect().flow();
        assert_ne!(pair.peer.connection(), Some(open));
        assert_eq!(pair.story.state(), State::Ready, "known: {known}");
    }
}

#[test]
fn a_newcomer_that_says_no_hello_is_ended_and_the_open_connection_stays() {
    let (mut pair, open, _) = proven();
    let now = pair.now();
    let silent = pair.peer.accept(now);
    let due = pair.peer.next_deadline().expect("its hello is awaited");
    assert_eq!((due.timer, due.at.since(now)), (Timer::Authentication, Duration::from_secs(10)));
    pair.peer.handle(due.at, Event::Tick);
    assert_eq!(pair.server().all(), [Action::Abort { connection: silent }]);
    let unreadable = another(&mut pair, "{");
    assert_eq!(told(&mut pair, unreadable), (vec![], Some(4400)));
    let replaced = pair.peer.accept(due.at);
    let other = pair.peer.accept(due.at);
    assert_eq!(pair.server().all(), [Action::Abort { connection: replaced }]);
    pair.peer.handle(due.at, Event::SendFailed { connection: other, purpose: None });
    assert_eq!(pair.server().all(), [Action::Abort { connection: other }]);
    assert_eq!(pair.peer.connection(), Some(open));
}

#[test]
fn a_newcomer_takes_the_place_of_a_connection_that_is_lost_before_its_hello() {
    let (mut pair, open, [sid, token]) = proven();
    let now = pair.now();
    let newcomer = pair.peer.accept(now);
    pair.peer.handle(now, Event::Closed { connection: open, code: None, reason: String::new() });
    assert_eq!(pair.peer.connection(), Some(newcomer));
    let hello = Frame::text(resume(&sid, &token));
    pair.peer.handle(now, Event::FrameIn { connection: newcomer, frame: hello });
    let (sent, _) = told(&mut pair, newcomer);
    assert!(says(&sent[0], r#""resumed":true"#), "{sent:?}");
}

#[test]
fn a_flood_of_malformed_frames_ends_a_client() {
    let (mut pair, open, _) = proven();
    for _ in 0..10 {
        pair.hear("{");
    }
    assert_eq!(told(&mut pair, open), (vec![], None));
    pair.hear("{");
    assert_eq!(told(&mut pair, open), (vec![], Some(4400)));
    assert_eq!((pair.peer.connection(), pair.peer.stats().malformed), (None, 11));
}

#[test]
fn a_peer_whose_frame_could_not_be_written_ends_the_connection_and_keeps_the_push() {
    let (mut pair, open, _) = proven();
    let id = pair.push("lost in the host");
    let now = pair.now();
    pair.server();
    let purpose = Some(Purpose::Message { id: id.clone() });
    pair.peer.handle(now, Event::SendFailed { connection: open, purpose });
    let seen = pair.server();
    assert_eq!(seen.statuses(&id), [Status::Queued]);
    assert_eq!(seen.count(|action| *action == Action::Abort { connection: open }), 1);
    let lost = |action: &Action| matches!(action, Action::State { cause: Some(Cause::SendFailed), .. });
    assert_eq!(seen.count(lost), 1);
    pair.reconnect();
    assert_eq!(pair.client_delivered, ["lost in the host"]);
}

#[test]
fn a_message_that_could_not_be_written_leaves_no_hole_even_where_failures_are_only_told() {
    let mut pair = Pair::with(|config| config.outbox.send_failure = SendFailure::Tell, PeerPolicy::default());
    pair.story.open();
    pair.connect().flow();
    let (lost, behind) = (pair.story.send("lost in the host"), pair.story.send("behind it"));
    let connection = pair.story.connection();
    pair.client();
    pair.story.event(Event::SendFailed { connection, purpose: Some(Purpose::Message { id: lost.clone() }) });
    assert_eq!(pair.story.state(), State::Waiting, "the next connection repeats it");
    pair.cut_at_server();
    pair.connect().flow();
    assert_eq!(pair.server().delivered(), ["lost in the host", "behind it"]);
    assert_eq!((pair.status(&lost), pair.status(&behind)), (Some(Status::Accepted), Some(Status::Accepted)));
    assert_eq!(pair.server().count(|action| matches!(action, Action::Close { .. })), 0, "no number was missing");
}

#[test]
fn a_credential_that_is_renewed_on_a_live_link_is_told_and_may_be_refused() {
    let (mut pair, open, _) = proven();
    pair.story.credential("another");
    pair.flow();
    let told = Action::Credential { connection: open, credential: Secret::new("another") };
    assert_eq!(pair.server().all(), [told]);
    let now = pair.now();
    pair.peer.refuse(now, ConnectionId::new(999), 401);
    assert_eq!(pair.server().all(), [], "of another connection nothing is refused");
    pair.peer.refuse(now, open, 401);
    pair.flow();
    assert_eq!((pair.story.state(), pair.peer.connection()), (State::Stopped, None));
}

#[test]
fn a_token_that_is_worthless_stays_so_after_a_restart_of_a_server_that_stores() {
    let mut pair = Pair::storing();
    pair.story.open();
    pair.story.persist();
    pair.connect();
    pair.settle();
    pair.cut();
    let (_, first) = pair.greetings();
    pair.story.wait_for_connect();
    pair.story.persist();
    pair.connect();
    pair.settle();
    pair.server();
    pair.hear(r#"{"type":"ping"}"#);
    let asked = pair.server().count(|action| matches!(action, Action::Persist { .. }));
    assert_eq!(asked, 1, "that the old token is worthless is a change to be stored");
    let stored = serde_json::to_string(&pair.peer.snapshot()).expect("it can be written");
    pair.restore_server(&stored);
    let newcomer = another(&mut pair, &resume(&field(&first, "sid"), &field(&first, "token")));
    pair.store_server();
    let (sent, _) = told(&mut pair, newcomer);
    assert!(says(&sent[0], r#""why":"unknown""#), "{sent:?}");
}

#[test]
fn a_pong_of_the_socket_does_not_prove_that_the_welcome_has_arrived() {
    let mut pair = Pair::connected();
    pair.cut().connect();
    assert!(pair.one_up());
    let (now, connection) = (pair.now(), pair.peer.connection().expect("it is open"));
    pair.peer.handle(now, Event::FrameIn { connection, frame: Frame::Pong(Vec::new()) });
    // The welcome is lost, and the client comes with the token before.
    pair.reconnect();
    assert!(says(&pair.greetings().1, r#""resumed":true"#));
}

#[test]
fn an_id_that_the_other_end_would_not_take_is_refused_where_it_is_handed_in() {
    let mut pair = Pair::with(|config| config.limits.id_bytes = Limit::new(256), PeerPolicy::default());
    pair.story.open();
    pair.connect().flow();
    let long = "x".repeat(129);
    let refused = Err(SendError::Unencodable(Unencodable::BadLength { limit: 128 }));
    let now = pair.now();
    assert_eq!(pair.peer.push(now, Outgoing::from("a push").id(long.as_str())), refused);
    assert_eq!(pair.story.session.send(now, Outgoing::from("hello").id(long.as_str())), refused);
    pair.push_id("as long as allowed", &long[1..]);
    pair.flow();
    assert_eq!(pair.client_delivered, ["as long as allowed"]);
    pair.hear(r#"{"type":"msg","s":1,"id":"","b":"x"}"#);
    assert_eq!(pair.peer.stats().malformed, 1);
}

#[test]
fn a_receipt_is_sent_for_messages_of_the_client_alone() {
    let mut pair = Pair::connected();
    let now = pair.now();
    let id = pair.story.send("hello");
    assert_eq!(pair.peer.delivered(now, id.clone()), Err(ReceiptError::Unknown), "it has not come yet");
    pair.flow();
    assert_eq!(pair.peer.delivered(now, id.clone()), Ok(()));
    assert_eq!(pair.peer.read(now, "strange".into()), Err(ReceiptError::Unknown));
    // What the application has from before it may vouch for.
    pair.peer.remember(now, &"before".into());
    assert_eq!(pair.peer.read(now, "before".into()), Ok(()));
    pair.flow();
    assert_eq!(pair.status(&id), Some(Status::Delivered));
}

#[test]
fn a_bye_with_a_code_that_no_endpoint_may_send_is_refused() {
    let mut pair = Pair::connected();
    let now = pair.now();
    for code in [0, 999, 1001, 1005, 1006, 2999, 5000, u16::MAX] {
        assert_eq!(pair.peer.bye(now, Bye::new(code)), Err(CloseError::Code { code }));
    }
    assert!(pair.peer.connection().is_some());
    assert_eq!(pair.peer.bye(now, Bye::new(3000)), Ok(()));
}

#[test]
fn for_ever_is_two_to_the_53_less_one_on_the_wire_and_for_ever_at_both_ends() {
    let policy = with(|policy: &mut PeerPolicy| {
        (policy.lifetime, policy.dedup, policy.silence) = (Duration::MAX, Duration::MAX, Some(Duration::MAX));
    });
    let mut pair = Pair::with(|_| {}, policy);
    pair.story.open();
    pair.connect().flow();
    let (_, welcome) = pair.greetings();
    assert!(says(&welcome, r#""ttl_ms":9007199254740991"#), "{welcome}");
    assert!(says(&welcome, r#""dedup_ms":9007199254740991"#), "{welcome}");
    assert_eq!(pair.story.state(), State::Ready);
}

#[test]
fn a_peer_asks_for_heartbeats_twice_as_often_as_it_gives_up_silence() {
    let policy = with(|policy: &mut PeerPolicy| {
        (policy.heartbeat, policy.silence) = (Some(Duration::from_secs(300)), Some(Duration::from_secs(30)));
    });
    let mut pair = Pair::with(|_| {}, policy);
    pair.story.open();
    pair.connect().flow();
    assert!(says(&pair.greetings().1, r#""hb_ms":15000"#));
}

#[test]
fn a_close_that_refuses_or_replaces_a_client_is_final_without_a_word_before_it() {
    for (code, state) in [(4402, State::Waiting), (4403, State::Stopped), (4408, State::Stopped)] {
        let mut pair = Pair::connected();
        pair.story.closed(code);
        assert_eq!(pair.story.state(), state, "{code}");
    }
}
