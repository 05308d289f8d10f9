//! The order of things: nothing is told, sent or acknowledged before the host has stored what it rests on.

use redial::config::{Durability, OnFailure, PeerPolicy};
use redial::dialect::Login;
use redial::journal::Call;
use redial::{Action, Config, Duration, Event, Frame, MessageId, Peer, Preset, Seed, Session, Status};

use super::{push, receipt};
use crate::oracle::drain;
use crate::sim::Terse;
use crate::support::{Seen, Story, with};

fn versions(seen: &Seen) -> Vec<u64> {
    let version = |action: &Action| match action {
        Action::Persist { version, .. } => Some(*version),
        _ => None,
    };
    seen.all().iter().filter_map(version).collect()
}

#[test]
fn a_message_is_told_and_sent_only_after_it_is_stored() {
    let mut story = Story::write_ahead(|_| {});
    story.ready().persist();
    story.seen();
    let id = story.send("hello");
    let seen = story.seen();
    assert_eq!(versions(&seen).len(), 1);
    assert!(seen.messages().is_empty(), "it must not leave before it is stored");
    assert!(seen.statuses(&id).is_empty(), "nor be told");
    assert_eq!(story.persist().seen().statuses(&id), [Status::Queued, Status::Sent]);
    story.persist();
    assert!(story.seen().is_empty(), "storing the same version again does nothing");
}

#[test]
fn what_waits_for_the_connection_is_told_when_it_is_stored_and_sent_when_it_is_ready() {
    let mut story = Story::write_ahead(|_| {});
    let id = story.send("early");
    assert_eq!(story.persist().seen().statuses(&id), [Status::Queued]);
    story.ready();
    assert!(story.seen().messages().is_empty(), "that it may leave has to be stored, too");
    assert_eq!(story.persist().seen().statuses(&id), [Status::Sent]);
}

#[test]
fn what_was_typed_offline_is_known_after_a_crash_as_never_sent() {
    let mut story = Story::write_ahead(|config| config.outbox.dedup_window = Some(Duration::from_secs(120)));
    story.open().persist();
    let late = story.send("typed in a tunnel");
    let once = story.send_once("pay 10");
    let never = story.send("never mind");
    // An hour later, after attempts that never got anywhere.
    story.persist().errored(redial::TransportError::Io).wait_for_connect();
    story.persist().crash(3_600_000);
    story.call(Call::Cancel { id: never.clone() }).expect("not a byte of it was sent");
    story.back();
    let seen = story.seen();
    assert_eq!(seen.statuses(&late), [Status::Sent]);
    assert_eq!(seen.statuses(&once), [Status::Sent]);
    assert_eq!(seen.statuses(&never), [Status::Cancelled]);
}

#[test]
fn a_version_stored_for_an_earlier_connection_does_not_open_the_next_one() {
    let mut story = Story::write_ahead(|_| {});
    let id = story.send_once("pay 10");
    story.persist().ready();
    let version = story.version;
    // The snapshot for that version is taken when the connection is gone, so it says that nothing was sent.
    story.closed(1006).wait_for_connect();
    story.opened();
    story.seen();
    story.call(Call::Persisted { version }).expect("it is never refused");
    assert!(story.seen().messages().is_empty());
    story.persist().crash(0);
    assert_eq!(story.seen().statuses(&id), [Status::Unconfirmed], "it may have left after the last storing");
}

#[test]
fn an_arrival_is_acknowledged_only_after_it_is_stored() {
    let mut story = Story::write_ahead(|_| {});
    story.ready().persist();
    story.seen();
    story.text(&push("m1"));
    let seen = story.seen();
    assert_eq!(seen.delivered(), ["news of m1"]);
    assert!(seen.acks().is_empty());
    let deliver_first = seen.all().iter().position(|action| matches!(action, Action::Persist { .. }));
    assert_eq!(deliver_first, Some(seen.all().len() - 1), "the request to store comes after what is to be stored");
    assert_eq!(story.persist().seen().acks(), ["m1".into()]);
}

#[test]
fn versions_only_rise_and_an_input_that_changes_nothing_durable_asks_for_nothing() {
    let mut story = Story::write_ahead(|_| {});
    story.ready();
    let id = story.send("hello");
    story.text(&push("m1")).persist().text(&receipt(&id)).text(&push("m2"));
    let seen = versions(&story.seen());
    assert!(seen.len() >= 4 && seen.is_sorted_by(|one, other| one < other), "{seen:?}");
    story.persist();
    story.seen();
    story.pong().tick().text("{}").text(&push("m2"));
    story.event(Event::Online);
    assert!(versions(&story.seen()).is_empty());
}

