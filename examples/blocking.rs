//! redial over threads and tungstenite: one self-contained adapter, to be copied and changed.
//!
//! One thread a session runs the loop; it sleeps in `mio`, so a byte from the network, a `send` of any other thread and
//! the session's next deadline all wake it at once. Dialing blocks (name resolution does), so it has a thread of its own.
//!
//! `cargo run --example blocking [ws://host:port/path]`; without an address it talks to an echo server of its own.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream as StdStream, ToSocketAddrs as _};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};
use redial::dialect::Handshake;
use redial::journal::{Call, CallError, Input};
use redial::{
    Action, Body, ConnectionId, Duration, Event, Failure, Frame, Instant, MessageId, Preset, Purpose, Seed, SendError,
    Session, State, TransportError,
};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::error::{ProtocolError, UrlError};
use tungstenite::handshake::HandshakeError;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

type Socket = WebSocket<Box<dyn Io>>;
/// Why there is no connection (any more), and for how long the server wants to be left alone.
type Lost = Failure;
/// What an application hears: every action, those that the loop itself carries out included.
type Observer = Box<dyn FnMut(Instant, &Action) + Send>;
/// Where the inputs go, a line each, if anywhere: after a `journal::Header` line of your own, `examples/replay.rs` runs it again.
type Journal = Box<dyn Write + Send>;

/// What a WebSocket can run over. Made to block, later it must pass `WouldBlock` on.
pub(crate) trait Io: Read + Write + Send {}
impl<T: Read + Write + Send> Io for T {}

/// Puts something between TCP and WebSocket, for the server of this name. TLS, with `rustls`:
///
/// ```text
/// let layer = move |host: &str, tcp| {
///     let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
///     let tls = ClientConnection::new(Arc::clone(&config), name).map_err(io::Error::other)?;
///     Ok(Box::new(StreamOwned::new(tls, tcp)) as Box<dyn Io>)
/// };
/// Client::start(Target::over("wss://example.org/chat", layer), session, clock, None, observer)
/// ```
pub(crate) type Layer = Arc<dyn Fn(&str, StdStream) -> io::Result<Box<dyn Io>> + Send + Sync>;

/// Where the server is and how to talk to it; made from a `ws://` URL by itself.
#[derive(Clone)]
pub(crate) struct Target {
    url: String,
    layer: Option<Layer>,
}

impl Target {
    #[allow(dead_code, reason = "this file's own main has no TLS library")]
    pub(crate) fn over(
        url: &str,
        layer: impl Fn(&str, StdStream) -> io::Result<Box<dyn Io>> + Send + Sync + 'static,
    ) -> Self {
        Self { url: url.to_owned(), layer: Some(Arc::new(layer)) }
    }
}

impl<T: AsRef<str> + ?Sized> From<&T> for Target {
    fn from(url: &T) -> Self {
        Self { url: url.as_ref().to_owned(), layer: None }
    }
}

/// How long written bytes may stay in our own buffer before the connection counts as broken.
const WRITE_LIMIT: Duration = Duration::from_secs(20);
/// How long a dial may take where the session sets no limit (`reconnect.attempt_timeout`) of its own.
const DIAL_LIMIT: time::Duration = time::Duration::from_secs(30);
/// How long a socket is kept for the peer's close when the session has stopped.
const LINGER: Duration = Duration::from_secs(1);
/// Frames read in one turn, so that a flood keeps nobody else waiting and the peer can work on the first answers meanwhile.
const FRAMES_A_TURN: usize = 32;
const WAKE: Token = Token(0);
const SOCKET: Token = Token(1);

/// The session's time: the wall's, `speed` times as fast (1 for anything but a demo or a test).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) origin: time::Instant,
    pub(crate) speed: u32,
    /// What tells the wall's time.
    pub(crate) wall: fn() -> time::Instant,
}

impl Clock {
    pub(crate) fn new(speed: u32) -> Self {
        Self { origin: time::Instant::now(), speed: speed.max(1), wall: time::Instant::now }
    }

