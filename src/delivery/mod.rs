//! The half that knows messages and of the link only "ready" and "lost".
//!
//! 1. What `send` took is settled exactly once a round.
//! 2. On a new connection the unconfirmed go out first, in order, under the same ids and as the same bytes.
//! 3. A message that arrives is delivered before it is acknowledged, and delivered once within the dedup window.
//! 4. A peer's receipt raises a mark; it never triggers a resend.

mod counted;
mod incoming;
mod outgoing;
mod resumption;
mod sequenced;
mod write_ahead;

use alloc::boxed::Box;

use crate::action::Action;
use crate::config::{Config, Durability, OutboxPolicy};
use crate::context::Context;
use crate::deadline::{Deadline, Timer};
use crate::id::{ConnectionId, MessageId};
use crate::inbox::Inbox;
use crate::outbox::Outbox;
use crate::read_markers::ReadMarkers;
use crate::sequence::Sequence;
use crate::state::Cause;
use crate::status::Status;
use crate::time::{Duration, Instant};

pub(crate) use counted::{sent_at_once, taken_at_once};
pub(crate) use write_ahead::DeliveryState;
use write_ahead::WriteAhead;

/// The delivery of one session, or of one peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Delivery {
    outbox: Outbox,
    inbox: Inbox,
    transport: Transport,
    flow: Flow,
    /// The first half of every id this delivery makes.
    nonce: u64,
    made: u64,
    /// Only where messages wait until they are stored.
    write_ahead: Option<Box<WriteAhead>>,
    read_markers: ReadMarkers,
    /// The positions, in dialects that have them.
    sequence: Option<Box<Sequence>>,
}

/// What is known of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Transport {
    Down,
    Ready(ConnectionId),
}

/// Whether messages may leave, and whether new ones are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Flow {
    /// They may.
    Open,
    /// They wait for `release`.
    Held,
    /// They leave, and nothing new is taken; by then everything must be settled.
    Draining { until: Instant },
}

/// What delivery asks of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeliveryRequest {
    /// Nothing; call again.
    Nothing,
    /// A new connection: a confirmation is overdue.
    Recycle,
    /// A new connection, for another session: this one's numbers are used up.
    Renew,
    /// A close: the drain is over.
    Close,
}