#[test]
fn a_later_version_covers_all_before_it_and_an_older_one_takes_nothing_back() {
    let mut story = Story::write_ahead(|_| {});
    story.ready();
    let early = story.send("one");
    let version = story.version;
    let late = story.send("two");
    story.seen();
    story.call(Call::Persisted { version }).expect("it is never refused");
    let seen = story.seen();
    assert_eq!(seen.statuses(&early), [Status::Queued, Status::Sent]);
    assert!(seen.statuses(&late).is_empty(), "the second is not covered yet");
    story.call(Call::Persisted { version: u64::MAX }).expect("it is never refused");
    assert_eq!(story.seen().statuses(&late), [Status::Queued, Status::Sent]);
    story.call(Call::Persisted { version: 0 }).expect("it is never refused");
    let third = story.send("three");
    assert!(story.seen().statuses(&third).is_empty());
    assert_eq!(story.persist().seen().statuses(&third), [Status::Queued, Status::Sent]);
}

#[test]
fn an_acknowledgement_whose_connection_is_gone_is_dropped_and_the_repeat_is_acknowledged() {
    let mut story = Story::write_ahead(|_| {});
    story.ready().persist().text(&push("m1"));
    story.closed(1006).wait_for_connect();
    story.opened();
    story.seen();
    assert!(story.persist().seen().acks().is_empty(), "the new connection was asked nothing");
    story.text(&push("m1"));
    let seen = story.seen();
    assert!(seen.delivered().is_empty(), "it was shown already");
    assert_eq!(seen.acks(), ["m1".into()]);
}

#[test]
fn a_repeat_that_comes_before_the_first_is_stored_waits_with_it_and_is_answered_once() {
    let mut story = Story::write_ahead(|_| {});
    story.ready().persist();
    story.seen();
    story.text(&push("m1")).text(&push("m1"));
    assert!(story.seen().acks().is_empty());
    assert_eq!(story.persist().seen().acks(), ["m1".into()]);
}

#[test]
fn a_message_that_is_taken_back_before_it_is_stored_is_told_once_and_never_sent() {
    let mut story = Story::write_ahead(|_| {});
    story.ready().persist();
    let id = story.send("never mind");
    story.seen();
    story.call(Call::Cancel { id: id.clone() }).expect("it was not sent");
    story.persist();
    let seen = story.seen();
    assert_eq!(seen.statuses(&id), [Status::Cancelled]);
    assert!(seen.messages().is_empty());
}

#[test]
fn a_resend_by_hand_waits_for_storing_like_a_send() {
    let mut story = Story::write_ahead(|_| {});
    story.ready().persist();
    let id = story.send_once("only once");
    story.persist().closed(1006);
    assert_eq!(story.seen().statuses(&id).last(), Some(&Status::Unconfirmed));
    story.wait_for_connect();
    story.opened().persist();
    story.call(Call::Resend { id: id.clone() }).expect("it is unconfirmed");
    assert!(story.seen().statuses(&id).is_empty());
    assert_eq!(story.persist().seen().statuses(&id), [Status::Queued, Status::Sent]);
}

#[test]
fn a_new_round_that_ends_before_it_is_stored_is_told_from_its_beginning() {
    type End = fn(&mut Story, &MessageId);
    let ends: [(End, Status); 4] = [
        (
            |story, id| {
                story.must(Call::Abandon { id: id.clone() });
            },
            Status::Unconfirmed,
        ),
        (
            |story, _| {
                story.close();
            },
            Status::Unconfirmed,
        ),
        (
            |story, _| {
                story.wait(1_000);
            },
            Status::Unconfirmed,
        ),
        (
            |story, id| {
                story.text(&receipt(id));
            },
            Status::Accepted,
        ),
    ];
    for (end, outcome) in ends {
        let mut story = Story::write_ahead(|config| config.outbox.time_to_live = Some(Duration::from_secs(1)));
        story.ready().persist();
        let id = story.send_once("pay 10");
        story.persist().closed(1006).wait_for_connect();
        story.opened().persist();
        assert_eq!(story.seen().statuses(&id).last(), Some(&Status::Unconfirmed));
        story.must(Call::Resend { id: id.clone() });
        assert!(story.seen().statuses(&id).is_empty());
        end(&mut story, &id);
        assert_eq!(story.seen().statuses(&id), [Status::Queued, outcome]);
        story.persist();
        assert_eq!(story.seen().statuses(&id), [], "it was told");
    }
}

