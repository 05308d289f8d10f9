//! Those who wait for a message: each is told once, and nobody waits for ever.

use redial::host::{WaitFor, Waiters};
use redial::{Action, MessageId, Status};

const ALL: [WaitFor; 3] = [WaitFor::Outcome, WaitFor::Delivered, WaitFor::Read];

fn status(id: &str, status: Status) -> Action {
    Action::Status { id: MessageId::from(id), status }
}

/// One waiter of each sort for this message.
fn all_three(id: &str) -> Waiters<WaitFor> {
    let mut waiters = Waiters::new();
    for wait in ALL {
        assert_eq!(waiters.wait(MessageId::from(id), wait, wait), None);
    }
    waiters
}

#[test]
fn each_is_told_at_the_status_that_ends_the_wait() {
    let mut waiters = all_three("m1");
    let mut told = |status_of| waiters.on_action(&status("m1", status_of), true);
    assert_eq!(told(Status::Queued), []);
    assert_eq!(told(Status::Sent), [], "receipts say more than a socket");
    assert_eq!(told(Status::Accepted), [(WaitFor::Outcome, Status::Accepted)]);
    assert_eq!(told(Status::Delivered), [(WaitFor::Delivered, Status::Delivered)]);
    assert_eq!(told(Status::Read), [(WaitFor::Read, Status::Read)]);
    assert!(waiters.is_empty());
}

#[test]
fn sent_is_an_outcome_where_there_are_no_receipts() {
    let mut waiters = all_three("m1");
    assert_eq!(waiters.on_action(&status("m1", Status::Sent), false), [(WaitFor::Outcome, Status::Sent)]);
    assert_eq!(waiters.len(), 2);
}

#[test]
fn a_mark_that_comes_first_is_the_outcome_too() {
    let mut waiters = all_three("m1");
    let read = waiters.on_action(&status("m1", Status::Read), true);
    assert_eq!(read, ALL.map(|wait| (wait, Status::Read)));
    let delivered = all_three("m1").on_action(&status("m1", Status::Delivered), true);
    assert_eq!(delivered, [WaitFor::Outcome, WaitFor::Delivered].map(|wait| (wait, Status::Delivered)));
}

#[test]
fn a_failure_ends_every_wait_for_the_message() {
    let failures = [Status::Rejected { code: 7 }, Status::NotSent, Status::Unconfirmed, Status::Cancelled];
    for failure in failures {
        let told = all_three("m1").on_action(&status("m1", failure), true);
        assert_eq!(told, ALL.map(|wait| (wait, failure)));
    }
}

#[test]
fn another_message_and_another_action_tell_nobody() {
    let mut waiters = all_three("m1");
    assert_eq!(waiters.on_action(&status("m2", Status::Unconfirmed), true), []);
    assert_eq!(waiters.on_action(&Action::LateReceipt { id: MessageId::from("m1") }, true), []);
    assert_eq!(waiters.len(), 3);
}

#[test]
fn who_stops_waiting_leaves_nothing_behind() {
    let mut waiters = all_three("m1");
    for wait in ALL {
        assert_eq!(waiters.forget(&MessageId::from("m1"), wait), Some(wait));
        assert_eq!(waiters.forget(&MessageId::from("m1"), wait), None);
    }
    assert!(waiters.is_empty());
}

#[test]
fn whoever_is_replaced_comes_back() {
    let mut waiters = Waiters::new();
    assert_eq!(waiters.wait(MessageId::from("m1"), WaitFor::Outcome, "first"), None);
    assert_eq!(waiters.wait(MessageId::from("m1"), WaitFor::Outcome, "second"), Some("first"));
    assert_eq!(waiters.on_action(&status("m1", Status::Accepted), true), [("second", Status::Accepted)]);
}

#[test]
fn the_end_of_the_loop_is_told_to_all_and_nobody_is_taken_after_it() {
    let mut waiters = all_three("m1");
    assert!(!waiters.is_finished());
    assert_eq!(waiters.finish(), ALL.map(|wait| (wait, Status::Unconfirmed)));
    assert!(waiters.is_finished() && waiters.is_empty());
    let late = waiters.wait(MessageId::from("m2"), WaitFor::Outcome, WaitFor::Outcome);
    assert_eq!(late, Some(WaitFor::Outcome), "whoever comes now comes back");
}

#[test]
fn waits_for_marks_that_may_never_come_are_bounded_and_outcomes_find_room() {
    let mut waiters = Waiters::new();
    let id = |number: usize| MessageId::from(format!("m{number}"));
    let most = Waiters::<usize>::MARKS;
    for number in 0..most {
        assert_eq!(waiters.wait(id(number), WaitFor::Read, number), None);
    }
    assert_eq!(waiters.wait(id(most), WaitFor::Delivered, most), Some(most), "one too many");
    assert_eq!(waiters.wait(id(0), WaitFor::Read, most), Some(0), "in place of another");
    assert_eq!(waiters.wait(id(most), WaitFor::Outcome, most), None);
    // Each mark that came makes room for one.
    assert_eq!(waiters.on_action(&Action::Status { id: id(5), status: Status::Read }, true), [(5, Status::Read)]);
    assert_eq!(waiters.wait(id(most), WaitFor::Delivered, most), None);
    assert_eq!(waiters.wait(id(most), WaitFor::Read, most), Some(most));
}
