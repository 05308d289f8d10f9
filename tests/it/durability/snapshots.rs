//! The snapshot itself: refused where it is not to be trusted, no larger than it must be, and as good as the original.

use redial::config::PeerPolicy;
use redial::error::RestoreError;
use redial::journal::{Header, Input, Player};
use redial::{Action, Config, Duration, Event, Frame, Instant, Peer, Preset, Seed, Session, Snapshot};
use serde_json::{Value, json};

use super::{push, receipt};
use crate::support::Story;
use crate::support::sealed::sealed;

fn restore(text: &str, preset: Preset) -> Result<Session, RestoreError> {
    let snapshot = serde_json::from_str::<Snapshot>(text).expect("it has the shape of a snapshot");
    Session::restore(preset, Instant::ORIGIN, snapshot, Duration::ZERO, Seed::from(8_u64))
}

/// A session with something of everything.
fn lived() -> Story {
    let mut story = Story::uni_app();
    story.ready();
    let accepted = story.send("accepted");
    story.send_once("sent");
    story.text(&receipt(&accepted)).text(&push("m1")).hold().send_for("waiting", 60_000);
    story
}

#[test]
fn damage_anywhere_is_found_and_nothing_is_used() {
    let text = lived().snapshot();
    let (mut found, mut unreadable) = (0, 0);
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let damaged = String::from_utf8(bytes).expect("a flipped ASCII bit stays ASCII");
        match serde_json::from_str::<Snapshot>(&damaged) {
            Err(_) => unreadable += 1,
            Ok(snapshot) => {
                let preset = Preset::uni_app();
                let seed = Seed::from(8_u64);
                let refused = Session::restore(preset, Instant::ORIGIN, snapshot, Duration::ZERO, seed).err();
                assert!(
                    matches!(refused, Some(RestoreError::Damaged | RestoreError::Version { .. })),
                    "byte {at}: {refused:?}"
                );
                found += 1;
            }
        }
    }
    assert!(found > 100 && unreadable > 100, "{found} found by the checksum, {unreadable} by their shape");
}

#[test]
fn a_snapshot_of_another_version_or_preset_is_refused_by_name() {
    let text = lived().snapshot();
    let mut value: Value = serde_json::from_str(&text).expect("it is JSON");
    value["s/format"]["redial"] = 2.into();
    assert_eq!(restore(&value.to_string(), Preset::uni_app()).err(), Some(RestoreError::Version { version: 2 }));
    let other = restore(&text, Preset::wechat()).err();
    assert_eq!(other, Some(RestoreError::Preset { preset: "uni_app".to_owned() }));
    assert!(other.is_some_and(|error| error.to_string().contains("uni_app")));
    assert!(restore(&text, Preset::uni_app()).is_ok());
    let snapshot = serde_json::from_str::<Snapshot>(&text).expect("it has the shape of a snapshot");
    let (policy, seed) = (PeerPolicy::default(), Seed::from(8_u64));
    let peer = Peer::restore(Preset::uni_app(), policy, Instant::ORIGIN, snapshot, Duration::ZERO, seed);
    assert_eq!(peer.err(), Some(RestoreError::Side));
}

#[test]
fn a_snapshot_shows_no_bodies_and_holds_no_credential() {
    let mut story = lived();
    let shown = format!("{:?}", story.session.snapshot());
    let count = story.session.snapshot().iter().count();
    assert!(!shown.contains("waiting") && shown.contains(&format!("records: {count}")), "{shown}");
    assert!(!story.snapshot().contains("token"));
}

