//! The server: one `Peer` for its one user, on a thread of its own. It lives on while its client is killed.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{thread, time};

use redial::config::PeerPolicy;
use redial::{Action, Config, ConnectionId, Event, Peer, Preset, Seed};
use tungstenite::{Error, WebSocket};

use super::Clock;

const TURN: time::Duration = time::Duration::from_millis(2);
/// News for the client this often.
const NEWS: time::Duration = time::Duration::from_millis(25);

/// A server at work; it ends with its process.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

/// What the server has seen of its client.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) received: Vec<String>,
    pub(crate) pushed: u64,
    pub(crate) connections: u64,
    /// Messages of the client that came again, and pushes that were sent again.
    pub(crate) repeats: u64,
    pub(crate) resent: u64,
}

struct Host {
    listener: TcpListener,
    clock: Clock,
    peer: Peer,
    line: Option<(ConnectionId, WebSocket<TcpStream>)>,
    seen: Arc<Mutex<Seen>>,
    news: u64,
    next: time::Instant,
}

impl Server {
    /// Listens on loopback and has so many news for its client.
    pub(crate) fn start(port: u16, speed: u32, news: u64, entropy: [u8; 16]) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let peer = Peer::new(
            Preset::uni_app().with_config(Config::default()).expect("it is sound"),
            PeerPolicy::default(),
            Seed::from_bytes(entropy),
        );
        let seen = Arc::new(Mutex::new(Seen::default()));
        let next = time::Instant::now();
        let mut host =
            Host { listener, clock: Clock::new(speed), peer, line: None, seen: Arc::clone(&seen), news, next };
        thread::Builder::new().name("server".into()).spawn(move || host.run())?;
        Ok(Self { addr, seen })
    }

    pub(crate) fn seen(&self) -> Seen {
        lock(&self.seen).clone()
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Host {
    fn run(&mut self) {
        loop {
            if let Ok((stream, _)) = self.listener.accept() {
                self.welcome(stream);
            }
            self.tell_news();
            self.read();
            self.peer.handle(self.clock.now(), Event::Tick);
            while let Some(action) = self.peer.poll_action() {
                self.act(action);
            }
            let mut seen = lock(&self.seen);
            seen.repeats = self.peer.stats().duplicates;
            seen.resent = self.peer.stats().resent;
        }
    }

    fn welcome(&mut self, stream: TcpStream) {
        let ready = stream.set_nonblocking(false).and_then(|()| {
            stream.set_nodelay(true)?;
            stream.set_write_timeout(Some(time::Duration::from_secs(5)))?;
            stream.set_read_timeout(Some(time::Duration::from_secs(5)))
        });
        // A client that was killed in the middle of its handshake is none.
        let Some(socket) = ready.ok().and_then(|()| tungstenite::accept(stream).ok()) else { return };
        if socket.get_ref().set_read_timeout(Some(TURN)).is_ok() {
            self.line = Some((self.peer.accept(self.clock.now()), socket));
            lock(&self.seen).connections += 1;
        }
    }

    fn tell_news(&mut self) {
        let mut seen = lock(&self.seen);
        if seen.pushed < self.news
            && time::Instant::now() >= self.next
            && self.peer.push(self.clock.now(), format!("news {}", seen.pushed)).is_ok()
        {
            seen.pushed += 1;
            self.next += NEWS;
        }
    }

    fn read(&mut self) {
        let Some((connection, socket)) = self.line.as_mut() else {
            thread::sleep(TURN);
            return;
        };
        let connection = *connection;
        let event = match socket.read() {
            Ok(message) => super::frame(message).map(|frame| Event::FrameIn { connection, frame }),
            Err(Error::Io(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            Err(_) => Some(Event::Closed { connection, code: None, reason: String::new() }),
        };
        if let Some(event) = event {
            if matches!(event, Event::Closed { .. }) {
                self.line = None;
            }
            self.peer.handle(self.clock.now(), event);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Send { connection, frame, .. } => {
                let Some((_, socket)) = self.line.as_mut().filter(|(present, _)| *present == connection) else {
                    return;
                };
                if socket.send(super::wire(frame)).is_err() {
                    self.line = None;
                    let event = Event::Closed { connection, code: None, reason: String::new() };
                    self.peer.handle(self.clock.now(), event);
                }
            }
            Action::Abort { connection } => {
                self.line.take_if(|(present, _)| *present == connection);
            }
            Action::Deliver(message) => {
                lock(&self.seen).received.push(message.body.as_text().unwrap_or_default().to_owned());
            }
            _ => {}
        }
    }
}
