//! The safety floor, attempts with slots, and the last attempt.

use redial::config::{Backoff, CredentialSource, FirstDelay, Jitter, Limit, MeasuredFrom, PeerPolicy, Suspicion};
use redial::services::Service;
use redial::{Action, Cause, Config, Duration, Event, Instant, Peer, Seed, Session, State, Timer, TransportError};
use serde_json::{Value, json};

use crate::support::Story;

fn impatient(story: &mut Config) {
    let zero = Duration::ZERO;
    story.reconnect.first = FirstDelay::all(zero);
    story.reconnect.again = Backoff::constant(zero);
    story.reconnect.jitter = Jitter::None;
}

#[test]
fn a_configuration_without_any_delay_still_keeps_to_the_safety_floor() {
    let mut story = Story::plain_with(impatient);
    story.open();
    for floor in [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000] {
        assert_eq!(story.opened().closed(None).wait_for_connect(), floor);
    }
    for _ in 0..5 {
        story.opened();
        story.call(redial::journal::Call::ReconnectNow).expect("it is open");
        assert_eq!(story.wait_for_connect(), 5_000, "asking for another one does not get around it");
    }
    story.closed(None);
    let connects = story.connects.len();
    story.open();
    assert_eq!(story.connects.len(), connects + 1, "the user's own `open` is exempt");
}

#[test]
fn after_its_last_attempt_the_session_gives_up() {
    let mut story = Story::plain_with(|config| config.reconnect.max = Some(2));
    story.open();
    story.send("unsent");
    for _ in 0..2 {
        story.errored(TransportError::Refused).wait_for_connect();
    }
    story.seen();
    story.errored(TransportError::Refused);
    let seen = story.seen();
    assert!(seen.all().contains(&Action::GaveUp { attempts: 3 }), "{seen:?}");
    assert_eq!((story.state(), story.connects.len()), (State::Stopped, 3));
    assert_eq!(story.session.explain().cause, Some(Cause::GaveUp));
    story.open();
    assert_eq!(story.state(), State::Connecting, "`open` begins anew");
}

#[test]
fn where_attempts_have_slots_giving_up_waits_for_its_slot() {
    let mut story = Story::plain_with(|config| {
        impatient(config);
        config.reconnect.again.base = Duration::from_secs(6);
        config.reconnect.from = MeasuredFrom::Attempt;
        config.reconnect.max = Some(1);
    });
    story.open().errored(TransportError::Refused);
    assert_eq!(story.wait_for_connect(), 250);
    story.wait(1_000).errored(TransportError::Refused).seen();
    assert_eq!(story.state(), State::Waiting);
    assert_eq!(
        story.deadline().map(|deadline| (deadline.at.as_millis(), deadline.timer)),
        Some((6_250, Timer::GiveUp))
    );
    story.wait(4_999);
    assert!(story.seen().is_empty());
    story.wait(1);
    assert_eq!(story.seen().all()[0], Action::GaveUp { attempts: 2 });
}

#[test]
fn attempts_with_slots_are_measured_from_the_attempt() {
    let mut story = Story::plain_with(|config| {
        impatient(config);
        config.reconnect.again.base = Duration::from_secs(6);
        config.reconnect.from = MeasuredFrom::Attempt;
    });
    story.open().errored(TransportError::Refused).wait_for_connect();
    story.wait(1_500).errored(TransportError::Refused);
    assert_eq!(story.wait_for_connect(), 4_500);
    story.wait(9_000).errored(TransportError::Refused);
    assert_eq!(story.state(), State::Connecting, "a slot that has passed is now");
}

#[test]
fn a_stable_connection_sets_the_safety_floor_back() {
    let mut story = Story::plain_with(impatient);
    story.open();
    for _ in 0..7 {
        story.opened().closed(None).wait_for_connect();
    }
    story.opened().text("hello").wait(30_000).closed(None);
    assert_eq!(story.state(), State::Connecting, "its floor has long passed");
    assert_eq!(story.opened().closed(None).wait_for_connect(), 250);
}

#[test]
fn what_is_settled_makes_room() {
    let mut story = Story::plain_with(|config| {
        config.outbox.messages = Limit::new(1);
        config.outbox.bytes = Limit::new(10);
    });
    story.ready();
    for _ in 0..5 {
        story.send("0123456789");
    }
    assert_eq!(story.seen().messages().len(), 5);
}

/// Sets every time in a tree of settings to zero.
fn without_times(settings: &mut Value) {
    for (name, setting) in settings.as_object_mut().into_iter().flatten() {
        match setting {
            Value::Object(_) => without_times(setting),
            _ if name.ends_with("_ms") => *setting = json!(0),
            _ => {}
        }
    }
}

#[test]
fn no_time_of_zero_makes_an_input_that_never_ends_or_a_deadline_that_stays() {
    let sources = [CredentialSource::Optional, CredentialSource::Asked];
    for (service, credential) in Service::all().iter().flat_map(|service| sources.map(|source| (service, source))) {
        let mut config = serde_json::to_value(Config::default()).expect("a configuration is JSON");
        without_times(&mut config);
        let mut config: Config = serde_json::from_value(config).expect("it has the shape of a configuration");
        config.authentication.credential = credential;
        config.authentication.timeout = Some(Duration::ZERO);
        config.reconnect.attempt_timeout = Some(Duration::ZERO);
        config.reconnect.max = None;
        config.heartbeat.suspicion = Some(Suspicion::default());
        config.outbox.time_to_live = Some(Duration::ZERO);
        config.fallback.loop_time = Some(Duration::ZERO);
        for (opens, given) in [(false, false), (true, false), (true, true)] {
            let Ok(preset) = service.sample().expect("its sample works").with_config(config.clone()) else { continue };
            let mut session = Session::new(preset, Seed::from(1_u64));
            session.open(Instant::ORIGIN);
            let mut waited = 0_u64;
            for _ in 0..300 {
                while let Some(action) = session.poll_action() {
                    match action {
                        Action::Connect { connection, .. } if opens => {
                            session.handle(session.now(), Event::Opened { connection });
                        }
                        Action::NeedCredential { .. } if given => session.credential(session.now(), "token"),
                        _ => {}
                    }
                }
                let _ = session.send(session.now(), "hello");
                let Some(deadline) = session.next_deadline() else { break };
                assert!(deadline.at > session.now(), "{}: {deadline:?} stays", service.name);
                session.handle(deadline.at, Event::Tick);
                waited += 1;
            }
            assert!(waited > 2, "{}: {}", service.name, session.explain());
        }
        let policy = serde_json::from_value(
            json!({"push_again_ms": 0, "silence_ms": 0, "lifetime_ms": 0, "dedup_ms": 0, "heartbeat_ms": 0}),
        );
        let policy: PeerPolicy = policy.expect("it has the shape of a policy");
        let mut config = config.clone();
        config.authentication.credential = CredentialSource::Optional;
        config.limits.frame_bytes = Config::default().limits.frame_bytes;
        let preset = service.sample().expect("its sample works").with_config(config).expect("it is sound");
        let mut peer = Peer::new(preset, policy, Seed::from(1_u64));
        let mut now = Instant::ORIGIN;
        for _ in 0..300 {
            if peer.next_deadline().is_none() {
                peer.accept(now);
            }
            let _ = peer.push(now, "hello");
            while peer.poll_action().is_some() {}
            let Some(deadline) = peer.next_deadline() else { continue };
            assert!(deadline.at > now, "{}: a peer's {deadline:?} stays", service.name);
            now = deadline.at;
            peer.handle(now, Event::Tick);
        }
    }
}
