//! What a session holds for others: answers that wait, read markers, ids of messages; all bounded, none lost silently.

use redial::config::{Acknowledge, Durability, Limit, Limits, PeerPolicy};
use redial::dialect::{
    Capabilities, Content, Credit, Dialect, HeartbeatSignal, Hello, IdScope, Login, MessageSignal, ReceiptSignal,
    Resume, Side, Signal, Span,
};
use redial::error::{FetchedError, Malformed, MarkReadError, SendError, Unencodable};
use redial::{
    Action, Cause, Config, ConnectionId, Event, Frame, Instant, MessageId, Outgoing, Peer, Preset, Purpose, Secret,
    Seed, Session, State, Status,
};

use crate::support::Story;

/// A reader without any limit: `msg ID TEXT`, `num NUMBER TEXT`, `json ID VALUE`, `echo ID`, `deep VALUE`; it answers
/// with `ack ID`, `nack ID` and `read ID`.
#[derive(Debug)]
struct Careless {
    scope: IdScope,
}

impl Dialect for Careless {
    fn name(&self) -> &'static str {
        "careless"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().receipts().acks().id_scope(self.scope)
    }

    fn decode(&self, _: Side, frame: &Frame, _: &Limits) -> Result<Signal<Span>, Malformed> {
        let text = frame.as_text().unwrap_or_default();
        let mut words = text.splitn(3, ' ');
        let (kind, id) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let rest = Span::rest(text, words.next().unwrap_or_default());
        let json = Span::json(kind.len() + 1..text.len());
        Ok(match kind {
            "msg" => Signal::message(Some(id.into()), rest),
            "num" => Signal::message(Some(MessageId::from(id.parse::<u64>().expect("a number"))), rest),
            "echo" => Signal::echoed("m".into(), id.into(), rest),
            "ok" => Signal::accepted(id.into()),
            "got" => Signal::delivered(id.into()),
            "json" => Signal::message(Some("j".into()), json),
            "kick" => Signal::kick(json),
            "ask" => Signal::challenge(None, Some(json)),
            _ => Signal::Ignored,
        })
    }

    fn encode(&self, _: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        Ok(Frame::text(match signal {
            Signal::Heartbeat(HeartbeatSignal::Ask) => "ping".to_owned(),
            Signal::Receipt(ReceiptSignal::Accepted { id, .. }) => format!("ack {id}"),
            Signal::Receipt(ReceiptSignal::Rejected { id, .. }) => format!("nack {id}"),
            Signal::Receipt(ReceiptSignal::Read { id, .. }) => format!("read {id}"),
            Signal::Message(MessageSignal { content: Content::Text(text), .. }) => (*text).to_owned(),
            _ => return Err(Unencodable::NoWord),
        }))
    }
}

fn careless(scope: IdScope, change: impl FnOnce(&mut Config)) -> Story {
    let mut config = Config::default();
    change(&mut config);
    let mut story = Story::new(Preset::new(Careless { scope }, config).expect("it is sound"));
    story.ready().seen();
    story
}

/// A session that is ready, for what would take too long under the oracle.
fn ready(change: impl FnOnce(&mut Config)) -> (Session, ConnectionId) {
    let mut config = Config::default();
    change(&mut config);
    let preset = Preset::new(Careless { scope: IdScope::Session }, config).expect("it is sound");
    let mut session = Session::new(preset, Seed::from(7_u64));
    session.open(Instant::ORIGIN);
    let connection = ConnectionId::new(1);
    session.handle(Instant::ORIGIN, Event::Opened { connection });
    (session, connection)
}

fn drain(session: &mut Session) -> Vec<Action> {
    std::iter::from_fn(|| session.poll_action()).collect()
}

fn reads(actions: &[Action]) -> Vec<&str> {
    actions
        .iter()
        .filter_map(|action| match action {
            Action::Send { frame, purpose: Purpose::Receipt { .. }, .. } => frame.as_text(),
            _ => None,
        })
        .collect()
}

