//! redial over tokio: a WebSocket session that outlives its sockets, as one task.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use futures_util::StreamExt as _;
//! use redial::{Preset, Seed, Session};
//! use redial_tokio::Options;
//!
//! let mut seed = [0; 16]; // from the system: `getrandom::fill(&mut seed)?`, feature `std`
//! # seed[0] = 1;
//! let session = Session::new(Preset::plain(), Seed::from_bytes(seed));
//! let (client, mut messages, _task) = Options::new("ws://127.0.0.1:9001/chat")?.start(session);
//! let sent = client.send("hello")?;
//! println!("{} is {:?}", sent.id.clone(), sent.settled().await);
//! while let Some(message) = messages.next().await {
//!     println!("{:?}", message.body.as_text());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! This file is a package, and it can be copied: it needs the crates redial (default features), redial-tungstenite,
//! tokio (`macros`, `net`, `rt`, `sync`, `time`), futures-util (`std`) and, for TLS, tokio-rustls.
//!
//! One task runs a session, and owns its socket. A [`Client`] is cheap to clone; the session closes when the last one
//! is dropped, or by [`Client::close`]. [`Messages`] holds as many messages as `inbox.pending` says, and those of the
//! turn that reached the limit: beyond that the socket is not read, so that TCP holds the server back. A session takes
//! one descriptor while it is connected, and no thread; a dial to a name takes one thread while the name is resolved,
//! for which no end of the runtime waits.

use std::future::{Future, poll_fn};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::stream::{FuturesUnordered, Stream, StreamExt as _};
use redial::dialect::Handshake;
use redial::host::{DialOrder, Host, HostClock, RecordedSession, Target, TargetError, Turn, WaitFor};
use redial::journal::{Call, CallError};
use redial::{
    Action, ConnectionId, CredentialFailure, Event, Failure, Instant, Message, MessageId, Outgoing, Secret, SendError,
    Session, State, Status, TransportError,
};
use redial_tungstenite::{Link, Opening, Socket, io_failure, request};
pub use redial_tungstenite::{Request, Response, Summary};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// A byte stream that can carry a WebSocket.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A boxed future.
pub type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Connect = Arc<dyn Fn(Target, u32) -> Boxed<io::Result<Box<dyn Io>>> + Send + Sync>;
type Ask = Box<dyn FnMut(Option<String>) -> Boxed<Result<Secret, CredentialFailure>> + Send>;

/// Where the server is, and how to reach it.
pub struct Options {
    target: Box<dyn FnMut(u32) -> Target + Send>,
    request: Box<dyn FnMut(u32, &mut Request) + Send>,
    connect: Connect,
    /// Whether `wss://` URLs can be dialed.
    has_tls: bool,
    credential: Option<Ask>,
    trace: Box<dyn FnMut(Instant, &Action) + Send>,
    clock: HostClock,
    wall: Option<fn() -> Duration>,
    send_buffer: u32,
}

/// How long a dial may take where `reconnect.attempt_timeout` sets no limit.
const DIAL_LIMIT: Duration = Duration::from_secs(30);

