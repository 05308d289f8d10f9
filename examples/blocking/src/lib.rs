//! redial over threads: a WebSocket session that outlives its sockets, as one thread.
//!
//! ```no_run
//! # fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use redial::{Preset, Seed, Session};
//! use redial_blocking::Options;
//!
//! let mut seed = [0; 16]; // from the system: `getrandom::fill(&mut seed)?`, feature `std`
//! # seed[0] = 1;
//! let session = Session::new(Preset::plain(), Seed::from_bytes(seed));
//! let (client, messages, _thread) = Options::new("ws://127.0.0.1:9001/chat")?.start(session)?;
//! let sent = client.send("hello")?;
//! println!("{} is {:?}", sent.id.clone(), sent.settled());
//! for message in messages {
//!     println!("{:?}", message.body.as_text());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! This file is a package, and it can be copied: it needs the crates redial (default features), redial-tungstenite, mio
//! (`net`, `os-poll`), socket2 and, for TLS, rustls (`std`).
//!
//! One thread runs a session, and owns its socket. It sleeps in mio: a byte from the network, a call of the
//! application and the next deadline wake it. A [`Client`] is cheap to clone; the session closes when the last one is
//! dropped, or by [`Client::close`]. [`Messages`] holds as many messages as `inbox.pending` says, and those of the turn
//! that reached the limit: beyond that the socket is not read, so that TCP holds the server back.
//!
//! A session takes one thread and, on Linux, three descriptors: two to sleep with, and the socket while it is
//! connected. A dial takes one thread and three descriptors more while it lasts, and one for each further address under
//! way; a question for a credential takes one thread. These threads are on their own: nobody waits for a resolver that
//! hangs.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{self, Duration, SystemTime, UNIX_EPOCH};

use mio::event::Source;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use redial::dialect::Handshake;
use redial::host::{DialOrder, Host, HostClock, RecordedSession, Target, TargetError, Turn, WaitFor};
use redial::journal::{Call, CallError};
use redial::{
    Action, ConnectionId, CredentialFailure, Event, Failure, Instant, Message, MessageId, Outgoing, Secret, SendError,
    Session, State, Status, TransportError,
};
use redial_tungstenite::{Link, Opening, Socket, io_failure, request};
pub use redial_tungstenite::{Request, Response, Summary};

/// A non-blocking byte stream that can carry a WebSocket: a stream of mio, or something [`Layered`] over one.
pub trait Io: Read + Write + Send {
    /// What mio watches.
    fn source(&mut self) -> &mut dyn Source;
}

impl Io for TcpStream {
    fn source(&mut self) -> &mut dyn Source {
        self
    }
}

#[cfg(unix)]
impl Io for mio::net::UnixStream {
    fn source(&mut self) -> &mut dyn Source {
        self
    }
}

/// A byte stream over a stream of mio, such as a TLS stream of any library.
pub struct Layered<S> {
    /// What carries the WebSocket.
    pub stream: S,
    /// Finds the stream of mio below.
    pub source: fn(&mut S) -> &mut dyn Source,
}

impl<S: Read + Write + Send> Io for Layered<S> {
    fn source(&mut self) -> &mut dyn Source {
        (self.source)(&mut self.stream)
    }
}

type Connect = Arc<dyn Fn(Target, u32) -> io::Result<Box<dyn Io>> + Send + Sync>;
type Credential = Result<Secret, CredentialFailure>;

/// Where the server is, and how to reach it.
pub struct Options {
    target: Box<dyn FnMut(u32) -> Target + Send>,
    request: Box<dyn FnMut(u32, &mut Request) + Send>,
    connect: Connect,
    /// Whether `wss://` URLs can be dialed.
    has_tls: bool,
    credential: Option<Arc<dyn Fn(Option<String>) -> Credential + Send + Sync>>,
    trace: Box<dyn FnMut(Instant, &Action) + Send>,
    clock: HostClock,
    wall: Option<fn() -> Duration>,
    send_buffer: u32,
}

/// How long a dial may take where `reconnect.attempt_timeout` sets no limit.
const DIAL_LIMIT: Duration = Duration::from_secs(30);
/// The longest sleep; mio takes no time without end.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);
const WAKE: Token = Token(0);
const SOCKET: Token = Token(1);