    fn micros(self) -> u64 {
        let passed = (self.wall)().saturating_duration_since(self.origin);
        u64::try_from(passed.as_micros()).unwrap_or(u64::MAX).saturating_mul(self.speed.into())
    }

    pub(crate) fn now(self) -> Instant {
        Instant::from_millis(self.micros() / 1_000)
    }

    pub(crate) fn wall_until(self, at: Instant) -> time::Duration {
        let left = at.as_millis().saturating_mul(1_000).saturating_sub(self.micros());
        time::Duration::from_micros(left.div_ceil(self.speed.into()))
    }
}

/// A session on a thread of its own, to be used from any other; dropping it closes the session.
pub(crate) struct Client {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    core: Mutex<Core>,
    waker: Waker,
    clock: Clock,
}

/// All inputs pass through here.
struct Core {
    session: Session,
    journal: Option<Journal>,
    /// Nobody is left to open the session again.
    over: bool,
}

impl Client {
    /// Opens the session and keeps it connected. Where it stops by itself (kicked, refused, given up), `Call::Open` revives it.
    pub(crate) fn start(
        target: impl Into<Target>,
        session: Session,
        clock: Clock,
        journal: Option<Journal>,
        observer: impl FnMut(Instant, &Action) + Send + 'static,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let shared = Arc::new(Shared { core: Mutex::new(Core { session, journal, over: false }), waker, clock });
        let (target, dials, link) = (target.into(), channel(), Link::None);
        let (shared_too, observer) = (Arc::clone(&shared), Box::new(observer));
        let mut host = Host { shared: shared_too, target, observer, poll, dials, link, heard: Vec::new() };
        let mut client = Self { shared, thread: None };
        client.shared.with(|core, now| core.call(now, Call::Open)).map_err(io::Error::other)?;
        client.thread = Some(thread::Builder::new().name("redial".into()).spawn(move || host.run())?);
        Ok(client)
    }

    /// Takes a message; the observer hears what becomes of it.
    pub(crate) fn send(&self, body: impl Into<Body>) -> Result<MessageId, SendError> {
        self.input(|core, now| core.send(now, body.into()))
    }

    /// Any other call: `Resend`, `Credential`, `ReconnectNow` ... The loop does what follows from it, at once.
    pub(crate) fn call(&self, call: Call) -> Result<(), CallError> {
        self.input(|core, now| core.call(now, call))
    }

    /// Looks at the session: its state, its figures, where a message stands.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Session) -> T) -> T {
        self.shared.with(|core, _| look(&core.session))
    }

    /// Closes politely and waits for the loop to end; the session bounds that wait by `close.timeout`.
    pub(crate) fn close(mut self) -> Result<(), CallError> {
        self.end()?;
        if let Some(thread) = self.thread.take() {
            // Only the observer can have panicked, and that is told on stderr already.
            let _ = thread.join();
        }
        Ok(())
    }

    fn end(&self) -> Result<(), CallError> {
        self.input(|core, now| {
            core.over = true;
            core.call(now, Call::Close { code: None, reason: String::new() })
        })
    }

    fn input<T>(&self, input: impl FnOnce(&mut Core, Instant) -> T) -> T {
        let result = self.shared.with(input);
        // The loop also wakes by itself at its next deadline, so a failed wake-up only delays.
        let _ = self.shared.waker.wake();
        result
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // A close without a code cannot be refused.
        let _ = self.end();
    }
}

impl Shared {
    fn with<T>(&self, work: impl FnOnce(&mut Core, Instant) -> T) -> T {
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        // The clock is read under the lock: times then never run backwards.
        work(&mut core, self.clock.now())
    }

    /// Takes the next action, with the time of the input that led to it. One at a time: what a failed write takes back must still be
    /// the session's.
    fn next_action(&self) -> Option<(Instant, Action)> {
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        let action = core.session.poll_action()?;
        Some((core.session.now(), action))
    }
}

