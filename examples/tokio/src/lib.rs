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
//! is dropped, or by [`Client::close`](Handle::close). [`Messages`] holds as many messages as `inbox.pending` says, and
//! those of the turn that reached the limit: beyond that the socket is not read, so that TCP holds the server back.
//!
//! A session takes one descriptor while it is connected, and no thread. An observer ([`Options::trace`]) takes one
//! thread, until the loop has ended and it has heard what is left. A dial to a name takes one thread while the name is
//! resolved, for which no end of the runtime waits.
//!
//! No closure of the application can hold up the loop's end: the observer is not waited for, and a closure or a future
//! that panics has failed. A journal's writer runs within the session, so that its panic ends the loop: then the state
//! is `Stopped`, whoever waits is told, and every call is refused.

use std::future::{Future, poll_fn};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, Stream, StreamExt as _};
use redial::host::{DialOrder, RecordedSession, Target, TargetError, WaitFor};
use redial::{CredentialFailure, Instant, Message, MessageId, Outgoing, Secret, SendError, State, Status};
use redial_tungstenite::{Driver, Handle, Place, Runtime, Settings, Step, Taking, WeakHandle, Worker};
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
type Connect = Box<dyn FnMut(Target, u32) -> Boxed<io::Result<Box<dyn Io>>> + Send>;
type Ask = Box<dyn FnMut(Option<String>) -> Boxed<Result<Secret, CredentialFailure>> + Send>;

/// Where the server is, and how to reach it.
pub struct Options {
    settings: Settings,
    connect: Connect,
    credential: Option<Ask>,
}

impl Options {
    /// Takes a `ws://` or `wss://` URL; refuses one that can never work.
    pub fn new(url: &str) -> Result<Self, TargetError> {
        let connect = |target: Target, send_buffer| {
            async move { boxed(tcp(target.host(), target.port(), send_buffer).await?) }.boxed()
        };
        Ok(Self { settings: Settings::new(url)?, connect: Box::new(connect), credential: None })
    }

    redial_tungstenite::setters!();

    /// Opens the byte stream in place of TCP and TLS: through a proxy, over a Unix socket, with another TLS library.
    /// [`tcp`] is there to build on. After 30 s the loop goes on without it.
    #[must_use]
    pub fn connect<F>(mut self, connect: impl Fn(Target) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<Box<dyn Io>>> + Send + 'static,
    {
        self.connect = Box::new(move |target, _| connect(target).boxed());
        self.settings.has_tls = true;
        self
    }

    /// Uses TLS for `wss://` URLs.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self, config: impl Into<Arc<tokio_rustls::rustls::ClientConfig>>) -> Self {
        let tls = tokio_rustls::TlsConnector::from(config.into());
        self.connect = Box::new(move |target, send_buffer| {
            let tls = tls.clone();
            let connect = async move {
                let tcp = tcp(target.host(), target.port(), send_buffer).await?;
                if !target.is_secure() {
                    return boxed(tcp);
                }
                let name = target.host().to_owned().try_into().map_err(io::Error::other)?;
                boxed(tls.connect(name, tcp).await?)
            };
            connect.boxed()
        });
        self.settings.has_tls = true;
        self
    }

