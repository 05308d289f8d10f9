//! The server of the Rust clients and of partysocket: numbered messages over a plain WebSocket, or redial's `Peer`.
//!
//! It serves one client, whoever connects. A plain server has no memory: a message that it writes into a connection is
//! gone with it, so it makes messages only while somebody is connected. A `Peer` keeps what is not acknowledged.

use std::collections::BTreeMap;
use std::net::{Shutdown, SocketAddr, TcpStream as StdStream};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use lines::{Work, body, commands, fail, number, say, say_accept, say_of};
use redial::config::{Limit, PeerPolicy};
use redial::{Action, Config, ConnectionId, Event, Frame, Instant, Peer, Preset, Seed};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

enum Input {
    Command(String),
    Arrived(TcpStream, StdStream),
    Upgraded(u64),
    Frame(u64, Frame),
    Written(u64, u64),
    Gone(u64),
}

/// One socket of the client, upgraded or not yet.
struct Line {
    /// What the peer calls it, once it is upgraded.
    connection: Option<ConnectionId>,
    out: mpsc::UnboundedSender<Frame>,
    task: AbortHandle,
    /// The same socket, to end it from outside.
    spare: StdStream,
}

struct Server {
    work: Work,
    inputs: mpsc::UnboundedSender<Input>,
    /// `None` for a plain server.
    peer: Option<Peer>,
    subprotocol: Option<&'static str>,
    /// In the order in which they came.
    lines: BTreeMap<u64, Line>,
    latest: u64,
    started: std::time::Instant,
    next: u64,
    going: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let work = Work::from_args();
    let address: SocketAddr = work.address.parse().unwrap_or_else(|_| fail("ADDRESS has to be an address and a port"));
    let (inputs, mut heard) = mpsc::unbounded_channel();
    let words = inputs.clone();
    commands(move |word| drop(words.send(Input::Command(word.to_owned()))));
    let mut tick = tokio::time::interval(Duration::from_millis(work.every.max(20)));
    let mut server = Server::new(work, inputs);
    let mut listener = Some(listen(address)?);
    say("listening");
    loop {
        server.perform();
        let deadline = server.peer.as_ref().and_then(Peer::next_deadline).map(|deadline| deadline.at);
        let wait = deadline.map_or(Duration::from_secs(3_600), |at| {
            Duration::from_millis(at.as_millis().saturating_sub(server.now().as_millis()))
        });
        tokio::select! {
            Some(input) = heard.recv() => match input {
                Input::Command(word) => match word.as_str() {
                    "away" | "vanish" => {
                        listener = None;
                        server.end(word == "vanish");
                    }
                    "back" => {
                        listener = Some(listen(address)?);
                        say("listening");
                    }
                    "fin" | "rst" => {
                        server.end(word == "rst");
                        say("ended");
                    }
                    "go" | "stop" => server.going = word == "go",
                    _ => {}
                },
                input => server.take(input),
            },
            accepted = accept(listener.as_ref()) => {
                if let Ok((stream, spare)) = accepted {
                    server.take(Input::Arrived(stream, spare));
                }
            }
            _ = tick.tick(), if server.going => server.speak(),
            () = tokio::time::sleep(wait) => server.tell(Event::Tick),
        }
    }
}

/// Listens although connections of an earlier listener may not be over yet.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1_024)
}

async fn accept(listener: Option<&TcpListener>) -> std::io::Result<(TcpStream, StdStream)> {
    let Some(listener) = listener else { return std::future::pending().await };
    let (stream, from) = listener.accept().await?;
    say_accept(from.port());
    stream.set_nodelay(true)?;
    let stream = stream.into_std()?;
    let spare = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, spare))
}

impl Server {
    fn new(work: Work, inputs: mpsc::UnboundedSender<Input>) -> Self {
        let (peer, subprotocol) = match work.variant.as_str() {
            "native" => (Some(peer(Preset::native())), Some("redial.v1")),
            "uni_app" => {
                let preset = Preset::uni_app().with_config(Config::default());
                (Some(peer(preset.unwrap_or_else(|error| fail(&error.to_string())))), None)
            }
            _ => (None, None),
        };
        let (lines, started) = (BTreeMap::new(), std::time::Instant::now());
        Self { work, inputs, peer, subprotocol, lines, latest: 0, started, next: 0, going: false }
    }

