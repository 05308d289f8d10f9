//! The chat hub: a WebSocket server with one `Peer` a user, which passes on what one user says to another.
//!
//! A `Peer` does the hard part: it recognises repeats, acknowledges, keeps messages for users who are away, and pushes
//! them again until they are acknowledged.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{SinkExt as _, StreamExt as _};
use redial::config::{Limit, PeerPolicy};
use redial::{Action, ConnectionId, Event, Frame, Instant, MessageId, Peer, Preset, Seed, Stats, Status};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::AbortHandle;
use tokio_tungstenite::tungstenite::Message as Wire;

use super::clock::Clock;
use super::login::{self, Arrival};
use super::relay::{BACKLOG, bind};

/// A hub at work; it ends with its runtime.
#[derive(Clone)]
pub(crate) struct Hub {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    room: Mutex<Room>,
    /// Whether it takes connections; nobody can dial it while it does not.
    open: watch::Sender<bool>,
    /// A peer's deadline may have changed.
    wake: Notify,
    clock: Clock,
    preset: Preset,
}

struct Room {
    users: BTreeMap<&'static str, User>,
    /// Whose message a push is, and under which id: for the receipt once it has reached its receiver.
    origins: HashMap<MessageId, (&'static str, MessageId)>,
}

struct User {
    peer: Peer,
    /// Who hears what this one says.
    partner: &'static str,
    line: Option<Line>,
    /// When something came from this one last.
    heard: Option<Instant>,
}

/// A user's present socket.
struct Line {
    connection: ConnectionId,
    /// Frames, and `None` to close behind them.
    out: mpsc::UnboundedSender<Option<Frame>>,
    task: AbortHandle,
}

impl Hub {
    /// Listens on loopback for these users, who show their name as their credential and talk in pairs. To be called
    /// within a runtime.
    pub(crate) fn start(
        pairs: &[[&'static str; 2]],
        clock: Clock,
        preset: &Preset,
        mut seed: impl FnMut() -> Seed,
    ) -> io::Result<Self> {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)))?.listen(BACKLOG)?;
        let addr = listener.local_addr()?;
        let mut users = BTreeMap::new();
        for (name, partner) in pairs.iter().flat_map(|[one, other]| [(*one, *other), (*other, *one)]) {
            // The hub is where messages are stored, so it has more room than a client needs.
            let roomy = preset.clone().configure(|config| {
                config.outbox.messages = Limit::new(1_000_000);
                config.outbox.bytes = Limit::new(1 << 30);
            });
            let preset = roomy.map_err(io::Error::other)?;
            let peer = Peer::new(preset, PeerPolicy::default(), seed());
            users.insert(name, User { peer, partner, line: None, heard: None });
        }
        let room = Mutex::new(Room { users, origins: HashMap::new() });
        let (open, wake, preset) = (watch::Sender::new(true), Notify::new(), preset.clone());
        let shared = Arc::new(Shared { room, open, wake, clock, preset });
        tokio::spawn(Arc::clone(&shared).accept(addr, listener));
        tokio::spawn(Arc::clone(&shared).tick());
        Ok(Self { addr, shared })
    }

    /// Ends every connection and refuses dials, as a server does that has died; what its peers know is in a store, say.
    pub(crate) fn die(&self) {
        self.shared.open.send_replace(false);
        let mut room = self.shared.room();
        let now = self.shared.clock.now();
        for user in room.users.values_mut() {
            if let Some(line) = user.line.take() {
                line.task.abort();
                user.peer.handle(now, Event::Closed { connection: line.connection, code: None, reason: String::new() });
            }
        }
        room.perform(self.shared.clock);
    }

    /// Listens again, at the same address.
    pub(crate) fn come_back(&self) {
        self.shared.open.send_replace(true);
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// When a user has said anything last.
    pub(crate) fn heard_of(&self, name: &str) -> Option<Instant> {
        self.shared.room().users.get(name)?.heard
    }

    /// What the hub has counted about one user.
    pub(crate) fn stats(&self, name: &str) -> Stats {
        self.shared.room().users.get(name).map(|user| user.peer.stats().clone()).unwrap_or_default()
    }
}

impl Shared {
    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One input for one user's peer, and everything that follows from it.
    fn handle(&self, name: &str, event: Event) {
        let mut room = self.room();
        let now = self.clock.now();
        if let Some(user) = room.users.get_mut(name) {
            if let Event::FrameIn { .. } = event {
                user.heard = Some(now);
            }
            user.peer.handle(now, event);
        }
        room.perform(self.clock);
        self.wake.notify_one();
    }