#[test]
fn the_newest_read_marker_of_each_conversation_is_told_however_many_were_set_before_the_store_answered() {
    for count in [257_u64, 20_000] {
        let (mut session, connection) = ready(|config| {
            config.durability = Durability::WriteAhead;
            config.inbox.acknowledge = Acknowledge::OnDelivery;
            config.inbox.window = Limit::new(1_000_000);
        });
        for number in 0..count {
            let frame = Frame::text(format!("msg m{number} hello"));
            session.handle(Instant::ORIGIN, Event::FrameIn { connection, frame });
        }
        drain(&mut session);
        for number in 0..count {
            let conversation = format!("c{}", number % 3);
            let marked = session.mark_read_in(Instant::ORIGIN, &conversation, &format!("m{number}").as_str().into());
            assert_eq!(marked, Ok(()));
        }
        assert_eq!(reads(&drain(&mut session)), [""; 0], "nothing is stored");
        session.persisted(Instant::ORIGIN, u64::MAX);
        let actions = drain(&mut session);
        let told = reads(&actions);
        assert!(told.len() <= 6, "of each conversation the first and the newest: {told:?}");
        for number in count - 3..count {
            let newest = format!("read m{number}");
            assert_eq!(told.iter().filter(|read| **read == newest).count(), 1, "{told:?}");
        }
    }
}

#[test]
fn a_stream_of_read_markers_puts_none_off_for_ever() {
    let mut story = careless(IdScope::Session, |config| config.durability = Durability::WriteAhead);
    story.persist();
    for number in 0..50 {
        story.text(&format!("msg m{number} hello"));
    }
    story.persist().seen();
    let mut told = 0;
    for number in 0..50 {
        // The store answers for one marker when the next one is set already.
        let version = story.version;
        story.mark_read(&format!("m{number}"));
        story.call(redial::journal::Call::Persisted { version }).expect("it cannot fail");
        told += reads(story.seen().all()).len();
    }
    assert!(told > 20, "{told} were told meanwhile");
    story.persist();
    assert_eq!(reads(story.seen().all()).last(), Some(&"read m49"));
}

#[test]
fn a_read_marker_that_was_never_told_makes_room_for_no_other_one() {
    let mut story = careless(IdScope::Session, |_| {});
    story.text("msg m1 hello").closed(None);
    let marked = |story: &mut Story, conversation: String| {
        story.call(redial::journal::Call::MarkRead { id: "m1".into(), conversation })
    };
    for number in 0..64 {
        marked(&mut story, format!("c{number}")).expect("there is room");
    }
    assert_eq!(marked(&mut story, "more".into()), Err(MarkReadError::Full { limit: 64 }.into()));
    story.wait_for_connect();
    story.opened();
    assert_eq!(reads(story.seen().all()).len(), 64);
    marked(&mut story, "more".into()).expect("all were told, so the oldest makes room");
}

#[test]
fn an_answer_that_cannot_be_kept_is_never_dropped_the_message_stays_with_the_server() {
    let mut story = careless(IdScope::Session, |config| {
        config.durability = Durability::WriteAhead;
        config.inbox.pending = Limit::new(2);
        config.inbox.window = Limit::new(4);
    });
    story.persist().seen();
    for number in 0..6 {
        story.text(&format!("msg m{number} hello"));
        assert_eq!(story.session.wants_read(), number < 1, "reading stops before there is no more room");
    }
    let seen = story.seen();
    let deferred = |action: &Action| matches!(action, Action::Deferred { .. });
    assert_eq!((seen.delivered().len(), seen.count(deferred)), (4, 2));
    assert_eq!(story.state(), State::Ready, "whoever asks again now has no room either");
    story.persist();
    let seen = story.seen();
    assert_eq!(seen.acks().len(), 4, "each that was delivered");
    assert_eq!((seen.losses().len(), seen.losses()[0].0), (1, Cause::Deferred), "and the others are asked for");
}

#[test]
fn ids_that_count_anew_on_each_connection_are_compared_within_their_connection_alone() {
    let mut story = careless(IdScope::Connection, |_| {});
    for text in ["one", "two", "three"] {
        story.text(&format!("num {} {text}", text.len()));
    }
    // "one" and "two" share their id, so this is a repeat.
    assert_eq!(story.seen().delivered(), ["one", "three"]);
    story.closed(None).wait_for_connect();
    story.opened().seen();
    for text in ["four", "seven", "six"] {
        story.text(&format!("num {} {text}", text.len()));
    }
    let seen = story.seen();
    assert_eq!((seen.delivered(), seen.acks().len()), (vec!["four".into(), "seven".into(), "six".into()], 3));
    assert!(story.session.clone().mark_read(story.instant(), &9.into()).is_err());
    let marked = story.call(redial::journal::Call::MarkRead { id: 5.into(), conversation: String::new() });
    assert_eq!(marked, Ok(None));
    assert_eq!(reads(story.seen().all()), ["read 5"]);
    story.closed(None).wait_for_connect();
    story.opened();
    assert_eq!(reads(story.seen().all()), [""; 0], "on another connection this id is another message's");
}