impl Options {
    /// Takes a `ws://` or `wss://` URL; refuses one that can never work.
    pub fn new(url: &str) -> Result<Self, TargetError> {
        let target: Target = url.parse()?;
        Ok(Self {
            target: Box::new(move |_| target.clone()),
            request: Box::new(|_, _| {}),
            connect: Arc::new(|target, send_buffer| Ok(Box::new(tcp(target.host(), target.port(), send_buffer)?))),
            has_tls: false,
            credential: None,
            trace: Box::new(|_, _| {}),
            clock: HostClock::new(),
            wall: Some(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
            send_buffer: 64 << 10,
        })
    }

    /// Chooses the server of each attempt, by the number of failed attempts before it: a list to fail over, or a URL
    /// that is asked for anew. It runs within the loop, and must not block.
    #[must_use]
    pub fn target(mut self, target: impl FnMut(u32) -> Target + Send + 'static) -> Self {
        self.target = Box::new(target);
        self
    }

    /// Changes the request of each attempt before it is sent, for instance its headers.
    #[must_use]
    pub fn request(mut self, request: impl FnMut(u32, &mut Request) + Send + 'static) -> Self {
        self.request = Box::new(request);
        self
    }

    /// Opens the byte stream in place of TCP and TLS: through a proxy, over a Unix socket, with another TLS library.
    /// [`tcp`] is there to build on.
    ///
    /// The closure has a thread of its own and may block, but what it returns must not: a stream of `std` becomes one
    /// of mio by `set_nonblocking(true)` and `from_std`. After 30 s the loop goes on without it.
    #[must_use]
    pub fn connect(mut self, connect: impl Fn(Target) -> io::Result<Box<dyn Io>> + Send + Sync + 'static) -> Self {
        self.connect = Arc::new(move |target, _| connect(target));
        self.has_tls = true;
        self
    }

    /// Uses TLS for `wss://` URLs.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self, config: impl Into<Arc<rustls::ClientConfig>>) -> Self {
        let config = config.into();
        self.connect = Arc::new(move |target, send_buffer| {
            let tcp = tcp(target.host(), target.port(), send_buffer)?;
            if !target.is_secure() {
                return Ok(Box::new(tcp));
            }
            let name = target.host().to_owned().try_into().map_err(io::Error::other)?;
            let tls = rustls::ClientConnection::new(Arc::clone(&config), name).map_err(io::Error::other)?;
            Ok(Box::new(Layered { stream: rustls::StreamOwned::new(tls, tcp), source: |stream| &mut stream.sock }))
        });
        self.has_tls = true;
        self
    }

    /// Answers when the session needs a credential, on a thread of its own; the argument is the server's challenge,
    /// where there is one.
    #[must_use]
    pub fn credential(mut self, ask: impl Fn(Option<String>) -> Credential + Send + Sync + 'static) -> Self {
        self.credential = Some(Arc::new(ask));
        self
    }

    /// Hears every action, those that the loop carries out included. It runs within the loop, and must not block.
    #[must_use]
    pub fn trace(mut self, trace: impl FnMut(Instant, &Action) + Send + 'static) -> Self {
        self.trace = Box::new(trace);
        self
    }

    /// Sets the clock, which may run faster than time for a demo or a test, and the wall clock by which sleep of the
    /// machine is noticed; `None` notices none.
    #[must_use]
    pub fn clock(mut self, clock: HostClock, wall: Option<fn() -> Duration>) -> Self {
        (self.clock, self.wall) = (clock, wall);
        self
    }

    /// Bounds the kernel's send buffer in bytes. Default 64 KiB, which limits a connection to 64 KiB a round trip; what
    /// the buffer holds cannot be judged, so a larger one finds dead links later under traffic.
    #[must_use]
    pub fn send_buffer(mut self, bytes: u32) -> Self {
        self.send_buffer = bytes;
        self
    }

