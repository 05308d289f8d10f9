//! Delivery: the part of a session that knows messages, and of the link only whether a connection is ready or lost.
//!
//! 1. Every message that `send` took is settled exactly once a round.
//! 2. On a new connection unconfirmed messages go out first, in order, under the same ids and as the same bytes.
//! 3. An incoming message is delivered before it is acknowledged, and delivered once within the dedup window.
//! 4. A receipt from the peer raises the status of a message and never triggers a resend.

mod answers;
mod mint;
mod receive;
mod send;
mod write_ahead;

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::action::Purpose;
use crate::backlog::{Backlog, FrameKind};
use crate::config::{Config, Durability, OutboxPolicy};
use crate::context::Context;
use crate::deadline::{Deadline, Respite, Timer};
use crate::dialect::{AckCarrier, Content, Hello, IdScope, Refusal, SessionTerms, Side, Signal};
use crate::id::ConnectionId;
use crate::inbox::Inbox;
use crate::outbox::Outbox;
use crate::read_markers::ReadMarkers;
use crate::secret::Secret;
use crate::sequence::Sequence;
use crate::state::Cause;
use crate::time::{Duration, Instant};

pub(crate) use crate::sequence::{sent_at_once, taken_at_once};
use answers::Answers;
pub(crate) use mint::Mint;
pub(crate) use write_ahead::Surroundings;
use write_ahead::WriteAhead;

/// Delivery of one session or, on the accepting side, of one peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Delivery {
    outbox: Outbox,
    inbox: Inbox,
    /// Connection that carries messages; `None` while no connection is ready.
    ready: Option<ConnectionId>,
    /// Whether a probe of that connection is unanswered; messages that may be queued wait for the answer.
    probing: bool,
    /// Respite of the confirmations that are overdue.
    respite: Respite,
    /// Whether a message of that connection was deferred; those behind it are deferred as well.
    deferring: bool,
    flow: Flow,
    mint: Mint,
    /// `None` where messages need not be stored before they are sent.
    write_ahead: Option<Box<WriteAhead>>,
    answers: Answers,
    /// Boxed, since few sessions ever have one.
    read_markers: Option<Box<ReadMarkers>>,
    transfer: Transfer,
}

/// How messages are identified and acknowledged on the wire; the dialect decides this once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Transfer {
    /// Each message is identified and acknowledged by its id.
    PerMessage,
    /// Each message has a sequence number, and one ack acknowledges all messages up to its sequence number.
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

/// Whether messages may be sent, and whether new messages are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Flow {
    /// Messages are sent and taken.
    Open,
    /// Messages are taken, and wait for `release`.
    Held,
    /// Messages are sent, and no new message is taken; at `until` at the latest the session closes.
    Draining { until: Instant },
}

/// Request of delivery to the link, or to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeliveryRequest {
    /// The link has nothing to do; `on_due` has to be called again.
    Nothing,
    /// A confirmation is overdue: a session replaces the connection and sends the message on the next one, a peer sends
    /// the message again on the present one.
    ResendOverdue,
    /// There is room for messages that were deferred: the connection is replaced, so that the peer sends them again.
    AskAgain,
    /// The sequence numbers of the session are used up: the connection is replaced, and another session begins.
    BeginSession,
    /// The link closes, because the drain is over.
    Close,
}

/// Time within which a message that ends connections ends its own, however short the stable time is.
const SOON: Duration = Duration::from_secs(5);

