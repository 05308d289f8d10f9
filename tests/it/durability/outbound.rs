//! Messages on their way out, across a restart: sent again under the same id, or told honestly that nobody knows.

use std::collections::BTreeSet;

use redial::config::{Limit, Resend, WhileDown};
use redial::journal::{Call, CallError};
use redial::{Action, Duration, Event, MessageId, SendError, Status};

use super::receipt;
use crate::support::Story;

#[test]
fn a_half_sent_message_goes_out_again_under_its_id_and_as_the_same_bytes() {
    let mut story = Story::uni_app();
    story.ready();
    let id = story.send("hello");
    let before = story.seen().messages();
    story.restart(1_000).back();
    let seen = story.seen();
    assert_eq!(seen.messages(), before);
    assert_eq!(seen.statuses(&id), [Status::Sent]);
    story.text(&receipt(&id));
    assert_eq!(story.seen().statuses(&id), [Status::Accepted]);
}

#[test]
fn a_half_sent_message_that_may_go_out_only_once_is_unconfirmed() {
    let mut story = Story::uni_app();
    story.ready();
    let id = story.send_once("pay 10");
    let waiting = story.hold().send_once("pay 20");
    story.restart(0);
    assert_eq!(story.seen().statuses(&id), [Status::Unconfirmed]);
    story.ready();
    let seen = story.seen();
    assert_eq!(seen.statuses(&waiting), [Status::Sent], "of this one not a byte had left");
    assert_eq!(seen.messages().len(), 1);
}

#[test]
fn where_nothing_waits_for_a_connection_nothing_waits_over_a_restart_either() {
    let mut story = Story::uni_app_with(|config| config.outbox.while_down = WhileDown::Refuse);
    story.ready();
    let sent = story.send("half sent");
    let held = story.hold().send("not sent");
    story.seen();
    story.restart(0);
    let seen = story.seen();
    assert_eq!(seen.statuses(&sent), [Status::Unconfirmed]);
    assert_eq!(seen.statuses(&held), [Status::NotSent]);
    assert_eq!(story.session.unsettled(), 0);
}

#[test]
fn without_resending_a_half_sent_message_is_unconfirmed() {
    let mut story = Story::uni_app_with(|config| config.outbox.resend = Resend::Never);
    story.ready();
    let sent = story.send("half sent");
    let waiting = story.hold().send("still here");
    story.restart(0);
    assert_eq!(story.seen().statuses(&sent), [Status::Unconfirmed]);
    story.ready();
    assert_eq!(story.seen().statuses(&waiting), [Status::Sent]);
}

#[test]
fn under_write_ahead_what_was_stored_may_have_left_a_moment_later() {
    let mut story = Story::write_ahead(|_| {});
    story.ready().persist();
    let once = story.send_once("pay 10");
    let many = story.send("hello");
    // Killed after the storing: nobody can know whether the frames left.
    story.persist().crash(500);
    assert_eq!(story.seen().statuses(&once), [Status::Unconfirmed]);
    story.back();
    assert_eq!(story.seen().statuses(&many), [Status::Sent]);
    assert_eq!(story.call(Call::Cancel { id: many }), Err(CallError::Cancel(redial::error::CancelError::Sent)));
}

#[test]
fn a_message_that_was_never_stored_was_never_told_and_its_id_never_comes_again() {
    let mut story = Story::write_ahead(|_| {});
    story.ready().persist();
    let lost = story.send("not stored");
    let seen = story.seen();
    assert!(seen.messages().is_empty() && seen.statuses(&lost).is_empty());
    story.crash(0).back();
    assert_eq!(story.session.status(&lost), None);
    assert_ne!(story.send("another"), lost, "nobody can know whether it was seen");
}

#[test]
fn what_is_older_than_the_servers_memory_is_unconfirmed_and_not_sent_again() {
    for (away, again) in [(118_000, true), (119_000, false)] {
        let mut story = Story::uni_app_with(|config| config.outbox.dedup_window = Some(Duration::from_secs(120)));
        story.ready();
        let id = story.send("hello");
        story.wait(1_000).restart(away).back();
        let seen = story.seen();
        assert_eq!(seen.messages().len(), usize::from(again), "{away} ms away");
        assert_eq!(seen.statuses(&id), [if again { Status::Sent } else { Status::Unconfirmed }]);
    }
}