    /// Opens the session and keeps it connected, on a thread of its own. Fails where thread or descriptors are lacking.
    ///
    /// A session that stops by itself (kicked, refused, given up) waits for `Call::Open`, or for the end. The thread
    /// ends with a [`Summary`] after [`Client::close`], or after the last client is dropped.
    pub fn start(self, session: impl Into<RecordedSession>) -> io::Result<(Client, Messages, JoinHandle<Summary>)> {
        let poll = Poll::new()?;
        let (deliver, delivered) = channel();
        let host = Host::new(session, self.clock);
        // A session may have delivered messages before it came here.
        let taken = host.session().stats().delivered;
        let shared = Arc::new(Shared {
            host: Mutex::new(host),
            waker: Waker::new(poll.registry(), WAKE)?,
            started: time::Instant::now(),
            wall: self.wall,
            taken: AtomicU64::new(taken),
            seen: Mutex::new(Seen { state: State::Idle, response: None, is_over: false }),
            changed: Condvar::new(),
        });
        let adapter = Adapter {
            shared: Arc::clone(&shared),
            options: self,
            poll,
            link: Link::None,
            asking: None,
            told: Vec::new(),
            delivered: 0,
            taken,
            deliver,
        };
        // A fresh or a closed session can always be opened, and a host that reports what is taken says so first.
        shared.with(|host| {
            host.handle(Event::Taken { messages: taken });
            let _ = host.call(Call::Open);
        });
        let thread = thread::Builder::new().name("redial".to_owned()).spawn(move || adapter.run())?;
        Ok((Client(Arc::new(Owner(Arc::clone(&shared)))), Messages { delivered, shared }, thread))
    }
}

/// A session at work; the last one that is dropped closes it.
#[derive(Clone)]
pub struct Client(Arc<Owner>);

/// A client that does not keep the session open.
#[derive(Clone)]
pub struct WeakClient(Weak<Owner>);

struct Owner(Arc<Shared>);

struct Shared {
    host: Mutex<Host<Sender<Status>>>,
    waker: Waker,
    started: time::Instant,
    wall: Option<fn() -> Duration>,
    /// Messages that the application has taken; all of them once it takes no more.
    taken: AtomicU64,
    seen: Mutex<Seen>,
    changed: Condvar,
}

/// What the loop shows.
struct Seen {
    state: State,
    response: Option<Arc<Response>>,
    is_over: bool,
}

/// A message that was taken.
pub struct Sent {
    /// Its id.
    pub id: MessageId,
    settled: Receiver<Status>,
    shared: Arc<Shared>,
}

/// What arrives, as an iterator that waits for it; it ends with the session's thread.
pub struct Messages {
    delivered: Receiver<Message>,
    shared: Arc<Shared>,
}

impl Client {
    /// Takes a message: a text, bytes, or an [`Outgoing`].
    pub fn send(&self, message: impl Into<Outgoing>) -> Result<Sent, SendError> {
        let (tell, settled) = channel();
        let id = self.input(|host| host.send(message, Some(tell)))?;
        Ok(Sent { id, settled, shared: Arc::clone(&self.0.0) })
    }

    /// Any other call: `Call::Resend`, `Call::Credential`, `Call::ReconnectNow` and the rest.
    pub fn call(&self, call: Call) -> Result<(), CallError> {
        self.input(|host| host.call(call).map(drop))
    }

    /// Passes on a hint: `Event::Online`, `Event::Offline` or `Event::Woke`. Sleep is noticed without it.
    pub fn tell(&self, hint: Event) {
        self.input(|host| host.handle(hint));
    }

    /// Looks at the session: its counters, where a message stands, why it waits.
    pub fn look<T>(&self, look: impl FnOnce(&Session) -> T) -> T {
        self.0.0.with(|host| look(host.session()))
    }

    /// The state.
    pub fn state(&self) -> State {
        lock(&self.0.0.seen).state
    }

    /// Waits for a state. Returns the state after it: another one where the time is up, or where the thread has ended.
    /// States that pass in between may be missed; [`Options::trace`] hears them all.
    pub fn wait_for_state(&self, limit: Duration, is_it: impl Fn(State) -> bool) -> State {
        let waits = |seen: &mut Seen| !seen.is_over && !is_it(seen.state);
        let seen = self.0.0.changed.wait_timeout_while(lock(&self.0.0.seen), limit, waits);
        seen.unwrap_or_else(PoisonError::into_inner).0.state
    }

    /// The server's answer to the opening handshake of the last connection: its headers and the chosen subprotocol.
    pub fn response(&self) -> Option<Arc<Response>> {
        lock(&self.0.0.seen).response.clone()
    }

    /// A client that does not keep the session open, for closures of the session's own.
    pub fn downgrade(&self) -> WeakClient {
        WeakClient(Arc::downgrade(&self.0))
    }

    /// Closes the session politely; join the thread for the end of it.
    pub fn close(&self) {
        self.input(Host::close);
    }

    fn input<T>(&self, work: impl FnOnce(&mut Host<Sender<Status>>) -> T) -> T {
        let result = self.0.0.with(work);
        self.0.0.wake();
        result
    }
}

