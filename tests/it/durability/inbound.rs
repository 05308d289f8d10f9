//! Messages on their way in, across a restart: shown once, acknowledged every time.

use redial::config::{Acknowledge, Durability};
use redial::dialect::Login;
use redial::error::AcknowledgeError;
use redial::journal::{Call, CallError};
use redial::{Action, Config, Purpose};

use super::push;
use crate::sim::Terse;
use crate::support::Story;

#[test]
fn what_was_shown_before_a_restart_is_acknowledged_again_and_not_shown_again() {
    let mut story = Story::write_ahead(|_| {});
    story.ready().text(&push("m1")).persist();
    // Killed right after the storing: the acknowledgement may never have left.
    story.crash(2_000).back();
    story.seen();
    story.text(&push("m1"));
    let seen = story.seen();
    assert!(seen.delivered().is_empty());
    assert_eq!(seen.acks(), ["m1".into()]);
}

#[test]
fn what_was_shown_and_not_stored_is_shown_again() {
    let mut story = Story::write_ahead(|_| {});
    story.ready().persist().text(&push("m1"));
    assert!(story.seen().acks().is_empty(), "so the server still has it");
    story.crash(2_000).back();
    story.seen();
    story.text(&push("m1"));
    assert_eq!(story.seen().delivered(), ["news of m1"]);
}

#[test]
fn a_message_that_waits_for_the_application_is_delivered_again_by_the_next_process() {
    let mut story = Story::write_ahead(|config| config.inbox.acknowledge = Acknowledge::OnCall);
    story.ready().text(&push("m1")).text(&push("m2"));
    story.call(Call::Acknowledge { id: "m1".into() }).expect("it waits");
    story.restart(0).back();
    let unknown = Err(CallError::Acknowledge(AcknowledgeError::Unknown));
    assert_eq!(story.call(Call::Acknowledge { id: "m2".into() }), unknown, "the new process was not given it yet");
    story.persist();
    story.seen();
    story.text(&push("m1")).text(&push("m2"));
    let seen = story.seen();
    assert_eq!(seen.acks(), ["m1".into()], "m1 was acknowledged by the application");
    assert_eq!(seen.delivered(), ["news of m2"]);
    story.call(Call::Acknowledge { id: "m2".into() }).expect("it waits");
    assert!(story.seen().acks().is_empty());
    assert_eq!(story.persist().seen().acks(), ["m2".into()]);
}

#[test]
fn what_the_application_refused_stays_refused() {
    let mut story = Story::write_ahead(|config| config.inbox.acknowledge = Acknowledge::OnCall);
    story.ready().text(&push("poison"));
    story.call(Call::Reject { id: "poison".into() }).expect("it waits");
    story.restart(0).back();
    story.seen();
    story.text(&push("poison"));
    let seen = story.seen();
    assert!(seen.delivered().is_empty());
    assert_eq!(seen.acks(), ["poison".into()], "uni_app has no word for a refusal");
}

#[test]
fn the_window_outlives_restarts_with_its_order() {
    let mut story = Story::uni_app_with(|config| config.inbox.window = redial::config::Limit::new(3));
    story.ready();
    for id in ["m1", "m2", "m3"] {
        story.text(&push(id));
    }
    story.restart(0).back().text(&push("m4")).restart(0).back();
    story.seen();
    story.text(&push("m2")).text(&push("m3")).text(&push("m4"));
    assert!(story.seen().delivered().is_empty(), "the last three are known");
    assert_eq!(story.text(&push("m1")).seen().delivered(), ["news of m1"], "the oldest was forgotten");
}

#[test]
fn that_a_message_was_read_is_told_after_it_is_stored_that_it_came() {
    let mut config = Config::default();
    config.durability = Durability::WriteAhead;
    config.inbox.acknowledge = Acknowledge::OnCall;
    let mut story = Story::new(Terse::preset(Login::None, config));
    story.ready().persist().text("msg p1 hello");
    story.call(Call::Acknowledge { id: "p1".into() }).expect("it waits");
    story.call(Call::MarkRead { id: "p1".into(), conversation: String::new() }).expect("the dialect has a word for it");
    let told = |purpose: &Purpose| matches!(purpose, Purpose::Receipt { .. } | Purpose::Ack { .. });
    let sent = |action: &Action| matches!(action, Action::Send { purpose, .. } if told(purpose));
    assert_eq!(
        story.seen().count(sent),
        0,
        "killed here, nothing would be known of it, and the server would not push it again"
    );
    story.persist();
    assert_eq!(story.seen().count(sent), 2);
    story.call(Call::MarkRead { id: "p1".into(), conversation: String::new() }).expect("the dialect has a word for it");
    story.persist();
    assert_eq!(story.seen().count(sent), 0, "a mark that does not rise is not told again");
}

#[test]
fn what_was_read_in_each_conversation_is_told_again_by_the_next_process() {
    let mut config = Config::default();
    config.durability = Durability::WriteAhead;
    let mut story = Story::new(Terse::preset(Login::None, config));
    story.ready().persist();
    for (id, conversation) in [("p1", "one"), ("p2", "two")] {
        story.text(&format!("msg {id} hello"));
        story
            .call(Call::MarkRead { id: id.into(), conversation: conversation.into() })
            .expect("there is a word for it");
        story.persist();
    }
    story.restart(0).seen();
    story.back();
    let told = story.seen().count(|action| matches!(action, Action::Send { purpose: Purpose::Receipt { .. }, .. }));
    assert_eq!(told, 2);
}
