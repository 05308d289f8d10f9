//! The half that knows connections and no messages: it connects, listens for life, finds out about death, and waits.
//!
//! 1. At most one connection is wanted at any time; its id never repeats.
//! 2. Events of any other connection change nothing.
//! 3. Error and close of one connection are one loss.
//! 4. After `Stopped` there is no action and no deadline until `open`.

mod attempt;
mod fallback;
mod heartbeat;
mod life;
mod login;
mod loss;
mod phase;
mod reconnect;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::deadline::Deadline;
use crate::id::ConnectionId;
use crate::link::fallback::Fallback;
use crate::link::reconnect::Reconnect;
use crate::secret::Secret;
use crate::state::Cause;
use crate::time::{Duration, Instant};

pub(crate) use attempt::check_close;
use loss::Flood;
pub(crate) use loss::{DisconnectReason, close_code_for};
pub(crate) use phase::Phase;

/// What the other half must hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkEvent {
    /// Something moved that concerns the link alone.
    Moved,
    /// The socket is open, and the first word on it is delivery's.
    Opened(ConnectionId),
    /// Messages may flow on this connection.
    Ready(ConnectionId),
    /// The connection is lost, and another will be tried.
    Lost(Cause),
    /// Nothing more happens until `open`; every message gets its outcome.
    Ended,
    /// Nothing more happens until `open`; messages are kept for it.
    Refused,
}

/// The link of one session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    phase: Phase,
    last_connection: u64,
    reconnect: Reconnect,
    fallback: Fallback,
    credential: Option<Secret>,
    flood: Flood,
    /// Closes with code 1009 in a row: the third one stops.
    too_big: u8,
    /// Set by a restart in the middle of an outage, until the first `open`.
    restarted: Option<Restarted>,
}

/// An outage that a restart carried over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Restarted {
    failures: u32,
    away: Duration,
}

/// The durable state of a link.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct LinkState {
    connections: u64,
    failures: u32,
}

impl Link {
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::Idle,
            last_connection: 0,
            reconnect: Reconnect::default(),
            fallback: Fallback::new(),
            credential: None,
            flood: Flood::default(),
            too_big: 0,
            restarted: None,
        }
    }

    pub(crate) fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Attempts begun, which a snapshot must not forget: their ids never come again.
    pub(crate) fn attempts(&self) -> u64 {
        self.last_connection
    }

    /// The durable state. An attempt that has proved nothing counts as failed: a process that crashes at each start is a
    /// loop of attempts like any other.
    pub(crate) fn to_state(&self, now: Instant, config: &Config) -> LinkState {
        let failures = match &self.phase {
            Phase::Idle => self.restarted.map_or(0, |restarted| restarted.failures),
            Phase::Closing { .. } | Phase::Stopped { .. } => 0,
            Phase::Ready { .. } if self.is_stable(now, config) => 0,
            Phase::Waiting { .. } | Phase::GivingUp { .. } => self.reconnect.failures(),
            Phase::Preparing { .. } | Phase::Connecting { .. } | Phase::Authenticating { .. } | Phase::Ready { .. } => {
                self.reconnect.failures().saturating_add(1)
            }
        };
        LinkState { connections: self.last_connection, failures }
    }

    /// A link as a snapshot held it: it opens after the wait its failures have earned, less the time it was away.
    pub(crate) fn from_state(state: &LinkState, away: Duration) -> Self {
        let mut link = Self::new();
        link.last_connection = state.connections;
        link.restarted = (state.failures > 0).then_some(Restarted { failures: state.failures, away });
        link
    }

    /// Attempts that failed in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.reconnect.failures()
    }

    /// Whether a user's `send` can ever lead anywhere without another `open`.
    pub(crate) fn is_ended(&self) -> bool {
        match self.phase {
            Phase::Stopped { cause } => cause != Cause::Unauthorized,
            Phase::Closing { .. } => true,
            _ => false,
        }
    }

    /// Whether frames of this connection count.
    pub(crate) fn listens_to(&self, connection: ConnectionId) -> bool {
        self.phase.listening() == Some(connection)
    }

    /// Whether nothing happens until `open`.
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self.phase, Phase::Stopped { .. })
    }

    /// Whether the login is done.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready { .. })
    }

    /// Whether a heartbeat out of turn is unanswered, so that nobody knows whether the link still carries anything.
    pub(crate) fn is_probing(&self) -> bool {
        matches!(&self.phase, Phase::Ready { heartbeat, .. } if heartbeat.is_probing())
    }

    /// The next moment at which the link wants a tick.
    pub(crate) fn deadline(&self) -> Deadline {
        self.phase.deadline().earlier(self.fallback.deadline())
    }
}
