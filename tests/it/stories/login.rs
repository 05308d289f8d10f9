//! Credentials: asked for, late, refused, expired, not to be had.

use redial::config::{Backoff, CredentialSource, FirstDelay, Unauthorized};
use redial::journal::Call;
use redial::{Action, Cause, CredentialFailure, Duration, Preset, State, Status, Timer, TransportError};

use crate::support::{Seen, Story};

fn asking() -> Story {
    let mut config = redial::Config::default();
    config.authentication.credential = CredentialSource::Asked;
    Story::new(Preset::uni_app().with_config(config).expect("it is sound"))
}

fn fail(story: &mut Story, why: CredentialFailure) {
    story.call(Call::CredentialFailed { connection: None, why }).expect("it cannot be refused");
}

/// What the dials of a story carry in their URLs.
fn queries(seen: &Seen) -> Vec<String> {
    let query = |action: &Action| match action {
        Action::Connect { handshake, .. } => Some(handshake.query.clone().unwrap_or_default()),
        _ => None,
    };
    seen.all().iter().filter_map(query).collect()
}

fn questions(story: &mut Story) -> usize {
    story.seen().count(|action| matches!(action, Action::NeedCredential { .. }))
}

#[test]
fn a_token_is_asked_for_before_each_attempt_and_travels_in_its_url() {
    let mut story = asking();
    story.open();
    for token in ["first", "second"] {
        assert_eq!(questions(&mut story), 1);
        assert_eq!(story.state(), State::Connecting);
        story.credential(token);
        let query = format!("token={token}");
        let seen = story.seen();
        let carried = |action: &Action| matches!(action, Action::Connect { handshake, .. } if handshake.query.as_ref() == Some(&query));
        assert_eq!(seen.count(carried), 1);
        story.opened().closed(None).wait(500);
    }
}

#[test]
fn a_credential_that_is_held_answers_in_the_same_input() {
    let mut story = Story::uni_app();
    story.open();
    let seen = story.seen();
    assert_eq!((seen.connects(), seen.states()), (1, vec![State::Connecting]));
}

#[test]
fn a_late_credential_is_a_failed_attempt_and_serves_nobody_who_asks_anew() {
    let mut story = asking();
    story.open();
    assert_eq!(
        story.deadline().map(|deadline| (deadline.at.as_millis(), deadline.timer)),
        Some((10_000, Timer::Credential))
    );
    story.wait(10_000);
    assert_eq!(story.seen().losses()[0].0, Cause::CredentialUnavailable);
    story.credential("late");
    assert!(story.seen().is_empty());
    story.wait(1_000);
    assert_eq!((questions(&mut story), story.connects.len()), (1, 0));
}

#[test]
fn a_refused_credential_stops_and_keeps_the_messages_until_open() {
    let mut story = asking();
    story.open();
    let id = story.send("kept");
    fail(&mut story, CredentialFailure::Refused);
    assert_eq!((story.state(), story.session.explain().cause), (State::Stopped, Some(Cause::Unauthorized)));
    assert_eq!(story.session.status(&id), Some(Status::Queued));
    story.wait(100_000);
    assert_eq!(story.connects.len(), 0);
    story.open().credential("better").seen();
    story.opened();
    assert_eq!(story.seen().messages().len(), 1);
}

#[test]
fn close_after_a_refused_login_settles_the_messages() {
    let mut story = asking();
    story.open();
    let id = story.send("kept");
    fail(&mut story, CredentialFailure::Refused);
    story.close();
    assert_eq!(story.session.status(&id), Some(Status::NotSent));
    assert_eq!(story.deadline(), None);
}

#[test]
fn an_expired_or_missing_credential_is_a_failed_attempt() {
    for why in [CredentialFailure::Expired, CredentialFailure::Unavailable] {
        let mut story = asking();
        story.open();
        fail(&mut story, why);
        assert_eq!(story.seen().losses()[0].0, Cause::CredentialUnavailable, "{why:?}");
        story.wait(500);
        assert_eq!(questions(&mut story), 1);
    }
}

#[test]
fn an_expired_credential_is_not_used_again() {
    let mut story = Story::uni_app();
    story.ready();
    fail(&mut story, CredentialFailure::Expired);
    assert_eq!(story.state(), State::Ready, "nobody had asked");
    story.seen();
    story.closed(None).wait(500);
    assert_eq!(questions(&mut story), 1);
    story.credential("fresh");
    assert_eq!(story.seen().connects(), 1);
}

#[test]
fn a_handshake_refused_for_want_of_a_credential_stops_or_retries_as_configured() {
    let mut story = Story::uni_app();
    story.open().errored(TransportError::Unauthorized);
    assert_eq!((story.state(), story.session.explain().cause), (State::Stopped, Some(Cause::Unauthorized)));
    let mut story = Story::uni_app_with(|config| config.authentication.unauthorized = Unauthorized::Retry);
    story.open().errored(TransportError::Unauthorized);
    assert_eq!(story.state(), State::Waiting);
    story.seen();
    story.wait(500);
    let seen = story.seen();
    assert_eq!(queries(&seen), ["token=token"], "and the same token is tried again");
}

#[test]
fn closing_while_a_credential_is_awaited_ends_the_wait() {
    let mut story = asking();
    story.open().close().credential("late").seen();
    assert_eq!((story.state(), story.deadline(), story.connects.len()), (State::Stopped, None, 0));
}

#[test]
fn a_credential_that_never_comes_is_not_asked_for_again_and_again_within_one_moment() {
    for (timeout, unavailable) in [(Some(Duration::ZERO), false), (None, true)] {
        let mut story = Story::uni_app_with(|config| {
            config.authentication.credential = CredentialSource::Asked;
            config.authentication.timeout = timeout;
            config.reconnect.first = FirstDelay::all(Duration::ZERO);
            config.reconnect.again = Backoff::constant(Duration::ZERO);
            config.reconnect.max = None;
        });
        story.open();
        for _ in 0..100 {
            if unavailable {
                let failed = Call::CredentialFailed { connection: None, why: CredentialFailure::Unavailable };
                let _ = story.call(failed);
            }
            story.tick();
        }
        let asked = story.seen().count(|action| matches!(action, Action::NeedCredential { .. }));
        assert_eq!(asked, 1, "within one moment");
        story.wait(60_000);
        let asked = story.seen().count(|action| matches!(action, Action::NeedCredential { .. }));
        assert!(
            (1..=20).contains(&asked),
            "the safety floor grows to 5 s, and it was asked for {asked} times in a minute"
        );
    }
}
