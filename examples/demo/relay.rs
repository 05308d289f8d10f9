//! A TCP relay that breaks the connections through it in the ways networks do; it never looks at a byte.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// A relay in front of one server; it ends with its runtime.
#[derive(Clone)]
pub(crate) struct Relay {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    target: SocketAddr,
    weather: watch::Sender<Weather>,
    lines: Mutex<Vec<Line>>,
}

/// What holds for all connections, those to come included.
#[derive(Clone, Copy)]
struct Weather {
    refusing: bool,
    stalled: bool,
    delay: Duration,
}

/// One connection through the relay.
struct Line {
    task: AbortHandle,
    half_open: watch::Sender<bool>,
}

impl Relay {
    /// Listens on loopback; every byte takes `delay` on its way to `target` or back.
    pub(crate) fn start(target: SocketAddr, delay: Duration) -> io::Result<Self> {
        let socket = bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let addr = socket.local_addr()?;
        let weather = Weather { refusing: false, stalled: false, delay };
        let (weather, lines) = (watch::Sender::new(weather), Mutex::new(Vec::new()));
        let shared = Arc::new(Shared { target, weather, lines });
        let listener = socket.listen(64)?;
        tokio::spawn(Arc::clone(&shared).serve(addr, listener));
        Ok(Self { addr, shared })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends every connection at once, with whatever was under way.
    pub(crate) fn cut(&self) {
        for line in self.shared.lines().drain(..) {
            line.task.abort();
        }
    }

    /// From now on, not a byte gets through the present connections, and neither end is told.
    pub(crate) fn half_open(&self) {
        for line in self.shared.lines().iter() {
            line.half_open.send_replace(true);
        }
    }

    /// Holds all bytes back, or lets them go on.
    pub(crate) fn stall(&self, stalled: bool) {
        self.shared.weather.send_modify(|weather| weather.stalled = stalled);
    }

    /// Refuses new connections, or takes them again.
    pub(crate) fn refuse(&self, refusing: bool) {
        self.shared.weather.send_modify(|weather| weather.refusing = refusing);
    }

    /// Lets every byte take this long from now on, each way.
    pub(crate) fn delay(&self, delay: Duration) {
        self.shared.weather.send_modify(|weather| weather.delay = delay);
    }
}

impl Shared {
    fn lines(&self) -> std::sync::MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self: Arc<Self>, addr: SocketAddr, mut listener: TcpListener) -> io::Result<()> {
        let mut weather = self.weather.subscribe();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((client, _)) = accepted {
                        self.connect(client);
                    }
                }
                // Not its value: that is a lock on the weather.
                _ = async { weather.wait_for(|weather| weather.refusing).await.is_ok() } => {
                    drop(listener);
                    // Bound but not listening: dials are refused, and nobody else gets the port.
                    let socket = bind(addr)?;
                    if weather.wait_for(|weather| !weather.refusing).await.is_err() {
                        return Ok(());
                    }
                    listener = socket.listen(64)?;
                }
            }
        }
    }

    fn connect(&self, client: TcpStream) {
        let (half_open, dead) = watch::channel(false);
        let (target, weather) = (self.target, self.weather.subscribe());
        let task = tokio::spawn(async move {
            let Ok(server) = TcpStream::connect(target).await else { return };
            if client.set_nodelay(true).and(server.set_nodelay(true)).is_err() {
                return;
            }
            let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
            let up = pump(from_client, to_server, weather.clone(), dead.clone());
            let down = pump(from_server, to_client, weather, dead);
            // Both halves stay open until both directions have ended: a half-open link hides even the end.
            let _halves = tokio::join!(up, down);
        });
        let mut lines = self.lines();
        lines.retain(|line| !line.task.is_finished());
        lines.push(Line { task: task.abort_handle(), half_open });
    }
}

fn bind(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections of an earlier listener may still be around.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

/// Carries one direction until its end, and gives back the half it wrote to.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
    dead: watch::Receiver<bool>,
) -> OwnedWriteHalf {
    let (sender, mut chunks) = mpsc::channel(64);
    let mut sky = weather.clone();
    let reader = async move {
        let mut buffer = vec![0; 4 << 10];
        loop {
            // An empty chunk stands for the end.
            let read = from.read(&mut buffer).await.unwrap_or(0);
            let due = Instant::now() + sky.borrow_and_update().delay;
            let chunk = buffer.get(..read).unwrap_or_default().to_vec();
            if sender.send((due, chunk)).await.is_err() || read == 0 {
                return;
            }
        }
    };
    let writer = async move {
        while let Some((due, chunk)) = chunks.recv().await {
            tokio::time::sleep_until(due).await;
            if weather.wait_for(|weather| !weather.stalled).await.is_err() {
                break;
            }
            if *dead.borrow() {
                continue;
            }
            let passed = if chunk.is_empty() { to.shutdown().await } else { to.write_all(&chunk).await };
            if passed.is_err() {
                break;
            }
        }
        to
    };
    tokio::join!(reader, writer).1
}