impl WeakClient {
    /// The client, unless the last one was dropped.
    pub fn upgrade(&self) -> Option<Client> {
        self.0.upgrade().map(Client)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.with(Host::close);
        self.0.wake();
    }
}

impl Sent {
    /// Waits for how the message settles; `Unconfirmed` where the thread ends without saying it.
    pub fn settled(self) -> Status {
        self.settled.recv().unwrap_or(Status::Unconfirmed)
    }

    /// Waits as [`settled`](Self::settled) does, for no longer than this; gives itself back then.
    pub fn settled_within(self, limit: Duration) -> Result<Status, Self> {
        match self.settled.recv_timeout(limit) {
            Ok(status) => Ok(status),
            Err(RecvTimeoutError::Disconnected) => Ok(Status::Unconfirmed),
            Err(RecvTimeoutError::Timeout) => Err(self),
        }
    }

    /// Waits until the message is delivered or read, or for the outcome after which that will not come.
    pub fn marked(&self, mark: WaitFor) -> Status {
        self.wait(mark).recv().unwrap_or(Status::Unconfirmed)
    }

    /// Waits as [`marked`](Self::marked) does, for no longer than this.
    pub fn marked_within(&self, mark: WaitFor, limit: Duration) -> Option<Status> {
        match self.wait(mark).recv_timeout(limit) {
            Ok(status) => Some(status),
            Err(RecvTimeoutError::Disconnected) => Some(Status::Unconfirmed),
            Err(RecvTimeoutError::Timeout) => {
                lock(&self.shared.host).forget(&self.id, mark);
                None
            }
        }
    }

    fn wait(&self, mark: WaitFor) -> Receiver<Status> {
        let (tell, told) = channel();
        if let Some((waiter, status)) = self.shared.with(|host| host.wait(&self.id, mark, tell)) {
            let _ = waiter.send(status);
        }
        told
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        lock(&self.shared.host).forget(&self.id, WaitFor::Outcome);
    }
}

impl Iterator for Messages {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        let message = self.delivered.recv().ok()?;
        self.took();
        Some(message)
    }
}

impl Messages {
    /// Waits for the next message, for no longer than this.
    pub fn recv_timeout(&mut self, limit: Duration) -> Result<Message, RecvTimeoutError> {
        let message = self.delivered.recv_timeout(limit)?;
        self.took();
        Ok(message)
    }

    fn took(&self) {
        self.shared.taken.fetch_add(1, Ordering::Relaxed);
        self.shared.wake();
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        self.shared.taken.store(u64::MAX, Ordering::Relaxed);
        self.shared.wake();
    }
}

impl Shared {
    /// Works under the lock, at the time of the clocks, which are read there so that time never runs backwards.
    fn with<T>(&self, work: impl FnOnce(&mut Host<Sender<Status>>) -> T) -> T {
        let mut host = lock(&self.host);
        host.read_clocks(self.started.elapsed(), self.wall.map(|wall| wall()));
        work(&mut host)
    }

    fn wake(&self) {
        // The loop wakes at its next deadline as well, so that a failure here delays and no more.
        let _ = self.waker.wake();
    }

    fn show(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut lock(&self.seen));
        self.changed.notify_all();
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread's loop, and what it owns.
struct Adapter {
    shared: Arc<Shared>,
    options: Options,
    poll: Poll,
    link: Link<Box<Dial>, Box<dyn Io>>,
    asking: Option<Receiver<Credential>>,
    told: Vec<(Sender<Status>, Status)>,
    /// Messages that were passed on, and of these the ones whose taking was reported.
    delivered: u64,
    taken: u64,
    deliver: Sender<Message>,
}

/// A dial on a thread of its own, and then the opening handshake. Nobody hears of a dial that is dropped.
struct Dial {
    connection: ConnectionId,
    dialed: Receiver<Result<Opening<Box<dyn Io>>, Failure>>,
    opening: Option<Opening<Box<dyn Io>>>,
    ends: time::Instant,
}

/// Tells those who wait when the loop ends, by a panic too.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        drop(lock(&self.0.host).finish());
        self.0.show(|seen| seen.is_over = true);
    }
}

/// Wakes the loop when a thread of its own ends, by a panic too.
struct Wake(Arc<Shared>);

impl Drop for Wake {
    fn drop(&mut self) {
        self.0.wake();
    }
}