    /// Answers when the session needs a credential; the argument is the server's challenge, where there is one.
    #[must_use]
    pub fn credential<F>(mut self, mut ask: impl FnMut(Option<String>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<Secret, CredentialFailure>> + Send + 'static,
    {
        self.credential = Some(Box::new(move |challenge| ask(challenge).boxed()));
        self
    }

    /// Opens the session and keeps it connected, on a task of this runtime.
    ///
    /// A session that stops by itself (kicked, refused, given up) waits for `Call::Open`, or for the end. The task ends
    /// with a [`Summary`] after [`Client::close`](Handle::close), or after the last client is dropped.
    pub fn start(self, session: impl Into<RecordedSession>) -> (Client, Messages, JoinHandle<Summary>) {
        let Self { settings, connect, credential } = self;
        let ((state, states), (response, responses)) = (watch::channel(State::Idle), watch::channel(None));
        let (deliver, delivered) = mpsc::unbounded_channel();
        let (wake, started) = (Notify::new(), tokio::time::Instant::now());
        let runtime = Tokio { wake, started, state: states, response: responses };
        let worker = Task { connect, credential, waker: Waker::noop().clone(), state, response, deliver };
        let (driver, handle, taking) = Driver::start(settings, session, runtime, worker);
        (Client(handle), Messages { delivered, taking }, tokio::spawn(run(driver)))
    }
}

fn boxed(io: impl Io + 'static) -> io::Result<Box<dyn Io>> {
    Ok(Box::new(io))
}

/// A session at work; the last one that is dropped closes it. The calls that every adapter has are those of [`Handle`].
#[derive(Clone)]
pub struct Client(Handle<Tokio>);

/// A client that does not keep the session open.
#[derive(Clone)]
pub struct WeakClient(WeakHandle<Tokio>);

/// A message that was taken.
pub struct Sent {
    /// Its id.
    pub id: MessageId,
    settled: oneshot::Receiver<Status>,
    place: Place<Tokio>,
}

/// What arrives, as a stream; it ends with the session's task.
pub struct Messages {
    delivered: mpsc::UnboundedReceiver<Message>,
    taking: Taking<Tokio>,
}

impl Deref for Client {
    type Target = Handle<Tokio>;

    fn deref(&self) -> &Handle<Tokio> {
        &self.0
    }
}

impl Client {
    /// Takes a message: a text, bytes, or an [`Outgoing`].
    pub fn send(&self, message: impl Into<Outgoing>) -> Result<Sent, SendError> {
        let (tell, settled) = oneshot::channel();
        let place = self.0.take(message, tell)?;
        Ok(Sent { id: place.id().clone(), settled, place })
    }

    /// The state, to be looked at or waited for; `Stopped` once the task has ended, by a panic too.
    pub fn state(&self) -> watch::Receiver<State> {
        self.shared().runtime.state.clone()
    }

    /// The server's answer to the opening handshake of the last connection: its headers and the chosen subprotocol.
    pub fn response(&self) -> watch::Receiver<Option<Arc<Response>>> {
        self.shared().runtime.response.clone()
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

impl Sent {
    /// How the message settled; `Unconfirmed` where the task ended without saying it.
    pub async fn settled(self) -> Status {
        self.settled.await.unwrap_or(Status::Unconfirmed)
    }

    /// When the message is delivered or read, or the outcome after which that will not come.
    ///
    /// The status as it stands comes at once where 1,024 others wait for marks, and where the task has ended;
    /// `Unconfirmed` where the session has forgotten the message.
    pub async fn marked(&self, mark: WaitFor) -> Status {
        let (tell, told) = oneshot::channel();
        let _place = self.place.wait(mark, tell);
        told.await.unwrap_or(Status::Unconfirmed)
    }
}

impl Stream for Messages {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let message = ready!(self.delivered.poll_recv(cx));
        message.iter().for_each(|_| self.taking.took());
        Poll::Ready(message)
    }
}

/// How the loop is woken, what time it is for it, and what it shows.
pub struct Tokio {
    wake: Notify,
    started: tokio::time::Instant,
    state: watch::Receiver<State>,
    response: watch::Receiver<Option<Arc<Response>>>,
}

impl Runtime for Tokio {
    type Waiter = oneshot::Sender<Status>;

    fn tell(waiter: Self::Waiter, status: Status) {
        let _ = waiter.send(status);
    }

    fn wake(&self) {
        self.wake.notify_one();
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// The task's loop.
async fn run(mut driver: Driver<Task>) -> Summary {
    let shared = Arc::clone(driver.shared());
    loop {
        let wait = match driver.step() {
            Step::Wait(wait) => wait,
            Step::Return(summary) => return *summary,
        };
        tokio::select! {
            // The socket first: what has arrived counts before silence is judged.
            biased;
            () = poll_fn(|cx| {
                driver.worker.waker.clone_from(cx.waker());
                if driver.turn() { Poll::Ready(()) } else { Poll::Pending }
            }) => {}
            () = shared.runtime.wake.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
        driver.tick();
    }
}

/// What the loop does on a task.
struct Task {
    connect: Connect,
    credential: Option<Ask>,
    waker: Waker,
    state: watch::Sender<State>,
    response: watch::Sender<Option<Arc<Response>>>,
    deliver: mpsc::UnboundedSender<Message>,
}

impl Worker for Task {
    type Runtime = Tokio;
    type Stream = Polled;
    type Work<T> = Boxed<Option<T>>;

    fn connect(&mut self, target: Target, send_buffer: u32) -> Boxed<Option<io::Result<Polled>>> {
        let connect = (self.connect)(target, send_buffer);
        guarded(connect.map(|io| Ok(Polled { io: io?, waker: Waker::noop().clone() })))
    }

    fn ask(&mut self, challenge: Option<String>) -> Option<Boxed<Option<Result<Secret, CredentialFailure>>>> {
        self.credential.as_mut().map(|ask| guarded(ask(challenge)))
    }

    fn poll<T>(&mut self, work: &mut Boxed<Option<T>>) -> Poll<Option<T>> {
        work.as_mut().poll(&mut Context::from_waker(&self.waker))
    }

    fn watch(&mut self, stream: &mut Polled) {
        stream.waker.clone_from(&self.waker);
    }

    fn deliver(&mut self, message: Message) {
        // The application may take no more.
        let _ = self.deliver.send(message);
    }

    fn show(&mut self, state: State) {
        self.state.send_replace(state);
    }

    fn opened(&mut self, response: Response) {
        self.response.send_replace(Some(Arc::new(response)));
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.state.send_replace(State::Stopped);
    }
}

/// Ends with `None` where the future panics.
fn guarded<T: 'static>(work: impl Future<Output = T> + Send + 'static) -> Boxed<Option<T>> {
    AssertUnwindSafe(work).catch_unwind().map(Result::ok).boxed()
}

/// An asynchronous byte stream as a non-blocking one: whoever has to wait is woken by the last waker.
struct Polled {
    io: Box<dyn Io>,
    waker: Waker,
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
        let next = order.next_deadline().map_or(Duration::MAX, |at| at.since(now()).into());
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
