//! Durable at the price of the change: what a version carries, and what becomes of a store that has only a part of it.

use redial::config::{Acknowledge, Durability, OnFailure, PeerPolicy};
use redial::durable::Changes;
use redial::error::RestoreError;
use redial::journal::Call;
use redial::{Action, Duration, Event, Frame, Instant, Peer, Preset, Purpose, Seed, Session, Snapshot, Status};

use super::{push, receipt};
use crate::support::Story;

/// What each version carried.
fn carried(actions: &[Action]) -> Vec<Changes> {
    let changes = |action: &Action| match action {
        Action::Persist { changes, .. } => Some(changes.clone()),
        _ => None,
    };
    actions.iter().filter_map(changes).collect()
}

/// A session that stores first and that did something of everything, and what its versions carried.
fn lived() -> (Session, Vec<Changes>) {
    let mut story = Story::write_ahead(|config| config.outbox.remembered = redial::config::Limit::new(2));
    let mut changes = Vec::new();
    let mut note = |story: &mut Story| {
        changes.extend(carried(story.seen().all()));
        story.persist();
        changes.extend(carried(story.seen().all()));
    };
    story.back();
    note(&mut story);
    for round in 0..4 {
        let id = story.send("accepted");
        note(&mut story);
        story.text(&receipt(&id)).text(&push(&format!("m{round}")));
        note(&mut story);
    }
    story.send_once("sent");
    note(&mut story);
    story.hold().send_for("waiting", 60_000);
    note(&mut story);
    (story.session.clone(), changes)
}

fn restore(records: Snapshot) -> Result<Session, RestoreError> {
    let (preset, seed) = (Preset::uni_app(), Seed::from(8_u64));
    Session::restore(preset, Instant::ORIGIN, records, Duration::ZERO, seed)
}

#[test]
fn what_versions_carry_adds_up_to_the_snapshot_one_by_one_or_merged() {
    let (mut session, changes) = lived();
    assert!(changes.len() > 10, "{changes:?}");
    let (mut one_by_one, mut at_once) = (Snapshot::default(), Snapshot::default());
    let mut merged = Changes::default();
    for changes in &changes {
        one_by_one.apply(changes);
        merged.merge(changes.clone());
    }
    at_once.apply(&merged);
    assert_eq!(one_by_one, at_once);
    one_by_one.apply(&session.changes());
    assert_eq!(one_by_one, session.snapshot());
    // In any order, from any kind of table.
    let mut table: Vec<(String, Vec<u8>)> =
        one_by_one.into_iter().map(|(key, value)| (key, value.into_bytes())).collect();
    table.reverse();
    let preset = session.preset().clone();
    let restored = Session::restore(preset, Instant::ORIGIN, table, Duration::ZERO, Seed::from(8_u64));
    // What was sent at most once is settled by the restart.
    assert_eq!(restored.map(|session| session.unsettled()), Ok(session.unsettled() - 1));
}

#[test]
fn a_version_that_was_written_in_part_is_refused_whichever_part_it_is() {
    let (_, changes) = lived();
    let mut stored = Snapshot::default();
    let mut torn = 0;
    for changes in &changes {
        let mut whole = stored.clone();
        whole.apply(changes);
        for missing in changes.iter().map(|(key, _)| key) {
            // All but one record, and only that record.
            for only in [false, true] {
                let mut table: std::collections::BTreeMap<_, _> = stored.clone().into_iter().collect();
                for (key, value) in changes.iter().filter(|(key, _)| (*key == missing) == only) {
                    match value {
                        Some(value) => drop(table.insert(key, value.to_owned())),
                        None => drop(table.remove(&key)),
                    }
                }
                let part: Snapshot = table.iter().collect();
                if part == stored || part == whole {
                    continue;
                }
                torn += 1;
                assert_eq!(restore(part).err(), Some(RestoreError::Damaged), "{missing} of {changes:?}, only: {only}");
            }
        }
        stored = whole;
        assert!(restore(stored.clone()).is_ok());
    }
    assert!(torn > 50, "{torn}");
}

