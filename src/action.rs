//! The outputs of a session: work for the host, and reports.

use alloc::string::String;
use serde::{Deserialize, Serialize};

use crate::dialect::{Handshake, NotResumed};
use crate::durable::{Changes, is_default};
use crate::error::Malformed;
use crate::failure::Reason;
use crate::frame::{Body, Frame};
use crate::id::{ConnectionId, MessageId};
use crate::kinds::{kinds, no_fields};
use crate::secret::Secret;
use crate::state::{Cause, State};
use crate::status::Status;
use crate::time::{Duration, Instant};

/// One output of the session. The host carries actions out in the order in which they come.
///
/// | output of the session | variant |
/// |---|---|
/// | send a heartbeat | `Send` with [`Purpose::Heartbeat`] |
/// | acknowledge one message | `Send` with [`Purpose::Ack`] |
/// | acknowledge up to a sequence number | `Send` with [`Purpose::CumulativeAck`] |
/// | send a message | `Send` with [`Purpose::Message`] |
/// | log in | `NeedCredential`, then `Send` with [`Purpose::Auth`] or `Connect` with a [`Handshake`] |
/// | connect | `Connect` |
/// | schedule a reconnect | `ScheduleReconnect`; the attempt itself comes later as `Connect` |
/// | deliver a message | `Deliver` |
/// | report the status of a message | `Status` |
/// | end a connection | `Close` with a close frame, `Abort` at once |
///
/// In the journal an action is an object with a `type`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// To do: open a WebSocket under this id. Every older socket belongs to a past connection and can be dropped.
    Connect {
        /// The id of the new connection; every event of this socket carries it.
        connection: ConnectionId,
        /// The number of attempts in a row before this one; zero for the first.
        attempt: u32,
        /// The dialect's requirements for the opening handshake.
        #[serde(flatten)]
        handshake: Handshake,
    },
    /// To do: write this frame. If not one byte of it can be written, report `SendFailed` with the same purpose.
    Send {
        /// The connection.
        connection: ConnectionId,
        /// The frame.
        frame: Frame,
        /// The purpose of the frame.
        purpose: Purpose,
    },
    /// To do: send a close frame and close the socket (RFC 6455 §7.1.2). The session limits its own wait for the
    /// peer's close.
    Close {
        /// The connection.
        connection: ConnectionId,
        /// The close code; `None` where the service closes without a code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
        /// The close reason, at most 123 bytes.
        #[serde(default)]
        reason: String,
    },
    /// To do: drop the socket now, without a close handshake. The host reports no more events of this socket.
    Abort {
        /// The connection.
        connection: ConnectionId,
    },
    /// To do: fetch by request the data that the connection does not bring.
    Poll {
        /// The reason for the poll.
        cause: PollCause,
    },
    /// To do: store these changes of the durable state in one transaction, then call `persisted` with this version.
    ///
    /// After a crash the next process begins with the last version that was stored. What came out after that version
    /// may come out again: the status of a message, also an outcome, the delivery of a message that was not
    /// acknowledged, and a `Gap`. A round that `resend` began and no stored version holds is unknown to the next
    /// process, whatever was told of it; one that was stored and not told may end there without its `Queued`. Within
    /// one process no outcome of a message follows another without a `Queued` between them.
    Persist {
        /// The version of the durable state; each version is one above that before, over restarts too.
        version: u64,
        /// The changes since the version before; a journal shows their count and their bytes.
        #[serde(flatten)]
        changes: Changes,
        /// Whether anything waits for this version: a message to be sent, a status, an acknowledgement. Other versions
        /// may be stored later, together with the next ones.
        #[serde(default, skip_serializing_if = "is_default")]
        urgent: bool,
    },
    /// To do: find a credential and call `credential`, or report why there is none with `credential_failed`.
    NeedCredential {
        /// The connection that needs the credential.
        connection: ConnectionId,
        /// The challenge from which the proof is computed, where the service sends one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        challenge: Option<String>,
    },
    /// To do, on the accepting side: check this credential, which the client has sent on its open connection, and
    /// [`refuse`](crate::Peer::refuse) the connection where it is bad.
    Credential {
        /// The connection.
        connection: ConnectionId,
        /// The credential.
        credential: Secret,
    },
    /// To know: the state of the session has changed.
    State {
        /// The new state.
        state: State,
        /// The cause of the change, where there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
        /// The reason of the change, as far as the server or the host gave one.
        #[serde(flatten)]
        reason: Reason,
    },
    /// To know: the connection is lost, and the time of the next attempt is set.
    ScheduleReconnect {
        /// The time of the next attempt.
        #[serde(rename = "at_ms")]
        at: Instant,
        /// The number that the next attempt will have.
        attempt: u32,
        /// The cause of the loss.
        cause: Cause,
        /// The reason of the loss, as far as the server or the host gave one.
        #[serde(flatten)]
        reason: Reason,
    },
    /// To know: the link went silent, and a heartbeat is sent out of turn. `Alive` or the loss of the connection
    /// follows.
    Suspected {
        /// The connection.
        connection: ConnectionId,
    },
    /// To know: a heartbeat was answered, or a frame arrived on a suspected link.
    Alive {
        /// The connection.
        connection: ConnectionId,
        /// The time from the heartbeat to its answer; `None` where several heartbeats or none were unanswered.
        #[serde(default, rename = "rtt_ms", skip_serializing_if = "Option::is_none")]
        rtt: Option<Duration>,
    },
    /// To know: a message arrived that is new within the dedup window.
    Deliver(Message),
    /// To know: the status of an outgoing message.
    Status {
        /// The id of the message.
        id: MessageId,
        /// The new status.
        #[serde(flatten)]
        status: Status,
    },
    /// To know: a confirmation came for a message already settled as `Unconfirmed`. The status stays `Unconfirmed`.
    LateReceipt {
        /// The id of the message.
        id: MessageId,
    },
    /// To know: a frame was not sent. The host reported a failed write and the configuration keeps the connection, or
    /// the dialect cannot encode the frame.
    Unsent {
        /// The connection.
        connection: ConnectionId,
        /// The purpose of the frame that was not written.
        purpose: Purpose,
    },
    /// To know: a message arrived that cannot be taken now. It is not acknowledged, so the server still has it, and is
    /// asked for it by a new connection once there is room.
    Deferred {
        /// The id of the message.
        id: MessageId,
    },
    /// To do: fetch messages of the server that may be missing, from one sequence number to another of a session that
    /// is over, both included. Then call [`fetched`](crate::Session::fetched). Until then no arriving message is
    /// delivered.
    Gap {
        /// The first sequence number that may be missing.
        from: u64,
        /// The last sequence number that may be missing, where the server knows it.
        to: Option<u64>,
    },
    /// To know: the server did not resume the session. Messages in flight get their outcome or are sent again.
    NotResumed {
        /// The reason.
        why: NotResumed,
    },
    /// To know: the server has accepted the connection, and says this with it. The connection is ready next.
    Greeted {
        /// The connection.
        connection: ConnectionId,
        /// The content of the greeting.
        body: Body,
    },
    /// To know: this account is connected elsewhere. The session has stopped.
    Kicked {
        /// The content of the server's frame.
        body: Body,
    },
    /// To know: the attempts are used up. The session has stopped.
    GaveUp {
        /// The losses in a row: the loss that began the outage, and every attempt since.
        attempts: u32,
    },
    /// To know: a frame could not be understood. The frame changed nothing else.
    Malformed {
        /// The connection on which the frame arrived.
        connection: ConnectionId,
        /// The problem with the frame.
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
    Credential => "credential",
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
    Greeted => "greeted",
    Kicked => "kicked",
    GaveUp => "gave_up",
    Malformed => "malformed",
);

