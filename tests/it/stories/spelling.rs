//! Texts on a wire of JSON: what has to be escaped is, nothing else is, and all of it is read again.

use redial::config::Limits;
use redial::dialect::{Content, MessageSignal, Side, Signal};
use redial::{Body, Frame, MessageId, Preset};
use serde_json::Value;

use crate::support::Story;

/// Longer than any step in which texts are looked at, twice.
const LONG: usize = 75;

/// What `serde_json` reads in the content of a message with this text, and how long the frame is.
fn written(text: &str, id: &str) -> (Frame, Value) {
    let signal = Signal::message(Some(MessageId::from(id)), Content::Text(text));
    let frame = Preset::uni_app().dialect().encode(Side::Client, &signal).expect("texts can be written");
    let value = serde_json::from_str(frame.as_text().expect("a text frame")).expect("it is JSON");
    (frame, value)
}

/// What the other side reads of it.
fn read(frame: &Frame) -> (Option<MessageId>, Body) {
    match Preset::uni_app().dialect().decode(Side::Server, frame, &Limits::default()) {
        Ok(Signal::Message(MessageSignal { id, content: body, .. })) => (id, body.content(frame).to_body()),
        other => panic!("{other:?} of {:?}", frame.as_text()),
    }
}

/// Characters that have to be escaped, characters that differ from those in one bit, and some of more bytes.
fn characters() -> impl Iterator<Item = char> {
    ('\0'..=' ').chain(['!', '"', '#', '[', '\\', ']', '|', '\u{7f}', '\u{a2}', '\u{dc}', '\u{2028}', '\u{1f600}'])
}

#[test]
fn every_character_is_written_and_read_wherever_it_stands_in_a_text() {
    for character in characters() {
        for at in 0..LONG {
            let text = format!("{}{character}{}", "x".repeat(at), "y".repeat(LONG - at));
            let (frame, value) = written(&text, "m1");
            assert_eq!(value["data"]["content"], text, "{character:?} at {at}");
            assert_eq!(read(&frame), (Some(MessageId::from("m1")), Body::from(text)), "{character:?} at {at}");
        }
    }
}

#[test]
fn short_texts_and_ids_of_any_length_are_written_and_read_with_a_character_to_escape_and_without() {
    for length in 1..40 {
        for (at, character) in (0..length).flat_map(|at| [(at, 'x'), (at, '"'), (at, '\\'), (at, '\u{1f}')]) {
            let text: String = (0..length).map(|place| if place == at { character } else { 'x' }).collect();
            let (frame, value) = written(&text, &text);
            assert_eq!(
                (&value["data"]["content"], &value["data"]["clientMessageId"]),
                (&text.clone().into(), &text.clone().into())
            );
            assert_eq!(read(&frame), (Some(MessageId::from(text.as_str())), Body::from(text)));
        }
    }
}

#[test]
fn a_text_without_anything_to_escape_is_written_as_it_is() {
    let plain: String = (' '..='~').filter(|character| !matches!(character, '"' | '\\')).collect();
    let (frame, _) = written(&plain, "m1");
    let expected = format!(r#"{{"key":"message","data":{{"clientMessageId":"m1","content":"{plain}"}}}}"#);
    assert_eq!(frame.as_text(), Some(expected.as_str()));
}

#[test]
fn numbers_are_written_with_all_their_digits() {
    let powers =
        (0..16).flat_map(|exponent| [10_u64.pow(exponent) - 1, 10_u64.pow(exponent), 10_u64.pow(exponent) + 1]);
    for number in powers.chain([MessageId::MAX_NUMBER]).filter(|number| *number <= MessageId::MAX_NUMBER) {
        let signal = Signal::accepted(MessageId::from(number));
        let frame = Preset::uni_app().dialect().encode(Side::Client, &signal).expect("numbers can be written");
        let expected = format!(r#"{{"key":"message_ack","data":{{"messageId":{number}}}}}"#);
        assert_eq!(frame.as_text(), Some(expected.as_str()));
    }
}

#[test]
fn a_content_is_delivered_as_it_came_however_much_of_its_frame_it_is() {
    for (length, padding) in [(0, 0), (10, 0), (1_000, 0), (10, 1_000), (1_000, 1_000)] {
        let (content, padding) = ("x".repeat(length), " ".repeat(padding));
        let mut story = Story::uni_app();
        story.ready();
        story.text(&format!(r#"{{"type":"MESSAGE","messageId":"m1","content":"{content}"{padding}}}"#));
        assert_eq!(story.seen().delivered(), [content]);
    }
}
