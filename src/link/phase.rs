//! The phases of a link, each with the data and the deadlines it owns. Leaving a phase drops them.

use alloc::string::String;

use crate::deadline::{Deadline, Timer};
use crate::id::ConnectionId;
use crate::link::heartbeat::Heartbeat;
use crate::state::{Cause, State};
use crate::time::Instant;

/// Where the link is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// Not opened yet.
    Idle,
    /// The handshake waits for a credential; no socket exists.
    Preparing { connection: ConnectionId, until: Instant },
    /// The host dials.
    Connecting { connection: ConnectionId, until: Instant },
    /// The socket is open, the login is not done.
    Authenticating { connection: ConnectionId, until: Instant, login: LoginStep },
    /// Messages flow.
    Ready { connection: ConnectionId, since: Instant, heartbeat: Heartbeat, evidence: Evidence, login: LoginStep },
    /// The application has closed; the peer's close is awaited.
    Closing { connection: ConnectionId, until: Instant, cause: Cause },
    /// The next attempt has its time.
    Waiting { until: Instant, cause: Cause },
    /// The attempts are used up, which is told when the last one's slot is over.
    GivingUp { until: Instant, attempts: u32, cause: Cause },
    /// Nothing more happens until `open`.
    Stopped { cause: Cause },
}

/// How far a challenge is answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum LoginStep {
    /// Nothing was asked.
    Unasked,
    /// The host was asked for the credential; the answer carries this back.
    Credential { reference: Option<String> },
    /// The answer is out.
    Answered,
}

/// Whether the connection has shown that it is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Evidence {
    None,
    Heard,
}

impl Phase {
    /// The phase by its public name.
    #[inline]
    pub(crate) fn state(&self) -> State {
        match self {
            Self::Ready { .. } => State::Ready,
            other => other.other_state(),
        }
    }

    /// The same where no connection is ready; apart, because nearly all inputs find one that is.
    #[inline(never)]
    fn other_state(&self) -> State {
        match self {
            Self::Ready { .. } => State::Ready,
            Self::Idle => State::Idle,
            Self::Preparing { .. } | Self::Connecting { .. } => State::Connecting,
            Self::Authenticating { .. } => State::Authenticating,
            Self::Closing { .. } => State::Closing,
            Self::Waiting { .. } | Self::GivingUp { .. } => State::Waiting,
            Self::Stopped { .. } => State::Stopped,
        }
    }

    /// The connection that has, or may soon have, a socket.
    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::Connecting { connection, .. }
            | Self::Authenticating { connection, .. }
            | Self::Ready { connection, .. }
            | Self::Closing { connection, .. } => Some(*connection),
            Self::Idle
            | Self::Preparing { .. }
            | Self::Waiting { .. }
            | Self::GivingUp { .. }
            | Self::Stopped { .. } => None,
        }
    }

    /// The connection whose frames count.
    pub(crate) fn listening(&self) -> Option<ConnectionId> {
        match self {
            Self::Authenticating { connection, .. } | Self::Ready { connection, .. } => Some(*connection),
            _ => None,
        }
    }

    /// Why the phase was entered, where that has a cause.
    pub(crate) fn cause(&self) -> Option<Cause> {
        match self {
            Self::Closing { cause, .. }
            | Self::Waiting { cause, .. }
            | Self::GivingUp { cause, .. }
            | Self::Stopped { cause } => Some(*cause),
            _ => None,
        }
    }

    /// The next moment at which this phase wants a tick.
    #[inline]
    pub(crate) fn deadline(&self) -> Deadline {
        match self {
            Self::Ready { heartbeat, .. } => heartbeat.deadline(),
            other => other.end(),
        }
    }

    /// When the phase ends by itself, where it does; apart for the same reason.
    #[inline(never)]
    fn end(&self) -> Deadline {
        let (at, timer) = match self {
            Self::Idle | Self::Stopped { .. } | Self::Ready { .. } => return Deadline::NEVER,
            Self::Preparing { until, .. } => (*until, Timer::Credential),
            Self::Connecting { until, .. } => (*until, Timer::Attempt),
            Self::Authenticating { until, .. } => (*until, Timer::Authentication),
            Self::Closing { until, .. } => (*until, Timer::Close),
            Self::Waiting { until, .. } => (*until, Timer::Reconnect),
            Self::GivingUp { until, .. } => (*until, Timer::GiveUp),
        };
        Deadline { at, timer }
    }
}
