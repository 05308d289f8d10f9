//! How two ends that count their messages begin: what each knows of the other, and what each takes.

use alloc::string::String;
use alloc::vec::Vec;

use crate::secret::Secret;
use crate::time::Duration;

/// A client's first word: who it is, what it takes, and where it wants to go on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hello {
    /// The credential, where there is one.
    pub credential: Option<Secret>,
    /// The session to go on with, where there was one.
    pub resume: Option<Resume>,
    /// What the client takes.
    pub credit: Credit,
}

/// The session that a client wants to go on with, and what it knows of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resume {
    /// The session's name.
    pub sid: String,
    /// The proof that it is the client's.
    pub token: Secret,
    /// The server's messages up to this position are accepted.
    pub seq: u64,
    /// Which of those are refused, as far as the server may not know.
    pub refused: Vec<Refusal>,
    /// The server's messages up to this position came, accepted or not.
    pub seen: u64,
    /// The first of the client's own messages that is not acknowledged, one past the last where all are.
    pub lowest: u64,
    /// The last position that the client knows to have given to a message of its own.
    pub highest: u64,
}

/// The server's answer to a [`Hello`] that it takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionTerms {
    /// The session's name.
    pub sid: String,
    /// What proves it at the next connection.
    pub token: Secret,
    /// How long the server keeps it after the connection is lost.
    pub lifetime: Duration,
    /// Whether it goes on where it was.
    pub resumption: Resumption,
    /// What the server takes.
    pub credit: Credit,
    /// How far back the server surely recognises a repeated id, whatever the session; `None` where it does not say.
    pub dedup: Option<Duration>,
    /// How often the client shall send a heartbeat; `None` leaves it to the client.
    pub heartbeat: Option<Duration>,
}

/// Whether a session goes on where it was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Resumption {
    /// It is new, and nothing else was asked for.
    Fresh,
    /// It goes on.
    Resumed {
        /// The client's messages up to this position are accepted.
        seq: u64,
        /// Which of those are refused, as far as the client may not know.
        refused: Vec<Refusal>,
    },
    /// It is new, because the old one cannot go on.
    Lost {
        /// Why not.
        why: NotResumed,
        /// Of the old session: the client's messages up to this position were accepted, where the server knows.
        seq: Option<u64>,
        /// Which of those were refused.
        refused: Vec<Refusal>,
        /// Of the old session: the server's messages up to this position do not come again, where the server knows.
        gone: Option<u64>,
    },
}

/// Why a session does not go on where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotResumed {
    /// The client was away for longer than the session is kept, or its numbers are used up.
    Expired,
    /// The server does not know it, or the token does not fit.
    Unknown,
    /// One side has lost a part of what it knew.
    Restarted,
    /// It belongs to another account.
    Account,
    /// It was made by another version of the server.
    Version,
}

/// What one end takes before it has acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Credit {
    /// Messages at most, at least one.
    pub messages: u64,
    /// Bytes of their frames at most; one message alone may be larger.
    pub bytes: u64,
    /// Bytes of one frame at most.
    pub frame: u64,
}

/// A message that was refused: handled, and not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Refusal {
    /// Its position.
    #[serde(rename = "s")]
    pub seq: u64,
    /// The reason as a number; zero where there is none.
    #[serde(default)]
    pub code: u32,
}
