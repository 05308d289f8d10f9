//! The phases of a session, and why they change.

use core::fmt;

use serde::{Deserialize, Serialize};

/// The phase of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// Not opened yet.
    Idle,
    /// An attempt is under way, or waits for its credential.
    Connecting,
    /// The socket is open; the login is not done.
    Authenticating,
    /// Messages flow.
    Ready,
    /// The application has closed; the peer's close is awaited, for a bounded time.
    Closing,
    /// The next attempt has its time.
    Waiting,
    /// Nothing more happens until `open`.
    Stopped,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Authenticating => "authenticating",
            Self::Ready => "ready",
            Self::Closing => "closing",
            Self::Waiting => "waiting",
            Self::Stopped => "stopped",
        })
    }
}

/// Why a connection ended or the session stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// The host reported an error.
    Errored,
    /// The connection was closed from outside.
    Closed,
    /// Silence, and an unanswered heartbeat.
    Dead,
    /// A heartbeat could not be written.
    HeartbeatFailed,
    /// A frame other than a heartbeat could not be written.
    SendFailed,
    /// The attempt took too long.
    AttemptTimeout,
    /// The login took too long.
    AuthenticationTimeout,
    /// No credential was to be had.
    CredentialUnavailable,
    /// A message was not confirmed in time.
    ReceiptOverdue,
    /// More malformed frames came than the limit allows.
    MalformedFlood,
    /// A message of the peer's is missing, which no connection loses by itself; the next one repeats it.
    Gap,
    /// The peer acknowledged what it was not sent, or speaks of a session that never was.
    AckAboveSent,
    /// A frame came that is not known here and must not be passed over.
    NotUnderstood,
    /// The process was restarted while attempts were failing.
    Restarted,
    /// The application asked for a new connection.
    Renewed,
    /// The application closed.
    User,
    /// The application drained, and then closed.
    Drained,
    /// The account is connected elsewhere.
    Kicked,
    /// The credential was refused.
    Unauthorized,
    /// The peer's close code, or its good-bye, forbids another attempt.
    Terminal,
    /// The attempts are used up.
    GaveUp,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Errored => "the connection failed",
            Self::Closed => "the connection was closed",
            Self::Dead => "the link went silent and a heartbeat stayed unanswered",
            Self::HeartbeatFailed => "a heartbeat could not be written",
            Self::SendFailed => "a frame could not be written",
            Self::AttemptTimeout => "the attempt took too long",
            Self::AuthenticationTimeout => "the login took too long",
            Self::CredentialUnavailable => "no credential was to be had",
            Self::ReceiptOverdue => "a message was not confirmed in time",
            Self::MalformedFlood => "too many malformed frames came",
            Self::Gap => "a message of the peer's is missing",
            Self::AckAboveSent => "the peer acknowledged what it was not sent",
            Self::NotUnderstood => "a frame came that must not be passed over and is not known here",
            Self::Restarted => "the process was restarted while attempts were failing",
            Self::Renewed => "the application asked for a new connection",
            Self::User => "the application closed",
            Self::Drained => "the application drained the session",
            Self::Kicked => "the account is connected elsewhere",
            Self::Unauthorized => "the credential was refused",
            Self::Terminal => "the close code forbids another attempt",
            Self::GaveUp => "the attempts are used up",
        })
    }
}
