//! A client that may be killed at any moment: store, then act.
//!
//! One thread, one order of things: take all actions, store what they tell together with the changes of the session's
//! records, carry them out, say `persisted`.

use std::io::ErrorKind;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time;

use redial::config::Durability;
use redial::dialect::Handshake;
use redial::{Action, Config, ConnectionId, Duration, Event, Frame, MessageId, Preset, Seed, Session, TransportError};
use tungstenite::{Error, Message, WebSocket};

use super::store::Store;
use super::{Clock, Fault};

/// How long one dial may take, and one wait for bytes.
const DIAL: time::Duration = time::Duration::from_secs(5);
const TURN: time::Duration = time::Duration::from_millis(3);
/// Frames taken in one turn: what they bring is stored together, since storing is what takes time.
const FRAMES_A_TURN: usize = 64;
/// Messages typed in one turn, where the user has fallen behind.
const BURST: usize = 16;
/// The user waits when so many messages are unsettled.
const AHEAD: usize = 100;

pub(crate) struct Options {
    pub(crate) addr: String,
    pub(crate) db: PathBuf,
    pub(crate) speed: u32,
    /// What is spoken; storing first is added to it.
    pub(crate) preset: Preset,
    /// Shown to the server as the token.
    pub(crate) name: String,
    /// The first word of each message; its number is the second.
    pub(crate) says: String,
    /// The user types a message this often.
    pub(crate) every: time::Duration,
    /// How many messages the user types in all, and how many are awaited, over all processes.
    pub(crate) types: u64,
    pub(crate) awaits: u64,
}

struct Client {
    options: Options,
    clock: Clock,
    store: Store,
    session: Session,
    socket: Option<(ConnectionId, WebSocket<TcpStream>)>,
    /// Typed and taken, but not stored yet.
    fresh: Vec<(MessageId, u64)>,
    typed: u64,
    shown: u64,
}

fn storing_first(config: &mut Config) {
    config.durability = Durability::WriteAhead;
    // That a process is killed three times in a row says nothing about the message that was first in line.
    config.outbox.quarantine = None;
    // A process that is killed every other moment should not have to wait a minute for its next attempt.
    config.reconnect.again.cap = Duration::from_secs(5);
}

/// Runs until everything that was typed is settled and everything awaited was shown; or until it is killed.
pub(crate) fn run(options: Options) -> Result<(), Fault> {
    let clock = Clock::new(options.speed);
    let store = Store::open(&options.db)?;
    let (typed, shown) = store.counts()?;
    let preset = options.preset.clone().configure(storing_first)?;
    let session = match store.records()? {
        Some((records, away)) => {
            let away = u64::try_from(away.as_millis())?.saturating_mul(options.speed.into());
            Session::restore(preset, clock.now(), records, Duration::from_millis(away), seed()?)?
        }
        None => Session::new(preset, seed()?),
    };
    let mut client = Client { options, clock, store, session, socket: None, fresh: Vec::new(), typed, shown };
    client.live()
}

fn seed() -> Result<Seed, Fault> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(Seed::from_bytes(bytes))
}

impl Client {
    fn live(&mut self) -> Result<(), Fault> {
        self.session.credential(self.clock.now(), self.options.name.as_str());
        self.session.open(self.clock.now());
        let mut next = time::Instant::now();
        loop {
            self.store_then_act()?;
            let all = self.typed >= self.options.types && self.shown >= self.options.awaits;
            if all && self.session.unsettled() == 0 {
                return Ok(());
            }
            let mut typed = 0;
            while typed < BURST && self.is_to_type() && time::Instant::now() >= next {
                self.type_one();
                next += self.options.every;
                typed += 1;
            }
            if typed == 0 {
                self.read();
            }
            self.session.handle(self.clock.now(), Event::Tick);
        }
    }

    fn is_to_type(&self) -> bool {
        self.typed < self.options.types && self.session.unsettled() < AHEAD
    }

    fn type_one(&mut self) {
        // Refused is refused, where the outbox is full: the user tries again a moment later.
        if let Ok(id) = self.session.send(self.clock.now(), format!("{} {}", self.options.says, self.typed)) {
            self.fresh.push((id, self.typed));
            self.typed += 1;
        }
    }

