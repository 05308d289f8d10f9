//! Records as published layouts wrote them, and what this version makes of them.
//!
//! Each file in `kept/` stands for a store in the field, written by a program of that layout: one record a line, an
//! object of its key and its value, as `durable.md` describes them. A file is never written again. A new layout adds
//! files under another name, and tests that restore them: `REDIAL_KEEP=NAME cargo test --locked --test it kept` writes
//! what the scripted runs below store, and refuses a name that is taken. The files that are there stay, and so do their
//! tests: a record that this version no longer reads as it was meant is a message lost in somebody's store.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use redial::config::{Acknowledge, Budget, Durability, OnFailure, PeerPolicy};
use redial::journal::Call;
use redial::{
    Action, ConnectionId, Duration, Event, Frame, Instant, Outgoing, Peer, Preset, Seed, Session, Snapshot, State,
    Status,
};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::support::{Seen, with};

/// The newest layout; each one before has a file of its own name, too.
const NEWEST: &str = "0.1";

fn preset() -> Preset {
    let storing = Preset::native().configure(|config| {
        config.durability = Durability::WriteAhead;
        config.inbox.acknowledge = Acknowledge::OnCall;
        config.reconnect.budget = Some(Budget::new(100, Duration::from_secs(86_400)));
    });
    storing.expect("it is sound")
}

/// A failed message holds those behind it.
fn holding() -> Preset {
    preset().configure(|config| config.outbox.on_failure = OnFailure::Hold).expect("it is sound")
}

fn policy() -> PeerPolicy {
    with(|policy: &mut PeerPolicy| policy.durability = Durability::WriteAhead)
}

fn file(layout: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/durability/kept/{layout}_{name}.jsonl"))
}

/// The records of a file, as their store had them.
fn kept(layout: &str, name: &str) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(file(layout, name)).expect("the file is there");
    let record =
        |line: &str| -> BTreeMap<String, Box<RawValue>> { serde_json::from_str(line).expect("a record a line") };
    text.lines().flat_map(record).map(|(key, value)| (key, value.get().to_owned())).collect()
}

/// A store that keeps what each version carries.
#[derive(Default)]
struct Store {
    records: Snapshot,
    /// What was done since it was last taken.
    seen: Vec<Action>,
}

impl Store {
    /// Stores what an action carries; returns its version.
    fn take(&mut self, action: Action) -> Option<u64> {
        let version = match &action {
            Action::Persist { version, changes, .. } => {
                self.records.apply(changes);
                Some(*version)
            }
            _ => None,
        };
        self.seen.push(action);
        version
    }

    /// The host's loop for a session.
    fn session(&mut self, session: &mut Session) {
        let now = session.now();
        while let Some(action) = session.poll_action() {
            if let Some(version) = self.take(action) {
                session.persisted(now, version);
            }
        }
    }

    /// The versions that were stored since what was done was last taken.
    fn versions(&self) -> Vec<u64> {
        let version = |action: &Action| match action {
            Action::Persist { version, .. } => Some(*version),
            _ => None,
        };
        self.seen.iter().filter_map(version).collect()
    }

    /// The texts that were sent since the last time.
    fn sent(&mut self) -> Vec<String> {
        Seen::new(std::mem::take(&mut self.seen)).sends(|_| true)
    }

    /// The texts that were delivered since the last time.
    fn delivered(&mut self) -> Vec<String> {
        Seen::new(std::mem::take(&mut self.seen)).delivered()
    }
}

/// A session, the number of its connection, and its store.
struct Client {
    session: Session,
    connection: ConnectionId,
    store: Store,
}

impl Client {
    fn new(preset: Preset) -> Self {
        let session = Session::new(preset, Seed::from(1_u64));
        Self { session, connection: ConnectionId::new(1), store: Store::default() }
    }

    /// The next process, a second later, with the records of this one.
    fn restarted(self) -> Self {
        Self::restored(self.session.preset().clone(), self.store.records, self.connection.get() + 1)
    }

    fn restored(preset: Preset, records: Snapshot, connection: u64) -> Self {
        let (now, away, seed) = (Instant::ORIGIN, Duration::from_secs(1), Seed::from(2_u64));
        let session = Session::restore(preset, now, records.clone(), away, seed).expect("its records are read");
        let store = Store { records, ..Store::default() };
        let mut client = Self { session, connection: ConnectionId::new(connection), store };
        client.store.session(&mut client.session);
        client
    }