#[test]
fn a_snapshot_is_as_large_as_what_is_not_settled() {
    let mut story = Story::uni_app_with(|config| {
        config.outbox.remembered = redial::config::Limit::new(100);
        config.inbox.window = redial::config::Limit::new(100);
    });
    let body = "x".repeat(1_000);
    let empty = story.snapshot().len();
    assert!(empty < 500, "an idle one is {empty} bytes");
    story.ready();
    for round in 0..500 {
        let id = story.send(&body);
        story.text(&receipt(&id)).text(&push(&format!("m{round}")));
    }
    let settled = story.snapshot().len();
    assert!(settled < empty + 200 * 100, "500 settled messages leave {settled} bytes");
    for _ in 0..50 {
        story.send(&body);
    }
    let unsettled = story.snapshot().len() - settled;
    assert!((50_000..50_000 + 50 * 200).contains(&unsettled), "50 messages of 1000 bytes take {unsettled} bytes");
}

#[test]
fn a_journal_that_begins_with_a_snapshot_replays() {
    let mut story = lived();
    let snapshot: Snapshot = serde_json::from_str(&story.snapshot()).expect("it can be read");
    let config = story.session.preset().config().clone();
    let preset = Preset::uni_app().with_config(config).expect("it is sound");
    let mut header = Header::new(&preset, Seed::from(1_u64));
    header.snapshot = Some(snapshot);
    let lines = [
        Input::Header(header).to_line(),
        r#"{"now_ms":0,"call":{"type":"credential","value":"token"}}"#.to_owned(),
        r#"{"now_ms":0,"call":{"type":"open"}}"#.to_owned(),
        r#"{"now_ms":10,"event":{"type":"opened","connection":2}}"#.to_owned(),
        format!(
            r#"{{"now_ms":20,"event":{{"type":"frame_in","connection":2,"frame":{{"text":{}}}}}}}"#,
            Value::from(push("m1"))
        ),
    ];
    let play = || {
        let mut player = Player::new(Session::new(Preset::plain(), Seed::from(9_u64)));
        let out: Vec<String> = lines.iter().flat_map(|line| player.play(line)).map(|line| line.to_line()).collect();
        (out, player.session().clone())
    };
    let (out, session) = play();
    let text = out.join("\n");
    assert!(!text.contains("error"), "{text}");
    assert!(text.contains(r#""status":"unconfirmed""#), "the half-sent once-only message\n{text}");
    assert!(text.contains(r#"\"content\":\"waiting\""#), "the waiting one left\n{text}");
    assert!(text.contains(r#""purpose":{"type":"ack","id":"m1"}"#) && !text.contains("deliver"), "{text}");
    assert_eq!(play(), (out, session), "and again, byte for byte");
}

/// A session that has made so many ids: its snapshot says so, and is sealed again.
fn that_made(count: u64) -> Session {
    let mut value: Value = serde_json::from_str(&lived().snapshot()).expect("it is JSON");
    value["meta"]["made"] = count.into();
    let text = sealed(value).expect("it is a snapshot").to_string();
    restore(&text, Preset::uni_app().with_config(Config::default()).expect("it is sound")).expect("the seal is right")
}

#[test]
fn ids_go_on_counting_whatever_their_length_becomes() {
    let nonce = that_made(3).send(Instant::ORIGIN, "x").expect("it is taken").to_string()[..16].to_owned();
    for count in [3, 9, 10, 999_999, 9_999_998, 9_999_999, 10_000_000, 123_456_789_012, (1 << 53) - (1 << 32)] {
        let mut session = that_made(count);
        for number in [count, count + 1] {
            let id = session.send(Instant::ORIGIN, "x").expect("it is taken");
            assert_eq!(id.as_text(), Some(format!("{nonce}-{number}").as_str()));
            assert_eq!(session.status(&id), Some(redial::Status::Queued));
        }
    }
}

/// The places of all numbers in a snapshot: the record, and the path to the number in it.
fn numbers(snapshot: &Value) -> Vec<Vec<String>> {
    fn walk(value: &Value, path: &[String], found: &mut Vec<Vec<String>>) {
        let step = |name: String| [path, &[name]].concat();
        match value {
            Value::Number(_) => found.push(path.to_vec()),
            Value::Object(fields) => fields.iter().for_each(|(name, value)| walk(value, &step(name.clone()), found)),
            Value::Array(items) => {
                (0..).zip(items).for_each(|(at, value): (usize, _)| walk(value, &step(at.to_string()), found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(snapshot, &[], &mut found);
    found
}

/// The snapshot with another number at a place, and the check that belongs to that.
fn forged(snapshot: &Value, place: &[String], value: u64) -> Value {
    let mut forged = snapshot.clone();
    let at = place.iter().fold(&mut forged, |value, step| match step.parse::<usize>() {
        Ok(at) if value.is_array() => &mut value[at],
        _ => &mut value[step],
    });
    *at = value.into();
    sealed(forged).expect("it is a snapshot")
}

const WELCOME: &str = r#"{"type":"welcome","sid":"s","token":"t","ttl_ms":86400000,"resumed":false,"win_msgs":256,"win_bytes":1048576,"frame_max":1048576}"#;
const RESUMED: &str = r#"{"type":"welcome","sid":"s","token":"t","ttl_ms":86400000,"resumed":true,"a":1,"win_msgs":256,"win_bytes":1048576,"frame_max":1048576}"#;

#[test]
fn no_number_of_a_forged_snapshot_does_harm() {
    let mut native = Story::new(Preset::native());
    native.open().opened().text(WELCOME);
    native.text(r#"{"type":"msg","s":1,"id":"p1","b":"hi"}"#).send("hello");
    native.send_for("late", 60_000);
    for (make, text) in [(Preset::uni_app as fn() -> Preset, lived().snapshot()), (Preset::native, native.snapshot())] {
        let whole: Value = serde_json::from_str(&text).expect("it is JSON");
        assert!(numbers(&whole).len() > 5, "{text}");
        for (place, value) in numbers(&whole).into_iter().flat_map(|place| {
            [0, 1, (1 << 53) - 1, 1 << 53, u64::from(u32::MAX), u64::MAX - 1, u64::MAX]
                .map(|value| (place.clone(), value))
        }) {
            let forged = forged(&whole, &place, value);
            let Ok(snapshot) = serde_json::from_value::<Snapshot>(forged.clone()) else { continue };
            for away in [Duration::ZERO, Duration::MAX] {
                let seed = Seed::from(8_u64);
                let restored = Session::restore(make(), Instant::ORIGIN, snapshot.clone(), away, seed);
                let Ok(mut session) = restored else { continue };
                session.open(Instant::ORIGIN);
                for _ in 0..20 {
                    while let Some(action) = session.poll_action() {
                        if let Action::Connect { connection, .. } = action {
                            session.handle(session.now(), Event::Opened { connection });
                            for text in
                                [RESUMED, r#"{"type":"msg","s":2,"id":"p2","b":"hi"}"#, r#"{"type":"ack","a":2}"#]
                            {
                                let frame = Frame::text(text);
                                session.handle(session.now(), Event::FrameIn { connection, frame });
                            }
                        }
                    }
                    let _ = session.send(session.now(), "more");
                    let Some(deadline) = session.next_deadline() else { break };
                    assert!(deadline.at > session.now(), "{deadline:?} stays: {forged}");
                    session.handle(deadline.at, Event::Tick);
                }
                let again = Session::restore(make(), Instant::ORIGIN, session.snapshot(), Duration::ZERO, seed);
                assert!(again.is_ok(), "{:?}: {forged}", again.err());
            }
        }
    }
}

#[test]
fn what_a_field_would_say_by_default_is_not_written() {
    let session = Session::new(Preset::uni_app(), Seed::from(7_u64));
    let mut written = serde_json::to_value(session.snapshot()).expect("it can be written");
    for (record, field) in [("meta", "check"), ("s/mint", "nonce")] {
        written[record][field] = 0.into();
    }
    let expected = json!({
        "meta": {"check": 0, "n": 3},
        "s/format": {"preset": "uni_app", "redial": 1, "side": "client"},
        "s/link": {"connections": 0},
        "s/mint": {"nonce": 0},
    });
    assert_eq!(written, expected);
}
