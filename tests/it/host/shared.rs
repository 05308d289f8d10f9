//! What loop and application share: one lock, one clock, and nobody forgotten.

use std::time::Duration as Span;

use redial::config::Limit;
use redial::host::{Host, HostClock, JournalWriter, RecordedSession, Turn, WaitFor};
use redial::journal::{Call, CallError};
use redial::{Action, Event, MessageId, Preset, Seed, SendError, Session, State, Status};
use std::sync::mpsc::channel;

type Told = Vec<(&'static str, Status)>;

fn host(preset: Preset) -> Host<&'static str> {
    let mut host = Host::new(Session::new(preset, Seed::from(7_u64)), HostClock::new());
    host.read_clocks(Span::ZERO, Some(Span::from_secs(1_000)));
    host.call(Call::Open).expect("it opens");
    host
}

/// Takes all actions and opens what is asked for.
fn run(host: &mut Host<&'static str>) -> Told {
    let mut told = Told::new();
    while let Some(action) = host.poll_action(&mut told) {
        if let Action::Connect { connection, .. } = action {
            host.handle(Event::Opened { connection });
        }
    }
    told
}

#[test]
fn sleep_is_told_before_anything_else_and_stands_in_the_journal() {
    let (lines, journal) = channel();
    let writer = JournalWriter::new(move |line| lines.send(line.to_owned()).is_ok());
    let session = RecordedSession::new(Preset::plain(), Seed::from(7_u64), Some(writer));
    let mut host: Host<()> = Host::new(session, HostClock::new());
    host.read_clocks(Span::from_secs(1), Some(Span::from_secs(1_000)));
    host.read_clocks(Span::from_secs(2), Some(Span::from_secs(1_601)));
    host.handle(Event::Tick);
    let lines: Vec<String> = journal.try_iter().skip(1).collect();
    let woke = r#"{"now_ms":2000,"event":{"type":"woke","asleep_ms":600000}}"#;
    assert_eq!(lines, [woke, r#"{"now_ms":2000,"event":{"type":"tick"}}"#]);
}

#[test]
fn whoever_sends_is_told_the_outcome() {
    let mut host = host(Preset::plain());
    host.send("one", Some("first")).expect("room");
    host.send("two", None).expect("room");
    assert_eq!(run(&mut host), [("first", Status::Sent)]);
}

#[test]
fn a_message_that_is_refused_has_no_waiter() {
    let mut host = host(Preset::plain());
    let message = || redial::Outgoing::from("one").id("m1");
    host.send(message(), Some("first")).expect("room");
    assert_eq!(host.send(message(), Some("second")), Err(SendError::DuplicateId));
    assert_eq!(host.finish(), [("first", Status::Unconfirmed)]);
}

#[test]
fn whoever_asks_late_is_told_at_once_and_nobody_is_replaced() {
    let mut host = host(Preset::plain());
    let id = host.send("one", Some("first")).expect("room").id().clone();
    let second = host.wait(&id, WaitFor::Outcome, "second").expect("it waits beside the first");
    host.wait(&id, WaitFor::Outcome, "third").expect("and so does this one");
    assert_eq!(host.forget(&second), Some("second"));
    assert_eq!(run(&mut host), [("first", Status::Sent), ("third", Status::Sent)]);
    assert_eq!(host.wait(&id, WaitFor::Outcome, "fourth"), Err(("fourth", Some(Status::Sent))));
    let unknown = MessageId::from("m9");
    assert_eq!(host.wait(&unknown, WaitFor::Read, "fifth"), Err(("fifth", None)));
    host.wait(&id, WaitFor::Read, "sixth").expect("the mark may come");
    assert_eq!(host.finish(), [("sixth", Status::Sent)], "its outcome had come");
}

#[test]
fn a_wait_for_which_there_is_no_room_is_told_no_wrong_status() {
    let mut host = host(Preset::plain());
    let id = host.send("one", None).expect("room").id().clone();
    run(&mut host);
    for _ in 0..redial::host::Waiters::<()>::MOST {
        host.wait(&id, WaitFor::Read, "waits").expect("room");
    }
    assert_eq!(host.wait(&id, WaitFor::Read, "too many"), Err(("too many", Some(Status::Sent))));
}

#[test]
fn an_id_that_is_used_again_belongs_to_the_later_message() {
    let preset = Preset::plain().configure(|config| config.outbox.remembered = Limit::new(1)).expect("it is sound");
    let mut host = host(preset);
    let message = |name: &str| redial::Outgoing::from("one").id(name);
    let first = host.send(message("m1"), Some("first")).expect("room");
    assert_eq!(run(&mut host), [("first", Status::Sent)]);
    host.wait(first.id(), WaitFor::Read, "the screen").expect("the mark may come");
    host.send(message("m2"), None).expect("room");
    assert_eq!(run(&mut host), []);
    // The session has forgotten the first message, whose mark can no longer come.
    assert_eq!(host.wait(first.id(), WaitFor::Read, "late"), Err(("late", None)));
    host.send(message("m1"), Some("second")).expect("the id is free again");
    assert_eq!(host.forget(&first), None, "the ticket of the first message");
    assert_eq!(run(&mut host), [("the screen", Status::Sent), ("second", Status::Sent)]);
}

#[test]
fn a_message_that_is_taken_back_tells_all_who_wait() {
    let mut host = host(Preset::plain());
    host.call(Call::Hold).expect("it is open");
    let id = host.send("one", Some("the sender")).expect("room").id().clone();
    host.wait(&id, WaitFor::Read, "the screen").expect("room");
    host.call(Call::Cancel { id }).expect("it was not sent");
    assert_eq!(run(&mut host), ["the sender", "the screen"].map(|name| (name, Status::Cancelled)));
}

#[test]
fn after_the_end_of_the_loop_every_call_says_so() {
    let mut host = host(Preset::plain());
    let id = host.send("one", Some("first")).expect("room").id().clone();
    assert_eq!(host.finish(), [("first", Status::Unconfirmed)]);
    assert_eq!(host.send("two", Some("second")), Err(SendError::Stopped));
    assert!(matches!(host.call(Call::Open), Err(CallError::NotOpen(_))));
    assert_eq!(host.wait(&id, WaitFor::Outcome, "third"), Err(("third", Some(Status::Unconfirmed))));
}

#[test]
fn the_loop_returns_once_the_application_is_gone_and_the_session_has_stopped() {
    let mut host = host(Preset::plain());
    run(&mut host);
    assert!(matches!(host.turn(true), Turn::Wait { until: Some(_) }));
    host.close();
    let mut told = Told::new();
    while let Some(action) = host.poll_action(&mut told) {
        if let Action::Close { connection, code, reason } = action {
            host.handle(Event::Closed { connection, code, reason });
        }
    }
    assert_eq!(host.session().state(), State::Stopped);
    let linger = host.clock().now() + redial::host::Ending::LINGER;
    assert_eq!(host.turn(true), Turn::Wait { until: Some(linger) });
    assert_eq!(host.turn(false), Turn::Return);
}

#[test]
fn a_session_that_was_closed_by_a_call_can_be_opened_again() {
    let mut host = host(Preset::plain());
    host.call(Call::Close { code: None, reason: String::new() }).expect("it closes");
    run(&mut host);
    assert_eq!(host.turn(false), Turn::Wait { until: None }, "whoever holds the host may open it");
    host.call(Call::Open).expect("it opens");
    assert_ne!(host.session().state(), State::Stopped);
}
