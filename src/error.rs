//! Every refusal, one small enum an operation.
//!
//! The texts are sentences that name the limit or the rule. None of them repeats what a peer sent.

use alloc::string::String;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a frame of the peer could not be understood; reported, and the session lives on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Malformed {
    /// The frame is over `limits.frame_bytes`; it was dropped unread.
    #[error("the frame has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// The frame's length.
        bytes: u64,
        /// The limit it met.
        limit: u64,
    },
    /// The JSON nests deeper than `limits.depth`.
    #[error("the frame nests deeper than {limit} levels")]
    TooDeep {
        /// The limit it met.
        limit: u64,
    },
    /// The text is not JSON (RFC 8259), or a field of it has the wrong type.
    #[error("the frame is not what its kind requires: {problem} at line {line}, column {column}")]
    Json {
        /// What is wrong, in general words.
        problem: JsonProblem,
        /// Line of the problem, from 1.
        line: u64,
        /// Column of the problem, from 1.
        column: u64,
    },
    /// The frame is JSON but no object.
    #[error("the frame is JSON but not an object")]
    NotAnObject,
    /// A field that this kind of frame needs is missing.
    #[error("the frame has no field `{field}`")]
    Missing {
        /// The field.
        field: String,
    },
    /// An id is empty, too long, or neither a text nor an integer up to 2^53 - 1.
    #[error("the id in `{field}` is not a text of 1 to {limit} bytes or an integer up to 2^53 - 1")]
    BadId {
        /// The field that holds it.
        field: String,
        /// The limit of a text id, in bytes.
        limit: u64,
    },
    /// A number that is not an integer from 0 to 2^53 - 1.
    #[error("the number in `{field}` is not an integer from 0 to 2^53 - 1")]
    BadNumber {
        /// The field that holds it.
        field: String,
    },
    /// A frame of a kind that is not known here, and that says it must not be passed over.
    #[error("the frame is of a kind that is not known here and must not be passed over")]
    Unsupported,
    /// A binary frame where the dialect has text only.
    #[error("a binary frame came where the dialect has text only")]
    UnexpectedBinary,
}

/// What `serde_json` had against a frame, without its words: those repeat the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JsonProblem {
    /// Not JSON at all.
    #[error("a syntax error")]
    Syntax,
    /// JSON that ends too early.
    #[error("an early end")]
    Truncated,
    /// A field of the wrong type, a field twice, or a field missing.
    #[error("a field of the wrong shape")]
    Shape,
}

/// Why a dialect cannot write a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unencodable {
    /// The dialect has no word for it.
    #[error("the dialect has no word for this signal")]
    NoWord,
    /// The reader would take the body for another signal.
    #[error("the reader would take this body for another signal of the dialect")]
    Reserved,
    /// The dialect has text frames only.
    #[error("the dialect carries text only")]
    Binary,
}

/// Why `send` took nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The session has ended; `open` it first.
    #[error("the session is stopped; open it before sending")]
    Stopped,
    /// The connection is not ready, and this configuration does not queue.
    #[error("the connection is not ready, and the configuration refuses to queue meanwhile")]
    NotReady,
    /// The session is draining and takes nothing new.
    #[error("the session is draining and takes nothing new")]
    Draining,
    /// The outbox holds as many messages as it may.
    #[error("the outbox is full: it holds its {limit} messages")]
    Full {
        /// `outbox.messages`.
        limit: u64,
    },
    /// The outbox holds as many bytes as it may.
    #[error("the outbox is full: with this message it would hold more than {limit} bytes")]
    FullBytes {
        /// `outbox.bytes`.
        limit: u64,
    },
    /// The body is over `limits.message_bytes`.
    #[error("the message has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// The body's length.
        bytes: u64,
        /// `limits.message_bytes`.
        limit: u64,
    },
    /// A message of this id is in the outbox or was settled lately.
    #[error("a message of this id was taken already")]
    DuplicateId,
    /// The id is empty or over `limits.id_bytes`.
    #[error("an id is a text of 1 to {limit} bytes or an integer up to 2^53 - 1")]
    BadId {
        /// `limits.id_bytes`.
        limit: u64,
    },
    /// The dialect cannot carry this body.
    #[error(transparent)]
    Unencodable(#[from] Unencodable),
}

