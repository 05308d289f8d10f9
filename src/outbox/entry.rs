//! Outbox entry: one unsettled message, and its form in a snapshot.

use serde::{Deserialize, Serialize};

use super::settled::Kept;
use super::slot_map::HasId;
use crate::frame::Body;
use crate::id::MessageId;
use crate::outgoing::Repeat;
use crate::status::Status;
use crate::time::{Duration, Instant};

/// One unsettled message. `expires` and `first_sent` are on the clock of ages, which includes the machine's sleep.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) id: MessageId,
    pub(crate) body: Body,
    pub(super) standing: Standing,
    pub(super) expires: Option<Instant>,
    pub(super) repeat: Repeat,
    /// Number of copies handed to a socket, in all rounds and on all connections.
    pub(crate) sends: u32,
    /// Number of copies handed to a socket in the present round.
    pub(super) round: u32,
    /// When the first copy of the present round was handed to a socket.
    pub(super) first_sent: Option<Instant>,
    /// When the last copy was handed to a socket that takes it; [`Instant::NEVER`] while that copy is unwritten.
    pub(super) sent_at: Instant,
    /// Number of suspicious losses at which this message was the first in flight.
    pub(super) losses: u32,
}

/// Whether an unsettled message waits to be sent, leaves without a confirmation to come, or is in flight and waits for
/// its confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Standing {
    Waiting,
    /// The host has the message, and its socket has not taken it; nothing will confirm it.
    Leaving,
    InFlight,
}

/// Snapshot form of one unsettled message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct OutboxEntryState {
    pub(super) id: MessageId,
    body: Body,
    repeat: Repeat,
    sends: u32,
    losses: u32,
    /// Time since the first copy of the present round was sent.
    #[serde(rename = "age_ms", default, skip_serializing_if = "Option::is_none")]
    pub(super) age: Option<Duration>,
    /// Rest of the time to live.
    #[serde(rename = "left_ms", default, skip_serializing_if = "Option::is_none")]
    left: Option<Duration>,
}

impl OutboxEntryState {
    /// Whether a message whose copies have an age has copies.
    pub(super) fn is_sound(&self) -> bool {
        self.sends > 0 || self.age.is_none()
    }
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

    /// Creates the entry of a message that was settled before; its number of sent copies goes on.
    pub(super) fn reopened(id: MessageId, kept: Kept) -> Self {
        Self { sends: kept.sends, ..Self::new(Instant::ORIGIN, id, kept.body, kept.repeat, None) }
    }

    /// Whether a copy of the message was handed to a socket.
    pub(crate) fn was_sent(&self) -> bool {
        self.sends > 0
    }

    pub(crate) fn was_sent_this_round(&self) -> bool {
        self.round > 0
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.standing == Standing::Leaving
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.standing == Standing::InFlight
    }

    /// Status of the message while it is unsettled: `Sent` also where it waits to be sent again in this round. Without
    /// `receipts` it would be settled by `Sent`.
    pub(super) fn status(&self, receipts: bool) -> Status {
        if receipts && self.was_sent_this_round() { Status::Sent } else { Status::Queued }
    }

    /// Status that settles the message when it fails.
    pub(super) fn failed(&self) -> Status {
        if self.was_sent() { Status::Unconfirmed } else { Status::NotSent }
    }

    /// Returns the snapshot form of the message; with `may_leave` the message counts as sent.
    pub(super) fn to_state(&self, aged: Instant, may_leave: bool) -> OutboxEntryState {
        let first_sent = self.first_sent.or(may_leave.then_some(aged));
        // Nothing will confirm a message that leaves, so no restart may send it again.
        let repeat = if self.is_leaving() { Repeat::Never } else { self.repeat };
        OutboxEntryState {
            id: self.id.clone(),
            body: self.body.clone(),
            repeat,
            sends: self.sends.max(u32::from(may_leave)),
            losses: self.losses,
            age: first_sent.map(|first| aged.since(first)),
            left: self.expires.filter(|at| *at != Instant::NEVER).map(|at| at.since(aged)),
        }
    }

    /// Restores the message from its snapshot form, after the process was away for `away`.
    pub(super) fn from_state(now: Instant, aged: Instant, away: Duration, state: OutboxEntryState) -> Self {
        // Written so that no sum saturates: however long it was away, the message is as old as that.
        let expires = state.left.map(|left| aged + (left - away) - (away - left));
        Self {
            sends: state.sends,
            // A snapshot does not hold the number of copies in this round; only whether that number is 0 matters.
            round: u32::from(state.age.is_some()),
            first_sent: state.age.map(|age| aged - age - away),
            losses: state.losses,
            ..Self::new(now, state.id, state.body, state.repeat, expires)
        }
    }
}