impl Delivery {
    /// Creates a delivery without messages. `sequenced` says whether the dialect has sequence numbers.
    pub(crate) fn new(mint: Mint, config: &Config, sequenced: bool) -> Self {
        let logs = config.durability == Durability::WriteAhead;
        let mut outbox = Outbox::new(logs);
        let write_ahead = match config.durability {
            Durability::Off => None,
            Durability::WriteAhead => {
                outbox.release_before(0);
                Some(Box::default())
            }
        };
        Self {
            outbox,
            inbox: Inbox::new(logs),
            ready: None,
            probing: false,
            respite: Respite::default(),
            deferring: false,
            flow: Flow::Open,
            mint,
            write_ahead,
            answers: Answers::default(),
            read_markers: None,
            transfer: if sequenced { Transfer::Sequenced(Sequence::new(logs)) } else { Transfer::PerMessage },
        }
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Sequence of the session, in dialects with sequence numbers. The accepting side decides by it where a session
    /// resumes.
    pub(crate) fn sequence(&mut self) -> Option<&mut Sequence> {
        match &mut self.transfer {
            Transfer::Sequenced(sequence) => Some(sequence),
            Transfer::PerMessage => None,
        }
    }

    /// Sends the hello, the first signal on a connection; returns whether the dialect could encode it.
    pub(crate) fn send_hello(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        credential: Option<Secret>,
    ) -> bool {
        let resume = self.sequence().and_then(Sequence::resume);
        let hello = Hello { credential, resume, credit: taken_at_once(cx.config) };
        cx.send_or_report(connection, &Signal::hello(hello), Purpose::Auth)
    }

    /// Applies the session terms with which the server answered the hello.
    pub(crate) fn on_session_terms(&mut self, cx: &mut Context<'_>, terms: &SessionTerms) -> Result<(), Cause> {
        match &mut self.transfer {
            Transfer::Sequenced(sequence) => sequence.on_session_terms(&mut self.outbox, cx, terms)?,
            Transfer::PerMessage => {}
        }
        self.seal(cx);
        Ok(())
    }

    /// Settles the messages up to the sequence number that the peer acknowledged at the beginning of a connection.
    pub(crate) fn on_known(&mut self, cx: &mut Context<'_>, seq: u64, refused: &[Refusal]) {
        if let Transfer::Sequenced(sequence) = &mut self.transfer {
            sequence.settle(&mut self.outbox, cx, seq, refused);
        }
    }

    /// Handles a protocol violation of the peer, for which the connection is given up.
    pub(crate) fn on_protocol_violation(&mut self, cx: &mut Context<'_>, cause: Cause) {
        // The two ends disagree on the sequence numbers of this session, so only another session can go on.
        if cause == Cause::AckAboveSent {
            self.forget_session(cx);
        }
    }

    /// Forgets the session, so that the next connection begins another one.
    pub(crate) fn forget_session(&mut self, cx: &mut Context<'_>) {
        if let Some(sequence) = self.sequence() {
            sequence.forget();
            self.seal(cx);
        }
    }

    /// Notes that the peer has the present token, which makes the one before worthless, after a restart too.
    pub(crate) fn on_token_proven(&mut self) {
        if let Some(sequence) = self.sequence() {
            sequence.on_token_proven();
        }
    }

    /// Starts to send messages on a connection that is ready.
    pub(crate) fn on_ready(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        self.ready = Some(connection);
        self.send_read_markers(cx, connection);
        self.hold_until_stored();
        self.flush(cx);
    }

    /// Handles the loss of the connection; the link will try another connection.
    pub(crate) fn on_lost(&mut self, cx: &mut Context<'_>, cause: Cause) {
        if let Some(connection) = self.take_down(cx) {
            // The host never polled these actions: their messages reached no socket, and no `Sent` was reported. The
            // actions of settled messages stay in the queue with their `Sent`; where the peer sends no confirmations,
            // these are all but the last messages, whose bodies are kept.
            let withdrawn = cx.withdraw(connection, |id| self.outbox.can_unsend(id));
            // The last one first: each goes back to the front of the outbox, where that moves nothing else.
            for id in withdrawn.iter().rev() {
                self.outbox.on_withdrawn(id, &cx.config.outbox);
            }
            // No message causes silence; a message may cause a close or an error soon, or an overdue receipt.
            let suspicious_for = match cause {
                Cause::ReceiptOverdue => Duration::MAX,
                Cause::Closed | Cause::Errored => cx.config.reconnect.stable.max(SOON),
                _ => Duration::ZERO,
            };
            let settled = self.outbox.on_lost(cx.now, suspicious_for, &cx.config.outbox);
            cx.emit_statuses(settled);
        }
    }

    /// Settles every message but those that leave, because the session closes.
    pub(crate) fn on_closing(&mut self, cx: &mut Context<'_>) {
        self.take_down(cx);
        self.flow = Flow::Open;
        let settled = self.outbox.on_closing(&cx.config.outbox);
        cx.emit_statuses(settled);
    }

    /// Settles the messages that had not left when the connection closed.
    pub(crate) fn on_closed(&mut self, cx: &mut Context<'_>) {
        let settled = self.outbox.on_closed(&cx.config.outbox);
        cx.emit_statuses(settled);
    }

    /// Settles every message, because the session has ended.
    pub(crate) fn on_ended(&mut self, cx: &mut Context<'_>) {
        self.on_closing(cx);
        self.on_closed(cx);
    }

    /// Stops sending messages; returns the connection that carried them.
    fn take_down(&mut self, cx: &Context<'_>) -> Option<ConnectionId> {
        self.forget_ids(cx);
        if let Some(sequence) = self.sequence() {
            sequence.on_lost();
        }
        (self.probing, self.deferring) = (false, false);
        self.answers.clear();
        self.outbox.stop_rate();
        self.outbox.settle_reading(Instant::ORIGIN, true);
        self.ready.take()
    }

    /// Forgets the ids of incoming messages where the next connection uses them for other messages.
    pub(super) fn forget_ids(&mut self, cx: &Context<'_>) {
        let scope = cx.dialect.capabilities().id_scope;
        if (scope, &self.transfer) == (IdScope::Connection, &Transfer::PerMessage) {
            self.inbox.start_over();
            self.read_markers.iter_mut().for_each(|markers| markers.forget());
        }
    }

    /// Whether a probe is unanswered, as far as delivery was told.
    pub(crate) fn is_probing(&self) -> bool {
        self.probing
    }

    /// Sets whether a probe is unanswered. Returns whether an unanswered probe has ended by this call.
    pub(crate) fn set_probing(&mut self, probing: bool) -> bool {
        core::mem::replace(&mut self.probing, probing) && !probing
    }

    /// Whether frames should be read: no more messages are untaken or unacknowledged, and no more answers wait, than
    /// `inbox.pending` says.
    #[inline]
    pub(crate) fn wants_read(&self, backlog: &Backlog, config: &Config) -> bool {
        let many = backlog.untaken() >= config.inbox.pending.get()
            || (backlog.reports_flow()
                && self.inbox.is_full(&config.inbox)
                && matches!(self.transfer, Transfer::PerMessage))
            || self.answers.are_many(config);
        !many || self.ready.is_none()
    }

    /// Handles a frame that the socket has taken completely.
    pub(crate) fn on_written(&mut self, cx: &mut Context<'_>, kind: FrameKind) {
        if let FrameKind::Message(slot) = kind {
            let settled = self.outbox.on_written(cx.now, slot, &cx.config.outbox);
            cx.emit_statuses(settled);
        }
    }

    /// Settles a message that leaves while the session closes, and of which the host wrote no byte.
    pub(crate) fn on_never_written(&mut self, cx: &mut Context<'_>, slot: u64) {
        let settled = self.outbox.on_never_written(slot, &cx.config.outbox);
        cx.emit_statuses(settled);
    }

    /// Uses the room that the socket has again: answers go first, then messages.
    pub(crate) fn on_room(&mut self, cx: &mut Context<'_>) {
        self.release_answers(cx);
        self.send_cumulative_ack(cx);
        self.flush(cx);
    }

    /// Starts the wait for confirmations anew, because a frame that arrives may be in front of them.
    pub(crate) fn on_arriving(&mut self, cx: &Context<'_>) {
        self.outbox.on_arriving(cx.now);
    }

    /// Holds the wait for confirmations while frames are not read, and starts it anew when they are read again.
    #[inline]
    pub(crate) fn settle_reading(&mut self, now: Instant, reads: bool) {
        self.outbox.settle_reading(now, reads);
    }

    /// Sends a heartbeat or heartbeat reply, and returns whether it was sent; in dialects with sequence numbers it
    /// carries the cumulative ack. A reply for which the socket has no room is left out: those before it answer for it.
    pub(crate) fn send_heartbeat(&self, cx: &mut Context<'_>, connection: ConnectionId, carrier: AckCarrier) -> bool {
        const HEARTBEAT: &Signal<Content<'static>> = &Signal::heartbeat();
        const HEARTBEAT_REPLY: &Signal<Content<'static>> = &Signal::heartbeat_reply();
        if carrier == AckCarrier::HeartbeatReply && !cx.backlog.has_room_for_reply() {
            return false;
        }
        let (bare, purpose) = match carrier {
            AckCarrier::Heartbeat | AckCarrier::Alone => (HEARTBEAT, Purpose::Heartbeat),
            AckCarrier::HeartbeatReply => (HEARTBEAT_REPLY, Purpose::HeartbeatReply),
        };
        match self.carried_ack() {
            Some(seq) => cx.send_signal(connection, &Signal::cumulative_ack(seq, Vec::new(), carrier), purpose),
            None => cx.send_signal(connection, bare, purpose),
        }
    }

    /// Handles a refused login: messages stay in the outbox for the next `open`.
    pub(crate) fn on_refused(&mut self, cx: &mut Context<'_>) {
        self.on_lost(cx, Cause::Unauthorized);
    }

    /// Adds a sleep of the machine to the age of every message.
    pub(crate) fn on_slept(&mut self, asleep: Duration) {
        self.outbox.on_slept(asleep);
    }

    /// Whether `on_due` has work: a deadline has passed, the drain is over, or another session has to begin.
    #[inline]
    pub(crate) fn is_due(&self, cx: &Context<'_>) -> bool {
        !self.is_idle() && self.is_work_due(cx)
    }

    /// Slow path of `is_due`: nearly every input finds nothing to settle.
    #[inline(never)]
    fn is_work_due(&self, cx: &Context<'_>) -> bool {
        self.deadline_slow(&cx.config.outbox).is_due(cx.now)
            || self.is_drained()
            || self.asks_again(cx)
            || (self.is_spent() && self.awaits_receipts(cx))
    }

    /// Does the work that is due; to be called until it returns `None`.
    pub(crate) fn on_due(&mut self, cx: &mut Context<'_>) -> Option<DeliveryRequest> {
        let before = self.outbox.len();
        while let Some(expired) = self.outbox.expire(cx.now, &cx.config.outbox) {
            cx.emit_statuses([expired]);
        }
        if self.outbox.len() < before {
            // All messages that are due expire first: none of them is sent in the room that another leaves.
            self.flush(cx);
            return Some(DeliveryRequest::Nothing);
        }
        if self.is_drained() || matches!(self.flow, Flow::Draining { until } if until.is_due(cx.now)) {
            return Some(DeliveryRequest::Close);
        }
        if self.asks_again(cx) {
            return Some(DeliveryRequest::AskAgain);
        }
        if self.outbox.rate_deadline().is_due(cx.now) {
            self.outbox.stop_rate();
            self.flush(cx);
            return Some(DeliveryRequest::Nothing);
        }
        if !self.awaits_receipts(cx) {
            return None;
        }
        if self.is_spent() {
            return Some(DeliveryRequest::BeginSession);
        }
        let due = Deadline::perhaps(self.outbox.receipt_deadline(&cx.config.outbox), Timer::Receipt);
        // To send again on the present connection, as a peer does, costs nothing that a late host could save.
        if !due.is_due(cx.now) || (cx.side == Side::Client && !self.respite.is_over(cx.now, due)) {
            return None;
        }
        let (slot, _) = self.outbox.head()?;
        Some(self.on_overdue(cx, slot))
    }

    /// Whether messages of this connection were deferred for which there is room now.
    fn asks_again(&self, cx: &Context<'_>) -> bool {
        // Answers go first: what they are about does not have to come again.
        let room = self.inbox.has_room(&cx.config.inbox) && self.answers.are_sent();
        self.deferring && self.ready.is_some() && room
    }

    /// Whether a drain is over because every message is settled.
    fn is_drained(&self) -> bool {
        matches!(self.flow, Flow::Draining { .. }) && self.outbox.is_empty()
    }

    /// Whether delivery waits for nothing: no unsettled message, no deferred message, no sequence numbers, no drain.
    fn is_idle(&self) -> bool {
        self.outbox.is_empty()
            && !self.deferring
            && matches!(self.transfer, Transfer::PerMessage)
            && !matches!(self.flow, Flow::Draining { .. })
    }

    /// Whether the session's sequence numbers are used up and all its messages acknowledged, so another may begin.
    fn is_spent(&self) -> bool {
        self.transfer.sequence().is_some_and(|sequence| sequence.out.is_spent())
    }

    /// Next deadline of delivery.
    #[inline]
    pub(crate) fn deadline(&self, policy: &OutboxPolicy) -> Deadline {
        if self.is_idle() { Deadline::NEVER } else { self.deadline_slow(policy) }
    }

    /// Slow path of `deadline`, for a delivery that is not idle.
    #[inline(never)]
    fn deadline_slow(&self, policy: &OutboxPolicy) -> Deadline {
        let receipt = self.ready.and_then(|_| self.outbox.receipt_deadline(policy));
        let drain = match self.flow {
            Flow::Draining { until } => Deadline { at: until, timer: Timer::Drain },
            Flow::Open | Flow::Held => Deadline::NEVER,
        };
        let expiry = Deadline::perhaps(self.outbox.expiry_deadline(), Timer::Expiry);
        let receipt = self.respite.hold(Deadline::perhaps(receipt, Timer::Receipt));
        receipt.earlier(expiry).earlier(drain).earlier(self.outbox.rate_deadline())
    }

    /// Holds messages back until `release`; a drain is not held back.
    pub(crate) fn hold(&mut self) {
        if self.flow == Flow::Open {
            self.flow = Flow::Held;
        }
    }

    /// Sends messages again after `hold`, and those behind failed messages.
    pub(crate) fn release(&mut self, cx: &mut Context<'_>) {
        if self.flow == Flow::Held {
            self.flow = Flow::Open;
        }
        self.pass_failures(cx);
        self.flush(cx);
    }

    /// Lets the messages leave that wait behind failed messages; returns whether there were failed messages.
    fn pass_failures(&mut self, cx: &mut Context<'_>) -> bool {
        let passes = self.outbox.pass_failures(&cx.config.outbox);
        if passes {
            self.hold_for_next();
        }
        passes
    }

    /// Drains the outbox: no new message is taken, and at `until` at the latest the session closes.
    pub(crate) fn drain(&mut self, cx: &mut Context<'_>, until: Instant) {
        self.flow = Flow::Draining { until };
        self.flush(cx);
    }
}
