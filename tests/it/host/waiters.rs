//! Those who wait for a message: each is told once, and nobody waits for ever.

use redial::host::{WaitFor, Waiters};
use redial::{Action, MessageId, Status};

const ALL: [WaitFor; 3] = [WaitFor::Outcome, WaitFor::Delivered, WaitFor::Read];

fn status(id: &str, status: Status) -> Action {
    Action::Status { id: MessageId::from(id), status }
}

fn id(name: &str) -> MessageId {
    MessageId::from(name)
}

/// One waiter of each sort for this message.
fn all_three(name: &str) -> Waiters<WaitFor> {
    let mut waiters = Waiters::new();
    for wait_for in ALL {
        waiters.wait(id(name), wait_for, wait_for).expect("room");
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
    let mut waiters = Waiters::new();
    let tickets = ALL.map(|wait_for| waiters.wait(id("m1"), wait_for, wait_for).expect("room"));
    for (ticket, wait_for) in tickets.iter().zip(ALL) {
        assert_eq!(waiters.forget(ticket), Some(wait_for));
        assert_eq!(waiters.forget(ticket), None);
    }
    assert!(waiters.is_empty());
}

#[test]
fn all_who_wait_for_the_same_are_told_in_the_order_they_came() {
    for wait_for in ALL {
        let mut waiters = Waiters::new();
        for name in ["first", "second", "third"] {
            waiters.wait(id("m1"), wait_for, name).expect("room");
        }
        let read = waiters.on_action(&status("m1", Status::Read), true);
        assert_eq!(read, ["first", "second", "third"].map(|name| (name, Status::Read)));
        assert!(waiters.is_empty());
    }
}

#[test]
fn whoever_leaves_takes_nobody_along() {
    let mut waiters = Waiters::new();
    let first = waiters.wait(id("m1"), WaitFor::Read, "first").expect("room");
    waiters.wait(id("m1"), WaitFor::Read, "second").expect("room");
    assert_eq!(waiters.forget(&first), Some("first"));
    assert_eq!(waiters.on_action(&status("m1", Status::Read), true), [("second", Status::Read)]);
}

#[test]
fn an_old_ticket_opens_no_new_door() {
    let mut waiters = Waiters::new();
    let old = waiters.wait(id("m1"), WaitFor::Outcome, "the first m1").expect("room");
    assert_eq!(waiters.on_action(&status("m1", Status::Accepted), true), [("the first m1", Status::Accepted)]);
    waiters.wait(id("m1"), WaitFor::Outcome, "the second m1").expect("room");
    assert_eq!(waiters.forget(&old), None);
    assert_eq!(waiters.on_action(&status("m1", Status::NotSent), true), [("the second m1", Status::NotSent)]);
}

#[test]
fn an_id_that_is_given_to_another_message_ends_the_waits_for_the_first() {
    let mut waiters = all_three("m1");
    waiters.on_action(&status("m1", Status::Accepted), true);
    waiters.on_action(&status("m1", Status::Delivered), true);
    assert_eq!(waiters.renamed(&id("m2")), []);
    assert_eq!(waiters.renamed(&id("m1")), [(WaitFor::Read, Status::Delivered)]);
    assert!(waiters.is_empty());
}

#[test]
fn the_end_of_the_loop_is_told_to_all_and_nobody_is_taken_after_it() {
    let mut waiters = all_three("m1");
    assert!(!waiters.is_finished());
    assert_eq!(waiters.finish(), ALL.map(|wait| (wait, Status::Unconfirmed)));
    assert!(waiters.is_finished() && waiters.is_empty());
    let late = waiters.wait(id("m2"), WaitFor::Outcome, WaitFor::Outcome);
    assert_eq!(late, Err(WaitFor::Outcome), "whoever comes now comes back");
}

#[test]
fn the_end_of_the_loop_takes_no_outcome_back() {
    let mut waiters = all_three("m1");
    waiters.wait(id("m2"), WaitFor::Read, WaitFor::Read).expect("room");
    waiters.on_action(&status("m1", Status::Accepted), true);
    waiters.on_action(&status("m2", Status::Sent), true);
    let accepted = [WaitFor::Delivered, WaitFor::Read].map(|wait_for| (wait_for, Status::Accepted));
    assert_eq!(waiters.finish(), [accepted.as_slice(), &[(WaitFor::Read, Status::Unconfirmed)]].concat());
}

#[test]
fn waits_that_may_never_end_are_bounded_and_outcomes_find_room() {
    let mut waiters = Waiters::new();
    let most = Waiters::<usize>::MOST;
    let named = |number: usize| id(&format!("m{number}"));
    let tickets: Vec<_> = (0..most).map(|number| waiters.wait(named(number), WaitFor::Read, number)).collect();
    assert_eq!(waiters.wait(named(most), WaitFor::Delivered, most), Err(most), "one too many");
    assert_eq!(waiters.wait(named(0), WaitFor::Read, most), Err(most), "one too many for the same");
    let outcome = waiters.wait(named(most), WaitFor::Outcome, most).expect("the outbox bounds these");
    assert_eq!(waiters.wait(named(most), WaitFor::Outcome, most), Err(most), "the second for one outcome");
    // Each mark that came makes room for one, and so does whoever leaves.
    assert_eq!(waiters.on_action(&Action::Status { id: named(5), status: Status::Read }, true), [(5, Status::Read)]);
    assert!(waiters.wait(named(most), WaitFor::Delivered, most).is_ok());
    assert_eq!(waiters.wait(named(most), WaitFor::Read, most), Err(most));
    assert_eq!(waiters.forget(tickets[7].as_ref().expect("room")), Some(7));
    assert!(waiters.wait(named(most), WaitFor::Outcome, most).is_ok());
    assert_eq!(waiters.forget(&outcome), Some(most));
    assert_eq!(waiters.wait(named(most), WaitFor::Read, most), Err(most), "that place was never counted");
}