impl Core {
    fn note(&mut self, input: impl FnOnce() -> Input) {
        if let Some(journal) = &mut self.journal
            && writeln!(journal, "{}", input().to_line()).is_err()
        {
            // A journal with a gap cannot be replayed, so it ends here.
            self.journal = None;
        }
    }

    fn handle(&mut self, now: Instant, event: Event) {
        self.note(|| Input::Event { now, event: event.clone() });
        self.session.handle(now, event);
    }

    fn call(&mut self, now: Instant, call: Call) -> Result<(), CallError> {
        self.note(|| Input::Call { now, call: call.clone() });
        call.make(&mut self.session, now).map(drop)
    }

    fn send(&mut self, now: Instant, body: Body) -> Result<MessageId, SendError> {
        self.note(|| {
            let call = Call::Send { body: body.clone(), id: None, time_to_live: None, once: false };
            Input::Call { now, call }
        });
        self.session.send(now, body)
    }
}

/// The loop and what it owns.
struct Host {
    shared: Arc<Shared>,
    target: Target,
    observer: Observer,
    poll: Poll,
    dials: (Sender<Dialed>, Receiver<Dialed>),
    link: Link,
    /// Empty between turns, and kept for its room.
    heard: Vec<Frame>,
}

/// At most one connection: on its way, or open. `_ears` is the same TCP connection, for the poll to listen at.
enum Link {
    None,
    Dialing { connection: ConnectionId, attempt: Arc<Attempt> },
    Open { connection: ConnectionId, socket: Box<Socket>, _ears: TcpStream, blocked: Option<Instant> },
}

impl Host {
    fn run(&mut self) {
        let mut events = Events::with_capacity(8);
        let (mut more, mut stopped) = (false, None);
        loop {
            self.perform();
            if !self.flush() {
                self.perform();
            }
            let now = self.shared.clock.now();
            let (state, deadline, over) =
                self.shared.with(|core, _| (core.session.state(), core.session.next_deadline(), core.over));
            if state != State::Stopped {
                stopped = None;
            } else if now.since(*stopped.get_or_insert(now)) >= LINGER {
                self.link = Link::None;
            }
            let lingers = stopped.filter(|_| !matches!(self.link, Link::None));
            if over && stopped.is_some() && lingers.is_none() {
                return;
            }
            let blocked = if let Link::Open { blocked, .. } = &self.link { *blocked } else { None };
            let limits = [deadline.map(|d| d.at), blocked.map(|at| at + WRITE_LIMIT), lingers.map(|at| at + LINGER)];
            let wait = limits.into_iter().flatten().min().map(|at| self.shared.clock.wall_until(at));
            // An interrupted or failed wait is a short one: whatever is there is looked at below.
            let _ = self.poll.poll(&mut events, if more { Some(time::Duration::ZERO) } else { wait });
            while let Ok(dialed) = self.dials.1.try_recv() {
                self.dialed(dialed);
            }
            more = self.read();
            self.tell(Event::Tick);
        }
    }

    /// Carries out what the session wants done; the observer hears of it first.
    fn perform(&mut self) {
        while let Some((now, action)) = self.shared.next_action() {
            (self.observer)(now, &action);
            self.carry_out(action);
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Connect { connection, handshake, .. } => self.dial(connection, &handshake),
            Action::Send { connection, frame, purpose } => self.write(connection, frame, purpose),
            Action::Close { connection, code, reason } if self.link.is(connection) => {
                let frame = code.map(|code| CloseFrame { code: code.into(), reason: reason.into() });
                match &mut self.link {
                    // What goes wrong here shows in the next read.
                    Link::Open { socket, .. } => drop(socket.close(frame)),
                    _ => self.link = Link::None,
                }
            }
            Action::Abort { connection } if self.link.is(connection) => self.link = Link::None,
            _ => {}
        }
    }