    async fn accept(self: Arc<Self>, addr: SocketAddr, mut listener: TcpListener) -> io::Result<()> {
        let mut open = self.open.subscribe();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((stream, _)) = accepted else { continue };
                    let shared = Arc::clone(&self);
                    tokio::spawn(async move {
                        let names: Vec<&'static str> = shared.room().users.keys().copied().collect();
                        if let Some(arrival) = login::let_in(stream, &names, &shared.preset).await {
                            shared.welcome(arrival);
                        }
                    });
                }
                // Not its value: that is a lock on it.
                _ = async { open.wait_for(|open| !open).await.is_ok() } => {
                    // Bound but not listening: dials are refused, and nobody else gets the port, not even in between.
                    let socket = bind(addr)?;
                    drop(listener);
                    if open.wait_for(|open| *open).await.is_err() {
                        return Ok(());
                    }
                    listener = socket.listen(BACKLOG)?;
                }
            }
        }
    }

    /// A user is here, perhaps again: the peer fences off an older socket and pushes what is owed.
    fn welcome(self: Arc<Self>, arrival: Arrival) {
        let name = arrival.name;
        let shared = Arc::clone(&self);
        let mut room = self.room();
        let Some(user) = room.users.get_mut(name).filter(|_| *self.open.borrow()) else { return };
        let connection = user.peer.accept(self.clock.now());
        let (out, frames) = mpsc::unbounded_channel();
        let task = tokio::spawn(shared.carry(connection, arrival, frames)).abort_handle();
        let old = user.line.replace(Line { connection, out, task });
        if let Some(old) = old {
            old.task.abort();
        }
        room.perform(self.clock);
        self.wake.notify_one();
    }

    /// Moves frames between one socket and its peer until one of them has had enough.
    async fn carry(
        self: Arc<Self>,
        connection: ConnectionId,
        Arrival { name, socket, first }: Arrival,
        mut frames: mpsc::UnboundedReceiver<Option<Frame>>,
    ) {
        let (mut sink, mut stream) = socket.split();
        let read = async {
            if let Some(frame) = first {
                self.handle(name, Event::FrameIn { connection, frame });
            }
            while let Some(Ok(message)) = stream.next().await {
                let frame = match message {
                    Wire::Text(text) => Frame::text(text.as_str().to_owned()),
                    Wire::Binary(bytes) => Frame::Binary(bytes.to_vec()),
                    Wire::Ping(bytes) => Frame::Ping(bytes.to_vec()),
                    Wire::Pong(bytes) => Frame::Pong(bytes.to_vec()),
                    Wire::Close(_) | Wire::Frame(_) => continue,
                };
                self.handle(name, Event::FrameIn { connection, frame });
            }
        };
        let write = async {
            while let Some(Some(frame)) = frames.recv().await {
                let message = match frame {
                    Frame::Text(text) => Wire::text(text.into_owned()),
                    Frame::Binary(bytes) => Wire::binary(bytes),
                    Frame::Ping(bytes) => Wire::Ping(bytes.into()),
                    Frame::Pong(bytes) => Wire::Pong(bytes.into()),
                };
                if sink.send(message).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = read => {}
            () = write => {}
        }
        self.handle(name, Event::Closed { connection, code: None, reason: String::new() });
    }

    /// Ticks the peers when they asked for it.
    async fn tick(self: Arc<Self>) {
        loop {
            let deadline = self.room().users.values().filter_map(|user| user.peer.next_deadline()).map(|d| d.at).min();
            let wait = deadline.map_or(std::time::Duration::from_secs(3_600), |at| self.clock.wait(at));
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep(wait) => {
                    let names: Vec<&'static str> = self.room().users.keys().copied().collect();
                    for name in names {
                        self.handle(name, Event::Tick);
                    }
                }
            }
        }
    }
}

impl Room {
    /// Carries out what the peers want done, until none wants anything.
    fn perform(&mut self, clock: Clock) {
        let names: Vec<&'static str> = self.users.keys().copied().collect();
        while let Some((name, action)) = names.iter().find_map(|name| Some((*name, self.next_action(name)?))) {
            match action {
                Action::Send { connection, frame, .. } => {
                    if let Some(line) = self.line(name, connection) {
                        // A writer that is gone has reported its end.
                        let _ = line.out.send(Some(frame));
                    }
                }
                Action::Close { connection, .. } => {
                    if let Some(line) = self.line(name, connection) {
                        let _ = line.out.send(None);
                    }
                }
                Action::Abort { connection } => {
                    if let Some(line) = self.line(name, connection) {
                        line.task.abort();
                    }
                }
                Action::Deliver(message) => {
                    let partner = self.users.get(name).map(|user| user.partner);
                    if let (Some(mine), Some(partner)) = (message.id, partner.and_then(|name| self.users.get_mut(name)))
                        && let Ok(push) = partner.peer.push(clock.now(), message.body)
                    {
                        self.origins.insert(push, (name, mine));
                    }
                }
                Action::Status { id, status: Status::Accepted } => {
                    if let Some((sender, mine)) = self.origins.remove(&id)
                        && let Some(user) = self.users.get_mut(sender)
                    {
                        let _ = user.peer.delivered(clock.now(), mine);
                    }
                }
                _ => {}
            }
        }
    }

    fn next_action(&mut self, name: &str) -> Option<Action> {
        self.users.get_mut(name)?.peer.poll_action()
    }

    fn line(&self, name: &str, connection: ConnectionId) -> Option<&Line> {
        self.users.get(name)?.line.as_ref().filter(|line| line.connection == connection)
    }
}
