//! Every reason why `send` takes nothing can be met and told apart.

use redial::config::{Limit, WhileDown};
use redial::{Config, ConnectionId, Duration, Event, Instant, Outgoing, Seed, SendError, Session};
use redial_user::{Talk, names};

const NOW: Instant = Instant::ORIGIN;

fn session(change: impl FnOnce(&mut Config)) -> Session {
    let preset = Talk::new("lobby").preset(Config::default()).and_then(|preset| preset.configure(change));
    Session::new(preset.expect("the configuration is sound"), Seed::from_bytes([7; 16]))
}

fn refusal(session: &mut Session, message: impl Into<Outgoing>) -> Option<&'static str> {
    names::send_error(&session.send(NOW, message).expect_err("it is refused"))
}

#[test]
fn a_message_is_refused_for_what_it_is() {
    let mut session = session(|config| config.limits.message_bytes = Limit::new(5));
    assert_eq!(refusal(&mut session, "six by"), Some("too_large"));
    assert_eq!(refusal(&mut session, vec![1, 2]), Some("binary"));
    assert_eq!(refusal(&mut session, Outgoing::from("hello").id("two words")), Some("reserved"));
    assert_eq!(refusal(&mut session, Outgoing::from("hello").id("")), Some("bad_id"));
    assert!(session.send(NOW, Outgoing::from("hello").id("c1").once()).is_ok());
    assert_eq!(refusal(&mut session, Outgoing::from("again").id("c1")), Some("duplicate_id"));
    assert_eq!(session.unsettled(), 1);
}

#[test]
fn a_message_is_refused_for_want_of_room() {
    let mut few = session(|config| config.outbox.messages = Limit::new(1));
    assert!(few.send(NOW, "hello").is_ok());
    assert_eq!(few.send(NOW, "hello"), Err(SendError::Full { limit: 1 }));
    assert_eq!(refusal(&mut few, "hello"), Some("full"));
    let mut small = session(|config| config.outbox.bytes = Limit::new(8));
    assert!(small.send(NOW, "hello").is_ok());
    assert_eq!(refusal(&mut small, "hello"), Some("full_bytes"));
}

#[test]
fn a_message_is_refused_for_the_time_it_comes() {
    let mut session = session(|config| config.outbox.while_down = WhileDown::Refuse);
    session.credential(NOW, "token");
    session.open(NOW);
    assert_eq!(refusal(&mut session, "too early"), Some("not_ready"));
    session.handle(NOW, Event::Opened { connection: ConnectionId::new(1) });
    assert!(session.send(NOW, "in time").is_ok());
    assert_eq!(session.drain(NOW, Duration::from_secs(1)), Ok(()));
    assert_eq!(refusal(&mut session, "too late"), Some("draining"));
    session.close(NOW);
    session.handle(NOW, Event::Closed { connection: ConnectionId::new(1), code: None, reason: String::new() });
    assert_eq!(refusal(&mut session, "much too late"), Some("stopped"));
    assert_eq!(session.stats().refused, 3);
}
