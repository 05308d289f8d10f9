//! One small world, and every step it can take.

use std::collections::{BTreeMap, VecDeque};

use redial::config::{Jitter, Limit, PeerPolicy};
use redial::{
    Action, Config, ConnectionId, Duration, Event, Frame, Instant, MessageId, Peer, Preset, Seed, Session, Status,
    TransportError,
};

use super::Small;
use crate::support::with;

/// How many faults of each kind may still happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Faults {
    /// The connection breaks, both ends hear of it, and the frames on the way are lost.
    pub(super) cuts: u8,
    /// The connection goes silent: frames vanish, and nobody is told.
    pub(super) silences: u8,
    /// A dial is refused.
    pub(super) refusals: u8,
    /// A late event of an old connection arrives.
    pub(super) stale: u8,
    /// Bytes move, and no frame is whole yet: in a socket, or on the way.
    pub(super) pieces: u8,
}

/// What the hosts of both sides say of their sockets, and the client's of its application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Hosts {
    /// Nothing: every frame is taken at once, and every message too.
    Silent,
    /// What is written, what arrives, and what the application has taken.
    Report,
}

/// A session, a peer, what is between them, and what an onlooker knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    now: Instant,
    session: Session,
    peer: Peer,
    socket: Socket,
    hosts: Hosts,
    faults: Faults,
    waits: u8,
    to_send: u8,
    sent: u8,
    to_push: u8,
    pushed: u8,
    /// What the peer's application got, in order.
    at_server: Vec<String>,
    /// What the session's application got, in order.
    at_client: Vec<String>,
    /// How each of the session's messages settled.
    settled: BTreeMap<MessageId, Status>,
    /// The highest connection id so far.
    connections: u64,
    /// How many messages the client's application has taken.
    taken: u64,
}

/// The one socket there is at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Socket {
    None,
    Dialing(ConnectionId),
    Open { client: ConnectionId, server: ConnectionId, up: Way, down: Way, silent: bool },
}

/// One direction of a socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Way {
    /// Frames that the socket has not taken.
    waiting: VecDeque<Frame>,
    /// How many it has taken.
    written: u64,
    /// Frames on their way.
    wire: VecDeque<Frame>,
}

impl Way {
    fn hand_over(&mut self, hosts: Hosts, silent: bool, frame: Frame) {
        match hosts {
            Hosts::Report => self.waiting.push_back(frame),
            Hosts::Silent if !silent => self.wire.push_back(frame),
            Hosts::Silent => {}
        }
        assert!(self.waiting.len() <= 8, "{} frames are unwritten", self.waiting.len());
    }

    /// The socket takes a frame; gives how many it has taken.
    fn write(&mut self, silent: bool) -> Option<u64> {
        let frame = self.waiting.pop_front()?;
        self.written += 1;
        if !silent {
            self.wire.push_back(frame);
        }
        Some(self.written)
    }
}

/// How often time may move on, so that the world stays small.
const WAITS: u8 = 4;

impl World {
    pub(super) fn new(to_send: u8, to_push: u8, faults: Faults) -> Self {
        Self::with(Hosts::Silent, to_send, to_push, faults)
    }

    pub(super) fn with(hosts: Hosts, to_send: u8, to_push: u8, faults: Faults) -> Self {
        let config = || config(hosts);
        let mut session =
            Session::new(Preset::uni_app().with_config(config()).expect("it is sound"), Seed::from(1_u64));
        let policy = with(|policy: &mut PeerPolicy| {
            policy.push_again = Some(Duration::from_secs(30));
            policy.silence = Some(Duration::from_secs(40));
        });
        let peer = Peer::new(Preset::uni_app().with_config(config()).expect("it is sound"), policy, Seed::from(2_u64));
        session.credential(Instant::ORIGIN, "token");
        session.open(Instant::ORIGIN);
        let mut world = Self {
            now: Instant::ORIGIN,
            session,
            peer,
            socket: Socket::None,
            hosts,
            faults,
            waits: WAITS,
            to_send,
            sent: 0,
            to_push,
            pushed: 0,
            at_server: Vec::new(),
            at_client: Vec::new(),
            settled: BTreeMap::new(),
            connections: 0,
            taken: 0,
        };
        if hosts == Hosts::Report {
            world.session.handle(world.now, Event::Taken { messages: 0 });
        }
        world.drain();
        world
    }

