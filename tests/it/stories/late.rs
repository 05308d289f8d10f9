//! A host whose thread was blocked: what came meanwhile is in its queue, and the first input may be a call.

use redial::config::{DeadAfter, Limit, Liveness};
use redial::{Cause, Duration, Event, State, Status, Timer};

use crate::support::Story;

fn causes(story: &mut Story) -> Vec<Cause> {
    story.seen().losses().into_iter().map(|(cause, _)| cause).collect()
}

/// A host that reports what its socket takes, and whose socket holds a message.
fn with_a_full_socket() -> Story {
    let mut story = Story::plain();
    story.open().written(0).opened();
    story.send(&"x".repeat(60_000));
    story
}

#[test]
fn bytes_that_left_while_the_host_was_blocked_count_though_a_call_is_the_first_input() {
    let mut story = with_a_full_socket();
    story.sleep(60_000).send("typed meanwhile");
    story.written(1);
    assert_eq!((causes(&mut story), story.state()), (vec![], State::Ready));
}

#[test]
fn a_deadline_that_a_late_host_missed_moves_once_and_by_a_second() {
    let mut story = with_a_full_socket();
    story.sleep(60_000).tick();
    assert_eq!(story.deadline().map(|due| (due.at.as_millis(), due.timer)), Some((61_000, Timer::Stall)));
    story.sleep(60_000).tick();
    assert_eq!(causes(&mut story), [Cause::WriteStalled], "the host is late again, and nothing left");
    let mut story = with_a_full_socket();
    story.sleep(21_000).tick();
    assert_eq!(causes(&mut story), [Cause::WriteStalled], "a second is not late");
}

#[test]
fn each_deadline_that_a_late_host_missed_has_its_own_second() {
    let mut story = with_a_full_socket();
    story.sleep(60_000).tick().written(0).sleep(60_000).tick();
    assert_eq!((causes(&mut story), story.state()), (vec![], State::Ready));
}

#[test]
fn the_answer_to_a_probe_that_waits_behind_a_call_saves_the_link() {
    let mut story = Story::plain();
    story.ready().event(Event::Online).sleep(60_000).send("typed meanwhile");
    story.pong();
    assert_eq!((causes(&mut story), story.state()), (vec![], State::Ready));
    story.event(Event::Online).sleep(60_000).tick().wait(999);
    assert_eq!(causes(&mut story), []);
    story.wait(1);
    assert_eq!(causes(&mut story), [Cause::Dead]);
}

#[test]
fn without_a_probe_of_its_own_a_late_death_waits_for_what_is_in_the_queue() {
    let mut story = Story::unsuspicious_with(|config| config.heartbeat.probe = None);
    story.ready().wait(50_000).sleep(60_000).tick();
    story.pong();
    assert_eq!((causes(&mut story), story.state()), (vec![], State::Ready));
}

#[test]
fn a_pause_that_ends_in_the_queue_costs_no_connection() {
    let mut story = Story::plain_with(|config| config.inbox.pending = Limit::new(1));
    story.ready().taken(0).text("one").sleep(70_000).send("typed meanwhile");
    story.taken(1);
    assert_eq!((causes(&mut story), story.state()), (vec![], State::Ready));
}

#[test]
fn a_pause_that_begins_while_a_verdict_waits_leaves_no_heartbeat_overdue() {
    let mut story = Story::unsuspicious_with(|config| {
        config.heartbeat.dead_after = DeadAfter::after(1, Duration::from_secs(5));
        (config.heartbeat.liveness, config.heartbeat.probe) = (Liveness::Reply, None);
        config.inbox.pending = Limit::new(1);
    });
    story.ready().taken(0).wait(25_000).seen();
    story.sleep(40_000).text("one");
    assert!(!story.session.wants_read());
    assert_eq!(story.seen().beats(), 1, "the heartbeat of 50 s is due as well");
    assert_eq!(story.deadline().map(|due| due.at.as_millis()), Some(90_000));
}

#[test]
fn a_doubt_that_ends_in_the_input_that_begins_another_lets_no_message_go() {
    let mut story = Story::plain_with(|config| config.heartbeat.probe = None);
    story.ready().send("unanswered");
    story.wait(2_000).event(Event::Offline);
    let id = story.send("what can wait waits");
    story.sleep(11_000).tick();
    assert_eq!(story.session.status(&id), Some(Status::Queued), "the link is suspected");
    story.pong();
    assert_eq!(story.session.status(&id), Some(Status::Sent));
}

#[test]
fn a_doubt_in_which_nothing_can_be_asked_ends_late_where_the_host_is_late() {
    let mut story = Story::plain_with(|config| (config.heartbeat.probe, config.heartbeat.unanswered) = (None, None));
    story.ready().event(Event::Offline);
    let id = story.send("what can wait waits");
    story.sleep(8_000).tick();
    assert_eq!(story.session.status(&id), Some(Status::Sent));
}

#[test]
fn an_attempt_that_opened_while_the_host_was_blocked_is_used() {
    let mut story = Story::plain();
    story.open().sleep(60_000).send("typed meanwhile");
    story.opened();
    assert_eq!((causes(&mut story), story.state()), (vec![], State::Ready));
    let mut story = Story::plain();
    story.open().sleep(500).event(Event::Online).sleep(5_000).tick().opened();
    assert_eq!((causes(&mut story), story.state()), (vec![], State::Ready));
}

#[test]
fn a_receipt_that_waits_behind_a_call_is_not_overdue() {
    let mut story = Story::uni_app();
    story.ready();
    let id = story.send("hello");
    story.sleep(30_000).send("typed meanwhile");
    story.text(&format!(r#"{{"type":"RECEIPT","clientMessageId":"{id}"}}"#));
    assert_eq!((causes(&mut story), story.session.status(&id)), (vec![], Some(Status::Delivered)));
}

#[test]
fn messages_wait_for_a_probe_though_a_late_deadline_moved_in_the_same_input() {
    let mut story = Story::plain_with(|config| {
        config.heartbeat.every = Duration::from_secs(5);
        config.heartbeat.dead_after = DeadAfter::after(1, Duration::from_secs(8));
        (config.heartbeat.probe, config.heartbeat.suspicion) = (None, None);
        config.heartbeat.unanswered = Some(Duration::ZERO);
    });
    story.ready().wait(5_000).send("before");
    story.sleep(43_000).tick();
    story.seen();
    story.send("second after");
    let sent = story.seen();
    assert!(sent.messages().is_empty() && story.state() == State::Ready, "{sent:?}");
}
