//! A process that crashes again and again is a loop of attempts like any other, and must not become a storm.

use redial::{Action, Cause, Duration, Event, Instant, Seed, Session, State, TransportError};

use crate::support::Story;

/// Runs processes that crash a moment after each connect, until so much time has passed; says when the connects came.
fn crash_loop(mut before: impl FnMut(&mut Story), lifetime: u64, until: u64) -> Vec<u64> {
    let mut story = Story::write_ahead(|_| {});
    story.persist();
    let (mut clock, mut stored_at, mut connects) = (0, 0, Vec::new());
    while clock < until {
        story.crash(clock - stored_at);
        before(&mut story);
        let began = clock;
        story.open();
        if story.connects.is_empty() {
            story.wait_for_connect();
        }
        clock = began + story.now();
        connects.push(clock);
        // Stored before the dial: then the process dies with it.
        story.persist();
        stored_at = clock;
        clock += lifetime;
        story.connects.clear();
    }
    connects
}

#[test]
fn a_process_that_crashes_at_every_connect_connects_ever_more_slowly() {
    let connects = crash_loop(|_| {}, 5, 3_600_000);
    let gaps: Vec<u64> = connects.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps[0], 5, "a single crash is no outage");
    assert!(gaps[1] >= 250 && gaps[6] >= 8_000 && gaps[10] >= 10_000, "{gaps:?}");
    assert!(gaps.iter().all(|gap| *gap <= 20_010), "the longest wait is the policy's: {gaps:?}");
    let bound = redial::Config::default().bounds().connects_in_120_s as usize;
    for (at, start) in connects.iter().enumerate() {
        let within = connects[at..].iter().take_while(|connect| **connect < start + 120_000).count();
        assert!(within <= bound + 1, "{within} connects in 120 s from {start} ms on, the bound is {bound}");
    }
}

#[test]
fn twenty_crashes_in_a_row_stay_far_apart_even_when_each_process_stores_before_it_opens() {
    let chatty = |story: &mut Story| {
        story.send("typed at each start");
        story.persist();
    };
    let connects = crash_loop(chatty, 5, 600_000);
    let early = connects.iter().filter(|at| **at < 120_000).count();
    assert!(early <= 15, "{early} connects in the first 120 s: {connects:?}");
    assert!(connects.len() >= 15, "and it never gives up: {connects:?}");
}

#[test]
fn one_restart_while_connecting_costs_no_wait_but_counts() {
    let mut story = Story::write_ahead(|_| {});
    story.open().persist().crash(50);
    story.seen();
    story.open();
    assert_eq!(story.state(), State::Connecting);
    story.persist().crash(50).open();
    assert_eq!(story.state(), State::Waiting);
    let losses = story.seen().losses();
    assert!(matches!(losses[..], [(Cause::Restarted, at)] if (500..=1_000).contains(&at)), "{losses:?}");
}

#[test]
fn an_outage_goes_on_after_a_restart_and_the_time_away_counts() {
    for (away, waits) in [(0, true), (5_000, true), (21_000, false)] {
        let mut story = Story::write_ahead(|_| {});
        story.open();
        for _ in 0..10 {
            story.errored(TransportError::Refused).wait_for_connect();
        }
        story.restart(away).open();
        assert_eq!(story.state() == State::Waiting, waits, "{away} ms away");
        if waits {
            let losses = story.seen().losses();
            assert!(
                matches!(losses[..], [(Cause::Restarted, at)] if at <= 20_000 - away && at >= 10_000 - away),
                "{losses:?}"
            );
        }
    }
}

#[test]
fn the_waits_after_a_restart_are_the_same_wherever_the_clock_begins() {
    for losses in [0, 1, 10] {
        let mut story = Story::plain();
        story.open();
        for _ in 0..losses {
            story.errored(TransportError::Refused).wait_for_connect();
        }
        let snapshot = story.session.snapshot();
        let connects = [0_u64, 1_000_000_000].map(|origin| {
            let preset = story.session.preset().clone();
            let (mut now, mut connects) = (Instant::from_millis(origin), Vec::new());
            let away = Duration::from_millis(100);
            let mut session =
                Session::restore(preset, now, snapshot.iter(), away, Seed::from(5_u64)).expect("it is whole");
            session.open(now);
            while now.as_millis() < origin + 90_000 {
                while let Some(action) = session.poll_action() {
                    if let Action::Connect { connection, .. } = action {
                        connects.push(now.as_millis() - origin);
                        session.handle(now, Event::errored(connection, TransportError::Refused));
                    }
                }
                now = session.next_deadline().expect("it tries again").at;
                session.handle(now, Event::Tick);
            }
            connects
        });
        assert_eq!(connects[0], connects[1], "{losses} losses before");
        assert!(connects[0].len() > 4, "{connects:?}");
    }
}

#[test]
fn a_long_absence_ends_the_outage_and_a_stable_connection_leaves_none() {
    let mut story = Story::write_ahead(|_| {});
    story.open();
    for _ in 0..10 {
        story.errored(TransportError::Refused).wait_for_connect();
    }
    story.restart(61_000).back();
    story.seen();
    story.errored(TransportError::Io);
    let losses = story.seen().losses();
    assert!(losses[0].1 <= story.now() + 500, "the count began anew: {losses:?}");

    story.wait_for_connect();
    story.opened().pong().wait(29_999).pong().wait(1);
    story.restart(0).open();
    assert_eq!(story.state(), State::Connecting, "what ended was a good connection");
}

#[test]
fn a_snapshot_of_a_session_that_was_closed_owes_no_wait() {
    let mut story = Story::write_ahead(|_| {});
    story.open();
    for _ in 0..10 {
        story.errored(TransportError::Refused).wait_for_connect();
    }
    story.close().restart(0).open();
    assert_eq!(story.state(), State::Connecting);
}