    /// The connection is lost.
    fn lose(&mut self) -> &mut Self {
        let event = Event::Closed { connection: self.connection, code: None, reason: String::new() };
        self.session.handle(self.session.now(), event);
        self.store.session(&mut self.session);
        self.connection = ConnectionId::new(self.connection.get() + 1);
        self
    }

    fn call(&mut self, call: Call) -> &mut Self {
        let now = self.session.now();
        call.make(&mut self.session, now).expect("the call is allowed here");
        self.store.session(&mut self.session);
        self
    }

    fn hear(&mut self, text: &str) -> &mut Self {
        let event = Event::FrameIn { connection: self.connection, frame: Frame::text(text.to_owned()) };
        self.session.handle(self.session.now(), event);
        self.store.session(&mut self.session);
        self
    }

    /// Opens the session at this time, waits as long as it wants, and is welcomed with these fields.
    fn connect(&mut self, at: u64, welcome: &str) -> &mut Self {
        self.session.credential(Instant::from_millis(at), "secret");
        self.call(Call::Open);
        if self.session.state() == State::Waiting {
            let due = self.session.next_deadline().expect("it waits for its next attempt").at;
            self.session.handle(due, Event::Tick);
            self.store.session(&mut self.session);
        }
        self.session.handle(self.session.now(), Event::Opened { connection: self.connection });
        self.store.session(&mut self.session);
        self.hear(&format!(r#"{{"type":"welcome",{welcome},"ttl_ms":86400000,"dedup_ms":86400000,{LIMITS}}}"#))
    }

    fn send(&mut self, message: Outgoing) -> &mut Self {
        self.session.send(self.session.now(), message).expect("the message is taken");
        self.store.session(&mut self.session);
        self
    }
}

/// A peer, the number of its connection, and its store.
struct Server {
    peer: Peer,
    now: Instant,
    connection: ConnectionId,
    store: Store,
}

impl Server {
    fn new() -> Self {
        let peer = Peer::new(preset(), policy(), Seed::from(1_u64));
        Self { peer, now: Instant::ORIGIN, connection: ConnectionId::new(0), store: Store::default() }
    }

    /// The next process, a second later, with the records of this one.
    fn restarted(self) -> Self {
        Self::restored(self.store.records)
    }

    fn restored(records: Snapshot) -> Self {
        let (now, away, seed) = (Instant::ORIGIN, Duration::from_secs(1), Seed::from(2_u64));
        let peer = Peer::restore(preset(), policy(), now, records.clone(), away, seed).expect("its records are read");
        let store = Store { records, ..Store::default() };
        Self { peer, now, connection: ConnectionId::new(0), store }.with(|_, _| {})
    }

    fn with(mut self, input: impl FnOnce(&mut Peer, Instant)) -> Self {
        self.input(input);
        self
    }

    fn input(&mut self, input: impl FnOnce(&mut Peer, Instant)) -> &mut Self {
        input(&mut self.peer, self.now);
        while let Some(action) = self.peer.poll_action() {
            if let Some(version) = self.store.take(action) {
                self.peer.persisted(self.now, version);
            }
        }
        self
    }

    fn hear(&mut self, text: &str) -> &mut Self {
        let event = Event::FrameIn { connection: self.connection, frame: Frame::text(text.to_owned()) };
        self.input(|peer, now| peer.handle(now, event))
    }

    /// A client comes, and says hello with these fields.
    fn connect(&mut self, at: u64, fields: &str) -> &mut Self {
        self.now = Instant::from_millis(at);
        self.connection = self.peer.accept(self.now);
        self.hear(&format!(r#"{{"type":"hello","v":1,{fields}{LIMITS}}}"#))
    }

    fn push(&mut self, message: Outgoing) -> &mut Self {
        self.input(|peer, now| drop(peer.push(now, message).expect("the message is taken")))
    }

    /// What a client presents to resume the session, with these fields beside.
    fn resume(&self, fields: &str) -> String {
        let records: BTreeMap<String, String> = self.store.records.clone().into_iter().collect();
        let session: Value = serde_json::from_str(&records["s/session"]).expect("a record is JSON");
        format!(r#""resume":{{"sid":{},"token":{},{fields}}},"#, session["name"], session["token"])
    }
}

const LIMITS: &str = r#""win_msgs":256,"win_bytes":1048576,"frame_max":1048576"#;

fn message(seq: u64) -> String {
    format!(r#"{{"type":"msg","s":{seq},"id":"p{seq}","b":"push {seq}"}}"#)
}

/// A client in its second process, with something of everything.
fn client() -> Snapshot {
    let mut client = Client::new(preset());
    client.connect(1_000, r#""sid":"s1","token":"t1","resumed":false"#);
    client.send(Outgoing::from("read by them").id("c1")).send(Outgoing::from("refused by them").id("c2"));
    client.send(Outgoing::from("under an id of its own"));
    client.hear(r#"{"type":"ack","a":3,"n":[{"s":2,"code":7}]}"#).hear(r#"{"type":"read","id":"c1"}"#);
    client.hear(&message(1)).hear(&message(2)).hear(&message(3));
    client.call(Call::Acknowledge { id: "p1".into() }).call(Call::Reject { id: "p2".into() });
    client.call(Call::MarkRead { id: "p1".into(), conversation: "a room".into() });
    let mut client = client.restarted();
    client.connect(100, r#""sid":"s1","token":"t2","resumed":true,"rx":3"#);
    client.send(Outgoing::from("in flight").id("c3")).lose();
    client.connect(100, r#""sid":"s1","token":"t3","resumed":true,"rx":3"#);
    client.send(Outgoing::from("never twice").id("c4").once());
    client.call(Call::Hold);
    client.send(Outgoing::from("taken back").id("c5")).send(Outgoing::from("behind it").id("c6"));
    client.call(Call::Cancel { id: "c5".into() }).call(Call::Release).call(Call::Hold);
    client.send(Outgoing::from("waiting").id("c7").time_to_live(Duration::from_secs(60)));
    client.store.records
}

/// A client whose server has lost its session, and that has not fetched what went with it.
fn gap() -> Snapshot {
    let mut client = Client::new(preset());
    client.connect(1_000, r#""sid":"s1","token":"t1","resumed":false"#).hear(&message(1));
    client.call(Call::Acknowledge { id: "p1".into() });
    let mut client = client.restarted();
    client.connect(100, r#""sid":"s2","token":"t2","resumed":false,"why":"restarted","rx":0,"gone":4"#);
    client.store.records
}

/// A client of which one message failed and holds those behind it.
fn held() -> Snapshot {
    let mut client = Client::new(holding());
    client.connect(1_000, r#""sid":"s1","token":"t1","resumed":false"#);
    client.send(Outgoing::from("refused by them").id("c1"));
    client.hear(r#"{"type":"ack","a":1,"n":[{"s":1,"code":7}]}"#);
    client.send(Outgoing::from("behind it").id("c2"));
    client.store.records
}

/// A peer in its second process, with something of everything.
fn server() -> Snapshot {
    let mut server = Server::new();
    server.connect(1_000, "");
    server.push(Outgoing::from("accepted by them").id("p1")).push(Outgoing::from("in flight").id("p2"));
    server.hear(r#"{"type":"msg","s":1,"id":"c1","b":"one"}"#).hear(r#"{"type":"msg","s":2,"id":"c2","b":"two"}"#);
    server.hear(r#"{"type":"msg","s":3,"id":"c3","b":"three"}"#).hear(r#"{"type":"ack","a":1}"#);
    server.input(|peer, now| peer.acknowledge(now, &"c1".into()).expect("it waits"));
    server.input(|peer, now| peer.delivered(now, "c1".into()).expect("it was accepted"));
    server.input(|peer, now| peer.read(now, "c1".into()).expect("it was accepted"));
    server.input(|peer, now| peer.reject(now, &"c2".into(), 9).expect("it waits"));
    let mut server = server.restarted();
    let resume = server.resume(r#""rx":1,"seen":2,"lo":3,"hi":3"#);
    server.connect(100, &resume);
    let event = Event::Closed { connection: server.connection, code: None, reason: String::new() };
    server.input(|peer, now| peer.handle(now, event));
    server.push(Outgoing::from("waiting").id("p3").time_to_live(Duration::from_secs(60)));
    server.store.records
}

/// A scripted run, which returns what its store holds in the end.
type Run = fn() -> Snapshot;

const RUNS: [(&str, Run); 4] = [("client", client), ("gap", gap), ("held", held), ("server", server)];

/// What there is of a layout: the kinds of its records, and the fields of each.
fn shapes(records: impl IntoIterator<Item = (String, String)>) -> BTreeSet<String> {
    let mut shapes = BTreeSet::new();
    for (key, value) in records {
        let kind = key.trim_end_matches(|c: char| c.is_ascii_digit());
        match serde_json::from_str(&value).expect("a value is JSON") {
            Value::Object(fields) => shapes.extend(fields.keys().map(|field| format!("{kind} {field}"))),
            _ => drop(shapes.insert(kind.to_owned())),
        }
    }
    shapes
}

#[test]
fn the_newest_kept_records_are_those_that_this_version_writes() {
    for (name, run) in RUNS {
        if let Ok(layout) = std::env::var("REDIAL_KEEP") {
            let new = OpenOptions::new().write(true).create_new(true).open(file(&layout, name));
            let mut new = new.expect("no file is ever written again: choose the name of a layout that has none");
            for (key, value) in run() {
                writeln!(new, "{{\"{key}\":{value}}}").expect("there is room");
            }
        }
        assert_eq!(
            shapes(kept(NEWEST, name)),
            shapes(run()),
            "{name}: a layout that has changed keeps files of its own; the old ones stay, and so do their tests"
        );
    }
}

#[test]
fn the_kept_records_are_of_every_kind() {
    let all = RUNS.iter().flat_map(|(name, _)| shapes(kept(NEWEST, name)));
    let kinds: BTreeSet<String> = all.map(|shape| shape.split(' ').next().unwrap_or_default().to_owned()).collect();
    let table = include_str!("../../../src/durable.md").lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: BTreeSet<String> = table
        .filter_map(|row| row.split_once('`'))
        .map(|(key, _)| key.split('<').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(kinds, documented);
}

#[test]
fn a_session_goes_on_from_the_records_of_layout_0_1() {
    let mut client = Client::restored(preset(), kept("0.1", "client").into_iter().collect(), 4);
    let statuses = [
        ("c1", Status::Read),
        ("c2", Status::Rejected { code: 7 }),
        ("e175e32ed3507bfa-0", Status::Accepted),
        // A second copy is allowed of all but `c4`; `c7` may have left right after it was stored.
        ("c3", Status::Sent),
        ("c4", Status::Unconfirmed),
        ("c5", Status::Cancelled),
        ("c6", Status::Sent),
        ("c7", Status::Sent),
    ];
    for (id, status) in statuses {
        assert_eq!(client.session.status(&id.into()), Some(status), "{id}");
    }
    assert_eq!(client.session.unsettled(), 3);
    let versions = client.store.versions();
    assert_eq!(versions, [21], "versions go on");

    client.connect(100, r#""sid":"s1","token":"t4","resumed":true,"rx":4"#);
    let hello = concat!(
        r#"{"type":"hello","v":1,"auth":"secret","resume":{"sid":"s1","token":"t3","rx":2,"n":[{"s":2,"code":0}],"#,
        r#""seen":2,"lo":4,"hi":8},"win_msgs":256,"win_bytes":1048576,"frame_max":1048576}"#
    );
    let again = [
        hello,
        r#"{"type":"read","id":"p1"}"#,
        r#"{"type":"msg","s":5,"id":"c4","skip":true}"#,
        // The record of a skipped number holds no id.
        r#"{"type":"msg","s":6,"id":6,"skip":true}"#,
        r#"{"type":"msg","s":7,"id":"c6","b":"behind it"}"#,
        r#"{"type":"msg","s":8,"id":"c7","b":"waiting"}"#,
    ];
    assert_eq!(client.store.sent(), again);
    assert_eq!(client.session.status(&"c3".into()), Some(Status::Accepted), "the welcome has acknowledged it");

    // Under new numbers, too, what was seen is not delivered again.
    for (seq, id) in [(3, "p1"), (4, "p2"), (5, "p3")] {
        client.hear(&format!(r#"{{"type":"msg","s":{seq},"id":"{id}","b":"push of {id}"}}"#));
    }
    assert_eq!(client.store.delivered(), ["push of p3"]);
    // Its time to live was a minute, of which a second has passed between the processes.
    client.hear(r#"{"type":"ack","a":7}"#);
    let due = client.session.next_deadline().expect("its time ends");
    assert!(due.at <= Instant::from_millis(59_500), "{due:?}");
    client.session.handle(Instant::from_millis(59_500), Event::Tick);
    assert_eq!(client.session.status(&"c7".into()), Some(Status::Unconfirmed));
    client.session.resend(client.session.now(), &"c2".into()).expect("its body is kept for another round");
    assert_ne!(client.session.send(client.session.now(), "new").expect("it is taken"), "e175e32ed3507bfa-1".into());
}

#[test]
fn a_gap_that_is_not_fetched_stands_in_the_records_of_layout_0_1() {
    let mut client = Client::restored(preset(), kept("0.1", "gap").into_iter().collect(), 3);
    let gap = Action::Gap { from: 2, to: Some(4) };
    assert!(client.store.seen.contains(&gap), "{:?}", client.store.seen);
    client.connect(100, r#""sid":"s2","token":"t3","resumed":true,"rx":0"#);
    client.hear(r#"{"type":"msg","s":1,"id":"p5","b":"after the gap"}"#);
    assert_eq!(client.store.delivered(), Vec::<String>::new());
    client.call(Call::Fetched { from: 2, to: Some(4), ids: Vec::new() });
    assert_eq!(client.store.delivered(), ["after the gap"]);
}

#[test]
fn a_failure_holds_the_line_in_the_records_of_layout_0_1() {
    let mut client = Client::restored(holding(), kept("0.1", "held").into_iter().collect(), 2);
    let statuses = ["c1", "c2"].map(|id| client.session.status(&id.into()));
    assert_eq!(statuses, [Some(Status::Rejected { code: 7 }), Some(Status::Queued)]);
    client.store.seen.clear();
    client.connect(100, r#""sid":"s1","token":"t2","resumed":true,"rx":1"#);
    let sent = client.store.sent();
    assert!(sent.iter().all(|text| !text.contains("behind it")), "the user has not decided: {sent:?}");
    client.call(Call::Resend { id: "c1".into() });
    let sent = client.store.sent();
    let at = |words: &str| sent.iter().position(|text| text.contains(words));
    assert!(at("refused by them").is_some() && at("refused by them") < at("behind it"), "{sent:?}");
}

#[test]
fn a_peer_goes_on_from_the_records_of_layout_0_1() {
    let mut server = Server::restored(kept("0.1", "server").into_iter().collect());
    assert_eq!(server.peer.unacknowledged(), 2);
    // The client may not have heard the last welcome, so the token before is as good.
    let resume = r#""resume":{"sid":"c5ec8bcc4fe358304dd8ed1ca22869c5","token":"c0bf922a0b283109140bfa21e68785bb","#;
    server.connect(100, &format!(r#"{resume}"rx":1,"seen":2,"lo":3,"hi":3}},"#));
    assert_eq!(server.connection, ConnectionId::new(3));
    assert_eq!(server.store.versions()[..2], [13, 14], "versions go on");
    let mut sent = server.store.sent();
    let welcome = sent.remove(0);
    let resumed = r#""sid":"c5ec8bcc4fe358304dd8ed1ca22869c5""#;
    assert!(
        welcome.contains(resumed) && welcome.contains(r#""resumed":true,"rx":2,"n":[{"s":2,"code":9}]"#),
        "{welcome}"
    );
    // A second is between the processes; before it, ids were remembered for 1,100 ms.
    assert!(welcome.contains(r#""dedup_ms":2200"#), "{welcome}");
    let again = [
        r#"{"type":"delivered","id":"c1"}"#,
        r#"{"type":"read","id":"c1"}"#,
        r#"{"type":"msg","s":2,"id":"p2","b":"in flight"}"#,
        r#"{"type":"msg","s":3,"id":"p3","b":"waiting"}"#,
    ];
    assert_eq!(sent, again);
    for (seq, id) in [(3, "c1"), (4, "c2"), (5, "c3")] {
        server.hear(&format!(r#"{{"type":"msg","s":{seq},"id":"{id}","b":"said in {id}"}}"#));
    }
    assert_eq!(server.store.delivered(), ["said in c3"]);
    server.hear(r#"{"type":"ack","a":3}"#);
    assert_eq!(server.peer.unacknowledged(), 0);
}
