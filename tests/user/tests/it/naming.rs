//! Every variant has a name.

use redial::dialect::{AckCarrier, NotResumed, Side, Signal};
use redial::error::JsonProblem;
use redial::{
    Cause, ConnectionId, CredentialFailure, Duration, Event, Frame, HostProfile, PollCause, Purpose, State, Status,
    Timer, TransportError,
};
use redial_user::names;
use serde_json::{Value, json};

fn written(value: impl Into<Value>) -> Option<String> {
    value.into().as_str().map(str::to_owned)
}

#[test]
fn an_event_has_the_name_that_the_journal_writes() {
    let connection = ConnectionId::new(1);
    let events = [
        Event::Opened { connection },
        Event::FrameIn { connection, frame: Frame::text("BEAT") },
        Event::Tick,
        Event::SendFailed { connection, purpose: Some(Purpose::Heartbeat) },
        Event::errored(connection, TransportError::Io),
        Event::Closed { connection, code: None, reason: String::new() },
        Event::Host { profile: HostProfile::new().without_pings() },
        Event::Online,
        Event::Offline,
        Event::Woke { asleep: Duration::from_secs(60) },
    ];
    for event in events {
        assert_eq!(names::event(&event), Some(event.kind()));
        assert!(Event::KINDS.contains(&event.kind()));
        assert!(event.connection().is_none_or(|of| of == connection));
    }
}

#[test]
fn a_cause_has_the_name_that_the_journal_writes() {
    for cause in names::CAUSES {
        let written = written(serde_json::to_value(cause).expect("it is JSON"));
        assert_eq!(names::cause(cause), written.as_deref(), "{cause}");
    }
}

#[test]
fn a_phase_and_a_status_have_the_names_that_the_journal_writes() {
    let states = [
        State::Idle,
        State::Connecting,
        State::Authenticating,
        State::Ready,
        State::Closing,
        State::Waiting,
        State::Stopped,
    ];
    for state in states {
        assert_eq!(names::state(state), Some(state.to_string().as_str()));
    }
    let statuses = [
        Status::Queued,
        Status::Sent,
        Status::Accepted,
        Status::Delivered,
        Status::Read,
        Status::Rejected { code: 13 },
        Status::NotSent,
        Status::Unconfirmed,
        Status::Cancelled,
    ];
    for status in statuses {
        let form = serde_json::to_value(status).expect("it is JSON");
        assert_eq!(names::status(status), form["status"].as_str());
    }
}

#[test]
fn the_reasons_that_a_host_gives_have_the_names_that_the_journal_reads() {
    for error in TransportError::ALL {
        assert_eq!(names::transport_error(error), json!(error).as_str());
    }
    for name in ["refused", "expired", "unavailable"] {
        let failure: CredentialFailure = serde_json::from_value(json!(name)).expect("it is one");
        assert_eq!(names::credential_failure(failure), Some(name));
    }
    for name in ["silence", "down", "push"] {
        let cause: PollCause = serde_json::from_value(json!(name)).expect("it is one");
        assert_eq!(names::poll_cause(cause), Some(name));
    }
}

#[test]
fn what_a_counted_session_says_has_a_name() {
    for name in ["expired", "unknown", "restarted", "account", "version"] {
        let why: NotResumed = serde_json::from_value(json!(name)).expect("it is one");
        assert_eq!(names::not_resumed(why), Some(name));
    }
    let carried = [AckCarrier::Alone, AckCarrier::Heartbeat, AckCarrier::HeartbeatReply]
        .map(|carrier| names::signal(&Signal::<()>::cumulative_ack(1, Vec::new(), carrier)));
    assert!(carried.iter().all(|name| name.is_some_and(|(family, _)| family == "sequence")));
    assert_ne!(carried[0], carried[1]);
    for side in [Side::Client, Side::Server] {
        assert_eq!(written(serde_json::to_value(side).expect("it is JSON")).as_deref(), Some(names::side(side)));
        assert_ne!(names::side(side), names::side(side.other()));
    }
    for problem in [JsonProblem::Syntax, JsonProblem::Truncated, JsonProblem::Shape] {
        let written = written(serde_json::to_value(problem).expect("it is JSON"));
        assert_eq!(written.as_deref(), names::json_problem(problem));
    }
}

#[test]
fn a_timer_has_a_name() {
    let named = Timer::ALL.into_iter().filter_map(names::timer);
    assert!(named.count() >= 15);
    assert_eq!(names::timer(Timer::GiveUp), Some("give_up"));
    assert_eq!(names::cause(Cause::AckAboveSent), Some("ack_above_sent"));
}
