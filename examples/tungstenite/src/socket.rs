//! One WebSocket: its opening handshake, and its frames.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use redial::dialect::Handshake;
use redial::host::{Flow, Target};
use redial::{Action, ConnectionId, Event, Failure, Frame, Instant, TransportError};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::error::{Error, ProtocolError};
use tungstenite::handshake::client::{ClientHandshake, Request, Response};
use tungstenite::handshake::{HandshakeError, MidHandshake};
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Message, WebSocket};

/// Frames read in one turn, and at most before the answers leave: the peer works on the first ones meanwhile.
const FRAMES_A_TURN: usize = 32;

/// The longest frame that is read at all. The session's own limit is lower, and drops a longer frame with a report.
const LONGEST: Option<usize> = Some(16 << 20);

/// The bytes read in one turn, at least. A peer that sends fragments without end would hold the loop for ever.
const BYTES_A_TURN: u64 = 256 << 10;

/// The bytes of pongs that wait to be written, at most. tungstenite answers every ping: a peer that sends pings and
/// reads no pongs is not read any more.
const PONGS: u64 = 64 << 10;

/// The room for unwritten bytes that an empty buffer keeps.
const KEPT: usize = 64 << 10;

/// An open WebSocket.
#[derive(Debug)]
pub struct Socket<S> {
    connection: ConnectionId,
    socket: WebSocket<Buffered<S>>,
    flow: Flow,
    /// How the connection ended with a write, until a turn reports it.
    trouble: Option<Event>,
    /// Bytes of the session's own frames among those that went into the buffer; the others are pongs.
    own: u64,
    /// Bytes of pongs by the time at which the buffer was last empty.
    pongs_before: u64,
}

/// An opening handshake under way.
#[derive(Debug)]
pub struct Opening<S: Read + Write>(Step<S>);

#[derive(Debug)]
enum Step<S: Read + Write> {
    First(Request, S),
    Next(MidHandshake<ClientHandshake<Buffered<S>>>),
    Over,
}

/// A byte stream that counts, with a buffer of unwritten bytes. tungstenite has none of its own here: its writes come
/// to their end at once, so that the place of every frame in the buffer is known.
#[derive(Debug)]
struct Buffered<S> {
    io: S,
    read: u64,
    /// No byte beyond this count is read before the next turn.
    read_until: u64,
    unwritten: VecDeque<u8>,
    written: u64,
}

/// Takes up what the dialect wants of the opening handshake, and makes its request.
///
/// Fails for good where the URL or a header cannot stand in a request, or needs TLS that the adapter does not have.
pub fn request(target: &Target, handshake: &Handshake, has_tls: bool) -> Result<(Target, Request), Failure> {
    let target = target.with_handshake(handshake).map_err(permanent)?;
    let target = if has_tls { target } else { target.without_tls().map_err(permanent)? };
    let mut request = target.url().into_client_request().map_err(|error| failure(&error))?;
    for (name, value) in target.headers() {
        request.headers_mut().insert(name, value.reveal().parse().map_err(permanent)?);
    }
    Ok((target, request))
}

impl<S: Read + Write> Opening<S> {
    /// Begins the handshake over a byte stream.
    pub fn new(request: Request, io: S) -> Self {
        Self(Step::First(request, io))
    }

    /// The byte stream; `None` once the handshake is over.
    pub fn get_mut(&mut self) -> Option<&mut S> {
        match &mut self.0 {
            Step::First(_, io) => Some(io),
            Step::Next(mid) => Some(&mut mid.get_mut().get_mut().io),
            Step::Over => None,
        }
    }