    fn store_then_act(&mut self) -> Result<(), Fault> {
        loop {
            let actions: Vec<Action> = std::iter::from_fn(|| self.session.poll_action()).collect();
            if actions.is_empty() {
                return Ok(());
            }
            let version = actions.iter().rev().find_map(|action| match action {
                Action::Persist { version, .. } => Some(*version),
                _ => None,
            });
            // A message without an id comes once, and without `Persist`: nothing of the session hangs on it.
            if version.is_some() || actions.iter().any(|action| matches!(action, Action::Deliver(_))) {
                self.store.commit(&actions, &self.fresh)?;
                self.fresh.clear();
            }
            for action in actions {
                self.act(action);
            }
            if let Some(version) = version {
                self.session.persisted(self.clock.now(), version);
            }
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Connect { connection, handshake, .. } => self.dial(connection, &handshake),
            Action::Send { connection, frame, .. } => self.write(connection, frame),
            Action::Close { .. } | Action::Abort { .. } => self.socket = None,
            Action::Deliver(_) => self.shown += 1,
            Action::Gap { from, to } => {
                // Every message that this server cannot push again is in the database: it was acknowledged after that.
                // A refusal means that the gap is closed already.
                let _ = self.session.fetched(self.clock.now(), from, to, &[]);
            }
            _ => {}
        }
    }

    fn dial(&mut self, connection: ConnectionId, handshake: &Handshake) {
        let event = match connect(&self.options.addr, handshake) {
            Ok(socket) => {
                self.socket = Some((connection, socket));
                Event::Opened { connection }
            }
            Err(_) => Event::errored(connection, TransportError::Refused),
        };
        self.session.handle(self.clock.now(), event);
    }

    fn write(&mut self, connection: ConnectionId, frame: Frame) {
        let Some((_, socket)) = self.socket.as_mut().filter(|(present, _)| *present == connection) else { return };
        if socket.send(super::wire(frame)).is_err() {
            // How much of it was written, nobody knows; `SendFailed` would say that nothing was.
            self.lost(Event::errored(connection, TransportError::Io));
        }
    }

    /// Hands over the frames that are here, or waits a little for one.
    fn read(&mut self) {
        if self.socket.is_none() {
            std::thread::sleep(TURN);
        }
        for number in 0..FRAMES_A_TURN {
            let Some((connection, socket)) = self.socket.as_mut() else { return };
            let connection = *connection;
            // Only the first is waited for.
            let wait = socket.get_ref().set_nonblocking(number > 0);
            match wait.map_err(Error::Io).and_then(|()| socket.read()) {
                Ok(Message::Close(_)) => {
                    self.lost(Event::Closed { connection, code: None, reason: String::new() });
                }
                Ok(message) => {
                    if let Some(frame) = super::frame(message) {
                        self.session.handle(self.clock.now(), Event::FrameIn { connection, frame });
                    }
                }
                Err(Error::Io(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(_) => self.lost(Event::errored(connection, TransportError::Io)),
            }
        }
        if let Some((_, socket)) = &self.socket {
            // Writes may wait; one that cannot shows here again.
            let _ = socket.get_ref().set_nonblocking(false);
        }
    }

    fn lost(&mut self, event: Event) {
        self.socket = None;
        self.session.handle(self.clock.now(), event);
    }
}

fn connect(addr: &str, handshake: &Handshake) -> Result<WebSocket<TcpStream>, Fault> {
    let to = addr.to_socket_addrs()?.next().ok_or("no address")?;
    let stream = TcpStream::connect_timeout(&to, DIAL)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(DIAL))?;
    stream.set_write_timeout(Some(DIAL))?;
    let url = format!("ws://{addr}/?{}", handshake.query.as_deref().unwrap_or_default());
    let (socket, _) = tungstenite::client(url, stream).map_err(|error| error.to_string())?;
    socket.get_ref().set_read_timeout(Some(TURN))?;
    Ok(socket)
}
