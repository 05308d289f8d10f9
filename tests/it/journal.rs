//! The journal: lines in, lines out, the same again on every replay.

use redial::journal::{Call, Header, Input, Output, Player};
use redial::services::Service;
use redial::{
    Action, Body, ConnectionId, CredentialFailure, Duration, Event, Failure, Frame, HostProfile, Instant, MessageId,
    Preset, Purpose, Seed, Session, TransportError,
};
use serde_json::{Value, json};

fn player(preset: Preset) -> Player {
    Player::new(Session::new(preset, Seed::from(7_u64)))
}

fn play(player: &mut Player, lines: &[&str]) -> Vec<String> {
    lines.iter().flat_map(|line| player.play(line)).map(|output| output.to_line()).collect()
}

#[test]
fn a_session_on_a_pipe_answers_as_the_documentation_says() {
    let mut player = player(Preset::plain());
    let answers = play(
        &mut player,
        &[
            r#"{"now_ms":0,"call":{"type":"open"}}"#,
            r#"{"now_ms":5,"call":{"type":"send","body":"hello","id":"c1"}}"#,
            r#"{"now_ms":30,"event":{"type":"opened","connection":1}}"#,
            r#"{"now_ms":40,"event":{"type":"frame_in","connection":1,"frame":{"text":"hi"}}}"#,
            r#"{"now_ms":25040,"event":{"type":"tick"}}"#,
            r#"{"now_ms":25050,"event":{"type":"frame_in","connection":1,"frame":{"pong":""}}}"#,
            r#"{"now_ms":26000,"call":{"type":"close","code":3001,"reason":"bye"}}"#,
            r#"{"now_ms":26100,"event":{"type":"closed","connection":1,"code":3001}}"#,
        ],
    );
    let expected = [
        r#"{"now_ms":0,"action":{"type":"state","state":"connecting"}}"#,
        r#"{"now_ms":0,"action":{"type":"connect","connection":1,"attempt":0}}"#,
        r#"{"now_ms":0,"next_deadline_ms":10000,"timer":"attempt"}"#,
        r#"{"now_ms":5,"id":"c1"}"#,
        r#"{"now_ms":5,"action":{"type":"status","id":"c1","status":"queued"}}"#,
        r#"{"now_ms":5,"next_deadline_ms":10000,"timer":"attempt"}"#,
        r#"{"now_ms":30,"action":{"type":"state","state":"ready"}}"#,
        r#"{"now_ms":30,"action":{"type":"send","connection":1,"frame":{"text":"hello"},"purpose":{"type":"message","id":"c1"}}}"#,
        r#"{"now_ms":30,"action":{"type":"status","id":"c1","status":"sent"}}"#,
        r#"{"now_ms":30,"next_deadline_ms":10030,"timer":"suspicion"}"#,
        r#"{"now_ms":40,"action":{"type":"deliver","body":"hi"}}"#,
        r#"{"now_ms":40,"next_deadline_ms":25040,"timer":"heartbeat"}"#,
        r#"{"now_ms":25040,"action":{"type":"send","connection":1,"frame":{"ping":""},"purpose":{"type":"heartbeat"}}}"#,
        r#"{"now_ms":25040,"next_deadline_ms":28040,"timer":"suspicion"}"#,
        r#"{"now_ms":25050,"action":{"type":"alive","connection":1,"rtt_ms":10}}"#,
        r#"{"now_ms":25050,"next_deadline_ms":50050,"timer":"heartbeat"}"#,
        r#"{"now_ms":26000,"action":{"type":"close","connection":1,"code":3001,"reason":"bye"}}"#,
        r#"{"now_ms":26000,"action":{"type":"state","state":"closing","cause":"user"}}"#,
        r#"{"now_ms":26000,"next_deadline_ms":29000,"timer":"close"}"#,
        r#"{"now_ms":26100,"action":{"type":"state","state":"stopped","cause":"user","code":3001}}"#,
        r#"{"now_ms":26100,"next_deadline_ms":null,"timer":null}"#,
    ];
    assert_eq!(answers, expected);
}

