//! What a wait is made of: hints that change nothing, losses of each kind, the last attempt, and polls in the meantime.

use core::num::NonZeroU32;

use redial::config::{Backoff, DeadAfter, FirstDelay, Jitter, Reset, Suspicion};
use redial::journal::Call;
use redial::{Action, Cause, Config, Duration, Event, PollCause, Purpose, State, TransportError};

use crate::support::{Story, with};

fn unjittered(change: impl FnOnce(&mut Config)) -> Story {
    Story::plain_with(|config| {
        config.reconnect.jitter = Jitter::None;
        change(config);
    })
}

#[test]
fn a_hint_or_a_wish_that_cannot_shorten_the_wait_says_nothing() {
    // Nothing but the safety floor is waited for, so there is nothing to shorten.
    let at_once = |config: &mut Config| config.reconnect.first = FirstDelay::all(Duration::ZERO);
    for wish in [false, true] {
        let mut story = unjittered(at_once);
        story.ready().closed(1006).seen();
        if wish {
            story.call(Call::ReconnectNow).expect("it is open");
        } else {
            story.event(Event::Online);
        }
        assert!(story.seen().is_empty(), "as a wish: {wish}");
        assert_eq!(story.wait_for_connect(), 250);
    }
}

#[test]
fn each_kind_of_loss_has_its_own_first_delay() {
    let mut first = FirstDelay::all(Duration::from_secs(1));
    first.closed = Some(Duration::from_secs(2));
    first.dead = Duration::from_secs(3);
    first.heartbeat_failed = Some(Duration::from_secs(4));
    let lost = |lose: fn(&mut Story) -> &mut Story| {
        let first = first.clone();
        let mut story = unjittered(|config| config.reconnect.first = first);
        story.ready();
        lose(&mut story);
        story.wait_for_connect()
    };
    assert_eq!(lost(|story| story.errored(TransportError::Io)), 1_000);
    assert_eq!(lost(|story| story.closed(1006)), 2_000);
    assert_eq!(lost(|story| story.wait(33_000)), 3_000);
    assert_eq!(lost(|story| story.send_failed(Purpose::Heartbeat)), 4_000);
}

#[test]
fn where_the_last_attempt_has_no_time_of_its_own_the_end_comes_without_a_wait() {
    let mut story = unjittered(|config| config.reconnect.max = Some(0));
    story.ready().seen();
    story.closed(1006);
    assert_eq!(story.seen().states(), [State::Stopped]);
}

/// The polls for a connection that is down, after these losses.
fn polls(reset: Reset, losses: &[&str]) -> usize {
    let mut story = unjittered(|config| {
        config.reconnect.reset = reset;
        config.fallback.after_failures = NonZeroU32::new(2);
        config.fallback.down_every = Duration::from_secs(3_600);
        config.reconnect.again = Backoff::constant(Duration::from_secs(1));
    });
    story.open();
    for (number, kind) in losses.iter().enumerate() {
        if number > 0 {
            story.wait_for_connect();
        }
        match *kind {
            "refused" => story.errored(TransportError::Refused),
            "short" => story.opened().closed(1006),
            "useful" => story.opened().text("hello").closed(1006),
            "renewed" => {
                story.opened().call(Call::ReconnectNow).expect("it is open");
                &mut story
            }
            _ => story.opened().wait(25_000).pong().wait(5_000).closed(1006),
        };
    }
    story.seen().count(|action| matches!(action, Action::Poll { cause: PollCause::Down }))
}

#[test]
fn a_connection_that_had_shown_itself_good_is_no_failed_attempt_and_one_that_only_opens_again_and_again_is() {
    for (reset, losses, expected) in [
        (Reset::OnStable, &["refused"][..], 0),
        (Reset::OnStable, &["refused", "refused"], 1),
        (Reset::OnStable, &["short", "refused"], 0),
        (Reset::OnStable, &["short", "refused", "refused"], 1),
        (Reset::OnStable, &["short", "short", "short"], 1),
        (Reset::OnStable, &["refused", "stable", "refused"], 0),
        (Reset::Never, &["refused", "stable", "refused"], 0),
        (Reset::Never, &["short", "stable", "refused"], 0),
        (Reset::Never, &["refused", "short", "stable"], 1),
        (Reset::Never, &["refused", "useful", "refused"], 0),
        (Reset::OnStable, &["short", "short", "renewed"], 0),
    ] {
        assert_eq!(polls(reset, losses), expected, "{reset:?} after {losses:?}");
    }
}