    fn next(&self) -> Vec<Self> {
        let steps: &[fn(&mut Self) -> bool] = &[
            Self::send,
            Self::push,
            Self::open,
            Self::refuse,
            Self::frame_up,
            Self::frame_down,
            Self::write_up,
            Self::write_down,
            Self::take,
            Self::piece_up,
            Self::piece_down,
            Self::piece_written,
            Self::cut,
            Self::go_silent,
            Self::late_close,
            Self::late_frame,
            Self::wait,
        ];
        let mut next = Vec::new();
        for step in steps {
            let mut world = self.clone();
            if step(&mut world) {
                world.drain();
                next.push(world);
            }
        }
        next
    }

    fn delivers_everything(mut self) {
        self.faults = Faults::default();
        while self.send() || self.push() {
            self.drain();
        }
        for _ in 0..500 {
            self.waits = 1;
            let flows = self.open() || self.write_up() || self.write_down() || self.take();
            let moved = flows || self.frame_up() || self.frame_down() || (!self.is_settled() && self.wait());
            self.drain();
            if !moved {
                break;
            }
        }
        assert!(self.is_settled(), "a healed network settles everything: {}", self.session.explain());
        let all_accepted = self.settled.values().all(|status| *status == Status::Accepted);
        assert!(all_accepted, "a healed network delivers, it does not merely settle: {:?}", self.settled);
        assert_eq!(self.at_server, Self::expected("c", self.to_send), "at the server");
        assert_eq!(self.at_client, Self::expected("s", self.to_push), "at the client");
    }

    fn is_settled(&self) -> bool {
        self.session.unsettled() == 0 && self.peer.unacknowledged() == 0
    }

    fn expected(side: &str, count: u8) -> Vec<String> {
        (0..count).map(|number| format!("{side}{number}")).collect()
    }

    // The steps. Each says whether it could be taken.

    fn send(&mut self) -> bool {
        if self.sent == self.to_send {
            return false;
        }
        self.session.send(self.now, format!("c{}", self.sent)).expect("the outbox has room");
        self.sent += 1;
        true
    }

    fn push(&mut self) -> bool {
        if self.pushed == self.to_push {
            return false;
        }
        self.peer.push(self.now, format!("s{}", self.pushed)).expect("the peer has room");
        self.pushed += 1;
        true
    }

    fn open(&mut self) -> bool {
        let Socket::Dialing(client) = self.socket else { return false };
        let server = self.peer.accept(self.now);
        if self.hosts == Hosts::Report {
            self.peer.handle(self.now, Event::Written { connection: server, frames: 0 });
            self.session.handle(self.now, Event::Written { connection: client, frames: 0 });
        }
        self.socket = Socket::Open { client, server, up: Way::default(), down: Way::default(), silent: false };
        self.session.handle(self.now, Event::Opened { connection: client });
        true
    }

    fn refuse(&mut self) -> bool {
        let Socket::Dialing(connection) = self.socket else { return false };
        if !spend(&mut self.faults.refusals) {
            return false;
        }
        self.socket = Socket::None;
        self.session.handle(self.now, Event::errored(connection, TransportError::Refused));
        true
    }

    fn frame_up(&mut self) -> bool {
        let Socket::Open { server, up, .. } = &mut self.socket else { return false };
        let Some(frame) = up.wire.pop_front() else { return false };
        let connection = *server;
        self.peer.handle(self.now, Event::FrameIn { connection, frame });
        true
    }

    fn frame_down(&mut self) -> bool {
        if !self.session.wants_read() {
            return false;
        }
        let Socket::Open { client, down, .. } = &mut self.socket else { return false };
        let Some(frame) = down.wire.pop_front() else { return false };
        let connection = *client;
        self.session.handle(self.now, Event::FrameIn { connection, frame });
        true
    }

    fn write_up(&mut self) -> bool {
        let Socket::Open { client, up, silent, .. } = &mut self.socket else { return false };
        let (connection, Some(frames)) = (*client, up.write(*silent)) else { return false };
        self.session.handle(self.now, Event::Written { connection, frames });
        true
    }

