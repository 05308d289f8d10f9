//! Snapshots whose check is right and whose records contradict each other, as no session and no peer writes them.

use redial::config::PeerPolicy;
use redial::error::RestoreError;
use redial::{Duration, Instant, Peer, Preset, Seed, Session, Snapshot};
use serde_json::{Value, json};

use crate::support::sealed::sealed;

/// Highest count of everything that a session counts, and the highest number that an id may be.
const LAST: u64 = (1 << 53) - (1 << 32);
const MAX_NUMBER: u64 = (1 << 53) - 1;

/// What becomes of these records after changes: each key gets its value, and goes where that is `null`.
fn restored(preset: &Preset, records: &Value, changes: &Value) -> Result<(), RestoreError> {
    let mut forged = records.clone();
    let all = forged.as_object_mut().expect("records are an object");
    all.extend(changes.as_object().expect("so are changes").clone());
    all.retain(|_, value| !value.is_null());
    let sealed = sealed(forged).expect("it has the shape of a snapshot");
    let snapshot: Snapshot = serde_json::from_value(sealed).expect("it has the shape of a snapshot");
    let (preset, now, seed) = (preset.clone(), Instant::ORIGIN, Seed::from(8_u64));
    if records["s/format"]["side"] == "client" {
        Session::restore(preset, now, snapshot, Duration::ZERO, seed).map(drop)
    } else {
        Peer::restore(preset, PeerPolicy::default(), now, snapshot, Duration::ZERO, seed).map(drop)
    }
}

fn judge(preset: &Preset, records: &Value, sound: &[Value], contradictory: &[Value]) {
    for changes in sound {
        assert_eq!(restored(preset, records, changes), Ok(()), "{changes}");
    }
    for changes in contradictory {
        assert_eq!(restored(preset, records, changes), Err(RestoreError::Damaged), "{changes}");
    }
}

/// So many records of a kind.
fn many(kind: &str, count: usize, record: impl Fn(usize) -> Value) -> Value {
    (0..count).map(|number| (format!("{kind}/{number}"), record(number))).collect()
}

#[test]
fn messages_that_contradict_each_other_or_a_limit_are_refused() {
    let records = json!({
        "meta": {"made": 2},
        "s/format": {"preset": "uni_app", "redial": 1, "side": "client"},
        "s/link": {"connections": 1},
        "s/mint": {"nonce": "00000000000000ab"},
        "m/0": {"body": "one", "id": "a"},
        "m/1": {"body": "two", "id": "00000000000000ab-1"},
        "c/0": {"first": 0, "sends": 1},
        "o/0": {"id": "b", "status": "accepted"},
        "d/0": {"id": "p1"},
        "r/0": {"id": "p1"},
    });
    let message = |id: Value| json!({"body": "three", "id": id});
    let marker = |number: usize| json!({"conversation": number.to_string(), "id": "p1"});
    let (longest, longer) = ("x".repeat(256), "x".repeat(257));
    let sound = [
        json!({}),
        json!({"meta": {"made": LAST}}),
        json!({"s/link": {"connections": LAST}}),
        json!({(format!("m/{}", LAST - 1)): message(json!("c"))}),
        json!({"m/2": message(json!(longest))}),
        json!({"m/2": message(json!(MAX_NUMBER))}),
        json!({"c/0": {"losses": 1}}),
        json!({"o/1": {"id": "c", "status": "rejected", "code": 7}}),
        json!({"o/1": {"id": "c", "status": "unconfirmed", "kept": {"body": "x"}}}),
        json!({"d/1": {"id": longest}}),
        json!({"r/1": {"conversation": longest, "id": longest}}),
        json!({(format!("r/{}", LAST - 1)): {"conversation": "c", "id": "p1"}}),
        many("r", 64, marker),
    ];
    let contradictory = [
        json!({"meta": {"made": LAST + 1}}),
        json!({"meta": {"made": 1}}),
        json!({"s/link": {"connections": LAST + 1}}),
        json!({"s/link": null}),
        json!({"s/mint": null}),
        json!({(format!("m/{LAST}")): message(json!("c"))}),
        json!({"m/2": message(json!("a"))}),
        json!({"m/2": message(json!("b"))}),
        json!({"m/2": message(json!(""))}),
        json!({"m/2": message(json!(longer))}),
        json!({"m/2": message(json!(MAX_NUMBER + 1))}),
        json!({"c/0": {"first": 0}}),
        json!({"c/2": {"sends": 1}}),
        json!({"o/1": {"id": "b", "status": "accepted"}}),
        json!({(format!("o/{LAST}")): {"id": "c", "status": "accepted"}}),
        json!({(format!("o/{}", u64::MAX)): {"id": "c", "status": "accepted"}}),
        json!({(format!("d/{LAST}")): {"id": "p2"}}),
        json!({"o/1": {"id": "c", "status": "queued"}}),
        json!({"o/1": {"id": "c", "status": "rejected"}}),
        json!({"o/1": {"id": "c", "status": "accepted", "code": 7}}),
        json!({"o/1": {"id": "c", "status": "accepted", "kept": {"body": "x"}}}),
        json!({"d/1": {"id": "p1"}}),
        json!({"d/1": {"id": ""}}),
        json!({"r/1": {"id": "p2"}}),
        json!({"r/1": {"conversation": "c", "id": ""}}),
        json!({"r/1": {"conversation": longer, "id": "p1"}}),
        json!({(format!("r/{LAST}")): {"conversation": "c", "id": "p1"}}),
        many("r", 65, marker),
    ];
    judge(&Preset::uni_app(), &records, &sound, &contradictory);
}

