//! The half that knows messages and of the link only "ready" and "lost".
//!
//! 1. What `send` took is settled exactly once a round.
//! 2. On a new connection the unconfirmed go out first, in order, under the same ids and as the same bytes.
//! 3. A message that arrives is delivered before it is acknowledged, and delivered once within the dedup window.
//! 4. A peer's receipt raises a mark; it never triggers a resend.

mod receive;
mod send;
mod write_ahead;

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::action::Purpose;
use crate::config::{Config, Durability, OutboxPolicy};
use crate::context::Context;
use crate::deadline::{Deadline, Timer};
use crate::dialect::{AckCarrier, Content, Hello, Refusal, SessionTerms, Signal};
use crate::id::{ConnectionId, MessageId};
use crate::inbox::Inbox;
use crate::outbox::Outbox;
use crate::read_markers::ReadMarkers;
use crate::secret::Secret;
use crate::sequence::Sequence;
use crate::state::Cause;
use crate::status::Status;
use crate::time::{Duration, Instant};

pub(crate) use crate::sequence::{sent_at_once, taken_at_once};
pub(crate) use write_ahead::DeliveryState;
use write_ahead::WriteAhead;

/// The delivery of one session, or of one peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Delivery {
    outbox: Outbox,
    inbox: Inbox,
    /// The connection that carries messages, where one is ready.
    ready: Option<ConnectionId>,
    /// Whether a probe of that connection is unanswered: what need not leave waits for the answer.
    probing: bool,
    flow: Flow,
    /// The first half of every id this delivery makes.
    nonce: u64,
    made: u64,
    /// Only where messages wait until they are stored.
    write_ahead: Option<Box<WriteAhead>>,
    read_markers: ReadMarkers,
    transfer: Transfer,
}

/// How messages are told apart and acknowledged on the wire; the dialect decides it once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Transfer {
    /// Each message by its id.
    PerMessage,
    /// All messages up to a number at once.
    Sequenced(Box<Sequence>),
}

impl Transfer {
    fn sequence(&self) -> Option<&Sequence> {
        match self {
            Self::PerMessage => None,
            Self::Sequenced(sequence) => Some(sequence),
        }
    }
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
    /// `sequenced` says whether the dialect counts messages.
    pub(crate) fn new(nonce: u64, config: &Config, sequenced: bool) -> Self {
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
            ready: None,
            probing: false,
            flow: Flow::Open,
            nonce,
            made: 0,
            write_ahead,
            read_markers: ReadMarkers::default(),
            transfer: if sequenced { Transfer::Sequenced(Sequence::new()) } else { Transfer::PerMessage },
        }
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// The sequence, where messages are counted. The accepting side decides by it where a session goes on.
    pub(crate) fn sequence(&mut self) -> Option<&mut Sequence> {
        match &mut self.transfer {
            Transfer::Sequenced(sequence) => Some(sequence),
            Transfer::PerMessage => None,
        }
    }

    /// Sends the first word on a connection.
    pub(crate) fn send_hello(&mut self, cx: &mut Context<'_>, connection: ConnectionId, credential: Option<Secret>) {
        let resume = self.sequence().and_then(Sequence::resume);
        let hello = Hello { credential, resume, credit: taken_at_once(cx.config) };
        cx.send_signal(connection, &Signal::hello(hello), Purpose::Auth);
    }

    /// The server has answered the hello with its terms.
    pub(crate) fn on_session_terms(&mut self, cx: &mut Context<'_>, terms: &SessionTerms) -> Result<(), Cause> {
        match &mut self.transfer {
            Transfer::Sequenced(sequence) => sequence.on_session_terms(&mut self.outbox, cx, terms),
            Transfer::PerMessage => Ok(()),
        }
    }

    /// The other end has said, at the beginning of a connection, up to which number it has this end's messages.
    pub(crate) fn on_known(&mut self, cx: &mut Context<'_>, seq: u64, refused: &[Refusal]) {
        if let Transfer::Sequenced(sequence) = &mut self.transfer {
            sequence.settle(&mut self.outbox, cx, seq, refused);
        }
    }

    /// The connection is given up for what came on it.
    pub(crate) fn on_protocol_violation(&mut self, cause: Cause) {
        // Another session begins, for this one's numbers mean two things.
        if cause == Cause::AckAboveSent {
            self.forget_session();
        }
    }

    /// The next connection begins another session.
    pub(crate) fn forget_session(&mut self) {
        if let Some(sequence) = self.sequence() {
            sequence.forget();
        }
    }

    /// Messages may flow on this connection.
    pub(crate) fn on_ready(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        self.ready = Some(connection);
        self.send_read_markers(cx, connection);
        self.hold_until_stored();
        self.flush(cx);
    }

