//! A WebSocket of tungstenite as a redial session sees it: frames go in, events come out.
//!
//! A [`Socket`] works over any non-blocking byte stream: one whose `read` and `write` fail with `WouldBlock` where they
//! would have to wait. It has no loop and no thread; the adapters redial-tokio and redial-blocking are loops around a
//! [`Link`], which is at most one socket.
//!
//! 1. A frame counts as written once the byte stream has taken its last byte.
//! 2. The events of one turn are in order; after `Closed` or `Errored` there are none, and the socket is to be dropped.
//! 3. A frame that breaks the rules of RFC 6455 is answered with the close code of §7.1.7.

use std::io::{self, Read, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use redial::dialect::Handshake;
use redial::host::{Flow, Target};
use redial::{Action, ConnectionId, Event, Failure, Frame, Instant, Purpose, Session, Stats, TransportError};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::error::{Error, ProtocolError};
pub use tungstenite::handshake::client::{Request, Response};
use tungstenite::handshake::{HandshakeError, MidHandshake, client::ClientHandshake};
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Message, WebSocket};

/// Frames read in one turn, and at most before the answers leave: the peer works on the first ones meanwhile.
const FRAMES_A_TURN: usize = 32;

/// The longest frame that is read at all. The session's own limit is lower, and drops a longer frame with a report.
const LONGEST: Option<usize> = Some(16 << 20);

/// The bytes read in one turn, at least. A peer that sends fragments without end would hold the loop for ever.
const BYTES_A_TURN: u64 = 256 << 10;

/// The bytes of pongs that wait to be written, at most. tungstenite answers every ping, and its buffer has no limit: a
/// peer that sends pings and reads no pongs is not read any more.
const PONGS: usize = 64 << 10;

/// The bytes of a pong beside its payload (RFC 6455 §5.2).
const PONG_HEADER: usize = 6;

/// An open WebSocket.
#[derive(Debug)]
pub struct Socket<S> {
    connection: ConnectionId,
    socket: WebSocket<Counted<S>>,
    flow: Flow,
    /// What went wrong with a write, until a turn reports it.
    trouble: Option<Event>,
    /// Bytes of the pongs that may be in the buffer.
    pongs: usize,
}

/// At most one connection: on its way, by a dial of the adapter's own kind, or open. Dropping a dial ends it.
#[derive(Debug)]
pub enum Link<D, S> {
    /// There is none.
    None,
    /// A dial is under way, its opening handshake included.
    Dialing(ConnectionId, D),
    /// The WebSocket is open.
    Open(Box<Socket<S>>),
}

/// How a session stood when its loop ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// Why it stopped, as a sentence.
    pub explanation: String,
    /// Its counters.
    pub stats: Stats,
}

/// An opening handshake under way.
#[derive(Debug)]
pub struct Opening<S: Read + Write>(Step<S>);

#[derive(Debug)]
enum Step<S: Read + Write> {
    First(Request, S),
    Next(MidHandshake<ClientHandshake<Counted<S>>>),
    Over,
}

/// A byte stream that counts.
#[derive(Debug)]
pub struct Counted<S> {
    io: S,
    read: u64,
    /// No byte beyond this count is read before the next turn.
    read_until: u64,
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

impl Summary {
    /// Sums a session up.
    pub fn of(session: &Session) -> Self {
        Self { explanation: session.explain().to_string(), stats: session.stats().clone() }
    }
}

impl<D, S: Read + Write> Link<D, S> {
    /// Whether there is neither a connection nor a dial.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Carries out `Send`, `Close` and `Abort`, where they are about this connection.
    pub fn perform(&mut self, action: Action) {
        let current = match self {
            Self::None => return,
            Self::Dialing(connection, _) => *connection,
            Self::Open(socket) => socket.connection,
        };
        match (action, &mut *self) {
            (Action::Abort { connection }, _) if connection == current => *self = Self::None,
            (action @ (Action::Send { connection, .. } | Action::Close { connection, .. }), Self::Open(socket))
                if connection == current =>
            {
                socket.perform(action);
            }
            // A close ends a dial.
            (Action::Close { connection, .. }, _) if connection == current => *self = Self::None,
            _ => {}
        }
    }

    /// Notes the end of the dial. Returns what the session has to hear, and the server's answer where there is one.
    pub fn dialed(&mut self, dialed: Result<(Socket<S>, Response), Failure>) -> (Vec<Event>, Option<Response>) {
        let link = std::mem::replace(self, Self::None);
        match (link, dialed) {
            (Self::Dialing(connection, _), Ok((socket, response))) => {
                *self = Self::Open(Box::new(socket));
                // Whoever says so first is asked to send no more than the socket takes.
                let events = vec![Event::Written { connection, frames: 0 }, Event::Opened { connection }];
                (events, Some(response))
            }
            (Self::Dialing(connection, _), Err(failure)) => (vec![Event::errored(connection, failure)], None),
            (link, _) => {
                *self = link;
                (Vec::new(), None)
            }
        }
    }

