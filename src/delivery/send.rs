//! Outgoing messages: taken, sent in order, and confirmed.

use core::num::NonZeroU32;

use super::{Delivery, DeliveryRequest, Flow, Transfer};
use crate::action::{Action, Purpose};
use crate::config::{Resend, SendFailure, WhileDown};
use crate::context::Context;
use crate::dialect::{Content, Refusal, Signal};
use crate::error::{AbandonError, CancelError, ResendError, SendError};
use crate::frame::{Body, Frame};
use crate::id::{ConnectionId, MessageId};
use crate::outbox::settled::Confirmed;
use crate::outgoing::Outgoing;
use crate::sequence::EncodedMessage;
use crate::state::Cause;
use crate::status::Status;

impl Delivery {
    /// Takes a message and returns its id, or returns the reason why the message is not taken.
    pub(crate) fn send(&mut self, cx: &mut Context<'_>, outgoing: &mut Outgoing) -> Result<MessageId, SendError> {
        let Outgoing { body, id, time_to_live, repeat } = outgoing;
        if matches!(self.flow, Flow::Draining { .. }) {
            return Err(SendError::Draining);
        }
        if self.refuses_now(cx) {
            return Err(SendError::NotReady);
        }
        let (bytes, limit) = (body.len() as u64, cx.config.limits.message_bytes.get());
        if bytes > limit {
            return Err(SendError::TooLarge { bytes, limit });
        }
        self.outbox.admits(body.len(), &cx.config.outbox)?;
        let chosen = id.is_some();
        let id = match id.take() {
            Some(id) => self.check_id(cx, id)?,
            None => self.mint.next_id(),
        };
        // The message is encoded before it is taken, so that a body which the dialect cannot carry is refused.
        let (frame, seq) = match &self.transfer {
            Transfer::PerMessage => (encode(cx, &id, body)?, None),
            Transfer::Sequenced(sequence) => sequence.encode(cx, &id, body).map(|(frame, seq)| (frame, Some(seq)))?,
        };
        self.mint.made += u64::from(!chosen);
        self.outbox.take(cx.now, &id, body.take().fit(), *repeat, *time_to_live, &cx.config.outbox);
        Self::emit_queued(cx, &id);
        self.flush_with(cx, Some(EncodedMessage { id: &id, frame, seq }));
        Ok(id)
    }

    /// Starts a new round for a failed message, or sends a message again that is unconfirmed.
    pub(crate) fn resend(&mut self, cx: &mut Context<'_>, id: &MessageId) -> Result<(), ResendError> {
        if let Some((slot, in_flight)) = self.outbox.in_doubt(id) {
            return if in_flight { self.repeat(cx, slot) } else { Ok(()) };
        }
        if matches!(self.flow, Flow::Draining { .. }) {
            return Err(ResendError::Draining);
        }
        if self.refuses_now(cx) {
            return Err(ResendError::NotReady);
        }
        if let Some(place) = self.outbox.resend(cx.now, id, &cx.config.outbox)? {
            self.on_place_retaken(place, id);
        }
        if self.write_ahead.is_some() {
            cx.backlog.on_reopened(id);
        }
        Self::emit_queued(cx, id);
        self.flush(cx);
        Ok(())
    }

    /// Sends another copy of a message in flight on the present connection, in the same round.
    fn repeat(&mut self, cx: &mut Context<'_>, slot: u64) -> Result<(), ResendError> {
        if cx.dialect.capabilities().no_repeats {
            return Err(ResendError::NoRepeats);
        }
        self.outbox.repeat(slot);
        self.flush(cx);
        Ok(())
    }

    /// Settles a message that was sent as `Unconfirmed`, so that it is never sent again; of a failed message that holds
    /// the line, lets the line go on.
    pub(crate) fn abandon(&mut self, cx: &mut Context<'_>, id: &MessageId) -> Result<(), AbandonError> {
        match self.outbox.abandon(id, &cx.config.outbox)? {
            Some(status) => cx.emit_status(id, status),
            None => self.hold_for_next(),
        }
        self.flush(cx);
        Ok(())
    }

    /// Settles a message as `Cancelled`, if no copy of it was sent.
    pub(crate) fn cancel(&mut self, cx: &mut Context<'_>, id: &MessageId) -> Result<(), CancelError> {
        self.outbox.cancel(id, &cx.config.outbox)?;
        cx.emit_status(id, Status::Cancelled);
        Ok(())
    }

