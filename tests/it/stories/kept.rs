//! Messages are kept while no connection is ready, in whatever phase that is, and their times go on.

use redial::config::{CredentialSource, MeasuredFrom};
use redial::journal::Call;
use redial::{Cause, CredentialFailure, Deadline, Instant, State, Status, Timer, TransportError};

use crate::support::Story;

/// A session in a phase without a connection that is ready, under the name of the phase.
fn phases() -> Vec<(&'static str, Story)> {
    let mut phases = vec![("idle", Story::uni_app())];
    let mut add = |name, change: fn(&mut redial::Config), bring: &dyn Fn(&mut Story)| {
        let mut story = Story::uni_app_with(change);
        bring(&mut story);
        phases.push((name, story));
    };
    add("connecting", |_| {}, &|story| {
        story.open();
    });
    add("waiting", |_| {}, &|story| {
        story.open().errored(TransportError::Io);
    });
    let one_attempt = |config: &mut redial::Config| {
        config.reconnect.max = Some(1);
        config.reconnect.from = MeasuredFrom::Attempt;
    };
    add("giving up", one_attempt, &|story| {
        story.open().errored(TransportError::Io).wait_for_connect();
        story.errored(TransportError::Io);
        assert_eq!(story.deadline().map(|due| due.timer), Some(Timer::GiveUp));
    });
    add("stopped, refused", |_| {}, &|story| {
        story.open().errored(TransportError::Unauthorized);
        assert_eq!(story.state(), State::Stopped);
    });
    phases
}

#[test]
fn a_time_to_live_is_announced_and_ends_in_every_phase() {
    for (name, mut story) in phases() {
        story.seen();
        let id = story.send_for("soon over", 50);
        let at = story.now() + 50;
        let due = story.deadline().expect("the message has a time to live");
        assert!(due.at <= Instant::from_millis(at), "{name}: {due:?}");
        story.wait(50);
        assert_eq!(story.seen().statuses(&id), [Status::Queued, Status::NotSent], "{name}");
    }
}

#[test]
fn a_session_stopped_for_a_refused_credential_wakes_for_nothing_but_its_messages() {
    let mut story = Story::uni_app();
    story.ready();
    let sent = story.send_for("sent", 30_000);
    story.errored(TransportError::Unauthorized);
    assert_eq!(story.state(), State::Stopped);
    let never = story.send_for("never sent", 2_000);
    let at = Instant::from_millis;
    assert_eq!(story.deadline(), Some(Deadline { at: at(2_000), timer: Timer::Expiry }));
    story.wait(2_000);
    assert_eq!(story.session.status(&never), Some(Status::NotSent));
    assert_eq!(story.deadline(), Some(Deadline { at: at(30_000), timer: Timer::Expiry }));
    story.wait(28_000);
    assert_eq!(story.session.status(&sent), Some(Status::Unconfirmed));
    assert_eq!((story.deadline(), story.state()), (None, State::Stopped));
}

#[test]
fn a_credential_that_the_application_refuses_keeps_the_times_of_messages_as_well() {
    let mut story = Story::uni_app_with(|config| config.authentication.credential = CredentialSource::Asked);
    story.open();
    let id = story.send_for("soon over", 2_000);
    story
        .call(Call::CredentialFailed { why: CredentialFailure::Refused, connection: None })
        .expect("it always answers");
    story.wait(2_000);
    assert_eq!(story.session.status(&id), Some(Status::NotSent));
}

#[test]
fn a_drain_goes_on_and_ends_while_the_credential_is_refused() {
    // Begun before the refusal, or after it.
    for begun_before in [true, false] {
        let mut story = Story::uni_app();
        story.ready();
        let id = story.send("hello");
        if begun_before {
            story.drain_within(5_000);
        }
        story.wait(1_000).errored(TransportError::Unauthorized);
        if !begun_before {
            story.drain_within(4_000);
        }
        let due = story.deadline();
        assert_eq!(due, Some(Deadline { at: Instant::from_millis(5_000), timer: Timer::Drain }), "{begun_before}");
        story.wait(4_000);
        assert_eq!(story.session.status(&id), Some(Status::Unconfirmed));
        let explained = story.session.explain();
        assert_eq!((explained.cause, explained.waiting_for), (Some(Cause::Drained), None));
        assert!(story.try_send("too late").is_err());
    }
}

#[test]
fn a_drain_with_nothing_left_ends_at_once_while_the_credential_is_refused() {
    let mut story = Story::uni_app();
    story.open().errored(TransportError::Unauthorized);
    story.drain_within(5_000);
    assert_eq!((story.session.explain().cause, story.deadline()), (Some(Cause::Drained), None));
}

#[test]
fn a_hold_keeps_no_message_beyond_its_time() {
    let mut story = Story::uni_app();
    story.hold().ready();
    let id = story.send_for("soon over", 1_000);
    story.wait(1_000);
    assert_eq!(story.session.status(&id), Some(Status::NotSent));
}

#[test]
fn after_open_a_session_that_was_refused_sends_what_it_kept() {
    let mut story = Story::uni_app();
    story.open().errored(TransportError::Unauthorized);
    let kept = story.send_for("in time", 60_000);
    let over = story.send_for("too late", 1_000);
    story.wait(5_000).credential("another");
    story.ready();
    assert_eq!(story.session.status(&kept), Some(Status::Sent));
    assert_eq!(story.session.status(&over), Some(Status::NotSent));
}
