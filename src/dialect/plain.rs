//! `plain`: no envelope. Every text or binary frame is a message, the heartbeat is a WebSocket ping or a text of one's choice.
//!
//! The default, and where somebody with a server of their own starts. There are no ids on this wire, so nothing can be
//! confirmed: a message settles as `Sent` when it is handed to the socket, and one that was sent before the connection
//! broke is not sent again. What was not sent waits for the next connection.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use super::{Capabilities, Content, Dialect, HeartbeatSignal, MessageSignal, Preset, Side, Signal, Span};
use crate::config::{Config, Limits};
use crate::error::{Malformed, Unencodable};
use crate::frame::Frame;

/// The dialect without an envelope.
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
pub struct Plain {
    /// How heartbeats are spelled. Default [`HeartbeatFrame::Ping`].
    pub heartbeats: HeartbeatFrame,
}

/// How heartbeats are spelled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum HeartbeatFrame {
    /// WebSocket pings and pongs (RFC 6455 §5.5.2); not to be had from a browser.
    #[default]
    Ping,
    /// Two texts, which are then no messages.
    Text {
        /// The heartbeat.
        heartbeat: String,
        /// Its answer.
        reply: String,
    },
}

impl HeartbeatFrame {
    #[inline(never)]
    fn read(&self, text: &str) -> Signal<Span> {
        match self {
            Self::Text { reply, .. } if text == reply => Signal::heartbeat_reply(),
            Self::Text { heartbeat, .. } if text == heartbeat => Signal::heartbeat(),
            Self::Text { .. } | Self::Ping => Signal::message(None, Span::WHOLE),
        }
    }

    #[inline(never)]
    fn write(&self, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        match (signal, self) {
            (Signal::Heartbeat(HeartbeatSignal::Ask), Self::Text { heartbeat, .. }) => {
                Ok(Frame::text(heartbeat.clone()))
            }
            (Signal::Heartbeat(HeartbeatSignal::Reply), Self::Text { reply, .. }) => Ok(Frame::text(reply.clone())),
            (Signal::Message(MessageSignal { content: Content::Text(text), .. }), Self::Text { heartbeat, reply })
                if text == heartbeat || text == reply =>
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
    /// The default: no envelope, heartbeat by WebSocket ping, [`Config::default`].
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
            // The socket answers pings by itself (RFC 6455 §5.5.2).
            Frame::Ping(_) => Ok(Signal::heartbeat()),
            Frame::Pong(_) => Ok(Signal::heartbeat_reply()),
        }
    }

    fn encode(&self, _writer: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        match (signal, &self.heartbeats) {
            (Signal::Heartbeat(HeartbeatSignal::Ask), HeartbeatFrame::Ping) => Ok(Frame::Ping(Vec::new())),
            (signal, heartbeats) => heartbeats.write(signal),
        }
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}
