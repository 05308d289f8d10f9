//! A TCP relay that breaks the connections through it in the ways networks do; it never looks at a byte.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// So many dials may wait to be taken.
pub(crate) const BACKLOG: u32 = 1_024;

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
    /// What becomes of the next bytes of the server.
    spoil: Mutex<Option<Spoil>>,
}

/// What holds for all connections, those to come included.
#[derive(Clone, Copy)]
struct Weather {
    refusing: bool,
    stalled: bool,
    dripping: bool,
    delay: Duration,
}

/// One connection through the relay.
struct Line {
    task: AbortHandle,
    fate: watch::Sender<Fate>,
}

/// What has become of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Alive,
    HalfOpen,
    Reset,
}

/// Where rubbish comes on its way from the server: bytes that are neither HTTP nor a frame nor UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoil {
    /// In the place of what the server says next: a whole frame, or the answer to a handshake.
    Instead,
    /// From the middle of it on.
    Within,
    /// Right behind it.
    After,
}

impl Spoil {
    fn spoil(self, chunk: &mut Vec<u8>) {
        let length = chunk.len();
        chunk.truncate(match self {
            Self::Instead => 0,
            Self::Within => length / 2,
            Self::After => length,
        });
        // Enough for whatever a frame still lacks, and for the head of another one.
        chunk.resize(2 * length + 16, 0xFF);
    }
}

impl Relay {
    /// Listens on loopback; every byte takes `delay` on its way to `target` or back.
    pub(crate) fn start(target: SocketAddr, delay: Duration) -> io::Result<Self> {
        let socket = bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let addr = socket.local_addr()?;
        let weather = Weather { refusing: false, stalled: false, dripping: false, delay };
        let weather = watch::Sender::new(weather);
        let shared = Arc::new(Shared { target, weather, lines: Mutex::default(), spoil: Mutex::default() });
        let listener = socket.listen(BACKLOG)?;
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
            line.fate.send_replace(Fate::HalfOpen);
        }
    }

    /// Ends every connection by a reset: both ends get an error, and what they had not read yet is gone.
    pub(crate) fn reset(&self) {
        for line in self.shared.lines().drain(..) {
            line.fate.send_replace(Fate::Reset);
        }
    }

    /// Puts rubbish among the next bytes that come from the server, over whichever connection.
    pub(crate) fn spoil(&self, spoil: Spoil) {
        *self.shared.next_spoil() = Some(spoil);
    }

    /// Whether that is still to come.
    pub(crate) fn is_to_spoil(&self) -> bool {
        self.shared.next_spoil().is_some()
    }

    /// Holds all bytes back, or lets them go on.
    pub(crate) fn stall(&self, stalled: bool) {
        self.shared.weather.send_modify(|weather| weather.stalled = stalled);
    }

    /// Refuses new connections, or takes them again.
    pub(crate) fn refuse(&self, refusing: bool) {
        self.shared.weather.send_modify(|weather| weather.refusing = refusing);
    }

    /// Passes the bytes on one at a time, each in a packet of its own, or in bulk again.
    pub(crate) fn drip(&self, dripping: bool) {
        self.shared.weather.send_modify(|weather| weather.dripping = dripping);
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

    fn next_spoil(&self) -> std::sync::MutexGuard<'_, Option<Spoil>> {
        self.spoil.lock().unwrap_or_else(PoisonError::into_inner)
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
                    // Bound but not listening: dials are refused, and nobody else gets the port, not even in between.
                    let socket = bind(addr)?;
                    drop(listener);
                    if weather.wait_for(|weather| !weather.refusing).await.is_err() {
                        return Ok(());
                    }
                    listener = socket.listen(BACKLOG)?;
                }
            }
        }
    }

    fn connect(self: &Arc<Self>, client: TcpStream) {
        let (fate, ending) = watch::channel(Fate::Alive);
        let shared = Arc::clone(self);
        let task = tokio::spawn(async move { shared.carry(client, ending).await });
        let mut lines = self.lines();
        lines.retain(|line| !line.task.is_finished());
        lines.push(Line { task: task.abort_handle(), fate });
    }

    /// Carries one connection both ways. Both sockets stay open until both directions have ended: a half-open link
    /// hides even the end.
    async fn carry(&self, mut client: TcpStream, mut fate: watch::Receiver<Fate>) -> io::Result<()> {
        let mut server = TcpStream::connect(self.target).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        let up = self.pump(from_client, to_server, fate.clone(), false);
        let down = self.pump(from_server, to_client, fate.clone(), true);
        tokio::select! {
            _ = async { tokio::join!(up, down) } => {}
            // Not its value: that is a lock on it.
            _ = async { fate.wait_for(|fate| *fate == Fate::Reset).await.is_ok() } => {
                // Closed in a moment, and then without a last word.
                client.set_zero_linger()?;
                server.set_zero_linger()?;
            }
        }
        Ok(())
    }

    /// Carries one direction until its end.
    async fn pump(
        &self,
        mut from: ReadHalf<'_>,
        mut to: WriteHalf<'_>,
        fate: watch::Receiver<Fate>,
        comes_from_server: bool,
    ) {
        let (mut weather, mut sky) = (self.weather.subscribe(), self.weather.subscribe());
        let (sender, mut chunks) = mpsc::channel(64);
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
            while let Some((due, mut chunk)) = chunks.recv().await {
                tokio::time::sleep_until(due).await;
                let Ok(dripping) = weather.wait_for(|weather| !weather.stalled).await.map(|weather| weather.dripping)
                else {
                    break;
                };
                if *fate.borrow() == Fate::HalfOpen {
                    continue;
                }
                if comes_from_server
                    && !chunk.is_empty()
                    && let Some(spoil) = self.next_spoil().take()
                {
                    spoil.spoil(&mut chunk);
                }
                if pass(&mut to, &chunk, dripping).await.is_err() {
                    break;
                }
            }
        };
        tokio::join!(reader, writer);
    }
}

/// Writes it, or passes the end on where there is nothing to write.
async fn pass(to: &mut WriteHalf<'_>, chunk: &[u8], dripping: bool) -> io::Result<()> {
    if chunk.is_empty() {
        return to.shutdown().await;
    }
    for part in chunk.chunks(if dripping { 1 } else { chunk.len() }) {
        to.write_all(part).await?;
        if dripping {
            // Whoever reads gets a chance to see it by itself.
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

/// Takes a port without listening at it yet.
pub(crate) fn bind(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections of an earlier listener, or that listener itself, may still be around.
    socket.set_reuseaddr(true)?;
    #[cfg(unix)]
    socket.set_reuseport(true)?;
    socket.bind(addr)?;
    Ok(socket)
}
