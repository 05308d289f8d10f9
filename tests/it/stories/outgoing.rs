//! Messages on their way out, where nothing confirms them: `plain`.

use redial::config::{Limit, SendFailure};
use redial::error::{CancelError, ResendError};
use redial::journal::{Call, CallError};
use redial::{Action, ConnectionId, Event, Instant, MessageId, Preset, Purpose, Seed, Session, State, Status};

use crate::support::Story;

#[test]
fn what_is_sent_before_the_connection_waits_and_leaves_in_order() {
    let mut story = Story::plain();
    let ids: Vec<MessageId> = ["one", "two", "three"].map(|body| story.send(body)).into();
    story.ready();
    let seen = story.seen();
    assert_eq!(seen.messages(), ["one", "two", "three"]);
    for id in &ids {
        assert_eq!(seen.statuses(id), [Status::Queued, Status::Sent]);
    }
    assert_eq!(story.session.unsettled(), 0, "where nothing confirms, sent is settled");
}

#[test]
fn a_message_that_was_sent_is_not_sent_again_where_nobody_recognises_repeats() {
    let mut story = Story::plain();
    story.ready();
    story.send("once is all it gets");
    story.closed(1006).wait_for_connect();
    story.seen();
    story.opened();
    assert!(story.seen().messages().is_empty());
}

#[test]
fn a_failed_write_opens_the_round_again_and_the_message_goes_out_on_the_next_connection() {
    let mut story = Story::plain();
    story.ready();
    let id = story.send("hello");
    story.seen();
    story.send_failed(Purpose::Message { id: id.clone() });
    let seen = story.seen();
    assert_eq!(seen.statuses(&id), [Status::Queued]);
    assert_eq!((seen.aborts(), story.state()), (1, State::Waiting), "a link that does not write is lost");
    story.wait_for_connect();
    story.opened();
    let seen = story.seen();
    assert_eq!(seen.messages(), ["hello"]);
    assert_eq!(seen.statuses(&id), [Status::Sent]);
}

#[test]
fn what_was_handed_over_behind_a_failed_write_did_not_go_out_either() {
    let mut story = Story::plain();
    story.ready();
    let ids = ["one", "two", "three"].map(|body| story.send(body));
    story.seen();
    story.send_failed(Purpose::Message { id: ids[1].clone() });
    let seen = story.seen();
    assert_eq!(seen.statuses(&ids[0]), [], "it went out before the write that failed");
    assert_eq!(seen.statuses(&ids[1]), [Status::Queued]);
    assert_eq!(seen.statuses(&ids[2]), [Status::Queued], "nobody will report this one: its connection is over");
    story.wait_for_connect();
    story.opened();
    assert_eq!(story.seen().messages(), ["two", "three"], "in the order in which they were taken");
}

#[test]
fn a_message_that_nobody_polled_before_the_connection_was_lost_was_never_sent() {
    // That a failed write is only told makes no difference: nobody tried to write this.
    for send_failure in [SendFailure::EndLink, SendFailure::Tell] {
        let preset =
            Preset::plain().configure(|config| config.outbox.send_failure = send_failure).expect("it is sound");
        let mut session = Session::new(preset, Seed::from(7_u64));
        let connection = ConnectionId::new(1);
        let now = Instant::ORIGIN;
        session.open(now);
        session.handle(now, Event::Opened { connection });
        let id = session.send(now, "hello").expect("there is room");
        session.handle(now, Event::Closed { connection, code: None, reason: String::new() });
        let actions: Vec<Action> = std::iter::from_fn(|| session.poll_action()).collect();
        let sends = actions.iter().filter(|action| matches!(action, Action::Send { .. })).count();
        assert_eq!(sends, 0, "the connection it was for is gone: {actions:?}");
        assert_eq!(session.status(&id), Some(Status::Queued), "so it waits for the next one");
        assert!(!actions.contains(&Action::Status { id: id.clone(), status: Status::Sent }));

        session.close(now);
        assert_eq!(session.status(&id), Some(Status::NotSent), "and that is the truth");
    }
}

#[test]
fn a_failed_write_that_is_only_told_settles_the_message_once_however_often_it_is_told() {
    let mut story = Story::plain_with(|config| config.outbox.send_failure = SendFailure::Tell);
    story.ready();
    let id = story.send("hello");
    story.seen();
    for _ in 0..3 {
        story.send_failed(Purpose::Message { id: id.clone() });
    }
    let seen = story.seen();
    assert_eq!(seen.statuses(&id), [Status::NotSent]);
    assert_eq!(seen.count(|action| matches!(action, Action::Unsent { .. })), 3);
    assert_eq!(story.state(), State::Ready);
    story.call(Call::Resend { id: id.clone() }).expect("it failed");
    assert_eq!(story.seen().messages(), ["hello"]);
}

#[test]
fn messages_are_held_until_they_are_released() {
    let mut story = Story::plain();
    story.ready().hold();
    story.send("one");
    story.closed(None).wait_for_connect();
    story.opened();
    story.send("two");
    assert!(story.seen().messages().is_empty());
    story.release();
    assert_eq!(story.seen().messages(), ["one", "two"]);
    story.release();
    assert!(story.seen().is_empty());
}