impl Options {
    /// Takes a `ws://` or `wss://` URL; refuses one that can never work.
    pub fn new(url: &str) -> Result<Self, TargetError> {
        let target: Target = url.parse()?;
        Ok(Self {
            target: Box::new(move |_| target.clone()),
            request: Box::new(|_, _| {}),
            connect: Arc::new(|target, send_buffer| {
                Box::pin(
                    async move { Ok(Box::new(tcp(target.host(), target.port(), send_buffer).await?) as Box<dyn Io>) },
                )
            }),
            has_tls: false,
            credential: None,
            trace: Box::new(|_, _| {}),
            clock: HostClock::new(),
            wall: Some(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
            send_buffer: 64 << 10,
        })
    }

    /// Chooses the server of each attempt, by the number of failed attempts before it: a list to fail over, or a URL
    /// that is asked for anew.
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
    #[must_use]
    pub fn connect<F>(mut self, connect: impl Fn(Target) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<Box<dyn Io>>> + Send + 'static,
    {
        self.connect = Arc::new(move |target, _| Box::pin(connect(target)));
        self.has_tls = true;
        self
    }

    /// Uses TLS for `wss://` URLs.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self, config: impl Into<Arc<tokio_rustls::rustls::ClientConfig>>) -> Self {
        let tls = tokio_rustls::TlsConnector::from(config.into());
        self.connect = Arc::new(move |target, send_buffer| {
            let tls = tls.clone();
            Box::pin(async move {
                let tcp = tcp(target.host(), target.port(), send_buffer).await?;
                if !target.is_secure() {
                    return Ok(Box::new(tcp) as Box<dyn Io>);
                }
                let name = target.host().to_owned().try_into().map_err(io::Error::other)?;
                Ok(Box::new(tls.connect(name, tcp).await?) as Box<dyn Io>)
            })
        });
        self.has_tls = true;
        self
    }

    /// Answers when the session needs a credential; the argument is the server's challenge, where there is one.
    #[must_use]
    pub fn credential<F>(mut self, mut ask: impl FnMut(Option<String>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<Secret, CredentialFailure>> + Send + 'static,
    {
        self.credential = Some(Box::new(move |challenge| Box::pin(ask(challenge))));
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

    /// Opens the session and keeps it connected, on a task of this runtime.
    ///
    /// A session that stops by itself (kicked, refused, given up) waits for `Call::Open`, or for the end. The task ends
    /// with a [`Summary`] after [`Client::close`], or after the last client is dropped.
    pub fn start(self, session: impl Into<RecordedSession>) -> (Client, Messages, JoinHandle<Summary>) {
        let host = Host::new(session, self.clock);
        // A session may have delivered messages before it came here.
        let taken = host.session().stats().delivered;
        let (state, states) = watch::channel(State::Idle);
        let (response, responses) = watch::channel(None);
        let (deliver, delivered) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            host: Mutex::new(host),
            wake: Notify::new(),
            started: tokio::time::Instant::now(),
            wall: self.wall,
            taken: AtomicU64::new(taken),
        });
        let adapter = Adapter {
            shared: Arc::clone(&shared),
            options: self,
            link: Link::None,
            asking: None,
            told: Vec::new(),
            delivered: 0,
            taken,
            state,
            response,
            deliver,
        };
        // A fresh or a closed session can always be opened, and a host that reports what is taken says so first.
        shared.with(|host| {
            host.handle(Event::Taken { messages: taken });
            let _ = host.call(Call::Open);
        });
        let task = tokio::spawn(adapter.run());
        let owner = Owner { shared: Arc::clone(&shared), state: states, response: responses };
        (Client(Arc::new(owner)), Messages { delivered, shared }, task)
    }
}

/// A session at work; the last one that is dropped closes it.
#[derive(Clone)]
pub struct Client(Arc<Owner>);

/// A client that does not keep the session open.
#[derive(Clone)]
pub struct WeakClient(Weak<Owner>);

struct Owner {
    shared: Arc<Shared>,
    state: watch::Receiver<State>,
    response: watch::Receiver<Option<Arc<Response>>>,
}

struct Shared {
    host: Mutex<Host<oneshot::Sender<Status>>>,
    wake: Notify,
    started: tokio::time::Instant,
    wall: Option<fn() -> Duration>,
    /// Messages that the application has taken; all of them once it takes no more.
    taken: AtomicU64,
}

/// A message that was taken.
pub struct Sent {
    /// Its id.
    pub id: MessageId,
    settled: oneshot::Receiver<Status>,
    shared: Arc<Shared>,
}

/// What arrives, as a stream; it ends with the session's task.
pub struct Messages {
    delivered: mpsc::UnboundedReceiver<Message>,
    shared: Arc<Shared>,
}

impl Client {
    /// Takes a message: a text, bytes, or an [`Outgoing`].
    pub fn send(&self, message: impl Into<Outgoing>) -> Result<Sent, SendError> {
        let (tell, settled) = oneshot::channel();
        let id = self.input(|host| host.send(message, Some(tell)))?;
        Ok(Sent { id, settled, shared: Arc::clone(&self.0.shared) })
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
        self.0.shared.with(|host| look(host.session()))
    }

    /// The state, to be looked at or waited for.
    pub fn state(&self) -> watch::Receiver<State> {
        self.0.state.clone()
    }

    /// The server's answer to the opening handshake of the last connection: its headers and the chosen subprotocol.
    pub fn response(&self) -> watch::Receiver<Option<Arc<Response>>> {
        self.0.response.clone()
    }

    /// A client that does not keep the session open, for closures of the session's own.
    pub fn downgrade(&self) -> WeakClient {
        WeakClient(Arc::downgrade(&self.0))
    }

    /// Closes the session politely; await the task for the end of it.
    pub fn close(&self) {
        self.input(Host::close);
    }

    fn input<T>(&self, work: impl FnOnce(&mut Host<oneshot::Sender<Status>>) -> T) -> T {
        let result = self.0.shared.with(work);
        self.0.shared.wake.notify_one();
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
        self.shared.with(Host::close);
        self.shared.wake.notify_one();
    }
}

impl Sent {
    /// How the message settled; `Unconfirmed` where the task ended without saying it.
    pub async fn settled(mut self) -> Status {
        (&mut self.settled).await.unwrap_or(Status::Unconfirmed)
    }

    /// When the message is delivered or read, or the outcome after which that will not come.
    pub async fn marked(&self, mark: WaitFor) -> Status {
        let (tell, told) = oneshot::channel();
        if let Some((waiter, status)) = self.shared.with(|host| host.wait(&self.id, mark, tell)) {
            let _ = waiter.send(status);
        }
        let mut waiting = Waiting { sent: self, mark, told };
        (&mut waiting.told).await.unwrap_or(Status::Unconfirmed)
    }
}

/// A wait for a mark. The number of waits is bounded, so that one which is dropped half-way gives its place back.
struct Waiting<'a> {
    sent: &'a Sent,
    mark: WaitFor,
    told: oneshot::Receiver<Status>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.told.is_terminated() {
            self.sent.shared.lock().forget(&self.sent.id, self.mark);
        }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        if !self.settled.is_terminated() {
            self.shared.lock().forget(&self.id, WaitFor::Outcome);
        }
    }
}

