//! One unsettled message, and its form in a snapshot.

use serde::{Deserialize, Serialize};

use super::settled::Kept;
use super::slot_map::HasId;
use crate::frame::Body;
use crate::id::MessageId;
use crate::outgoing::Repeat;
use crate::status::Status;
use crate::time::{Duration, Instant};

/// One unsettled message. `expires` and `first_sent` stand on the clock of ages, which counts the machine's sleep.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) id: MessageId,
    pub(crate) body: Body,
    pub(super) standing: Standing,
    pub(super) expires: Option<Instant>,
    pub(super) repeat: Repeat,
    /// How often it was handed to a socket, in all rounds and on all connections.
    pub(crate) sends: u32,
    /// How often it was handed to a socket in the present round.
    pub(super) round: u32,
    /// When it was first handed to a socket in the present round.
    pub(super) first_sent: Option<Instant>,
    /// When it was last handed to a socket.
    pub(super) sent_at: Instant,
    /// At how many suspicious losses it was the first in flight.
    pub(super) losses: u32,
}

/// Whether an unsettled message was handed over and waits for its confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Standing {
    Waiting,
    InFlight,
}

/// One unsettled message in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct OutboxEntryState {
    id: MessageId,
    body: Body,
    repeat: Repeat,
    sends: u32,
    losses: u32,
    /// How long ago it was first sent in this round.
    #[serde(rename = "age_ms", default, skip_serializing_if = "Option::is_none")]
    pub(super) age: Option<Duration>,
    /// What is left of its time to live.
    #[serde(rename = "left_ms", default, skip_serializing_if = "Option::is_none")]
    left: Option<Duration>,
}

impl HasId for Entry {
    fn id(&self) -> &MessageId {
        &self.id
    }
}

impl Entry {
    pub(super) fn new(now: Instant, id: MessageId, body: Body, repeat: Repeat, expires: Option<Instant>) -> Self {
        Self {
            id,
            body,
            standing: Standing::Waiting,
            expires,
            repeat,
            sends: 0,
            round: 0,
            first_sent: None,
            sent_at: now,
            losses: 0,
        }
    }

    /// A message that was settled before; it keeps its count of sends.
    pub(super) fn reopened(id: MessageId, kept: Kept) -> Self {
        Self { sends: kept.sends, ..Self::new(Instant::ORIGIN, id, kept.body, kept.repeat, None) }
    }

    /// Whether a copy was handed to a socket before.
    pub(crate) fn was_sent(&self) -> bool {
        self.sends > 0
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.standing == Standing::InFlight
    }

    /// The status it is settled with when it fails.
    pub(super) fn failed(&self) -> Status {
        if self.was_sent() { Status::Unconfirmed } else { Status::NotSent }
    }

    /// The message as a snapshot holds it; with `may_leave` it counts as sent.
    pub(super) fn to_state(&self, aged: Instant, may_leave: bool) -> OutboxEntryState {
        let first_sent = self.first_sent.or(may_leave.then_some(aged));
        OutboxEntryState {
            id: self.id.clone(),
            body: self.body.clone(),
            repeat: self.repeat,
            sends: self.sends.max(u32::from(may_leave)),
            losses: self.losses,
            age: first_sent.map(|first| aged.since(first)),
            left: self.expires.filter(|at| *at != Instant::NEVER).map(|at| at.since(aged)),
        }
    }

    /// The message as a snapshot held it, `away` later.
    pub(super) fn from_state(now: Instant, aged: Instant, away: Duration, state: OutboxEntryState) -> Self {
        let expires = state.left.map(|left| aged + left - away);
        Self {
            sends: state.sends,
            // A snapshot does not hold the count of this round; only whether it is 0 matters.
            round: u32::from(state.age.is_some()),
            first_sent: state.age.map(|age| aged - age - away),
            losses: state.losses,
            ..Self::new(now, state.id, state.body, state.repeat, expires)
        }
    }
}