    /// Sends the messages that may be sent now.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>) {
        self.flush_with(cx, None);
    }

    /// Sends the messages that may be sent now; `encoded` is the frame of one message, if it was encoded already.
    fn flush_with(&mut self, cx: &mut Context<'_>, mut encoded: Option<EncodedMessage<'_>>) {
        let Some(connection) = self.ready else { return };
        if self.flow == Flow::Held || self.awaits_storage() || self.held_while_probing(cx) {
            return;
        }
        if !self.flush_repeats(cx, connection) {
            return;
        }
        loop {
            match &mut self.transfer {
                Transfer::PerMessage => self.flush_per_message(cx, connection, &mut encoded),
                Transfer::Sequenced(sequence) => {
                    if sequence.flush(&mut self.outbox, cx, connection, &mut encoded) {
                        self.hold_for_next();
                    }
                }
            }
            // A drain is not held back, also not by a message that has just failed.
            if !matches!(self.flow, Flow::Draining { .. }) || !self.pass_failures(cx) || self.awaits_storage() {
                return;
            }
        }
    }

    /// Sends the copies that were asked for by hand. Returns whether all of them found room.
    #[inline]
    fn flush_repeats(&mut self, cx: &mut Context<'_>, connection: ConnectionId) -> bool {
        while let Some((slot, entry)) = self.outbox.next_repeat() {
            let frame = encode(cx, &entry.id, &entry.body).ok();
            let Some(frame) = frame.filter(|_| !self.outbox.is_expired(cx.now, entry)) else {
                self.outbox.drop_repeat(slot);
                continue;
            };
            let id = entry.id.clone();
            if !cx.backlog.has_room(frame.len(), cx.config) || !self.outbox.rate_allows(cx.now, &cx.config.outbox) {
                return false;
            }
            cx.stats.resent += 1;
            cx.send_message(connection, frame, id, slot);
            self.outbox.on_sent(cx.now, slot, cx.backlog.reports_written(), &cx.config.outbox);
        }
        true
    }

    fn flush_per_message(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        encoded: &mut Option<EncodedMessage<'_>>,
    ) {
        while self.outbox.rate_allows(cx.now, &cx.config.outbox) {
            let Some((slot, entry)) = self.outbox.next_to_send(&cx.config.outbox) else { return };
            // An expired message must not be sent before the timer of its expiry is handled.
            let expired = self.outbox.is_expired(cx.now, entry);
            if expired || self.outbox.is_stale(cx.now, entry, cx.config.outbox.dedup_window) {
                cx.emit_statuses(self.outbox.fail(slot, &cx.config.outbox));
                continue;
            }
            if !cx.backlog.has_room(entry.body.len(), cx.config) {
                return;
            }
            let frame = match encoded.take_if(|encoded| *encoded.id == entry.id) {
                Some(encoded) => Ok(encoded.frame),
                None => encode(cx, &entry.id, &entry.body),
            };
            let Ok(frame) = frame else {
                // Every message was encoded when it was taken, so only a change of dialect by a restart leads here.
                cx.emit_statuses(self.outbox.fail(slot, &cx.config.outbox));
                continue;
            };
            if !cx.backlog.has_room(frame.len(), cx.config) {
                return;
            }
            cx.stats.resent += u64::from(entry.was_sent());
            cx.send_message(connection, frame, entry.id.clone(), slot);
            let (receipts, unwritten) = (cx.expects_receipts(), cx.backlog.reports_written());
            if unwritten && !receipts {
                self.outbox.on_leaving(cx.now, slot, &cx.config.outbox);
                continue;
            }
            cx.emit_status(&entry.id, Status::Sent);
            if receipts {
                self.outbox.on_sent(cx.now, slot, unwritten, &cx.config.outbox);
            } else {
                self.outbox.on_sent_for_good(cx.now, slot, &cx.config.outbox);
            }
        }
    }

    /// Applies a cumulative ack that the peer sent on the present connection.
    pub(crate) fn on_cumulative_ack(
        &mut self,
        cx: &mut Context<'_>,
        seq: u64,
        refused: &[Refusal],
    ) -> Result<(), Cause> {
        match &mut self.transfer {
            // Sequence numbers sent on an earlier connection count too: the peer may have stored them only now.
            Transfer::Sequenced(sequence) if seq <= sequence.out.gone_out() => {
                if sequence.settle(&mut self.outbox, cx, seq, refused) {
                    self.flush(cx);
                }
                Ok(())
            }
            _ => Err(Cause::AckAboveSent),
        }
    }

    /// Applies the confirmation `status` of the peer to a message. Returns whether the message is known.
    pub(crate) fn on_confirmed(&mut self, cx: &mut Context<'_>, id: &MessageId, status: Status) -> bool {
        let mut settled = false;
        if matches!(status, Status::Delivered | Status::Read) {
            // The server accepted the message before the receiver got it; the server's receipt may be late or lost.
            match self.confirm(cx, id, Status::Accepted) {
                Confirmed::Late => return true,
                confirmed => settled = confirmed == Confirmed::Settled,
            }
        }
        let confirmed = self.confirm(cx, id, status);
        if settled || confirmed == Confirmed::Settled {
            self.flush(cx);
        }
        confirmed != Confirmed::Unknown
    }

    fn confirm(&mut self, cx: &mut Context<'_>, id: &MessageId, status: Status) -> Confirmed {
        let confirmed = self.outbox.on_confirmed(cx.now, id, status, &cx.config.outbox);
        cx.emit_confirmed(id, status, confirmed);
        confirmed
    }

    /// Handles a failed write, of which no byte was written. Returns whether the connection is to be given up.
    pub(crate) fn on_send_failed(&mut self, cx: &mut Context<'_>, connection: ConnectionId, purpose: Purpose) -> bool {
        let mut policy = cx.config.outbox.clone();
        if matches!(&self.transfer, Transfer::Sequenced(_))
            && matches!(purpose, Purpose::Message { .. } | Purpose::Skip { .. } | Purpose::CumulativeAck { .. })
        {
            // What is left out of a sequence can only be made up for on the next connection.
            policy.send_failure = SendFailure::EndLink;
        }
        if let Purpose::Message { id } = &purpose {
            cx.emit_statuses(self.outbox.on_send_failed(id, &policy));
        }
        match policy.send_failure {
            SendFailure::EndLink => true,
            SendFailure::Tell => {
                cx.push(Action::Unsent { connection, purpose });
                // The message settled by the failure leaves room in the window for the next message.
                self.flush(cx);
                false
            }
        }
    }

    /// Handles the overdue confirmation of the first message in flight: a new connection sends the message again, or
    /// the message is settled as `Unconfirmed`.
    pub(super) fn on_overdue(&mut self, cx: &mut Context<'_>, slot: u64) -> DeliveryRequest {
        match cx.config.outbox.resend {
            Resend::NextConnection => DeliveryRequest::ResendOverdue,
            Resend::Never => {
                cx.emit_statuses(self.outbox.fail(slot, &cx.config.outbox));
                self.flush(cx);
                DeliveryRequest::Nothing
            }
        }
    }

    /// Sends again, on the accepting side, each message whose confirmation is overdue, up to `copies` copies in all.
    pub(crate) fn push_again(&mut self, cx: &mut Context<'_>, copies: Option<NonZeroU32>) {
        let Some(connection) = self.ready else { return };
        for slot in self.outbox.all_overdue(cx.now, &cx.config.outbox) {
            let Some(entry) = self.outbox.entry(slot) else { continue };
            let spent = copies.is_some_and(|copies| entry.sends >= copies.get());
            if !cx.backlog.has_room(entry.body.len(), cx.config) {
                // The bytes that fill the socket move, and so does the wait for the confirmations behind them.
                self.outbox.on_arriving(cx.now);
                return;
            }
            match encode(cx, &entry.id, &entry.body) {
                Ok(frame) if !spent => {
                    cx.stats.resent += 1;
                    cx.send_message(connection, frame, entry.id.clone(), slot);
                    self.outbox.on_sent(cx.now, slot, cx.backlog.reports_written(), &cx.config.outbox);
                }
                _ => cx.emit_statuses(self.outbox.fail(slot, &cx.config.outbox)),
            }
        }
        self.flush(cx);
    }

    pub(super) fn awaits_receipts(&self, cx: &Context<'_>) -> bool {
        cx.expects_receipts() && self.ready.is_some()
    }

    /// Whether messages wait for the answer to a probe: on a dead connection they would only become `Unconfirmed`.
    fn held_while_probing(&self, cx: &Context<'_>) -> bool {
        self.probing && cx.config.outbox.while_down == WhileDown::Queue
    }

    /// Whether a message id is one that this delivery made, before a restart too, or may make later.
    pub(crate) fn owns(&self, id: &MessageId) -> bool {
        self.mint.owns(id)
    }

    fn refuses_now(&self, cx: &Context<'_>) -> bool {
        cx.config.outbox.while_down == WhileDown::Refuse && self.ready.is_none()
    }

    fn check_id(&self, cx: &Context<'_>, id: MessageId) -> Result<MessageId, SendError> {
        let limit = cx.config.limits.id_bytes.get();
        if !id.is_writable(limit) {
            return Err(SendError::BadId { limit });
        }
        // An id with the nonce of this delivery could collide with an id that the delivery makes later.
        if self.owns(&id) || self.outbox.knows(&id) { Err(SendError::DuplicateId) } else { Ok(id) }
    }
}

fn encode(cx: &Context<'_>, id: &MessageId, body: &Body) -> Result<Frame, SendError> {
    Ok(cx.encode(&Signal::message(Some(id.clone()), Content::of(body)))?)
}