/// How long after its last sign of life a connection is replaced whose close triggers nothing of its own.
fn by_heartbeat(quiet: u64, change: impl FnOnce(&mut Config)) -> u64 {
    let mut story = unjittered(|config| {
        config.reconnect.first.closed = None;
        change(config);
    });
    story.ready().wait(quiet);
    assert_eq!(story.state(), State::Ready, "{quiet} ms of silence");
    story.closed(1006);
    story.wait_for_connect();
    story.now()
}

#[test]
fn a_close_that_triggers_nothing_is_followed_by_the_verdict_that_silence_would_have_brought() {
    let suspicion = Suspicion::default();
    // 25 s a beat; death after the second and 5 s, suspicion after the first and 3 s, and 5 s for the answer.
    for (death, suspected, expected) in [
        (DeadAfter::after(2, Duration::from_secs(5)), None, 55_000),
        (None, Some(suspicion), 33_000),
        (DeadAfter::after(2, Duration::from_secs(5)), Some(suspicion), 33_000),
    ] {
        for quiet in [0, 10_000, 24_999, 25_000, 27_000] {
            let at = by_heartbeat(quiet, |config| {
                (config.heartbeat.dead_after, config.heartbeat.suspicion) = (death, suspected);
            });
            assert_eq!(at, expected, "{death:?}, {suspected:?}, closed after {quiet} ms");
        }
    }
    let suspected = by_heartbeat(29_000, |config| config.heartbeat.suspicion = Some(suspicion));
    assert_eq!(suspected, 33_000, "it was suspected at 28 s already");
}

#[test]
fn an_outage_that_a_restart_carried_over_is_counted_as_a_loss() {
    let mut story = Story::uni_app();
    story.open();
    for _ in 0..5 {
        story.errored(TransportError::Refused).wait_for_connect();
    }
    story.restart(0).open();
    assert_eq!(story.state(), State::Waiting);
    assert_eq!(story.session.stats().losses.get(&Cause::Restarted), Some(&1));
}

#[test]
fn a_process_that_crashes_as_soon_as_it_is_ready_waits_like_one_that_never_was() {
    let mut story = Story::uni_app();
    story.ready();
    let mut waits = Vec::new();
    for _ in 0..5 {
        story.pong().restart(0).open();
        waits.push(if story.state() == State::Waiting { story.wait_for_connect() } else { 0 });
        story.opened();
    }
    assert_eq!(waits[0], 0, "a single crash is no outage");
    assert!(waits[1..].iter().all(|wait| *wait >= 500) && waits[4] >= 4_000, "{waits:?}");
}

#[test]
fn suspicion_does_not_put_off_the_end_of_a_silent_link() {
    let secs = Duration::from_secs;
    let patient = with(|suspicion: &mut Suspicion| suspicion.wait = secs(20));
    // The verdict is on its way when the link is suspected; or it hangs on a heartbeat that has not gone out yet.
    for (every, death, suspicion, suspected_at, dead_at) in [
        (25, DeadAfter::after(1, secs(4)), Suspicion::default(), 28_000, 29_000),
        (4, DeadAfter::after(2, secs(2)), patient, 7_000, 10_000),
    ] {
        let mut story = Story::plain_with(|config| {
            config.heartbeat.every = secs(every);
            config.heartbeat.dead_after = death;
            config.heartbeat.suspicion = Some(suspicion);
        });
        let connection = story.ready().connection();
        story.wait(suspected_at);
        assert!(story.seen().all().contains(&Action::Suspected { connection }));
        story.wait(dead_at - suspected_at - 1);
        assert_eq!(story.state(), State::Ready);
        story.wait(1);
        assert_eq!(story.seen().losses()[0].0, Cause::Dead);
        assert_eq!(story.session.preset().config().bounds().notice_dead_link, Some(Duration::from_millis(dead_at)));
    }
}
