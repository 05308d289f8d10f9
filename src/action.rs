//! What the session wants done, and what it wants known.

use alloc::string::String;
use serde::{Deserialize, Serialize};

use crate::dialect::{Handshake, NotResumed};
use crate::error::Malformed;
use crate::frame::{Body, Frame};
use crate::id::{ConnectionId, MessageId};
use crate::kinds::kinds;
use crate::state::{Cause, State};
use crate::status::Status;
use crate::time::{Duration, Instant};

/// One output of the session, in the order in which it is to be carried out.
///
/// | what a session does | the variant |
/// |---|---|
/// | send a heartbeat | `Send` with [`Purpose::Heartbeat`] |
/// | acknowledge a message | `Send` with [`Purpose::Ack`]; with [`Purpose::CumulativeAck`] where messages have positions |
/// | send a message | `Send` with [`Purpose::Message`] |
/// | log in | `NeedCredential`, then `Send` with [`Purpose::Auth`] or `Connect` with a [`Handshake`] |
/// | connect | `Connect` |
/// | schedule a reconnect | `ScheduleReconnect`; the attempt itself comes as `Connect` when its time has come |
/// | deliver a message | `Deliver` |
/// | tell how a message fares | `Status` |
/// | end a connection | `Close` politely, `Abort` at once |
///
/// In the journal an action is an object with a `type`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// To do: open a WebSocket under this id. Whatever socket is still around belongs to the past and can be dropped.
    Connect {
        /// The name of the new connection; every event of this socket carries it.
        connection: ConnectionId,
        /// How many attempts in a row came before this one; zero for the first.
        attempt: u32,
        /// What the dialect wants of the handshake.
        #[serde(flatten)]
        handshake: Handshake,
    },
    /// To do: write this frame. If not a byte of it can be written, say `SendFailed` with the same purpose.
    Send {
        /// The connection.
        connection: ConnectionId,
        /// The frame.
        frame: Frame,
        /// What it is for.
        purpose: Purpose,
    },
    /// To do: send a close frame and close (RFC 6455 §7.1.2). What the session waits for, it bounds by itself.
    Close {
        /// The connection.
        connection: ConnectionId,
        /// The code; none where the service closes without one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
        /// The reason, at most 123 bytes.
        #[serde(default)]
        reason: String,
    },
    /// To do: drop the socket now, without a close handshake. The host reports nothing more of it.
    Abort {
        /// The connection.
        connection: ConnectionId,
    },
    /// To do: fetch by request what the connection does not bring.
    Poll {
        /// Why.
        cause: PollCause,
    },
    /// To do: store [`Session::snapshot`](crate::Session::snapshot), then call `persisted` with this version.
    Persist {
        /// The version of the durable state.
        version: u64,
    },
    /// To do: find a credential and call `credential`, or say why not with `credential_failed`.
    NeedCredential {
        /// The connection it is for.
        connection: ConnectionId,
        /// What the proof is computed from, where the service gives something.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        challenge: Option<String>,
    },
    /// To know: the phase has changed.
    State {
        /// The phase that has begun.
        state: State,
        /// Why, where something caused it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
        /// The peer's close code, where there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
        /// The peer's close reason, where there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// To know: the connection is lost, and the next attempt comes then.
    ScheduleReconnect {
        /// When.
        #[serde(rename = "at_ms")]
        at: Instant,
        /// The number that attempt will have.
        attempt: u32,
        /// What ended the connection.
        cause: Cause,
    },
    /// To know: the link went silent and was asked out of turn. What follows is `Alive`, or its end.
    Suspected {
        /// The connection.
        connection: ConnectionId,
    },
    /// To know: a heartbeat was answered, or a suspected link has shown life.
    Alive {
        /// The connection.
        connection: ConnectionId,
        /// The time between question and answer; none where several or no questions were open.
        #[serde(default, rename = "rtt_ms", skip_serializing_if = "Option::is_none")]
        rtt: Option<Duration>,
    },
    /// To know: a message arrived, and it is new within the dedup window.
    Deliver(Message),
    /// To know: where a message of ours stands.
    Status {
        /// The message.
        id: MessageId,
        /// Where it stands now.
        #[serde(flatten)]
        status: Status,
    },
    /// To know: a confirmation came for a message that was settled `Unconfirmed`. Information; the status stays.
    LateReceipt {
        /// The message.
        id: MessageId,
    },
    /// To know: the host reported that this was not written, and the configuration keeps the connection.
    Unsent {
        /// The connection.
        connection: ConnectionId,
        /// What was not written.
        purpose: Purpose,
    },
    /// To know: a message arrived that cannot be taken now. It is not acknowledged, so the server still has it.
    Deferred {
        /// The message.
        id: MessageId,
    },
    /// To do: messages of the server's may be missing here, from one position to another of a session that is over, both included.
    /// Fetch what there is, then call [`fetched`](crate::Session::fetched); until then nothing that comes is delivered.
    Gap {
        /// The first that may be missing.
        from: u64,
        /// The last, where the server knows.
        to: Option<u64>,
    },
    /// To know: the server did not take the session up where it was. What was on its way gets its outcome or is sent again.
    NotResumed {
        /// Why not.
        why: NotResumed,
    },
    /// To know: this account is connected elsewhere. The session has stopped.
    Kicked {
        /// What the server said.
        body: Body,
    },
    /// To know: the attempts are used up. The session has stopped.
    GaveUp {
        /// Losses in a row by then: the one that began the outage, and every attempt since.
        attempts: u32,
    },
    /// To know: a frame could not be understood. It changed nothing else.
    Malformed {
        /// The connection it came from.
        connection: ConnectionId,
        /// What is wrong with it.
        error: Malformed,
    },
}