impl Adapter {
    fn run(mut self) -> Summary {
        let (_end, shared) = (End(Arc::clone(&self.shared)), Arc::clone(&self.shared));
        let mut ready = Events::with_capacity(8);
        loop {
            self.perform();
            let has_socket = !self.link.is_none();
            let (turn, reads) = shared.with(|host| (host.turn(has_socket), host.session().wants_read()));
            let until = match turn {
                Turn::Wait { until } => until.unwrap_or(Instant::NEVER),
                Turn::DropSocket => {
                    self.link = Link::None;
                    continue;
                }
                _ => return shared.with(|host| Summary::of(host.session())),
            };
            // The socket first: what has arrived counts before silence is judged.
            let events = self.turn(reads).or_else(|| {
                let mut wait = lock(&shared.host).clock().wait(shared.started.elapsed(), until).min(LONGEST_WAIT);
                if let Link::Dialing(_, dial) = &self.link {
                    wait = wait.min(dial.ends.saturating_duration_since(time::Instant::now()));
                }
                // A wait that is interrupted or fails is a short one.
                let _ = self.poll.poll(&mut ready, Some(wait));
                self.turn(reads)
            });
            shared.with(|host| {
                events.into_iter().flatten().for_each(|event| host.handle(event));
                host.handle(Event::Tick);
            });
        }
    }

    /// Carries out what the session wants done, and passes on what is to be known.
    fn perform(&mut self) {
        loop {
            let action = {
                let mut host = lock(&self.shared.host);
                host.poll_action(&mut self.told).map(|action| (host.session().now(), action))
            };
            for (waiter, status) in self.told.drain(..) {
                // Whoever waited may have stopped.
                let _ = waiter.send(status);
            }
            let Some((now, action)) = action else { if self.report_taken() { continue } else { return } };
            (self.options.trace)(now, &action);
            match action {
                Action::Connect { connection, attempt, handshake } => self.dial(connection, attempt, &handshake),
                Action::State { state, .. } => self.shared.show(|seen| seen.state = state),
                Action::Deliver(message) => {
                    self.delivered += 1;
                    // The application may take no more.
                    let _ = self.deliver.send(message);
                }
                Action::NeedCredential { challenge, .. } => {
                    let ask = self.options.credential.clone();
                    self.asking = ask.map(|ask| self.aside(move || ask(challenge)));
                }
                action => self.link.perform(action),
            }
        }
    }

    /// Reports what the application has taken, where it has taken more.
    fn report_taken(&mut self) -> bool {
        let messages = self.shared.taken.load(Ordering::Relaxed).min(self.delivered);
        let is_more = messages > std::mem::replace(&mut self.taken, messages);
        if is_more {
            self.shared.with(|host| host.handle(Event::Taken { messages }));
        }
        is_more
    }

    fn dial(&mut self, connection: ConnectionId, attempt: u32, handshake: &Handshake) {
        let (connect, send_buffer) = (Arc::clone(&self.options.connect), self.options.send_buffer);
        let mut wanted = request(&(self.options.target)(attempt), handshake, self.options.has_tls);
        if let Ok((_, request)) = &mut wanted {
            (self.options.request)(attempt, request);
        }
        let registry = self.poll.registry().try_clone();
        let dialed = self.aside(move || {
            let (target, request) = wanted?;
            let watched = connect(target, send_buffer).and_then(|mut io| {
                registry?.register(io.source(), SOCKET, Interest::READABLE | Interest::WRITABLE)?;
                Ok(io)
            });
            Ok(Opening::new(request, watched.map_err(|error| io_failure(&error))?))
        });
        let ends = time::Instant::now() + DIAL_LIMIT;
        self.link = Link::Dialing(connection, Box::new(Dial { connection, dialed, opening: None, ends }));
    }

    /// Works on a thread of its own. Where there is none to be had, or where it panics, no answer comes.
    fn aside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
        let ((tell, told), wake) = (channel(), Wake(Arc::clone(&self.shared)));
        let work = move || {
            // The loop is woken last: dropping goes from right to left.
            let (_wake, tell) = (wake, tell);
            let _ = tell.send(work());
        };
        let _ = thread::Builder::new().name("redial-aside".to_owned()).spawn(work);
        told
    }

    /// Gives what happened; `None` where that has to be waited for.
    fn turn(&mut self, reads: bool) -> Option<Vec<Event>> {
        let lost = || Err(CredentialFailure::Unavailable);
        if let Some(answer) = self.asking.as_ref().and_then(|asking| answer(asking, lost)) {
            self.asking = None;
            let call = match answer {
                Ok(value) => Call::Credential { connection: None, value },
                Err(why) => Call::CredentialFailed { connection: None, why },
            };
            // A credential that comes too late is kept for the next time.
            let _ = self.shared.with(|host| host.call(call));
            return Some(Vec::new());
        }
        let events = if let Link::Dialing(_, dial) = &mut self.link {
            let dialed = dial.turn()?;
            let (events, response) = self.link.dialed(dialed);
            if let Some(response) = response {
                self.shared.show(|seen| seen.response = Some(Arc::new(response)));
            }
            events
        } else {
            // The clocks are read: no input may have come for long, while bytes moved.
            let now = self.shared.with(|host| host.clock().now());
            self.link.turn(now, reads)
        };
        (!events.is_empty()).then_some(events)
    }
}