    fn dial(&mut self, connection: ConnectionId, handshake: &Handshake) {
        let attempt = Arc::new(Attempt::default());
        self.link = Link::Dialing { connection, attempt: Arc::clone(&attempt) };
        let (target, handshake) = (self.target.clone(), handshake.clone());
        let (sender, shared) = (self.dials.0.clone(), Arc::clone(&self.shared));
        thread::spawn(move || {
            let result = connect(target, &handshake, &attempt);
            // The loop may be gone by now, and then nobody waits for this.
            let _ = sender.send(Dialed { connection, result });
            let _ = shared.waker.wake();
        });
    }

    fn dialed(&mut self, Dialed { connection, result }: Dialed) {
        if !self.link.is(connection) {
            return;
        }
        let registered = result.and_then(|(socket, mut ears)| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut ears, SOCKET, interest).map_err(|_| TransportError::Io)?;
            Ok((socket, ears))
        });
        match registered {
            Ok((socket, ears)) => {
                self.link = Link::Open { connection, socket, _ears: ears, blocked: None };
                self.tell(Event::Opened { connection });
            }
            Err(failure) => self.lost(Event::errored(connection, failure)),
        }
    }

    /// Hands everything that has arrived to the session; says whether there may be more.
    fn read(&mut self) -> bool {
        let Link::Open { connection, socket, .. } = &mut self.link else { return false };
        let (connection, mut last) = (*connection, None);
        while self.heard.len() < FRAMES_A_TURN && last.is_none() {
            match heard(connection, socket) {
                Ok(Some(frame)) => self.heard.push(frame),
                Ok(None) => break,
                Err(event) => last = Some(event),
            }
        }
        let more = self.heard.len() == FRAMES_A_TURN;
        if !self.heard.is_empty() {
            self.shared.with(|core, now| {
                for frame in self.heard.drain(..) {
                    core.handle(now, Event::FrameIn { connection, frame });
                }
            });
        }
        match last {
            Some(event) => {
                self.lost(event);
                false
            }
            None => more,
        }
    }

    fn write(&mut self, to: ConnectionId, frame: Frame, purpose: Purpose) {
        let Link::Open { connection, socket, .. } = &mut self.link else { return };
        if *connection != to {
            return;
        }
        let message = match frame {
            Frame::Text(text) => Message::text(text.into_owned()),
            Frame::Binary(bytes) => Message::binary(bytes),
            Frame::Ping(bytes) => Message::Ping(bytes.into()),
            Frame::Pong(bytes) => Message::Pong(bytes.into()),
        };
        match socket.write(message) {
            // A frame that would block is in the buffer; `flush` brings it out.
            Ok(()) => {}
            Err(error) if would_block(&error) => {}
            Err(Error::WriteBufferFull(_)) => {
                self.tell(Event::SendFailed { connection: to, purpose: Some(purpose) });
            }
            Err(error) => self.lost(ended(to, &error)),
        }
    }

    /// Moves what is buffered, queued pongs included; `false` where that showed the connection to be over.
    fn flush(&mut self) -> bool {
        let now = self.shared.clock.now();
        let Link::Open { connection, socket, blocked, .. } = &mut self.link else { return true };
        let connection = *connection;
        let event = match socket.flush() {
            Ok(()) => {
                *blocked = None;
                return true;
            }
            Err(error) if would_block(&error) => {
                if now.since(*blocked.get_or_insert(now)) < WRITE_LIMIT {
                    return true;
                }
                Event::errored(connection, TransportError::TimedOut)
            }
            Err(error) => ended(connection, &error),
        };
        self.lost(event);
        false
    }

    /// The connection is over: the socket goes, the session hears it.
    fn lost(&mut self, event: Event) {
        self.link = Link::None;
        self.tell(event);
    }

    fn tell(&self, event: Event) {
        self.shared.with(|core, now| core.handle(now, event));
    }
}

