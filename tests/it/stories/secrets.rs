//! Credentials and bodies in every public value that can hold them: `Debug` and `Display` show none.

use std::fmt::{Debug, Display};

use redial::config::PeerPolicy;
use redial::dialect::{Content, Credit, Handshake, Hello, Resume, SessionTerms, Signal, Span};
use redial::host::Target;
use redial::journal::{Call, Header, Input, Output, Player, Query};
use redial::services::{LiveChat, LiveChatSettings};
use redial::{
    Action, Body, ConnectionId, Duration, Event, Failure, Frame, Instant, Message, Outgoing, Peer, Preset, Secret,
    Seed, Session, TransportError,
};
use serde_json::json;

const MARK: &str = "mArKeR";
const CONNECTION: ConnectionId = ConnectionId::new(1);

/// What `Debug` shows of a value, plain and pretty.
fn debug(value: &dyn Debug) -> String {
    format!("{value:?} {value:#?}")
}

#[track_caller]
fn hides(values: &[&dyn Debug]) {
    for value in values {
        let shown = debug(value);
        assert!(!shown.contains(MARK), "{shown}");
    }
}

#[track_caller]
fn hides_in_words(values: &[&dyn Display]) {
    for value in values {
        let shown = value.to_string();
        assert!(!shown.contains(MARK), "{shown}");
    }
}

fn live_chat() -> Preset {
    let settings = json!({"preset": {"room_id": 1, "user_id": 2, "key": MARK}});
    Preset::named("live_chat", &settings).expect("it has what it needs")
}

/// A session of a preset with what the server and the application may confide to it, and all that it asked for.
fn confided(preset: Preset) -> (Session, Vec<Action>) {
    let (mut session, now) = (Session::new(preset, Seed::from(7_u64)), Instant::ORIGIN);
    session.credential(now, MARK);
    session.open(now);
    session.handle(now, Event::Opened { connection: CONNECTION });
    let welcome = format!(
        r#"{{"type":"welcome","sid":"s","token":"{MARK}","ttl_ms":60000,"resumed":false,"win_msgs":9,"win_bytes":9999,"frame_max":9999}}"#
    );
    session.handle(now, Event::FrameIn { connection: CONNECTION, frame: Frame::text(welcome) });
    let _ = session.send(now, MARK);
    let actions = std::iter::from_fn(|| session.poll_action()).collect();
    (session, actions)
}

#[test]
fn no_setting_and_no_value_of_a_dialect_shows_a_secret() {
    let mut settings = LiveChatSettings::default();
    (settings.room_id, settings.user_id, settings.key) = (Some(1.into()), Some(2.into()), Some(MARK.into()));
    let chat = LiveChat::try_from(settings.clone()).expect("it has what it needs");
    let mut handshake = Handshake::default().query(Some(format!("token={MARK}")));
    handshake.subprotocols = vec![format!("bearer.{MARK}")];
    let target: Target = format!("wss://{MARK}:{MARK}@example.org/chat?key={MARK}").parse().expect("a URL");
    let dialed = target.with_handshake(&handshake).expect("it can be dialed");
    let mut hello = Hello::new(Credit::new(1, 1, 1));
    (hello.credential, hello.resume) = (Some(MARK.into()), Some(Resume::new("s".to_owned(), MARK.into())));
    let terms = SessionTerms::new("s".to_owned(), MARK.into(), Duration::ZERO, Credit::new(1, 1, 1));
    let signals: [Signal<Content<'_>>; 5] = [
        Signal::hello(hello.clone()),
        Signal::welcome(terms.clone()),
        Signal::proof(MARK.into(), Some(Content::Text(MARK))),
        Signal::login_first(Some(MARK.into())),
        Signal::message(None, Content::Json(MARK)),
    ];
    let span: Signal<Span> = Signal::proof(MARK.into(), None);
    let secret = Secret::new(MARK);
    hides(&[&settings, &chat, &chat.key(), &live_chat(), &handshake, &target, &dialed, &dialed.headers()]);
    hides(&[&hello, &terms, &signals, &span, &secret]);
    hides_in_words(&[&secret]);
}