#[test]
fn a_late_answer_to_a_message_of_a_lost_connection_is_not_taken_for_a_later_message_of_its_id() {
    let mut story = careless(IdScope::Connection, |config| config.inbox.acknowledge = Acknowledge::OnCall);
    story.text("num 1 first").closed(None).wait_for_connect();
    story.opened().text("num 1 second");
    assert_eq!(story.seen().delivered(), ["first", "second"]);
    story.acknowledge(&1.into());
    assert!(story.seen().acks().is_empty(), "that was the first one");
    story.acknowledge(&1.into());
    assert_eq!(story.seen().acks().len(), 1);
    assert!(story.session.acknowledge(story.instant(), &1.into()).is_err());
}

#[test]
fn without_a_window_a_message_is_delivered_and_acknowledged_as_often_as_it_comes() {
    let mut story = careless(IdScope::Connection, |config| config.inbox.window = Limit::new(0));
    story.text("num 1 a").text("num 1 b").text("num 1 c");
    let seen = story.seen();
    assert_eq!((seen.delivered().len(), seen.acks().len()), (3, 3));
    assert_eq!(story.session.stats().forgotten, 0);
}

/// A reader of hellos without any limit: `hello SID TOKEN`.
#[derive(Debug)]
struct Greeter;

impl Dialect for Greeter {
    fn name(&self) -> &'static str {
        "greeter"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().login(Login::Hello).receipts().acks().sequenced()
    }

    fn decode(&self, _: Side, frame: &Frame, _: &Limits) -> Result<Signal<Span>, Malformed> {
        let mut words = frame.as_text().unwrap_or_default().split(' ').skip(1).map(str::to_owned);
        let mut hello = Hello::new(Credit::new(9, 9_999, 9_999));
        let (sid, token) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        hello.resume = Some(Resume::new(sid, Secret::new(token)));
        Ok(Signal::hello(hello))
    }

    fn encode(&self, _: Side, _: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        Ok(Frame::text("welcome"))
    }
}

#[test]
fn whoever_wrote_the_dialect_no_name_and_no_token_of_a_session_goes_beyond_its_limit() {
    for (sid, token, refused) in [
        (128, 512, None),
        (129, 512, Some(("sid", 128))),
        (128, 513, Some(("token", 512))),
        (1_000_000, 1, Some(("sid", 128))),
    ] {
        let preset = Preset::new(Greeter, Config::default()).expect("it is sound");
        let mut peer = Peer::new(preset, PeerPolicy::default(), Seed::from(7_u64));
        let connection = peer.accept(Instant::ORIGIN);
        let frame = Frame::text(format!("hello {} {}", "s".repeat(sid), "t".repeat(token)));
        peer.handle(Instant::ORIGIN, Event::FrameIn { connection, frame });
        let said = std::iter::from_fn(|| peer.poll_action()).find_map(|action| match action {
            Action::Malformed { error, .. } => Some(error),
            _ => None,
        });
        let expected = refused.map(|(field, limit)| Malformed::BadId { field: String::from(field), limit });
        assert_eq!(said, expected, "{sid} {token}");
    }
}

#[test]
fn whoever_wrote_the_dialect_ids_and_depth_keep_to_their_limits() {
    let (mut session, connection) = ready(|config| config.limits.malformed = None);
    drain(&mut session);
    let (long, deep) = ("i".repeat(900_000), "[".repeat(10_000) + &"]".repeat(10_000));
    let texts = [
        (format!("msg {long} x"), "bad_id"),
        (format!("msg {} x", "i".repeat(129)), "bad_id"),
        ("msg  x".to_owned(), "bad_id"),
        (format!("num {} x", 1_u64 << 53), "bad_id"),
        (format!("num {} x", u64::MAX), "bad_id"),
        (format!("echo {long} x"), "bad_id"),
        (format!("ok {long}"), "bad_id"),
        (format!("got {long}"), "bad_id"),
        (format!("ask \"{long}\""), "bad_id"),
        (format!("json {deep}"), "too_deep"),
        (format!("kick {deep}"), "too_deep"),
    ];
    let count = texts.len() as u64;
    for (text, code) in texts {
        session.handle(Instant::ORIGIN, Event::FrameIn { connection, frame: Frame::text(text) });
        let actions = drain(&mut session);
        let [Action::Malformed { error, .. }] = &actions[..] else { panic!("{code}: {actions:?}") };
        assert_eq!(error.code(), code);
    }
    assert_eq!((session.stats().malformed, session.stats().delivered), (count, 0));
    for (text, sends) in [(format!("msg {} x", "i".repeat(128)), 1), (format!("num {} x", (1_u64 << 53) - 1), 1)] {
        session.handle(Instant::ORIGIN, Event::FrameIn { connection, frame: Frame::text(text) });
        let actions = drain(&mut session);
        assert_eq!(actions.iter().filter(|action| matches!(action, Action::Send { .. })).count(), sends);
    }
}

