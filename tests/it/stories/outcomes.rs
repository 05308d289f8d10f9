//! An outcome is for good: in a dialect that has a word for every answer, nothing the peer says later changes one.

use redial::{Config, Login, MessageId, Purpose, Status};

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
    config.inbox.acknowledge = redial::Acknowledge::OnCall;
    let mut story = Story::new(Terse::preset(Login::None, config));
    story.ready().text("msg p1 poison");
    story.call(redial::journal::Call::Reject { id: "p1".into() }).expect("it waits");
    story.text("msg p1 poison");
    let nack = |action: &redial::Action| matches!(action, redial::Action::Send { purpose: Purpose::Nack { .. }, .. });
    assert_eq!(story.seen().count(nack), 2, "once when it was refused, once for its repeat");
}
