//! A session or a peer that stores first and holds so many unsettled messages, with full memories: tests count what one
//! more message costs it, and a benchmark measures how long that takes.

use std::iter::from_fn;

use redial::config::{Durability, Limit, PeerPolicy};
use redial::dialect::{AckCarrier, Content, Side, Signal};
use redial::durable::Changes;
use redial::{Action, ConnectionId, Event, Frame, Instant, MessageId, Peer, Preset, Seed, Session};

const NOW: Instant = Instant::ORIGIN;
/// Messages each way after which the dedup window (4,096) and the memory of settled messages (1,024) are full.
const WARM: usize = 6_000;
/// Bytes of each body.
pub(crate) const BODY: usize = 128;

/// The end that is measured.
#[derive(Clone)]
enum End {
    Session(Session),
    Peer(Peer),
}

/// The end, its connection, and what its other end has counted.
#[derive(Clone)]
pub(crate) struct Laden {
    end: End,
    connection: ConnectionId,
    preset: Preset,
    /// Messages that this end sent and the other end acknowledged, and messages that the other end sent.
    settled: u64,
    arrived: u64,
}

/// What the host is handed to store.
pub(crate) type Store<'a> = &'a mut dyn FnMut(Changes);

fn preset(held: u64) -> Preset {
    let roomy = Preset::native().configure(|config| {
        config.durability = Durability::WriteAhead;
        config.outbox.messages = Limit::new(held + 1);
        config.outbox.bytes = Limit::new(1 << 30);
        config.outbox.in_flight = Limit::new((held + 1).min(65_536));
    });
    roomy.expect("it is sound")
}

/// A body of 128 bytes, like nothing that needs an escape.
fn body() -> String {
    "0123456789abcdef".repeat(BODY / 16)
}

impl Laden {
    /// A session or, on the side of the server, a peer, with so many messages unsettled.
    pub(crate) fn new(side: Side, held: u64) -> Self {
        let preset = preset(held);
        let limits = r#""win_msgs":65536,"win_bytes":99999999,"frame_max":1048576"#;
        let (end, first) = if side == Side::Server {
            let mut policy = PeerPolicy::default();
            policy.durability = Durability::WriteAhead;
            let peer = Peer::new(preset.clone(), policy, Seed::from(7_u64));
            (End::Peer(peer), format!(r#"{{"type":"hello","v":1,{limits}}}"#))
        } else {
            let session = Session::new(preset.clone(), Seed::from(7_u64));
            let terms = r#""sid":"s","token":"t","ttl_ms":86400000,"resumed":false"#;
            (End::Session(session), format!(r#"{{"type":"welcome",{terms},{limits}}}"#))
        };
        let connection = ConnectionId::new(1);
        let mut laden = Self { end, connection, preset, settled: 0, arrived: 0 };
        laden.connect();
        laden.hear(Frame::text(first), &mut drop);
        for _ in 0..held {
            laden.take(body(), &mut drop);
        }
        for (body, ack) in laden.exchanges(WARM) {
            laden.exchange(body, ack, &mut drop);
        }
        for frame in laden.arrivals(WARM) {
            laden.arrive(frame, &mut drop);
        }
        assert_eq!(laden.unsettled() as u64, held, "it holds what it was given");
        laden
    }

    fn connect(&mut self) {
        match &mut self.end {
            End::Session(session) => {
                session.open(NOW);
                self.store_and_act(&mut drop);
                self.handle(Event::Opened { connection: self.connection }, &mut drop);
            }
            End::Peer(peer) => assert_eq!(peer.accept(NOW), self.connection),
        }
    }

    /// Unsettled messages.
    pub(crate) fn unsettled(&self) -> usize {
        match &self.end {
            End::Session(session) => session.unsettled(),
            End::Peer(peer) => peer.unacknowledged(),
        }
    }

    /// So many bodies, each with the ack of the oldest message that is unsettled when the body is sent.
    pub(crate) fn exchanges(&self, count: usize) -> Vec<(String, Frame)> {
        let ack = |seq| (body(), self.says(&Signal::cumulative_ack(seq, Vec::new(), AckCarrier::Alone)));
        (self.settled + 1..).take(count).map(ack).collect()
    }

    /// So many messages of the other end.
    pub(crate) fn arrivals(&self, count: usize) -> Vec<Frame> {
        let content = body();
        let message = |seq: u64| {
            let id = MessageId::from(format!("0123456789abcdef-{seq}"));
            self.says(&Signal::sequenced(seq, id, Some(Content::Text(&content))))
        };
        (self.arrived + 1..).take(count).map(message).collect()
    }

    fn says(&self, signal: &Signal<Content<'_>>) -> Frame {
        let side = if matches!(self.end, End::Session(_)) { Side::Server } else { Side::Client };
        self.preset.dialect().encode(side, signal).expect("the dialect has sequence numbers")
    }

    /// Sends a message, and hears the ack of the oldest one.
    pub(crate) fn exchange(&mut self, body: String, ack: Frame, store: Store<'_>) {
        self.take(body, store);
        self.settled += 1;
        self.hear(ack, store);
    }

    /// Hears a message of the other end.
    pub(crate) fn arrive(&mut self, frame: Frame, store: Store<'_>) {
        self.arrived += 1;
        self.hear(frame, store);
    }

    fn take(&mut self, body: String, store: Store<'_>) {
        let taken = match &mut self.end {
            End::Session(session) => session.send(NOW, body),
            End::Peer(peer) => peer.push(NOW, body),
        };
        taken.expect("there is room");
        self.store_and_act(store);
    }

    fn hear(&mut self, frame: Frame, store: Store<'_>) {
        self.handle(Event::FrameIn { connection: self.connection, frame }, store);
    }

    fn handle(&mut self, event: Event, store: Store<'_>) {
        match &mut self.end {
            End::Session(session) => session.handle(NOW, event),
            End::Peer(peer) => peer.handle(NOW, event),
        }
        self.store_and_act(store);
    }

    /// The host's loop: takes all actions, stores, and begins again.
    fn store_and_act(&mut self, store: Store<'_>) {
        loop {
            let mut stored = None;
            let mut note = |action| {
                if let Action::Persist { version, changes, .. } = action {
                    stored = Some(version);
                    store(changes);
                }
            };
            match &mut self.end {
                End::Session(session) => from_fn(|| session.poll_action()).for_each(&mut note),
                End::Peer(peer) => from_fn(|| peer.poll_action()).for_each(&mut note),
            }
            match (stored, &mut self.end) {
                (None, _) => return,
                (Some(version), End::Session(session)) => session.persisted(NOW, version),
                (Some(version), End::Peer(peer)) => peer.persisted(NOW, version),
            }
        }
    }
}
