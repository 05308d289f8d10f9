//! What is not as its dialect wants it is reported, costs nothing else, and the session lives on.

use redial::error::Malformed;
use redial::{Frame, Preset, Purpose, State};

use super::Client;

/// What one dialect makes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Reported,
    Delivered,
    PassedOver,
}
use Fate::{Delivered, PassedOver, Reported};

/// Every preset, with what makes it ready and a frame it delivers.
fn systems() -> [(Preset, Option<&'static str>, &'static str); 5] {
    let auth1 = r#"{"cmd":"auth1","msg_id":1}"#;
    [
        (Preset::uni_app(), None, r#"{"type":"NEWS"}"#),
        (Preset::react_im(), None, "hello"),
        (Preset::vue_polling(), None, "hello"),
        (Preset::wechat(), None, "hello"),
        (Preset::live_chat(1, 2).unwrap(), Some(auth1), r#"{"result":{"message":"hello"}}"#),
    ]
}

/// The fate of a frame in `uni_app`, `react_im`, `vue_polling`, `wechat`, `live_chat`, and that each lives on.
fn fates(frame: &Frame) -> [Fate; 5] {
    systems().map(|(preset, login, good)| {
        let name = preset.name().to_owned();
        let mut client = Client::connected(preset);
        if let Some(login) = login {
            client.text(login);
        }
        let beats = client.beats().len();
        client.at(100).frame(frame.clone());
        let fate = match (client.malformed().len(), client.all(delivery).len()) {
            (1, 0) => Reported,
            (0, 1) => Delivered,
            (0, 0) => PassedOver,
            other => panic!("{name}: a frame has one fate, not {other:?}"),
        };
        client.text(good);
        assert_eq!(client.delivered().last().map(|body| good.contains(body.as_str())), Some(true), "{name} lives on");
        assert_eq!((client.state(), client.connects(), client.closes()), (State::Ready, vec![0], vec![]), "{name}");
        assert_eq!((client.beats().len(), client.unsent()), (beats, Vec::<Purpose>::new()), "{name}");
        fate
    })
}

fn delivery(action: &redial::Action) -> Option<()> {
    matches!(action, redial::Action::Deliver(_)).then_some(())
}

fn text_fates(text: impl Into<String>) -> [Fate; 5] {
    fates(&Frame::text(text.into()))
}

/// For those whose frames are JSON; to the others every text is a message.
const REPORTED_WHERE_JSON: [Fate; 5] = [Reported, Delivered, Delivered, Delivered, Reported];

#[test]
fn what_is_not_json_is_reported() {
    for text in ["oops", "", "{", r#"{"type""#, r#"{"type":"MESSAGE"}x"#, "{'a':1}", "\u{feff}{}", "NaN", "\0"] {
        assert_eq!(text_fates(text), REPORTED_WHERE_JSON, "{text:?}");
    }
}

#[test]
fn json_that_is_no_object_is_reported() {
    for text in ["null", "0", r#""""#, "true", "[]", r#"[{"type":"MESSAGE"}]"#, "1e999"] {
        assert_eq!(text_fates(text), REPORTED_WHERE_JSON, "{text:?}");
    }
}

#[test]
fn fields_of_the_wrong_type_are_reported() {
    for text in [
        r#"{"type":7}"#,
        r#"{"type":"MESSAGE","messageId":{},"content":"x"}"#,
        r#"{"type":"MESSAGE","messageId":1.5,"content":"x"}"#,
        r#"{"type":"MESSAGE","messageId":"","content":"x"}"#,
        r#"{"type":"MESSAGE","messageId":"m","clientMessageId":[]}"#,
        r#"{"type":"RECEIPT","clientMessageId":9007199254740992}"#,
    ] {
        assert_eq!(text_fates(text)[0], Reported, "{text}");
    }
    for msg_id in ["{}", "[1]", "true"] {
        let text = format!(r#"{{"cmd":"auth1","msg_id":{msg_id}}}"#);
        assert_eq!(text_fates(text.as_str())[4], Reported, "{text}");
    }
}

#[test]
fn missing_and_null_fields_are_reported_where_the_frame_needs_them() {
    for text in [r#"{"type":"MESSAGE"}"#, r#"{"type":"MESSAGE","messageId":null}"#, r#"{"type":"RECEIPT"}"#] {
        assert_eq!(text_fates(text)[0], Reported, "{text}");
    }
    for text in [r#"{"cmd":"auth1"}"#, r#"{"cmd":"auth1","msg_id":null}"#] {
        assert_eq!(text_fates(text)[4], Reported, "{text}");
    }
    assert_eq!(text_fates("{}"), [Delivered, Delivered, Delivered, Delivered, PassedOver]);
}

#[test]
fn a_field_that_stands_twice_is_reported() {
    assert_eq!(text_fates(r#"{"type":"MESSAGE","type":"OTHER","messageId":"m"}"#)[0], Reported);
    assert_eq!(text_fates(r#"{"cmd":"conn_close","cmd":"x"}"#)[4], Reported);
}

#[test]
fn an_id_that_is_too_long_is_reported() {
    let long = "x".repeat(10_000);
    assert_eq!(text_fates(format!(r#"{{"type":"MESSAGE","messageId":"{long}"}}"#))[0], Reported);
    assert_eq!(text_fates(format!(r#"{{"cmd":"auth1","msg_id":"{long}"}}"#))[4], Reported);
}

#[test]
fn ten_megabytes_are_reported_unread_by_all() {
    let frames = [Frame::text("x".repeat(10 << 20)), Frame::Binary(vec![0; 10 << 20])];
    for frame in frames {
        assert_eq!(fates(&frame), [Reported; 5]);
        let mut client = Client::connected(Preset::wechat());
        client.frame(frame);
        assert_eq!(client.malformed(), [Malformed::TooLarge { bytes: 10 << 20, limit: 1 << 20 }]);
    }
}

#[test]
fn ten_thousand_levels_are_reported_where_anybody_would_read_them() {
    let deep = |open: &str, close: &str| open.repeat(10_000) + "1" + &close.repeat(10_000);
    for text in [deep("[", "]"), deep(r#"{"a":"#, "}"), format!(r#"{{"type":"x","result":{}}}"#, deep("[", "]"))] {
        assert_eq!(text_fates(text), [Reported, Delivered, Reported, Delivered, Reported]);
    }
}

#[test]
fn a_lone_surrogate_costs_no_message() {
    let mut client = Client::connected(Preset::uni_app());
    let push = r#"{"type":"MESSAGE","messageId":"m1","content":"\ud800"}"#;
    client.text(push);
    assert_eq!((client.delivered(), client.written().len()), (vec![push.to_owned()], 1));

    let mut client = Client::connected(Preset::live_chat(1, 2).unwrap());
    client.text(r#"{"cmd":"\ud800","result":{"message":"\udfff"}}"#);
    assert_eq!(client.delivered(), [r#"{"message":"\udfff"}"#]);
    assert_eq!(text_fates(r#"{"type":"\ud800"}"#), [Delivered, Delivered, Delivered, Delivered, PassedOver]);
    assert_eq!(text_fates(r#"{"\ud800":1}"#), REPORTED_WHERE_JSON);
}

#[test]
fn binary_where_text_is_expected_is_reported() {
    assert_eq!(fates(&Frame::Binary(br#"{"type":"MESSAGE"}"#.to_vec())), [Reported; 5]);
    assert_eq!(fates(&Frame::Binary(Vec::new())), [Reported; 5]);
}

#[test]
fn no_report_repeats_what_the_peer_wrote() {
    for (preset, ..) in systems() {
        let mut client = Client::connected(preset);
        client.text(r#"{"type":"MESSAGE","messageId":{"hunter2":1}}"#).text("hunter2");
        client.text(r#"{"cmd":"auth1","msg_id":["hunter2"]}"#).frame(Frame::Binary(b"hunter2".to_vec()));
        let said = format!("{:?}", client.malformed());
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_flood_of_malformed_frames_ends_no_document_s_connection() {
    for (preset, ..) in systems() {
        let mut client = Client::connected(preset);
        let before = client.state();
        for _ in 0..1_000 {
            client.frame(Frame::Binary(vec![1]));
        }
        assert_eq!((client.malformed().len(), client.state(), client.connects()), (1_000, before, vec![0]));
    }
}
