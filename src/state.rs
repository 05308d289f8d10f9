//! The states of a session, and the causes of their changes.

use core::fmt;

use serde::{Deserialize, Serialize};

/// The state of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// The session was never opened.
    Idle,
    /// An attempt is under way, or waits for its credential.
    Connecting,
    /// The socket is open; the login is not done.
    Authenticating,
    /// The login is done, and messages flow.
    Ready,
    /// The application has closed; the session waits for the peer's close, for a limited time.
    Closing,
    /// The session waits for the time of the next attempt.
    Waiting,
    /// The session has ended; nothing happens until `open`.
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
    /// The link was silent and left a heartbeat unanswered.
    ///
    /// Two timers end as this cause: [`Death`](crate::Timer::Death), for heartbeats on schedule, and
    /// [`Probe`](crate::Timer::Probe), for a heartbeat out of turn. Before the loss
    /// [`next_deadline`](crate::Session::next_deadline) and [`explain`](crate::Session::explain) tell them apart.
    Dead,
    /// A heartbeat could not be written.
    HeartbeatFailed,
    /// A frame other than a heartbeat could not be written.
    SendFailed,
    /// The attempt took too long.
    AttemptTimeout,
    /// The login took too long.
    AuthenticationTimeout,
    /// No credential was available.
    CredentialUnavailable,
    /// A message was not confirmed in time.
    ReceiptOverdue,
    /// Nothing of what was handed over left the socket for too long, or a single frame took too long.
    WriteStalled,
    /// The session did not read for too long, because what it had read was not taken.
    ReadPaused,
    /// More malformed frames came than the limit allows.
    MalformedFlood,
    /// A message of the peer is missing. No connection loses a message by itself; the next connection repeats it.
    Gap,
    /// The peer acknowledged a message that was never sent, or named a session that never existed.
    AckAboveSent,
    /// A frame of an unknown kind came that must not be ignored.
    NotUnderstood,
    /// The process was restarted while attempts were failing.
    Restarted,
    /// The application asked for a new connection, a hint restarted an attempt that hung, or another session begins
    /// because the sequence numbers are used up.
    Renewed,
    /// Messages of the peer were deferred, and there is room for them again, or those behind a gap found no room. The
    /// next connection asks for them. Like `Renewed` this is no failure: it costs no attempt and no step of the
    /// backoff.
    Deferred,
    /// The application closed the session.
    User,
    /// The application drained the session, and then it closed.
    Drained,
    /// The account is connected elsewhere.
    Kicked,
    /// The credential was refused.
    Unauthorized,
    /// The peer's close code, or its bye, forbids another attempt.
    Terminal,
    /// The attempts are used up.
    GaveUp,
    /// The host reported that no further attempt can help.
    Permanent,
}

impl Cause {
    /// Whether the session, its user or a hint wanted another connection, so that the loss is no failure.
    pub(crate) fn is_renewal(self) -> bool {
        matches!(self, Self::Renewed | Self::Deferred)
    }
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
            Self::WriteStalled => "the socket took no more bytes",
            Self::ReadPaused => "what was read was not taken for too long",
            Self::MalformedFlood => "too many malformed frames came",
            Self::Gap => "a message of the peer's is missing",
            Self::AckAboveSent => "the peer acknowledged a message that was never sent",
            Self::NotUnderstood => "a frame of an unknown kind came that must not be ignored",
            Self::Restarted => "the process was restarted while attempts were failing",
            Self::Renewed => "the application asked for a new connection",
            Self::Deferred => "there is room again for messages that were deferred",
            Self::User => "the application closed",
            Self::Drained => "the application drained the session",
            Self::Kicked => "the account is connected elsewhere",
            Self::Unauthorized => "the credential was refused",
            Self::Terminal => "the close code forbids another attempt",
            Self::GaveUp => "the attempts are used up",
            Self::Permanent => "no further attempt can help",
        })
    }
}
