//! Receipts, and messages that go out again: `uni_app`'s words with resending on.

use redial::config::{Limit, PeerPolicy, Resend};
use redial::journal::Call;
use redial::{Action, Cause, Duration, Event, MessageId, Peer, Preset, Purpose, Seed, State, Status};

use crate::support::Story;

fn echo(id: &MessageId) -> String {
    format!(r#"{{"type":"MESSAGE","clientMessageId":"{id}"}}"#)
}

fn receipt(id: &MessageId) -> String {
    format!(r#"{{"type":"RECEIPT","clientMessageId":"{id}"}}"#)
}

#[test]
fn a_lost_ack_leads_to_a_resend_under_the_same_id_and_is_shown_once() {
    let mut story = Story::uni_app();
    let mut peer = Peer::new(Preset::uni_app(), PeerPolicy::default(), Seed::from(1_u64));
    story.ready();
    let id = story.send("exactly once");
    let mut shown = Vec::new();
    let mut acks = Vec::new();
    let mut copies = Vec::new();
    for _ in 0..2 {
        let connection = peer.accept(story.instant());
        for action in story.seen().all() {
            if let Action::Send { frame, purpose: Purpose::Message { id: of }, .. } = action {
                assert_eq!(of, &id);
                copies.push(frame.clone());
                peer.handle(story.instant(), Event::FrameIn { connection, frame: frame.clone() });
            }
        }
        for action in std::iter::from_fn(|| peer.poll_action()) {
            match action {
                Action::Deliver(message) => shown.push(message.body),
                Action::Send { frame, .. } => acks.push(frame),
                _ => {}
            }
        }
        if copies.len() == 1 {
            // The first acknowledgement is lost with its connection.
            story.closed(1006).wait_for_connect();
            story.opened();
        }
    }
    assert_eq!(copies.len(), 2);
    assert_eq!(copies[0], copies[1], "the same bytes");
    assert_eq!(shown, ["exactly once".into()]);
    assert_eq!(acks.len(), 2, "the repeat is acknowledged again");
    story.frame(acks[1].clone());
    assert_eq!(story.session.status(&id), Some(Status::Accepted));
    assert_eq!(story.session.stats().resent, 1);
}

#[test]
fn a_receipt_settles_and_marks_only_rise() {
    let mut story = Story::uni_app();
    story.ready();
    let id = story.send("hello");
    story.seen();
    story.text(&echo(&id)).text(&echo(&id)).text(&receipt(&id)).text(&echo(&id)).text(&receipt(&id));
    assert_eq!(story.seen().statuses(&id), [Status::Accepted, Status::Delivered]);
    assert_eq!(story.session.stats().unknown_receipts, 0);
}

#[test]
fn the_receivers_receipt_stands_in_for_a_lost_one_of_the_server() {
    let mut story = Story::uni_app();
    story.ready();
    let id = story.send("hello");
    story.seen();
    story.text(&receipt(&id));
    assert_eq!(story.seen().statuses(&id), [Status::Accepted, Status::Delivered]);
}

#[test]
fn any_receipt_makes_room_for_the_next_message() {
    for word in [echo, receipt] {
        let mut story = Story::uni_app_with(|config| config.outbox.in_flight = Limit::new(1));
        story.ready();
        let first = story.send("first");
        story.send("second");
        story.seen();
        story.text(&word(&first));
        assert_eq!(story.seen().messages().len(), 1);
    }
}

#[test]
fn a_receipt_for_a_message_that_was_never_sent_settles_nothing() {
    let mut story = Story::uni_app_with(|config| config.outbox.in_flight = Limit::new(1));
    story.ready();
    story.send("first");
    let second = story.send("second");
    story.seen();
    story.text(&echo(&second)).text(&echo(&"stranger".into()));
    assert!(story.seen().is_empty());
    assert_eq!(story.session.stats().unknown_receipts, 1, "the other id is one of ours");
}

#[test]
fn the_unconfirmed_go_out_first_and_in_order_on_the_next_connection() {
    let mut story = Story::uni_app_with(|config| config.outbox.in_flight = Limit::new(2));
    story.ready();
    let ids: Vec<MessageId> = ["a", "b", "c"].map(|id| story.send_id(id, id)).into();
    story.text(&echo(&ids[0])).closed(1006).wait_for_connect();
    story.seen();
    story.opened();
    let frames = story.seen().messages();
    let texts: Vec<&str> = frames.iter().filter_map(|frame| frame.split('"').nth_back(1)).collect();
    assert_eq!(texts, ["b", "c"]);
}

#[test]
fn a_missing_receipt_recycles_the_link() {
    let mut story = Story::uni_app();
    story.ready();
    let id = story.send("unheard");
    story.wait(10_000).text(r#"{"type":"OTHER"}"#).wait(9_999);
    assert_eq!(story.state(), State::Ready);
    story.wait(1);
    assert_eq!(story.seen().losses(), [(Cause::ReceiptOverdue, story.deadline().expect("it waits").at.as_millis())]);
    story.wait_for_connect();
    story.opened();
    assert_eq!(story.seen().messages().len(), 1);
    assert_eq!(story.session.status(&id), Some(Status::Sent));
}

#[test]
fn a_message_that_keeps_ending_the_link_is_set_aside_and_the_rest_goes_on() {
    let mut story = Story::uni_app();
    story.ready();
    let (poison, good) = (story.send("poison"), story.send("good"));
    for losses in 1..=3 {
        assert_eq!(story.session.status(&poison), Some(Status::Sent), "after {losses} losses");
        story.closed(1006).wait_for_connect();
        story.seen();
        story.opened();
    }
    assert_eq!(story.session.status(&poison), Some(Status::Unconfirmed));
    let frames = story.seen().messages();
    assert!(frames.len() == 1 && frames[0].contains("good"), "{frames:?}");
    story.text(&echo(&good));
    assert_eq!(story.session.status(&good), Some(Status::Accepted));
}

#[test]
fn the_suspicion_of_a_message_ends_with_every_loss_that_it_cannot_have_caused() {
    let other: [fn(&mut Story); 4] = [
        // A link that goes silent, one that is renewed, one that held for long, and one on which the message was not.
        |story| {
            story.wait(55_000);
        },
        |story| {
            story.call(Call::ReconnectNow).expect("it is open");
        },
        |story| {
            story.wait(20_000).pong().wait(10_000).closed(1006);
        },
        |story| {
            story.closed(1006).wait_for_connect();
            story.hold().opened().closed(1006).release();
        },
    ];
    for (which, other) in other.into_iter().enumerate() {
        let mut story = Story::uni_app_with(|config| config.outbox.receipt_timeout = None);
        story.ready();
        let id = story.send("innocent");
        let lose = |story: &mut Story| {
            story.closed(1006).wait_for_connect();
            story.opened();
        };
        lose(&mut story);
        other(&mut story);
        story.wait_for_connect();
        story.opened();
        for _ in 0..2 {
            assert_eq!(story.session.status(&id), Some(Status::Sent), "{which}");
            lose(&mut story);
        }
        assert_eq!(story.session.status(&id), Some(Status::Sent), "{which}: two losses in a row");
        lose(&mut story);
        assert_eq!(story.session.status(&id), Some(Status::Unconfirmed), "{which}: and the third");
    }
}

#[test]
fn a_suspected_message_travels_alone() {
    let mut story = Story::uni_app();
    story.ready();
    story.send("suspect");
    story.send("bystander");
    for expected in [2, 1] {
        story.closed(1006).wait_for_connect();
        story.seen();
        story.opened();
        assert_eq!(story.seen().messages().len(), expected);
    }
}

#[test]
fn silence_says_nothing_about_a_message() {
    let mut story = Story::uni_app_with(|config| config.outbox.receipt_timeout = None);
    story.ready();
    let id = story.send("innocent");
    for _ in 0..5 {
        story.wait(55_000).wait_for_connect();
        story.opened();
    }
    assert_eq!(story.session.status(&id), Some(Status::Sent));
    assert_eq!(story.session.stats().resent, 5);
}

#[test]
fn a_message_that_must_not_go_out_twice_is_told_as_unknown() {
    let mut story = Story::uni_app();
    let id = story.send_once("pay 10");
    story.ready();
    story.closed(1006);
    assert_eq!(story.session.status(&id), Some(Status::Unconfirmed));
    story.wait_for_connect();
    story.seen();
    story.opened();
    assert!(story.seen().messages().is_empty());
    story.call(Call::Resend { id: id.clone() }).expect("the user decides");
    assert_eq!(story.seen().messages().len(), 1);
}

#[test]
fn without_resending_a_lost_connection_settles_what_was_sent() {
    let mut story = Story::uni_app_with(|config| config.outbox.resend = Resend::Never);
    story.ready();
    let id = story.send("hello");
    story.closed(1006);
    assert_eq!(story.session.status(&id), Some(Status::Unconfirmed));
    story.wait_for_connect();
    story.opened().seen();
    story.text(&echo(&id)).text(&receipt(&id));
    let late = story.seen().count(|action| *action == Action::LateReceipt { id: id.clone() });
    assert_eq!(late, 2, "each receipt is told, and none of them twice");
    assert_eq!(story.session.status(&id), Some(Status::Unconfirmed));
}

#[test]
fn without_resending_a_missing_receipt_costs_the_message_and_not_the_link() {
    let mut story = Story::uni_app_with(|config| config.outbox.resend = Resend::Never);
    story.ready();
    let id = story.send("hello");
    story.wait(5_000).pong().wait(15_000);
    assert_eq!((story.session.status(&id), story.state()), (Some(Status::Unconfirmed), State::Ready));
}

#[test]
fn what_the_server_may_have_forgotten_is_not_sent_again() {
    let mut story = Story::uni_app_with(|config| {
        config.outbox.dedup_window = Some(Duration::from_secs(60));
        config.outbox.receipt_timeout = None;
    });
    story.ready();
    let id = story.send("old");
    story.wait(10_000).closed(1006).wait_for_connect();
    story.event(Event::Woke { asleep: Duration::from_secs(60) });
    let young = story.send("young");
    story.opened();
    assert_eq!(story.session.status(&id), Some(Status::Unconfirmed));
    assert_eq!(story.session.status(&young), Some(Status::Sent));
}

#[test]
fn a_resend_by_hand_reads_as_the_users_own_decision_whatever_the_age() {
    let mut story = Story::uni_app_with(|config| config.outbox.dedup_window = Some(Duration::from_secs(1)));
    story.ready();
    let id = story.send_for("old", 500);
    story.wait(5_000).seen();
    story.call(Call::Resend { id: id.clone() }).expect("it is unconfirmed");
    assert_eq!(story.seen().messages().len(), 1);
    assert_eq!(story.session.status(&id), Some(Status::Sent));
}

#[test]
fn a_write_that_failed_in_a_later_round_leaves_that_round_without_an_age() {
    let mut story = Story::uni_app_with(|config| config.outbox.dedup_window = Some(Duration::from_secs(1)));
    story.ready();
    let id = story.send_for("old", 500);
    story.wait(5_000);
    story.call(Call::Resend { id: id.clone() }).expect("it is unconfirmed");
    story.send_failed(Purpose::Message { id: id.clone() });
    story.wait(2_000);
    while story.state() != State::Ready {
        story.wait_for_connect();
        story.opened();
    }
    assert_eq!(story.session.status(&id), Some(Status::Sent), "no copy of this round had left, so none is too old");
}