#[test]
fn no_id_is_written_that_a_conforming_end_of_the_protocol_does_not_read() {
    let mut story =
        Story::new(Preset::native().configure(|config| config.limits.id_bytes = Limit::new(256)).expect("ok"));
    story.open();
    let id = |bytes| "i".repeat(bytes);
    let now = story.instant();
    let refused = Err(SendError::Unencodable(Unencodable::BadLength { limit: 128 }));
    assert_eq!(story.session.send(now, Outgoing::from("x").id(id(129))), refused);
    assert!(story.session.send(now, Outgoing::from("x").id(id(128))).is_ok());
}

const WELCOME: &str = r#"{"type":"welcome","sid":"SID","token":"t","ttl_ms":60000,"resumed":false,"why":"unknown","win_msgs":9,"win_bytes":9999,"frame_max":9999}"#;

#[test]
fn what_was_fetched_is_not_shown_again_however_long_the_list_is_and_in_whatever_order() {
    for (window, reversed) in [(0, true), (3, true), (3, false), (100, true)] {
        let mut story = Story::new(
            Preset::native().configure(|config| config.inbox.window = Limit::new(window)).expect("it is sound"),
        );
        story.open().opened().text(&WELCOME.replace("SID", "s1")).closed(None).wait_for_connect();
        story.opened().text(&WELCOME.replace("SID", "s2"));
        for seq in 1..=3 {
            story.text(&format!(r#"{{"type":"msg","s":{seq},"id":"m{}","b":"held {seq}"}}"#, 17 + seq));
        }
        assert_eq!(story.seen().delivered(), [""; 0], "all are held back");
        let mut ids: Vec<String> = (0..20).map(|number| format!("m{number}")).collect();
        if reversed {
            ids.reverse();
        }
        let ids: Vec<MessageId> = ids.iter().map(|id| MessageId::from(&**id)).collect();
        let now = story.instant();
        let bad = [MessageId::from("i".repeat(129))];
        assert_eq!(story.session.fetched(now, 1, None, &bad), Err(FetchedError::BadId { limit: 128 }));
        assert_eq!(story.session.fetched(now, 1, None, &ids), Ok(()));
        let shown: Vec<Action> = drain(&mut story.session);
        let shown = shown.iter().filter(|action| matches!(action, Action::Deliver(_))).count();
        assert_eq!(shown, 1, "m20 alone was not fetched; the window is {window}");
    }
}

#[test]
fn messages_that_nobody_polled_wait_again_in_order_after_a_loss() {
    let (mut session, connection) = ready(|config| {
        config.outbox.messages = Limit::new(2_000);
        config.outbox.in_flight = Limit::new(2_000);
    });
    for number in 0..2_000 {
        session.send(Instant::ORIGIN, format!("text {number}")).expect("there is room");
    }
    session.handle(Instant::ORIGIN, Event::Closed { connection, code: None, reason: String::new() });
    let left = |action: &Action| matches!(action, Action::Send { .. } | Action::Status { status: Status::Sent, .. });
    assert!(!drain(&mut session).iter().any(left), "no socket was given any");
    let at = session.next_deadline().expect("it connects again").at;
    session.handle(at, Event::Tick);
    session.handle(at, Event::Opened { connection: ConnectionId::new(2) });
    let texts: Vec<String> = drain(&mut session)
        .iter()
        .filter_map(|action| match action {
            Action::Send { frame, .. } => frame.as_text().map(str::to_owned),
            _ => None,
        })
        .collect();
    assert!(texts.iter().eq((0..2_000).map(|number| format!("text {number}")).collect::<Vec<_>>().iter()));
    assert_eq!(session.stats().resent, 0, "none of them was sent before");
}