#[test]
fn a_message_is_taken_back_before_it_is_sent_and_not_after() {
    let mut story = Story::plain();
    let id = story.send("regretted");
    let cancel = |id: &MessageId| Call::Cancel { id: id.clone() };
    story.call(cancel(&id)).expect("it was never sent");
    assert_eq!(story.seen().statuses(&id), [Status::Queued, Status::Cancelled]);
    assert_eq!(story.call(cancel(&id)), Err(CallError::Cancel(CancelError::Unknown)));
    story.ready();
    assert!(story.seen().messages().is_empty());

    let mut story = Story::uni_app();
    story.ready();
    let id = story.send("gone");
    assert_eq!(story.call(cancel(&id)), Err(CallError::Cancel(CancelError::Sent)));
    story.closed(None);
    assert_eq!(story.call(cancel(&id)), Err(CallError::Cancel(CancelError::Sent)), "a copy of it may have arrived");
}

#[test]
fn a_message_whose_time_is_over_is_settled_for_what_it_is() {
    let mut story = Story::plain();
    let id = story.send_for("ripe", 5_000);
    story.wait(4_999);
    assert_eq!(story.session.status(&id), Some(Status::Queued));
    story.wait(1);
    assert_eq!(story.session.status(&id), Some(Status::NotSent));

    let mut story = Story::uni_app();
    story.ready();
    let id = story.send_for("sent in time", 5_000);
    story.wait(5_000);
    assert_eq!(story.session.status(&id), Some(Status::Unconfirmed));
    assert_eq!(story.state(), State::Ready);
}

#[test]
fn sleep_counts_for_the_age_of_a_message() {
    let mut story = Story::plain();
    let id = story.send_for("perishable", 60_000);
    story.wait(10_000).event(Event::Woke { asleep: redial::Duration::from_secs(49) });
    assert_eq!(story.session.status(&id), Some(Status::Queued));
    assert_eq!(story.deadline().map(|deadline| deadline.at.as_millis()), Some(11_000));
    story.event(Event::Woke { asleep: redial::Duration::from_secs(1) });
    assert_eq!(story.session.status(&id), Some(Status::NotSent));
}

#[test]
fn a_failed_message_is_sent_again_by_hand_under_its_own_id() {
    let mut story = Story::plain();
    let id = story.send_id("second try", "c1");
    story.call(Call::Cancel { id: id.clone() }).expect("it was never sent");
    story.ready().seen();
    story.call(Call::Resend { id: id.clone() }).expect("it is kept");
    let seen = story.seen();
    assert_eq!(seen.messages(), ["second try"]);
    assert_eq!(seen.statuses(&id), [Status::Queued, Status::Sent]);
    let refused = |story: &mut Story, id: &str| story.call(Call::Resend { id: id.into() });
    assert_eq!(refused(&mut story, "c1"), Err(ResendError::NotFailed.into()), "it was sent");
    assert_eq!(refused(&mut story, "c2"), Err(ResendError::Unknown.into()));
    story.close();
    assert_eq!(refused(&mut story, "c1"), Err(ResendError::Stopped.into()));
}

#[test]
fn closing_tells_apart_what_was_never_sent_and_what_may_have_arrived() {
    let mut story = Story::uni_app_with(|config| config.outbox.in_flight = Limit::new(1));
    story.ready();
    let (sent, waiting) = (story.send("sent"), story.send("waiting"));
    story.seen();
    story.close();
    let seen = story.seen();
    assert_eq!(seen.statuses(&sent), [Status::Unconfirmed]);
    assert_eq!(seen.statuses(&waiting), [Status::NotSent]);
    assert_eq!(story.session.unsettled(), 0);
}

#[test]
fn a_write_that_failed_never_happened_so_not_sent_is_true_of_it() {
    let mut story = Story::uni_app();
    story.ready();
    let id = story.send("stuck");
    story.send_failed(Purpose::Message { id: id.clone() }).close();
    assert_eq!(story.session.status(&id), Some(Status::NotSent));
}

#[test]
fn messages_whose_time_is_over_make_no_room_for_one_whose_time_is_over_too() {
    let mut story = Story::uni_app_with(|config| {
        config.outbox.in_flight = Limit::new(1);
        config.outbox.receipt_timeout = None;
        config.heartbeat.dead_after = None;
    });
    story.ready();
    let (first, second) = (story.send_for("first", 500), story.send_for("second", 600));
    story.seen();
    story.clock(10_000).tick();
    let seen = story.seen();
    assert_eq!(seen.statuses(&first), [Status::Unconfirmed]);
    assert_eq!(seen.statuses(&second), [Status::NotSent], "it never left, and does not leave to expire on the way");
    assert!(seen.messages().is_empty());
}

#[test]
fn a_failed_write_that_is_only_told_makes_room_for_the_next_message() {
    let mut story = Story::uni_app_with(|config| {
        config.outbox.in_flight = Limit::new(1);
        config.outbox.send_failure = SendFailure::Tell;
    });
    story.ready();
    let (first, second) = (story.send("first"), story.send("second"));
    assert_eq!(story.seen().messages().len(), 1, "the window is one");
    story.send_failed(Purpose::Message { id: first.clone() });
    let seen = story.seen();
    assert_eq!(seen.statuses(&first), [Status::NotSent]);
    assert_eq!(seen.statuses(&second), [Status::Sent]);
}

#[test]
fn a_message_whose_time_is_over_does_not_leave_at_a_late_wake_up() {
    let mut story = Story::uni_app_with(|config| config.outbox.in_flight = Limit::new(1));
    story.ready();
    let first = story.send("first");
    let second = story.send_for("second", 1_000);
    story.sleep(2_000).seen();
    story.text(&format!(r#"{{"type":"MESSAGE","clientMessageId":"{first}"}}"#));
    let seen = story.seen();
    assert_eq!(seen.statuses(&second), [Status::NotSent]);
    assert!(seen.messages().is_empty());
}
