//! The server: sockets on loopback, a service behind them, and a fault between the two.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redial::Instant;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::fault::Fault;
use super::http::{self, Wish};
use super::line::{Line, Order};
use super::pace;
use super::service::{Member, Replies, Reply, Service};

/// More connections than this are turned away.
const MEMBERS_MAX: usize = 64;
/// A client that leaves so many frames unread is dropped.
const QUEUE: usize = 1_024;
/// How often the service is asked whether it has something to do, by the service's clock.
const TICK: Duration = Duration::from_millis(500);

/// A server at work; dropping it drops every connection and frees the port.
pub(crate) struct Server {
    addr: SocketAddr,
    shared: Arc<Shared>,
    fault: watch::Sender<Fault>,
    runtime: Option<Runtime>,
}

/// How to run a service.
pub(crate) struct Options {
    pub(crate) addr: SocketAddr,
    pub(crate) fault: Fault,
    /// How much faster than the wall's the service's clock runs: 1 for people.
    pub(crate) speed: u32,
    /// Whether every frame is told, or only what people say.
    pub(crate) frames: bool,
    /// Hears a line about everything that happens.
    pub(crate) say: Box<dyn Fn(&str) + Send + Sync>,
}

/// What the connections have in common.
pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) fault: watch::Receiver<Fault>,
    origin: std::time::Instant,
    speed: u32,
    pub(crate) frames: bool,
    pub(crate) say: Box<dyn Fn(&str) + Send + Sync>,
}

struct State {
    service: Box<dyn Service>,
    members: BTreeMap<Member, mpsc::Sender<Order>>,
    last: Member,
}

impl Server {
    /// Listens, and serves until it is dropped.
    pub(crate) fn start(service: Box<dyn Service>, options: Options) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(options.addr))?;
        let addr = listener.local_addr()?;
        let (fault, faults) = watch::channel(options.fault);
        let state = Mutex::new(State { service, members: BTreeMap::new(), last: 0 });
        let shared = Arc::new(Shared {
            state,
            fault: faults,
            origin: pace::wall(options.speed)(),
            speed: options.speed.max(1),
            frames: options.frames,
            say: options.say,
        });
        runtime.spawn(Arc::clone(&shared).accept(listener));
        runtime.spawn(Arc::clone(&shared).tick());
        Ok(Self { addr, shared, fault, runtime: Some(runtime) })
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Begins another fault, for the connections there are and for those to come.
    pub(crate) fn set_fault(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// Drops every connection at once.
    pub(crate) fn cut(&self) {
        self.shared.state().members.clear();
    }

    /// Says something to everybody.
    pub(crate) fn announce(&self, text: &str) {
        self.shared.with(|service, now, out| service.announce(now, text, out));
    }

    /// How many clients are connected.
    pub(crate) fn members(&self) -> usize {
        self.shared.state().members.len()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The port is free only when the listener's task is gone, so this waits for it.
            runtime.shutdown_timeout(Duration::from_secs(10));
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One input of the service, and everything that follows from it.
    pub(crate) fn with(&self, input: impl FnOnce(&mut dyn Service, Instant, &mut Replies)) {
        let mut state = self.state();
        let now = pace::wall(self.speed)().saturating_duration_since(self.origin).saturating_mul(self.speed);
        let now = Instant::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
        let mut replies = Replies::default();
        input(&mut *state.service, now, &mut replies);
        for reply in replies.0 {
            match reply {
                Reply::Send { member, frame, push } => {
                    let twice = push && *self.fault.borrow() == Fault::Duplicates;
                    for _ in 0..=usize::from(twice) {
                        state.order(member, Order::Frame(frame.clone()));
                    }
                }
                Reply::Close { member, code, reason } => state.order(member, Order::Close(code, reason)),
                Reply::Drop { member } => drop(state.members.remove(&member)),
                Reply::Say(line) => (self.say)(&line),
            }
        }
    }

    /// A span of the service's clock, by the wall.
    pub(crate) fn wall(&self, span: Duration) -> Duration {
        span / self.speed
    }

    async fn tick(self: Arc<Self>) {
        let mut interval = tokio::time::interval(self.wall(TICK).max(Duration::from_millis(5)));
        loop {
            interval.tick().await;
            self.with(|service, now, out| service.on_tick(now, out));
        }
    }

    async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(Arc::clone(&self).welcome(stream))),
                // Out of file handles, say: the next one may be free.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    async fn welcome(self: Arc<Self>, stream: TcpStream) {
        if stream.set_nodelay(true).is_err() {
            return;
        }
        match http::wish(&stream).await {
            None => {}
            Some(Wish::Get(target)) => {
                let mut document = None;
                self.with(|service, _, _| document = service.http(&target));
                (self.say)(&format!("GET {target}"));
                http::answer(stream, document).await;
            }
            Some(Wish::Socket) => self.serve(stream).await,
        }
    }

    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let Some((query, socket)) = self.upgrade(stream).await else { return };
        let (orders, inbox) = mpsc::channel(QUEUE);
        let member = {
            let mut state = self.state();
            if state.members.len() >= MEMBERS_MAX {
                drop(state);
                (self.say)("too many connections");
                return;
            }
            state.last += 1;
            let member = state.last;
            state.members.insert(member, orders);
            member
        };
        let asks = *self.fault.borrow() != Fault::NoAuth;
        if asks {
            self.with(|service, now, out| service.on_open(now, member, &query, out));
        } else {
            (self.say)("somebody has come and is never asked who it is");
        }
        Line { shared: &self, member, socket: Box::new(socket), inbox }.carry().await;
        self.state().members.remove(&member);
        self.with(|service, now, out| service.on_gone(now, member, out));
    }

    async fn upgrade(&self, stream: TcpStream) -> Option<(String, WebSocketStream<TcpStream>)> {
        let refuses = *self.fault.borrow() == Fault::NoAuth && self.state().service.refuses_in_the_handshake();
        let mut query = String::new();
        #[expect(clippy::result_large_err, reason = "the WebSocket crate's callback has this type")]
        let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            request.uri().query().unwrap_or_default().clone_into(&mut query);
            if !refuses {
                return Ok(response);
            }
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = StatusCode::UNAUTHORIZED;
            Err(refusal)
        };
        let config = WebSocketConfig::default().read_buffer_size(4 << 10).max_message_size(Some(1 << 20));
        let shaken = tokio_tungstenite::accept_hdr_async_with_config(stream, look, Some(config));
        let socket = tokio::time::timeout(Duration::from_secs(30), shaken).await.ok()?.ok();
        if refuses {
            (self.say)("somebody was turned away with 401");
        }
        Some((query, socket?))
    }
}

impl State {
    fn order(&mut self, member: Member, order: Order) {
        let taken = self.members.get(&member).is_some_and(|orders| orders.try_send(order).is_ok());
        if !taken {
            self.members.remove(&member);
        }
    }
}
