//! An outcome is for good: in a dialect that has a word for every answer, nothing the peer says later changes one.

use redial::dialect::Login;
use redial::{Config, MessageId, Purpose, Status};

use crate::sim::Terse;
use crate::support::Story;

fn story() -> Story {
    Story::new(Terse::preset(Login::None, Config::default()))
}

/// Every answer there is to a message.
fn answers(id: &MessageId) -> [String; 5] {
    ["ack ID", "nack ID 7", "nack ID 8", "delivered ID", "read ID"].map(|answer| answer.replace("ID", &id.to_string()))
}

#[test]
fn what_the_server_refused_it_cannot_accept_later() {
    for at in 0..5 {
        let mut story = story();
        story.ready();
        let id = story.send("hello");
        let later = &answers(&id)[at];
        story.text(&format!("nack {id} 7"));
        assert_eq!(story.session.status(&id), Some(Status::Rejected { code: 7 }));
        story.seen();
        story.text(later);
        assert_eq!(story.seen().statuses(&id), [], "after {later}");
        assert_eq!(story.session.status(&id), Some(Status::Rejected { code: 7 }), "after {later}");
    }
}

#[test]
fn what_the_server_accepted_it_cannot_refuse_later() {
    for mark in ["ack", "delivered", "read"] {
        let mut story = story();
        story.ready();
        let id = story.send("hello");
        story.text(&format!("{mark} {id}"));
        let before = story.session.status(&id);
        story.seen();
        story.text(&format!("nack {id} 7"));
        assert_eq!(story.seen().statuses(&id), [], "after {mark}");
        assert_eq!(story.session.status(&id), before, "after {mark}");
    }
}

#[test]
fn what_is_unconfirmed_stays_so_whatever_is_said_later() {
    let mut story = story();
    story.ready();
    let id = story.send_once("hello");
    story.closed(1006);
    assert_eq!(story.seen().statuses(&id), [Status::Queued, Status::Sent, Status::Unconfirmed]);
    story.wait_for_connect();
    story.opened();
    for answer in answers(&id) {
        story.text(&answer);
    }
    assert_eq!(story.session.status(&id), Some(Status::Unconfirmed));
    assert_eq!(story.seen().statuses(&id), []);
}

#[test]
fn what_was_not_sent_or_was_taken_back_stays_so() {
    let mut story = story();
    story.ready().hold();
    let (cancelled, expired) = (story.send("never mind"), story.send_for("too late", 1_000));
    story.call(redial::journal::Call::Cancel { id: cancelled.clone() }).expect("nothing of it was sent");
    story.wait(1_000);
    for (id, status) in [(&cancelled, Status::Cancelled), (&expired, Status::NotSent)] {
        story.seen();
        for answer in answers(id) {
            story.text(&answer);
        }
        assert_eq!(story.session.status(id), Some(status));
        assert_eq!(story.seen().statuses(id), []);
    }
}

#[test]
fn a_new_round_has_an_outcome_of_its_own() {
    let mut story = story();
    story.ready();
    let id = story.send("hello");
    story.text(&format!("nack {id} 7"));
    story.call(redial::journal::Call::Resend { id: id.clone() }).expect("a refused message can be sent again");
    story.text(&format!("ack {id}"));
    let told = story.seen().statuses(&id);
    let round = [Status::Queued, Status::Sent];
    assert_eq!(told, [&round[..], &[Status::Rejected { code: 7 }], &round, &[Status::Accepted]].concat());
}

#[test]
fn a_push_that_the_application_refuses_is_refused_in_the_words_of_the_dialect() {
    let mut config = Config::default();
    config.inbox.acknowledge = redial::config::Acknowledge::OnCall;
    let mut story = Story::new(Terse::preset(Login::None, config));
    story.ready().text("msg p1 poison");
    story.call(redial::journal::Call::Reject { id: "p1".into() }).expect("it waits");
    story.text("msg p1 poison");
    let nack = |action: &redial::Action| matches!(action, redial::Action::Send { purpose: Purpose::Nack { .. }, .. });
    assert_eq!(story.seen().count(nack), 2, "once when it was refused, once for its repeat");
}

#[test]
fn marks_rise_to_read_whatever_comes_between_and_never_fall() {
    let mut story = story();
    story.ready();
    let id = story.send("hello");
    for (answer, told) in [
        ("ack", Some(Status::Accepted)),
        ("ack", None),
        ("delivered", Some(Status::Delivered)),
        ("ack", None),
        ("delivered", None),
        ("read", Some(Status::Read)),
        ("delivered", None),
        ("read", None),
        ("ack", None),
    ] {
        story.seen();
        story.text(&format!("{answer} {id}"));
        assert_eq!(story.seen().statuses(&id), told.into_iter().collect::<Vec<_>>(), "{answer}");
    }
    assert_eq!(story.session.status(&id), Some(Status::Read));
}

#[test]
fn a_late_receipt_is_told_where_it_says_that_the_message_arrived_and_not_where_it_was_refused() {
    let mut story = story();
    story.ready();
    let id = story.send_once("hello");
    story.closed(1006);
    story.wait_for_connect();
    story.opened().seen();
    for (answer, told) in [("nack ID 7", 0), ("ack ID", 1), ("delivered ID", 1), ("read ID", 1)] {
        story.text(&answer.replace("ID", &id.to_string()));
        let late = |action: &redial::Action| matches!(action, redial::Action::LateReceipt { id: of } if *of == id);
        assert_eq!(story.seen().count(late), told, "{answer}");
    }
}

#[test]
fn the_bodies_of_failed_messages_give_way_to_new_ones_oldest_first_and_only_as_far_as_needed() {
    for (bytes, kept) in
        [(1, [true, true]), (2, [true, true]), (3, [false, true]), (6, [false, true]), (7, [false, false])]
    {
        let mut config = Config::default();
        config.outbox.bytes = redial::config::Limit::new(10);
        let mut story = Story::new(Terse::preset(Login::None, config));
        story.ready();
        let failed = ["1234", "5678"].map(|body| story.send(body));
        for id in &failed {
            story.text(&format!("nack {id} 7"));
        }
        story.send(&"x".repeat(bytes));
        let resent = failed.map(|id| story.call(redial::journal::Call::Resend { id }));
        let gone = redial::journal::CallError::Resend(redial::error::ResendError::Unknown);
        assert_eq!(resent.map(|answer| answer != Err(gone)), kept, "beside {bytes} bytes");
    }
}

#[test]
fn of_two_copies_that_are_out_the_answer_that_comes_first_counts() {
    let mut story = story();
    story.ready();
    let id = story.send_for("hello", 1_000);
    story.wait(1_000);
    assert_eq!(story.session.status(&id), Some(Status::Unconfirmed));
    story.call(redial::journal::Call::Resend { id: id.clone() }).expect("nobody knows what became of it");
    story.seen();
    // The refusal is for the first copy, which no frame says.
    story.text(&format!("nack {id} 7")).text(&format!("ack {id}"));
    assert_eq!(story.seen().statuses(&id), [Status::Rejected { code: 7 }]);
}
