//! Who makes room for whom: in the window, among the bodies that are kept, and at the end of a drain.

use redial::config::Limit;
use redial::journal::Call;
use redial::{Action, Duration, MessageId, Purpose, State, Status};

use crate::support::Story;

/// How messages fare that were sent in a dialect without receipts, when the write of one is reported as failed.
fn undone(in_flight: u64, bytes: u64, bodies: &[&str], failed: usize) -> Vec<bool> {
    let mut story = Story::plain_with(|config| {
        config.outbox.in_flight = Limit::new(in_flight);
        config.outbox.bytes = Limit::new(bytes);
    });
    story.ready();
    let ids: Vec<MessageId> = bodies.iter().map(|body| story.send(body)).collect();
    story.seen();
    story.send_failed(Purpose::Message { id: ids[failed].clone() });
    let seen = story.seen();
    ids.iter().map(|id| seen.statuses(id) == [Status::Queued]).collect()
}

#[test]
fn a_failed_write_takes_back_what_was_handed_over_behind_it_as_far_as_the_bodies_are_kept() {
    let three = ["one", "two", "three"];
    assert_eq!(undone(3, 100, &three, 0), [true, true, true]);
    assert_eq!(undone(3, 100, &three, 1), [false, true, true]);
    assert_eq!(undone(2, 100, &three, 0), [false, false, false], "the body of the first is gone");
    assert_eq!(undone(2, 100, &three, 1), [false, true, true]);
    assert_eq!(undone(1, 100, &three, 2), [false, false, true]);
    // By bytes: the last two fit, all three do not.
    assert_eq!(undone(3, 8, &three, 0), [false, false, false]);
    assert_eq!(undone(3, 8, &three, 1), [false, true, true]);
    assert_eq!(undone(3, 11, &three, 0), [true, true, true]);
}

#[test]
fn a_message_whose_time_is_over_leaves_its_place_in_the_window_to_the_next_at_once() {
    let mut story = Story::uni_app_with(|config| config.outbox.in_flight = Limit::new(1));
    story.ready();
    let (short, next) = (story.send_for("short", 1_000), story.send("next"));
    assert_eq!(story.session.status(&next), Some(Status::Queued));
    story.wait(1_000);
    let seen = story.seen();
    assert_eq!(seen.statuses(&short), [Status::Queued, Status::Sent, Status::Unconfirmed]);
    assert_eq!((story.session.status(&next), seen.messages().len()), (Some(Status::Sent), 2));
}

#[test]
fn a_drain_waits_for_its_end_whatever_else_becomes_due_before() {
    let mut story = Story::uni_app();
    story.ready();
    let (short, id) = (story.send_for("short", 1_000), story.send("unconfirmed"));
    story.drain_within(60_000).wait(1_000);
    assert_eq!((story.state(), story.session.status(&short)), (State::Ready, Some(Status::Unconfirmed)));
    // The confirmation is overdue, and another connection asks for it.
    story.pong().wait(19_000);
    assert_eq!(story.state(), State::Waiting);
    story.wait_for_connect();
    story.opened().seen();
    story.text(&format!(r#"{{"type":"MESSAGE","clientMessageId":"{id}"}}"#));
    assert_eq!((story.state(), story.session.status(&id)), (State::Closing, Some(Status::Accepted)));
}

#[test]
fn how_often_a_message_was_first_in_line_at_a_loss_outlives_the_process() {
    let mut story = Story::uni_app();
    story.ready();
    let id = story.send("poison?");
    for _ in 0..2 {
        story.closed(1006).wait_for_connect();
        story.opened();
    }
    story.restart(0).back();
    assert_eq!(story.session.status(&id), Some(Status::Sent), "sent for the fourth time");
    story.closed(1006);
    assert_eq!(story.session.status(&id), Some(Status::Unconfirmed), "the third loss");
}

#[test]
fn a_write_that_failed_after_a_restart_makes_the_copy_before_it_no_younger() {
    let mut story = Story::uni_app_with(|config| config.outbox.dedup_window = Some(Duration::from_secs(60)));
    story.ready();
    let id = story.send("hello");
    story.restart(30_000).back();
    assert_eq!(story.session.status(&id), Some(Status::Sent));
    story.send_failed(Purpose::Message { id: id.clone() });
    assert_eq!(story.session.status(&id), Some(Status::Sent), "the copy before it was sent");
    story.wait_for_connect();
    story.sleep(31_000);
    if story.state() != State::Connecting {
        story.tick();
    }
    story.seen();
    story.opened();
    let seen = story.seen();
    assert_eq!((seen.messages(), seen.statuses(&id)), (vec![], vec![Status::Unconfirmed]));
}

#[test]
fn an_own_message_that_comes_back_is_shown_only_where_it_is_another_devices() {
    let mut story = Story::uni_app();
    story.ready();
    let id = story.send("mine");
    story.seen();
    let echo = |id: &str, push: &str| {
        format!(r#"{{"type":"MESSAGE","messageId":"{push}","clientMessageId":"{id}","content":"x"}}"#)
    };
    story.text(&echo(&id.to_string(), "m1"));
    let seen = story.seen();
    assert_eq!(
        (seen.delivered().len(), seen.acks(), seen.statuses(&id)),
        (0, vec!["m1".into()], vec![Status::Accepted])
    );
    for (repeat, shown) in [1, 0].into_iter().enumerate() {
        story.text(&echo("of-my-other-device", "m2"));
        let seen = story.seen();
        assert_eq!((seen.delivered().len(), seen.acks()), (shown, vec!["m2".into()]), "copy {repeat}");
    }
}

#[test]
fn a_conversation_has_a_name_as_long_as_an_id_at_most() {
    let mut story = Story::uni_app();
    story.ready().text(r#"{"type":"MESSAGE","messageId":"m1","content":"x"}"#);
    let mark = |story: &mut Story, bytes: usize| {
        let now = story.instant();
        story.session.mark_read_in(now, &"c".repeat(bytes), &"m1".into())
    };
    let too_long = Err(redial::error::MarkReadError::Conversation { limit: 128 });
    assert_eq!([129, 200].map(|bytes| mark(&mut story, bytes)), [too_long; 2]);
    // The dialect has no word for it, which is what comes next.
    assert_eq!([127, 128].map(|bytes| mark(&mut story, bytes)), [Err(redial::error::MarkReadError::NoWord); 2]);
}

#[test]
fn a_session_that_waits_for_storing_asks_for_nothing_when_a_connection_is_ready_that_nobody_waits_for() {
    let mut story = Story::write_ahead(|_| {});
    story.open().persist();
    story.seen();
    story.opened();
    let asked = |story: &mut Story| story.seen().count(|action| matches!(action, Action::Persist { .. }));
    assert_eq!(asked(&mut story), 0);
    story.send("waits");
    story.persist().closed(1006).wait_for_connect();
    story.persist();
    story.seen();
    story.opened();
    assert_eq!(asked(&mut story), 1, "from now on it may leave");
    story.call(Call::Hold).expect("always");
    assert_eq!(asked(&mut story), 0);
}
