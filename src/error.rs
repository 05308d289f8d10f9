//! The errors of all operations: one small enum for each operation.
//!
//! Every error text is a sentence that names the limit or the rule, and every variant has a code for programs. No error
//! text repeats data that a peer sent.

use alloc::string::String;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::kinds::codes;

/// Why a frame of the peer could not be understood. The frame is reported, and the session goes on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Malformed {
    /// The frame is longer than `limits.frame_bytes`, and was dropped unread.
    #[error("the frame has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// The length of the frame.
        bytes: u64,
        /// The limit, `limits.frame_bytes`.
        limit: u64,
    },
    /// The JSON nests deeper than `limits.depth`.
    #[error("the frame nests deeper than {limit} levels")]
    TooDeep {
        /// The limit on levels of nesting.
        limit: u64,
    },
    /// The text is not JSON (RFC 8259), or one of its fields has the wrong type.
    #[error("the frame cannot be read: {problem} at line {line}, column {column}")]
    Json {
        /// The kind of problem.
        problem: JsonProblem,
        /// The line of the problem, from 1.
        line: u64,
        /// The column of the problem, from 1.
        column: u64,
    },
    /// The frame is JSON but not an object.
    #[error("the frame is JSON but not an object")]
    NotAnObject,
    /// A field that this kind of frame needs is missing.
    #[error("the frame has no field `{field}`")]
    Missing {
        /// The name of the field.
        field: String,
    },
    /// An id is empty, too long, or neither a text nor an integer up to 2^53 - 1.
    #[error("the id in `{field}` is not a text of 1 to {limit} bytes or an integer up to 2^53 - 1")]
    BadId {
        /// The name of the field that holds the id.
        field: String,
        /// The limit of a text id, in bytes.
        limit: u64,
    },
    /// A number is not an integer from 0 to 2^53 - 1.
    #[error("the number in `{field}` is not an integer from 0 to 2^53 - 1")]
    BadNumber {
        /// The name of the field that holds the number.
        field: String,
    },
    /// The frame is of an unknown kind and is marked as one that must not be ignored.
    #[error("the frame is of an unknown kind and must not be ignored")]
    Unsupported,
    /// A record began in an earlier frame, and a frame of another kind came before its end. The record is lost.
    #[error("a frame of another kind came within a record")]
    Unfinished,
    /// The frame is binary, and the dialect has text frames only.
    #[error("a binary frame came where the dialect has text only")]
    UnexpectedBinary,
}

/// The kind of problem that `serde_json` found in a frame. Its own texts are left out, because they repeat the peer's
/// data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JsonProblem {
    /// The text is not JSON at all.
    #[error("a syntax error")]
    Syntax,
    /// The JSON ends too early.
    #[error("an early end")]
    Truncated,
    /// A field has the wrong type, appears twice, or is missing.
    #[error("a field of the wrong shape")]
    Shape,
}

/// Why a dialect cannot write a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unencodable {
    /// The dialect has no frame for this signal.
    #[error("the dialect has no frame for this signal")]
    NoWord,
    /// The reader would decode the body as another signal.
    #[error("the reader would take this body for another signal of the dialect")]
    Reserved,
    /// The dialect has text frames only.
    #[error("the dialect carries text only")]
    Binary,
    /// A name, an id or a list in the signal is empty or longer than the dialect allows.
    #[error("the dialect takes a name, an id or a list of this kind with a length from 1 to {limit}")]
    BadLength {
        /// The limit: bytes of a text, entries of a list.
        limit: u64,
    },
}

/// Why `send` did not take the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The session has ended; `open` it first.
    #[error("the session is stopped; open it before sending")]
    Stopped,
    /// The connection is not ready, and this configuration does not queue.
    #[error("the connection is not ready, and the configuration refuses to queue meanwhile")]
    NotReady,
    /// The session is draining and takes no new message.
    #[error("the session is draining and takes nothing new")]
    Draining,
    /// The outbox holds as many messages as its limit allows.
    #[error("the outbox is full: it holds its {limit} messages")]
    Full {
        /// The limit, `outbox.messages`.
        limit: u64,
    },
    /// The outbox has no room for the bytes of this message.
    #[error("the outbox is full: with this message it would hold more than {limit} bytes")]
    FullBytes {
        /// The limit, `outbox.bytes`.
        limit: u64,
    },
    /// The body is longer than `limits.message_bytes`.
    #[error("the message has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// The length of the body.
        bytes: u64,
        /// The limit, `limits.message_bytes`.
        limit: u64,
    },
    /// A message of this id is in the outbox or was settled lately.
    #[error("a message of this id was taken already")]
    DuplicateId,
    /// The id is empty or longer than `limits.id_bytes`.
    #[error("an id is a text of 1 to {limit} bytes or an integer up to 2^53 - 1")]
    BadId {
        /// The limit, `limits.id_bytes`.
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
    /// The session is draining and takes no new message.
    #[error("the session is draining and takes nothing new")]
    Draining,
    /// No message of this id is known, or its body is no longer kept.
    #[error("no failed message of this id is kept")]
    Unknown,
    /// The message was never sent and waits for that, or succeeded.
    #[error("only a message that failed or is unconfirmed can be sent again")]
    NotFailed,
    /// The message is in flight, and the dialect forbids a second copy on the same connection.
    #[error("the dialect forbids a second copy on the same connection")]
    NoRepeats,
    /// The outbox is full.
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
    /// The message was already handed to a socket, so it can no longer be taken back.
    #[error("the message was sent already")]
    Sent,
}