#[test]
fn no_input_and_no_output_shows_a_secret() {
    let failure = Failure::new(TransportError::Dns).with_detail(format!("wss://{MARK}@host/?token={MARK}"));
    let message = Outgoing::from(MARK);
    let events = [
        Event::FrameIn { connection: CONNECTION, frame: Frame::text(MARK) },
        Event::FrameIn { connection: CONNECTION, frame: Frame::Binary(MARK.into()) },
        Event::errored(CONNECTION, failure.clone()),
    ];
    let calls = [
        Call::Credential { connection: None, value: MARK.into() },
        Call::Send { body: MARK.into(), id: None, time_to_live: None, once: false },
        Call::from(message.clone()),
    ];
    hides(&[&failure, &message, &events, &calls, &Body::from(MARK), &Message::new(None, MARK)]);
    hides_in_words(&[&failure]);
    let now = Instant::ORIGIN;
    for preset in [Preset::uni_app(), Preset::native(), live_chat()] {
        let (mut session, actions) = confided(preset.clone());
        let changes = session.changes();
        let snapshot = session.snapshot();
        assert!(!actions.is_empty());
        hides(&[&session, &actions, &snapshot, &changes, &session.explain(), &session.stats()]);
        hides_in_words(&[&session.explain()]);
        let header = Header::new(&preset, Seed::from(7_u64)).restored(now, snapshot, Duration::ZERO);
        let inputs = [Input::Header(header.clone()), Input::Call { now, call: calls[0].clone() }];
        hides(&[&header, &inputs, &Player::new(session.clone())]);
        for action in actions {
            hides(&[&Output::Action { now, action }]);
        }
        for query in [Query::Snapshot, Query::Changes, Query::Explain] {
            hides(&[&Output::Answer { now, answer: query.ask(&session) }]);
        }
    }
    assert!(Header::new(&live_chat(), Seed::from(7_u64)).session().is_ok());
    assert!(Input::Header(Header::new(&live_chat(), Seed::from(7_u64))).to_line().contains(MARK), "a replay needs it");
}

#[test]
fn a_peer_shows_neither_the_tokens_it_gave_nor_what_they_follow_from() {
    let mut peer = Peer::new(Preset::native(), PeerPolicy::default(), Seed::from(7_u64));
    let (now, mut client) = (Instant::ORIGIN, Session::new(Preset::native(), Seed::from(8_u64)));
    client.open(now);
    client.handle(now, Event::Opened { connection: CONNECTION });
    let connection = peer.accept(now);
    for action in std::iter::from_fn(|| client.poll_action()) {
        if let Action::Send { frame, .. } = action {
            peer.handle(now, Event::FrameIn { connection, frame });
        }
    }
    let sent = std::iter::from_fn(|| peer.poll_action()).find_map(|action| match action {
        Action::Send { frame, .. } => frame.as_text().map(str::to_owned),
        _ => None,
    });
    let welcome: serde_json::Value = serde_json::from_str(&sent.expect("a welcome")).expect("it is JSON");
    let token = welcome["token"].as_str().expect("it has a token");
    let shown = debug(&peer);
    assert!(!shown.contains(token), "{shown}");
    // Whoever knows the state of the generator knows the token of today and of tomorrow.
    assert!(shown.contains("Rng(***)") && !shown.contains("high"), "{shown}");
}

#[test]
fn no_error_repeats_a_value_of_the_configuration() {
    let named = |name: &str, settings: serde_json::Value| Preset::named(name, &settings).expect_err("it is wrong");
    let errors = [
        named("live_chat", json!({"preset": MARK})),
        named("live_chat", json!({"preset": {"room_id": 1, "user_id": {"a": MARK}}})),
        named("live_chat", json!({"preset": {"room_id": 1, "user_id": 2, "key": 918_273_645}})),
        named("live_chat", json!({"preset": {"room_id": 1, "user_id": 2, "key": [MARK]}})),
        named("plain", json!({"outbox": {"messages": format!("{MARK}\", expected a `{MARK}")}})),
        named("plain", json!({"outbox": MARK})),
        named(MARK, json!({})),
    ];
    for error in &errors {
        hides(&[error]);
        hides_in_words(&[error]);
        assert!(!error.to_string().contains("918273645"), "{error}");
    }
    assert_eq!(errors[2].to_string(), "the configuration cannot be read: invalid type: integer, expected a string");
    assert_eq!(
        errors[5].to_string().split(", expected").next(),
        Some("the configuration cannot be read: invalid type: string")
    );
    let line = json!({"redial": 1, "preset": "live_chat", "seed": 1, "config": {"preset": MARK}}).to_string();
    let mut player = Player::new(Session::new(Preset::plain(), Seed::from(7_u64)));
    for output in player.play(&line) {
        hides(&[&output]);
        assert!(!output.to_line().contains(MARK), "{}", output.to_line());
    }
    for line in [format!("\"{MARK}\""), format!(r#"{{"now_ms":"{MARK}","call":{{"type":"{MARK}"}}}}"#)] {
        let error = Input::from_line(&line).expect_err("it is no line");
        hides(&[&error]);
        hides_in_words(&[&error]);
    }
}