kinds!(Action:
    Connect => "connect",
    Send => "send",
    Close => "close",
    Abort => "abort",
    Poll => "poll",
    Persist => "persist",
    NeedCredential => "need_credential",
    State => "state",
    ScheduleReconnect => "schedule_reconnect",
    Suspected => "suspected",
    Alive => "alive",
    Deliver => "deliver",
    Status => "status",
    LateReceipt => "late_receipt",
    Unsent => "unsent",
    Deferred => "deferred",
    Gap => "gap",
    NotResumed => "not_resumed",
    Kicked => "kicked",
    GaveUp => "gave_up",
    Malformed => "malformed",
);

/// A message as it is delivered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// The id, where the service names messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<MessageId>,
    /// The content.
    pub body: Body,
}

impl Message {
    /// A message of this content, with its id where the service names messages.
    pub fn new(id: Option<MessageId>, body: impl Into<Body>) -> Self {
        Self { id, body: body.into() }
    }
}

/// What a frame is sent for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Purpose {
    /// A heartbeat, or a probe out of turn.
    Heartbeat,
    /// The answer to a heartbeat of the peer.
    HeartbeatReply,
    /// A login, or the answer to one.
    Auth,
    /// A message of the application.
    Message {
        /// Its id.
        id: MessageId,
    },
    /// The acknowledgement of a message that was delivered.
    Ack {
        /// The message.
        id: MessageId,
    },
    /// The refusal of a message.
    Nack {
        /// The message.
        id: MessageId,
    },
    /// The acknowledgement of everything up to a position.
    #[serde(rename = "position")]
    CumulativeAck {
        /// The position.
        #[serde(rename = "position")]
        seq: u64,
    },
    /// Word that a message does not come that had a position.
    Skip {
        /// The position.
        #[serde(rename = "position")]
        seq: u64,
    },
    /// The last word on a connection.
    Bye,
    /// The news that a message reached, or was read on, the receiver's device.
    Receipt {
        /// The message.
        id: MessageId,
    },
}

/// Why the host is asked to poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PollCause {
    /// No push came for the loop time.
    Silence,
    /// The connection has been down for so many attempts.
    Down,
    /// A push said that something changed.
    Push,
}