    /// Takes a turn of an open connection, as [`Socket::turn`] does, and drops it where it has ended.
    pub fn turn(&mut self, now: Instant, reads: bool) -> Vec<Event> {
        let Self::Open(socket) = self else { return Vec::new() };
        let events = socket.turn(now, reads);
        if let Some(Event::Closed { .. } | Event::Errored { .. }) = events.last() {
            *self = Self::None;
        }
        events
    }
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
        // A turn of small frames leaves in one write.
        let config = WebSocketConfig::default().read_buffer_size(4 << 10).write_buffer_size(32 << 10);
        let config = config.max_message_size(LONGEST).max_frame_size(LONGEST);
        let done = match std::mem::replace(&mut self.0, Step::Over) {
            Step::First(request, io) => {
                let io = Counted { io, read: 0, read_until: u64::MAX, written: 0 };
                tungstenite::client::client_with_config(request, io, Some(config))
            }
            Step::Next(mid) => mid.handshake(),
            Step::Over => return None,
        };
        match done {
            Ok((socket, response)) => {
                let mut flow = Flow::new();
                // The answer to the handshake is no frame under way.
                flow.on_read(Instant::ORIGIN, socket.get_ref().read, 1);
                let socket = Socket { connection, socket, flow, trouble: None, pongs: 0 };
                Some(Ok((socket, response)))
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
    /// The byte stream.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.socket.get_mut().io
    }

    /// Carries out `Send` and `Close`; the session hands over no more than the buffer takes.
    pub fn perform(&mut self, action: Action) {
        match action {
            Action::Send { frame, purpose, .. } => self.send(wire(frame), Some(purpose)),
            Action::Close { code, reason, .. } => {
                let frame = code.map(|code| CloseFrame { code: code.into(), reason: reason.into() });
                self.send(Message::Close(frame), None);
            }
            _ => {}
        }
    }

    fn send(&mut self, frame: Message, purpose: Option<Purpose>) {
        let connection = self.connection;
        self.flow.on_queued(u64::MAX);
        match self.socket.write(frame) {
            Ok(()) => {}
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(Error::WriteBufferFull(_)) => self.trouble = Some(Event::SendFailed { connection, purpose }),
            Err(error) => self.trouble = Some(ended(connection, &error)),
        }
    }

    /// Reads, where `reads` says so, and writes as far as it goes. Returns what the session has to hear; where that is
    /// nothing, the byte stream has to be waited for.
    pub fn turn(&mut self, now: Instant, reads: bool) -> Vec<Event> {
        let connection = self.connection;
        let mut events = Vec::from_iter(self.trouble.take_if(|trouble| matches!(trouble, Event::SendFailed { .. })));
        let io = self.socket.get_mut();
        io.read_until = io.read.saturating_add(BYTES_A_TURN);
        while reads && events.len() < FRAMES_A_TURN && self.pongs < PONGS {
            let Some(event) = self.read() else { break };
            events.push(event);
            if !matches!(events.last(), Some(Event::FrameIn { .. })) {
                return events;
            }
        }
        let Counted { read, read_until, .. } = *self.socket.get_ref();
        // Where bytes may be left, the loop must not wait: the byte stream may not say again that it has them.
        let (has_more, is_cut) = (events.len() >= FRAMES_A_TURN, read >= read_until || self.pongs >= PONGS);
        if self.trouble.is_some() {
            // What arrived before counts first: the peer's close code says more than a write that failed.
            events.extend(self.trouble.take_if(|_| !has_more));
            return events;
        }
        let (frames, flushed) = (events.len(), self.socket.flush());
        let written = self.socket.get_ref().written;
        let out = match flushed {
            Ok(()) => {
                self.pongs = 0;
                self.flow.on_flushed(now, written)
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => self.flow.on_written(now, written),
            Err(error) => {
                let trouble = ended(connection, &error);
                if has_more {
                    self.trouble = Some(trouble);
                } else {
                    events.push(trouble);
                }
                return events;
            }
        };
        events.extend(out.map(|frames| Event::Written { connection, frames }));
        if self.flow.on_read(now, read, frames) || (is_cut && self.pongs < PONGS) {
            events.push(Event::Arriving { connection });
        }
        events
    }

    fn read(&mut self) -> Option<Event> {
        let connection = self.connection;
        let frame = match self.socket.read() {
            Ok(Message::Text(text)) => Frame::text(text.as_str().to_owned()),
            Ok(Message::Binary(bytes)) => Frame::Binary(bytes.into()),
            Ok(Message::Ping(bytes)) => {
                self.pongs += bytes.len() + PONG_HEADER;
                Frame::Ping(bytes.into())
            }
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

impl<S: Read> Read for Counted<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.read >= self.read_until {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let read = self.io.read(buf)?;
        self.read += read as u64;
        Ok(read)
    }
}

impl<S: Write> Write for Counted<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = self.io.write(buf)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.io.flush()
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
