//! What holds for each of the five alike.

use redial::config::Limits;
use redial::dialect::{Content, Dialect, LeaveSignal, LoginSignal, MessageSignal, Side, Signal};
use redial::error::Unencodable;
use redial::services::{LiveChat, LiveChatSettings};
use redial::{Event, MessageId, Preset, Purpose, Secret, State};
use serde_json::json;

use super::{Client, preset};

fn five() -> [Preset; 5] {
    [
        Preset::uni_app(),
        Preset::react_im(),
        Preset::vue_polling(),
        Preset::wechat(),
        Preset::live_chat("r1", 2).unwrap(),
    ]
}

/// What a signal says, with its content spelled out, so that borrowed and whole bodies compare.
fn said(signal: &Signal<Content<'_>>) -> String {
    let text = |content: &Content<'_>| format!("{:?}", content.to_body().as_text().unwrap_or("binary"));
    match signal {
        Signal::Message(MessageSignal { id, content: body, .. }) => format!("message {id:?} {}", text(body)),
        Signal::Leave(LeaveSignal::Kick { content: body, .. }) => format!("kick {}", text(body)),
        Signal::Login(LoginSignal::Challenge { challenge, reference, .. }) => {
            format!("challenge {:?} {:?}", challenge.as_ref().map(text), reference.as_ref().map(text))
        }
        Signal::Login(LoginSignal::Proof { credential, reference, .. }) => {
            format!("login {} {:?}", credential.reveal(), reference.as_ref().map(text))
        }
        other => format!("{other:?}"),
    }
}