/// Why `resend` did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ResendError {
    /// The session has ended; `open` it first.
    #[error("the session is stopped; open it before sending")]
    Stopped,
    /// The connection is not ready, and this configuration does not queue.
    #[error("the connection is not ready, and the configuration refuses to queue meanwhile")]
    NotReady,
    /// The session is draining and takes nothing new.
    #[error("the session is draining and takes nothing new")]
    Draining,
    /// No message of this id is known, or its body is no longer kept.
    #[error("no failed message of this id is kept")]
    Unknown,
    /// The message is not settled yet, or was a success.
    #[error("only a failed or unconfirmed message can be sent again")]
    NotFailed,
    /// The outbox holds as much as it may.
    #[error("the outbox is full")]
    Full,
}

/// Why `cancel` did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum CancelError {
    /// No message of this id waits to be sent.
    #[error("no message of this id is in the outbox")]
    Unknown,
    /// It was handed to a socket already, so nobody can take it back.
    #[error("the message was sent already")]
    Sent,
}

/// Why `acknowledge` or `reject` did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum AcknowledgeError {
    /// No delivered message of this id waits for it.
    #[error("no delivered message of this id waits to be acknowledged")]
    Unknown,
}

/// Why `fetched` did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum FetchedError {
    /// No gap of these ends was told, or it is closed.
    #[error("nobody asked for messages between these two positions")]
    Unasked,
}

/// Why `mark_read` did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum MarkReadError {
    /// The dialect has no word for it.
    #[error("the dialect has no read receipts")]
    NoWord,
    /// No message of this id was delivered, or it is so old that the inbox has forgotten it.
    #[error("no delivered message of that id is remembered")]
    Unknown,
    /// The conversation's name is over `limits.id_bytes`.
    #[error("the name of a conversation has at most {limit} bytes")]
    Conversation {
        /// `limits.id_bytes`.
        limit: u64,
    },
    /// The id is empty or over `limits.id_bytes`.
    #[error("an id is a text of 1 to {limit} bytes or an integer up to 2^53 - 1")]
    BadId {
        /// `limits.id_bytes`.
        limit: u64,
    },
}

/// Why `close_with` did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum CloseError {
    /// An endpoint may send 1000 and 3000 to 4999 only (RFC 6455 §7.4).
    #[error("close code {code} is not the application's to send: use 1000 or 3000 to 4999")]
    Code {
        /// The code that was asked for.
        code: u16,
    },
    /// A close frame has room for 123 bytes of reason (RFC 6455 §5.5).
    #[error("the close reason has {bytes} bytes, a close frame has room for 123")]
    Reason {
        /// The reason's length.
        bytes: u64,
    },
}

/// Why a snapshot was not restored; nothing of it was used.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// It is of a version this crate does not read.
    #[error("the snapshot is of version {version}, this crate reads version 1")]
    Version {
        /// The version it claims.
        version: u64,
    },
    /// Its content does not match its checksum.
    #[error("the snapshot is damaged: its content does not match its checksum")]
    Damaged,
    /// It was taken under another preset.
    #[error("the snapshot was taken under the preset `{preset}`")]
    Preset {
        /// The preset it names.
        preset: String,
    },
}

/// Why a call that needs an open session did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum NotOpenError {
    /// The session is idle, closing or stopped.
    #[error("the session is not open")]
    NotOpen,
}

/// Why a preset could not be made from its name and settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum PresetError {
    /// No preset has this name.
    #[error("there is no preset of that name; there are: {known}")]
    Unknown {
        /// The names there are.
        known: String,
    },
    /// A setting that this preset cannot do without is missing.
    #[error("the preset `{preset}` needs the setting `{setting}`")]
    Missing {
        /// The preset.
        preset: String,
        /// The setting, as it stands under `"preset"`.
        setting: String,
    },
    /// The settings do not have the shape of a configuration.
    #[error("the configuration cannot be read: {problem}")]
    Invalid {
        /// What is wrong with it; the text is the caller's own.
        problem: String,
    },
    /// A setting is out of its range, or two of them contradict each other.
    #[error("the configuration does not hold: {0}")]
    Config(#[from] ConfigError),
}

/// Which setting of a configuration is out of its range, or which contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A limit is out of its range.
    #[error("`{setting}` is {value} and must be from {least} to {most}")]
    Range {
        /// The setting, as it stands in the configuration: `outbox.messages`.
        setting: &'static str,
        /// Its value.
        value: u64,
        /// The least it may be.
        least: u64,
        /// The most it may be.
        most: u64,
    },
    /// The dedup window is shorter than what the server may repeat.
    #[error(
        "the inbox remembers {window} ids and must remember {needed}: all that the server keeps and all that may wait"
    )]
    Window {
        /// `inbox.window`.
        window: u64,
        /// `inbox.server_keeps`, and `inbox.pending` where the application acknowledges.
        needed: u64,
    },
}
