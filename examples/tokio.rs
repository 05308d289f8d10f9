//! redial over tokio and tokio-tungstenite: one self-contained adapter, to be copied and changed.
//!
//! One task a session runs the loop. A [`Handle`] can be cloned and used from anywhere: `send` gives the id of the message
//! and a future of how it settled, [`Messages`] is a stream of what arrives, `state` a watch of the phase. The session
//! closes when the last handle is dropped.
//!
//! `cargo run --example tokio [ws://host:port/path]`; without an address it talks to an echo server of its own.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::io::{self, Write as _};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time;

use futures_util::{SinkExt as _, Stream, StreamExt as _};
use redial::dialect::Handshake;
use redial::journal::{Call, CallError, Input};
use redial::{
    Action, Body, ConnectionId, Duration, Event, Failure, Frame, Instant, Message, MessageId, Preset, Purpose, Seed,
    SendError, Session, State, Status, TransportError,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Wire;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError, UrlError};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};

type Socket = WebSocketStream<Box<dyn Io>>;
type Dial = Pin<Box<dyn Future<Output = Result<Socket, Lost>> + Send>>;
/// Why there is no connection (any more), and for how long the server wants to be left alone.
type Lost = Failure;
/// Hears every action, those that the loop itself carries out included.
type Observer = Box<dyn FnMut(Instant, &Action) + Send>;
/// Where the inputs go, a line each, if anywhere: after a `journal::Header` line of your own, `examples/replay.rs` runs it again.
type Journal = Box<dyn io::Write + Send>;

/// What a WebSocket can run over.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Puts something between TCP and WebSocket, for the server of this name. TLS, with `tokio_rustls`:
///
/// ```text
/// let tls = TlsConnector::from(Arc::new(config));
/// let layer = move |host: String, tcp| -> Layered {
///     let tls = tls.clone();
///     Box::pin(async move {
///         let name = ServerName::try_from(host).map_err(io::Error::other)?;
///         Ok(Box::new(tls.connect(name, tcp).await?) as Box<dyn Io>)
///     })
/// };
/// start(Target::over("wss://example.org/chat", layer), session, clock, None, observer)
/// ```
pub(crate) type Layer = Arc<dyn Fn(String, TcpStream) -> Layered + Send + Sync>;
pub(crate) type Layered = Pin<Box<dyn Future<Output = io::Result<Box<dyn Io>>> + Send>>;

/// Where the server is and how to talk to it; made from a `ws://` URL by itself.
#[derive(Clone)]
pub(crate) struct Target {
    url: String,
    layer: Option<Layer>,
}

