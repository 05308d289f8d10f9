//! Finding out that a link is dead, and that it is not.

use redial::config::{DeadAfter, HeartbeatSchedule, Liveness, Suspicion};
use redial::{Action, Cause, Duration, Event, Frame, Purpose, State, Status, Timer};

use crate::support::Story;

#[test]
fn a_half_open_link_is_noticed_in_time_and_replaced_without_waiting_for_a_close() {
    let mut story = Story::unsuspicious();
    story.ready();
    let dead = story.connection();
    story.text("the last word").seen();
    let bound = story.session.preset().config().bounds().notice_dead_link.expect("it is noticed").as_millis();
    assert_eq!(bound, 55_000);
    story.wait(bound - 1);
    assert_eq!(story.state(), State::Ready);
    assert_eq!(story.seen().beats(), 2);
    story.wait(1);
    let seen = story.seen();
    assert_eq!(seen.losses()[0].0, Cause::Dead);
    assert_eq!(seen.all()[0], Action::Abort { connection: dead }, "nobody waits for a close handshake");
    let wait = story.wait_for_connect();
    assert!(wait <= 500, "{wait}");
    story.opened();
    assert_eq!(story.state(), State::Ready);
}

#[test]
fn heavy_inbound_traffic_without_pongs_is_life() {
    let mut story = Story::plain();
    story.ready().seen();
    for _ in 0..600 {
        story.wait(1_000).text("chatter");
    }
    let seen = story.seen();
    assert_eq!((story.state(), seen.beats(), seen.connects()), (State::Ready, 0, 0));
    assert_eq!(seen.delivered().len(), 600);
}

#[test]
fn a_quiet_link_that_answers_lives_for_ever() {
    let mut story = Story::plain();
    story.ready();
    for _ in 0..100 {
        story.wait(25_000).seen();
        story.wait(40).pong();
        let connection = story.connection();
        let rtt = Some(Duration::from_millis(40));
        assert_eq!(story.seen().all(), [Action::Alive { connection, rtt }]);
    }
    assert_eq!(story.connects.len(), 1);
}

#[test]
fn an_answer_to_several_heartbeats_gives_no_round_trip_time() {
    let mut story = Story::unsuspicious();
    story.ready().wait(50_000).seen();
    story.pong();
    let connection = story.connection();
    assert_eq!(story.seen().all(), [Action::Alive { connection, rtt: None }]);
}

#[test]
fn an_overdue_timer_after_a_suspend_probes_before_it_kills() {
    let mut story = Story::unsuspicious();
    story.ready().wait(50_000).seen();
    assert_eq!(story.deadline().map(|deadline| deadline.timer), Some(Timer::Death));
    story.sleep(3_600_000).tick();
    let seen = story.seen();
    assert_eq!((seen.beats(), seen.all().len()), (1, 1), "one probe, and nothing else: {seen:?}");
    assert_eq!(story.state(), State::Ready);
    story.wait(4_999);
    assert_eq!(story.state(), State::Ready);
    story.wait(1);
    assert_eq!(story.seen().losses()[0].0, Cause::Dead, "the probe stayed unanswered for 5 s");
}

#[test]
fn a_timer_that_is_late_by_no_more_than_the_limit_is_no_suspend() {
    let mut story = Story::unsuspicious();
    story.ready().wait(50_000).seen();
    story.sleep(5_000 + 5_000).tick();
    assert_eq!((story.seen().beats(), story.state()), (0, State::Ready), "what came may be in the host's queue");
    story.wait(1_000);
    assert_eq!(story.seen().losses()[0].0, Cause::Dead);
    let mut story = Story::unsuspicious();
    story.ready().wait(50_000).seen();
    story.sleep(5_000 + 5_001).tick();
    assert_eq!(story.seen().beats(), 1);
}

