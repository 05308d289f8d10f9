//! What a session says on the wire and in its journal, word for word.

use redial::config::{CredentialSource, Limits, PeerPolicy};
use redial::dialect::{Content, Side, Signal};
use redial::journal::{Header, Player};
use redial::{Action, Config, MessageId, Preset, Purpose, Seed, Session, State, Status};

use super::{Pair, says};

const LINES: [&str; 9] = [
    r#"{"now_ms":0,"call":{"type":"open"}}"#,
    r#"{"now_ms":10,"event":{"type":"opened","connection":1}}"#,
    r#"{"now_ms":20,"event":{"type":"frame_in","connection":1,"frame":{"text":"{\"type\":\"welcome\",\"sid\":\"s\",\"token\":\"t\",\"ttl_ms\":1,\"resumed\":false,\"win_msgs\":9,\"win_bytes\":999,\"frame_max\":999}"}}}"#,
    r#"{"now_ms":30,"call":{"type":"send","body":"hello","id":"c1"}}"#,
    r#"{"now_ms":40,"event":{"type":"frame_in","connection":1,"frame":{"text":"{\"type\":\"msg\",\"s\":1,\"id\":\"m1\",\"b\":\"hi\"}"}}}"#,
    r#"{"now_ms":50,"event":{"type":"closed","connection":1}}"#,
    r#"{"now_ms":9000,"event":{"type":"tick"}}"#,
    r#"{"now_ms":9010,"event":{"type":"opened","connection":2}}"#,
    r#"{"now_ms":9020,"event":{"type":"frame_in","connection":2,"frame":{"text":"{\"type\":\"welcome\",\"sid\":\"s2\",\"token\":\"t2\",\"ttl_ms\":1,\"resumed\":false,\"why\":\"unknown\",\"dedup_ms\":0,\"win_msgs\":9,\"win_bytes\":999,\"frame_max\":999}"}}}"#,
];

fn play() -> Vec<String> {
    let mut player = Player::new(Session::new(Preset::plain(), Seed::from(1_u64)));
    let header = serde_json::to_string(&Header::new(&Preset::native(), Seed::from(7_u64))).expect("it can be written");
    let lines = std::iter::once(header.as_str()).chain(LINES);
    lines.flat_map(|line| player.play(line)).map(|output| output.to_line()).collect()
}

#[test]
fn a_journal_with_positions_is_written_as_it_always_was_and_replays_byte_for_byte() {
    let written = play();
    assert_eq!(written, play());
    let told: Vec<&str> = written
        .iter()
        .map(String::as_str)
        .filter(|line| {
            ["send", "gap", "not_resumed"].iter().any(|kind| line.contains(&format!(r#"{{"type":"{kind}""#)))
        })
        .collect();
    assert_eq!(
        told,
        [
            r#"{"now_ms":10,"action":{"type":"send","connection":1,"frame":{"text":"{\"type\":\"hello\",\"v\":1,\"win_msgs\":256,\"win_bytes\":1048576,\"frame_max\":1048576}"},"purpose":{"type":"auth"}}}"#,
            r#"{"now_ms":30,"action":{"type":"send","connection":1,"frame":{"text":"{\"type\":\"msg\",\"s\":1,\"id\":\"c1\",\"b\":\"hello\"}"},"purpose":{"type":"message","id":"c1"}}}"#,
            r#"{"now_ms":40,"action":{"type":"send","connection":1,"frame":{"text":"{\"type\":\"ack\",\"a\":1}"},"purpose":{"type":"position","position":1}}}"#,
            r#"{"now_ms":9010,"action":{"type":"send","connection":2,"frame":{"text":"{\"type\":\"hello\",\"v\":1,\"resume\":{\"sid\":\"s\",\"token\":\"t\",\"rx\":1,\"seen\":1,\"lo\":1,\"hi\":1},\"win_msgs\":256,\"win_bytes\":1048576,\"frame_max\":1048576}"},"purpose":{"type":"auth"}}}"#,
            r#"{"now_ms":9020,"action":{"type":"not_resumed","why":"unknown"}}"#,
            r#"{"now_ms":9020,"action":{"type":"gap","from":2,"to":null}}"#,
        ]
    );
    assert!(written.iter().any(|line| line.contains(r#""subprotocols":["redial.v1"]"#)), "{written:#?}");
    assert!(written.iter().any(|line| line.contains(r#""id":"c1","status":"unconfirmed""#)), "{written:#?}");
}

#[test]
fn a_credential_is_asked_for_ahead_of_the_dial_and_travels_in_the_hello() {
    let ask = |config: &mut Config| config.authentication.credential = CredentialSource::Asked;
    let mut pair = Pair::with(ask, PeerPolicy::default());
    for (number, token) in ["first", "second"].into_iter().enumerate() {
        if number == 0 {
            pair.story.open();
        } else {
            pair.cut();
            pair.story.wait(1_000);
        }
        let asked = pair.client();
        assert_eq!(asked.count(|action| matches!(action, Action::NeedCredential { .. })), 1);
        assert_eq!(asked.connects(), 0);
        pair.story.credential(token);
        pair.connect().flow();
        assert_eq!(pair.story.state(), State::Ready);
        let (hello, _) = pair.greetings();
        assert!(says(&hello, &format!(r#""auth":"{token}""#)), "{hello}");
        pair.client();
    }
}

#[test]
fn a_drain_flushes_says_bye_once_and_closes() {
    let mut pair = Pair::connected();
    let id = pair.story.send("the last");
    pair.story.drain_within(5_000);
    pair.client();
    pair.flow();
    assert_eq!(pair.status(&id), Some(Status::Accepted));
    let client = pair.client();
    assert_eq!(client.sends(|purpose| *purpose == Purpose::Bye).len(), 1);
    assert_eq!(client.count(|action| matches!(action, Action::Close { .. })), 1);
    assert_eq!(pair.story.state(), State::Closing);
}

#[test]
fn receipts_rise_above_the_acknowledgement_and_are_said_again_on_the_next_connection() {
    let mut pair = Pair::connected();
    let id = pair.story.send("hello");
    pair.flow();
    let now = pair.now();
    pair.peer.delivered(now, id.clone()).expect("it was delivered");
    pair.take();
    pair.cut().connect().flow();
    let now = pair.now();
    pair.peer.read(now, id.clone()).expect("it was delivered");
    pair.flow();
    let client = pair.client();
    let marks: Vec<Status> = client.statuses(&id);
    assert_eq!(marks, [Status::Queued, Status::Sent, Status::Accepted, Status::Delivered, Status::Read]);
    // And the other way.
    pair.push_id("news", "m1");
    pair.flow();
    pair.story.mark_read("m1");
    pair.flow();
    assert_eq!(pair.server().statuses(&MessageId::from("m1")).last(), Some(&Status::Read));
}

#[test]
fn a_heartbeat_needs_no_position() {
    let (preset, limits) = (Preset::native(), Limits::default());
    let heartbeats: [(Signal<Content<'_>>, &str); 2] =
        [(Signal::heartbeat(), r#"{"type":"ping"}"#), (Signal::heartbeat_reply(), r#"{"type":"pong"}"#)];
    for (signal, text) in heartbeats {
        for side in [Side::Client, Side::Server] {
            let frame = preset.dialect().encode(side, &signal).expect("there is a word for it");
            assert_eq!(frame.as_text(), Some(text));
            let heard = preset.dialect().decode(side.other(), &frame, &limits).map(|heard| heard.in_frame(&frame));
            assert_eq!(heard.as_ref(), Ok(&signal));
        }
    }
}