/// A delivered message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// The id, where the service gives messages ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<MessageId>,
    /// The content.
    pub body: Body,
}

impl Message {
    /// Makes a message of this content, with its id where the service gives messages ids.
    pub fn new(id: Option<MessageId>, body: impl Into<Body>) -> Self {
        Self { id, body: body.into() }
    }
}

/// The purpose of a frame that is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Purpose {
    /// A heartbeat, or a probe out of turn.
    #[serde(deserialize_with = "no_fields")]
    Heartbeat,
    /// A heartbeat reply, the answer to a heartbeat of the peer.
    #[serde(deserialize_with = "no_fields")]
    HeartbeatReply,
    /// A login, or the answer to a login.
    #[serde(deserialize_with = "no_fields")]
    Auth,
    /// A message of the application.
    Message {
        /// The id of the message.
        id: MessageId,
    },
    /// The acknowledgement of a delivered message.
    Ack {
        /// The id of the message.
        id: MessageId,
    },
    /// The refusal of a message.
    Nack {
        /// The id of the message.
        id: MessageId,
    },
    /// The acknowledgement of all messages up to a sequence number.
    #[serde(rename = "position")]
    CumulativeAck {
        /// The sequence number.
        #[serde(rename = "position")]
        seq: u64,
    },
    /// The notice that the message of a sequence number was given up and will not come.
    Skip {
        /// The sequence number.
        #[serde(rename = "position")]
        seq: u64,
    },
    /// The last frame of a connection before its close.
    #[serde(deserialize_with = "no_fields")]
    Bye,
    /// The receipt for a message that reached the receiver's device, or was read there.
    Receipt {
        /// The id of the message.
        id: MessageId,
    },
}

/// The reason why the host is asked to poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PollCause {
    /// No push came within `fallback.loop_time`.
    Silence,
    /// The connection is down, and at least `fallback.after_failures` attempts in a row have failed.
    Down,
    /// A push announced that data changed.
    Push,
}