/// Why `abandon` did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum AbandonError {
    /// No message of this id is in the outbox, or holds the messages behind it.
    #[error("no message of this id is in the outbox")]
    Unknown,
    /// The message was never sent; [`cancel`](crate::Session::cancel) takes it back.
    #[error("the message was never sent; cancel it")]
    NotSent,
}

/// Why `acknowledge` or `reject` did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum AcknowledgeError {
    /// No delivered message of this id waits to be acknowledged.
    #[error("no delivered message of this id waits to be acknowledged")]
    Unknown,
}

/// Why `fetched` did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum FetchedError {
    /// No `Gap` with these two ends was reported, or that gap is closed.
    #[error("no open gap has these two ends")]
    Unasked,
    /// An id is empty or longer than `limits.id_bytes`.
    #[error("an id is a text of 1 to {limit} bytes or an integer up to 2^53 - 1")]
    BadId {
        /// The limit, `limits.id_bytes`.
        limit: u64,
    },
}

/// Why `mark_read` did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum MarkReadError {
    /// The dialect has no read receipts.
    #[error("the dialect has no read receipts")]
    NoWord,
    /// No message of this id was delivered, or it is so old that the inbox has forgotten it.
    #[error("no delivered message of that id is remembered")]
    Unknown,
    /// The name of the conversation is longer than `limits.id_bytes`.
    #[error("the name of a conversation has at most {limit} bytes")]
    Conversation {
        /// The limit, `limits.id_bytes`.
        limit: u64,
    },
    /// The id is empty or longer than `limits.id_bytes`, or longer than the dialect can write.
    #[error("an id is a text of 1 to {limit} bytes or an integer up to 2^53 - 1")]
    BadId {
        /// The limit of a text id, in bytes.
        limit: u64,
    },
    /// So many conversations have a read marker that was not sent yet; the first connection sends them.
    #[error("the read markers of {limit} conversations wait to be sent")]
    Full {
        /// The limit on conversations.
        limit: u64,
    },
}

/// Why [`Peer::delivered`](crate::Peer::delivered) or [`Peer::read`](crate::Peer::read) did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// The dialect has no such receipt.
    #[error("the dialect has no such receipt")]
    NoWord,
    /// No message of this id was delivered, or it is so old that the inbox has forgotten it.
    #[error("no delivered message of that id is remembered")]
    Unknown,
}

/// Why [`Session::close_with`](crate::Session::close_with) or [`Peer::bye`](crate::Peer::bye) did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum CloseError {
    /// The close code is neither 1000 nor in 3000 to 4999, the only codes that an endpoint may send (RFC 6455 §7.4).
    #[error("close code {code} is not the application's to send: use 1000 or 3000 to 4999")]
    Code {
        /// The code of the call.
        code: u16,
    },
    /// The close reason is longer than the 123 bytes that a close frame has room for (RFC 6455 §5.5).
    #[error("the close reason has {bytes} bytes, a close frame has room for 123")]
    Reason {
        /// The length of the reason.
        bytes: u64,
    },
}

/// Why a snapshot was not restored. No part of the snapshot was used.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The snapshot is of a version that this crate does not read.
    #[error("the snapshot is of version {version}, this crate reads version 1")]
    Version {
        /// The version that the snapshot names.
        version: u64,
    },
    /// The records of the snapshot do not belong together, as those of a write that was torn, or contradict themselves:
    /// an id that stands twice, a number that no session reaches, sequence numbers out of order.
    #[error("the snapshot is damaged: its records do not belong together, or contradict themselves")]
    Damaged,
    /// The snapshot was taken under another preset.
    #[error("the snapshot was taken under the preset `{preset}`")]
    Preset {
        /// The preset that the snapshot names.
        preset: String,
    },
    /// The snapshot is of the other side: a session's cannot be restored as a peer's, nor the other way round.
    #[error("the snapshot is of the other side: a session and a peer restore only their own")]
    Side,
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
        /// The names of all presets.
        known: String,
    },
    /// A setting that this preset needs is missing.
    #[error("the preset `{preset}` needs the setting `{setting}`")]
    Missing {
        /// The name of the preset.
        preset: String,
        /// The name of the setting under `"preset"`.
        setting: String,
    },
    /// The settings do not have the shape of a configuration.
    #[error("the configuration cannot be read: {problem}")]
    Invalid {
        /// The problem; it names fields and types, and repeats no value.
        problem: String,
    },
    /// A setting is out of its range, or two settings contradict each other.
    #[error("the configuration does not hold: {0}")]
    Config(#[from] ConfigError),
}