impl Dial {
    fn turn(&mut self) -> Option<Result<(Socket<Box<dyn Io>>, Response), Failure>> {
        if self.opening.is_none() {
            let lost = || Err(Failure::new(TransportError::Other).with_detail("the thread of the dial has failed"));
            match answer(&self.dialed, lost) {
                Some(Ok(opening)) => self.opening = Some(opening),
                Some(Err(failure)) => return Some(Err(failure)),
                None => {}
            }
        }
        let opened = self.opening.as_mut().and_then(|opening| opening.turn(self.connection));
        let is_late = opened.is_none() && time::Instant::now() >= self.ends;
        if is_late { Some(Err(TransportError::TimedOut.into())) } else { opened }
    }
}

/// What a thread has answered, without waiting; `lost` stands for the answer where it has ended without.
fn answer<T>(told: &Receiver<T>, lost: impl FnOnce() -> T) -> Option<T> {
    match told.try_recv() {
        Ok(answer) => Some(answer),
        Err(TryRecvError::Disconnected) => Some(lost()),
        Err(TryRecvError::Empty) => None,
    }
}

impl<S: Read> Read for Layered<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buf)
    }
}

impl<S: Write> Write for Layered<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.stream.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Connects to a name by TCP, as [`tcp_to`] does with its addresses. Name resolution blocks for as long as it likes.
pub fn tcp(host: &str, port: u16, send_buffer: u32) -> io::Result<TcpStream> {
    let unknown = |error: io::Error| io::Error::new(io::ErrorKind::NotFound, error);
    tcp_to((host, port).to_socket_addrs().map_err(unknown)?, send_buffer)
}

/// Connects by TCP to one of these addresses, trying them in turn without waiting long for any (RFC 8305). Blocks for
/// at most 30 s; the stream does not block.
pub fn tcp_to(addresses: impl IntoIterator<Item = SocketAddr>, send_buffer: u32) -> io::Result<TcpStream> {
    let mut order = DialOrder::new(addresses, SocketAddr::is_ipv6);
    let (mut poll, mut ready, started) = (Poll::new()?, Events::with_capacity(8), time::Instant::now());
    let now = || Instant::from_millis(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
    let (mut dials, mut failure) = (Vec::new(), io::Error::from(io::ErrorKind::NotFound));
    while started.elapsed() < DIAL_LIMIT {
        while let Some(address) = order.start(now()) {
            dials.push(begin(address, send_buffer, poll.registry()));
        }
        for dial in std::mem::take(&mut dials) {
            match dial.and_then(finish) {
                Ok((mut stream, true)) => {
                    poll.registry().deregister(&mut stream)?;
                    return Ok(stream);
                }
                Ok((stream, false)) => dials.push(Ok(stream)),
                Err(error) => {
                    failure = error;
                    order.failed();
                }
            }
        }
        if order.has_failed() {
            return Err(failure);
        }
        let next = order.next_deadline().map_or(DIAL_LIMIT, |at| at.since(now()).into());
        poll.poll(&mut ready, Some(next.min(DIAL_LIMIT.saturating_sub(started.elapsed()))))?;
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn begin(address: SocketAddr, send_buffer: u32, registry: &Registry) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    socket2::SockRef::from(&stream).set_send_buffer_size(send_buffer as usize)?;
    registry.register(&mut stream, SOCKET, Interest::WRITABLE)?;
    Ok(stream)
}

/// Says whether a stream is connected by now.
fn finish(stream: TcpStream) -> io::Result<(TcpStream, bool)> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    let is_connected = stream.peer_addr().is_ok();
    if is_connected {
        stream.set_nodelay(true)?;
    }
    Ok((stream, is_connected))
}