#[test]
fn a_key_has_one_spelling() {
    let (session, _) = lived();
    let whole = session.snapshot();
    for spelled in ["d/0", "d/00", "d/+0", "d/0 ", "d/", "D/0", "d0"] {
        let key = |key: String| if key == "d/0" { spelled.to_owned() } else { key };
        let respelled = whole.iter().map(|(name, value)| (key(name), value.to_owned()));
        assert_eq!(restore(respelled.collect()).is_ok(), spelled == "d/0", "{spelled}");
    }
}

#[test]
fn a_record_of_another_version_or_of_no_kind_is_refused() {
    let (session, _) = lived();
    let whole = session.snapshot();
    for (key, value) in [("m/900", "{}"), ("x/1", "1"), ("m/01", "{}"), ("meta2", "{}"), ("s/link", "{")] {
        let with = whole.iter().map(|(key, value)| (key, value.to_owned())).chain([(key.to_owned(), value.to_owned())]);
        assert_eq!(restore(with.collect()).err(), Some(RestoreError::Damaged), "{key}");
    }
    assert_eq!(restore(Snapshot::default()).err(), Some(RestoreError::Damaged), "an empty store is no session's");
}

#[test]
fn the_bytes_of_a_version_do_not_depend_on_what_is_held() {
    let bytes = |held: usize| {
        let mut story = Story::write_ahead(|config| {
            config.outbox.messages = redial::config::Limit::new(10_000);
            config.outbox.bytes = redial::config::Limit::new(1 << 24);
        });
        story.open();
        for _ in 0..held {
            story.send("held");
        }
        story.seen();
        story.send("one more");
        let one = carried(story.seen().all());
        assert_eq!(one.len(), 1);
        one[0].bytes()
    };
    let (few, many) = (bytes(10), bytes(500));
    assert!(many <= few + 20, "{few} bytes, and {many} where 500 are held");
    assert!(few < 300, "{few} bytes for one message");
}

/// Whether each version that came was urgent.
fn urgent(story: &mut Story) -> Vec<bool> {
    let of = |action: &Action| match action {
        Action::Persist { urgent, .. } => Some(*urgent),
        _ => None,
    };
    story.seen().all().iter().filter_map(of).collect()
}

#[test]
fn a_version_is_urgent_while_something_waits_for_it() {
    let mut story = Story::write_ahead(|_| {});
    story.back();
    urgent(&mut story);
    story.text("{}");
    story.closed(1006).wait_for_connect();
    assert_eq!(urgent(&mut story), [false], "a new attempt waits for nothing");
    story.opened();
    let id = story.send("hello");
    assert_eq!(urgent(&mut story), [true], "a message waits");
    story.persist();
    urgent(&mut story);
    story.text(&receipt(&id));
    assert_eq!(urgent(&mut story), [false], "an outcome is told already");
    story.text(&push("m1"));
    assert_eq!(urgent(&mut story), [true], "an acknowledgement waits");
}