/// Everything a side might say, in words that each dialect could know.
fn signals() -> Vec<Signal<Content<'static>>> {
    let message = |id: Option<MessageId>, body| Signal::message(id, Content::Text(body));
    let mut all = vec![
        Signal::heartbeat(),
        Signal::heartbeat_reply(),
        Signal::accepted("c1".into()),
        Signal::rejected("c1".into(), 3),
        Signal::delivered(5.into()),
        Signal::read("c1".into()),
        Signal::challenge(Some(Content::Text("s\"1")), Some(Content::Json("17"))),
        Signal::proof(Secret::new("a\"b"), Some(Content::Json(r#""m""#))),
        Signal::proof(Secret::new(""), None),
        Signal::login_accepted(),
        Signal::login_refused(1),
        Signal::kick(Content::Text(r#"{"cmd":"conn_close"}"#)),
        Signal::Ignored,
    ];
    let bodies =
        ["hello", "", "ping", "pong", r#"{"command":"heartBeat"}"#, r#"{"message":"hi"}"#, r#"{"message":""}"#];
    for body in bodies {
        all.push(message(None, body));
        all.push(message(Some("m1".into()), body));
    }
    for body in [r#"{"cmd":"wd_heartbeat"}"#, r#" {"cmd":"auth2"}"#, "{", "\u{0}\\", r#"{"a":1},"b":{}"#] {
        all.push(message(None, body));
    }
    all
}

#[test]
fn what_one_side_can_say_the_other_reads_as_just_that() {
    let limits = Limits::default();
    let mut read = 0;
    for preset in five() {
        let dialect: &dyn Dialect = preset.dialect();
        for (writer, signal) in [Side::Client, Side::Server]
            .into_iter()
            .flat_map(|side| signals().into_iter().map(move |signal| (side, signal)))
        {
            let Ok(frame) = dialect.encode(writer, &signal) else { continue };
            let heard = dialect.decode(writer.other(), &frame, &limits).expect("it can be read");
            // A dialect without ids drops the id that the session gave.
            let meant = match signal {
                Signal::Message(MessageSignal { content: body, .. }) if !dialect.capabilities().receipts => {
                    Signal::message(None, body)
                }
                other => other,
            };
            assert_eq!(said(&heard.in_frame(&frame)), said(&meant), "{} by the {writer:?}", dialect.name());
            read += 1;
        }
    }
    assert!(read > 60, "the dialects have words for most of it: {read}");
}

#[test]
fn a_server_that_lets_in_and_drops_at_once_is_not_hammered() {
    for preset in five() {
        let (name, bounds) = (preset.name().to_owned(), preset.config().bounds());
        let mut client = Client::open(preset);
        while client.now < 120_000 {
            if client.state() == State::Connecting {
                client.opened().closed();
            }
            let next = client.session.next_deadline().map_or(120_000, |deadline| deadline.at.as_millis());
            client.at(next.min(120_000));
        }
        let connects = client.connects().len();
        assert!(connects <= bounds.connects_in_120_s as usize, "{name}: {connects} connects, {bounds:?}");
        assert!(connects >= 20, "{name} does not give up either: {connects}");
    }
}

#[test]
fn a_heartbeat_that_cannot_be_written_counts_as_an_error_but_for_wechat() {
    for (preset, reconnects) in five().into_iter().zip([true, true, true, false, true]) {
        let name = preset.name().to_owned();
        let mut client = Client::connected(preset);
        client.text(r#"{"cmd":"auth1","msg_id":1}"#).at(1_000).not_written(Purpose::Heartbeat).at(6_000);
        assert_eq!(client.connects().len() > 1, reconnects, "{name}");
        assert_eq!(client.unsent().is_empty(), reconnects, "{name} tells what it forgives");
    }
}

#[test]
fn a_message_that_cannot_be_written_never_reconnects_by_itself() {
    for preset in five() {
        let name = preset.name().to_owned();
        let mut client = Client::connected(preset);
        client.text(r#"{"cmd":"auth1","msg_id":1}"#);
        let id = client.send("hello").unwrap();
        client.not_written(Purpose::Message { id }).at(4_000);
        assert_eq!((client.connects(), client.state()), (vec![0], State::Ready), "{name}");
    }
}

#[test]
fn a_wait_that_has_begun_keeps_its_end_whatever_old_sockets_say() {
    for preset in five() {
        let name = preset.name().to_owned();
        let mut client = Client::connected(preset);
        let old = client.connection();
        client.at(3_000).closed();
        let due = client.session.next_deadline();
        for _ in 0..5 {
            client.errored_on(old).closed_on(old).event(Event::SendFailed { connection: old, purpose: None });
        }
        assert_eq!(client.session.next_deadline(), due, "{name}");
    }
}

#[test]
fn a_preset_is_known_by_its_name_and_made_again_from_its_json() {
    for preset in five() {
        assert_eq!(super::preset(preset.name(), &preset.to_json()), preset);
    }
    assert_eq!(preset("react_im", &json!(null)), Preset::react_im());
}

#[test]
fn settings_that_a_service_does_not_have_are_refused() {
    for name in ["uni_app", "react_im", "vue_polling", "wechat", "live_chat"] {
        let changes = json!({"preset": {"room_id": 1, "user_id": 2, "no_such_setting": 1}});
        assert!(Preset::named(name, &changes).is_err(), "{name}");
    }
}

/// What a server says in a dialect, as text; control frames by their kind.
fn served(preset: &Preset, signal: &Signal<Content<'_>>) -> Result<String, Unencodable> {
    let frame = preset.dialect().encode(Side::Server, signal)?;
    Ok(frame.as_text().map_or_else(|| format!("{frame:?}"), str::to_owned))
}

#[test]
fn the_words_of_servers_are_those_of_their_documents() {
    let (uni_app, live_chat) = (Preset::uni_app(), Preset::live_chat(1, 2).unwrap());
    let text = Content::Text(r#"a "quoted" text"#);
    let message = |content| Signal::message(Some("m1".into()), content);
    let echo = |content| Signal::echoed("c1".into(), "m1".into(), content);
    let ok = |text: &str| Ok(text.to_owned());
    for (preset, signal, expected) in [
        (&uni_app, Signal::heartbeat(), ok("Ping(0 bytes)")),
        (&uni_app, Signal::heartbeat_reply(), ok("Pong(0 bytes)")),
        (&uni_app, message(text), ok(r#"{"type":"MESSAGE","messageId":"m1","content":"a \"quoted\" text"}"#)),
        (&uni_app, message(Content::Binary(b"x")), Err(Unencodable::Binary)),
        (&uni_app, Signal::accepted("c1".into()), ok(r#"{"type":"MESSAGE","clientMessageId":"c1"}"#)),
        (
            &uni_app,
            echo(Content::Json("[1, 2]")),
            ok(r#"{"type":"MESSAGE","messageId":"m1","clientMessageId":"c1","content":[1, 2]}"#),
        ),
        (&uni_app, Signal::delivered("c1".into()), ok(r#"{"type":"RECEIPT","clientMessageId":"c1"}"#)),
        (&uni_app, Signal::login_accepted(), Err(Unencodable::NoWord)),
        (&live_chat, Signal::heartbeat_reply(), ok(r#"{"cmd":"wd_heartbeat"}"#)),
        (&live_chat, Signal::kick(Content::Text(r#"{"cmd":"conn_close"}"#)), ok(r#"{"cmd":"conn_close"}"#)),
        (&live_chat, message(Content::Json(r#"{"message":"x"}"#)), ok(r#"{"cmd":"message","result":{"message":"x"}}"#)),
        (&live_chat, message(Content::Json(r#"{"message":"x"} "#)), Err(Unencodable::NoWord)),
        (&live_chat, message(Content::Json(r#"{"message":"x"},"y":{}"#)), Err(Unencodable::NoWord)),
        (&live_chat, message(Content::Json("{")), Err(Unencodable::NoWord)),
        (&live_chat, message(Content::Json("7}")), Err(Unencodable::NoWord)),
        (&live_chat, message(Content::Binary(b"x")), Err(Unencodable::Binary)),
    ] {
        assert_eq!(served(preset, &signal), expected, "{}: {signal:?}", preset.name());
    }
}

#[test]
fn the_key_for_a_challenge_is_at_hand_for_the_host_that_answers_it() {
    let settings = |key: Option<&str>| {
        let mut settings = LiveChatSettings::default();
        (settings.room_id, settings.user_id) = (Some(1.into()), Some(2.into()));
        settings.key = key.map(Into::into);
        settings
    };
    let key = |given| LiveChat::try_from(settings(given)).unwrap().key().map(|key| key.reveal().to_owned());
    assert_eq!((key(None), key(Some("secret"))), (None, Some("secret".to_owned())));
}