#[test]
fn a_new_round_that_no_version_holds_is_unknown_to_the_next_process_whatever_was_told() {
    for told in [false, true] {
        let mut story = Story::write_ahead(|_| {});
        story.ready().persist();
        let id = story.send_once("pay 10");
        story.persist().closed(1006).persist();
        story.must(Call::Resend { id: id.clone() });
        if told {
            story.must(Call::Abandon { id: id.clone() });
            assert_eq!(story.seen().statuses(&id).last(), Some(&Status::Unconfirmed));
        }
        story.crash(1_000);
        assert_eq!(story.session.status(&id), Some(Status::Unconfirmed), "the outcome before it stands");
        story.back().must(Call::Resend { id: id.clone() });
        story.persist();
        assert_eq!(story.seen().statuses(&id), [Status::Queued, Status::Sent]);
    }
}

#[test]
fn a_new_round_that_was_stored_and_not_told_may_end_in_the_next_process_without_its_beginning() {
    let mut story = Story::write_ahead(|_| {});
    story.ready().persist();
    let id = story.send_once("pay 10");
    story.persist().closed(1006).wait_for_connect();
    story.opened().persist();
    assert_eq!(story.seen().statuses(&id).last(), Some(&Status::Unconfirmed));
    story.must(Call::Resend { id: id.clone() });
    assert_eq!(story.seen().statuses(&id), []);
    let (preset, snapshot) = (story.session.preset().clone(), story.session.snapshot());
    let next = Session::restore(preset, story.instant(), snapshot, Duration::ZERO, Seed::from(8_u64));
    let actions = drain(&mut next.expect("it is whole"));
    let told = actions.iter().filter(|action| matches!(action, Action::Status { .. })).collect::<Vec<_>>();
    assert_eq!(told, [&Action::Status { id, status: Status::Unconfirmed }], "it may have left right after the storing");
}

#[test]
fn a_host_that_never_says_that_it_has_stored_holds_messages_back_and_nothing_grows_without_bound() {
    let mut story = Story::write_ahead(|config| config.outbox.remembered = redial::config::Limit::new(1));
    story.ready();
    for _ in 0..3_000 {
        let id = story.session.send(story.instant(), "hello").expect("there is room");
        story.session.cancel(story.instant(), &id).expect("nothing was sent");
        while story.session.poll_action().is_some() {}
    }
    let shown = format!("{:?}", story.session).len();
    assert!(shown < 40_000, "the session shows as {shown} bytes");
    assert_eq!(story.session.unsettled(), 0);
}

#[test]
fn a_peer_waits_for_nobody_whatever_the_configuration_says() {
    let preset = Preset::uni_app().configure(|config| config.durability = Durability::WriteAhead).expect("it is sound");
    let mut peer = Peer::new(preset, PeerPolicy::default(), Seed::from(1_u64));
    let now = redial::Instant::ORIGIN;
    let connection = peer.accept(now);
    let frame = Frame::text(r#"{"key":"message","data":{"clientMessageId":"c1","content":"hello"}}"#);
    peer.handle(now, Event::FrameIn { connection, frame });
    peer.push(now, "news").expect("there is room");
    let sent = std::iter::from_fn(|| peer.poll_action()).filter(|action| matches!(action, Action::Send { .. })).count();
    assert_eq!(sent, 2, "the acknowledgement and the push");
}

#[test]
fn what_waits_behind_a_failure_was_not_sent_and_leaves_once_it_is_stored_that_it_may() {
    let config = with(|config: &mut Config| {
        config.durability = Durability::WriteAhead;
        config.outbox.on_failure = OnFailure::Hold;
    });
    let mut story = Story::new(Terse::preset(Login::None, config));
    story.ready().persist();
    let failed = story.send_id("no such room", "m1");
    story.persist().text("nack m1 7");
    let held = story.send_id("behind it", "m2");
    story.persist().crash(0);
    assert_eq!(story.session.status(&held), Some(Status::Queued), "a message that never left has no news");
    story.back().seen();
    story.call(Call::Abandon { id: failed }).expect("it holds the line");
    assert!(story.seen().messages().is_empty(), "until that is stored the next process finds it unsent");
    assert_eq!(story.persist().seen().messages(), ["msg m2 behind it"]);
}