impl Link {
    fn is(&self, wanted: ConnectionId) -> bool {
        match self {
            Self::None => false,
            Self::Dialing { connection, .. } | Self::Open { connection, .. } => *connection == wanted,
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Self::Dialing { attempt, .. } = self {
            attempt.abort();
        }
    }
}

/// A dial that can be given up while its thread is in the middle of it.
#[derive(Default)]
struct Attempt(Mutex<(bool, Option<StdStream>)>);

struct Dialed {
    connection: ConnectionId,
    result: Result<(Box<Socket>, TcpStream), Lost>,
}

impl Attempt {
    fn abort(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = true;
        if let Some(stream) = state.1.take() {
            // It is gone already if this fails.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Says whether the dial is still wanted, and keeps what would end it.
    fn is_wanted(&self, stream: Option<StdStream>) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.1 = stream;
        !state.0
    }
}

fn connect(
    Target { mut url, layer }: Target,
    handshake: &Handshake,
    attempt: &Attempt,
) -> Result<(Box<Socket>, TcpStream), Lost> {
    if let Some(query) = &handshake.query {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(query);
    }
    let mut request = url.into_client_request().map_err(|error| refusal(&error))?;
    if !handshake.subprotocols.is_empty() {
        let offered = handshake.subprotocols.join(", ").parse().map_err(|_| TransportError::Other)?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", offered);
    }
    let is_secure = request.uri().scheme_str() == Some("wss");
    if is_secure && layer.is_none() {
        return Err(refusal(&Error::Url(UrlError::TlsFeatureNotEnabled)));
    }
    let host = request.uri().host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = request.uri().port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let addresses = (host.as_str(), port).to_socket_addrs().map_err(|_| TransportError::Dns)?;
    let mut failure = Lost::new(TransportError::Dns);
    for address in addresses {
        match StdStream::connect_timeout(&address, DIAL_LIMIT) {
            Ok(stream) => return upgrade(request, &stream, &host, layer, attempt),
            Err(error) => failure = failure_of(&error),
        }
    }
    Err(failure)
}

fn upgrade(
    request: tungstenite::handshake::client::Request,
    stream: &StdStream,
    host: &str,
    layer: Option<Layer>,
    attempt: &Attempt,
) -> Result<(Box<Socket>, TcpStream), Lost> {
    let io = |error: io::Error| failure_of(&error);
    stream.set_nodelay(true).map_err(io)?;
    stream.set_read_timeout(Some(DIAL_LIMIT)).map_err(io)?;
    stream.set_write_timeout(Some(DIAL_LIMIT)).map_err(io)?;
    if !attempt.is_wanted(Some(stream.try_clone().map_err(io)?)) {
        return Err(TransportError::Other.into());
    }
    // 128 KiB of buffers a socket are a lot for chat, but a turn of small frames should leave in one write; and what waits to be
    // written has to end somewhere.
    let config = WebSocketConfig::default()
        .read_buffer_size(4 << 10)
        .write_buffer_size(32 << 10)
        .max_write_buffer_size(4 << 20)
        .max_message_size(Some(16 << 20));
    let tcp = stream.try_clone().map_err(io)?;
    let carrier = match layer {
        Some(layer) => layer(host, tcp).map_err(|error| layer_failure(&error))?,
        None => Box::new(tcp),
    };
    let upgraded = tungstenite::client::client_with_config(request, carrier, Some(config));
    let (socket, _response) = upgraded.map_err(|error| match error {
        HandshakeError::Interrupted(_) => TransportError::TimedOut.into(),
        HandshakeError::Failure(error) => refusal(&error),
    })?;
    // The clones share the socket: this one makes all of them non-blocking, and none may outlive the connection.
    stream.set_nonblocking(true).map_err(io)?;
    let ears = TcpStream::from_std(stream.try_clone().map_err(io)?);
    if attempt.is_wanted(None) { Ok((Box::new(socket), ears)) } else { Err(TransportError::Other.into()) }
}

/// The next frame, where one has arrived; else nothing, or how the connection ended.
fn heard(connection: ConnectionId, socket: &mut Socket) -> Result<Option<Frame>, Event> {
    loop {
        return Ok(Some(match socket.read() {
            Ok(Message::Text(text)) => Frame::text(text.as_str().to_owned()),
            Ok(Message::Binary(bytes)) => Frame::Binary(bytes.to_vec()),
            Ok(Message::Ping(bytes)) => Frame::Ping(bytes.to_vec()),
            Ok(Message::Pong(bytes)) => Frame::Pong(bytes.to_vec()),
            Ok(Message::Close(frame)) => {
                let _ = socket.flush();
                let (code, reason) =
                    frame.map_or((None, String::new()), |f| (Some(f.code.into()), f.reason.to_string()));
                return Err(Event::Closed { connection, code, reason });
            }
            Ok(Message::Frame(_)) => continue,
            Err(error) if would_block(&error) => return Ok(None),
            Err(error) => return Err(ended(connection, &error)),
        }));
    }
}

fn would_block(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// How a connection ended, in the session's words.
fn ended(connection: ConnectionId, error: &Error) -> Event {
    match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            Event::Closed { connection, code: None, reason: String::new() }
        }
        error => Event::errored(connection, refusal(error)),
    }
}

fn refusal(error: &Error) -> Lost {
    let cause = match error {
        Error::Io(error) => return failure_of(error),
        Error::Http(response) => {
            let after = response.headers().get("Retry-After").and_then(|value| value.to_str().ok());
            return Failure::from_http(response.status().as_u16(), after, wall_clock());
        }
        Error::Tls(_) => TransportError::Tls,
        Error::Url(_) | Error::HttpFormat(_) => TransportError::Permanent,
        Error::Capacity(_) => TransportError::TooBig,
        Error::Utf8(_) => TransportError::InvalidUtf8,
        Error::Protocol(_) => TransportError::Protocol,
        _ => TransportError::Other,
    };
    Failure::new(cause).with_detail(error.to_string())
}

/// Seconds of the Unix time, against which a `Retry-After` with a date is read.
fn wall_clock() -> u64 {
    time::SystemTime::now().duration_since(time::UNIX_EPOCH).map_or(0, |span| span.as_secs())
}

fn failure_of(error: &io::Error) -> Lost {
    let cause = match error.kind() {
        io::ErrorKind::ConnectionRefused => TransportError::Refused,
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => TransportError::TimedOut,
        _ => TransportError::Io,
    };
    Failure::new(cause).with_detail(error.to_string())
}

/// TLS libraries report a certificate or a protocol they do not like as bad data.
fn layer_failure(error: &io::Error) -> Lost {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
            Failure::new(TransportError::Tls).with_detail(error.to_string())
        }
        _ => failure_of(error),
    }
}

