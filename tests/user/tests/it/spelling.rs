//! What one end writes the other end reads.

use redial::config::Limits;
use redial::dialect::{Bye, Content, Dialect, Login, Side, Signal, Span};
use redial::error::{Malformed, Unencodable};
use redial::{Duration, Frame, MessageId};
use redial_user::{Talk, names};

fn read(line: &str) -> Result<Signal<Span>, Malformed> {
    Talk::new("lobby").decode(Side::Server, &Frame::text(line.to_owned()), &Limits::default())
}

fn write(signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
    Talk::new("lobby").encode(Side::Client, signal)
}

fn words() -> Vec<Signal<Content<'static>>> {
    let bye = Bye::new(4100).reconnect(false).resume(false).after(Duration::from_millis(1_500));
    vec![
        Signal::heartbeat(),
        Signal::heartbeat_reply(),
        Signal::message(Some("m1".into()), Content::Text("two words")),
        Signal::message(Some(7.into()), Content::Text("")),
        Signal::accepted("m1".into()),
        Signal::rejected(MessageId::from(MessageId::MAX_NUMBER), 13),
        Signal::delivered("m1".into()),
        Signal::read(7.into()),
        Signal::Notice(Content::Text("the lift is out of order")),
        Signal::kick(Content::Text("signed in elsewhere")),
        Signal::bye(bye),
        Signal::Ignored,
    ]
}

#[test]
fn every_signal_that_has_a_word_is_read_as_it_was_written() {
    for signal in words() {
        let frame = write(&signal).expect("there is a word for it");
        let line = frame.as_text().expect("it is text").to_owned();
        let read = read(&line).expect("it is read").in_frame(&frame);
        assert_eq!(read, signal, "{line}");
        assert!(names::signal(&read).is_some(), "{line}");
    }
}

#[test]
fn what_has_no_word_is_refused() {
    let nameless = Signal::message(None, Content::Text("hello"));
    let echo = Signal::echoed("c1".into(), "m1".into(), Content::Text("hello"));
    let challenge = Signal::challenge(None, None);
    let proof = Signal::proof("token".into(), None);
    let counted = Signal::sequenced(1, "m1".into(), Some(Content::Text("hello")));
    for signal in [nameless, echo, challenge, proof, counted, Signal::login_accepted(), Signal::login_refused(1)] {
        assert_eq!(write(&signal), Err(Unencodable::NoWord), "{:?}", names::signal(&signal));
    }
    let binary = Signal::message(Some("m1".into()), Content::Binary(b"hello"));
    assert_eq!(write(&binary), Err(Unencodable::Binary));
    for id in ["", "two words", "#7"] {
        assert_eq!(write(&Signal::accepted(id.into())), Err(Unencodable::Reserved), "{id:?}");
    }
}

#[test]
fn what_is_no_word_is_told_by_its_kind() {
    let long = "x".repeat(129);
    let lines = [
        ("HELLO", "missing"),
        ("", "missing"),
        ("BYE 4000 true", "missing"),
        ("OK ", "bad_id"),
        ("OK #x", "bad_id"),
        ("OK #9007199254740992", "bad_id"),
        (&format!("OK {long}"), "bad_id"),
        ("NO m1", "bad_number"),
        ("BYE 70000 true true 0", "bad_number"),
    ];
    for (line, kind) in lines {
        let error = read(line).expect_err("it is no word");
        assert_eq!(names::malformed(&error), Some(kind), "{line}");
    }
    let talk = Talk::new("lobby");
    let binary = talk.decode(Side::Client, &Frame::Binary(vec![1]), &Limits::default());
    assert_eq!(binary, Err(Malformed::UnexpectedBinary));
    assert_eq!(talk.decode(Side::Client, &Frame::Pong(vec![1]), &Limits::default()), Ok(Signal::Ignored));
}

#[test]
fn the_capabilities_say_what_was_asked_of_them() {
    let capabilities = Talk::new("lobby").capabilities();
    assert!(capabilities.receipts && capabilities.acks && !capabilities.sequenced && !capabilities.early_delivery);
    assert_eq!(capabilities.login, Login::Handshake);
    let mut early = capabilities;
    early.early_delivery = true;
    assert_eq!(early, capabilities.early_delivery());
}
