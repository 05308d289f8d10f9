//! Dialects: the spelling of signals on one service's wire, and the presets that join a dialect with timings.
//!
//! A dialect owns spelling, never timing and never delivery. The dialects [`Plain`] and [`RedialV1`] are here, each
//! beside its preset; the dialects of the systems with a document are in `services`. The [`json`] module reads and
//! writes the JSON of dialects.

mod advice;
mod capabilities;
mod check;
mod content;
mod greeting;
mod handshake;
pub mod json;
mod plain;
mod preset;
mod record;
mod redial_v1;
mod signal;

use core::fmt::Debug;

use crate::config::Limits;
use crate::error::{Malformed, Unencodable};
use crate::frame::Frame;
use crate::secret::Secret;

pub use advice::CloseAdvice;
pub use capabilities::{Capabilities, Heartbeats, IdScope, Login};
pub(crate) use capabilities::{encode, role};
pub use content::{Content, Span};
pub use greeting::{Credit, Hello, NotResumed, Refusal, Resume, Resumption, SessionTerms};
pub(crate) use greeting::{LONGEST_SID, LONGEST_TOKEN};
pub use handshake::Handshake;
pub use plain::{HeartbeatFrame, Plain};
pub use preset::Preset;
pub use record::Record;
pub use redial_v1::RedialV1;
pub use signal::{
    AckCarrier, Again, Bye, Echo, Greeting, HeartbeatSignal, LeaveSignal, LoginSignal, MessageSignal, ReceiptSignal,
    SequenceSignal, Side, Signal,
};

/// Spelling of signals on one service's wire: a value that decodes frames into signals and encodes signals into frames.
///
/// A dialect has no state: each answer depends on its settings and on the arguments alone. One `decode` and one
/// `encode` serve both ends of a connection, so `decode(side.other(), encode(side, signal))` returns `signal` for every
/// signal that can be encoded. [`Capabilities`] names the parts of the core that the dialect needs; a signal that the
/// service does not have is refused as [`Unencodable::NoWord`].
///
/// This dialect has the texts `?` and `!` as heartbeat and heartbeat reply, and every other text is a message:
///
/// ```
/// use redial::config::Limits;
/// use redial::dialect::{Capabilities, Content, Dialect, HeartbeatSignal, MessageSignal, Side, Signal, Span};
/// use redial::error::{Malformed, Unencodable};
/// use redial::{Action, Config, Event, Frame, Instant, Preset, Seed, SendError, Session};
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
///     fn decode(&self, _reader: Side, frame: &Frame, _limits: &Limits) -> Result<Signal<Span>, Malformed> {
///         match frame {
///             Frame::Text(text) if text == "?" => Ok(Signal::heartbeat()),
///             Frame::Text(text) if text == "!" => Ok(Signal::heartbeat_reply()),
///             Frame::Text(_) => Ok(Signal::message(None, Span::WHOLE)),
///             Frame::Binary(_) => Err(Malformed::UnexpectedBinary),
///             // The socket answers pings by itself (RFC 6455 §5.5.2).
///             Frame::Ping(_) | Frame::Pong(_) => Ok(Signal::Ignored),
///         }
///     }
///
///     fn encode(&self, _writer: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
///         match signal {
///             Signal::Heartbeat(HeartbeatSignal::Ask) => Ok(Frame::text("?")),
///             Signal::Heartbeat(HeartbeatSignal::Reply) => Ok(Frame::text("!")),
///             Signal::Message(MessageSignal { content, .. }) => match content {
///                 Content::Text("?" | "!") => Err(Unencodable::Reserved),
///                 Content::Text(text) => Ok(Frame::text(text.to_string())),
///                 _ => Err(Unencodable::Binary),
///             },
///             _ => Err(Unencodable::NoWord),
///         }
///     }
/// }
///
/// let preset = Preset::new(Marks, Config::default())?;
/// let mut session = Session::new(preset, Seed::from(7_u64));
/// let now = Instant::ORIGIN;
/// session.open(now);
/// let Some(Action::Connect { connection, .. }) = std::iter::from_fn(|| session.poll_action())
///     .find(|action| matches!(action, Action::Connect { .. }))
/// else {
///     panic!("an open session asks for a connection");
/// };
/// session.handle(now, Event::Opened { connection });
///
/// // A heartbeat of the server is answered, and a body that reads as a heartbeat is refused.
/// session.handle(now, Event::FrameIn { connection, frame: Frame::text("?") });
/// assert_eq!(session.send(now, "?"), Err(SendError::Unencodable(Unencodable::Reserved)));
/// assert!(session.send(now, "hello").is_ok());
/// let sent: Vec<_> = std::iter::from_fn(|| session.poll_action())
///     .filter_map(|action| match action {
///         Action::Send { frame, .. } => Some(frame),
///         _ => None,
///     })
///     .collect();
/// assert_eq!(sent, [Frame::text("!"), Frame::text("hello")]);
/// # Ok::<(), redial::error::ConfigError>(())
/// ```
pub trait Dialect: Debug + Send + Sync {
    /// Returns the service's name, for a journal and for [`Preset::name`].
    fn name(&self) -> &str;