impl Target {
    #[allow(dead_code, reason = "this file's own main has no TLS library")]
    pub(crate) fn over(url: &str, layer: impl Fn(String, TcpStream) -> Layered + Send + Sync + 'static) -> Self {
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
/// Frames read in one turn, and at most before what was written is flushed: the peer can work on the first answers meanwhile.
const FRAMES_A_TURN: usize = 32;
/// How long a socket is kept for the peer's close when the session has stopped.
const LINGER: Duration = Duration::from_secs(1);

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

/// A session at work. Cheap to clone; the last one dropped closes it.
#[derive(Clone)]
pub(crate) struct Handle(Arc<Owner>);

struct Owner {
    shared: Arc<Shared>,
    state: watch::Receiver<State>,
}

struct Shared {
    core: Mutex<Core>,
    wake: Notify,
    clock: Clock,
}

/// All inputs pass through here.
struct Core {
    session: Session,
    journal: Option<Journal>,
    /// Nobody is left to open the session again.
    over: bool,
    /// Those who wait for the outcome of a message.
    waiting: HashMap<MessageId, oneshot::Sender<Status>>,
}

/// A message that was taken.
pub(crate) struct Sent {
    pub(crate) id: MessageId,
    settled: oneshot::Receiver<Status>,
    shared: Arc<Shared>,
}

/// What arrives, as a stream; it ends with the last handle.
pub(crate) struct Messages(mpsc::UnboundedReceiver<Message>);

/// Opens the session and keeps it connected. To be called within a runtime.
///
/// Where the session stops by itself (kicked, refused, given up), `Call::Open` revives it.
pub(crate) fn start(
    target: impl Into<Target>,
    session: Session,
    clock: Clock,
    journal: Option<Journal>,
    observer: impl FnMut(Instant, &Action) + Send + 'static,
) -> (Handle, Messages) {
    let core = Mutex::new(Core { session, journal, over: false, waiting: HashMap::new() });
    let shared = Arc::new(Shared { core, wake: Notify::new(), clock });
    // Unbounded, because whoever stops reading here must not stop the heartbeats: a slow reader pays with memory.
    let (delivered, messages) = mpsc::unbounded_channel();
    let (states, state) = watch::channel(State::Idle);
    let owner = Owner { shared: Arc::clone(&shared), state };
    let (target, observer) = (target.into(), Box::new(observer));
    let (link, actions, told, heard) = (Link::None, VecDeque::new(), Vec::new(), Vec::new());
    let host = Host { shared, target, observer, delivered, states, link, actions, told, heard };
    // A fresh or a closed session can always be opened.
    let _ = owner.call(Call::Open);
    tokio::spawn(host.run());
    (Handle(Arc::new(owner)), Messages(messages))
}

impl Handle {
    /// Takes a message; the answer says under which id, and later how it settled.
    pub(crate) fn send(&self, body: impl Into<Body>) -> Result<Sent, SendError> {
        let sent = self.0.shared.with(|core, now| {
            let id = core.send(now, body.into())?;
            let (tell, settled) = oneshot::channel();
            // Under the same lock as `send`: the loop cannot have seen the outcome yet.
            core.waiting.insert(id.clone(), tell);
            Ok(Sent { id, settled, shared: Arc::clone(&self.0.shared) })
        });
        self.0.shared.wake.notify_one();
        sent
    }

    /// Any other call: `Resend`, `Credential`, `ReconnectNow` ... The loop does what follows from it, at once.
    pub(crate) fn call(&self, call: Call) -> Result<(), CallError> {
        self.0.call(call)
    }

    /// Looks at the session: its figures, where a message stands, why it waits.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Session) -> T) -> T {
        self.0.shared.with(|core, _| look(&core.session))
    }

    /// The phase, to be looked at or waited for.
    pub(crate) fn state(&self) -> watch::Receiver<State> {
        self.0.state.clone()
    }
}

impl Owner {
    fn call(&self, call: Call) -> Result<(), CallError> {
        let result = self.shared.with(|core, now| core.call(now, call));
        self.shared.wake.notify_one();
        result
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // A close without a code cannot be refused.
        let _ = self.shared.with(|core, now| {
            core.over = true;
            core.call(now, Call::Close { code: None, reason: String::new() })
        });
        self.shared.wake.notify_one();
    }
}

impl Sent {
    /// How the message settled; `Unconfirmed` where the loop is gone without having said it.
    pub(crate) async fn settled(mut self) -> Status {
        (&mut self.settled).await.unwrap_or(Status::Unconfirmed)
    }
}

/// Who does not wait leaves nothing behind.
impl Drop for Sent {
    fn drop(&mut self) {
        if !self.settled.is_terminated() {
            self.shared.lock().waiting.remove(&self.id);
        }
    }
}

impl Stream for Messages {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.0.poll_recv(cx)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Core, Instant) -> T) -> T {
        let mut core = self.lock();
        // The clock is read under the lock: times then never run backwards.
        work(&mut core, self.clock.now())
    }

    /// Takes all actions, and who waits for an outcome that is among them; gives the time of the input that led to them.
    fn take_actions(
        &self,
        actions: &mut VecDeque<Action>,
        told: &mut Vec<(oneshot::Sender<Status>, Status)>,
    ) -> Instant {
        let mut core = self.lock();
        core.session.take_actions(actions);
        for action in &*actions {
            if let Action::Status { id, status } = action
                && core.settles(*status)
                && let Some(waiting) = core.waiting.remove(id)
            {
                told.push((waiting, *status));
            }
        }
        core.session.now()
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

    /// Whether this is an outcome, and somebody waits for one.
    fn settles(&self, status: Status) -> bool {
        !self.waiting.is_empty() && status.settles(self.session.preset().dialect().capabilities().receipts)
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
    delivered: mpsc::UnboundedSender<Message>,
    states: watch::Sender<State>,
    link: Link,
    /// Empty between turns, and kept for their room.
    actions: VecDeque<Action>,
    told: Vec<(oneshot::Sender<Status>, Status)>,
    heard: Vec<Event>,
}

/// At most one connection: on its way, or open. Dropping a dial ends it.
enum Link {
    None,
    Dialing { connection: ConnectionId, dial: Dial },
    Open(Open),
}

struct Open {
    connection: ConnectionId,
    socket: Box<Socket>,
    out: VecDeque<(Wire, Option<Purpose>)>,
    blocked: Option<Instant>,
    /// Frames read since the last flush.
    unflushed: usize,
    /// What went wrong with a write, until it is told.
    trouble: Option<Event>,
}

impl Host {
    async fn run(mut self) {
        let mut stopped = None;
        loop {
            self.judge_blocked();
            self.perform();
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
            let blocked = if let Link::Open(open) = &self.link { open.blocked } else { None };
            let limits = [deadline.map(|d| d.at), blocked.map(|at| at + WRITE_LIMIT), lingers.map(|at| at + LINGER)];
            let wake_at = limits.into_iter().flatten().min().unwrap_or(Instant::NEVER);
            let shared = Arc::clone(&self.shared);
            tokio::select! {
                // The socket first: what has arrived counts before silence is judged.
                biased;
                () = poll_fn(|cx| self.turn(cx)) => {}
                () = shared.wake.notified() => {}
                // Whether anything is due is judged by the clock, not by the end of this sleep.
                () = tokio::time::sleep(shared.clock.wall_until(wake_at)) => {}
            }
            self.tell(Event::Tick);
        }
    }

    /// Hands everything that has arrived to the session, up to so many frames.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.heard.len() < FRAMES_A_TURN
            && let Poll::Ready(event) = self.link.poll(cx, self.shared.clock)
        {
            let more = matches!(event, Event::FrameIn { .. });
            self.heard.push(event);
            if !more {
                break;
            }
        }
        if self.heard.is_empty() {
            return Poll::Pending;
        }
        self.shared.with(|core, now| self.heard.drain(..).for_each(|event| core.handle(now, event)));
        Poll::Ready(())
    }

    fn tell(&self, event: Event) {
        self.shared.with(|core, now| core.handle(now, event));
    }

    /// Carries out what the session wants done, and passes on what is to be known; the observer hears of it first.
    fn perform(&mut self) {
        let mut actions = std::mem::take(&mut self.actions);
        let now = self.shared.take_actions(&mut actions, &mut self.told);
        for action in actions.drain(..) {
            (self.observer)(now, &action);
            match action {
                Action::Connect { connection, handshake, .. } => {
                    let dial = Box::pin(connect(self.target.clone(), handshake));
                    self.link = Link::Dialing { connection, dial };
                }
                Action::Send { connection, frame, purpose } => self.link.push(connection, wire(frame), Some(purpose)),
                Action::Close { connection, code, reason } => {
                    let frame = code.map(|code| CloseFrame { code: code.into(), reason: reason.into() });
                    self.link.push(connection, Wire::Close(frame), None);
                }
                Action::Abort { connection } if self.link.is(connection) => self.link = Link::None,
                Action::State { state, .. } => drop(self.states.send_replace(state)),
                // The application may have dropped its end, here and below.
                Action::Deliver(message) => drop(self.delivered.send(message)),
                _ => {}
            }
        }
        self.actions = actions;
        for (waiting, status) in self.told.drain(..) {
            // Whoever waited may have stopped.
            let _ = waiting.send(status);
        }
    }

    /// Gives up a connection that takes nothing for too long.
    fn judge_blocked(&mut self) {
        if let Link::Open(Open { connection, blocked: Some(since), .. }) = self.link
            && self.shared.clock.now().since(since) >= WRITE_LIMIT
        {
            self.link = Link::None;
            self.tell(Event::errored(connection, TransportError::TimedOut));
        }
    }
}