#[test]
fn a_persist_line_tells_counts_and_no_bodies() {
    let (session, changes) = lived();
    let action = Action::Persist { version: 7, changes: changes[3].clone(), urgent: true };
    let line = serde_json::to_string(&action).expect("it can be written");
    let lengths = changes[3].iter().map(|(key, value)| key.len() + value.map_or(0, str::len));
    let (count, bytes) = (changes[3].len(), lengths.sum::<usize>());
    assert_eq!(line, format!(r#"{{"type":"persist","version":7,"count":{count},"bytes":{bytes},"urgent":true}}"#));
    let shown = format!("{action:?} {:?}", session.snapshot());
    assert!(!shown.contains("accepted") && !shown.contains("waiting"), "{shown}");
    let read: Action = serde_json::from_str(&line).expect("it can be read");
    assert!(matches!(read, Action::Persist { version: 7, changes, urgent: true } if changes.is_empty()));
    let no_counts = line.replace(&format!(r#""count":{count}"#), r#""count":"many""#);
    assert!(serde_json::from_str::<Action>(&no_counts).is_err(), "{no_counts}");
}

const WELCOME: &str = r#"{"type":"welcome","sid":"s","token":"t","ttl_ms":86400000,"resumed":false,"win_msgs":256,"win_bytes":1048576,"frame_max":1048576}"#;

/// A session with sequence numbers that stores first, ready, with all stored.
fn counted(change: impl FnOnce(&mut redial::Config)) -> Story {
    let mut config = Preset::native().config().clone();
    config.durability = Durability::WriteAhead;
    change(&mut config);
    let mut story = Story::new(Preset::native().with_config(config).expect("it is sound"));
    story.credential("token").open();
    story.persist().opened();
    story.persist();
    story.text(WELCOME).persist();
    story.seen();
    story
}

#[test]
fn a_number_is_given_with_the_message_and_goes_out_as_a_skip_where_the_message_is_taken_back() {
    let mut story = counted(|_| {});
    story.hold();
    let (first, second) = (story.send("first"), story.send("second"));
    let keys: Vec<String> = carried(story.seen().all())
        .iter()
        .flat_map(|changes| changes.iter().map(|(key, _)| key).collect::<Vec<_>>())
        .collect();
    assert!(keys.contains(&"n/1".to_owned()) && keys.contains(&"n/2".to_owned()), "{keys:?}");
    story.persist();
    story.must(Call::Cancel { id: first });
    story.persist();
    story.must(Call::Release);
    assert_eq!(story.seen().sends(|_| true), Vec::<String>::new(), "that the number is skipped is stored first");
    story.persist();
    let sent: Vec<String> = story.seen().sends(|_| true);
    assert!(sent.iter().any(|text| text.contains(r#""s":1"#) && !text.contains("first")), "{sent:?}");
    assert!(sent.iter().any(|text| text.contains(r#""s":2"#) && text.contains("second")), "{sent:?}");
    assert_eq!(story.session.status(&second), Some(Status::Sent));
}

#[test]
fn numbers_at_the_end_that_never_went_out_are_taken_back_without_a_skip() {
    let mut story = counted(|_| {});
    story.hold();
    for _ in 0..500 {
        let id = story.send("never");
        story.must(Call::Cancel { id });
    }
    story.persist();
    assert!(story.session.snapshot().iter().all(|(key, _)| !key.starts_with("n/")), "none is left");
    story.send("at last");
    story.persist();
    story.must(Call::Release);
    let sent = story.seen().sends(|_| true);
    assert!(sent.iter().any(|text| text.contains(r#""s":1"#) && text.contains("at last")), "{sent:?}");
}

#[test]
fn a_message_that_takes_its_place_again_goes_out_before_those_behind_it() {
    // So many go out at once; the first is refused, and the others keep their numbers.
    for window in [1, 2] {
        let mut story = counted(|config| {
            config.outbox.on_failure = OnFailure::Hold;
            config.outbox.in_flight = redial::config::Limit::new(window);
        });
        let ids: Vec<_> = ["first", "second", "third"].map(|body| story.send(body)).to_vec();
        story.persist();
        story.text(r#"{"type":"ack","a":1,"n":[{"s":1,"code":7}]}"#).persist();
        assert_eq!(story.session.status(&ids[0]), Some(Status::Rejected { code: 7 }));
        story.seen();
        story.must(Call::Resend { id: ids[0].clone() });
        story.persist();
        let again = window + 1;
        let sent = |story: &mut Story, seq: u64, body: &str| {
            let seen = story.seen().sends(|_| true);
            let number = format!(r#""s":{seq},"#);
            assert!(seen.iter().any(|text| text.contains(&number) && text.contains(body)), "{seen:?}");
        };
        sent(&mut story, again, "first");
        story.text(&format!(r#"{{"type":"ack","a":{again}}}"#)).persist();
        sent(&mut story, again + 1, if window == 1 { "second" } else { "third" });
    }
}

#[test]
fn a_peer_carries_its_changes_and_is_restored_from_them() {
    let policy = {
        let mut policy = PeerPolicy::default();
        policy.durability = Durability::WriteAhead;
        policy
    };
    let mut peer = Peer::new(Preset::uni_app(), policy.clone(), Seed::from(1_u64));
    let now = Instant::from_millis(5);
    let mut table = Snapshot::default();
    let mut version = 0;
    let mut store = |peer: &mut Peer| {
        while let Some(action) = peer.poll_action() {
            if let Action::Persist { version: named, changes, .. } = action {
                assert_eq!(named, version + 1, "versions rise by one");
                version = named;
                table.apply(&changes);
                peer.persisted(now, named);
            }
        }
        table.clone()
    };
    let connection = peer.accept(now);
    peer.push(now, "a push").expect("there is room");
    let frame = Frame::text(r#"{"key":"message","data":{"clientMessageId":"c1","content":"hello"}}"#);
    peer.handle(now, Event::FrameIn { connection, frame });
    store(&mut peer);
    peer.delivered(now, "c1".into()).expect("it was delivered");
    let mut stored = store(&mut peer);
    stored.apply(&peer.changes());
    assert_eq!(stored, peer.snapshot());
    let (seed, away) = (Seed::from(2_u64), Duration::from_secs(9));
    let restored = Peer::restore(Preset::uni_app(), policy, Instant::ORIGIN, stored, away, seed).expect("it is whole");
    assert_eq!((restored.unacknowledged(), restored.snapshot().iter().any(|(key, _)| key == "t/0")), (1, true));
}

#[test]
fn without_write_ahead_the_changes_are_the_whole_state_each_time_they_are_asked_for() {
    let mut story = Story::uni_app();
    story.ready().send("in flight");
    let mut peer = Peer::new(Preset::uni_app(), PeerPolicy::default(), Seed::from(1_u64));
    peer.push(Instant::ORIGIN, "a push").expect("there is room");
    for _ in 0..2 {
        let of = |changes: Changes| {
            assert!(!changes.is_empty());
            let mut table = Snapshot::default();
            table.apply(&changes);
            table
        };
        assert_eq!(of(story.session.changes()), story.session.snapshot());
        assert_eq!(of(peer.changes()), peer.snapshot());
    }
}

#[test]
fn a_number_whose_message_takes_its_place_again_is_stored_as_a_skip() {
    let mut story = counted(|config| config.outbox.on_failure = OnFailure::Hold);
    let id = story.send_for("over before it is acknowledged", 1_000);
    story.persist().wait(1_000).persist();
    assert_eq!(story.session.status(&id), Some(Status::Unconfirmed));
    story.must(Call::Resend { id }).persist();
    let numbers: Vec<_> = story.session.snapshot().into_iter().filter(|(key, _)| key.starts_with("n/")).collect();
    assert_eq!(numbers, [("n/1".to_owned(), r#""skipped""#.to_owned()), ("n/2".to_owned(), "0".to_owned())]);
}

#[test]
fn the_last_receipts_of_a_peer_are_stored_and_told_again_by_its_next_process() {
    let mut config = redial::Config::default();
    config.outbox.remembered = redial::config::Limit::new(3);
    let preset = Preset::uni_app().with_config(config).expect("it is sound");
    let mut policy = PeerPolicy::default();
    policy.durability = Durability::WriteAhead;
    let mut peer = Peer::new(preset.clone(), policy.clone(), Seed::from(1_u64));
    let now = Instant::ORIGIN;
    let mut table = Snapshot::default();
    // What a peer says after this, with all stored; and whether that was urgent.
    let mut said = |peer: &mut Peer| {
        let (mut receipts, mut urgent) = (Vec::new(), Vec::new());
        while let Some(action) = peer.poll_action() {
            match action {
                Action::Persist { version, changes, urgent: waits } => {
                    table.apply(&changes);
                    urgent.push(waits);
                    peer.persisted(now, version);
                }
                Action::Send { frame, purpose: Purpose::Receipt { .. }, .. } => receipts.push(frame),
                _ => {}
            }
        }
        (receipts, urgent, table.clone())
    };
    let connection = peer.accept(now);
    assert_eq!(said(&mut peer).1, [false], "nothing waits for a new connection to be stored");
    for number in 0..8 {
        let id = format!("c{number}");
        let text = format!(r#"{{"key":"message","data":{{"clientMessageId":"{id}","content":"hello"}}}}"#);
        peer.handle(now, Event::FrameIn { connection, frame: Frame::text(text) });
        // What was said of the message before goes with the version that covers this one.
        assert_eq!(said(&mut peer).1, [true], "the acknowledgement waits");
        peer.delivered(now, id.into()).expect("it came");
    }
    peer.accept(now);
    let (told, _, mut stored) = said(&mut peer);
    stored.apply(&peer.changes());
    assert_eq!(stored, peer.snapshot(), "no receipt that was forgotten stays in the store");
    let mut next = Peer::restore(preset, policy, now, stored, Duration::ZERO, Seed::from(2_u64)).expect("it is whole");
    next.accept(now);
    assert_eq!(said(&mut next).0, told[told.len() - 3..]);
    next.delivered(now, "c0".into()).expect("it came");
    next.accept(now);
    let mut stored = said(&mut next).2;
    stored.apply(&next.changes());
    assert_eq!(stored, next.snapshot());
}

#[test]
fn with_sequence_numbers_a_version_is_urgent_while_an_acknowledgement_or_a_message_waits_for_it() {
    let mut story = counted(|_| {});
    story.text(r#"{"type":"msg","s":1,"id":"p1","b":"hi"}"#);
    assert_eq!(urgent(&mut story), [true], "the acknowledgement waits");
    story.closed(1006).wait_for_connect();
    assert_eq!(urgent(&mut story), [false], "what waits already waits for the version before");
    story.persist().opened().text(&WELCOME.replace("false", r#"true,"rx":0"#));
    assert_eq!(urgent(&mut story), [true], "nothing leaves before it is stored that it may");
    story.persist().closed(1006).wait_for_connect();
    assert_eq!(urgent(&mut story), [false], "a new attempt waits for nothing");
}

#[test]
fn a_message_that_the_server_skipped_is_acknowledged_after_that_is_stored() {
    let mut story = counted(|_| {});
    let acks = |story: &mut Story| story.seen().sends(|purpose| matches!(purpose, Purpose::CumulativeAck { .. })).len();
    story.text(r#"{"type":"msg","s":1,"id":"p1","skip":true}"#);
    assert_eq!(acks(&mut story), 0);
    assert_eq!(acks(story.persist()), 1);
}

#[test]
fn a_refusal_is_stored_until_the_server_knows_it_or_begins_another_session() {
    let mut story = counted(|config| config.inbox.acknowledge = Acknowledge::OnCall);
    let refusals = |story: &Story| {
        let records = story.session.snapshot();
        records.iter().map(|(key, _)| key).filter(|key| key.starts_with("f/")).collect::<Vec<_>>()
    };
    for (seq, id) in [(1, "p1"), (2, "p2")] {
        story.text(&format!(r#"{{"type":"msg","s":{seq},"id":"{id}","b":"poison"}}"#));
        story.reject(&id.into());
    }
    story.closed(1006).persist();
    assert_eq!(refusals(&story), ["f/1", "f/2"]);
    story.wait_for_connect();
    story.persist().opened().text(&WELCOME.replace(r#""sid":"s""#, r#""sid":"s2""#)).persist();
    assert_eq!(refusals(&story), Vec::<String>::new());
}

#[test]
fn a_message_from_before_the_session_leaves_once_its_number_is_stored() {
    let mut config = Preset::native().config().clone();
    config.durability = Durability::WriteAhead;
    let mut story = Story::new(Preset::native().with_config(config).expect("it is sound"));
    story.credential("token").open();
    story.send("early");
    story.persist().opened().text(WELCOME);
    assert!(story.seen().messages().is_empty(), "its number is not stored");
    assert_eq!(story.persist().seen().messages().len(), 1);
}

#[test]
fn a_message_that_is_being_stored_does_not_hold_back_those_that_are_stored() {
    let mut story = counted(|config| config.outbox.in_flight = redial::config::Limit::new(1));
    story.send("first");
    story.send("second");
    story.persist().seen();
    story.send("third");
    story.text(r#"{"type":"ack","a":1}"#);
    let sent = story.seen().messages();
    assert!(sent.len() == 1 && sent[0].contains("second"), "{sent:?}");
}
