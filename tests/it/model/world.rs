//! One small world, and every step it can take.

use std::collections::{BTreeMap, VecDeque};

use redial::config::{Jitter, PeerPolicy};
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
}

/// A session, a peer, what is between them, and what an onlooker knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    now: Instant,
    session: Session,
    peer: Peer,
    socket: Socket,
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
}

/// The one socket there is at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Socket {
    None,
    Dialing(ConnectionId),
    Open { client: ConnectionId, server: ConnectionId, up: VecDeque<Frame>, down: VecDeque<Frame>, silent: bool },
}

/// How often time may move on, so that the world stays small.
const WAITS: u8 = 4;

impl World {
    pub(super) fn new(to_send: u8, to_push: u8, faults: Faults) -> Self {
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
        };
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
            let moved = self.open() || self.frame_up() || self.frame_down() || (!self.is_settled() && self.wait());
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
        self.socket = Socket::Open { client, server, up: VecDeque::new(), down: VecDeque::new(), silent: false };
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
        let Some(frame) = up.pop_front() else { return false };
        let connection = *server;
        self.peer.handle(self.now, Event::FrameIn { connection, frame });
        true
    }

    fn frame_down(&mut self) -> bool {
        let Socket::Open { client, down, .. } = &mut self.socket else { return false };
        let Some(frame) = down.pop_front() else { return false };
        let connection = *client;
        self.session.handle(self.now, Event::FrameIn { connection, frame });
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
        up.clear();
        down.clear();
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
                    Socket::Open { up, silent: false, .. } => up.push_back(frame),
                    Socket::Open { silent: true, .. } => {}
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
                if let Socket::Open { server, down, silent: false, .. } = &mut self.socket
                    && *server == connection
                {
                    down.push_back(frame);
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

/// Coarse timers keep the world small: one heartbeat, one grace, one backoff.
fn config() -> Config {
    let mut config = Config::default();
    config.heartbeat.every = Duration::from_secs(10);
    config.heartbeat.probe = None;
    config.reconnect.jitter = Jitter::None;
    config.outbox.quarantine = None;
    config
}