impl Stream for Messages {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let message = ready!(self.delivered.poll_recv(cx));
        self.shared.taken.fetch_add(u64::from(message.is_some()), Ordering::Relaxed);
        self.shared.wake.notify_one();
        Poll::Ready(message)
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        self.shared.taken.store(u64::MAX, Ordering::Relaxed);
        self.shared.wake.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Host<oneshot::Sender<Status>>> {
        self.host.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works under the lock, at the time of the clocks, which are read there so that time never runs backwards.
    fn with<T>(&self, work: impl FnOnce(&mut Host<oneshot::Sender<Status>>) -> T) -> T {
        let mut host = self.lock();
        host.read_clocks(self.started.elapsed(), self.wall.map(|wall| wall()));
        work(&mut host)
    }
}

/// The task's loop, and what it owns.
struct Adapter {
    shared: Arc<Shared>,
    options: Options,
    link: Link<Boxed<Result<(Socket<Polled>, Response), Failure>>, Polled>,
    asking: Option<Boxed<Result<Secret, CredentialFailure>>>,
    told: Vec<(oneshot::Sender<Status>, Status)>,
    /// Messages that were passed on, and of these the ones whose taking was reported.
    delivered: u64,
    taken: u64,
    state: watch::Sender<State>,
    response: watch::Sender<Option<Arc<Response>>>,
    deliver: mpsc::UnboundedSender<Message>,
}

/// An asynchronous byte stream as a non-blocking one: whoever has to wait is woken by the last waker.
struct Polled {
    io: Box<dyn Io>,
    waker: Waker,
}

/// Tells those who wait when the loop ends, by a panic too.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        drop(self.0.lock().finish());
    }
}

impl Adapter {
    async fn run(mut self) -> Summary {
        let (_end, shared) = (End(Arc::clone(&self.shared)), Arc::clone(&self.shared));
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
            let wait = shared.lock().clock().wait(shared.started.elapsed(), until);
            tokio::select! {
                // The socket first: what has arrived counts before silence is judged.
                biased;
                events = poll_fn(|cx| self.poll(cx, reads)) => {
                    shared.with(|host| events.into_iter().for_each(|event| host.handle(event)));
                }
                () = shared.wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
            shared.with(|host| host.handle(Event::Tick));
        }
    }