    /// Goes on with the handshake; `None` where the byte stream has to be waited for.
    pub fn turn(&mut self, connection: ConnectionId) -> Option<Result<(Socket<S>, Response), Failure>> {
        let config = WebSocketConfig::default().read_buffer_size(4 << 10).write_buffer_size(0);
        let config = config.max_message_size(LONGEST).max_frame_size(LONGEST);
        let done = match std::mem::replace(&mut self.0, Step::Over) {
            Step::First(request, io) => {
                let io = Buffered { io, read: 0, read_until: u64::MAX, unwritten: VecDeque::new(), written: 0 };
                tungstenite::client::client_with_config(request, io, Some(config))
            }
            Step::Next(mid) => mid.handshake(),
            Step::Over => return None,
        };
        match done {
            Ok((socket, response)) => {
                let (mut flow, io) = (Flow::new(), socket.get_ref());
                // The answer to the handshake is no frame under way.
                flow.on_read(Instant::ORIGIN, io.read, 1);
                let own = io.queued();
                Some(Ok((Socket { connection, socket, flow, trouble: None, own, pongs_before: 0 }, response)))
            }
            Err(HandshakeError::Failure(error)) => Some(Err(failure(&error))),
            Err(HandshakeError::Interrupted(mid)) => {
                self.0 = Step::Next(mid);
                None
            }
        }
    }
}

impl<S: Read + Write> Socket<S> {
    /// The connection that the session knows it by.
    pub fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// The byte stream.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.socket.get_mut().io
    }

    /// Carries out `Send` and `Close`; the session hands over no more than it wants in the buffer.
    pub fn perform(&mut self, action: Action) {
        let frame = match action {
            Action::Send { frame, .. } => wire(frame),
            Action::Close { code, reason, .. } => {
                Message::Close(code.map(|code| CloseFrame { code: code.into(), reason: reason.into() }))
            }
            _ => return,
        };
        let before = self.socket.get_ref().queued();
        if let Err(error) = later(self.socket.write(frame)) {
            self.trouble = Some(ended(self.connection, &error));
        }
        let queued = self.socket.get_ref().queued();
        self.own += queued - before;
        self.flow.on_queued(queued);
    }

    /// Reads, where `reads` says so, and writes as far as it goes. Returns what the session has to hear; where that is
    /// nothing, the byte stream has to be waited for.
    pub fn turn(&mut self, now: Instant, reads: bool) -> Vec<Event> {
        let (connection, mut events) = (self.connection, Vec::new());
        let io = self.socket.get_mut();
        io.read_until = io.read.saturating_add(BYTES_A_TURN);
        while reads && events.len() < FRAMES_A_TURN && self.pongs() < PONGS {
            let Some(event) = self.read() else { break };
            events.push(event);
            if !matches!(events.last(), Some(Event::FrameIn { .. })) {
                return events;
            }
        }
        let Buffered { read, read_until, .. } = *self.socket.get_ref();
        // Where bytes may be left, the loop must not wait: the byte stream may not say again that it has them.
        let (has_more, is_cut) = (events.len() >= FRAMES_A_TURN, read >= read_until || self.pongs() >= PONGS);
        let frames = events.len();
        if self.trouble.is_none() {
            self.trouble = later(self.socket.flush()).err().map(|error| ended(connection, &error));
        }
        if self.trouble.is_some() {
            // What arrived before counts first: the peer's close code says more than a write that failed.
            events.extend(self.trouble.take_if(|_| !has_more));
            return events;
        }
        let io = self.socket.get_ref();
        if io.unwritten.is_empty() {
            self.pongs_before = io.queued() - self.own;
        }
        let out = self.flow.on_written(now, io.written);
        events.extend(out.map(|frames| Event::Written { connection, frames }));
        if self.flow.on_read(now, read, frames) || (is_cut && self.pongs() < PONGS) {
            events.push(Event::Arriving { connection });
        }
        events
    }

    /// Bytes of the pongs that may be in the buffer.
    fn pongs(&self) -> u64 {
        self.socket.get_ref().queued() - self.own - self.pongs_before
    }

    fn read(&mut self) -> Option<Event> {
        let connection = self.connection;
        let frame = match self.socket.read() {
            Ok(Message::Text(text)) => Frame::text(text.as_str().to_owned()),
            Ok(Message::Binary(bytes)) => Frame::Binary(bytes.into()),
            Ok(Message::Ping(bytes)) => Frame::Ping(bytes.into()),
            Ok(Message::Pong(bytes)) => Frame::Pong(bytes.into()),
            Ok(Message::Close(frame)) => {
                // The answer is in the buffer; it leaves now or never.
                let _ = self.socket.flush();
                return Some(closed(connection, frame));
            }
            Ok(Message::Frame(_)) => return None,
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(error) => {
                if let Some(code) = failure(&error).cause.close_code() {
                    let frame = CloseFrame { code: code.into(), reason: "".into() };
                    let _ = self.socket.close(Some(frame));
                    let _ = self.socket.flush();
                }
                return Some(ended(connection, &error));
            }
        };
        Some(Event::FrameIn { connection, frame })
    }
}