impl Link {
    fn is(&self, wanted: ConnectionId) -> bool {
        match self {
            Self::None => false,
            Self::Dialing { connection, .. } | Self::Open(Open { connection, .. }) => *connection == wanted,
        }
    }

    fn push(&mut self, to: ConnectionId, frame: Wire, purpose: Option<Purpose>) {
        match self {
            Self::Open(open) if open.connection == to => open.push(frame, purpose),
            // A close ends a dial; nothing else is sent to one.
            Self::Dialing { connection, .. } if *connection == to => *self = Self::None,
            _ => {}
        }
    }

    /// Writes, reads and flushes as far as it goes, and gives the next event. Nothing is lost where it is dropped half-way.
    fn poll(&mut self, cx: &mut Context<'_>, clock: Clock) -> Poll<Event> {
        let (event, next) = match self {
            Self::None => return Poll::Pending,
            Self::Dialing { connection, dial } => {
                let connection = *connection;
                match ready!(dial.as_mut().poll(cx)) {
                    Ok(socket) => (Event::Opened { connection }, Self::Open(Open::new(connection, socket))),
                    Err(failure) => (Event::errored(connection, failure), Self::None),
                }
            }
            Self::Open(open) => match ready!(open.poll(cx, clock)) {
                event @ (Event::FrameIn { .. } | Event::SendFailed { .. } | Event::Tick) => return Poll::Ready(event),
                event => (event, Self::None),
            },
        };
        *self = next;
        Poll::Ready(event)
    }
}

