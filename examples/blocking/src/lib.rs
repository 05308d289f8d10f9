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
//! dropped, or by [`Client::close`](Handle::close). [`Messages`] holds as many messages as `inbox.pending` says, and
//! those of the turn that reached the limit: beyond that the socket is not read, so that TCP holds the server back.
//!
//! A session takes one thread and, on Linux, three descriptors: two to sleep with, and the socket while it is
//! connected. An observer ([`Options::trace`]) takes one thread, until the loop has ended and it has heard what is
//! left. A dial takes one thread and three descriptors more while it lasts, and one for each further address under way;
//! a question for a credential takes one thread. These threads are on their own: nobody waits for a resolver that
//! hangs.
//!
//! No closure of the application can hold up the loop's end: the observer is not waited for, and a closure that panics
//! has failed. A journal's writer runs within the session, so that its panic ends the loop: then the state is
//! `Stopped`, whoever waits is told, and every call is refused.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::ops::Deref;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{self, Duration};

use mio::event::Source;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use redial::host::{DialOrder, RecordedSession, Target, TargetError, WaitFor};
use redial::{CredentialFailure, Instant, Message, MessageId, Outgoing, Secret, SendError, State, Status};
use redial_tungstenite::{Driver, Handle, Place, Runtime, Settings, Step, Taking, WeakHandle, Worker};
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
type Ask = Arc<dyn Fn(Option<String>) -> Credential + Send + Sync>;

/// Where the server is, and how to reach it.
pub struct Options {
    settings: Settings,
    connect: Connect,
    credential: Option<Ask>,
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
        let connect: Connect =
            Arc::new(|target, send_buffer| Ok(Box::new(tcp(target.host(), target.port(), send_buffer)?)));
        Ok(Self { settings: Settings::new(url)?, connect, credential: None })
    }

    redial_tungstenite::setters!();

    /// Opens the byte stream in place of TCP and TLS: through a proxy, over a Unix socket, with another TLS library.
    /// [`tcp`] is there to build on.
    ///
    /// The closure has a thread of its own and may block, but what it returns must not: a stream of `std` becomes one
    /// of mio by `set_nonblocking(true)` and `from_std`. After 30 s the loop goes on without it.
    #[must_use]
    pub fn connect(mut self, connect: impl Fn(Target) -> io::Result<Box<dyn Io>> + Send + Sync + 'static) -> Self {
        self.connect = Arc::new(move |target, _| connect(target));
        self.settings.has_tls = true;
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
        self.settings.has_tls = true;
        self
    }

    /// Answers when the session needs a credential, on a thread of its own; the argument is the server's challenge,
    /// where there is one.
    #[must_use]
    pub fn credential(mut self, ask: impl Fn(Option<String>) -> Credential + Send + Sync + 'static) -> Self {
        self.credential = Some(Arc::new(ask));
        self
    }

    /// Opens the session and keeps it connected, on a thread of its own. Fails where thread or descriptors are lacking.
    ///
    /// A session that stops by itself (kicked, refused, given up) waits for `Call::Open`, or for the end. The thread
    /// ends with a [`Summary`] after [`Client::close`](Handle::close), or after the last client is dropped.
    pub fn start(self, session: impl Into<RecordedSession>) -> io::Result<(Client, Messages, JoinHandle<Summary>)> {
        let Self { settings, connect, credential } = self;
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let (deliver, delivered) = channel();
        let shown = Arc::<Shown>::default();
        let (started, waking, shows) = (time::Instant::now(), Arc::clone(&waker), Arc::clone(&shown));
        let runtime = Threads { waker: waking, started, shown: shows };
        let worker = Loop { connect, credential, poll, waker, shown, deliver };
        let (driver, handle, taking) = Driver::start(settings, session, runtime, worker);
        let thread = thread::Builder::new().name("redial".to_owned()).spawn(move || run(driver))?;
        Ok((Client(handle), Messages { delivered, taking }, thread))
    }
}

/// A session at work; the last one that is dropped closes it. The calls that every adapter has are those of [`Handle`].
#[derive(Clone)]
pub struct Client(Handle<Threads>);

