//! What the environment tells the session.

use alloc::string::String;
use serde::{Deserialize, Serialize};

use crate::action::Purpose;
use crate::frame::Frame;
use crate::id::ConnectionId;
use crate::kinds::kinds;
use crate::time::Duration;

/// What happened outside; the input of [`Session::handle`](crate::Session::handle).
///
/// No event can fail. One that names a connection which is not the present one changes nothing and is counted.
/// In the journal an event is an object with a `type`: `{"type":"opened","connection":1}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The WebSocket handshake of this connection is complete (RFC 6455 §4.1).
    Opened {
        /// The connection, as `Connect` named it.
        connection: ConnectionId,
    },
    /// A whole message, or a control frame the socket passes on, has arrived.
    FrameIn {
        /// The connection it came from.
        connection: ConnectionId,
        /// The frame.
        frame: Frame,
    },
    /// Time has passed; owed once `next_deadline` is reached, harmless at any other time.
    Tick,
    /// Not a byte of a frame that an action asked to send was written. After a partial write say `Errored`.
    SendFailed {
        /// The connection.
        connection: ConnectionId,
        /// The purpose of that `Send`, handed back; without one the worst is assumed, a failed heartbeat.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        purpose: Option<Purpose>,
    },
    /// The connection failed: it could not be dialed, or it broke.
    Errored {
        /// The connection.
        connection: ConnectionId,
        /// What kind of failure; `other` where the host cannot tell.
        #[serde(default)]
        cause: TransportError,
        /// What the server asked for with `Retry-After` (RFC 9110 §10.2.3); at most an hour is honoured.
        #[serde(default, rename = "retry_after_ms", skip_serializing_if = "Option::is_none")]
        retry_after: Option<Duration>,
    },
    /// The connection is closed (RFC 6455 §7.1.4), whoever began it.
    Closed {
        /// The connection.
        connection: ConnectionId,
        /// The peer's close code; none where the connection ended without a close frame.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
        /// The peer's reason.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// The network is said to be back: a wait for a reconnect ends, a ready connection is probed.
    Online,
    /// The network is said to be gone. A hint only: it stops nothing, and silence stays what counts.
    Offline,
    /// The machine slept, and its clock did not count it.
    Woke {
        /// How long the clock stood still.
        #[serde(default, rename = "asleep_ms")]
        asleep: Duration,
    },
}

kinds!(Event:
    Opened => "opened",
    FrameIn => "frame_in",
    Tick => "tick",
    SendFailed => "send_failed",
    Errored => "errored",
    Closed => "closed",
    Online => "online",
    Offline => "offline",
    Woke => "woke",
);

impl Event {
    /// The connection the event belongs to, if it belongs to one.
    pub fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::Opened { connection }
            | Self::FrameIn { connection, .. }
            | Self::SendFailed { connection, .. }
            | Self::Errored { connection, .. }
            | Self::Closed { connection, .. } => Some(*connection),
            Self::Tick | Self::Online | Self::Offline | Self::Woke { .. } => None,
        }
    }
}

/// Why a connection failed, as far as the host can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TransportError {
    /// Nobody listens there.
    Refused,
    /// The server refused the handshake for want of a credential (401 or 403).
    Unauthorized,
    /// The dial or a write took too long.
    TimedOut,
    /// TLS failed.
    Tls,
    /// The name could not be resolved.
    Dns,
    /// Reading or writing failed.
    Io,
    /// Anything else.
    #[default]
    #[serde(other)]
    Other,
}

/// Why no credential can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CredentialFailure {
    /// The account is refused: stop, and keep the outbox.
    Refused,
    /// The credential has run out and a fresh one is on its way: ask again at the next attempt.
    Expired,
    /// Nobody could be asked: a failed attempt like any other.
    Unavailable,
}
