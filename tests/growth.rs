//! No call and no event takes more work than in proportion to what a session holds, but for a logarithm.
//!
//! No time is judged by itself. A decade of n log n takes at most 13 times as long, a quadratic one 100 times; the
//! limit stands between, and the least of several runs counts before a fault is found. What takes less than a
//! millisecond among the smaller number counts as a millisecond. Where the system tells it, the time is the thread's
//! own, whatever runs beside it. Without optimisation it goes from a thousand to ten thousand;
//! `cargo test --release --test growth` goes on to a hundred thousand.

use std::collections::BTreeSet;

use redial::config::{Acknowledge, Durability, Limit, OnFailure, PeerPolicy, Resend};
use redial::journal::Call;
use redial::{
    Action, Body, Config, ConnectionId, CredentialFailure, Duration, Event, Failure, Frame, HostProfile, Instant,
    MessageId, Outgoing, Peer, Preset, Purpose, Seed, Session, TransportError,
};

const NOW: Instant = Instant::ORIGIN;
const WELCOME: &str = r#"{"type":"welcome","sid":"SID","token":"t","ttl_ms":60000,"resumed":false,"why":"unknown","win_msgs":65536,"win_bytes":99999999,"frame_max":1048576}"#;

/// The time that work takes: of this thread alone where the system tells it, so that other programs count for nothing.
fn measure(work: impl FnOnce()) -> u128 {
    let (start, busy) = (std::time::Instant::now(), busy());
    work();
    busy.zip(self::busy()).map_or_else(|| start.elapsed().as_nanos(), |(before, after)| after - before)
}

/// Nanoseconds for which this thread has run, as Linux counts them.
fn busy() -> Option<u128> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

fn config(n: u64) -> Config {
    let mut config = Config::default();
    config.outbox.messages = Limit::new(n.max(10));
    config.outbox.bytes = Limit::new(1 << 30);
    config.outbox.in_flight = Limit::new(n.clamp(10, 65_536));
    config.outbox.remembered = Limit::new(n);
    config.inbox.window = Limit::new(n);
    config.inbox.pending = Limit::new(n.clamp(10, 10_000));
    config.limits.frame_bytes = Limit::new(16 << 20);
    config
}

fn drain(session: &mut Session) {
    while session.poll_action().is_some() {}
}

fn connection(session: &Session) -> ConnectionId {
    ConnectionId::new(session.stats().connects)
}

fn open(session: &mut Session) {
    session.credential(session.now(), "token");
    session.open(session.now());
    let connection = connection(session);
    session.handle(session.now(), Event::Opened { connection });
    drain(session);
}

fn hear(session: &mut Session, text: String) {
    let connection = connection(session);
    session.handle(session.now(), Event::FrameIn { connection, frame: Frame::text(text) });
}

fn started(preset: &Preset, config: Config) -> Session {
    let mut session = Session::new(preset.clone().with_config(config).expect("it is sound"), Seed::from(7_u64));
    open(&mut session);
    session
}

fn uni_app(n: u64, change: impl FnOnce(&mut Config)) -> Session {
    let mut config = config(n);
    change(&mut config);
    started(&Preset::uni_app(), config)
}

fn writing_ahead(n: u64) -> Config {
    let mut config = config(n);
    config.durability = Durability::WriteAhead;
    config
}

/// All versions are stored, and what follows from that.
fn store(session: &mut Session) {
    for _ in 0..3 {
        session.persisted(session.now(), u64::MAX);
        drain(session);
    }
}

/// The connection is lost, and the next one is open.
fn lose(session: &mut Session) {
    let lost = connection(session);
    session.handle(NOW, Event::Closed { connection: lost, code: None, reason: String::new() });
    session.handle(session.next_deadline().expect("it connects again").at, Event::Tick);
    let connection = connection(session);
    session.handle(session.now(), Event::Opened { connection });
    drain(session);
}

fn native(n: u64) -> Session {
    let mut session = started(&Preset::native(), config(n));
    hear(&mut session, WELCOME.replace("SID", "s1"));
    drain(&mut session);
    session
}

