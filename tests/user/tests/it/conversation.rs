//! A conversation under settings of which none has its default, in which every action has a name.

use redial::journal::Call;
use redial::{Action, Body, Cause, ConnectionId, Event, Purpose, Seed, State, Status, Timer, TransportError};
use redial_user::{Host, Talk, names, replay, settings};

fn host() -> Host {
    let preset = Talk::new("lobby").preset(settings::all()).expect("the configuration is sound");
    Host::new(preset, Seed::from_bytes([7; 16]))
}

/// Stores whatever is to be stored.
fn store(host: &mut Host) {
    while let Some(version) = host.screen.to_store.take() {
        host.call(Call::Persisted { version });
    }
}

/// Answers the question for a credential.
fn dial(host: &mut Host) -> ConnectionId {
    host.call(Call::Credential { connection: None, value: "fresh".into() });
    host.connection().expect("it was asked for")
}

fn ready(host: &mut Host) -> ConnectionId {
    host.call(Call::Open);
    let connection = dial(host);
    host.event(Event::Opened { connection });
    store(host);
    host.screen.take_lines();
    connection
}

/// Waits until a timer of this kind has come.
fn wait_for(host: &mut Host, timer: Timer) {
    for _ in 0..50 {
        if host.wait().is_some_and(|deadline| deadline.timer == timer) {
            return;
        }
    }
    panic!("the timer {timer} never came");
}

#[test]
fn a_message_is_stored_before_it_is_sent_and_settles_when_it_is_confirmed() {
    let mut host = host();
    let connection = ready(&mut host);
    assert_eq!(host.send("c1", "hello"), None);
    assert_eq!((host.screen.statuses_of("c1"), host.screen.wire.len()), (&[][..], 0));
    store(&mut host);
    assert_eq!(host.screen.take_lines(), ["SAY c1 hello"]);
    host.line(connection, "OK c1");
    assert_eq!(host.screen.statuses_of("c1"), [Status::Queued, Status::Sent, Status::Accepted]);

    host.send("c2", "hello?");
    store(&mut host);
    host.event(Event::SendFailed { connection, purpose: Some(Purpose::Message { id: "c2".into() }) });
    assert_eq!(host.screen.unsent.len(), 1);
    assert_eq!(host.screen.statuses_of("c2").last(), Some(&Status::NotSent));
}

#[test]
fn a_message_that_arrives_waits_for_the_application_and_the_third_for_room() {
    let mut host = host();
    let connection = ready(&mut host);
    for line in ["SAY m1 one", "SAY m2 two", "SAY m3 three"] {
        host.line(connection, line);
        store(&mut host);
    }
    assert_eq!(host.screen.texts(), ["SAY m1 one", "SAY m2 two"], "whole frames");
    assert_eq!(host.screen.deferred, ["m3".into()]);
    assert_eq!(host.call(Call::Acknowledge { id: "m1".into() }), None);
    assert_eq!(host.call(Call::Reject { id: "m2".into() }), None);
    store(&mut host);
    assert_eq!(host.screen.take_lines(), ["OK m1", "NO m2 0"]);
    assert!(host.call(Call::Acknowledge { id: "m1".into() }).is_some());
}

#[test]
fn a_silent_link_is_suspected_then_polled_for_then_closed() {
    let mut host = host();
    let connection = ready(&mut host);
    wait_for(&mut host, Timer::Suspicion);
    assert_eq!(host.screen.suspected, [connection]);
    host.line(connection, "BACK");
    assert_eq!(host.screen.round_trips.last().map(|(of, _)| *of), Some(connection));

    wait_for(&mut host, Timer::Poll);
    assert_eq!(host.screen.polls.first().and_then(|cause| names::poll_cause(*cause)), Some("silence"));
    for _ in 0..50 {
        if host.session().state() == State::Ready {
            host.wait();
        }
    }
    assert!(host.screen.states.contains(&(State::Waiting, Some(Cause::Dead))), "{:?}", host.screen.states);
    assert_eq!(host.screen.closed.last().map(|(of, code, _)| (*of, *code)), Some((connection, Some(4002))));
}

#[test]
fn attempts_that_fail_are_counted_and_the_last_one_is_told() {
    let mut host = host();
    host.call(Call::Open);
    for _ in 0..8 {
        if host.session().state() == State::Stopped {
            break;
        }
        if host.session().state() == State::Connecting {
            let connection = dial(&mut host);
            host.event(Event::errored(connection, TransportError::Refused));
        }
        while host.session().state() == State::Waiting {
            host.wait();
        }
    }
    assert_eq!(host.screen.states.last(), Some(&(State::Stopped, Some(Cause::GaveUp))));
    assert_eq!(host.screen.gave_up, Some(4));
    assert!(!host.screen.planned.is_empty() && !host.screen.polls.is_empty());
}

#[test]
fn what_the_server_says_last_is_shown() {
    let mut host = host();
    let connection = ready(&mut host);
    host.line(connection, "WHAT?");
    assert_eq!(host.screen.malformed.len(), 1);
    host.line(connection, "NEWS the lift is out of order");
    assert_eq!(host.screen.texts(), ["NEWS the lift is out of order"]);
    host.line(connection, "OUT signed in elsewhere");
    assert_eq!(host.screen.kicked.as_ref().and_then(Body::as_text), Some("signed in elsewhere"));
    assert_eq!(host.screen.states.last(), Some(&(State::Stopped, Some(Cause::Kicked))));
}

#[test]
fn a_confirmation_that_comes_after_the_loss_is_told_as_late() {
    let mut host = host();
    let connection = ready(&mut host);
    host.send("c1", "hello");
    store(&mut host);
    host.event(Event::errored(connection, TransportError::Io));
    assert_eq!(host.screen.statuses_of("c1").last(), Some(&Status::Unconfirmed));
    wait_for(&mut host, Timer::Reconnect);
    let connection = dial(&mut host);
    host.event(Event::Opened { connection });
    store(&mut host);
    host.line(connection, "OK c1");
    assert_eq!(host.screen.late, ["c1".into()]);
    host.call(Call::ReconnectNow);
    assert!(!host.screen.dropped.is_empty() || !host.screen.closed.is_empty());
    assert_eq!(host.screen.states.last().map(|(_, cause)| *cause), Some(Some(Cause::Renewed)));
}

#[test]
fn every_action_has_a_name() {
    let mut host = host();
    let mut connection = ready(&mut host);
    host.send("c1", "hello");
    store(&mut host);
    host.line(connection, "SAY m1 one");
    store(&mut host);
    host.event(Event::Online);
    host.line(connection, "BACK");
    host.event(Event::errored(connection, TransportError::Io));
    wait_for(&mut host, Timer::Reconnect);
    connection = dial(&mut host);
    host.event(Event::Opened { connection });
    host.line(connection, "OUT of here");
    assert!(host.screen.unknown.is_empty(), "{:?}", host.screen.unknown);
    let seen = ["alive", "connect", "deliver", "kicked", "need_credential", "persist", "schedule_reconnect", "send"];
    for kind in seen.into_iter().chain(["state", "status"]) {
        assert!(host.screen.kinds.contains_key(kind) && Action::KINDS.contains(&kind), "no action was a {kind}");
    }
    let actions = host.answers.iter().filter_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).expect("it is JSON");
        serde_json::from_value::<Action>(line.get("action")?.clone()).ok()
    });
    for action in actions {
        assert_eq!(names::action(&action), Some(action.kind()));
        if let Action::Send { purpose, .. } = &action {
            assert!(names::purpose(purpose).is_some());
        }
    }
    assert_eq!(replay(&host.journal).expect("the header names this dialect"), host.answers);
}
