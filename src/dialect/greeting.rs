//! Hello and welcome of a sequenced connection: what each end knows of the session, and the credit it gives.
//!
//! The wire form of these types is in [`redial_v1`](crate::redial_v1).

use alloc::string::String;
use alloc::vec::Vec;

use crate::secret::Secret;
use crate::time::Duration;

/// Greatest length of a session's name, in bytes.
pub(crate) const LONGEST_SID: u64 = 128;
/// Greatest length of a session's token, in bytes.
pub(crate) const LONGEST_TOKEN: u64 = 512;

/// First signal of a client in a dialect with sequence numbers: its credential, its credit and the session to resume.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Hello {
    /// The credential of the client; `None` where the host gave none.
    pub credential: Option<Secret>,
    /// The session to resume; `None` for a new session.
    pub resume: Option<Resume>,
    /// The credit that the client gives to the server.
    pub credit: Credit,
}

impl Hello {
    /// Makes the hello of a client that starts a new session without a credential.
    pub fn new(credit: Credit) -> Self {
        Self { credential: None, resume: None, credit }
    }
}

/// Session that a client wants to resume, and what the client knows of the session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Resume {
    /// The name of the session, as the last welcome had it.
    pub sid: String,
    /// The proof that the session belongs to the client, as the last welcome had it.
    pub token: Secret,
    /// Cumulative ack: the server's messages up to this sequence number are accepted; 0 where no message came.
    pub seq: u64,
    /// The refused messages up to `seq`, as far as the server may not know them.
    pub refused: Vec<Refusal>,
    /// The server's messages up to this sequence number came, accepted or not.
    pub seen: u64,
    /// The sequence number of the client's first message that is not acknowledged; `highest + 1` where all are.
    pub lowest: u64,
    /// The last sequence number that the client gave to a message of its own.
    pub highest: u64,
}

impl Resume {
    /// Names the session to resume, as one in which no message was sent or came.
    pub fn new(sid: String, token: Secret) -> Self {
        Self { sid, token, seq: 0, refused: Vec::new(), seen: 0, lowest: 1, highest: 0 }
    }
}

/// Terms of a session: the answer of a server that accepts a [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SessionTerms {
    /// The name of the session, at most 128 bytes.
    pub sid: String,
    /// The proof of the session for the next connection, at most 512 bytes.
    pub token: Secret,
    /// The time for which the server keeps the session after the connection is lost.
    pub lifetime: Duration,
    /// Whether the session is resumed or new.
    pub resumption: Resumption,
    /// The credit that the server gives to the client.
    pub credit: Credit,
    /// The time for which the server surely recognises a repeated id, in any session; `None` where it does not say.
    pub dedup: Option<Duration>,
    /// The time between two heartbeats of the client; `None` leaves it to the client.
    pub heartbeat: Option<Duration>,
}

impl SessionTerms {
    /// Makes the terms of a new session, without a dedup window and without a word about heartbeats.
    pub fn new(sid: String, token: Secret, lifetime: Duration, credit: Credit) -> Self {
        Self { sid, token, lifetime, resumption: Resumption::Fresh, credit, dedup: None, heartbeat: None }
    }
}

/// Outcome of the request to resume a session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resumption {
    /// The session is new, and the client asked for no other.
    Fresh,
    /// The session is resumed.
    Resumed {
        /// Cumulative ack: the client's messages up to this sequence number are accepted.
        seq: u64,
        /// The refused messages up to `seq`, as far as the client may not know them.
        refused: Vec<Refusal>,
    },
    /// The session is new, because the old session cannot be resumed.
    Lost {
        /// The reason.
        why: NotResumed,
        /// Cumulative ack of the old session: the client's messages up to this sequence number were accepted; `None`
        /// where the server does not know.
        seq: Option<u64>,
        /// The refused messages up to `seq` of the old session.
        refused: Vec<Refusal>,
        /// The server's messages of the old session up to this sequence number do not come again; `None` where the
        /// server does not know.
        gone: Option<u64>,
    },
}

/// Reason why a session is not resumed. In JSON the name in snake case, such as `expired`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NotResumed {
    /// The client was away for longer than the session is kept, or the sequence numbers are used up.
    Expired,
    /// The server does not know the session, or the token does not fit.
    Unknown,
    /// One end has lost a part of its state.
    Restarted,
    /// The session belongs to another account.
    Account,
    /// The session was made by another version of the server.
    Version,
}

/// Credit: the messages that one end takes before it has acknowledged any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Credit {
    /// The greatest number of unacknowledged messages, at least 1.
    pub messages: u64,
    /// The greatest number of bytes in the frames of unacknowledged messages; one message alone may be larger.
    pub bytes: u64,
    /// The greatest length of one frame, in bytes.
    pub frame: u64,
}

impl Credit {
    /// Makes a credit of so many messages, of so many bytes in their frames, and of so many bytes in one frame.
    pub const fn new(messages: u64, bytes: u64, frame: u64) -> Self {
        Self { messages, bytes, frame }
    }
}

/// Refused message: handled by the receiving application, and not accepted. In JSON `{"s":2,"code":7}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Refusal {
    /// The sequence number of the message.
    #[serde(rename = "s")]
    pub seq: u64,
    /// The reason as a number of the application; 0 where there is none.
    #[serde(default)]
    pub code: u32,
}

impl Refusal {
    /// Makes the refusal of the message with this sequence number, for a reason of the application's.
    pub const fn new(seq: u64, code: u32) -> Self {
        Self { seq, code }
    }
}
