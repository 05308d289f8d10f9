//! Dialect `plain`: every text or binary frame is a message, and the heartbeat is a WebSocket ping or a chosen text.
//!
//! `plain` is the default, and the start for a server of your own. Messages have no ids on this wire, so nothing can be
//! confirmed: a message settles as `Sent` when it is handed to the socket, and a message that was sent before the
//! connection broke is not sent again. A message that was not sent waits for the next connection.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use super::{Capabilities, Content, Dialect, HeartbeatSignal, MessageSignal, Preset, Side, Signal, Span};
use crate::config::{Config, Limits};
use crate::error::{Malformed, Unencodable};
use crate::frame::Frame;
use crate::kinds::no_fields;

/// Dialect without an envelope: each frame is one message or one heartbeat. Its name is `plain`.
///
/// ```
/// use redial::{Config, Preset};
/// use redial::dialect::{HeartbeatFrame, Plain};
/// let mut plain = Plain::default();
/// plain.heartbeats = HeartbeatFrame::Text { heartbeat: "ping".into(), reply: "pong".into() };
/// let preset = Preset::new(plain, Config::default())?;
/// assert_eq!(preset.name(), "plain");
/// # Ok::<(), redial::error::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Plain {
    /// The spelling of heartbeats. Default [`HeartbeatFrame::Ping`].
    pub heartbeats: HeartbeatFrame,
}

/// Spelling of heartbeats in [`Plain`]. In JSON `{"type":"ping"}` or `{"type":"text","heartbeat":"..","reply":".."}`,
/// or the latter with the type `ping_or_text`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum HeartbeatFrame {
    /// WebSocket pings and pongs (RFC 6455 §5.5.2). A page in a browser cannot send them; a session whose host says so
    /// ([`Event::Host`](crate::Event::Host)) sends no heartbeat, and no silence ends its links.
    #[default]
    #[serde(deserialize_with = "no_fields")]
    Ping,
    /// Two texts. A message with one of these texts is refused as [`Unencodable::Reserved`].
    Text {
        /// The text of a heartbeat.
        heartbeat: String,
        /// The text of a heartbeat reply.
        reply: String,
    },
    /// WebSocket pings and pongs where the host can send them, else two texts. A message with one of these texts is
    /// refused in any case.
    PingOrText {
        /// The text of a heartbeat.
        heartbeat: String,
        /// The text of a heartbeat reply.
        reply: String,
    },
}

impl HeartbeatFrame {
    /// The texts of a heartbeat and of a heartbeat reply.
    fn texts(&self) -> Option<(&str, &str)> {
        match self {
            Self::Ping => None,
            Self::Text { heartbeat, reply } | Self::PingOrText { heartbeat, reply } => Some((heartbeat, reply)),
        }
    }

    #[inline(never)]
    fn read(&self, text: &str) -> Signal<Span> {
        match self.texts() {
            Some((_, reply)) if text == reply => Signal::heartbeat_reply(),
            Some((heartbeat, _)) if text == heartbeat => Signal::heartbeat(),
            _ => Signal::message(None, Span::WHOLE),
        }
    }

    /// Spells a signal in data frames.
    #[inline(never)]
    fn write(&self, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        match (signal, self.texts()) {
            (Signal::Heartbeat(HeartbeatSignal::Ask), Some((heartbeat, _))) => Ok(Frame::text(heartbeat.to_owned())),
            (Signal::Heartbeat(HeartbeatSignal::Reply), Some((_, reply))) => Ok(Frame::text(reply.to_owned())),
            (Signal::Message(MessageSignal { content: Content::Text(text), .. }), Some((heartbeat, reply)))
                if *text == heartbeat || *text == reply =>
            {
                Err(Unencodable::Reserved)
            }
            (Signal::Message(MessageSignal { content: Content::Text(text), .. }), _) => {
                Ok(Frame::text((*text).to_owned()))
            }
            (Signal::Message(MessageSignal { content: Content::Binary(bytes), .. }), _) => {
                Ok(Frame::Binary((*bytes).to_owned()))
            }
            _ => Err(Unencodable::NoWord),
        }
    }
}

impl Preset {
    /// Returns the preset `plain`: no envelope, heartbeat by WebSocket ping, and [`Config::default`].
    pub fn plain() -> Self {
        Self::unchecked(Plain::default(), Config::default())
    }
}

impl Dialect for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
    }

    fn decode(&self, _reader: Side, frame: &Frame, _limits: &Limits) -> Result<Signal<Span>, Malformed> {
        match frame {
            Frame::Text(text) => Ok(self.heartbeats.read(text)),
            Frame::Binary(_) => Ok(Signal::message(None, Span::WHOLE)),
            // The socket answers pings by itself (RFC 6455 §5.5.2), so no text may answer one.
            Frame::Ping(_) if self.heartbeats.texts().is_some() => Ok(Signal::Ignored),
            Frame::Ping(_) => Ok(Signal::heartbeat()),
            Frame::Pong(_) => Ok(Signal::heartbeat_reply()),
        }
    }

    fn encode(&self, _writer: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        match (signal, &self.heartbeats) {
            (Signal::Heartbeat(HeartbeatSignal::Ask), HeartbeatFrame::Ping | HeartbeatFrame::PingOrText { .. }) => {
                Ok(Frame::Ping(Vec::new()))
            }
            (signal, heartbeats) => heartbeats.write(signal),
        }
    }

    fn encode_without_pings(&self, _writer: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        self.heartbeats.write(signal)
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}