impl Delivery {
    /// `positions` says whether the dialect has them.
    pub(crate) fn new(nonce: u64, config: &Config, positions: bool) -> Self {
        let mut outbox = Outbox::new();
        let write_ahead = match config.durability {
            Durability::Off => None,
            Durability::WriteAhead => {
                outbox.seal(0);
                Some(Box::default())
            }
        };
        Self {
            outbox,
            inbox: Inbox::new(),
            transport: Transport::Down,
            flow: Flow::Open,
            nonce,
            made: 0,
            write_ahead,
            read_markers: ReadMarkers::default(),
            sequence: positions.then(Sequence::new),
        }
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Messages may flow on this connection.
    pub(crate) fn on_ready(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        self.transport = Transport::Ready(connection);
        if let Some(sequence) = &mut self.sequence {
            sequence.on_ready();
        }
        self.send_read_markers(cx, connection);
        self.hold_until_stored();
        self.flush(cx);
    }

    /// The connection is lost, and another will be tried.
    pub(crate) fn on_lost(&mut self, cx: &mut Context<'_>, cause: Cause) {
        self.on_sequence_lost();
        if let Transport::Ready(connection) = core::mem::replace(&mut self.transport, Transport::Down) {
            self.take_back_unpolled(cx, connection);
            // Silence says nothing about a message; a close, an error or a missing receipt may.
            let suspicious = matches!(cause, Cause::Closed | Cause::Errored | Cause::ReceiptOverdue);
            let settled = self.outbox.on_lost(suspicious, &cx.config.outbox);
            emit_statuses(cx, settled);
        }
    }

    /// The session has ended: every message gets its outcome in this call.
    pub(crate) fn on_ended(&mut self, cx: &mut Context<'_>) {
        self.on_sequence_lost();
        self.transport = Transport::Down;
        self.flow = Flow::Open;
        let settled = self.outbox.on_ended(&cx.config.outbox);
        emit_statuses(cx, settled);
    }

    fn on_sequence_lost(&mut self) {
        if let Some(sequence) = &mut self.sequence {
            sequence.on_lost();
        }
    }

    /// The login was refused: messages stay for the next `open`.
    pub(crate) fn on_refused(&mut self, cx: &mut Context<'_>) {
        self.on_lost(cx, Cause::Unauthorized);
    }

    /// The machine slept.
    pub(crate) fn on_slept(&mut self, asleep: Duration) {
        self.outbox.on_slept(asleep);
    }

    /// Whether there is something to do, now or since a moment that delivery waited for.
    #[inline]
    pub(crate) fn is_due(&self, cx: &Context<'_>) -> bool {
        !self.is_idle() && self.is_work_due(cx)
    }

    /// The same where something is to be settled; apart, because mostly nothing is.
    #[inline(never)]
    fn is_work_due(&self, cx: &Context<'_>) -> bool {
        self.wait(&cx.config.outbox).is_due(cx.now) || self.is_due_at_once(cx)
    }

    /// Something is due; to be called until there is nothing more to say.
    pub(crate) fn on_due(&mut self, cx: &mut Context<'_>) -> Option<DeliveryRequest> {
        let before = self.outbox.len();
        while let Some(expired) = self.outbox.expire(cx.now, &cx.config.outbox) {
            emit_statuses(cx, [expired]);
        }
        if self.outbox.len() < before {
            // Only now: what is due next must not take the place of what is due as well, only to expire in it.
            self.flush(cx);
            return Some(DeliveryRequest::Nothing);
        }
        match self.flow {
            Flow::Draining { until } if until.is_due(cx.now) || self.is_drained() => {
                return Some(DeliveryRequest::Close);
            }
            Flow::Draining { .. } | Flow::Open | Flow::Held => {}
        }
        if !self.awaits_receipts(cx) {
            return None;
        }
        if self.is_spent() {
            return Some(DeliveryRequest::Renew);
        }
        let seq = self.outbox.overdue(cx.now, &cx.config.outbox)?;
        Some(self.on_overdue(cx, seq))
    }

    /// Whether there is something to do that waits for no moment.
    fn is_due_at_once(&self, cx: &Context<'_>) -> bool {
        self.is_drained() || (self.is_spent() && self.awaits_receipts(cx))
    }

    /// Whether a drain has nothing left to wait for.
    fn is_drained(&self) -> bool {
        matches!(self.flow, Flow::Draining { .. }) && self.outbox.is_empty()
    }

    /// Whether nothing is to be settled and no position is to be given, so that there is nothing to wait for either.
    fn is_idle(&self) -> bool {
        self.outbox.is_empty() && self.sequence.is_none() && !matches!(self.flow, Flow::Draining { .. })
    }

    /// The next moment at which delivery wants a tick.
    #[inline]
    pub(crate) fn deadline(&self, policy: &OutboxPolicy) -> Deadline {
        if self.is_idle() { Deadline::NEVER } else { self.wait(policy) }
    }

    #[inline(never)]
    fn wait(&self, policy: &OutboxPolicy) -> Deadline {
        let receipt = match self.transport {
            Transport::Ready(_) => Deadline::perhaps(self.outbox.receipt_deadline(policy), Timer::Receipt),
            Transport::Down => Deadline::NEVER,
        };
        let drain = match self.flow {
            Flow::Draining { until } => Deadline { at: until, timer: Timer::Drain },
            Flow::Open | Flow::Held => Deadline::NEVER,
        };
        receipt.earlier(Deadline::perhaps(self.outbox.expiry_deadline(), Timer::Expiry)).earlier(drain)
    }

    /// Messages wait for `release` from here on.
    pub(crate) fn hold(&mut self) {
        if self.flow == Flow::Open {
            self.flow = Flow::Held;
        }
    }

    /// Messages leave again.
    pub(crate) fn release(&mut self, cx: &mut Context<'_>) {
        if self.flow == Flow::Held {
            self.flow = Flow::Open;
            self.flush(cx);
        }
    }

    /// Nothing new is taken; what is there leaves, and at `until` at the latest the session closes.
    pub(crate) fn drain(&mut self, cx: &mut Context<'_>, until: Instant) {
        self.flow = Flow::Draining { until };
        self.flush(cx);
    }

    /// Where a message stands, as far as it is remembered.
    pub(crate) fn status(&self, id: &MessageId) -> Option<Status> {
        self.outbox.status(id)
    }

    fn ready_connection(&self) -> Option<ConnectionId> {
        match self.transport {
            Transport::Ready(connection) => Some(connection),
            Transport::Down => None,
        }
    }
}

fn emit_status(cx: &mut Context<'_>, id: &MessageId, status: Status) {
    cx.push(Action::Status { id: id.clone(), status });
}

fn emit_statuses(cx: &mut Context<'_>, settled: impl IntoIterator<Item = (MessageId, Status)>) {
    for (id, status) in settled {
        cx.push(Action::Status { id, status });
    }
}