#[test]
fn a_session_whose_counts_are_used_up_goes_on_and_its_own_records_are_sound() {
    let records = json!({
        "meta": {"made": LAST},
        "s/format": {"preset": "uni_app", "redial": 1, "side": "client"},
        "s/link": {"connections": LAST},
        "s/mint": {"nonce": "00000000000000ab"},
    });
    let preset = Preset::uni_app().with_config(redial::Config::default()).expect("it is sound");
    let now = Instant::ORIGIN;
    let snapshot: Snapshot = serde_json::from_value(sealed(records).expect("it is whole")).expect("it can be read");
    let restored = |snapshot: &Snapshot, seed: u64| {
        Session::restore(preset.clone(), now, snapshot.iter(), Duration::ZERO, Seed::from(seed))
    };
    let mut session = restored(&snapshot, 8).expect("it is sound");
    session.credential(now, "token");
    session.open(now);
    let first = session.send(now, "one").expect("there is room");
    let mut next = restored(&session.snapshot(), 9).expect("so is what it makes of itself");
    assert_ne!(next.send(now, "two").expect("there is room"), first);
    assert_eq!(restored(&next.snapshot(), 10).map(|session| session.unsettled()), Ok(2));
}

#[test]
fn sequence_numbers_that_contradict_each_other_are_refused() {
    let records = json!({
        "meta": {},
        "s/format": {"preset": Preset::native().name(), "redial": 1, "side": "client"},
        "s/link": {"connections": 1},
        "s/mint": {"nonce": "00000000000000ab"},
        "s/session": {"name": "s", "token": "t"},
        "s/sequence": {"accepted": 2, "acked": 3, "gone_out": 4},
        "m/0": {"body": "one", "id": "a"},
        "m/1": {"body": "two", "id": "b"},
        "n/4": 0,
        "n/5": 1,
        "f/2": {"code": 7},
    });
    let sequence = |accepted: u64, acked: u64, gone_out: u64| json!({"s/sequence": {"accepted": accepted, "acked": acked, "gone_out": gone_out}});
    let missing =
        |missing: Value| json!({"s/sequence": {"accepted": 2, "acked": 3, "gone_out": 4, "missing": missing}});
    let session =
        |name: usize, token: usize| json!({"s/session": {"name": "x".repeat(name), "token": "x".repeat(token)}});
    // The same records without a number, and what they say where no session has begun.
    let without = |mut changes: Value, session: Value| {
        for (key, value) in [("n/4", Value::Null), ("n/5", Value::Null), ("f/2", Value::Null), ("s/session", session)] {
            changes[key] = value;
        }
        changes
    };
    let known = || json!({"name": "s", "token": "t"});
    let mut last = without(sequence(2, LAST - 1, LAST), known());
    last[format!("n/{LAST}")] = json!(0);
    let mut too_many = last.clone();
    too_many[format!("n/{}", LAST + 1)] = json!(1);
    let mut begun_by_a_number = without(sequence(0, 0, 0), Value::Null);
    begun_by_a_number["n/1"] = json!(0);
    let sound = [
        json!({}),
        sequence(LAST, 3, 5),
        sequence(2, 3, 0),
        session(128, 512),
        json!({"n/5": "skipped"}),
        json!({"n/4": "skipped", "n/5": "skipped"}),
        json!({"n/5": 9}),
        json!({"f/1": {"code": 7}}),
        missing(json!([1, null])),
        missing(json!([2, 2])),
        missing(json!([1, MAX_NUMBER])),
        without(sequence(0, 0, 0), Value::Null),
        last,
    ];
    let contradictory = [
        json!({"s/sequence": null}),
        sequence(LAST + 1, 3, 4),
        sequence(2, 3, 6),
        sequence(2, 2, 4),
        sequence(1, 3, 4),
        session(129, 512),
        session(128, 513),
        json!({"n/7": "skipped"}),
        json!({"n/5": 0}),
        json!({"f/0": {"code": 7}}),
        json!({"f/3": {"code": 7}}),
        missing(json!([0, null])),
        missing(json!([2, 1])),
        missing(json!([MAX_NUMBER + 1, null])),
        missing(json!([1, MAX_NUMBER + 1])),
        without(sequence(1, 0, 0), Value::Null),
        without(sequence(0, 1, 1), Value::Null),
        without(sequence(2, LAST + 1, 0), known()),
        begun_by_a_number,
        too_many,
    ];
    judge(&Preset::native(), &records, &sound, &contradictory);
}

#[test]
fn what_a_peer_knows_of_its_client_is_refused_where_it_contradicts_itself() {
    let records = json!({
        "meta": {},
        "s/format": {"preset": "uni_app", "redial": 1, "side": "server"},
        "s/client": {"connections": 1},
        "s/mint": {"nonce": "00000000000000ab"},
        "t/3": {"id": "c1"},
        "t/4": {"id": "c2", "read": true},
    });
    let receipt_at = |number: u64| json!({"t/3": null, "t/4": null, (format!("t/{number}")): {"id": "c1"}});
    let sound = [json!({}), json!({"s/client": {"connections": LAST}}), receipt_at(LAST)];
    let contradictory = [
        json!({"s/client": null}),
        json!({"s/client": {"connections": LAST + 1}}),
        json!({"t/6": {"id": "c3"}}),
        json!({"t/4": null, "t/5": {"id": "c2"}}),
        receipt_at(LAST + 1),
    ];
    judge(&Preset::uni_app(), &records, &sound, &contradictory);
}