    /// Returns the facts that link and delivery need to know about the service; the answer never changes.
    fn capabilities(&self) -> Capabilities;

    /// Decodes a frame that came to `reader`.
    ///
    /// Only frames within `limits.frame_bytes` arrive here; `Frame::Ping` and `Frame::Pong` arrive too, where the
    /// socket passes them on. Contents are returned as a [`Span`] of the frame, so nothing is copied.
    ///
    /// Fails with [`Malformed`] for a frame that the service does not have: the frame is reported, and the session goes
    /// on. A well-formed frame without meaning for the session is [`Signal::Ignored`].
    fn decode(&self, reader: Side, frame: &Frame, limits: &Limits) -> Result<Signal<Span>, Malformed>;

    /// Returns where the first record of `bytes` ends, in a service whose frames are not one word each.
    ///
    /// `bytes` is never empty: a data frame, or the rest of one behind the records before; where a record is
    /// unfinished, the frames that it is cut over are joined. No record ends within the first `searched` bytes, because
    /// an earlier call has answered [`Record::Unfinished`] for them. Every record is passed to
    /// [`decode`](Dialect::decode) as a frame of its own.
    ///
    /// Default [`Record::Whole`].
    fn record(&self, reader: Side, bytes: &[u8], searched: usize) -> Record {
        let _ = (reader, bytes, searched);
        Record::Whole
    }

    /// Encodes a signal of `writer` into a frame; the same signal always gives the same bytes.
    ///
    /// Fails with [`Unencodable::NoWord`] where the service has no frame for the signal, with
    /// [`Unencodable::Reserved`] for a body that the reader would take for another signal, and with
    /// [`Unencodable::Binary`] for bytes in a service of text frames only.
    fn encode(&self, writer: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable>;

    /// Encodes a heartbeat or a heartbeat reply for a host that cannot send the ping or pong which
    /// [`encode`](Dialect::encode) gave ([`HostProfile::pings`](crate::HostProfile)).
    ///
    /// Fails with [`Unencodable::NoWord`] where the service has no other frame for it: then nothing is sent. That is
    /// the default.
    fn encode_without_pings(&self, writer: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        let _ = (writer, signal);
        Err(Unencodable::NoWord)
    }

    /// Returns the query and the subprotocols of the opening handshake (RFC 6455 §4.1).
    ///
    /// `credential` is the credential that the session holds, if any. Default: no query and no subprotocol.
    fn handshake(&self, credential: Option<&Secret>) -> Handshake {
        let _ = credential;
        Handshake::default()
    }

    /// Returns what the peer's close means, by its code and its reason (RFC 6455 §7.1.5, §7.1.6).
    ///
    /// Default [`CloseAdvice::AsConfigured`]. A close without a code is a loss in any case. For a refused opening
    /// handshake the wait is `retry_after` of [`Event::Errored`](crate::Event::Errored) (RFC 9110 §10.2.3).
    fn on_close(&self, code: u16, reason: &str) -> CloseAdvice {
        let _ = (code, reason);
        CloseAdvice::AsConfigured
    }

    /// Returns whether a new credential can be sent on a ready connection, as a [`LoginSignal::Proof`] without a
    /// challenge.
    ///
    /// Default `false`: a new credential serves the next connection.
    fn renews_login(&self) -> bool {
        false
    }

    /// Returns the settings from which a journal makes this dialect again, as JSON.
    ///
    /// Default `null`, for a dialect that its name describes completely.
    fn settings(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}
