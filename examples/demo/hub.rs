//! The chat hub: a WebSocket server with one `Peer` a user, which passes on what one user says to all others.
//!
//! A `Peer` does the hard part: it recognises repeats, acknowledges, keeps messages for users who are away, and pushes
//! them again until they are acknowledged.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{SinkExt as _, StreamExt as _};
use redial::{
    Action, Bounded, Config, ConnectionId, Event, Frame, MessageId, Peer, PeerPolicy, Preset, Seed, Stats, Status,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Wire;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;

use super::tokio_adapter::Clock;

/// A hub at work; it ends with its runtime.
#[derive(Clone)]
pub(crate) struct Hub {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    room: Mutex<Room>,
    /// A peer's deadline may have changed.
    wake: Notify,
    clock: Clock,
}

struct Room {
    users: BTreeMap<&'static str, User>,
    /// Whose message a push is, and under which id: for the receipt once it has reached its receiver.
    origins: HashMap<MessageId, (&'static str, MessageId)>,
}

struct User {
    peer: Peer,
    line: Option<Line>,
}

/// A user's present socket.
struct Line {
    connection: ConnectionId,
    out: mpsc::UnboundedSender<Frame>,
    task: AbortHandle,
}

impl Hub {
    /// Listens on loopback for these users, who show their name as their token.
    pub(crate) async fn start(
        users: [&'static str; 2],
        clock: Clock,
        mut seed: impl FnMut() -> Seed,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let users = users.map(|name| {
            let mut config = Config::default();
            // The hub is where messages are stored, so it has more room than a client needs.
            config.outbox.messages = Bounded::clamped(1_000_000);
            config.outbox.bytes = Bounded::clamped(1 << 30);
            let peer = Peer::new(Preset::uni_app().with_config(config), PeerPolicy::default(), seed());
            (name, User { peer, line: None })
        });
        let room = Mutex::new(Room { users: BTreeMap::from(users), origins: HashMap::new() });
        let shared = Arc::new(Shared { room, wake: Notify::new(), clock });
        tokio::spawn(Arc::clone(&shared).accept(listener));
        tokio::spawn(Arc::clone(&shared).tick());
        Ok(Self { addr, shared })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
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
            user.peer.handle(now, event);
        }
        room.perform(self.clock);
        self.wake.notify_one();
    }

    async fn accept(self: Arc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let shared = Arc::clone(&self);
            tokio::spawn(async move {
                if let Some((name, socket)) = shared.upgrade(stream).await {
                    shared.welcome(name, socket);
                }
            });
        }
    }

    async fn upgrade(&self, stream: TcpStream) -> Option<(&'static str, WebSocketStream<TcpStream>)> {
        stream.set_nodelay(true).ok()?;
        let names: Vec<&'static str> = self.room().users.keys().copied().collect();
        let mut known = None;
        #[expect(clippy::result_large_err, reason = "the WebSocket crate's callback has this type")]
        let login = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            let token = request.uri().query().and_then(|query| query.strip_prefix("token="));
            known = names.into_iter().find(|name| Some(*name) == token);
            if known.is_some() {
                return Ok(response);
            }
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = StatusCode::UNAUTHORIZED;
            Err(refusal)
        };
        let socket = tokio_tungstenite::accept_hdr_async(stream, login).await.ok()?;
        Some((known?, socket))
    }

    /// A user is here, perhaps again: the peer fences off an older socket and pushes what is owed.
    fn welcome(self: Arc<Self>, name: &'static str, socket: WebSocketStream<TcpStream>) {
        let shared = Arc::clone(&self);
        let mut room = self.room();
        let Some(user) = room.users.get_mut(name) else { return };
        let connection = user.peer.accept(self.clock.now());
        let (out, frames) = mpsc::unbounded_channel();
        let task = tokio::spawn(shared.carry(name, connection, socket, frames)).abort_handle();
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
        name: &'static str,
        connection: ConnectionId,
        socket: WebSocketStream<TcpStream>,
        mut frames: mpsc::UnboundedReceiver<Frame>,
    ) {
        let (mut sink, mut stream) = socket.split();
        let read = async {
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
            while let Some(frame) = frames.recv().await {
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
            let wait = deadline.map_or(std::time::Duration::from_secs(3_600), |at| self.clock.wall_until(at));
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
                        let _ = line.out.send(frame);
                    }
                }
                Action::Abort { connection } => {
                    if let Some(line) = self.line(name, connection) {
                        line.task.abort();
                    }
                }
                Action::Deliver(message) => {
                    let Some(mine) = message.id else { continue };
                    for (_, user) in self.users.iter_mut().filter(|(other, _)| **other != name) {
                        if let Ok(push) = user.peer.push(clock.now(), message.body.clone()) {
                            self.origins.insert(push, (name, mine.clone()));
                        }
                    }
                }
                Action::Status { id, status: Status::Accepted } => {
                    if let Some((sender, mine)) = self.origins.remove(&id)
                        && let Some(user) = self.users.get_mut(sender)
                    {
                        user.peer.delivered(clock.now(), mine);
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