#[test]
fn frames_that_arrived_during_a_suspend_count_first() {
    let mut story = Story::unsuspicious();
    story.ready().wait(50_000).seen();
    story.sleep(3_600_000).text("it was in the socket's buffer");
    let seen = story.seen();
    assert_eq!(seen.delivered(), ["it was in the socket's buffer"]);
    assert_eq!((seen.beats(), story.state()), (0, State::Ready));
    assert_eq!(story.deadline().map(|deadline| deadline.at.as_millis()), Some(story.now() + 25_000));
}

#[test]
fn missed_heartbeats_are_skipped_not_made_up_for() {
    let mut story = Story::plain();
    story.ready().seen();
    story.sleep(10 * 25_000).tick().pong();
    assert_eq!(story.seen().beats(), 1);
    story.wait(24_999);
    assert_eq!(story.seen().beats(), 0);
    story.wait(1);
    assert_eq!(story.seen().beats(), 1);
}

#[test]
fn a_machine_that_woke_finds_out_at_once_and_only_once() {
    let mut story = Story::plain();
    story.ready().seen();
    story.event(Event::Woke { asleep: Duration::from_secs(600) }).event(Event::Online);
    assert_eq!(story.seen().beats(), 1, "one probe is under way already");
    story.wait(5_000);
    assert_eq!(story.seen().losses()[0].0, Cause::Dead);
}

#[test]
fn a_probe_that_is_answered_proves_the_link() {
    let mut story = Story::plain();
    story.ready().event(Event::Online).wait(4_999).pong().wait(20_000);
    assert_eq!((story.state(), story.connects.len()), (State::Ready, 1));
}

#[test]
fn a_heartbeat_that_cannot_be_written_means_a_lost_link() {
    let mut story = Story::plain();
    story.ready().wait(25_000).seen();
    story.send_failed(Purpose::Heartbeat);
    assert_eq!(story.seen().losses()[0].0, Cause::HeartbeatFailed);
}

#[test]
fn where_that_is_only_told_the_link_goes_on() {
    let mut story = Story::plain_with(|config| config.reconnect.first.heartbeat_failed = None);
    story.ready().wait(25_000).send_failed(Purpose::Heartbeat);
    assert_eq!(story.state(), State::Ready);
}

#[test]
fn a_flood_of_frames_starves_no_timer() {
    let mut story = Story::plain_with(|config| config.heartbeat.liveness = Liveness::Reply);
    story.ready().seen();
    for _ in 0..60 {
        story.sleep(1_000).text("noise");
    }
    assert_eq!(story.session.stats().lost, 1, "no frame answered the heartbeats, and each of them ticked");
}

#[test]
fn a_ping_of_the_server_is_life_and_no_message() {
    let mut story = Story::plain();
    story.ready().wait(20_000).seen();
    story.frame(Frame::Ping(vec![1, 2, 3]));
    assert!(story.seen().is_empty());
    assert_eq!(story.deadline().map(|deadline| deadline.at.as_millis()), Some(45_000));
}

#[test]
fn any_frame_answers_a_probe_even_where_only_replies_are_life() {
    let mut story = Story::plain_with(|config| config.heartbeat.liveness = Liveness::Reply);
    story.ready().event(Event::Online).wait(4_000).text("still here").wait(10_000);
    assert_eq!((story.state(), story.connects.len()), (State::Ready, 1));
}

fn suspicious() -> Story {
    let mut story = Story::plain_with(|config| config.heartbeat.suspicion = Some(Suspicion::default()));
    story.ready().seen();
    story
}

#[test]
fn a_silent_link_is_suspected_and_asked_again_before_it_is_dead() {
    let mut story = suspicious();
    let connection = story.connection();
    story.wait(25_000 + 2_999);
    assert_eq!((story.seen().beats(), story.deadline().map(|due| due.timer)), (1, Some(Timer::Suspicion)));
    story.wait(1);
    let seen = story.seen();
    assert_eq!((&seen.all()[0], seen.beats()), (&Action::Suspected { connection }, 1));
    assert!(story.session.explain().to_string().starts_with("ready, but in doubt"), "{}", story.session.explain());
    story.wait(4_999);
    assert_eq!(story.state(), State::Ready);
    story.wait(1);
    assert_eq!(story.seen().losses()[0].0, Cause::Dead);
    assert_eq!(
        story.now(),
        story.session.preset().config().bounds().notice_dead_link.expect("it is noticed").as_millis()
    );
}