    /// Carries out what the session wants done, and passes on what is to be known.
    fn perform(&mut self) {
        loop {
            let action = {
                let mut host = self.shared.lock();
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
                Action::State { state, .. } => drop(self.state.send_replace(state)),
                Action::Deliver(message) => {
                    self.delivered += 1;
                    // The application may take no more.
                    let _ = self.deliver.send(message);
                }
                Action::NeedCredential { challenge, .. } => {
                    self.asking = self.options.credential.as_mut().map(|ask| ask(challenge));
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
        let dial = async move {
            let (target, request) = wanted?;
            let io = connect(target, send_buffer).await.map_err(|error| io_failure(&error))?;
            let io = Polled { io, waker: Waker::noop().clone() };
            let mut opening = Opening::new(request, io);
            poll_fn(|cx| {
                if let Some(io) = opening.get_mut() {
                    io.waker.clone_from(cx.waker());
                }
                opening.turn(connection).map_or(Poll::Pending, Poll::Ready)
            })
            .await
        };
        let late = |_| Err(Failure::new(TransportError::TimedOut));
        let dial = async move { tokio::time::timeout(DIAL_LIMIT, dial).await.unwrap_or_else(late) };
        self.link = Link::Dialing(connection, Box::pin(dial));
    }

    /// Gives what happened. Nothing is lost where it is dropped half-way.
    fn poll(&mut self, cx: &mut Context<'_>, reads: bool) -> Poll<Vec<Event>> {
        if let Some(Poll::Ready(answer)) = self.asking.as_mut().map(|asking| asking.as_mut().poll(cx)) {
            self.asking = None;
            let call = match answer {
                Ok(value) => Call::Credential { connection: None, value },
                Err(why) => Call::CredentialFailed { connection: None, why },
            };
            // A credential that comes too late is kept for the next time.
            let _ = self.shared.with(|host| host.call(call));
            return Poll::Ready(Vec::new());
        }
        let events = match &mut self.link {
            Link::None => return Poll::Pending,
            Link::Dialing(_, dial) => {
                let dialed = ready!(dial.as_mut().poll(cx));
                let (events, response) = self.link.dialed(dialed);
                if let Some(response) = response {
                    self.response.send_replace(Some(Arc::new(response)));
                }
                events
            }
            Link::Open(socket) => {
                socket.get_mut().waker.clone_from(cx.waker());
                // The clocks are read: no input may have come for long, while bytes moved.
                let now = self.shared.with(|host| host.clock().now());
                self.link.turn(now, reads)
            }
        };
        if events.is_empty() { Poll::Pending } else { Poll::Ready(events) }
    }
}

impl Read for Polled {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(buf);
        let read = Pin::new(&mut self.io).poll_read(&mut Context::from_waker(&self.waker), &mut buf);
        now_or_later(read.map_ok(|()| buf.filled().len()))
    }
}

impl Write for Polled {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        now_or_later(Pin::new(&mut self.io).poll_write(&mut Context::from_waker(&self.waker), buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        now_or_later(Pin::new(&mut self.io).poll_flush(&mut Context::from_waker(&self.waker)))
    }
}

fn now_or_later<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// Connects to a name by TCP, as [`tcp_to`] does with its addresses. A name takes a thread while it is resolved.
pub async fn tcp(host: &str, port: u16, send_buffer: u32) -> io::Result<TcpStream> {
    if let Ok(address) = host.parse() {
        return tcp_to([SocketAddr::new(address, port)], send_buffer).await;
    }
    let host = host.to_owned();
    let resolve = move || (host.as_str(), port).to_socket_addrs().map(Vec::from_iter);
    let unknown = |error: io::Error| io::Error::new(io::ErrorKind::NotFound, error);
    tcp_to(on_a_thread(resolve).await.map_err(unknown)?, send_buffer).await
}

/// Does blocking work on a thread of its own: a runtime that is dropped waits for its blocking threads, and a resolver
/// that hangs would hold it.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    let (tell, told) = oneshot::channel();
    std::thread::Builder::new().name("redial".into()).spawn(move || drop(tell.send(work())))?;
    told.await.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
}

/// Connects by TCP to one of these addresses, trying them in turn without waiting long for any (RFC 8305).
pub async fn tcp_to(addresses: impl IntoIterator<Item = SocketAddr>, send_buffer: u32) -> io::Result<TcpStream> {
    let started = tokio::time::Instant::now();
    let now = || Instant::from_millis(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
    let mut order = DialOrder::new(addresses, SocketAddr::is_ipv6);
    let (mut dials, mut failure) = (FuturesUnordered::new(), io::Error::from(io::ErrorKind::NotFound));
    loop {
        while let Some(address) = order.start(now()) {
            dials.push(async move {
                let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
                socket.set_send_buffer_size(send_buffer)?;
                let stream = socket.connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(stream)
            });
        }
        if order.has_failed() {
            return Err(failure);
        }
        let next = order.next_deadline().map_or(DIAL_LIMIT, |at| at.since(now()).into());
        tokio::select! {
            Some(dialed) = dials.next() => match dialed {
                Ok(stream) => return Ok(stream),
                Err(error) => {
                    failure = error;
                    order.failed();
                }
            },
            () = tokio::time::sleep(next) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_resolver_that_hangs_does_not_hold_the_end_of_the_runtime() {
        let (release, held) = channel::<()>();
        let (end, ended) = channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                tokio::spawn(on_a_thread(move || held.recv().map_err(io::Error::other)));
                tokio::task::yield_now().await;
            });
            drop(runtime);
            end.send(()).unwrap();
        });
        let is_over = ended.recv_timeout(Duration::from_secs(60)).is_ok();
        drop(release);
        assert!(is_over, "the end of the runtime waits for the resolver");
    }
}
