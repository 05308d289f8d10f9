//! JSON as few write it means what it would mean as everybody writes it.

use redial::error::Malformed;
use redial::{Config, Frame, Preset, SendError};

use crate::support::Story;

/// What a session of `uni_app` makes of a text: what it delivers, or why it cannot.
fn read(text: &str) -> Result<Vec<String>, Malformed> {
    let mut story = Story::new(Preset::uni_app().with_config(Config::default()).expect("it is sound"));
    story.credential("token").ready().seen();
    story.text(text);
    let seen = story.seen();
    let malformed = |action: &redial::Action| match action {
        redial::Action::Malformed { error, .. } => Some(error.clone()),
        _ => None,
    };
    match seen.all().iter().find_map(malformed) {
        Some(error) => Err(error),
        None => Ok(seen.delivered()),
    }
}

/// The same message, its fields written plainly and with escapes; `extra` is a field that nobody reads.
fn spellings(content: &str, extra: &str) -> [String; 3] {
    [r#""messageId""#, r#""message\u0049d""#, r#""\u006dessageId""#]
        .map(|name| format!(r#"{{"type":"MESSAGE",{name}:"m1","content":{content},"extra":{extra}}}"#))
}

#[test]
fn a_name_with_escapes_is_the_name_it_stands_for() {
    for (content, shown) in [
        (r#""x""#, "x"),
        (r#""[[[[{{{{""#, "[[[[{{{{"),
        (r#""a \" b ]]}}""#, r#"a " b ]]}}"#),
        (r#""back\\slash""#, r"back\slash"),
    ] {
        for text in spellings(content, "null") {
            assert_eq!(read(&text), Ok(vec![shown.to_owned()]), "{text}");
        }
    }
}

#[test]
fn what_is_almost_json_is_reported_wherever_it_stands() {
    for almost in [
        "-",
        "+1",
        "--1",
        "01",
        "-01",
        ".5",
        "1.",
        "1..2",
        "1e",
        "1e+",
        "1E-",
        "tru",
        "True",
        "nul",
        "falsey",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        r#""\x""#,
        r#""\u12""#,
        r#""\u00g0""#,
        "\"\t\"",
        "'a'",
        "",
    ] {
        for text in spellings(r#""x""#, almost) {
            assert!(matches!(read(&text), Err(Malformed::Json { .. })), "{text}");
        }
    }
}

#[test]
fn nesting_is_counted_in_depth_alone_and_never_within_texts_however_fields_are_written() {
    let limit = usize::try_from(Config::default().limits.depth.get()).expect("it is small");
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let brackets = "[{".repeat(limit);
    for (extra, deep) in [
        // The object itself is one level.
        (nested(limit - 1), false),
        (nested(limit), true),
        (nested(limit + 1), true),
        (nested(limit + 7), true),
        (format!("[{}[]]", "[],{},".repeat(limit)), false),
        (format!("\"{brackets}\""), false),
        (format!(r#""\"{brackets}""#), false),
        (format!(r#""\\","more":"{brackets}""#), false),
        (format!(r#"["\"{brackets}","\\",{}]"#, nested(limit - 2)), false),
        (format!(r#"["\"{brackets}","\\",{}]"#, nested(limit - 1)), true),
    ] {
        for text in spellings(r#""x""#, &extra) {
            let expected =
                if deep { Err(Malformed::TooDeep { limit: limit as u64 }) } else { Ok(vec!["x".to_owned()]) };
            assert_eq!(read(&text), expected, "{text}");
        }
    }
}

#[test]
fn an_id_with_escapes_is_as_long_as_what_it_stands_for() {
    let limit = usize::try_from(Config::default().limits.id_bytes.get()).expect("it is small");
    let text = |id: &str| format!(r#"{{"type":"MESSAGE","messageId":"{id}","content":"x"}}"#);
    for (letters, fits) in [(1, true), (limit - 1, true), (limit, true), (limit + 1, false), (2 * limit, false)] {
        for letter in ["a", r"\u0061"] {
            let id = if letter == "a" { "a".repeat(letters) } else { letter.repeat(letters) };
            assert_eq!(read(&text(&id)).is_ok(), fits, "{letters} times {letter}");
        }
    }
}

#[test]
fn a_body_that_any_server_would_take_for_a_heartbeat_is_refused_as_deep_as_any_may_read() {
    let deep = "[".repeat(60) + &"]".repeat(60);
    for (body, refused) in [
        (r#"{"command":"heartBeat"}"#.to_owned(), true),
        (format!(r#"{{"command":"heartBeat","rest":{deep}}}"#), true),
        (format!(r#"{{"comm\u0061nd":"heartBeat","rest":{deep}}}"#), true),
        (format!(r#"{{"command":"news","rest":{deep}}}"#), false),
    ] {
        let mut story = Story::new(Preset::vue_polling());
        story.ready();
        let answer = story.try_send(&body);
        assert_eq!(matches!(answer, Err(SendError::Unencodable(_))), refused, "{body}");
    }
    let mut story = Story::new(Preset::vue_polling());
    story.ready();
    let bytes = redial::Outgoing::from(redial::Body::from(&b"bytes"[..]));
    let answer = story.session.send(story.instant(), bytes);
    assert_eq!(answer, Err(SendError::Unencodable(redial::error::Unencodable::Binary)));
    story.frame(Frame::text("news"));
}