#[test]
fn a_suspected_link_that_says_anything_is_trusted_again() {
    for life in [Liveness::AnyFrame, Liveness::Reply] {
        let mut story = Story::plain_with(|config| {
            config.heartbeat.suspicion = Some(Suspicion::default());
            config.heartbeat.liveness = life;
        });
        let connection = story.ready().connection();
        story.wait(28_000).seen();
        story.text("a late word");
        assert_eq!(story.seen().all()[0], Action::Alive { connection, rtt: None });
        assert!(!story.session.explain().probing);
        story.wait(5_000).text("another");
        assert_eq!(story.seen().delivered(), ["another"], "{life:?}: told once, and the verdict is off");
        assert_eq!(story.state(), State::Ready);
    }
}

#[test]
fn suspicion_that_comes_late_is_a_suspend_and_probes_first() {
    let mut story = suspicious();
    story.wait(25_000).seen();
    story.sleep(600_000).tick();
    let seen = story.seen();
    assert_eq!((seen.beats(), seen.all().len()), (1, 1), "a probe, and no suspicion: {seen:?}");
}

#[test]
fn suspicion_finds_dead_links_where_nothing_else_does() {
    let mut story = Story::plain_with(|config| {
        config.heartbeat.dead_after = None;
        config.heartbeat.suspicion = Some(Suspicion::default());
        config.reconnect.first.errored = None;
    });
    story.ready().wait(25_000 + 8_000);
    assert_eq!(story.seen().losses()[0].0, Cause::Dead);
}

#[test]
fn what_is_sent_into_the_dark_waits_for_a_sign_of_life() {
    let mut story = Story::uni_app();
    story.ready().seen();
    story.event(Event::Woke { asleep: Duration::from_secs(600) });
    let id = story.send("is anybody there?");
    let seen = story.seen();
    assert_eq!((seen.beats(), seen.messages().len()), (1, 0), "the probe goes out, the message waits");
    assert_eq!(story.session.status(&id), Some(Status::Queued));
    story.pong();
    assert_eq!(story.seen().messages().len(), 1);
    assert_eq!(story.session.status(&id), Some(Status::Sent));

    story.event(Event::Woke { asleep: Duration::from_secs(600) });
    let id = story.send("and now?");
    story.wait(5_000).seen();
    assert_eq!(story.session.status(&id), Some(Status::Queued), "nobody answered: it never left, and that is certain");
    story.close();
    assert_eq!(story.session.status(&id), Some(Status::NotSent));
}

#[test]
fn in_lock_step_a_dead_link_is_noticed_in_time_whatever_came_in_place_of_the_echo() {
    for (beats, life) in [(1, Liveness::AnyFrame), (2, Liveness::AnyFrame), (3, Liveness::Reply)] {
        let mut story = Story::unsuspicious_with(|config| {
            config.heartbeat.schedule = HeartbeatSchedule::LockStep;
            config.heartbeat.liveness = life;
            config.heartbeat.dead_after = DeadAfter::after(beats, Duration::from_secs(5));
        });
        let bound = story.session.preset().config().bounds().notice_dead_link.expect("it is noticed").as_millis();
        story.ready().wait(26_000);
        if life == Liveness::AnyFrame {
            // Liveness, and no echo: the chain goes on all the same.
            story.text("the last word").wait(bound);
        } else {
            story.wait(bound - 26_000);
        }
        assert_eq!(story.seen().losses()[0].0, Cause::Dead, "{beats} beats");
    }
}

#[test]
fn in_lock_step_a_chain_that_had_ended_goes_on_when_the_echo_comes_after_all() {
    let mut story = Story::unsuspicious_with(|config| {
        config.heartbeat.schedule = HeartbeatSchedule::LockStep;
        config.heartbeat.liveness = Liveness::Reply;
    });
    story.ready().wait(50_000);
    assert_eq!(story.seen().beats(), 1, "the first was not echoed, so the second did not leave");
    story.wait(4_000).pong().wait(25_000);
    assert_eq!(story.seen().beats(), 1);
    story.wait(30_000);
    assert_eq!(story.seen().losses()[0].0, Cause::Dead);
}