impl Open {
    fn new(connection: ConnectionId, socket: Socket) -> Self {
        Self { connection, socket: Box::new(socket), out: VecDeque::new(), blocked: None, unflushed: 0, trouble: None }
    }

    /// Puts a frame into the socket's buffer where it goes in at once; otherwise it waits for `poll`.
    fn push(&mut self, frame: Wire, purpose: Option<Purpose>) {
        if self.out.is_empty() && self.trouble.is_none() {
            // Nobody has to be woken: the loop polls again before it sleeps.
            match self.socket.poll_ready_unpin(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(())) => {
                    self.trouble = self.start(frame, purpose);
                    return;
                }
                Poll::Ready(Err(error)) => self.trouble = Some(ended(self.connection, &error)),
                Poll::Pending => {}
            }
        }
        self.out.push_back((frame, purpose));
    }

    fn poll(&mut self, cx: &mut Context<'_>, clock: Clock) -> Poll<Event> {
        if let Some(event) = self.trouble.take().or_else(|| self.write(cx)) {
            return Poll::Ready(event);
        }
        // The answers to all that is there leave together; to whoever never pauses they leave now and then.
        if self.unflushed < FRAMES_A_TURN
            && let Poll::Ready(event) = self.read(cx)
        {
            self.unflushed += 1;
            return Poll::Ready(event);
        }
        self.unflushed = 0;
        match self.flush(cx, clock) {
            Some(event) => Poll::Ready(event),
            None => self.read(cx),
        }
    }

    fn write(&mut self, cx: &mut Context<'_>) -> Option<Event> {
        while !self.out.is_empty() {
            match self.socket.poll_ready_unpin(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Some(ended(self.connection, &error)),
                Poll::Pending => break,
            }
            let (frame, purpose) = self.out.pop_front()?;
            if let Some(event) = self.start(frame, purpose) {
                return Some(event);
            }
        }
        None
    }

    /// Hands a frame to a socket that is ready for it.
    fn start(&mut self, frame: Wire, purpose: Option<Purpose>) -> Option<Event> {
        match self.socket.start_send_unpin(frame) {
            Ok(()) => None,
            Err(Error::WriteBufferFull(_)) => Some(Event::SendFailed { connection: self.connection, purpose }),
            Err(error) => Some(ended(self.connection, &error)),
        }
    }

    /// Brings out what is buffered, the pongs too that the socket answers by itself.
    fn flush(&mut self, cx: &mut Context<'_>, clock: Clock) -> Option<Event> {
        match self.socket.poll_flush_unpin(cx) {
            Poll::Ready(Ok(())) => self.blocked = None,
            Poll::Ready(Err(error)) => return Some(ended(self.connection, &error)),
            Poll::Pending if self.blocked.is_none() => {
                self.blocked = Some(clock.now());
                // The loop has a new time to wait for.
                cx.waker().wake_by_ref();
                return Some(Event::Tick);
            }
            Poll::Pending => {}
        }
        None
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let connection = self.connection;
        let frame = match ready!(self.socket.poll_next_unpin(cx)) {
            Some(Ok(Wire::Text(text))) => Frame::text(text.as_str().to_owned()),
            Some(Ok(Wire::Binary(bytes))) => Frame::Binary(bytes.to_vec()),
            Some(Ok(Wire::Ping(bytes))) => Frame::Ping(bytes.to_vec()),
            Some(Ok(Wire::Pong(bytes))) => Frame::Pong(bytes.to_vec()),
            Some(Ok(Wire::Close(frame))) => {
                // The answer is queued; it leaves now or never.
                let _ = self.socket.poll_flush_unpin(cx);
                let (code, reason) =
                    frame.map_or((None, String::new()), |f| (Some(f.code.into()), f.reason.to_string()));
                return Poll::Ready(Event::Closed { connection, code, reason });
            }
            Some(Ok(Wire::Frame(_))) => return Poll::Ready(Event::Tick),
            Some(Err(error)) => return Poll::Ready(ended(connection, &error)),
            None => return Poll::Ready(ended(connection, &Error::ConnectionClosed)),
        };
        Poll::Ready(Event::FrameIn { connection, frame })
    }
}