#[test]
fn ages_add_up_over_sleep_and_several_restarts() {
    let mut story = Story::uni_app_with(|config| config.outbox.dedup_window = Some(Duration::from_secs(120)));
    story.ready();
    let id = story.send("hello");
    story.wait(10_000).restart(40_000);
    story.event(Event::Woke { asleep: Duration::from_secs(40) });
    story.wait(10_000).restart(19_999).back();
    assert_eq!(story.seen().statuses(&id), [Status::Sent], "one millisecond before the end");
    story.restart(1).back();
    assert_eq!(story.seen().statuses(&id), [Status::Unconfirmed]);
}

#[test]
fn a_time_to_live_passes_while_nobody_is_there() {
    let mut story = Story::uni_app();
    let never = story.send_for("never sent", 60_000);
    let kept = story.send_for("in time", 60_001);
    story.ready().hold();
    let held = story.send_for("held", 30_000);
    story.seen();
    story.wait(10_000).restart(50_000);
    let seen = story.seen();
    assert_eq!(seen.statuses(&never), [Status::Unconfirmed], "it had been sent");
    assert_eq!(seen.statuses(&held), [Status::NotSent]);
    assert_eq!(story.session.status(&kept), Some(Status::Sent));
    assert_eq!(story.wait(1).seen().statuses(&kept), [Status::Unconfirmed]);
}

#[test]
fn ids_never_repeat_over_restarts() {
    let mut story = Story::uni_app();
    let mut ids = BTreeSet::new();
    for round in 0..20 {
        story.back();
        for _ in 0..round % 4 {
            ids.insert(story.send("hello"));
        }
        let connection = story.connection();
        story.restart(10_000).open();
        assert!(story.connection() > connection, "neither do connections");
        story.wait(120_000).restart(120_000);
    }
    assert_eq!(ids.len(), 30);
    let nonces: BTreeSet<_> =
        ids.iter().filter_map(|id| id.as_text()?.split_once('-').map(|(nonce, _)| nonce)).collect();
    assert_eq!(nonces.len(), 15, "each process that sends has a nonce of its own");
}

#[test]
fn settled_messages_are_remembered_for_late_receipts_double_ids_and_resending_by_hand() {
    let mut story = Story::uni_app();
    story.ready();
    let accepted = story.send_id("accepted", "c1");
    let unknown = story.send_once("unknown");
    story.text(&receipt(&accepted)).restart(5_000).back();
    story.seen();
    assert_eq!(story.session.status(&accepted), Some(Status::Accepted));
    let twice = Call::Send { body: "again".into(), id: Some("c1".into()), time_to_live: None, once: false };
    assert_eq!(story.call(twice), Err(CallError::Send(SendError::DuplicateId)));
    story.text(&receipt(&unknown));
    assert_eq!(story.seen().all(), [Action::LateReceipt { id: unknown.clone() }]);
    story.text(&format!(r#"{{"type":"RECEIPT","clientMessageId":"{accepted}"}}"#));
    assert_eq!(story.seen().statuses(&accepted), [Status::Delivered]);
    story.call(Call::Resend { id: unknown.clone() }).expect("its body was kept");
    let seen = story.seen();
    assert_eq!(seen.statuses(&unknown), [Status::Queued, Status::Sent]);
    assert!(seen.messages()[0].contains("unknown"));
}

#[test]
fn the_body_of_a_failed_message_outlives_a_restart_whatever_was_sent_after_it() {
    let mut story = Story::plain_with(|config| {
        config.outbox.in_flight = Limit::new(1);
        config.outbox.remembered = Limit::new(100);
    });
    story.open();
    let failed = story.send_for("failed", 10);
    story.wait(10).opened();
    assert_eq!(story.session.status(&failed), Some(Status::NotSent));
    for _ in 0..5 {
        story.send("sent");
    }
    story.restart(0).back();
    story.call(Call::Resend { id: failed }).expect("its body was kept");
    assert_eq!(story.seen().messages(), ["failed"]);
}

#[test]
fn messages_keep_their_order_over_a_restart() {
    let mut story = Story::uni_app_with(|config| config.outbox.in_flight = Limit::new(2));
    story.ready();
    let ids: Vec<MessageId> = ["one", "two", "three", "four"].map(|body| story.send(body)).to_vec();
    story.restart(0).back();
    for id in &ids {
        story.text(&receipt(id));
    }
    let seen = story.seen();
    let sent: Vec<_> = ["one", "two", "three", "four"].map(|body| format!(r#""content":"{body}""#)).to_vec();
    let messages = seen.messages();
    assert_eq!(messages.len(), 4);
    assert!(messages.iter().zip(&sent).all(|(message, body)| message.contains(body)), "{messages:?}");
    assert_eq!(story.session.unsettled(), 0);
}