#[test]
fn a_probe_out_of_turn_takes_no_beat_off_the_grid() {
    let mut story = Story::unsuspicious_with(|config| config.heartbeat.schedule = HeartbeatSchedule::Grid);
    story.ready().wait(10_000).event(Event::Online).pong();
    assert_eq!(story.seen().beats(), 1, "the probe");
    story.wait(15_000);
    assert_eq!(story.seen().beats(), 1, "25 s after the connection was ready, as without the hint");
    let bound = story.session.preset().config().bounds().notice_dead_link.expect("it is noticed").as_millis();
    story.wait(bound - 15_000);
    assert_eq!(story.seen().losses()[0].0, Cause::Dead, "counted from the answer to the probe");
}

#[test]
fn in_lock_step_a_probe_that_any_frame_answers_leaves_a_deadline_behind() {
    let mut story = Story::unsuspicious_with(|config| {
        config.heartbeat.schedule = HeartbeatSchedule::LockStep;
        config.heartbeat.liveness = Liveness::Reply;
    });
    story.ready().wait(50_000);
    // The verdict on the ended chain comes late, so it asks; a frame that is no echo answers that.
    story.sleep(20_000).tick().text("chatter");
    assert_eq!(story.state(), State::Ready);
    let bound = story.session.preset().config().bounds().notice_dead_link.expect("it is noticed").as_millis();
    story.wait(bound);
    assert_eq!(story.seen().losses()[0].0, Cause::Dead);
}

#[test]
fn in_lock_step_suspicion_alone_finds_a_link_that_falls_silent_after_its_chain_had_ended() {
    for life in [Liveness::AnyFrame, Liveness::Reply] {
        let mut story = Story::plain_with(|config| {
            config.heartbeat.schedule = HeartbeatSchedule::LockStep;
            config.heartbeat.liveness = life;
            config.heartbeat.every = Duration::from_secs(3);
            config.heartbeat.dead_after = None;
        });
        let bound = story.session.bounds().notice_dead_link.map(Duration::as_millis);
        assert_eq!(bound, Some(11_000));
        // The chain has ended, the link is suspected, and a frame that is no echo comes.
        story.ready().wait(6_000).wait(500).text("alive").seen();
        story.wait(10_999);
        assert_eq!(story.state(), State::Ready);
        story.wait(1);
        assert_eq!(story.seen().losses()[0].0, Cause::Dead, "{life:?}");
    }
}

#[test]
fn where_silence_never_ends_a_link_neither_a_hint_nor_a_late_wake_up_does() {
    let quiet = |config: &mut redial::Config| {
        (config.heartbeat.dead_after, config.heartbeat.suspicion) = (None, None);
    };
    for hint in [Event::Online, Event::Offline, Event::Woke { asleep: Duration::from_secs(600) }, Event::Tick] {
        let mut story = Story::plain_with(quiet);
        assert_eq!(story.session.bounds().notice_dead_link, None);
        story.ready().sleep(600_000).event(hint.clone()).wait(600_000);
        assert_eq!((story.state(), story.seen().losses()), (State::Ready, vec![]), "{hint:?}");
    }
}

#[test]
fn a_host_that_is_always_late_finds_a_dead_link_with_the_first_probe() {
    let mut story = Story::plain_with(|config| {
        config.heartbeat.every = Duration::from_secs(10);
        config.heartbeat.probe = Some(redial::config::Probe::new(Duration::from_secs(5), Duration::from_secs(60)));
    });
    story.ready().sleep(16_000).tick().seen();
    for _ in 0..5 {
        story.sleep(16_000).tick();
    }
    assert_eq!(story.seen().losses()[0].0, Cause::Dead, "60 s after the probe, and a little as late as the host");
}