async fn connect(target: Target, handshake: Handshake) -> Result<Socket, Lost> {
    let dial = tokio::time::timeout(DIAL_LIMIT, dial(target, handshake));
    dial.await.unwrap_or(Err(TransportError::TimedOut.into()))
}

async fn dial(Target { mut url, layer }: Target, handshake: Handshake) -> Result<Socket, Lost> {
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
    let tcp = reach(&host, port).await?;
    let stream = match layer {
        Some(layer) => layer(host, tcp).await.map_err(|error| layer_failure(&error))?,
        None => Box::new(tcp),
    };
    // 128 KiB of buffers a socket are a lot for chat, but a turn of small frames should leave in one write; and what waits to be
    // written has to end somewhere.
    let config = WebSocketConfig::default()
        .read_buffer_size(4 << 10)
        .write_buffer_size(32 << 10)
        .max_write_buffer_size(4 << 20)
        .max_message_size(Some(16 << 20));
    let upgraded = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
    upgraded.map(|(socket, _response)| socket).map_err(|error| refusal(&error))
}

/// Tries all addresses of a host in turn.
async fn reach(host: &str, port: u16) -> Result<TcpStream, Lost> {
    let mut failure = Lost::new(TransportError::Dns);
    for address in tokio::net::lookup_host((host, port)).await.map_err(|_| TransportError::Dns)? {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(|error| failure_of(&error))?;
                return Ok(stream);
            }
            Err(error) => failure = failure_of(&error),
        }
    }
    Err(failure)
}

fn wire(frame: Frame) -> Wire {
    match frame {
        Frame::Text(text) => Wire::text(text.into_owned()),
        Frame::Binary(bytes) => Wire::binary(bytes),
        Frame::Ping(bytes) => Wire::Ping(bytes.into()),
        Frame::Pong(bytes) => Wire::Pong(bytes.into()),
    }
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
        io::ErrorKind::TimedOut => TransportError::TimedOut,
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
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = match std::env::args().nth(1) {
        Some(url) => url,
        None => echo_server().await?,
    };
    let mut seed = [0; 16];
    getrandom::fill(&mut seed)?;
    let session = Session::new(Preset::plain(), Seed::from_bytes(seed));
    let (handle, mut messages) = start(&url, session, Clock::new(1), None, |now, action| {
        // A reader who has seen enough, as in `... | head`, is no reason to stop.
        let _ = writeln!(io::stdout(), "{:>6} ms  {action:?}", now.as_millis());
    });
    let mut state = handle.state();
    for text in ["one", "two", "three"] {
        if text == "three" {
            handle.call(Call::ReconnectNow)?;
        }
        let sent = handle.send(text)?;
        writeln!(io::stdout(), "           {} is {:?}", sent.id.clone(), sent.settled().await)?;
        let echo = tokio::time::timeout(time::Duration::from_secs(10), messages.next()).await?;
        writeln!(
            io::stdout(),
            "           the echo is {:?}",
            echo.and_then(|echo| Some(echo.body.as_text()?.to_owned()))
        )?;
    }
    writeln!(io::stdout(), "           {} connections in all", handle.look(|session| session.stats().connects))?;
    drop(handle);
    state.wait_for(|state| *state == State::Stopped).await?;
    Ok(())
}

async fn echo_server() -> io::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_text() && socket.send(message).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok(url)
}