    /// The connection is lost, and another will be tried.
    pub(crate) fn on_lost(&mut self, cx: &mut Context<'_>, cause: Cause) {
        if let Some(connection) = self.take_down() {
            // Nobody polled these, so they were never handed over, and nobody has heard of their being sent. What has
            // its outcome stays in the queue, as sent as told; of messages that nobody confirms, all but the last stay.
            for id in cx.withdraw(connection, |id| self.outbox.can_unsend(id)) {
                self.outbox.on_withdrawn(&id, &cx.config.outbox);
            }
            // Silence says nothing about a message; a close, an error or a missing receipt may.
            let suspicious = matches!(cause, Cause::Closed | Cause::Errored | Cause::ReceiptOverdue);
            let settled = self.outbox.on_lost(suspicious, &cx.config.outbox);
            cx.emit_statuses(settled);
        }
    }

    /// The session has ended: every message gets its outcome in this call.
    pub(crate) fn on_ended(&mut self, cx: &mut Context<'_>) {
        self.take_down();
        self.flow = Flow::Open;
        let settled = self.outbox.on_ended(&cx.config.outbox);
        cx.emit_statuses(settled);
    }

    /// No connection carries messages any more; gives the one that did.
    fn take_down(&mut self) -> Option<ConnectionId> {
        if let Some(sequence) = self.sequence() {
            sequence.on_lost();
        }
        self.probing = false;
        self.ready.take()
    }

    /// Whether a probe is unanswered from here on; says whether one was and is not any longer.
    pub(crate) fn set_probing(&mut self, probing: bool) -> bool {
        core::mem::replace(&mut self.probing, probing) && !probing
    }

    /// Sends a heartbeat or the answer to one, and with it the cumulative ack where messages are counted.
    pub(crate) fn send_heartbeat(&self, cx: &mut Context<'_>, connection: ConnectionId, carrier: AckCarrier) {
        const ASK: &Signal<Content<'static>> = &Signal::heartbeat();
        const REPLY: &Signal<Content<'static>> = &Signal::heartbeat_reply();
        let (bare, purpose) = match carrier {
            AckCarrier::Heartbeat | AckCarrier::Alone => (ASK, Purpose::Heartbeat),
            AckCarrier::HeartbeatReply => (REPLY, Purpose::HeartbeatReply),
        };
        match self.carried_ack() {
            Some(seq) => cx.send_signal(connection, &Signal::cumulative_ack(seq, Vec::new(), carrier), purpose),
            None => cx.send_signal(connection, bare, purpose),
        };
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

    /// Slow path of `is_due`: nearly every input finds nothing to settle.
    #[inline(never)]
    fn is_work_due(&self, cx: &Context<'_>) -> bool {
        self.wait(&cx.config.outbox).is_due(cx.now)
            || self.is_drained()
            || (self.is_spent() && self.awaits_receipts(cx))
    }

    /// Something is due; to be called until there is nothing more to say.
    pub(crate) fn on_due(&mut self, cx: &mut Context<'_>) -> Option<DeliveryRequest> {
        let before = self.outbox.len();
        while let Some(expired) = self.outbox.expire(cx.now, &cx.config.outbox) {
            cx.emit_statuses([expired]);
        }
        if self.outbox.len() < before {
            // Only now: what is due next must not take the place of what is due as well, only to expire in it.
            self.flush(cx);
            return Some(DeliveryRequest::Nothing);
        }
        if self.is_drained() || matches!(self.flow, Flow::Draining { until } if until.is_due(cx.now)) {
            return Some(DeliveryRequest::Close);
        }
        if !self.awaits_receipts(cx) {
            return None;
        }
        if self.is_spent() {
            return Some(DeliveryRequest::Renew);
        }
        let slot = self.outbox.overdue(cx.now, &cx.config.outbox)?;
        Some(self.on_overdue(cx, slot))
    }

    /// Whether a drain has nothing left to wait for.
    fn is_drained(&self) -> bool {
        matches!(self.flow, Flow::Draining { .. }) && self.outbox.is_empty()
    }

    /// Whether there is nothing to settle and no number to give, so nothing to wait for.
    fn is_idle(&self) -> bool {
        self.outbox.is_empty()
            && matches!(self.transfer, Transfer::PerMessage)
            && !matches!(self.flow, Flow::Draining { .. })
    }

    /// Whether the session's numbers are used up and nothing stands against another session.
    fn is_spent(&self) -> bool {
        self.transfer.sequence().is_some_and(|sequence| sequence.out.is_spent())
    }

    /// The next moment at which delivery wants a tick.
    #[inline]
    pub(crate) fn deadline(&self, policy: &OutboxPolicy) -> Deadline {
        if self.is_idle() { Deadline::NEVER } else { self.wait(policy) }
    }

    #[inline(never)]
    fn wait(&self, policy: &OutboxPolicy) -> Deadline {
        let receipt = self.ready.and_then(|_| self.outbox.receipt_deadline(policy));
        let drain = match self.flow {
            Flow::Draining { until } => Deadline { at: until, timer: Timer::Drain },
            Flow::Open | Flow::Held => Deadline::NEVER,
        };
        let expiry = Deadline::perhaps(self.outbox.expiry_deadline(), Timer::Expiry);
        Deadline::perhaps(receipt, Timer::Receipt).earlier(expiry).earlier(drain)
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
}
