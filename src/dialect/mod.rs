//! How signals are spelled on one service's wire.
//!
//! A dialect owns spelling, never timing and never delivery. Each service has one file here, which also holds its preset:
//! the dialect together with that service's timings.

mod capabilities;
mod content;
mod greeting;
mod handshake;
pub mod json;
mod plain;
mod preset;
mod redial_v1;
mod signal;

use core::fmt::Debug;

use crate::config::Limits;
use crate::error::{Malformed, Unencodable};
use crate::frame::Frame;
use crate::secret::Secret;
use crate::time::Duration;

pub use capabilities::{Capabilities, Login};
pub use content::{Content, Span};
pub use greeting::{Credit, Hello, NotResumed, Refusal, Resume, Resumption, SessionTerms};
pub use handshake::Handshake;
pub use plain::{HeartbeatFrame, Plain};
pub use preset::Preset;
pub use redial_v1::RedialV1;
pub use signal::{
    AckCarrier, Bye, Echo, HeartbeatSignal, LeaveSignal, LoginSignal, MessageSignal, ReceiptSignal, SequenceSignal,
    Side, Signal,
};

/// How signals are spelled on one service's wire.
///
/// A dialect is a value without state: what it says depends on its settings and on the signal alone. One `decode` and one
/// `encode` serve both ends, so `decode(side.other(), encode(side, s))` gives back `s` for all that encodes.
///
/// A service of one's own takes an afternoon. Here is one whose heartbeats are `?` and `!`, and whose messages are all else:
///
/// ```
/// use redial::{Config, ConnectionId, Duration, Event, Frame, Instant, Payload, Preset, Seed, SendError, Session};
/// use redial::config::{DeadAfter, HeartbeatSchedule, Limits, Liveness};
/// use redial::dialect::{Capabilities, Dialect, Side, Signal};
/// use redial::error::{Malformed, Unencodable};
///
/// #[derive(Debug)]
/// struct Marks;
///
/// impl Dialect for Marks {
///     fn name(&self) -> &str {
///         "marks"
///     }
///
///     fn capabilities(&self) -> Capabilities {
///         Capabilities::new()
///     }
///
///     fn decode<'a>(&self, _: Side, frame: &'a Frame, _: &Limits) -> Result<Signal<'a>, Malformed> {
///         match frame {
///             Frame::Text(text) if text == "?" => Ok(Signal::Heartbeat),
///             Frame::Text(text) if text == "!" => Ok(Signal::HeartbeatReply),
///             Frame::Text(_) => Ok(Signal::Message { id: None, body: Payload::Whole }),
///             Frame::Binary(_) => Err(Malformed::UnexpectedBinary),
///             Frame::Ping(_) | Frame::Pong(_) => Ok(Signal::Ignored),
///         }
///     }
///
///     fn encode(&self, _: Side, signal: &Signal<'_>) -> Result<Frame, Unencodable> {
///         match signal {
///             Signal::Heartbeat => Ok(Frame::text("?")),
///             Signal::HeartbeatReply => Ok(Frame::text("!")),
///             Signal::Message { body: Payload::Text("?" | "!"), .. } => Err(Unencodable::Reserved),
///             Signal::Message { body: Payload::Text(text), .. } => Ok(Frame::text(text.to_string())),
///             _ => Err(Unencodable::NoWord),
///         }
///     }
/// }
///
/// // The timings are configuration: here a `?` every 10 s, whatever else travels, and dead when three stay unanswered.
/// let mut config = Config::default();
/// config.heartbeat.every = Duration::from_secs(10);
/// config.heartbeat.schedule = HeartbeatSchedule::Grid;
/// config.heartbeat.liveness = Liveness::Reply;
/// config.heartbeat.dead_after = DeadAfter::after(3, Duration::from_secs(10));
///
/// let (now, connection) = (Instant::ORIGIN, ConnectionId::new(1));
/// let preset = Preset::new(Marks, config).expect("the configuration is sound");
/// let mut session = Session::new(preset, Seed::from_bytes([7; 16]));
/// session.open(now);
/// session.handle(now, Event::Opened { connection });
/// assert_eq!(session.next_deadline().map(|due| due.at), Some(Instant::from_millis(10_000)));
/// assert_eq!(session.send(now, "?"), Err(SendError::Unencodable(Unencodable::Reserved)));
/// assert!(session.send(now, "hello").is_ok());
/// ```
pub trait Dialect: Debug + Send + Sync {
    /// The service's name, as it stands in a journal.
    fn name(&self) -> &str;

    /// What the dialect can say.
    fn capabilities(&self) -> Capabilities;

    /// What a frame means to `reader`. Called with frames within `limits.frame_bytes` only; `Frame::Ping` and
    /// `Frame::Pong` arrive here too where the socket passes them on.
    fn decode(&self, reader: Side, frame: &Frame, limits: &Limits) -> Result<Signal<Span>, Malformed>;

    /// The frame in which `writer` says this. The same signal always gives the same bytes.
    ///
    /// A body that the reader would take for another signal is refused as [`Unencodable::Reserved`].
    fn encode(&self, writer: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable>;

    /// What the opening handshake carries, given the credential where there is one. By default nothing.
    fn handshake(&self, credential: Option<&Secret>) -> Handshake {
        let _ = credential;
        Handshake::default()
    }

    /// Whether a close code of the peer forbids another attempt; `None` leaves that to the configuration.
    fn forbids_retry(&self, code: u16) -> Option<bool> {
        let _ = code;
        None
    }

    /// Whether a new credential can be told on a live link, as a `Login` nobody asked for. By default no: it serves the next one.
    fn renews_login(&self) -> bool {
        false
    }

    /// How long the peer's close asks to stay away, in whatever way this service says that; honoured up to an hour, jitter and floor
    /// on top. By default it says nothing. Before the connection is open there is `retry_after` of
    /// [`Event::Errored`](crate::Event::Errored).
    fn retry_after(&self, code: u16, reason: &str) -> Option<Duration> {
        let _ = (code, reason);
        None
    }

    /// The settings a journal needs to make this dialect again; nothing where the name says it all.
    fn settings(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}