    fn now(&self) -> Instant {
        Instant::from_millis(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn tell(&mut self, event: Event) {
        let now = self.now();
        if let Some(peer) = &mut self.peer {
            peer.handle(now, event);
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Arrived(stream, spare) => self.arrived(stream, spare),
            Input::Upgraded(id) => {
                let now = self.now();
                let connection = self.peer.as_mut().map_or(ConnectionId::new(id), |peer| peer.accept(now));
                if let Some(line) = self.lines.get_mut(&id) {
                    line.connection = Some(connection);
                }
            }
            Input::Frame(id, frame) => {
                let Some(connection) = self.lines.get(&id).and_then(|line| line.connection) else { return };
                if self.peer.is_some() {
                    self.tell(Event::FrameIn { connection, frame });
                } else if let Some(n) = frame.as_text().and_then(number) {
                    say_of("recv", n);
                }
            }
            Input::Written(id, frames) => {
                if let Some(connection) = self.lines.get(&id).and_then(|line| line.connection) {
                    self.tell(Event::Written { connection, frames });
                }
            }
            Input::Gone(id) => self.gone(id),
            Input::Command(_) => {}
        }
    }

    fn arrived(&mut self, stream: TcpStream, spare: StdStream) {
        self.latest += 1;
        let (out, frames) = mpsc::unbounded_channel();
        let task = tokio::spawn(carry(self.latest, stream, self.subprotocol, frames, self.inputs.clone()));
        self.lines.insert(self.latest, Line { connection: None, out, task: task.abort_handle(), spare });
    }

    fn gone(&mut self, id: u64) {
        let line = self.lines.remove(&id);
        if let Some(connection) = line.and_then(|line| line.connection) {
            self.tell(Event::Closed { connection, code: None, reason: String::new() });
        }
    }

    /// Ends every connection, by a reset or by a FIN without a close frame.
    fn end(&mut self, reset: bool) {
        for id in self.lines.keys().copied().collect::<Vec<_>>() {
            if let Some(line) = self.lines.get(&id) {
                // A socket that is over already needs no end.
                if reset {
                    let _ = socket2::SockRef::from(&line.spare).set_linger(Some(Duration::ZERO));
                } else {
                    let _ = line.spare.shutdown(Shutdown::Both);
                }
                line.task.abort();
            }
            self.gone(id);
        }
    }

    /// Makes the next message, or the whole burst.
    fn speak(&mut self) {
        while self.work.count == 0 || self.next < self.work.count {
            let text = body(self.next + 1, self.work.size);
            let now = self.now();
            let latest = self.lines.values().rfind(|line| line.connection.is_some());
            let taken = match (&mut self.peer, latest) {
                (Some(peer), _) => peer.push(now, text).is_ok(),
                (None, Some(line)) => line.out.send(Frame::text(text)).is_ok(),
                (None, None) => false,
            };
            if !taken {
                return;
            }
            self.next += 1;
            say_of("sent", self.next);
            if self.work.every > 0 {
                return;
            }
        }
    }

    /// Carries out what the peer wants done.
    fn perform(&mut self) {
        while let Some(action) = self.peer.as_mut().and_then(Peer::poll_action) {
            match action {
                Action::Send { connection, frame, .. } => {
                    if let Some(line) = self.lines.values().find(|line| line.connection == Some(connection)) {
                        // A writer that is gone has reported its end.
                        let _ = line.out.send(frame);
                    }
                }
                Action::Close { connection, .. } | Action::Abort { connection } => {
                    self.lines.retain(|_, line| {
                        let stays = line.connection != Some(connection);
                        if !stays {
                            line.task.abort();
                        }
                        stays
                    });
                }
                Action::Deliver(message) => {
                    if let Some(n) = message.body.as_text().and_then(number) {
                        say_of("recv", n);
                    }
                }
                _ => {}
            }
        }
    }
}

/// The server is where messages are stored, so it has more room than a client needs.
fn peer(preset: Preset) -> Peer {
    let roomy = preset.configure(|config| {
        config.outbox.messages = Limit::new(1_000_000);
        config.outbox.bytes = Limit::new(1 << 30);
        config.limits.message_bytes = Limit::new(1 << 20);
        config.limits.frame_bytes = Limit::new(2 << 20);
    });
    let mut seed = [0; 16];
    if getrandom::fill(&mut seed).is_err() {
        fail("the system gives no random numbers");
    }
    let roomy = roomy.unwrap_or_else(|error| fail(&error.to_string()));
    let mut peer = Peer::new(roomy, PeerPolicy::default(), Seed::from_bytes(seed));
    // The peer is told what its sockets take, so that receipts do not wait behind a backlog of messages.
    peer.handle(Instant::ORIGIN, Event::Written { connection: ConnectionId::new(1), frames: 0 });
    peer
}

/// Moves frames between one socket and the server until one of them has had enough.
async fn carry(
    id: u64,
    stream: TcpStream,
    subprotocol: Option<&'static str>,
    mut frames: mpsc::UnboundedReceiver<Frame>,
    inputs: mpsc::UnboundedSender<Input>,
) {
    #[expect(clippy::result_large_err, reason = "the WebSocket crate's callback has this type")]
    let look = |_: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        if let Some(word) = subprotocol.and_then(|word| word.parse().ok()) {
            response.headers_mut().insert("Sec-WebSocket-Protocol", word);
        }
        Ok(response)
    };
    if let Ok(socket) = tokio_tungstenite::accept_hdr_async(stream, look).await {
        let (mut sink, mut stream) = socket.split();
        // The server outlives its connections.
        let _ = inputs.send(Input::Upgraded(id));
        let read = async {
            while let Some(Ok(message)) = stream.next().await {
                let frame = match message {
                    Message::Text(text) => Frame::text(text.as_str().to_owned()),
                    Message::Binary(bytes) => Frame::Binary(bytes.to_vec()),
                    Message::Ping(bytes) => Frame::Ping(bytes.to_vec()),
                    Message::Pong(bytes) => Frame::Pong(bytes.to_vec()),
                    Message::Close(_) | Message::Frame(_) => continue,
                };
                if inputs.send(Input::Frame(id, frame)).is_err() {
                    return;
                }
            }
        };
        let write = async {
            let mut written = 0;
            while let Some(frame) = frames.recv().await {
                let message = match frame {
                    Frame::Text(text) => Message::text(text.into_owned()),
                    Frame::Binary(bytes) => Message::binary(bytes),
                    Frame::Ping(bytes) => Message::Ping(bytes.into()),
                    Frame::Pong(bytes) => Message::Pong(bytes.into()),
                };
                if sink.send(message).await.is_err() {
                    return;
                }
                // A peer that does not hear of this takes its messages to be written, and receipts wait behind them.
                written += 1;
                if inputs.send(Input::Written(id, written)).is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = read => {}
            () = write => {}
        }
    }
    let _ = inputs.send(Input::Gone(id));
}