/// Which setting of a configuration is out of its range, or which settings contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A limit is out of its range.
    #[error("`{setting}` is {value} and must be from {least} to {most}")]
    Range {
        /// The name of the setting in the configuration, such as `outbox.messages`.
        setting: &'static str,
        /// The value of the setting.
        value: u64,
        /// The least value allowed.
        least: u64,
        /// The greatest value allowed.
        most: u64,
    },
    /// The capabilities of the dialect contradict each other.
    #[error("the dialect contradicts itself: {rule}")]
    Capabilities {
        /// The rule that they break.
        rule: &'static str,
    },
    /// The dedup window is smaller than the number of messages that the server may repeat.
    #[error(
        "the inbox remembers {window} ids and must remember {needed}: all that the server keeps and all that may wait"
    )]
    Window {
        /// The window, `inbox.window`.
        window: u64,
        /// The window needed: `inbox.server_keeps`, plus `inbox.pending` where the application acknowledges.
        needed: u64,
    },
    /// A close code is not the configuration's to send, or none that a peer may send (RFC 6455 §7.4).
    #[error("`{setting}` has the close code {code}, which no close frame there can carry")]
    CloseCode {
        /// The name of the setting.
        setting: &'static str,
        /// The code, or the first such code of a range.
        code: u16,
    },
    /// A close code stands in the lists of `close` twice.
    #[error("`{setting}` has the close code {code}, which stands in the lists of `close` already")]
    CloseCodeTwice {
        /// The name of one of the settings that have it.
        setting: &'static str,
        /// The code.
        code: u16,
    },
    /// Credentials are to be asked for, and the dialect has no login.
    #[error("`authentication.credential` is `asked`, and the dialect has no login for which to ask")]
    NoLogin,
    /// The dialect declares heartbeats of the client, and encodes none.
    #[error("the dialect declares heartbeats of the client and does not encode any")]
    Heartbeat,
}

codes!(Malformed:
    TooLarge => "too_large",
    TooDeep => "too_deep",
    Json => "json",
    NotAnObject => "not_an_object",
    Missing => "missing",
    BadId => "bad_id",
    BadNumber => "bad_number",
    Unsupported => "unsupported",
    Unfinished => "unfinished",
    UnexpectedBinary => "unexpected_binary"
);
codes!(JsonProblem: Syntax => "syntax", Truncated => "truncated", Shape => "shape");
codes!(Unencodable: NoWord => "no_word", Reserved => "reserved", Binary => "binary", BadLength => "bad_length");
codes!(SendError:
    Stopped => "stopped",
    NotReady => "not_ready",
    Draining => "draining",
    Full => "full",
    FullBytes => "full_bytes",
    TooLarge => "too_large",
    DuplicateId => "duplicate_id",
    BadId => "bad_id";
    Unencodable
);
codes!(ResendError:
    Stopped => "stopped",
    NotReady => "not_ready",
    Draining => "draining",
    Unknown => "unknown",
    NotFailed => "not_failed",
    NoRepeats => "no_repeats",
    Full => "full"
);
codes!(CancelError: Unknown => "unknown", Sent => "sent");
codes!(AbandonError: Unknown => "unknown", NotSent => "not_sent");
codes!(AcknowledgeError: Unknown => "unknown");
codes!(FetchedError: Unasked => "unasked", BadId => "bad_id");
codes!(MarkReadError:
    NoWord => "no_word",
    Unknown => "unknown",
    Conversation => "conversation",
    BadId => "bad_id",
    Full => "full"
);
codes!(ReceiptError: NoWord => "no_word", Unknown => "unknown");
codes!(CloseError: Code => "close_code", Reason => "close_reason");
codes!(RestoreError:
    Version => "snapshot_version",
    Damaged => "snapshot_damaged",
    Preset => "snapshot_preset",
    Side => "snapshot_side"
);
codes!(NotOpenError: NotOpen => "not_open");
codes!(PresetError: Unknown => "unknown_preset", Missing => "missing_setting", Invalid => "invalid_config"; Config);
codes!(ConfigError:
    Range => "range",
    Capabilities => "capabilities",
    Window => "window",
    CloseCode => "close_code",
    CloseCodeTwice => "close_code_twice",
    NoLogin => "no_login",
    Heartbeat => "heartbeat"
);