    fn write_down(&mut self) -> bool {
        let Socket::Open { server, down, silent, .. } = &mut self.socket else { return false };
        let (connection, Some(frames)) = (*server, down.write(*silent)) else { return false };
        self.peer.handle(self.now, Event::Written { connection, frames });
        true
    }

    /// The client's application takes the first message that it has not taken.
    fn take(&mut self) -> bool {
        if self.hosts == Hosts::Silent || self.taken == self.at_client.len() as u64 {
            return false;
        }
        self.taken += 1;
        self.session.handle(self.now, Event::Taken { messages: self.taken });
        true
    }

    /// Bytes of a frame reach the server.
    fn piece_up(&mut self) -> bool {
        let Socket::Open { server, up, .. } = &self.socket else { return false };
        let connection = *server;
        if up.wire.is_empty() || !spend(&mut self.faults.pieces) {
            return false;
        }
        self.peer.handle(self.now, Event::Arriving { connection });
        true
    }

    /// Bytes of a frame reach the client.
    fn piece_down(&mut self) -> bool {
        let Socket::Open { client, down, .. } = &self.socket else { return false };
        let connection = *client;
        if down.wire.is_empty() || !self.session.wants_read() || !spend(&mut self.faults.pieces) {
            return false;
        }
        self.session.handle(self.now, Event::Arriving { connection });
        true
    }

    /// Bytes of a frame leave the client's socket.
    fn piece_written(&mut self) -> bool {
        let Socket::Open { client, up, .. } = &self.socket else { return false };
        let (connection, frames) = (*client, up.written);
        if up.waiting.is_empty() || !spend(&mut self.faults.pieces) {
            return false;
        }
        self.session.handle(self.now, Event::Written { connection, frames });
        true
    }

    fn cut(&mut self) -> bool {
        let Socket::Open { client, server, .. } = self.socket else { return false };
        if !spend(&mut self.faults.cuts) {
            return false;
        }
        self.socket = Socket::None;
        self.peer.handle(self.now, Event::Closed { connection: server, code: None, reason: String::new() });
        self.session.handle(self.now, Event::Closed { connection: client, code: None, reason: String::new() });
        true
    }

    fn go_silent(&mut self) -> bool {
        let Socket::Open { up, down, silent, .. } = &mut self.socket else { return false };
        if *silent || self.faults.silences == 0 {
            return false;
        }
        self.faults.silences -= 1;
        *silent = true;
        up.wire.clear();
        down.wire.clear();
        true
    }

    fn late_close(&mut self) -> bool {
        let Some(connection) = self.old_connection() else { return false };
        if !spend(&mut self.faults.stale) {
            return false;
        }
        self.changes_nothing(Event::Closed { connection, code: Some(1002), reason: String::new() });
        true
    }