/// A client that does not keep the session open.
#[derive(Clone)]
pub struct WeakClient(WeakHandle<Threads>);

/// What the loop shows.
#[derive(Default)]
struct Shown {
    seen: Mutex<Seen>,
    changed: Condvar,
}

struct Seen {
    state: State,
    response: Option<Arc<Response>>,
    is_over: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self { state: State::Idle, response: None, is_over: false }
    }
}

/// A message that was taken.
pub struct Sent {
    /// Its id.
    pub id: MessageId,
    settled: Receiver<Status>,
    place: Place<Threads>,
}

/// What arrives, as an iterator that waits for it; it ends with the session's thread.
pub struct Messages {
    delivered: Receiver<Message>,
    taking: Taking<Threads>,
}

impl Deref for Client {
    type Target = Handle<Threads>;

    fn deref(&self) -> &Handle<Threads> {
        &self.0
    }
}

impl Client {
    /// Takes a message: a text, bytes, or an [`Outgoing`].
    pub fn send(&self, message: impl Into<Outgoing>) -> Result<Sent, SendError> {
        let (tell, settled) = channel();
        let place = self.0.take(message, tell)?;
        Ok(Sent { id: place.id().clone(), settled, place })
    }

    /// The state; `Stopped` once the thread has ended, by a panic too.
    pub fn state(&self) -> State {
        self.shared().runtime.shown.lock().state
    }

    /// Waits for a state. Returns the state after it: another one where the time is up, or where the thread has ended.
    /// States that pass in between may be missed; [`Options::trace`] hears them all.
    pub fn wait_for_state(&self, limit: Duration, is_it: impl Fn(State) -> bool) -> State {
        let waits = |seen: &mut Seen| !seen.is_over && !is_it(seen.state);
        let shown = &self.shared().runtime.shown;
        let seen = shown.changed.wait_timeout_while(shown.lock(), limit, waits);
        seen.unwrap_or_else(PoisonError::into_inner).0.state
    }

    /// The server's answer to the opening handshake of the last connection: its headers and the chosen subprotocol.
    pub fn response(&self) -> Option<Arc<Response>> {
        self.shared().runtime.shown.lock().response.clone()
    }

    /// A client that does not keep the session open, for closures of the session's own.
    pub fn downgrade(&self) -> WeakClient {
        WeakClient(self.0.downgrade())
    }
}

impl WeakClient {
    /// The client, unless the last one was dropped.
    pub fn upgrade(&self) -> Option<Client> {
        self.0.upgrade().map(Client)
    }
}

impl Shown {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }
}

impl Sent {
    /// Waits for how the message settles; `Unconfirmed` where the thread ends without saying it.
    pub fn settled(self) -> Status {
        self.settled.recv().unwrap_or(Status::Unconfirmed)
    }

    /// Waits as [`settled`](Self::settled) does, for no longer than this; gives itself back then.
    pub fn settled_within(self, limit: Duration) -> Result<Status, Self> {
        within(&self.settled, limit).ok_or(self)
    }

    /// Waits until the message is delivered or read, or for the outcome after which that will not come.
    ///
    /// The status as it stands comes at once where 1,024 others wait for marks, and where the thread has ended;
    /// `Unconfirmed` where the session has forgotten the message.
    pub fn marked(&self, mark: WaitFor) -> Status {
        let (tell, told) = channel();
        let _place = self.place.wait(mark, tell);
        told.recv().unwrap_or(Status::Unconfirmed)
    }

    /// Waits as [`marked`](Self::marked) does, for no longer than this.
    pub fn marked_within(&self, mark: WaitFor, limit: Duration) -> Option<Status> {
        let (tell, told) = channel();
        let _place = self.place.wait(mark, tell);
        within(&told, limit)
    }
}

fn within(told: &Receiver<Status>, limit: Duration) -> Option<Status> {
    match told.recv_timeout(limit) {
        Ok(status) => Some(status),
        Err(RecvTimeoutError::Disconnected) => Some(Status::Unconfirmed),
        Err(RecvTimeoutError::Timeout) => None,
    }
}