impl<S> Buffered<S> {
    /// The bytes that went into the buffer.
    fn queued(&self) -> u64 {
        self.written + self.unwritten.len() as u64
    }
}

impl<S: Read> Read for Buffered<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.read >= self.read_until {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let read = again(|| self.io.read(buf))?;
        self.read += read as u64;
        Ok(read)
    }
}

impl<S: Write> Write for Buffered<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.unwritten.extend(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.unwritten.is_empty() {
            let written = again(|| self.io.write(self.unwritten.as_slices().0))?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.unwritten.drain(..written);
            self.written += written as u64;
        }
        self.unwritten.shrink_to(KEPT);
        again(|| self.io.flush())
    }
}

/// Goes on where a signal has interrupted a call.
fn again<T>(mut work: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match work() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// A byte stream that has to be waited for is no failure.
fn later(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        result => result,
    }
}

fn wire(frame: Frame) -> Message {
    match frame {
        Frame::Text(text) => Message::text(text.into_owned()),
        Frame::Binary(bytes) => Message::binary(bytes),
        Frame::Ping(bytes) => Message::Ping(bytes.into()),
        Frame::Pong(bytes) => Message::Pong(bytes.into()),
    }
}

fn closed(connection: ConnectionId, frame: Option<CloseFrame>) -> Event {
    match frame {
        // tungstenite puts its own answer in the place of a code that must not be sent.
        Some(frame) if frame.reason.as_str() == "Protocol violation" => {
            Event::errored(connection, TransportError::Protocol)
        }
        Some(frame) => Event::Closed { connection, code: Some(frame.code.into()), reason: frame.reason.to_string() },
        None => Event::Closed { connection, code: None, reason: String::new() },
    }
}

fn ended(connection: ConnectionId, error: &Error) -> Event {
    match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => closed(connection, None),
        error => Event::errored(connection, failure(error)),
    }
}

/// A failure that no further attempt can mend.
fn permanent(error: impl ToString) -> Failure {
    Failure::new(TransportError::Permanent).with_detail(error.to_string())
}

/// The failure of a byte stream: of the name, of TCP or of TLS. A name that cannot be resolved is `NotFound`.
pub fn io_failure(error: &io::Error) -> Failure {
    let cause = match error.kind() {
        io::ErrorKind::NotFound => TransportError::Dns,
        io::ErrorKind::ConnectionRefused => TransportError::Refused,
        io::ErrorKind::TimedOut => TransportError::TimedOut,
        // TLS libraries report a certificate or a protocol that they do not like as bad data.
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => TransportError::Tls,
        _ => TransportError::Io,
    };
    Failure::new(cause).with_detail(error.to_string())
}

fn failure(error: &Error) -> Failure {
    let cause = match error {
        Error::Io(error) => return io_failure(error),
        Error::Http(response) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
            let after = response.headers().get("Retry-After").and_then(|value| value.to_str().ok());
            return Failure::from_http(response.status().as_u16(), after, now);
        }
        Error::Tls(_) => TransportError::Tls,
        Error::Utf8(_) => TransportError::InvalidUtf8,
        Error::Capacity(_) => TransportError::TooBig,
        Error::Url(_) => TransportError::Permanent,
        Error::HttpFormat(_)
        | Error::Protocol(ProtocolError::HandshakeIncomplete | ProtocolError::WrongHttpVersion) => {
            TransportError::NotWebSocket
        }
        Error::Protocol(_) | Error::AttackAttempt => TransportError::Protocol,
        _ => TransportError::Other,
    };
    Failure::new(cause).with_detail(error.to_string())
}