    fn late_frame(&mut self) -> bool {
        let Some(connection) = self.old_connection() else { return false };
        if !spend(&mut self.faults.stale) {
            return false;
        }
        let frame = Frame::text(r#"{"type":"MESSAGE","messageId":"stale","content":"never shown"}"#);
        self.changes_nothing(Event::FrameIn { connection, frame });
        true
    }

    fn wait(&mut self) -> bool {
        let deadlines = [self.session.next_deadline(), self.peer.next_deadline()];
        let Some(next) = deadlines.into_iter().flatten().map(|deadline| deadline.at).min() else { return false };
        if !spend(&mut self.waits) {
            return false;
        }
        self.now = next;
        self.session.handle(next, Event::Tick);
        self.peer.handle(next, Event::Tick);
        assert!(
            self.session.next_deadline().is_none_or(|deadline| deadline.at > next),
            "a tick moves every deadline on"
        );
        true
    }

    /// A connection that is over: the one before the highest.
    fn old_connection(&self) -> Option<ConnectionId> {
        (self.connections > 1).then(|| ConnectionId::new(self.connections - 1))
    }

    fn changes_nothing(&mut self, event: Event) {
        let mut ticked = self.session.clone();
        ticked.handle(self.now, Event::Tick);
        self.session.handle(self.now, event);
        assert_eq!(self.session, ticked, "an event of an old connection changes nothing");
    }

    /// Carries out what both sides want, and looks on.
    fn drain(&mut self) {
        loop {
            if let Some(action) = self.session.poll_action() {
                self.on_client(action);
            } else if let Some(action) = self.peer.poll_action() {
                self.on_server(action);
            } else {
                return;
            }
        }
    }

    fn on_client(&mut self, action: Action) {
        match action {
            Action::Connect { connection, .. } => {
                assert!(connection.get() > self.connections, "ids of connections never repeat");
                assert!(self.live().is_none(), "there are never two connections wanted at once");
                self.connections = connection.get();
                self.socket = Socket::Dialing(connection);
            }
            Action::Send { connection, frame, .. } => {
                assert_eq!(self.live(), Some(connection), "frames leave on the present connection only");
                match &mut self.socket {
                    Socket::Open { up, silent, .. } => up.hand_over(self.hosts, *silent, frame),
                    Socket::None | Socket::Dialing(_) => panic!("a frame left before the socket was open"),
                }
            }
            Action::Abort { connection } | Action::Close { connection, .. } if self.live() == Some(connection) => {
                if let Socket::Open { server, silent: false, .. } = self.socket {
                    self.peer.handle(self.now, Event::Closed { connection: server, code: None, reason: String::new() });
                }
                self.socket = Socket::None;
            }
            Action::Deliver(message) => {
                let text = message.body.as_text().expect("bodies are text here").to_owned();
                assert!(!self.at_client.contains(&text), "{text} is shown twice");
                self.at_client.push(text);
                let count = u8::try_from(self.at_client.len()).expect("a small world");
                assert_eq!(self.at_client, Self::expected("s", count), "pushes are shown in order");
            }
            Action::Status { id, status } if status.settles(true) => {
                assert_eq!(self.settled.insert(id, status), None, "a message settles once");
            }
            Action::Malformed { error, .. } => panic!("the peer writes nothing malformed: {error}"),
            _ => {}
        }
    }

    fn on_server(&mut self, action: Action) {
        match action {
            Action::Send { connection, frame, .. } => {
                if let Socket::Open { server, down, silent, .. } = &mut self.socket
                    && *server == connection
                {
                    down.hand_over(self.hosts, *silent, frame);
                }
            }
            Action::Deliver(message) => {
                let text = message.body.as_text().expect("bodies are text here").to_owned();
                assert!(!self.at_server.contains(&text), "{text} is processed twice");
                self.at_server.push(text);
                let count = u8::try_from(self.at_server.len()).expect("a small world");
                assert_eq!(self.at_server, Self::expected("c", count), "messages are processed in order");
            }
            Action::Abort { connection } => {
                // The server drops a client it no longer hears: the client hears of it, unless the link is silent.
                if let Socket::Open { client, server, silent, .. } = self.socket
                    && server == connection
                    && !silent
                {
                    self.socket = Socket::None;
                    self.session
                        .handle(self.now, Event::Closed { connection: client, code: None, reason: String::new() });
                }
            }
            _ => {}
        }
    }

    fn live(&self) -> Option<ConnectionId> {
        match &self.socket {
            Socket::None => None,
            Socket::Dialing(client) | Socket::Open { client, .. } => Some(*client),
        }
    }
}

impl Small for World {
    fn successors(&self) -> Vec<Self> {
        self.next()
    }

    fn heal(self) {
        self.delivers_everything();
    }
}

fn spend(budget: &mut u8) -> bool {
    match budget.checked_sub(1) {
        Some(left) => {
            *budget = left;
            true
        }
        None => false,
    }
}

/// Coarse timers keep the world small: one heartbeat, one grace, one backoff. Where hosts report, sockets have room for
/// one message, and the application for one.
fn config(hosts: Hosts) -> Config {
    let mut config = Config::default();
    if hosts == Hosts::Report {
        config.outbox.unwritten_bytes = Limit::new(1);
        config.inbox.pending = Limit::new(1);
    }
    config.heartbeat.every = Duration::from_secs(10);
    config.heartbeat.probe = None;
    config.reconnect.jitter = Jitter::None;
    config.outbox.quarantine = None;
    config
}
