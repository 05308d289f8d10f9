//! One end has lost what the other relies on: it is said, and every message has an outcome.

use redial::config::PeerPolicy;
use redial::dialect::NotResumed;
use redial::{Action, Cause, MessageId, State, Status};

use super::{Pair, says};
use crate::support::with;

fn gap(from: u64, to: Option<u64>) -> impl Fn(&Action) -> bool {
    move |action| *action == Action::Gap { from, to }
}

#[test]
fn a_server_that_forgot_everything_says_so_and_nothing_disappears() {
    let mut pair = Pair::connected();
    pair.push("known");
    pair.flow();
    let sent = pair.story.send("on its way when it forgot");
    pair.cut();
    let unsent = pair.story.send("typed while away");
    pair.forget();
    pair.connect().flow();
    let (hello, welcome) = pair.greetings();
    assert!(says(&hello, r#""resume":{"#) && says(&welcome, r#""resumed":false,"why":"unknown""#), "{welcome}");
    assert!(says(&welcome, r#""dedup_ms":0"#), "a new memory reaches back to now: {welcome}");
    assert_eq!(pair.status(&sent), Some(Status::Unconfirmed), "it may have arrived, and nobody can know");
    assert_eq!(pair.status(&unsent), Some(Status::Accepted));
}

#[test]
fn a_service_that_remembers_ids_by_other_means_gets_the_rest_again() {
    let day = redial::Duration::from_secs(86_400);
    let mut pair = Pair::with(|_| {}, with(|policy: &mut PeerPolicy| policy.dedup = day));
    pair.story.open();
    pair.connect().flow();
    let sent = pair.story.send("on its way when it forgot");
    pair.cut().forget().connect().flow();
    assert_eq!(pair.status(&sent), Some(Status::Accepted));
    let told = pair.client();
    let why = |action: &Action| *action == Action::NotResumed { why: NotResumed::Unknown };
    assert_eq!((told.count(why), told.count(gap(1, None))), (1, 1));
}

#[test]
fn what_the_server_still_knows_of_an_expired_session_settles_messages() {
    let mut pair = Pair::connected();
    let (arrived, lost) = (pair.story.send("arrived"), pair.story.send("lost"));
    assert!(pair.one_up());
    pair.cut();
    pair.story.wait(100);
    let now = pair.now().as_millis() + 25 * 3_600_000;
    pair.story.clock(now).tick();
    pair.connect().flow();
    let (_, welcome) = pair.greetings();
    assert!(says(&welcome, r#""why":"expired","rx":1,"gone":0"#), "{welcome}");
    assert_eq!(pair.status(&arrived), Some(Status::Accepted));
    assert_eq!(pair.status(&lost), Some(Status::Accepted), "sent again under its id, which the server still knows");
    assert_eq!((pair.peer.stats().delivered, pair.story.session.stats().resent), (2, 1));
}

#[test]
fn what_may_be_missing_is_fetched_before_anything_else_is_shown() {
    let mut pair = Pair::connected();
    pair.push("one");
    pair.flow();
    pair.client();
    pair.cut().forget();
    // Two and three were lost with the old peer; three is pushed again, and four is new.
    pair.push_id("three", "m3");
    pair.push_id("four", "m4");
    pair.connect().flow();
    let client = pair.client();
    assert_eq!(client.count(gap(2, None)), 1);
    assert_eq!(client.delivered(), [""; 0], "held back");
    assert_eq!(pair.peer.unacknowledged(), 2, "and not acknowledged");
    // The host has fetched two and three.
    let now = pair.now();
    for (from, to) in [(5, None), (2, Some(9)), (1, Some(2))] {
        assert!(pair.story.session.fetched(now, from, to, &[]).is_err(), "nobody asked for {from} to {to:?}");
    }
    pair.story.fetched(2, None, &["m3"]);
    pair.flow();
    assert_eq!(pair.client().delivered(), ["four"]);
    assert_eq!(pair.peer.unacknowledged(), 0);
    pair.push("five");
    pair.flow();
    assert_eq!(pair.client().delivered(), ["five"]);
}

#[test]
fn a_gap_that_is_open_survives_further_losses_and_shows_nothing_twice() {
    let mut pair = Pair::connected();
    pair.cut().forget();
    pair.push("held");
    pair.connect().flow();
    pair.cut().connect().flow();
    assert_eq!(pair.client().count(|action| matches!(action, Action::Gap { .. })), 1, "a resumed session adds none");
    assert_eq!(pair.story.session.stats().gaps, 1);
    pair.cut().forget();
    pair.push("held too");
    pair.connect().flow();
    assert_eq!(pair.client().count(gap(1, None)), 1, "told once more, with the whole of it");
    pair.story.fetched(1, None, &[]);
    assert_eq!(pair.client().delivered(), [""; 0], "the second fetch is still under way");
    pair.story.fetched(1, None, &[]);
    pair.flow();
    assert_eq!(pair.client().delivered(), ["held too"]);
    assert_eq!(pair.story.state(), State::Ready);
}

#[test]
fn what_was_held_back_and_finds_no_room_comes_again() {
    let narrow = |config: &mut redial::Config| {
        config.inbox.acknowledge = redial::config::Acknowledge::OnCall;
        config.inbox.pending = redial::config::Limit::new(1);
    };
    let mut pair = Pair::with(narrow, PeerPolicy::default());
    pair.story.open();
    pair.connect().flow();
    let one = pair.push("one");
    pair.flow().cut().forget();
    let two = pair.push("two");
    pair.connect().flow();
    pair.client();
    pair.story.fetched(1, None, &[]);
    assert_eq!(pair.client().delivered(), [""; 0], "the application has not answered the first yet");
    assert_eq!(pair.story.state(), State::Waiting, "so the second is sent again");
    let explained = pair.story.session.explain();
    assert_eq!((explained.cause, explained.failures), (Some(Cause::Deferred), 1), "the cut, and no more");
    pair.cut_at_server();
    pair.story.acknowledge(&one);
    pair.connect().flow();
    assert_eq!(pair.client().delivered(), ["two"]);
    pair.story.acknowledge(&two);
    pair.flow();
    assert_eq!(pair.peer.unacknowledged(), 0);
}

#[test]
fn a_server_that_lost_what_it_had_acknowledged_begins_anew() {
    let mut pair = Pair::connected();
    let early = serde_json::to_string(&pair.peer.snapshot()).expect("a snapshot can be written");
    let id = pair.story.send("acknowledged and then lost");
    pair.flow();
    assert_eq!(pair.status(&id), Some(Status::Accepted));
    pair.cut();
    pair.restore_server(&early);
    pair.connect().flow();
    let (_, welcome) = pair.greetings();
    assert!(says(&welcome, r#""resumed":false,"why":"restarted","rx":0"#), "{welcome}");
    let after = pair.story.send("after");
    pair.flow();
    assert_eq!(pair.status(&after), Some(Status::Accepted));
}

#[test]
fn a_server_that_forgot_what_it_had_pushed_gives_no_position_twice() {
    let mut pair = Pair::connected();
    let early = serde_json::to_string(&pair.peer.snapshot()).expect("a snapshot can be written");
    pair.push("pushed and forgotten");
    pair.flow();
    pair.cut();
    pair.restore_server(&early);
    pair.push_id("another under the same seq", "m2");
    pair.connect().flow();
    let (_, welcome) = pair.greetings();
    assert!(says(&welcome, r#""why":"restarted""#), "{welcome}");
    // Where the server's pushes end it does not know better than the client.
    assert_eq!(pair.client_delivered, ["pushed and forgotten", "another under the same seq"]);
}

#[test]
fn a_client_without_a_memory_gets_what_the_server_still_has() {
    let mut pair = Pair::connected();
    pair.push("never arrived");
    pair.cut();
    let mut fresh = Pair::new();
    std::mem::swap(&mut fresh.story, &mut pair.story);
    pair.story.open();
    pair.connect().flow();
    assert_eq!(pair.client().delivered(), ["never arrived"]);
    assert_eq!(pair.peer.unacknowledged(), 0);
}

#[test]
fn two_messages_of_one_id_in_two_sessions_are_one_message() {
    let mut pair = Pair::connected();
    pair.push_id("once", "m1");
    pair.flow();
    pair.cut().forget();
    pair.push_id("once", "m1");
    pair.connect().flow();
    pair.story.fetched(2, None, &[]);
    pair.flow();
    let shown = pair.client().delivered();
    assert_eq!(shown, ["once"]);
    assert_eq!((pair.story.session.stats().delivered, pair.story.session.stats().duplicates), (1, 1));
    assert_eq!(pair.peer.unacknowledged(), 0, "the repeat is acknowledged");
    assert_eq!(pair.story.session.status(&MessageId::from("m1")), None);
}

#[test]
fn a_gap_that_is_open_is_told_to_the_next_process_and_closed_by_one_fetch() {
    let mut pair = Pair::connected();
    pair.cut().forget();
    pair.push("held");
    pair.connect().flow();
    assert_eq!(pair.client().count(gap(1, None)), 1);
    pair.restart_client(1_000);
    pair.story.open();
    pair.connect().flow();
    let client = pair.client();
    assert_eq!((client.count(gap(1, None)), client.delivered()), (1, vec![]));
    pair.story.fetched(1, None, &[]);
    pair.flow();
    assert_eq!(pair.client().delivered(), ["held"]);
    let now = pair.now();
    assert!(pair.story.session.fetched(now, 1, None, &[]).is_err(), "it is closed");
}

#[test]
fn what_the_application_refused_stays_refused_in_the_session_that_follows() {
    let mut pair =
        Pair::with(|config| config.inbox.acknowledge = redial::config::Acknowledge::OnCall, PeerPolicy::default());
    pair.story.open();
    pair.connect();
    pair.push_id("poison", "m1");
    pair.flow();
    pair.story.reject(&MessageId::from("m1"));
    // The word of it is lost with the server's memory.
    pair.cut().forget();
    pair.push_id("poison", "m1");
    pair.connect().flow();
    pair.client();
    pair.story.fetched(2, None, &[]);
    pair.flow();
    assert_eq!(pair.client().delivered(), [""; 0]);
    assert_eq!(pair.server().statuses(&MessageId::from("m1")).last(), Some(&Status::Rejected { code: 0 }));
}

#[test]
fn a_client_that_lost_what_it_had_acknowledged_begins_anew() {
    let mut pair = Pair::connected();
    let early = serde_json::from_str::<redial::Snapshot>(&pair.story.snapshot()).expect("it was written");
    pair.push("acknowledged and then lost");
    pair.flow();
    assert_eq!(pair.peer.unacknowledged(), 0);
    pair.lose_client();
    let preset = pair.story.session.preset().clone();
    let restored =
        redial::Session::restore(preset, pair.now(), early, redial::Duration::ZERO, redial::Seed::from(8_u64));
    pair.story.replace(restored.expect("it is sound"));
    pair.story.open();
    pair.connect().flow();
    let (hello, welcome) = pair.greetings();
    assert!(says(&hello, r#""rx":0"#) && says(&welcome, r#""resumed":false,"why":"restarted""#), "{hello} {welcome}");
}

#[test]
fn ids_that_the_window_forgets_are_counted_however_they_came_there() {
    let mut pair = Pair::with(|config| config.inbox.window = redial::config::Limit::new(2), PeerPolicy::default());
    pair.story.open();
    pair.connect();
    for body in ["one", "two", "three"] {
        pair.push(body);
    }
    pair.flow();
    assert_eq!(pair.story.session.stats().forgotten, 1);
    pair.cut().forget().connect().flow();
    pair.story.fetched(4, None, &["m5", "m6", "m7"]);
    assert_eq!(pair.story.session.stats().forgotten, 1 + 3);
}
