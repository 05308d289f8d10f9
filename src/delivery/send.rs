//! Messages on their way out: taken, handed over in order, confirmed.

use core::num::NonZeroU32;

use super::{Delivery, DeliveryRequest, Flow, Transfer};
use crate::action::{Action, Purpose};
use crate::config::{Resend, SendFailure, WhileDown};
use crate::context::Context;
use crate::dialect::{Content, Refusal, Signal};
use crate::error::{CancelError, ResendError, SendError};
use crate::frame::{Body, Frame};
use crate::id::{ConnectionId, MessageId};
use crate::outbox::settled::Confirmed;
use crate::outgoing::Outgoing;
use crate::sequence::EncodedMessage;
use crate::state::Cause;
use crate::status::Status;

impl Delivery {
    /// Takes a message, or says why not; what is taken is answered for.
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
            None => MessageId::minted(self.nonce, self.made),
        };
        // Encoded once here, so that a body this dialect cannot carry is refused rather than taken.
        let (frame, seq) = match &self.transfer {
            Transfer::PerMessage => (encode(cx, &id, body)?, None),
            Transfer::Sequenced(sequence) => sequence.encode(cx, &id, body).map(|(frame, seq)| (frame, Some(seq)))?,
        };
        // Only a forged snapshot can have counted so far that this begins anew.
        self.made = self.made.wrapping_add(u64::from(!chosen));
        self.outbox.take(cx.now, &id, body.take(), *repeat, *time_to_live, &cx.config.outbox);
        Self::emit_queued(cx, &id);
        self.flush_with(cx, Some(EncodedMessage { id: &id, frame, seq }));
        Ok(id)
    }

    /// Opens a new round for a failed message.
    pub(crate) fn resend(&mut self, cx: &mut Context<'_>, id: &MessageId) -> Result<(), ResendError> {
        if matches!(self.flow, Flow::Draining { .. }) {
            return Err(ResendError::Draining);
        }
        if self.refuses_now(cx) {
            return Err(ResendError::NotReady);
        }
        self.outbox.resend(cx.now, id, &cx.config.outbox)?;
        Self::emit_queued(cx, id);
        self.flush(cx);
        Ok(())
    }

    /// Takes a message back before it is sent.
    pub(crate) fn cancel(&mut self, cx: &mut Context<'_>, id: &MessageId) -> Result<(), CancelError> {
        self.outbox.cancel(id, &cx.config.outbox)?;
        cx.emit_status(id, Status::Cancelled);
        Ok(())
    }

    /// Hands over what may leave now.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>) {
        self.flush_with(cx, None);
    }

    /// Hands over what may leave now; the frame of one message is at hand.
    fn flush_with(&mut self, cx: &mut Context<'_>, mut encoded: Option<EncodedMessage<'_>>) {
        let Some(connection) = self.ready else { return };
        if self.flow == Flow::Held || self.is_held() || self.held_while_probing(cx) {
            return;
        }
        match &mut self.transfer {
            Transfer::PerMessage => self.flush_per_message(cx, connection, &mut encoded),
            Transfer::Sequenced(sequence) => sequence.flush(&mut self.outbox, cx, connection, &mut encoded),
        }
    }

    fn flush_per_message(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        encoded: &mut Option<EncodedMessage<'_>>,
    ) {
        while let Some((slot, entry)) = self.outbox.next_to_send(&cx.config.outbox) {
            // What is over by now must not leave in the moment before its timer is looked at.
            let over = self.outbox.is_expired(cx.now, entry);
            if over || self.outbox.is_stale(cx.now, entry, cx.config.outbox.dedup_window) {
                cx.emit_statuses(self.outbox.fail(slot, &cx.config.outbox));
                continue;
            }
            let frame = match encoded.take_if(|encoded| *encoded.id == entry.id) {
                Some(encoded) => Ok(encoded.frame),
                None => encode(cx, &entry.id, &entry.body),
            };
            let Ok(frame) = frame else {
                // It could be encoded when it was taken, so only another dialect after a restart gets here.
                cx.emit_statuses(self.outbox.fail(slot, &cx.config.outbox));
                continue;
            };
            cx.stats.resent += u64::from(entry.was_sent());
            cx.send(connection, frame, Purpose::Message { id: entry.id.clone() });
            cx.emit_status(&entry.id, Status::Sent);
            if cx.expects_receipts() {
                self.outbox.on_sent(cx.now, slot);
            } else {
                self.outbox.on_sent_for_good(cx.now, slot, &cx.config.outbox);
            }
        }
    }

    /// The other end has everything up to a sequence number, on the present connection.
    pub(crate) fn on_cumulative_ack(
        &mut self,
        cx: &mut Context<'_>,
        seq: u64,
        refused: &[Refusal],
    ) -> Result<(), Cause> {
        match &mut self.transfer {
            // Numbers given on an earlier connection count: what the other end had then it may have stored only now.
            Transfer::Sequenced(sequence) if seq <= sequence.out.highest() => {
                if sequence.settle(&mut self.outbox, cx, seq, refused) {
                    self.flush(cx);
                }
                Ok(())
            }
            _ => Err(Cause::AckAboveSent),
        }
    }

    /// The peer has said something about a message of ours. Says whether the message is known.
    pub(crate) fn on_confirmed(&mut self, cx: &mut Context<'_>, id: &MessageId, status: Status) -> bool {
        let mut settled = false;
        if matches!(status, Status::Delivered | Status::Read) {
            // The receiver has it, so the server had it before: its own word may still be on the way, or lost.
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
        let confirmed = self.outbox.on_confirmed(id, status, &cx.config.outbox);
        cx.emit_confirmed(id, status, confirmed);
        confirmed
    }

    /// Not a byte of this was written. Says whether the connection is to be given up for it.
    pub(crate) fn on_send_failed(&mut self, cx: &mut Context<'_>, connection: ConnectionId, purpose: Purpose) -> bool {
        if let Purpose::Message { id } = &purpose {
            cx.emit_statuses(self.outbox.on_send_failed(id, &cx.config.outbox));
        }
        match cx.config.outbox.send_failure {
            SendFailure::EndLink => true,
            SendFailure::Tell => {
                cx.push(Action::Unsent { connection, purpose });
                // What was settled by that has left room for the next.
                self.flush(cx);
                false
            }
        }
    }

    /// The first in line was not confirmed in time: a new connection asks again, or the message is given up as unknown.
    pub(super) fn on_overdue(&mut self, cx: &mut Context<'_>, slot: u64) -> DeliveryRequest {
        match cx.config.outbox.resend {
            Resend::NextConnection => DeliveryRequest::Recycle,
            Resend::Never => {
                cx.emit_statuses(self.outbox.fail(slot, &cx.config.outbox));
                self.flush(cx);
                DeliveryRequest::Nothing
            }
        }
    }

    /// Sends again what the other end has not confirmed in time, up to `copies` of each; an accepting side does so.
    pub(crate) fn push_again(&mut self, cx: &mut Context<'_>, copies: Option<NonZeroU32>) {
        let Some(connection) = self.ready else { return };
        for slot in self.outbox.all_overdue(cx.now, &cx.config.outbox) {
            let Some(entry) = self.outbox.entry(slot) else { continue };
            let spent = copies.is_some_and(|copies| entry.sends >= copies.get());
            match encode(cx, &entry.id, &entry.body) {
                Ok(frame) if !spent => {
                    let purpose = Purpose::Message { id: entry.id.clone() };
                    cx.stats.resent += 1;
                    cx.send(connection, frame, purpose);
                    self.outbox.on_sent(cx.now, slot);
                }
                _ => cx.emit_statuses(self.outbox.fail(slot, &cx.config.outbox)),
            }
        }
        self.flush(cx);
    }

    pub(super) fn awaits_receipts(&self, cx: &Context<'_>) -> bool {
        cx.expects_receipts() && self.ready.is_some()
    }

    /// Whether messages wait for the answer to a probe: sent into the dark they would only become `Unconfirmed`.
    fn held_while_probing(&self, cx: &Context<'_>) -> bool {
        self.probing && cx.config.outbox.while_down == WhileDown::Queue
    }

    /// Whether an id is of this delivery's own making.
    pub(crate) fn owns(&self, id: &MessageId) -> bool {
        let nonce = id.as_text().and_then(|text| text.split_once('-')).map(|(nonce, _)| nonce);
        nonce.is_some_and(|nonce| nonce.len() == 16 && u64::from_str_radix(nonce, 16) == Ok(self.nonce))
    }

    fn refuses_now(&self, cx: &Context<'_>) -> bool {
        cx.config.outbox.while_down == WhileDown::Refuse && self.ready.is_none()
    }

    fn check_id(&self, cx: &Context<'_>, id: MessageId) -> Result<MessageId, SendError> {
        let limit = cx.config.limits.id_bytes.get();
        if !id.is_writable(limit) {
            return Err(SendError::BadId { limit });
        }
        // An id of our own making is ours to give: taken from outside it could collide with one to come.
        if self.owns(&id) || self.outbox.knows(&id) { Err(SendError::DuplicateId) } else { Ok(id) }
    }
}

fn encode(cx: &Context<'_>, id: &MessageId, body: &Body) -> Result<Frame, SendError> {
    Ok(cx.encode(&Signal::message(Some(id.clone()), Content::of(body)))?)
}