fn send(session: &mut Session, n: u64, polled: bool) {
    for number in 0..n {
        session.send(session.now(), Outgoing::from("x").id(format!("c{number}"))).expect("there is room");
        if polled {
            drain(session);
        }
    }
}

fn push(session: &mut Session, n: u64) {
    for number in 0..n {
        hear(session, format!(r#"{{"type":"MESSAGE","messageId":"p{number}","content":"x"}}"#));
    }
}

/// A way to fill a session with so many things.
type Fill = (&'static str, fn(u64) -> Session);

const FILLS: [Fill; 15] = [
    ("sends that nobody polled", |n| {
        let mut session = uni_app(n, |_| {});
        send(&mut session, n, false);
        session
    }),
    ("sends without receipts that nobody polled", |n| {
        let mut session = started(&Preset::plain(), config(n));
        send(&mut session, n, false);
        session
    }),
    ("messages in flight", |n| {
        let mut session = uni_app(n, |_| {});
        send(&mut session, n, true);
        session
    }),
    ("messages that wait", |n| {
        let mut session = uni_app(n, |_| {});
        session.hold(NOW);
        send(&mut session, n, true);
        session
    }),
    ("messages with a time to live", |n| {
        let mut session = uni_app(n, |config| config.outbox.time_to_live = Some(Duration::from_secs(90)));
        send(&mut session, n, true);
        session
    }),
    ("failed messages", |n| {
        let mut session = uni_app(n, |_| {});
        send(&mut session, n, true);
        session.close(NOW);
        drain(&mut session);
        open(&mut session);
        session
    }),
    ("ids that were seen", |n| {
        let mut session = uni_app(n, |_| {});
        push(&mut session, n);
        drain(&mut session);
        session
    }),
    ("messages that wait for the application", |n| {
        let mut session = uni_app(n, |config| config.inbox.acknowledge = Acknowledge::OnCall);
        push(&mut session, n.min(10_000));
        drain(&mut session);
        session
    }),
    ("answers that wait for the store", |n| {
        let mut session = uni_app(n, |config| config.durability = Durability::WriteAhead);
        push(&mut session, n);
        drain(&mut session);
        session
    }),
    ("messages that wait for the store", |n| {
        let mut session = uni_app(n, |config| config.durability = Durability::WriteAhead);
        send(&mut session, n, true);
        session
    }),
    ("failed messages back in their places that wait for the store", |n| {
        let mut session = uni_app(n, |config| {
            config.durability = Durability::WriteAhead;
            config.outbox.resend = Resend::Never;
            config.outbox.on_failure = OnFailure::Hold;
        });
        send(&mut session, n, true);
        store(&mut session);
        lose(&mut session);
        store(&mut session);
        for number in 0..n.min(65_536) {
            session.resend(session.now(), &MessageId::from(format!("c{number}"))).expect("its body is kept");
            drain(&mut session);
        }
        session
    }),
    ("sequenced messages that wait for the store", |n| {
        let mut session = started(&Preset::native(), writing_ahead(n));
        store(&mut session);
        hear(&mut session, WELCOME.replace("SID", "s1"));
        store(&mut session);
        send(&mut session, n, true);
        session
    }),
    ("sequenced messages in flight", |n| {
        let mut session = native(n);
        send(&mut session, n, true);
        session
    }),
    ("sequenced sends that nobody polled", |n| {
        let mut session = native(n);
        send(&mut session, n, false);
        session
    }),
    ("messages held back behind a gap", |n| {
        let mut session = native(n);
        lose(&mut session);
        hear(&mut session, WELCOME.replace("SID", "s2"));
        for seq in 1..=n.min(10_000) {
            hear(&mut session, format!(r#"{{"type":"msg","s":{seq},"id":"h{seq}","b":"x"}}"#));
        }
        drain(&mut session);
        session
    }),
];

/// Every call, with n things in it where it takes any.
fn calls(n: u64) -> Vec<Call> {
    let id = MessageId::from(format!("c{}", n / 2).as_str());
    let pushed = MessageId::from(format!("p{}", n.min(10_000) / 2).as_str());
    let calls = vec![
        Call::Open,
        Call::Close { code: None, reason: String::new() },
        Call::Send { body: Body::from("y"), id: Some("new".into()), time_to_live: None, once: false },
        Call::Resend { id: id.clone() },
        Call::Cancel { id: id.clone() },
        Call::Abandon { id },
        Call::Acknowledge { id: pushed.clone() },
        Call::Reject { id: pushed.clone() },
        Call::MarkRead { id: pushed, conversation: "c".into() },
        Call::ReconnectNow,
        Call::Hold,
        Call::Release,
        Call::Drain { within: Duration::from_secs(1) },
        Call::Credential { value: "token".into(), connection: None },
        Call::CredentialFailed { why: CredentialFailure::Refused, connection: None },
        Call::Fetched { from: 1, to: None, ids: (0..n).rev().map(|id| format!("h{id}").as_str().into()).collect() },
        Call::Persisted { version: u64::MAX },
    ];
    let kinds: BTreeSet<&str> = calls.iter().map(Call::kind).collect();
    assert!(Call::KINDS.iter().all(|kind| kinds.contains(kind)), "every call has a row: {kinds:?}");
    calls
}

/// Every event, and the frames that settle many messages at once.
fn events(session: &Session, n: u64) -> Vec<Event> {
    let connection = connection(session);
    let purpose = Some(Purpose::Message { id: format!("c{}", n / 2).as_str().into() });
    let frame = |text: String| Event::FrameIn { connection, frame: Frame::text(text) };
    let events = vec![
        Event::Opened { connection },
        frame(format!(r#"{{"type":"RECEIPT","clientMessageId":"c{}"}}"#, n / 2)),
        frame(format!(r#"{{"type":"MESSAGE","messageId":"p{}","content":"x"}}"#, n / 2)),
        frame(format!(r#"{{"type":"ack","a":{}}}"#, n.min(65_536))),
        frame(format!("[{}1]", "1,".repeat(usize::try_from(n).unwrap_or(0)))),
        Event::Arriving { connection },
        Event::Written { connection, frames: n },
        Event::Taken { messages: n },
        Event::Tick,
        Event::SendFailed { connection, purpose },
        Event::errored(connection, Failure::new(TransportError::Io)),
        Event::Closed { connection, code: None, reason: String::new() },
        Event::Online,
        Event::Offline,
        Event::Host { profile: HostProfile::new().without_pings() },
        Event::Woke { asleep: Duration::from_secs(100) },
    ];
    let kinds: BTreeSet<&str> = events.iter().map(Event::kind).collect();
    assert!(Event::KINDS.iter().all(|kind| kinds.contains(kind)), "every event has a row: {kinds:?}");
    events
}

/// The time of every input to a session that holds n things, by its name. What comes out is dropped with it.
fn times(session: &Session, n: u64) -> Vec<(String, u128)> {
    let run = |name: String, work: &mut dyn FnMut(&mut Session)| {
        let mut copy = session.clone();
        (name, measure(|| work(&mut copy)))
    };
    let mut times = Vec::new();
    for call in calls(n) {
        let mut made = Some(call.clone());
        times.push(run(format!("call {}", call.kind()), &mut |session| {
            if let Some(call) = made.take() {
                // Whether it is refused depends on what is held.
                let _ = call.make(session, session.now());
            }
        }));
    }
    for (at, event) in events(session, n).into_iter().enumerate() {
        times.push(run(format!("event {} ({at})", event.kind()), &mut |session| {
            session.handle(session.now(), event.clone());
        }));
    }
    // Every timer that has anything to do with what is held, one after the other.
    times.push(run("two minutes of ticks".to_owned(), &mut |session| {
        for second in 0..120 {
            session.handle(Instant::from_millis(second * 1_000), Event::Tick);
        }
    }));
    times.push(run("snapshot and restore".to_owned(), &mut |session| {
        let (preset, snapshot) = (session.preset().clone(), session.snapshot());
        Session::restore(preset, NOW, snapshot, Duration::ZERO, Seed::from(9_u64)).expect("it is whole");
    }));
    times
}

/// Judges how a time has grown with ten times as many things.
fn judge(name: &str, n: u64, few: u128, many: u128) -> Result<(), String> {
    if many <= few.max(1_000_000) * 40 {
        return Ok(());
    }
    Err(format!("{name}: {few} ns among {}, {many} ns among {n}", n / 10))
}

/// The least of several runs, name by name.
fn least(runs: impl IntoIterator<Item = Vec<(String, u128)>>) -> Vec<(String, u128)> {
    runs.into_iter()
        .reduce(|one, other| one.into_iter().zip(other).map(|((name, a), (_, b))| (name, a.min(b))).collect())
        .unwrap_or_default()
}

/// Compares the times of every size with those of the size before; measures again before it finds a fault.
fn grow(name: &str, mut measured: impl FnMut(u64, u32) -> Vec<(String, u128)>) {
    let sizes: &[u64] = if cfg!(debug_assertions) { &[10_000] } else { &[10_000, 100_000] };
    for &n in sizes {
        let mut faults = Vec::new();
        for runs in [1, 3, 5] {
            let (few, many) = (measured(n / 10, runs), measured(n, runs));
            let pairs = few.iter().zip(&many);
            faults = pairs.filter_map(|((input, few), (_, many))| judge(input, n, *few, *many).err()).collect();
            if faults.is_empty() {
                break;
            }
        }
        assert!(faults.is_empty(), "{name}: {faults:#?}");
    }
}

#[test]
fn no_input_to_a_session_takes_more_than_its_share_of_what_is_held() {
    for (name, fill) in FILLS {
        grow(name, |n, runs| {
            let mut session = None;
            let filling = measure(|| session = Some(fill(n)));
            let session = session.expect("it is filled");
            let mut times = least((0..runs).map(|_| times(&session, n)));
            times.push(("filling".to_owned(), filling));
            times
        });
    }
}

#[test]
fn no_input_to_a_peer_takes_more_than_its_share_of_what_is_held() {
    for preset in [Preset::uni_app(), Preset::native()] {
        grow(preset.name(), |n, runs| {
            let preset = preset.clone().with_config(config(n)).expect("it is sound");
            let mut peer = Peer::new(preset, PeerPolicy::default(), Seed::from(7_u64));
            let connection = peer.accept(NOW);
            let hello = r#"{"type":"hello","v":1,"win_msgs":65536,"win_bytes":99999999,"frame_max":1048576}"#;
            peer.handle(NOW, Event::FrameIn { connection, frame: Frame::text(hello) });
            for number in 0..n {
                peer.push(NOW, Outgoing::from("x").id(format!("c{number}"))).expect("there is room");
                let id = format!("d{number}").as_str().into();
                peer.remember(NOW, &id);
                peer.delivered(NOW, id).expect("it is known");
            }
            least((0..runs).map(|_| {
                let mut times = Vec::new();
                let mut run = |name: String, work: &dyn Fn(&mut Peer)| {
                    let mut copy = peer.clone();
                    times.push((name, measure(|| work(&mut copy))));
                };
                let session = Session::new(Preset::plain(), Seed::from(7_u64));
                for (at, event) in events(&session, n).into_iter().enumerate() {
                    let mut event = serde_json::to_value(event).expect("an event is JSON");
                    if event.get("connection").is_some() {
                        event["connection"] = connection.get().into();
                    }
                    let event: Event = serde_json::from_value(event).expect("it is an event");
                    run(format!("event {} ({at})", event.kind()), &|peer| peer.handle(NOW, event.clone()));
                }
                run("accept".to_owned(), &|peer| {
                    peer.accept(NOW);
                });
                run("late tick".to_owned(), &|peer| peer.handle(Instant::from_millis(100_000), Event::Tick));
                run("persisted".to_owned(), &|peer| peer.persisted(NOW, u64::MAX));
                run("push".to_owned(), &|peer| drop(peer.push(NOW, "one too many")));
                run("poll".to_owned(), &|peer| {
                    while let Some(Action::Send { .. } | Action::Status { .. }) = peer.poll_action() {}
                });
                times
            }))
        });
    }
}
