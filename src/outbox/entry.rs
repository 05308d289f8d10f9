//! Outbox entry: one unsettled message, and its records.

use alloc::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::settled::Kept;
use super::slot_map::HasId;
use crate::config::{OutboxPolicy, Resend};
use crate::durable::is_default;
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
    /// The same of the last copy that was not asked for by hand.
    pub(super) own_sent_at: Instant,
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

/// Record of an unsettled message, which is written when the message is taken.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MessageRecord<'a> {
    body: Cow<'a, Body>,
    pub(super) id: Cow<'a, MessageId>,
    #[serde(default, skip_serializing_if = "is_default")]
    repeat: Repeat,
    /// End of the time to live, on the clock of ages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Instant>,
}

/// Record of the copies of an unsettled message; there is none while there are no copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CopiesRecord {
    /// When the first copy of the present round was sent, on the clock of ages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<Instant>,
    #[serde(default, skip_serializing_if = "is_default")]
    losses: u32,
    /// Whether the message leaves without a confirmation to come, so that no restart may send it again.
    #[serde(default, skip_serializing_if = "is_default")]
    once: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    sends: u32,
}

impl CopiesRecord {
    /// Whether a message whose copies have an age has copies.
    pub(super) fn is_sound(&self) -> bool {
        self.sends > 0 || self.first.is_none()
    }

    /// Counts a copy that may have been sent at `time`, unless an earlier one was.
    pub(super) fn count_possible(&mut self, time: Instant) {
        self.sends = self.sends.max(1);
        self.first.get_or_insert(time);
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
            own_sent_at: now,
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

    /// Whether the message is never sent again by itself.
    pub(super) fn is_once(&self, policy: &OutboxPolicy) -> bool {
        policy.resend == Resend::Never || self.repeat == Repeat::Never
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

    /// Record of the message.
    pub(super) fn message_record(&self) -> MessageRecord<'_> {
        MessageRecord {
            body: Cow::Borrowed(&self.body),
            id: Cow::Borrowed(&self.id),
            repeat: self.repeat,
            until: self.expires.filter(|at| !at.is_never()),
        }
    }

    /// Record of the copies of the message; `None` without any.
    pub(super) fn copies_record(&self) -> Option<CopiesRecord> {
        let record =
            CopiesRecord { first: self.first_sent, losses: self.losses, once: self.is_leaving(), sends: self.sends };
        (record != CopiesRecord::default()).then_some(record)
    }

    /// Restores the message from its records. `moved` is how far moments move back on the clock of ages.
    pub(super) fn restored(now: Instant, message: MessageRecord<'_>, copies: CopiesRecord, moved: Duration) -> Self {
        let repeat = if copies.once { Repeat::Never } else { message.repeat };
        Self {
            sends: copies.sends,
            // A record does not hold the number of copies in this round; only whether that number is 0 matters.
            round: u32::from(copies.first.is_some()),
            first_sent: copies.first.map(|at| at - moved),
            losses: copies.losses,
            ..Self::new(
                now,
                message.id.into_owned(),
                message.body.into_owned(),
                repeat,
                message.until.map(|at| at - moved),
            )
        }
    }
}
