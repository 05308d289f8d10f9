//! The safety floor, attempts with slots, and the last attempt.

use redial::config::{Backoff, CredentialSource, FirstDelay, Jitter, Limit, MeasuredFrom, PeerPolicy, Rate, Suspicion};
use redial::dialect::Login;
use redial::journal::Call;
use redial::services::Service;
use redial::{
    Action, Cause, Config, ConnectionId, CredentialFailure, Duration, Event, Frame, Instant, Outgoing, Peer, Preset,
    Seed, Session, State, Timer, TransportError,
};
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
        story.call(Call::ReconnectNow).expect("it is open");
        assert_eq!(story.wait_for_connect(), 5_000, "asking for another one does not get around it");
    }
    story.closed(None);
    let connects = story.connects.len();
    story.open();
    assert_eq!(story.connects.len(), connects, "nor does `open` while it waits");
    assert_eq!(story.wait_for_connect(), 5_000);
    story.close().open();
    assert_eq!(story.connects.len(), connects + 2, "the user's `open` of a session that was closed is exempt");
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

/// The places of all times in a tree of settings.
fn times(settings: &Value, at: &str, found: &mut Vec<String>) {
    for (name, setting) in settings.as_object().into_iter().flatten() {
        times(setting, &format!("{at}/{name}"), found);
        if name.ends_with("_ms") {
            found.push(format!("{at}/{name}"));
        }
    }
}

/// A configuration in which every time is there.
fn timed() -> Config {
    let second = Duration::from_secs(1);
    let mut config = Config::default();
    config.heartbeat.suspicion = Some(Suspicion::default());
    config.outbox.time_to_live = Some(second);
    config.outbox.dedup_window = Some(second);
    config.outbox.rate = Some(Rate::new(1, second));
    config.fallback.loop_time = Some(second);
    config
}

/// Plays everything that may happen, and counts what comes: one input begins one attempt at most, does a bounded amount
/// of work, and leaves a deadline behind itself.
fn moves(preset: Preset, what: &str) {
    let mut session = Session::new(preset, Seed::from(1_u64));
    let (mut connection, mut frames) = (ConnectionId::new(1), 0);
    for round in 0..60_usize {
        let now = session.now();
        let call = |call: Call| Err(call);
        let inputs = [
            call(Call::Open),
            call(Call::Credential { connection: None, value: "token".into() }),
            Ok(Event::Opened { connection }),
            Ok(Event::FrameIn { connection, frame: Frame::text("hello") }),
            call(Call::from(Outgoing::from("hello"))),
            Ok(Event::Written { connection, frames }),
            Ok(Event::Arriving { connection }),
            Ok(Event::Online),
            Ok(Event::Woke { asleep: Duration::from_secs(1) }),
            Ok(Event::Tick),
            call(Call::ReconnectNow),
            Ok(Event::errored(connection, TransportError::Unauthorized)),
            call(Call::CredentialFailed { connection: None, why: CredentialFailure::Unavailable }),
            Ok(Event::Closed { connection, code: Some(1009), reason: String::new() }),
            call(Call::Drain { within: Duration::ZERO }),
            call(Call::Close { code: None, reason: String::new() }),
        ];
        // Each round leaves out what would end it early, so that every input meets every phase.
        for input in inputs.into_iter().skip(round % 3).step_by(1 + round % 5) {
            match input {
                Ok(event) => session.handle(now, event),
                Err(call) => drop(call.make(&mut session, now)),
            }
            let (mut actions, mut attempts) = (0, 0);
            while let Some(action) = session.poll_action() {
                actions += 1;
                match action {
                    Action::Connect { connection: named, .. } => {
                        (attempts, connection, frames) = (attempts + 1, named, 0);
                    }
                    Action::NeedCredential { challenge: None, .. } => attempts += 1,
                    Action::Send { .. } => frames += 1,
                    _ => {}
                }
            }
            assert!(attempts <= 1 && actions < 40, "{what}: {attempts} attempts, {actions} actions in one input");
            let deadline = session.next_deadline();
            assert!(deadline.is_none_or(|deadline| deadline.at > session.now()), "{what}: {deadline:?} stays");
        }
        if let Some(deadline) = session.next_deadline().filter(|deadline| deadline.at < Instant::from_millis(1 << 50)) {
            session.handle(deadline.at, Event::Tick);
        }
        while session.poll_action().is_some() {}
    }
}

#[test]
fn every_time_at_zero_and_at_its_end_leaves_every_input_short_and_its_deadline_behind() {
    let tree = serde_json::to_value(timed()).expect("a configuration is JSON");
    let mut places = Vec::new();
    times(&tree, "", &mut places);
    assert!(places.len() > 20, "{places:?}");
    for service in Service::all() {
        let sample = || service.sample().expect("its sample works");
        let sources = [CredentialSource::Held, CredentialSource::Asked];
        let asks = sample().dialect().capabilities().login != Login::None;
        for source in sources.into_iter().take(1 + usize::from(asks)) {
            for value in [0, u64::MAX] {
                let mut all = tree.clone();
                for place in &places {
                    let mut one = tree.clone();
                    *one.pointer_mut(place).expect("it is there") = json!(value);
                    *all.pointer_mut(place).expect("it is there") = json!(value);
                    for (settings, what) in [(one, place.as_str()), (all.clone(), "all up to there")] {
                        let mut config: Config = serde_json::from_value(settings).expect("it has the shape");
                        config.authentication.credential = source;
                        let Ok(preset) = sample().with_config(config) else { continue };
                        moves(preset, &format!("{} with {place} at {value}, {what}", service.name));
                    }
                }
            }
        }
    }
}

#[test]
fn a_token_server_that_fails_at_once_is_not_asked_a_thousand_times() {
    let mut config = Config::default();
    impatient(&mut config);
    config.authentication.credential = CredentialSource::Asked;
    config.authentication.timeout = Some(Duration::ZERO);
    for gives in [false, true] {
        let mut session = Session::new(Preset::native().with_config(config.clone()).expect("sound"), Seed::from(1_u64));
        session.open(Instant::ORIGIN);
        let (mut asked, mut now) = (0, Instant::ORIGIN);
        while now < Instant::from_millis(10_000) {
            while let Some(action) = session.poll_action() {
                match action {
                    Action::NeedCredential { connection, .. } => {
                        asked += 1;
                        if gives {
                            session.credential_for(now, connection, "token");
                        } else {
                            session.credential_failed_for(now, connection, CredentialFailure::Unavailable);
                        }
                    }
                    Action::Connect { connection, .. } => {
                        session.handle(now, Event::errored(connection, TransportError::Refused));
                    }
                    _ => {}
                }
            }
            let deadline = session.next_deadline().expect("it waits").at;
            assert!(deadline > now);
            now = deadline;
            session.handle(now, Event::Tick);
        }
        // 0, 250, 750, 1750, 3750, 7750 ms: the safety floor.
        assert_eq!(asked, 6, "it gives: {gives}");
    }
}