#[test]
fn every_line_gets_one_deadline_last_whatever_is_wrong_with_it() {
    let mut player = player(Preset::plain());
    let bad = [
        "",
        "nonsense",
        "[]",
        r#"{"now_ms":1}"#,
        r#"{"call":{"type":"open"}}"#,
        r#"{"now_ms":1,"call":{"type":"open"},"event":{"type":"tick"}}"#,
        r#"{"now_ms":1,"call":{"type":"dance"}}"#,
        r#"{"now_ms":-1,"event":{"type":"tick"}}"#,
        r#"{"now_ms":1,"event":{"type":"frame_in","connection":1,"frame":{"binary":"not base64"}}}"#,
        r#"{"redial":1,"preset":"plain","seed":1}"#,
        r#"{"now_ms":1,"call":{"type":"close","code":1001}}"#,
    ];
    for line in bad {
        let outputs = player.play(line);
        assert!(matches!(outputs.first(), Some(Output::Error { .. })), "{line}: {outputs:?}");
        let deadlines = outputs.iter().filter(|output| matches!(output, Output::Deadline { .. })).count();
        assert_eq!((deadlines, matches!(outputs.last(), Some(Output::Deadline { .. }))), (1, true), "{line}");
    }
    let outputs = player.play(r#"{"now_ms":2,"call":{"type":"open"}}"#);
    assert!(outputs.len() > 1, "and the run goes on: {outputs:?}");
}

#[test]
fn an_error_about_a_line_repeats_nothing_of_it() {
    let mut player = player(Preset::plain());
    for line in [
        r#"{"now_ms":1,"event":{"type":"frame_in","connection":"SECRET","frame":{"text":"SECRET"}}}"#,
        r#"{"now_ms":1,"call":{"type":"SECRET"}}"#,
        "SECRET",
    ] {
        let shown: String = player.play(line).iter().map(Output::to_line).collect();
        assert!(shown.contains("error") && !shown.contains("SECRET"), "{shown}");
    }
}

#[test]
fn an_unknown_field_is_refused_by_its_name_in_every_call_and_every_event() {
    let mut player = player(Preset::plain());
    let calls = [
        r#"{"type":"open","fast":1}"#,
        r#"{"type":"close","fast":1}"#,
        r#"{"type":"send","body":"x","fast":1}"#,
        r#"{"type":"reconnect_now","fast":1}"#,
        r#"{"type":"hold","fast":1}"#,
        r#"{"type":"release","fast":1}"#,
        r#"{"type":"drain","within_ms":1,"fast":1}"#,
        r#"{"type":"credential","value":"x","fast":1}"#,
        r#"{"type":"credential_failed","why":"refused","fast":1}"#,
        r#"{"type":"persisted","version":1,"fast":1}"#,
    ];
    let events = [
        r#"{"type":"opened","connection":1,"fast":1}"#,
        r#"{"type":"frame_in","connection":1,"frame":{"text":""},"fast":1}"#,
        r#"{"type":"tick","fast":1}"#,
        r#"{"type":"send_failed","connection":1,"fast":1}"#,
        r#"{"type":"errored","connection":1,"cause":"io","status":500,"fast":1}"#,
        r#"{"type":"closed","connection":1,"fast":1}"#,
        r#"{"type":"online","fast":1}"#,
        r#"{"type":"offline","fast":1}"#,
        r#"{"type":"woke","fast":1}"#,
    ];
    let lines = calls.map(|call| ("call", call)).into_iter().chain(events.map(|event| ("event", event)));
    for (kind, value) in lines {
        let answer = play(&mut player, &[&format!(r#"{{"now_ms":1,"{kind}":{value}}}"#)]);
        let expected = format!(r#""error":"there is no field `{kind}.fast`","code":"unknown_field""#);
        assert!(answer[0].contains(&expected), "{value}: {answer:?}");
        let whole = value.replace(r#","fast":1"#, "");
        assert!(Input::from_line(&format!(r#"{{"now_ms":1,"{kind}":{whole}}}"#)).is_ok(), "{whole}");
    }
    let inner = r#"{"now_ms":1,"event":{"type":"send_failed","connection":1,"purpose":{"type":"bye","id":"x"}}}"#;
    assert!(play(&mut player, &[inner])[0].contains("there is no field `event.purpose.id`"));
    assert_eq!(player.session().state(), redial::State::Idle, "nothing was done");
}

#[test]
fn a_header_makes_the_same_session_of_every_preset() {
    for service in Service::all() {
        let name = service.name;
        let slower = |config: &mut redial::Config| config.heartbeat.every = Duration::from_secs(7);
        let preset = service.sample().expect("its sample works").configure(slower).expect("it is sound");
        let line = Input::Header(Header::new(&preset, Seed::from(9_u64))).to_line();
        let Ok(Input::Header(header)) = Input::from_line(&line) else { panic!("{line}") };
        assert_eq!(header.session().expect("it is of this version"), Session::new(preset, Seed::from(9_u64)), "{name}");
    }
}

#[test]
fn a_header_of_another_version_or_with_another_preset_is_refused_in_a_sentence() {
    let answer = |line: &str| play(&mut player(Preset::plain()), &[line]).remove(0);
    assert_eq!(
        answer(r#"{"redial":2,"preset":"plain","seed":1}"#),
        r#"{"now_ms":0,"error":"the journal is of version 2, this crate reads version 1","code":"version"}"#
    );
    let unknown = answer(r#"{"redial":1,"preset":"nobody","seed":1}"#);
    assert!(unknown.contains("there is no preset of that name; there are: plain, uni_app"), "{unknown}");
}

#[test]
fn after_a_refused_header_every_line_is_refused_for_its_reason() {
    let headers = [
        (r#"{"redial":2,"preset":"plain","seed":1}"#, "version"),
        (r#"{"redial":1,"preset":"nobody","seed":1}"#, "unknown_preset"),
        (r#"{"redial":1,"preset":"live_chat","seed":1}"#, "missing_setting"),
        (r#"{"redial":1,"preset":"plain","seed":1,"config":{"outbox":{"messages":0}}}"#, "range"),
        (r#"{"redial":1,"preset":"plain","seed":1,"config":{"outbox":7}}"#, "invalid_config"),
        (r#"{"redial":1,"preset":"plain"}"#, "missing_field"),
        (r#"{"redial":1,"preset":"plain","seed":1,"mode":"fast"}"#, "unknown_field"),
        (r#"{"redial":null}"#, "shape"),
        (r#"{"redial":1,"preset":"plain","see"#, "truncated"),
    ];
    for (header, code) in headers {
        let mut player = player(Preset::plain());
        let first = play(&mut player, &[header]);
        assert!(first[0].contains(&format!(r#""code":"{code}""#)), "{header}: {first:?}");
        let lines = [
            r#"{"now_ms":5,"call":{"type":"open"}}"#,
            "nonsense",
            r#"{"redial":1,"preset":"plain","seed":1}"#,
            r#"{"now_ms":9,"event":{"type":"tick"}}"#,
        ];
        for line in lines {
            assert_eq!(play(&mut player, &[line]), first, "{header}, then {line}");
        }
        let refusal = player.refusal().expect("it was refused");
        assert_eq!(refusal.code(), code);
        assert_eq!(player.session().state(), redial::State::Idle, "nothing was played");
    }
    for first in ["nonsense", r#"{"now_ms":0,"call":{"type":"redial"}}"#, r#"{"redial":1,"preset":"plain","seed":1}"#] {
        let mut player = player(Preset::plain());
        player.play(first);
        player.play(r#"{"redial":2,"preset":"plain","seed":1}"#);
        assert!(player.refusal().is_none(), "neither another line nor a late header is a refused header: {first}");
        assert!(player.play(r#"{"now_ms":5,"call":{"type":"open"}}"#).len() > 1);
    }
}

#[test]
fn an_error_has_a_code_and_a_missing_field_its_path() {
    let mut player = player(Preset::plain());
    let mut answer = |line: &str| match player.play(line).swap_remove(0) {
        Output::Error { error, code, .. } => (code.into_owned(), error),
        other => panic!("{line} is no error: {other:?}"),
    };
    for (line, code) in [
        (r#"{"now_ms":1,"call":{"type":"dance"}}"#, "unknown_call"),
        (r#"{"now_ms":1,"event":{"type":"dance"}}"#, "unknown_event"),
        (r#"{"now_ms":1,"call":{"type":7}}"#, "shape"),
        (r#"{"now_ms":1,"call":"open"}"#, "shape"),
        (r#"{"now_ms":1,"event":{"type":"opened","connection":"one"}}"#, "shape"),
        (r#"{"now_ms":1}"#, "kind"),
        ("[]", "shape"),
        ("{", "truncated"),
        ("nonsense", "syntax"),
        (r#"{"redial":1,"preset":"plain","seed":1}"#, "late_header"),
        (r#"{"now_ms":1,"call":{"type":"send","body":"x"}}"#, ""),
        (r#"{"now_ms":1,"call":{"type":"cancel","id":"m1"}}"#, "unknown"),
        (r#"{"now_ms":1,"call":{"type":"close","code":1001}}"#, "close_code"),
        (r#"{"now_ms":1,"call":{"type":"reconnect_now"}}"#, "not_open"),
        (r#"{"now_ms":1,"call":{"type":"mark_read","id":"m1"}}"#, "no_word"),
    ] {
        if code.is_empty() {
            continue;
        }
        assert_eq!(answer(line).0, code, "{line}");
    }
    for (line, field) in [
        (r#"{"call":{"type":"open"}}"#, "now_ms"),
        (r#"{"now_ms":1,"call":{}}"#, "call.type"),
        (r#"{"now_ms":1,"event":{"connection":1}}"#, "event.type"),
        (r#"{"now_ms":1,"call":{"type":"cancel"}}"#, "call.id"),
        (r#"{"now_ms":1,"call":{"type":"drain"}}"#, "call.within_ms"),
        (r#"{"now_ms":1,"event":{"type":"opened"}}"#, "event.connection"),
        (r#"{"now_ms":1,"event":{"type":"errored"}}"#, "event.connection"),
        (r#"{"now_ms":1,"event":{"type":"frame_in","connection":1}}"#, "event.frame"),
        (
            r#"{"now_ms":1,"event":{"type":"send_failed","connection":1,"purpose":{"type":"message"}}}"#,
            "event.purpose.id",
        ),
    ] {
        let (code, error) = answer(line);
        assert_eq!((code.as_str(), error.as_str()), ("missing_field", &*format!("the line has no field `{field}`")));
    }
}

#[test]
fn what_a_host_knows_of_a_failure_stands_in_the_line_and_comes_back_in_the_actions() {
    let mut player = player(Preset::plain());
    let lines = play(
        &mut player,
        &[
            r#"{"now_ms":0,"call":{"type":"open"}}"#,
            r#"{"now_ms":5,"event":{"type":"errored","connection":1,"cause":"http","status":503,"detail":"busy","retry_after_ms":2000}}"#,
        ],
    );
    let failure = r#""failure":{"cause":"http","status":503,"detail":"busy","retry_after_ms":2000}"#;
    assert_eq!(
        lines[3],
        format!(r#"{{"now_ms":5,"action":{{"type":"state","state":"waiting","cause":"errored",{failure}}}}}"#)
    );
    assert!(lines[4].contains(r#""type":"schedule_reconnect""#) && lines[4].contains(failure), "{}", lines[4]);
    let line = |text: &str| serde_json::from_str::<Event>(text).expect("it is an event");
    let connection = ConnectionId::new(1);
    assert_eq!(line(r#"{"type":"errored","connection":1}"#), Event::errored(connection, TransportError::Other));
    let unheard = line(r#"{"type":"errored","connection":1,"cause":"never heard of"}"#);
    assert_eq!(unheard, Event::errored(connection, TransportError::Other));
}

#[test]
fn a_snapshot_in_the_header_is_where_a_replay_begins() {
    let mut session =
        Session::new(Preset::uni_app().with_config(redial::Config::default()).expect("it is sound"), Seed::from(7_u64));
    session.send(Instant::ORIGIN, "hello").expect("there is room");
    let preset = session.preset().clone();
    let mut header = Header::new(&preset, Seed::from(7_u64));
    header.snapshot = Some(session.snapshot());
    let Ok(Input::Header(header)) = Input::from_line(&Input::Header(header).to_line()) else { panic!("a header") };
    assert_eq!(header.session().expect("it is whole").unsettled(), 1);
}

#[test]
fn every_call_and_every_event_reads_back_as_it_was_written() {
    let (id, connection, now) = (MessageId::from("m1"), ConnectionId::new(3), Instant::from_millis(5));
    let calls = [
        Call::Open,
        Call::Close { code: Some(3001), reason: "bye".into() },
        Call::Send {
            body: Body::from("x"),
            id: Some(7.into()),
            time_to_live: Some(Duration::from_secs(1)),
            once: true,
        },
        Call::Send { body: Body::from(vec![0, 255]), id: None, time_to_live: None, once: false },
        Call::Resend { id: id.clone() },
        Call::Cancel { id: id.clone() },
        Call::Abandon { id: id.clone() },
        Call::Acknowledge { id: id.clone() },
        Call::Reject { id: id.clone() },
        Call::MarkRead { id: id.clone(), conversation: String::new() },
        Call::ReconnectNow,
        Call::Hold,
        Call::Release,
        Call::Drain { within: Duration::from_secs(2) },
        Call::Credential { connection: None, value: "token".into() },
        Call::CredentialFailed { connection: None, why: CredentialFailure::Expired },
        Call::Credential { connection: Some(ConnectionId::new(3)), value: "token".into() },
        Call::CredentialFailed { connection: Some(ConnectionId::new(3)), why: CredentialFailure::Expired },
        Call::Persisted { version: 4 },
    ];
    let events = [
        Event::Opened { connection },
        Event::FrameIn { connection, frame: Frame::Ping(vec![1]) },
        Event::Tick,
        Event::SendFailed { connection, purpose: Some(Purpose::Message { id }) },
        Event::errored(connection, TransportError::Tls),
        Event::errored(connection, Failure::from_http(503, Some("3"), 0).with_detail("busy")),
        Event::Closed { connection, code: Some(1006), reason: "gone".into() },
        Event::Host { profile: HostProfile::new().without_pings() },
        Event::Online,
        Event::Offline,
        Event::Woke { asleep: Duration::from_secs(9) },
    ];
    let inputs = calls.map(|call| Input::Call { now, call }).into_iter();
    for input in inputs.chain(events.map(|event| Input::Event { now, event })) {
        assert_eq!(Input::from_line(&input.to_line()), Ok(input));
    }
}

#[test]
fn the_names_on_the_lines_are_the_documented_ones() {
    let written = |input: Input| serde_json::from_str::<Value>(&input.to_line()).expect("a line is JSON");
    let now = Instant::from_millis(5);
    let send = Call::Send { body: Body::from("x"), id: None, time_to_live: None, once: false };
    assert_eq!(written(Input::Call { now, call: send }), json!({"now_ms": 5, "call": {"type": "send", "body": "x"}}));
    let woke = Event::Woke { asleep: Duration::from_secs(1) };
    assert_eq!(
        written(Input::Event { now, event: woke }),
        json!({"now_ms": 5, "event": {"type": "woke", "asleep_ms": 1_000}})
    );
    for line in [
        r#"{"now_ms":5,"event":{"type":"errored","connection":1}}"#,
        r#"{"now_ms":5,"event":{"type":"closed","connection":1}}"#,
        r#"{"now_ms":5,"event":{"type":"send_failed","connection":1}}"#,
        r#"{"now_ms":5,"event":{"type":"woke"}}"#,
        r#"{"now_ms":5,"call":{"type":"close"}}"#,
    ] {
        assert!(Input::from_line(line).is_ok(), "what is optional may be left out: {line}");
    }
}

#[test]
fn the_kinds_of_actions_and_events_are_their_types_in_the_journal() {
    fn expected<T: serde::de::DeserializeOwned>() -> String {
        let refused = serde_json::from_str::<T>(r#"{"type":"no such type"}"#).err().expect("there is no such type");
        refused.to_string()
    }
    let listed = |kinds: &[&str]| kinds.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ");
    let lists =
        [(Action::KINDS, expected::<Action>()), (Event::KINDS, expected::<Event>()), (Call::KINDS, expected::<Call>())];
    for (kinds, expected) in lists {
        assert!(expected.contains(&format!("expected one of {}", listed(kinds))), "{expected}");
    }
    let woke = Event::Woke { asleep: Duration::ZERO };
    assert_eq!((Action::Gap { from: 1, to: None }.kind(), woke.kind()), ("gap", "woke"));
}

#[test]
fn a_header_says_also_which_settings_are_off() {
    let mut config = Preset::plain().config().clone();
    assert!(config.heartbeat.unanswered.is_some() && config.reconnect.early.is_some(), "these are on by default");
    (config.heartbeat.unanswered, config.reconnect.early) = (None, None);
    let preset = Preset::plain().with_config(config).expect("it is sound");
    let header = Input::Header(Header::new(&preset, Seed::from(7_u64)));
    let mut player = Player::new(Session::new(Preset::uni_app(), Seed::from(0_u64)));
    player.play(&header.to_line());
    assert_eq!(player.session().preset().config(), preset.config());
}

#[test]
fn a_query_is_answered_and_changes_nothing_even_where_a_deadline_is_due() {
    let mut player = player(Preset::plain());
    let send = r#"{"now_ms":5,"call":{"type":"send","body":"hello","id":"c1"}}"#;
    play(&mut player, &[r#"{"now_ms":0,"call":{"type":"open"}}"#, send]);
    let (before, figures) = (player.session().clone(), player.session().stats().clone());
    let last = r#"{"now_ms":5,"next_deadline_ms":10000,"timer":"attempt"}"#;
    let mut ask = |query: &str| {
        let lines = play(&mut player, &[&format!(r#"{{"now_ms":99999999,"query":{query}}}"#)]);
        assert_eq!(lines, play(&mut player, &[&format!(r#"{{"query":{query}}}"#)]), "the time may be left out");
        assert_eq!((lines.len(), &*lines[1]), (2, last), "{query}");
        let read: Output = serde_json::from_str(&lines[0]).expect("it is an output");
        assert!(matches!(read, Output::Answer { .. }) && read.to_line() == lines[0], "{read:?}");
        serde_json::from_str::<Value>(&lines[0]).expect("a line is JSON")
    };
    assert_eq!(ask(r#"{"type":"status","id":"c1"}"#), json!({"now_ms": 5, "id": "c1", "status": "queued"}));
    assert_eq!(ask(r#"{"type":"status","id":"c2"}"#), json!({"now_ms": 5, "id": "c2", "status": null}));
    assert_eq!(ask(r#"{"type":"stats"}"#)["stats"]["connects"], 1);
    let sentence = ask(r#"{"type":"explain"}"#)["explain"].clone();
    assert!(sentence.as_str().is_some_and(|text| text.starts_with("connecting, attempt 0")), "{sentence}");
    let bounds = ask(r#"{"type":"bounds"}"#)["bounds"].clone();
    assert_eq!((&bounds["notice_dead_link_ms"], &bounds["connects_in_120_s"]), (&json!(33_000), &json!(20)));
    assert_eq!(bounds["inbound"], json!({"type": "once_among", "ids": 4_096}));
    let snapshot = ask(r#"{"type":"snapshot"}"#)["snapshot"].clone();
    assert_eq!(serde_json::from_value(snapshot).ok(), Some(before.snapshot()));
    assert_eq!((player.session(), player.session().stats()), (&before, &figures));
}

#[test]
fn the_query_for_changes_gives_what_persist_lines_named_since_it_was_asked_last() {
    let mut config = redial::Config::default();
    config.durability = redial::config::Durability::WriteAhead;
    let preset = || Preset::uni_app().with_config(config.clone()).expect("it is sound");
    let mut player = player(preset());
    let mut store = std::collections::BTreeMap::new();
    let mut ask = |player: &mut Player| {
        let line = play(player, &[r#"{"query":{"type":"changes"}}"#])[0].clone();
        let answer: Value = serde_json::from_str(&line).expect("a line is JSON");
        let changes = answer["changes"].as_object().expect("keys and values").clone();
        assert_eq!(answer.get("whole"), None, "{answer}");
        for (key, value) in &changes {
            match value {
                Value::Null => drop(store.remove(key)),
                value => drop(store.insert(key.clone(), value.clone())),
            }
        }
        (changes.len(), Value::from_iter(store.clone()))
    };
    assert_eq!(ask(&mut player).0, 0, "nothing was named");
    let send = |id: &str| format!(r#"{{"now_ms":5,"call":{{"type":"send","body":"hello","id":"{id}"}}}}"#);
    let lines = play(&mut player, &[&send("c1"), &send("c2")]);
    let named: Vec<&String> = lines.iter().filter(|line| line.contains("persist")).collect();
    assert!(named.len() == 2 && named[0].contains(r#""version":1,"count":5,"#), "{named:?}");
    assert_eq!(ask(&mut player).1, serde_json::to_value(player.session().snapshot()).expect("it can be written"));
    assert_eq!(ask(&mut player).0, 0, "what was asked for is not told again");
    play(&mut player, &[r#"{"now_ms":6,"call":{"type":"cancel","id":"c1"}}"#]);
    let (count, stored) = ask(&mut player);
    assert!(count > 1 && stored == serde_json::to_value(player.session().snapshot()).expect("it can be written"));
    // What was stored so begins the next process.
    let header = json!({"redial": 1, "preset": "uni_app", "seed": Seed::from(3_u64), "config": preset().to_json(), "snapshot": stored});
    let mut next = Player::new(Session::new(Preset::plain(), Seed::from(1_u64)));
    play(&mut next, &[&header.to_string()]);
    assert_eq!((next.refusal(), next.session().unsettled()), (None, 1));
}

#[test]
fn changes_that_nobody_asks_for_are_bounded_and_the_answer_is_then_the_whole() {
    let mut config = redial::Config::default();
    config.durability = redial::config::Durability::WriteAhead;
    config.inbox.window = redial::config::Limit::new(10);
    let mut player = player(Preset::uni_app().with_config(config).expect("it is sound"));
    let open = [
        r#"{"now_ms":0,"call":{"type":"credential","value":"T"}}"#,
        r#"{"now_ms":0,"call":{"type":"open"}}"#,
        r#"{"now_ms":0,"event":{"type":"opened","connection":1}}"#,
    ];
    play(&mut player, &open);
    for number in 0..17_000 {
        let text = format!(r#"{{"type":"MESSAGE","messageId":"m{number}","content":"x"}}"#);
        let frame = json!({"now_ms": 1, "event": {"type": "frame_in", "connection": 1, "frame": {"text": text}}});
        player.play(&frame.to_string());
        player.play(&json!({"now_ms": 1, "call": {"type": "persisted", "version": u64::MAX >> 11}}).to_string());
    }
    let answer: Value =
        serde_json::from_str(&play(&mut player, &[r#"{"query":{"type":"changes"}}"#])[0]).expect("a line is JSON");
    assert_eq!(answer["whole"], true);
    assert_eq!(answer["changes"], serde_json::to_value(player.session().snapshot()).expect("it can be written"));
}

#[test]
fn a_query_that_is_unknown_or_of_another_shape_is_refused_with_a_code() {
    let mut player = player(Preset::plain());
    for (line, code) in [
        (r#"{"query":{"type":"dance"}}"#, "unknown_query"),
        (r#"{"query":{}}"#, "missing_field"),
        (r#"{"query":{"type":"status"}}"#, "missing_field"),
        (r#"{"query":{"type":"stats","fast":1}}"#, "unknown_field"),
        (r#"{"query":"stats"}"#, "shape"),
        (r#"{"now_ms":-1,"query":{"type":"stats"}}"#, "shape"),
        (r#"{"now_ms":1,"call":{"type":"open"},"query":{"type":"stats"}}"#, "kind"),
    ] {
        let lines = play(&mut player, &[line]);
        assert!(lines[0].contains(&format!(r#""code":"{code}""#)), "{line}: {lines:?}");
        assert!(lines.len() == 2 && lines[1].contains("next_deadline_ms"), "{lines:?}");
    }
    let mut refused = Player::new(Session::new(Preset::plain(), Seed::from(7_u64)));
    let header = play(&mut refused, &[r#"{"redial":1,"preset":"nobody","seed":1}"#]);
    assert_eq!(play(&mut refused, &[r#"{"query":{"type":"stats"}}"#]), header, "there is no session to ask");
}

#[test]
fn every_setting_that_is_off_is_written_in_the_configuration() {
    for (file, text) in crate::tidy::files("src/config") {
        assert!(!text.contains("skip_serializing_if"), "{file}: a header could not switch this off over a preset");
    }
}
