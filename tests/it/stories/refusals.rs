//! Each way in which `send` takes nothing.

use redial::config::{Limit, WhileDown};
use redial::error::{MarkReadError, ResendError, Unencodable};
use redial::journal::{Call, CallError};
use redial::{Config, MessageId, SendError};

use crate::support::Story;

fn small() -> Story {
    Story::uni_app_with(|config: &mut Config| {
        config.outbox.messages = Limit::new(2);
        config.outbox.bytes = Limit::new(10);
        config.limits.message_bytes = Limit::new(8);
        config.limits.id_bytes = Limit::new(33);
    })
}

fn send_id(story: &mut Story, id: impl Into<MessageId>) -> Result<(), SendError> {
    let call = Call::Send { body: "x".into(), id: Some(id.into()), time_to_live: None, once: false };
    match story.call(call) {
        Ok(_) => Ok(()),
        Err(CallError::Send(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_stopped_session_takes_nothing() {
    let mut story = small();
    story.open().close();
    assert_eq!(story.try_send("x"), Err(SendError::Stopped));
    story.ready().close();
    assert_eq!(story.try_send("x"), Err(SendError::Stopped), "nor does one that closes");
}

#[test]
fn without_a_queue_nothing_is_taken_while_the_connection_is_down() {
    let mut story = Story::plain_with(|config| config.outbox.while_down = WhileDown::Refuse);
    assert_eq!(story.try_send("x"), Err(SendError::NotReady));
    story.ready();
    story.hold();
    let id = story.send("held");
    story.closed(None);
    assert_eq!(story.session.status(&id), Some(redial::Status::NotSent));
    assert_eq!(story.try_send("x"), Err(SendError::NotReady));
    assert_eq!(story.call(Call::Resend { id }), Err(ResendError::NotReady.into()));
}

#[test]
fn a_full_outbox_says_so_by_count_and_by_bytes() {
    let mut story = small();
    story.send("12345678");
    assert_eq!(story.try_send("123"), Err(SendError::FullBytes { limit: 10 }));
    story.send("12");
    assert_eq!(story.try_send(""), Err(SendError::Full { limit: 2 }));
    assert_eq!(story.session.unsettled(), 2, "nothing was pushed out for something new");
    assert_eq!(story.session.stats().refused, 2);
}

#[test]
fn a_body_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
    let mut story = small();
    assert_eq!(story.try_send("123456789"), Err(SendError::TooLarge { bytes: 9, limit: 8 }));
    assert!(story.try_send("12345678").is_ok());
}

#[test]
fn an_id_is_used_once_and_has_its_length() {
    let mut story = small();
    assert_eq!(send_id(&mut story, ""), Err(SendError::BadId { limit: 33 }));
    assert_eq!(send_id(&mut story, "i".repeat(34)), Err(SendError::BadId { limit: 33 }));
    assert_eq!(send_id(&mut story, MessageId::MAX_NUMBER + 1), Err(SendError::BadId { limit: 33 }));
    assert_eq!(send_id(&mut story, "1234"), Ok(()));
    assert_eq!(send_id(&mut story, "1234"), Err(SendError::DuplicateId));
    assert_eq!(send_id(&mut story, MessageId::MAX_NUMBER), Ok(()));
    story.ready().close();
    story.open();
    assert_eq!(send_id(&mut story, "1234"), Err(SendError::DuplicateId), "it was settled lately");
}

#[test]
fn an_id_of_the_sessions_own_making_is_not_the_callers_to_give() {
    let mut story = Story::plain();
    let own = story.send("own").to_string();
    let next = own.replace("-0", "-1");
    assert_ne!(own, next);
    assert_eq!(send_id(&mut story, next), Err(SendError::DuplicateId));
}

#[test]
fn a_body_that_the_dialect_cannot_carry_is_refused_not_taken() {
    let mut story = small();
    let call = Call::Send { body: vec![0_u8].into(), id: None, time_to_live: None, once: false };
    assert_eq!(story.call(call), Err(SendError::Unencodable(Unencodable::Binary).into()));
    let mut plain = redial::dialect::Plain::default();
    plain.heartbeats = redial::dialect::HeartbeatFrame::Text { heartbeat: "ping".into(), reply: "pong".into() };
    let mut story = Story::new(redial::Preset::new(plain, Config::default()).expect("it is sound"));
    for reserved in ["ping", "pong"] {
        assert_eq!(story.try_send(reserved), Err(SendError::Unencodable(Unencodable::Reserved)));
    }
    assert!(story.try_send("pingpong").is_ok());
    assert_eq!(story.session.unsettled(), 1);
}

#[test]
fn a_draining_session_takes_nothing_new() {
    let mut story = small();
    story.open();
    story.send("x");
    story.drain_within(1_000);
    assert_eq!(story.try_send("y"), Err(SendError::Draining));
    assert_eq!(story.call(Call::Resend { id: "x".into() }), Err(ResendError::Draining.into()));
}

#[test]
fn a_resend_needs_room_like_a_send() {
    let mut story = small();
    story.open();
    let id = story.send("x");
    story.call(Call::Cancel { id: id.clone() }).expect("it was never sent");
    story.send("y");
    story.send("z");
    assert_eq!(story.call(Call::Resend { id }), Err(ResendError::Full.into()));
}

#[test]
fn a_dialect_without_read_receipts_says_so() {
    let mut story = Story::plain();
    story.ready();
    assert_eq!(
        story.call(Call::MarkRead { id: "m1".into(), conversation: String::new() }),
        Err(MarkReadError::NoWord.into())
    );
}
