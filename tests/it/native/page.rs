//! The page that specifies the protocol: its frames are read and written again, its numbers are the code's.

use redial::Frame;
use redial::config::Limits;
use redial::dialect::{Dialect, RedialV1, Side};
use serde_json::Value;

const PAGE: &str = include_str!("../../../src/redial_v1.md");

/// The frames on the page.
fn frames() -> Vec<&'static str> {
    PAGE.split("```json\n").skip(1).map(|rest| rest.split("\n```").next().expect("a block ends")).collect()
}

#[test]
fn every_frame_on_the_page_is_understood_and_written_as_it_stands_there() {
    let frames = frames();
    assert!(frames.len() >= 14, "{} frames", frames.len());
    let limits = Limits::default();
    for text in frames {
        let frame = Frame::text(text);
        for reader in [Side::Client, Side::Server] {
            let signal =
                RedialV1::default().decode(reader, &frame, &limits).unwrap_or_else(|error| panic!("{text}: {error}"));
            let again = RedialV1::default()
                .encode(reader.other(), &signal.in_frame(&frame))
                .unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(again.as_text(), Some(text));
        }
    }
}

#[test]
fn every_kind_of_frame_and_every_field_stands_on_the_page() {
    for text in frames() {
        let Ok(Value::Object(fields)) = serde_json::from_str(text) else { panic!("{text} is no object") };
        let kind = fields["type"].as_str().expect("a kind");
        assert!(PAGE.matches(&format!("`{kind}`")).count() > 0, "`{kind}` is not explained");
        for name in fields.keys().filter(|name| !matches!(name.as_str(), "type" | "v" | "id" | "code")) {
            let named = PAGE.contains(&format!("`{name}`"));
            let told = matches!(name.as_str(), "reconnect" | "after_ms");
            assert!(named || told, "`{name}` of `{kind}` is not explained");
        }
    }
    for kind in ["hello", "welcome", "refused", "msg", "ack", "ping", "pong", "delivered", "read", "auth", "bye"] {
        let there = frames().iter().any(|text| text.starts_with(&format!(r#"{{"type":"{kind}""#)));
        assert!(there, "there is no example of `{kind}`");
    }
}

#[test]
fn the_close_codes_of_the_page_are_those_of_the_code() {
    let codes: Vec<&str> = PAGE.split("\n| 44").skip(1).map(|rest| &rest[..2]).collect();
    assert_eq!(codes, ["00", "03", "06", "08", "09", "10"]);
}
