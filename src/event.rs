//! The inputs that the environment reports to a session.

use alloc::boxed::Box;
use alloc::string::String;
use serde::{Deserialize, Serialize};

use crate::action::Purpose;
use crate::failure::Failure;
use crate::frame::Frame;
use crate::host_profile::HostProfile;
use crate::id::ConnectionId;
use crate::kinds::{kinds, no_fields};
use crate::time::Duration;

/// An event outside the session; the input of [`Session::handle`](crate::Session::handle).
///
/// No event can fail. An event that names another connection than the present one changes nothing and is counted.
///
/// In the journal an event is an object with a `type`: `{"type":"opened","connection":1}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Event {
    /// The WebSocket handshake of this connection is complete (RFC 6455 §4.1).
    Opened {
        /// The connection, by the id from `Connect`.
        connection: ConnectionId,
    },
    /// A whole message, or a control frame that the socket passes on, has arrived.
    FrameIn {
        /// The connection on which the frame arrived.
        connection: ConnectionId,
        /// The frame.
        frame: Frame,
    },
    /// Bytes of an unfinished frame have arrived: a sign of life, for at most `limits.frame_time`. The host says so at
    /// most once a second while the frame grows; a whole frame needs no such event.
    Arriving {
        /// The connection.
        connection: ConnectionId,
    },
    /// The socket has taken frames completely. A host that never says so is taken to write every frame at once.
    ///
    /// The host says so first before `Opened`, with zero frames, then whenever more frames are out, and about once a
    /// second, with the number unchanged, while bytes of the next frame leave. A frame reported as `SendFailed`
    /// counts as well.
    Written {
        /// The connection.
        connection: ConnectionId,
        /// The number of all `Send`s of this connection that are out.
        frames: u64,
    },
    /// The application has taken delivered messages. A host that never says so is taken to pass them on at once.
    ///
    /// The session wants to read ([`wants_read`](crate::Session::wants_read)) while fewer than `inbox.pending`
    /// messages are delivered and not taken.
    Taken {
        /// The number of all `Deliver` actions whose message was taken, on all connections.
        messages: u64,
    },
    /// Time has passed. The host must send a tick once `next_deadline` is reached; a tick at any other time is
    /// harmless.
    #[serde(deserialize_with = "no_fields")]
    Tick,
    /// Not one byte of a frame that an action asked to send was written. After a partial write report `Errored`.
    SendFailed {
        /// The connection.
        connection: ConnectionId,
        /// The purpose of that `Send`. `None` is handled as the worst case, a failed heartbeat.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        purpose: Option<Purpose>,
    },
    /// The connection failed: it could not be dialed, or it broke.
    Errored {
        /// The connection.
        connection: ConnectionId,
        /// The failure: its kind, and what the host knows beside that. [`Event::errored`] makes the event of it.
        #[serde(flatten)]
        failure: Box<Failure>,
    },
    /// The connection is closed (RFC 6455 §7.1.4), by either side.
    Closed {
        /// The connection.
        connection: ConnectionId,
        /// The code of the peer's close frame; `None` where none came, and so are 1005, 1006 and 1015, by which a host
        /// says that none came. Any other code that no close frame may carry (RFC 6455 §7.4) is a breach of the
        /// protocol, handled like an `Errored` with [`Protocol`](crate::TransportError::Protocol). A code that the host
        /// chose itself, because the peer broke the protocol, does not belong here: that is such an `Errored`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
        /// The peer's close reason.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// The host reports what it cannot do, once, before or after `open`. A host that never says so can do everything.
    ///
    /// Without pings a heartbeat that is spelled as a WebSocket ping is never sent: the text takes its place that the
    /// dialect has for that ([`encode_without_pings`](crate::dialect::Dialect::encode_without_pings)), or the session
    /// only listens. What was not sent is not unanswered, so such a link is not given up for its silence. The profile
    /// is no part of a snapshot: a restored session is told anew.
    Host {
        /// The profile of the host.
        #[serde(flatten)]
        profile: HostProfile,
    },
    /// The host reports that the network is back: the wait for a reconnect ends, and a ready connection is probed,
    /// where silence ends a link at all.
    #[serde(deserialize_with = "no_fields")]
    Online,
    /// The host reports that the network is gone. This hint stops nothing; silence still decides whether
    /// the link is dead. Messages that can wait do so until a byte comes in, or where nothing can be asked for 5 s.
    #[serde(deserialize_with = "no_fields")]
    Offline,
    /// The machine slept, and its clock did not count the sleep.
    Woke {
        /// The time for which the clock stood still.
        #[serde(default, rename = "asleep_ms")]
        asleep: Duration,
    },
}

kinds!(Event:
    Opened => "opened",
    FrameIn => "frame_in",
    Arriving => "arriving",
    Written => "written",
    Taken => "taken",
    Tick => "tick",
    SendFailed => "send_failed",
    Errored => "errored",
    Closed => "closed",
    Host => "host",
    Online => "online",
    Offline => "offline",
    Woke => "woke",
);

impl Event {
    /// Makes an [`Errored`](Event::Errored): this connection failed.
    ///
    /// ```
    /// use redial::{ConnectionId, Event, Failure, TransportError};
    /// let connection = ConnectionId::new(1);
    /// let event = Event::errored(connection, TransportError::Dns);
    /// assert_eq!(event, Event::errored(connection, Failure::new(TransportError::Dns)));
    /// ```
    pub fn errored(connection: ConnectionId, failure: impl Into<Failure>) -> Self {
        Self::Errored { connection, failure: Box::new(failure.into()) }
    }

    /// The connection of this event, where the event belongs to a connection.
    pub fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::Opened { connection }
            | Self::FrameIn { connection, .. }
            | Self::Arriving { connection }
            | Self::Written { connection, .. }
            | Self::SendFailed { connection, .. }
            | Self::Errored { connection, .. }
            | Self::Closed { connection, .. } => Some(*connection),
            Self::Taken { .. } | Self::Tick | Self::Host { .. } | Self::Online | Self::Offline | Self::Woke { .. } => {
                None
            }
        }
    }
}

/// Why no credential can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CredentialFailure {
    /// The account is refused: the session stops and keeps the outbox.
    Refused,
    /// The credential has run out and a new one is on its way: the next attempt asks again.
    Expired,
    /// The source of credentials could not be reached: a failed attempt like any other.
    Unavailable,
}