impl Iterator for Messages {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        let message = self.delivered.recv().ok()?;
        self.taking.took();
        Some(message)
    }
}

impl Messages {
    /// Waits for the next message, for no longer than this.
    pub fn recv_timeout(&mut self, limit: Duration) -> Result<Message, RecvTimeoutError> {
        let message = self.delivered.recv_timeout(limit)?;
        self.taking.took();
        Ok(message)
    }
}

/// How the loop is woken, what time it is for it, and what it shows.
pub struct Threads {
    waker: Arc<Waker>,
    started: time::Instant,
    shown: Arc<Shown>,
}

impl Runtime for Threads {
    type Waiter = Sender<Status>;

    fn tell(waiter: Self::Waiter, status: Status) {
        let _ = waiter.send(status);
    }

    fn wake(&self) {
        // The loop wakes at its next deadline as well, so that a failure here delays and no more.
        let _ = self.waker.wake();
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// The thread's loop.
fn run(mut driver: Driver<Loop>) -> Summary {
    let mut ready = Events::with_capacity(8);
    loop {
        let wait = match driver.step() {
            Step::Wait(wait) => wait.min(LONGEST_WAIT),
            Step::Return(summary) => return *summary,
        };
        // The socket first: what has arrived counts before silence is judged.
        if !driver.turn() {
            // A wait that is interrupted or fails is a short one.
            let _ = driver.worker.poll.poll(&mut ready, Some(wait));
            driver.turn();
        }
        driver.tick();
    }
}

/// What the loop does on its thread.
struct Loop {
    connect: Connect,
    credential: Option<Ask>,
    poll: Poll,
    waker: Arc<Waker>,
    shown: Arc<Shown>,
    deliver: Sender<Message>,
}

impl Worker for Loop {
    type Runtime = Threads;
    type Stream = Box<dyn Io>;
    type Work<T> = Receiver<T>;

    fn connect(&mut self, target: Target, send_buffer: u32) -> Receiver<io::Result<Box<dyn Io>>> {
        let (connect, registry) = (Arc::clone(&self.connect), self.poll.registry().try_clone());
        self.aside(move || {
            let mut io = connect(target, send_buffer)?;
            registry?.register(io.source(), SOCKET, Interest::READABLE | Interest::WRITABLE)?;
            Ok(io)
        })
    }

    fn ask(&mut self, challenge: Option<String>) -> Option<Receiver<Credential>> {
        let ask = self.credential.clone()?;
        Some(self.aside(move || ask(challenge)))
    }

    fn poll<T>(&mut self, work: &mut Receiver<T>) -> std::task::Poll<Option<T>> {
        match work.try_recv() {
            Err(TryRecvError::Empty) => std::task::Poll::Pending,
            answer => std::task::Poll::Ready(answer.ok()),
        }
    }

    fn watch(&mut self, _: &mut Box<dyn Io>) {
        // mio has watched it since it was opened.
    }

    fn deliver(&mut self, message: Message) {
        // The application may take no more.
        let _ = self.deliver.send(message);
    }

    fn show(&mut self, state: State) {
        self.shown.change(|seen| seen.state = state);
    }

    fn opened(&mut self, response: Response) {
        self.shown.change(|seen| seen.response = Some(Arc::new(response)));
    }
}

impl Loop {
    /// Works on a thread of its own. Where there is none to be had, or where it panics, no answer comes.
    fn aside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
        let ((tell, told), wake) = (channel(), Wake(Arc::clone(&self.waker)));
        let work = move || {
            // The loop is woken last: dropping goes from right to left.
            let (_wake, tell) = (wake, tell);
            let _ = tell.send(work());
        };
        let _ = thread::Builder::new().name("redial-aside".to_owned()).spawn(work);
        told
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        self.shown.change(|seen| (seen.state, seen.is_over) = (State::Stopped, true));
    }
}

/// Wakes the loop when a thread of its own ends, by a panic too.
struct Wake(Arc<Waker>);

impl Drop for Wake {
    fn drop(&mut self) {
        let _ = self.0.wake();
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
        match poll.poll(&mut ready, Some(next.min(DIAL_LIMIT.saturating_sub(started.elapsed())))) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
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
