//! Either side's process ends, and another goes on with what was stored.

use redial::config::PeerPolicy;
use redial::{Session, Snapshot, Status};
use serde_json::Value;

use super::{Pair, says};
use crate::support::sealed::sealed;
use crate::support::with;

#[test]
fn a_client_restarts_in_mid_flight_and_the_session_goes_on() {
    let mut pair = Pair::storing();
    pair.story.open();
    pair.story.persist();
    pair.connect();
    pair.settle();
    let id = pair.story.send("in flight");
    pair.story.persist();
    assert!(pair.one_up(), "the server has it, and what it answers is lost");
    pair.push("not stored by the client");
    pair.store_server();
    while pair.one_down() {}
    pair.server();
    pair.crash_client(5_000);
    pair.story.open();
    pair.connect();
    pair.settle();
    let (hello, welcome) = pair.greetings();
    // The number that it gave when it took the message is stored with it, so what was sent since then is no surprise.
    assert!(says(&hello, r#""hi":1"#) && says(&welcome, r#""resumed":true,"rx":1"#), "{hello} {welcome}");
    assert_eq!(pair.status(&id), Some(Status::Accepted));
    assert_eq!(pair.peer.stats().delivered, 1, "once, by its id");
    assert_eq!(
        pair.client_delivered,
        ["not stored by the client", "not stored by the client"],
        "shown again, for the first time of this process"
    );
    assert_eq!(pair.peer.unacknowledged(), 0);
}

#[test]
fn a_client_that_stored_what_it_sent_resumes() {
    let mut pair = Pair::connected();
    let (arrived, lost) = (pair.story.send("arrived"), pair.story.send("lost"));
    assert!(pair.one_up());
    pair.restart_client(60_000);
    pair.story.open();
    pair.connect().flow();
    let (hello, welcome) = pair.greetings();
    assert!(says(&hello, r#""lo":1,"hi":2"#) && says(&welcome, r#""resumed":true,"rx":1"#), "{hello} {welcome}");
    assert_eq!((pair.status(&arrived), pair.status(&lost)), (Some(Status::Accepted), Some(Status::Accepted)));
    assert_eq!(pair.peer.stats().resent + pair.story.session.stats().resent, 1, "only what was lost");
}

#[test]
fn a_server_restarts_in_mid_flight_and_the_session_goes_on() {
    let mut pair = Pair::connected();
    let (arrived, lost) = (pair.story.send("arrived"), pair.story.send("lost"));
    let pushed = pair.push("pushed");
    assert!(pair.one_up());
    pair.take();
    pair.restart_server(60_000);
    pair.reconnect();
    let (_, welcome) = pair.greetings();
    assert!(says(&welcome, r#""resumed":true,"rx":1"#), "{welcome}");
    assert_eq!((pair.status(&arrived), pair.status(&lost)), (Some(Status::Accepted), Some(Status::Accepted)));
    assert_eq!(pair.server().statuses(&pushed).last(), Some(&Status::Accepted));
    assert_eq!(pair.story.session.stats().delivered, 1);
}

#[test]
fn what_a_server_said_of_a_message_its_next_process_says_again_in_the_same_words() {
    let mut pair = Pair::connected();
    let (came, was_read) = (pair.story.send("came"), pair.story.send("was read"));
    pair.flow();
    let now = pair.now();
    pair.peer.delivered(now, came.clone()).expect("it was delivered");
    pair.peer.read(now, was_read.clone()).expect("it was delivered");
    pair.restart_server(60_000);
    assert_eq!(pair.status(&came), Some(Status::Accepted), "the receipts are lost");
    pair.reconnect();
    assert_eq!((pair.status(&came), pair.status(&was_read)), (Some(Status::Delivered), Some(Status::Read)));
}

#[test]
fn a_server_that_was_away_for_longer_than_a_session_lives_ends_it() {
    for away in [&[60_000][..], &[20_000, 40_000], &[20_000, 39_000]] {
        let policy = with(|policy: &mut PeerPolicy| policy.lifetime = redial::Duration::from_secs(60));
        let mut pair = Pair::with(|_| {}, policy);
        pair.story.open();
        pair.connect().flow();
        for time in away {
            pair.restart_server(*time);
        }
        pair.cut_at_server();
        pair.story.closed(None);
        pair.connect().flow();
        assert_eq!(says(&pair.greetings().1, r#""why":"expired""#), away.iter().sum::<u64>() == 60_000, "{away:?}");
    }
}

#[test]
fn a_server_that_stores_first_welcomes_and_acknowledges_after_that() {
    let mut pair = Pair::storing();
    pair.story.open();
    pair.story.persist();
    pair.connect();
    assert!(pair.one_up());
    assert!(!pair.one_down(), "the welcome waits for its token to be stored");
    assert_eq!(pair.server().count(|action| matches!(action, redial::Action::Persist { urgent: true, .. })), 1);
    pair.store_server();
    assert!(pair.one_down());
    pair.store_server();
    let id = pair.story.send("hello");
    pair.story.persist();
    pair.take();
    assert!(pair.one_up());
    assert!(!pair.one_down(), "so does the acknowledgement");
    pair.store_server();
    assert!(pair.one_down());
    assert_eq!(pair.status(&id), Some(Status::Accepted));
}

#[test]
fn what_was_stored_late_is_acknowledged_before_it_is_repeated() {
    let mut pair = Pair::storing();
    pair.story.open();
    pair.story.persist();
    pair.connect();
    pair.settle();
    pair.push("came, and was not stored yet");
    pair.store_server();
    assert!(pair.one_down());
    pair.cut().connect();
    assert!(pair.one_up());
    pair.store_server();
    assert!(pair.one_down());
    // Now it is stored, and the server has not had its turn to repeat it.
    pair.story.persist();
    pair.take();
    assert!(pair.one_up());
    assert_eq!(pair.server().count(|action| matches!(action, redial::Action::Close { .. })), 0);
    assert_eq!(pair.peer.unacknowledged(), 0);
    pair.settle();
    assert_eq!(pair.client_delivered, ["came, and was not stored yet"]);
}

#[test]
fn a_damaged_or_foreign_snapshot_of_a_peer_is_refused() {
    let pair = Pair::connected();
    let stored = serde_json::to_value(pair.peer.snapshot()).expect("a snapshot can be written");
    let restore = |stored: Value, preset: redial::Preset| {
        let snapshot = serde_json::from_value::<Snapshot>(stored).expect("it has the shape");
        let (policy, seed) = (PeerPolicy::default(), redial::Seed::from(8_u64));
        redial::Peer::restore(preset, policy, pair.now(), snapshot, redial::Duration::ZERO, seed).map(|_| ())
    };
    assert_eq!(restore(stored.clone(), redial::Preset::native()), Ok(()));
    assert!(restore(stored.clone(), redial::Preset::plain()).is_err());
    let mut damaged = stored;
    damaged["s/client"]["connections"] = 9.into();
    assert!(restore(damaged, redial::Preset::native()).is_err());
}

/// Two ends, these of whose numbers are one message before the last that a session gives, as their snapshots say.
fn near_the_end(client: [&str; 2], server: [&str; 2]) -> Pair {
    const LAST: u64 = (1 << 53) - (1 << 32);
    let mut pair = Pair::connected();
    pair.cut();
    let near = |mut stored: Value, ends: [&str; 2]| {
        for end in ends {
            stored["s/sequence"][end] = (LAST - 1).into();
        }
        stored["s/sequence"]["gone_out"] = stored["s/sequence"]["acked"].clone();
        sealed(stored).expect("it is a snapshot")
    };
    let client = near(serde_json::to_value(pair.story.session.snapshot()).expect("written"), client);
    let server = near(serde_json::to_value(pair.peer.snapshot()).expect("written"), server);
    pair.restore_server(&server.to_string());
    let snapshot: Snapshot = serde_json::from_value(client).expect("it has the shape");
    let preset = pair.story.session.preset().clone();
    let seed = redial::Seed::from(8_u64);
    let restored = Session::restore(preset, pair.now(), snapshot, redial::Duration::ZERO, seed);
    pair.story.replace(restored.expect("it is sound"));
    pair
}

#[test]
fn a_session_whose_numbers_run_out_is_followed_by_another() {
    for (client, server) in
        [(["acked", "accepted"], ["acked", "accepted"]), (["acked", "acked"], ["accepted", "accepted"])]
    {
        let mut pair = near_the_end(client, server);
        let ids = [pair.story.send("the last one"), pair.story.send("the first of the next")];
        pair.story.open();
        pair.connect().flow();
        assert!(says(&pair.greetings().1, r#""resumed":true"#));
        assert_eq!(pair.status(&ids[0]), Some(Status::Accepted));
        assert_eq!(pair.status(&ids[1]), Some(Status::Queued), "no number is left for it");
        pair.connect().flow();
        let (hello, _) = pair.greetings();
        assert!(!says(&hello, "resume"), "{hello}");
        assert_eq!(pair.status(&ids[1]), Some(Status::Accepted));
        assert_eq!(pair.peer.stats().delivered, 2);
    }
}

#[test]
fn a_session_whose_pushes_have_used_up_their_numbers_is_followed_by_another() {
    let mut pair = near_the_end(["accepted", "accepted"], ["acked", "acked"]);
    pair.push("the last one");
    pair.push("the first of the next");
    pair.story.open();
    pair.connect().flow();
    assert_eq!(pair.client_delivered, ["the last one"]);
    pair.connect().flow();
    let (hello, welcome) = pair.greetings();
    assert!(says(&hello, "resume") && says(&welcome, r#""resumed":false,"why":"expired""#), "{hello} {welcome}");
    assert_eq!(pair.client_delivered, ["the last one", "the first of the next"]);
    assert_eq!(pair.peer.unacknowledged(), 0);
}