/// Says three things to an echo server, with a new connection before the last, and shows what the session does.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = match std::env::args().nth(1) {
        Some(url) => url,
        None => echo_server()?,
    };
    let mut seed = [0; 16];
    getrandom::fill(&mut seed)?;
    let session = Session::new(Preset::plain(), Seed::from_bytes(seed));
    let (echoes, heard) = channel();
    let client = Client::start(&url, session, Clock::new(1), None, move |now, action| {
        // A reader who has seen enough, as in `... | head`, is no reason to stop.
        let _ = writeln!(io::stdout(), "{:>6} ms  {action:?}", now.as_millis());
        if let Action::Deliver(_) = action {
            // The main thread may have heard enough.
            let _ = echoes.send(());
        }
    })?;
    for text in ["one", "two", "three"] {
        if text == "three" {
            client.call(Call::ReconnectNow)?;
        }
        client.send(text)?;
        heard.recv_timeout(time::Duration::from_secs(10))?;
    }
    writeln!(io::stdout(), "           {} connections in all", client.look(|session| session.stats().connects))?;
    client.close()?;
    Ok(())
}

fn echo_server() -> io::Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let url = format!("ws://{}/", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let Ok(mut socket) = tungstenite::accept(stream) else { return };
                while let Ok(message) = socket.read() {
                    if message.is_text() && socket.send(message).is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok(url)
}
